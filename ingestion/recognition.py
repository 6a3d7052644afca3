"""Text recognition (OCR) from this side of the sandbox: whether it is installed, which pages want it, and what becomes of them."""

from __future__ import annotations

import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from assistant.errors import EmptyFile, ParseError
from assistant.types import Block, Page, ParsedDocument, TextRun
from ingestion.parsers.page_names import named_pages

# Where Debian, Fedora, Arch, BSD and the two homes of Homebrew keep Tesseract's data.
TESSDATA_FOLDERS = (
    "/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tesseract-ocr/4.00/tessdata", "/usr/share/tesseract/tessdata",
    "/usr/share/tessdata", "/usr/local/share/tessdata", "/opt/homebrew/share/tessdata",
)  # fmt: skip
# Raise it with every change of what recognition makes of the same page.
_RECOGNITION_VERSION = "1"
_BLOCK_GAP = "\n\n"

ReadPage = Callable[[int, str], ParsedDocument]
"""Recognises a page with the data in a folder."""


def ocr_version(languages: str, *, folders: Sequence[str] = TESSDATA_FOLDERS) -> str:
    """Changes when what is recognised may: with the engine, the languages (`eng+fra`) and their data. Empty where there is no text
    recognition."""
    if missing(languages, folders=folders):
        return ""
    folder = _tessdata(languages, folders)
    sizes = (f"{language}:{Path(folder, f'{language}.traineddata').stat().st_size}" for language in languages.split("+"))
    return f"{_RECOGNITION_VERSION}/{version('tesserocr')}/{'+'.join(sizes)}"


def missing(languages: str, *, folders: Sequence[str] = TESSDATA_FOLDERS) -> str:
    """What is missing for text recognition in these languages, and how to get it; empty where it is all there."""
    try:
        version("tesserocr")
    except PackageNotFoundError:
        return (
            "No text recognition (OCR) is installed: `pip install 'footnote[ocr]'`, and on Debian or Ubuntu "
            "`apt-get install tesseract-ocr` for its data."
        )
    if _tessdata(languages, folders):
        return ""
    absent = [language for language in languages.split("+") if not _tessdata(language, folders)] or languages.split("+")
    packages = " ".join(f"tesseract-ocr-{language.lower().replace('_', '-')}" for language in absent)
    return (
        f"Text recognition (OCR) lacks its data for {' and '.join(absent)}: `apt-get install {packages}` on Debian or Ubuntu, or name "
        "other languages in FOOTNOTE_OCR_LANGUAGES."
    )


def with_recognised(
    document: ParsedDocument,
    name: str,
    read_page: ReadPage,
    *,
    languages: str,
    seconds: float,
    workers: int,
    folders: Sequence[str] = TESSDATA_FOLDERS,
) -> ParsedDocument:
    """The document with the text of its `pictures` recognised, each page for itself: one that cannot be read, or is not reached
    within `seconds`, is left out with a notice. `read_page` is called from up to `workers` threads.

    Raises EmptyFile where the document is left without any text, or what a page raised where every page failed.
    """
    if not document.pictures:
        return document
    lacking = missing(languages, folders=folders)
    where = f"page {named_pages(document.pictures)}"
    if lacking and document.text:
        return replace(document, notices=(*document.notices, f"No text, probably scanned: {where}. {lacking}"), pictures=())
    if lacking:
        raise EmptyFile(
            f"'{name}' is a scan or a picture: it has no text on any page ({len(document.pages):,} in all). {lacking}"
        )
    folder = _tessdata(languages, folders)
    found = dict(_each_page(document.pictures, lambda page: read_page(page, folder), seconds=seconds, workers=workers))
    failed = {page: made for page, made in found.items() if isinstance(made, ParseError)}
    read = {page: made for page, made in found.items() if isinstance(made, ParsedDocument)}
    merged = _merged(document, {page: made for page, made in read.items() if made.text})
    if not merged.text:
        if failed and not read:
            raise failed[min(failed)]
        raise EmptyFile(
            f"'{name}' is a scan or a picture, and text recognition (OCR) found nothing legible on its {len(document.pages):,} "
            f"page(s). If there is text, scan it at 300 dots per inch, or name its language: FOOTNOTE_OCR_LANGUAGES is {languages}."
        )
    late = [page for page in document.pictures if page not in found]
    return replace(merged, notices=(*document.notices, *_notices(read, failed, late)))


def _tessdata(languages: str, folders: Sequence[str]) -> str:
    """The first folder that has the data of every language; empty where none has."""
    wanted = [f"{language}.traineddata" for language in languages.split("+")]
    return next((folder for folder in folders if all(Path(folder, file).is_file() for file in wanted)), "")


def _each_page(
    pages: Sequence[int], read: Callable[[int], ParsedDocument], *, seconds: float, workers: int
) -> Iterator[tuple[int, ParsedDocument | ParseError]]:
    """What each page came to, in the order in which they are done, until the time is over."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, ParsedDocument | BaseException]] = queue.SimpleQueue()
    stopped = threading.Event()
    for page in pages:
        waiting.put(page)

    def work() -> None:
        while not stopped.is_set():
            try:
                page = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((page, read(page)))
            except BaseException as error:
                done.put((page, error))

    # Threads of a pool would be waited for at the end of the program, an interrupt or not.
    for _ in range(min(workers, len(pages))):
        threading.Thread(target=work, name="recognition", daemon=True).start()
    deadline = time.monotonic() + seconds
    try:
        for _ in pages:
            page, made = done.get(timeout=max(deadline - time.monotonic(), 0.001))
            if not isinstance(made, (ParsedDocument, ParseError)):
                raise made
            yield page, made
    except queue.Empty:
        return
    finally:
        stopped.set()


def _merged(document: ParsedDocument, read: Mapping[int, ParsedDocument]) -> ParsedDocument:
    """The document with the recognised pages at their places. Its own pages keep their text and touch, as before."""
    own_blocks, own_runs = _by_page(document.blocks), _by_page(document.runs)
    parts: list[str] = []
    starts: list[int | None] = []
    blocks: list[Block] = []
    runs: list[TextRun] = []
    length = 0
    for page in document.pages:
        piece = read.get(page.number)
        text = piece.text if piece else document.text[page.start : page.end].removesuffix(_BLOCK_GAP)
        if not text:
            starts.append(None)
            continue
        if length:
            parts.append(_BLOCK_GAP)
            length += len(_BLOCK_GAP)
        shift = length - (0 if piece else page.start)
        stand = piece.blocks if piece else own_blocks[page.number]
        blocks += (replace(b, start=b.start + shift, end=b.end + shift, page=page.number) for b in stand)
        own = piece.runs if piece else own_runs[page.number]
        runs += (replace(run, start=run.start + shift, page=page.number) for run in own)
        starts.append(length)
        parts.append(text)
        length += len(text)
    pages: list[Page] = []
    end = length
    for page, start in zip(reversed(document.pages), reversed(starts), strict=True):
        begin = end if start is None else start
        pages.append(Page(page.number, begin, end))
        end = begin
    return replace(
        document, text="".join(parts), blocks=tuple(blocks), runs=tuple(runs), pages=tuple(reversed(pages)), pictures=()
    )


def _by_page(spans: Sequence[Block] | Sequence[TextRun]) -> defaultdict[int, list]:  # type: ignore[type-arg]
    found = defaultdict(list)
    for span in spans:
        found[span.page].append(span)
    return found


def _notices(read: Mapping[int, ParsedDocument], failed: Mapping[int, ParseError], late: Sequence[int]) -> Iterator[str]:
    yield f"Read by text recognition (OCR), which may err: page {named_pages(sorted(p for p in read if read[p].text))}."
    said: defaultdict[str, list[int]] = defaultdict(list)
    for page in sorted(read):
        for notice in read[page].notices:
            said[notice].append(page)
    for notice, pages in said.items():
        yield f"{notice}: page {named_pages(pages)}."
    if nothing := sorted(page for page in read if not read[page].text):
        yield f"Nothing legible was recognised: page {named_pages(nothing)}."
    if failed:
        yield f"Could not be recognised and was left out: page {named_pages(sorted(failed))} ({failed[min(failed)]})"
    if late:
        yield f"Left out, since recognition took longer than a file of this size is given: page {named_pages(late)}. Split the file."
