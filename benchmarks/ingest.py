"""How fast files are parsed and chunked, beside other libraries in the same run, and how much memory an ingest holds.

`python -m benchmarks.ingest [FOLDER] [--pages 10000]`: FOLDER has PDFs to measure besides those that it makes itself. Peers are
measured where they are installed (`pip install -e '.[bench]'`). Seconds are CPU-seconds of this process, all its threads together.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import pypdfium2 as pdfium

from assistant.embedders.minilm import MiniLM
from assistant.languages import detect_language
from assistant.lexical import term_counts
from assistant.settings import switch_off_telemetry
from assistant.types import ChunkSpan, ParsedDocument
from benchmarks.made_files import make_docx, make_filing, make_pdf
from benchmarks.memory import measure_memory
from benchmarks.peers import PEERS, READ_BY, Read, missing
from ingestion.chunking import chunk_spans
from ingestion.parsers import parse
from ingestion.preparing import span_text
from ingestion.token_counts import counted_by_words

_MADE_PDF_PAGES = 500
_DOCX_PAGES = 872
_HTML_TABLES, _HTML_BYTES = 84, 2_400_000
_MAX_TOKENS = 256
# Peers take minutes for what takes seconds here: they read this part of each file, and what they take for it is compared.
_PEERS_PART = 10
_Files = Mapping[str, bytes]
_Made = TypeVar("_Made")


def main() -> None:
    """Print a line a measurement: its seconds, its rate, and how many times as long as ours a peer's are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="PDFs to measure besides those that it makes")
    parser.add_argument("--pages", type=int, default=10_000, help="how many to ingest for the memory; 0 for no ingest")
    parser.add_argument("--model-pages", type=int, default=200, help="how many of them with the default model as well")
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    switch_off_telemetry()
    embedder = MiniLM()
    print(f"CPU-seconds, the median of {chosen.repeats} repeats; peers once, on a {_PEERS_PART}th of each file")
    measured = []
    if chosen.folder:
        files = {path.name: path.read_bytes() for path in sorted(chosen.folder.glob("*.pdf"))}
        if not files:
            parser.error(f"No PDF in '{chosen.folder}'. Name a folder that holds some.")
        measured.append(_measure_pdfs(f"The PDFs in {chosen.folder.name}", files, embedder, chosen.repeats))
    measured.append(_measure_pdfs("A PDF made here", {"made.pdf": make_pdf(_MADE_PDF_PAGES)}, embedder, chosen.repeats))
    docx, less = make_docx(_DOCX_PAGES), make_docx(_DOCX_PAGES // _PEERS_PART)
    measured.append(_measure_file("made.docx", docx, less, embedder, chosen.repeats, most_seconds=2.0))
    filing, less = make_filing(_HTML_TABLES, _HTML_BYTES), make_filing(_HTML_TABLES // _PEERS_PART, _HTML_BYTES // _PEERS_PART)
    measured.append(_measure_file("made.html", filing, less, embedder, chosen.repeats, most_seconds=0.3))
    chunk, megabytes = sum(steps.chunk for steps in measured), sum(steps.megabytes for steps in measured)
    print(f"\nAll of these, {megabytes:.1f} MB of text")
    _print("chunk", chunk, f"{megabytes / chunk:5.1f} MB of text per CPU-second (must: 5 or more)")
    if chosen.model_pages:
        measure_memory(chosen.model_pages, model=True)
    if chosen.pages:
        measure_memory(chosen.pages, model=False)


def _measure_pdfs(what: str, files: _Files, embedder: MiniLM, repeats: int) -> _Steps:
    steps = _measured(files, embedder, repeats)
    both = steps.parse + steps.chunk
    print(f"\n{what}: {len(files)} files, {steps.pages} pages")
    _print("parse and chunk", both, f"{steps.pages / both:5.0f} pages per CPU-second (must: 100 or more)")
    rate = f"{steps.pages / steps.parse:5.0f} pages per CPU-second, {steps.parse / steps.bare:.2f} times as long as PDFium bare"
    _print("parse", steps.parse, rate)
    _print("PDFium bare", steps.bare, f"{steps.pages / steps.bare:5.0f} pages per CPU-second, their text alone")
    _print_rest(steps)
    _measure_peers(".pdf", {name: _first_pages(data) for name, data in files.items()}, repeats)
    return steps


def _measure_file(name: str, data: bytes, less: bytes, embedder: MiniLM, repeats: int, *, most_seconds: float) -> _Steps:
    steps = _measured({name: data}, embedder, repeats)
    tables = sum(block.kind == "table" for block in steps.parsed[0].blocks)
    print(f"\n{name}: {len(data) / 1e6:.1f} MB, {steps.pages} pages, {tables} tables")
    _print("parse", steps.parse, f"(must: {most_seconds} or less)")
    _print_rest(steps)
    _measure_peers(Path(name).suffix, {name: less}, repeats)
    return steps


@dataclass(frozen=True, slots=True)
class _Steps:
    """Median CPU-seconds of each step over all the files. `again` is chunking them once more, with every word known."""

    bare: float
    parse: float
    detect: float
    chunk: float
    again: float
    count: float
    parsed: Sequence[ParsedDocument] = ()

    @property
    def pages(self) -> int:
        return sum(len(document.pages) for document in self.parsed)

    @property
    def megabytes(self) -> float:
        return sum(len(document.text.encode()) for document in self.parsed) / 1e6


def _measured(files: _Files, embedder: MiniLM, repeats: int) -> _Steps:
    """Each repeat takes all steps in turn, so that they meet the same noise."""
    spent: list[tuple[float, ...]] = []
    parsed = _parsed(files)
    languages = [detect_language(document.text) for document in parsed]
    _chunked(parsed, languages, embedder)  # the first time loads libraries too
    for _ in range(repeats):
        counted_by_words.cache_clear()
        bare, _texts = _timed(lambda: [_bare(data) for name, data in files.items() if name.endswith(".pdf")])
        parse_seconds, _parsed_anew = _timed(lambda: _parsed(files))
        detect, _languages = _timed(lambda: [detect_language(document.text) for document in parsed])
        chunk, spans = _timed(lambda: _chunked(parsed, languages, embedder))
        again, _spans = _timed(lambda: _chunked(parsed, languages, embedder))
        texts = [
            (span_text(document, span), of) for document, some, of in zip(parsed, spans, languages, strict=True) for span in some
        ]
        count, _counts = _timed(partial(_terms_counted, texts))
        spent.append((bare, parse_seconds, detect, chunk, again, count))
    return replace(_Steps(*map(statistics.median, zip(*spent, strict=True))), parsed=parsed)


def _print_rest(steps: _Steps) -> None:
    _print("chunk", steps.chunk, f"{steps.megabytes / steps.chunk:5.1f} MB of text per CPU-second")
    _print(
        "chunk once more", steps.again, f"{steps.megabytes / steps.again:5.1f} MB of text per CPU-second, its words being known"
    )
    _print("tell the language", steps.detect, f"{1000 * steps.detect / steps.pages:5.2f} ms a page")
    _print("count terms", steps.count, f"{1000 * steps.count / steps.pages:5.2f} ms a page")


def _measure_peers(extension: str, files: _Files, repeats: int) -> None:
    """Parsing alone, of the same bytes by all."""
    ours = statistics.median(_timed(lambda: _parsed(files))[0] for _ in range(repeats))
    _print("parse a tenth", ours, "what peers are held against")
    for peer in READ_BY[extension]:
        lacking = missing(peer)
        if lacking:
            print(f"  {peer:<20} not installed: {lacking}")
            continue
        PEERS[peer](next(iter(files.values())), extension)  # the first time loads libraries too
        seconds, _ = _timed(partial(_read_all, PEERS[peer], files, extension))
        _print(peer, seconds, f"{seconds / ours:5.1f} times as long")


def _parsed(files: _Files) -> list[ParsedDocument]:
    return [parse(data, name) for name, data in files.items()]


def _chunked(parsed: Sequence[ParsedDocument], languages: Sequence[str], embedder: MiniLM) -> list[list[ChunkSpan]]:
    return [
        chunk_spans(document, language=language, max_tokens=_MAX_TOKENS, count_tokens=embedder.count_tokens)
        for document, language in zip(parsed, languages, strict=True)
    ]


def _terms_counted(texts: Sequence[tuple[str, str]]) -> list[dict[int, int]]:
    return [term_counts(text, language) for text, language in texts]


def _read_all(read: Read, files: _Files, extension: str) -> list[object]:
    return [read(data, extension) for data in files.values()]


def _bare(data: bytes) -> list[str]:
    """PDFium's text of every page, and nothing else."""
    with pdfium.PdfDocument(data) as document:
        return [page.get_textpage().get_text_range() for page in document]


def _first_pages(data: bytes) -> bytes:
    """A file of the first tenth of a PDF's pages."""
    out = io.BytesIO()
    with pdfium.PdfDocument(data) as document, pdfium.PdfDocument.new() as part:
        part.import_pages(document, list(range(-(-len(document) // _PEERS_PART))))
        part.save(out)
    return out.getvalue()


def _timed(work: Callable[[], _Made]) -> tuple[float, _Made]:
    start = time.process_time()
    made = work()
    return time.process_time() - start, made


def _print(what: str, seconds: float, remark: str) -> None:
    print(f"  {what:<20} {seconds:8.3f} s   {remark}", flush=True)


if __name__ == "__main__":
    main()
