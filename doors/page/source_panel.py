"""The source panel: a quote in its passage, and the picture of its page, each at an address of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from assistant.answering import Assistant
from assistant.errors import DocumentNotFound, FootnoteError
from assistant.records import StoredVersion
from assistant.types import Document, Page
from doors.output_gate import plain_html
from ingestion.parsers import PICTURED
from ingestion.reading import boxes, draw

if TYPE_CHECKING:
    from ingestion.page_pictures import Box

WIDEST_PIXELS = 1600
_AROUND = 900
_CHANGED = "The document has changed since. This is the version that was quoted."
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n\s*")


def passage_address(document_id: str, start: int, end: int, version: str = "") -> str:
    """Where the panel finds the passage around [start, end) of a document; of any version where none is named."""
    return f"/passage/{document_id}?{urlencode({'start': start, 'end': end, 'version': version})}"


def passage_link(element: str, kind: str, address: str, quote: str, headings: Sequence[str]) -> str:
    """The beginning of a link that opens the panel at the address. Where that fails, the panel shows the quote alone."""
    return (
        f'<a id="{element}" class="{kind}" href="#{element}" data-passage="{plain_html(address)}"'
        f' data-quote="{plain_html(quote)}" data-headings="{plain_html(" › ".join(headings))}">'
    )


def passage_html(assistant: Assistant, document: str, start: int, end: int, *, version: str, reader: str) -> str:
    """Title, place, and the text around [start, end) with that span marked; for a PDF or a picture the page as it looks too. With
    start == end the whole of the page is shown. The text needs no original: the library's copy is shown whatever became of that.
    Where the document has changed since, the version that was quoted is shown as long as it is kept, and it is said so. Raises
    DocumentNotFound."""
    stored = assistant.library.stored(document, reader=reader, version=version)
    page = page_of(stored, start, end)
    shown = stored.document
    return (
        f'<h2 class="title">{plain_html(shown.title)}</h2>{where_html(stored, page)}'
        f'<p class="headings"></p><blockquote class="passage">{quoted_html(stored.text, page, start, end)}</blockquote>'
        + (_picture(assistant, stored, page, start, end) if pictured(shown) else "")
    )


def page_of(stored: StoredVersion, start: int, end: int) -> Page:
    """The page on which a span begins. Raises DocumentNotFound for one that is not in the text."""
    if not 0 <= start <= end <= len(stored.text):
        raise DocumentNotFound(f"This document has {len(stored.text)} characters; {start} to {end} are not among them.")
    return ([p for p in stored.pages if p.start <= start] or stored.pages[:1])[-1]


def where_html(stored: StoredVersion, page: Page) -> str:
    """The file and the page, and that the document has changed where it has."""
    document = stored.document
    where = f"page {page.number} of {document.pages}" if document.pages > 1 else "one page"
    changed = "" if stored.live else f'<p class="changed">{_CHANGED}</p>'
    return f'<p class="where"><span>{plain_html(document.source)}</span><span>{where}</span></p>{changed}'


def pictured(document: Document) -> bool:
    """Whether there are pictures of its pages."""
    return document.media_type.startswith(PICTURED)


def page_picture(
    assistant: Assistant, document: str, number: int, start: int, end: int, *, width_pixels: int, version: str, reader: str
) -> bytes:
    """A PNG of a page of a PDF or a picture with [start, end) highlighted, at most 1,600 pixels wide. Raises DocumentNotFound and
    ParseError."""
    stored = assistant.library.stored(document, reader=reader, version=version)
    if not pictured(stored.document):
        raise DocumentNotFound(f"'{stored.document.title}' is no PDF or picture; only these have pictures of their pages.")
    original = assistant.originals.get(stored.digest)
    return draw(original, number, stored.runs, start, end, width_pixels=max(100, min(width_pixels, WIDEST_PIXELS)))


def quoted_html(text: str, page: Page, start: int, end: int) -> str:
    """Paragraphs of the text around the span. Line ends stay, character for character; a browser draws them as blanks."""
    first, last = _surroundings(text, page, start, end)
    paragraphs, place = [], first
    for found in [*_PARAGRAPH_END.finditer(text, first, last), None]:
        stop = found.start() if found else last
        if text[place:stop].strip():
            before, after = ("… " if place == first > page.start else ""), (" …" if stop == last < page.end else "")
            if "\t" in text[place:stop]:
                paragraphs.append(_table(text, place, stop, start, end))
            else:
                paragraphs.append(f"<p>{before}{_marked(text, place, stop, start, end)}{after}</p>")
        place = found.end() if found else last
    return "".join(paragraphs)


def _table(text: str, first: int, last: int, start: int, end: int) -> str:
    """Rows of a table: one a line, its cells parted by tabs."""
    out, place = [], first
    for row in text[first:last].split("\n"):
        out.append("<tr>")
        for cell in row.split("\t"):
            out.append(f"<td>{_marked(text, place, place + len(cell), start, end)}</td>")
            place += len(cell) + 1
        out.append("</tr>")
    return f"<table>{''.join(out)}</table>"


def _marked(text: str, first: int, last: int, start: int, end: int) -> str:
    start, end = min(max(start, first), last), max(min(end, last), first)
    if start >= end:
        return plain_html(text[first:last])
    return f"{plain_html(text[first:start])}<mark>{plain_html(text[start:end])}</mark>{plain_html(text[end:last])}"


def _surroundings(text: str, page: Page, start: int, end: int) -> tuple[int, int]:
    """The span with what stands around it on its page, cut at blanks."""
    if start == end:
        return page.start, min(page.end, page.start + 8 * _AROUND)
    first, last = max(page.start, start - _AROUND), min(max(page.end, end), end + _AROUND)
    if first > page.start and (blank := re.search(r"\s", text[first:start])):
        first += blank.end()
    if last < page.end and (blank := re.search(r"\s(?=\S*\Z)", text[end:last])):
        last = end + blank.start()
    return first, last


def _picture(assistant: Assistant, stored: StoredVersion, page: Page, start: int, end: int) -> str:
    """The figure. `data-top` says how far down the page the quote begins, from 0 to 1; 0 where that cannot be found out."""
    found: Sequence[Box] = ()
    # An original that is lost or cannot be opened any more must not cost the text: what is wrong, the picture's address says.
    with suppress(FootnoteError):
        found = boxes(assistant.originals.get(stored.digest), stored.runs, start, end)
    top = min((box.top for box in found if box.page == page.number), default=0.0)
    asked = urlencode({"start": start, "end": end, "version": stored.document.version})
    address = f"/page/{stored.document.id}/{page.number}.png?{asked}"
    return (
        f'<figure class="picture"><a class="sheet" data-top="{top:.4f}" href="{plain_html(address)}&amp;width={WIDEST_PIXELS}"'
        f' target="_blank" rel="noopener" title="Enlarge"><img src="{plain_html(address)}&amp;width=1000"'
        f' alt="Page {page.number}, with the quote highlighted"></a>'
        f"<figcaption>Page {page.number} as printed. Click to enlarge.</figcaption></figure>"
    )
