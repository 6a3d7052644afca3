"""Knows where a quote stands on the pages of a PDF or a picture, and how to draw a page with the quote marked."""

from __future__ import annotations

import ctypes
import io
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium_c
from PIL import Image, ImageChops, ImageDraw

from assistant.errors import CorruptFile, DocumentNotFound
from assistant.types import WHOLE_PAGE, TextRun
from ingestion.parsers.image import open_picture
from ingestion.parsers.pdf_file import open_page, open_pdf
from ingestion.parsers.picture_types import picture_type

_YELLOW = (255, 236, 130)
_MARGIN_SHARE = 0.0015
_MOST_PIXELS = 12_000_000
# FPDF_PageToDevice answers in whole device units: enough of them that a box is true to a ten-thousandth of a point.
_UNITS = 10_000_000
_NAME = "the document"

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
    recognised: dict[int, list[_Edges]] = defaultdict(list)
    for run in runs:
        first, last = max(start, run.start), min(end, run.start + run.length)
        if first < last and run.box is not None:
            recognised[run.page].append(
                (run.box[0] / WHOLE_PAGE, run.box[1] / WHOLE_PAGE, run.box[2] / WHOLE_PAGE, run.box[3] / WHOLE_PAGE)
            )
        elif first < last:
            wanted[run.page].append((run.char_index + first - run.start, last - first))
    found = [Box(page, *edges) for page, words in recognised.items() for edges in _joined_words(words)]
    if wanted:
        with open_pdf(original, _NAME) as document:
            for number in wanted:
                with _page(document, number) as (page, text_page):
                    found.extend(_shares(page, number, edges) for edges in _line_edges(text_page, wanted[number]))
    # A page is either printed or recognised, and pages stand in order.
    return sorted(found, key=lambda box: box.page)


def draw_page(original: bytes, page: int, highlights: Sequence[Box], *, width_pixels: int = 1000) -> bytes:
    """A PNG of page `page` (from one) as a reader sees it, the highlights of that page multiplied in soft yellow.

    At most 12 megapixels, whatever width is asked for, and of a picture no more than it has. Raises DocumentNotFound where there
    is no such page, and ParseError where the original cannot be opened.
    """
    if picture_type(original):
        picture = _scaled(open_picture(original, _NAME, page), width_pixels).convert("RGB")
    else:
        picture = page_image(original, page, lambda _across, _down: width_pixels, most_pixels=_MOST_PIXELS)
    width, height = picture.size
    marks = Image.new("RGB", picture.size, "white")
    pen = ImageDraw.Draw(marks)
    for box in highlights:
        if box.page == page:
            left, right = (box.left - _MARGIN_SHARE) * width, (box.right + _MARGIN_SHARE) * width
            pen.rectangle((left, (box.top - _MARGIN_SHARE) * height, right, (box.bottom + _MARGIN_SHARE) * height), fill=_YELLOW)
    out = io.BytesIO()
    ImageChops.multiply(picture, marks).save(out, "PNG")
    return out.getvalue()


def page_image(original: bytes, page: int, width_of: Callable[[float, float], float], *, most_pixels: int) -> Image.Image:
    """A page of a PDF in RGB, as many pixels wide as `width_of` makes of its width and height in points, within `most_pixels`.
    Raises DocumentNotFound and ParseError."""
    with open_pdf(original, _NAME) as document, _page(document, page) as (handle, _):
        if not handle:
            raise CorruptFile(f"Page {page} of the document is damaged. Open it in a PDF reader and save it again.")
        across, down = pdfium_c.FPDF_GetPageWidthF(handle), pdfium_c.FPDF_GetPageHeightF(handle)
        width = max(1, min(round(width_of(across, down)), int((most_pixels * across / down) ** 0.5)))
        height = max(1, min(round(width * down / across), most_pixels // width))
        return _render(handle, width, height)


def text_under(original: bytes, highlights: Sequence[Box]) -> str:
    """What PDFium finds under the boxes, one line a box, in the order given: for checking that a highlight shows its quote.
    A hyphen that a line end put into a word comes as "-"."""
    found = []
    with open_pdf(original, _NAME) as document:
        for box in highlights:
            with _page(document, box.page) as (page, text_page):
                found.append(_bounded_text(page, text_page, box))
    return "\n".join(found)


def _scaled(picture: Image.Image, width_pixels: int) -> Image.Image:
    share = min(1.0, width_pixels / picture.width, (_MOST_PIXELS / (picture.width * picture.height)) ** 0.5)
    if share == 1:
        return picture
    return picture.resize([max(1, int(side * share)) for side in picture.size], Image.Resampling.LANCZOS)


def _joined_words(words: Sequence[_Edges]) -> Iterator[_Edges]:
    """(left, top, right, bottom) around words that follow each other on a line, whether it runs over the page or along its side."""
    across_page = sum(word[2] - word[0] for word in words) >= sum(word[3] - word[1] for word in words)
    around: _Edges | None = None
    for word in words:
        if around is not None and _goes_on(around, word, along=0 if across_page else 1):
            around = (min(around[0], word[0]), min(around[1], word[1]), max(around[2], word[2]), max(around[3], word[3]))
            continue
        if around is not None:
            yield around
        around = word
    if around is not None:
        yield around


def _goes_on(around: _Edges, word: _Edges, *, along: int) -> bool:
    """Whether the word stands on the line by half of the lower one's height, and less than three heights from its end."""
    across = 1 - along
    heights = around[across + 2] - around[across], word[across + 2] - word[across]
    shared = min(around[across + 2], word[across + 2]) - max(around[across], word[across])
    gap = max(word[along] - around[along + 2], around[along] - word[along + 2])
    return shared > 0.5 * min(heights) and gap < 3 * max(heights)


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
