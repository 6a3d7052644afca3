"""Knows where a quote stands on the pages of a PDF, and how to draw a page with the quote marked."""

from __future__ import annotations

import ctypes
import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium_c
from PIL import Image, ImageChops, ImageDraw

from assistant.errors import DocumentNotFound
from assistant.types import TextRun
from ingestion.parsers.pdf_file import open_page, open_pdf

_YELLOW = (255, 236, 130)
_MARGIN_SHARE = 0.0015
_MOST_PIXELS = 12_000_000
# FPDF_PageToDevice answers in whole device units: enough of them that a box is true to a ten-thousandth of a point.
_UNITS = 10_000_000
_NAME = "the PDF"

_Edges = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page as it is drawn: shares from 0 to 1 of its width and height, counted from the top left corner."""

    page: int
    left: float
    top: float
    right: float
    bottom: float


def boxes(original: bytes, runs: Sequence[TextRun], start: int, end: int) -> list[Box]:
    """Where the characters [start, end) of the canonical text stand, in reading order: one box a line, or several where a line
    has wide gaps. Empty where the span holds white space only. Raises ParseError where the original cannot be opened."""
    wanted: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for run in runs:
        first, last = max(start, run.start), min(end, run.start + run.length)
        if first < last:
            wanted[run.page].append((run.char_index + first - run.start, last - first))
    found: list[Box] = []
    if not wanted:
        return found
    with open_pdf(original, _NAME) as document:
        for number in wanted:
            with _page(document, number) as (page, text_page):
                found.extend(_shares(page, number, edges) for edges in _line_edges(text_page, wanted[number]))
    return found


def draw_page(original: bytes, page: int, highlights: Sequence[Box], *, width_pixels: int = 1000) -> bytes:
    """A PNG of page `page` (from one) as a reader sees it, the highlights of that page multiplied in soft yellow.

    At most 12 megapixels, whatever width is asked for. Raises DocumentNotFound where there is no such
    page, and ParseError where the original cannot be opened.
    """
    with open_pdf(original, _NAME) as document, _page(document, page) as (handle, _):
        across, down = pdfium_c.FPDF_GetPageWidthF(handle), pdfium_c.FPDF_GetPageHeightF(handle)
        width = max(1, min(width_pixels, int((_MOST_PIXELS * across / down) ** 0.5)))
        height = max(1, min(round(width * down / across), _MOST_PIXELS // width))
        picture = _render(handle, width, height)
    marks = Image.new("RGB", picture.size, "white")
    pen = ImageDraw.Draw(marks)
    for box in highlights:
        if box.page == page:
            left, right = (box.left - _MARGIN_SHARE) * width, (box.right + _MARGIN_SHARE) * width
            pen.rectangle((left, (box.top - _MARGIN_SHARE) * height, right, (box.bottom + _MARGIN_SHARE) * height), fill=_YELLOW)
    out = io.BytesIO()
    ImageChops.multiply(picture, marks).save(out, "PNG")
    return out.getvalue()


def text_under(original: bytes, highlights: Sequence[Box]) -> str:
    """What PDFium finds under the boxes, one line a box, in the order given: for checking that a highlight shows its quote.
    A hyphen that a line end put into a word comes as "-"."""
    found = []
    with open_pdf(original, _NAME) as document:
        for box in highlights:
            with _page(document, box.page) as (page, text_page):
                found.append(_bounded_text(page, text_page, box))
    return "\n".join(found)


def _page(document: Any, number: int) -> Any:
    count = len(document)
    if not 1 <= number <= count:
        raise DocumentNotFound(f"There is no page {number}: the document has {count} pages. Ask for 1 to {count}.")
    return open_page(document, number)


def _line_edges(text_page: Any, stretches: Sequence[tuple[int, int]]) -> Iterator[_Edges]:
    """(left, bottom, right, top) in page units around characters that follow each other on a line."""
    edges = [ctypes.c_double() for _ in range(4)]
    for first, length in stretches:
        upright = abs(round(_sine(text_page, first))) == 0
        around: _Edges | None = None
        for index in range(first, first + length):
            if not pdfium_c.FPDFText_GetCharBox(text_page, index, *edges):
                continue
            left, right, bottom, top = (edge.value for edge in edges)
            if right <= left or top <= bottom:
                continue
            box = (left, bottom, right, top)
            if around is not None and _follows(around, box, upright):
                around = (min(around[0], left), min(around[1], bottom), max(around[2], right), max(around[3], top))
                continue
            if around is not None:
                yield around
            around = box
        if around is not None:
            yield around


def _sine(text_page: Any, index: int) -> float:
    matrix = pdfium_c.FS_MATRIX()
    pdfium_c.FPDFText_GetMatrix(text_page, index, matrix)
    return float(matrix.b / ((matrix.a**2 + matrix.b**2) ** 0.5 or 1.0))


def _follows(around: _Edges, box: _Edges, upright: bool) -> bool:
    """Whether a character's box goes on where the line's box ends: beside it by less than three times its height."""
    along, across = ((0, 2), (1, 3)) if upright else ((1, 3), (0, 2))
    height = max(around[across[1]] - around[across[0]], box[across[1]] - box[across[0]])
    beside = box[along[0]] - around[along[1]] < 3 * height and around[along[0]] - box[along[1]] < 3 * height
    apart = max(box[across[0]] - around[across[1]], around[across[0]] - box[across[1]])
    return beside and apart < 0.3 * height


def _shares(page: Any, number: int, edges: _Edges) -> Box:
    left, bottom, right, top = edges
    x, y = ctypes.c_int(), ctypes.c_int()
    places = []
    for corner in ((left, bottom), (right, top)):
        pdfium_c.FPDF_PageToDevice(page, 0, 0, _UNITS, _UNITS, 0, *corner, x, y)
        places.append((min(max(x.value / _UNITS, 0.0), 1.0), min(max(y.value / _UNITS, 0.0), 1.0)))
    (one_x, one_y), (other_x, other_y) = places
    return Box(number, min(one_x, other_x), min(one_y, other_y), max(one_x, other_x), max(one_y, other_y))


def _bounded_text(page: Any, text_page: Any, box: Box) -> str:
    x, y = ctypes.c_double(), ctypes.c_double()
    places = []
    for corner in ((box.left, box.top), (box.right, box.bottom)):
        pdfium_c.FPDF_DeviceToPage(page, 0, 0, _UNITS, _UNITS, 0, round(corner[0] * _UNITS), round(corner[1] * _UNITS), x, y)
        places.append((x.value, y.value))
    (one_x, one_y), (other_x, other_y) = places
    # PDFium takes in every character that the rectangle touches: draw it in by a hair, or kerned neighbours come along.
    inset = min(0.05 * abs(one_x - other_x), 0.05 * abs(one_y - other_y), 0.3)
    left, right = min(one_x, other_x) + inset, max(one_x, other_x) - inset
    bottom, top = min(one_y, other_y) + inset, max(one_y, other_y) - inset
    length = pdfium_c.FPDFText_GetBoundedText(text_page, left, top, right, bottom, None, 0)
    if length <= 0:
        return ""
    buffer = (ctypes.c_ushort * length)()
    pdfium_c.FPDFText_GetBoundedText(text_page, left, top, right, bottom, buffer, length)
    text = bytes(memoryview(buffer)).decode("utf-16-le", errors="ignore")
    return text.replace("\x02", "-").replace("\ufffe", "-").strip("\x00").strip()


def _render(page: Any, width: int, height: int) -> Image.Image:
    bitmap = pdfium_c.FPDFBitmap_Create(width, height, 0)
    try:
        pdfium_c.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, 0xFFFFFFFF)
        pdfium_c.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, pdfium_c.FPDF_ANNOT)
        stride = pdfium_c.FPDFBitmap_GetStride(bitmap)
        pixels = ctypes.string_at(pdfium_c.FPDFBitmap_GetBuffer(bitmap), stride * height)
    finally:
        pdfium_c.FPDFBitmap_Destroy(bitmap)
    return Image.frombuffer("RGB", (width, height), pixels, "raw", "BGRX", stride, 1).copy()
