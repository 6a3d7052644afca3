"""Knows how a PDF becomes a ParsedDocument, read by PDFium. Pages without a text layer are left to text recognition."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import pypdfium2.raw as pdfium_c

from assistant.errors import EmptyFile
from assistant.types import ParsedDocument
from ingestion.parsers.page_names import named_pages
from ingestion.parsers.pdf_blocks import Draft, draft_blocks
from ingestion.parsers.pdf_file import open_page, open_pdf
from ingestion.parsers.pdf_furniture import without_furniture
from ingestion.parsers.pdf_lines import Line, read_lines
from ingestion.parsers.pdf_text import write_text

_LONGEST_TITLE = 200
_FILE_LIKE = re.compile(
    r"\.(?:docx?|pdf|indd|pptx?|xlsx?|tex|dvi|qxd|rtf|html?)$|^microsoft |^untitled|^slide \d|^https?:", re.IGNORECASE
)

# Opens the cover of every filing with the American stock market's supervisors.
_ON_EVERY_COVER = re.compile(
    r"(?:united states ?)?(?:securities and exchange commission)?(?: ?washington.*)?|(?:table of )?contents|form \d+-[a-z]",
    re.IGNORECASE,
)


def parse_pdf(data: bytes, name: str) -> ParsedDocument:
    """The text, blocks, pages and places of a PDF. `name` is the file's name, for the title and for messages.

    Lines of a paragraph are joined by a space, or by a line end after a word's hyphen; running headers, footers and page numbers
    are left out. Pages that show something and hold no text are the document's `pictures`, which may be all there is. Raises
    EmptyFile (no bytes, or nothing on any page), EncryptedFile or CorruptFile. Safe to call from several threads, one of which
    works at a time.
    """
    with open_pdf(data, name) as document:
        page_count = len(document)
        pages, damaged, pictures = _read_pages(document, page_count)
        proposed = document.get_metadata_value("Title")
        whole = bool(pdfium_c.FPDF_DocumentHasValidCrossReferenceTable(document.raw))
    drafts = draft_blocks(without_furniture(pages))
    if not drafts:
        drafts = draft_blocks(pages)
    if not drafts and not pictures:
        raise EmptyFile(f"{name!r} has nothing on any page ({page_count:,} in all). Check that it is the file you meant.")
    written = write_text(drafts, page_count)
    return ParsedDocument(
        title=_title(proposed, drafts, name),
        text="".join(written.parts),
        blocks=tuple(written.blocks),
        pages=tuple(written.pages),
        media_type="application/pdf",
        runs=tuple(written.runs),
        notices=tuple(_notices(whole, damaged)),
        pictures=tuple(pictures),
    )


def _read_pages(document: Any, page_count: int) -> tuple[list[list[Line]], list[int], list[int]]:
    """The lines of each page, the numbers of pages that are damaged, and of those that show something and hold no text."""
    pages: list[list[Line]] = []
    damaged, pictures = [], []
    for number in range(1, page_count + 1):
        with open_page(document, number) as (page, text_page):
            lines = read_lines(page, text_page, number) if page else []
            if not page:
                damaged.append(number)
            elif not lines and pdfium_c.FPDFPage_CountObjects(page) > 0:
                pictures.append(number)
            pages.append(lines)
    return pages, damaged, pictures


def _notices(whole: bool, damaged: Sequence[int]) -> list[str]:
    notices = []
    if not whole:
        notices.append("The file is damaged or cut off and was read as far as it could be; something may be missing.")
    if damaged:
        notices.append(f"Damaged and left out: page {named_pages(damaged)}.")
    return notices


def _title(proposed: str, drafts: Sequence[Draft], name: str) -> str:
    """The title in the file's properties if it reads like one, else the largest heading of page one (those first that
    share a word with the file's name), else the file's name."""
    title = " ".join("".join(character for character in proposed if character.isprintable()).split())
    if 4 <= len(title) <= _LONGEST_TITLE and sum(map(str.isalpha, title)) > len(title) / 3 and not _FILE_LIKE.search(title):
        return title
    stem = PurePath(name).stem or name
    sizes = sorted(line.size for draft in drafts for line in draft.lines)
    usual = sizes[len(sizes) // 2] if sizes else 0.0
    headings = {
        " ".join(" ".join(line.text for line in draft.lines).split())[:_LONGEST_TITLE]: draft.lines[0].size
        for draft in drafts
        if draft.kind == "heading" and draft.lines[0].page == 1 and draft.lines[0].size > usual
    }
    headings = {text: size for text, size in headings.items() if not _ON_EVERY_COVER.fullmatch(text)}
    if not headings:
        return stem
    letters = "".join(filter(str.isalnum, stem.casefold()))
    named = [text for text in headings if any(len(word) >= 4 and word in letters for word in re.findall(r"\w+", text.casefold()))]
    return max(named or headings, key=lambda text: headings[text])
