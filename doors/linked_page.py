"""The pages that links open: a footnote's passage with its quote marked, and a page of a document. Each is one HTML document that
loads nothing, the picture of the page within it."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from assistant.answering import Assistant
from assistant.errors import DocumentNotFound, FootnoteError
from assistant.library import Library
from assistant.records import StoredVersion
from assistant.types import Page
from doors.answer_links import AnswerLinks, no_footnote
from doors.authentication import reader_of
from doors.output_gate import plain_html
from doors.page.source_panel import page_of, pictured, quoted_html, where_html
from ingestion.reading import draw

_STYLE = Path(__file__).parent / "static" / "linked.css"
_PICTURE_PIXELS = 1400
_MOST_OFFSET = 2**53

links_router = APIRouter(include_in_schema=False)


@links_router.get("/cite/{answer}/{number}", response_class=HTMLResponse)
def cited(request: Request, answer: str, number: int, reader: str = Depends(reader_of)) -> HTMLResponse:
    """The passage of a footnote. What the reader may not read is not there, in the same words as an answer that never was."""
    links: AnswerLinks = request.app.state.links
    try:
        place = links.place(answer, number)
        stored = _readable(request, place.document_id, place.version, reader, no_footnote(answer, number))
        shown = _shown(request.app.state.assistant, stored, page_of(stored, place.start, place.end), place.start, place.end)
    except FootnoteError as error:
        return _page("No such footnote", f"<h1>This footnote leads nowhere.</h1><p>{plain_html(str(error))}</p>", status=404)
    steps = "".join(
        f"<b>{other}</b>" if other == number else f'<a href="{other}" aria-label="Footnote {other}">{other}</a>'
        for other in place.others
    )
    return _page(f"{stored.document.title}, page {place.page}", shown, steps)


@links_router.get("/show/{document}/{number}", response_class=HTMLResponse)
def shown(
    request: Request, document: str, number: int, start: int = 0, end: int = 0, version: str = "",
    reader: str = Depends(reader_of),
) -> HTMLResponse:  # fmt: skip
    """A page of a document, [start, end) of its text marked."""
    try:
        nothing = DocumentNotFound(f"There is no document '{document[:40]}' that you may read.")
        stored = _readable(request, document, version, reader, nothing)
        page = _numbered(stored, number)
        start, end = (start, end) if 0 <= start < end <= _MOST_OFFSET else (page.start, page.start)
        page_of(stored, start, end)
        body = _shown(request.app.state.assistant, stored, page, start, end)
    except FootnoteError as error:
        return _page("No such page", f"<h1>This page is not there.</h1><p>{plain_html(str(error))}</p>", status=404)
    return _page(f"{stored.document.title}, page {page.number}", body)


def _readable(request: Request, document: str, version: str, reader: str, nothing: DocumentNotFound) -> StoredVersion:
    """A version of a document. Raises `nothing` where the reader may read no such document, and DocumentNotFound where that version is
    not kept."""
    library: Library = request.app.state.assistant.library
    try:
        library.find_document(document, reader=reader)
    except DocumentNotFound as error:
        raise nothing from error
    return library.stored(document, reader=reader, version=version)


def _numbered(stored: StoredVersion, number: int) -> Page:
    found = next((page for page in stored.pages if page.number == number), None)
    if found is None:
        raise DocumentNotFound(f"There is no page {number}: the document has {len(stored.pages)}.")
    return found


def _shown(assistant: Assistant, stored: StoredVersion, page: Page, start: int, end: int) -> str:
    return (
        f"<h1>{plain_html(stored.document.title)}</h1>{where_html(stored, page)}"
        f'<blockquote class="passage">{quoted_html(stored.text, page, start, end)}</blockquote>'
        + (_picture(assistant, stored, page, start, end) if pictured(stored.document) else "")
    )


def _picture(assistant: Assistant, stored: StoredVersion, page: Page, start: int, end: int) -> str:
    # The text stands whatever became of the original.
    with suppress(FootnoteError):
        original = assistant.originals.get(stored.digest)
        png = draw(original, page.number, stored.runs, start, end, width_pixels=_PICTURE_PIXELS)
        marked = ", with the quote highlighted" if end > start else ""
        return (
            f'<figure><img src="data:image/png;base64,{b64encode(png).decode()}" alt="Page {page.number}{marked}">'
            f"<figcaption>Page {page.number} as printed.</figcaption></figure>"
        )
    return ""


def _page(title: str, body: str, steps: str = "", *, status: int = 200) -> HTMLResponse:
    navigation = f'<nav aria-label="Footnotes">{steps}</nav>' if steps else ""
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{plain_html(title)} – Footnote</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_style()}</style></head><body><main>'
        f'<header><span class="wordmark">Footnote<sup>1</sup></span>{navigation}</header>{body}</main></body></html>',
        status_code=status,
        headers={"Cache-Control": "no-store"},
    )


@cache
def _style() -> str:
    return _STYLE.read_text(encoding="utf-8")
