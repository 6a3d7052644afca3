"""Knows how to read the lines of a PDF page from PDFium, with their place, size and font; what they mean is left to others."""

from __future__ import annotations

import ctypes
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium_c

NUMERIC = r"(?:[-–—−+]|[(]?[-–−+]?[$€£¥]?\s?[(]?[-–−+]?(?:\d[\d,.’']*|[.]\d+)\s?[)]?\s?(?:%|bps|x|pts?)?\s?[)]?)(?:[*†‡]|\(\w\))?"
# Two numbers at the end of a line: what a row of a table of figures looks like before its gaps are measured.
_TWO_NUMBERS_AT_END = re.compile(rf"(?:^|\s)[$€£¥]?\s?{NUMERIC}\s+[$€£¥]?\s?{NUMERIC}\s?$")
_UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# PDFium marks a hyphen that a line end put into a word, and leaves the line end out.
_HYPHEN = "\ufffe"
_LINE_END = re.compile("\r\n|\ufffe|\r|\n|$(?![\r\n])")
_CONTROL_SPACE = re.compile("[\t\x0b\x0c\x85]")
_ROW_ENDS = "0123456789)%—–-−*†‡xs"
_FONT_NAME_BYTES = 128
_ROWS_AROUND = 6
_WIDE = 0.75


class Line(NamedTuple):
    """One line as it stands on a page. A NamedTuple, because a long document has a hundred thousand and dataclasses cost double.

    `pieces` are (offset in text, length, PDFium's character index) of what the page holds. `left`, `right` and `baseline` are
    points along and across the direction of reading, `baseline` growing upwards; `height` is the share of the page above it.
    `gaps` are the (start, end) offsets of wide white space, measured near rows of figures only. `font` is empty where
    the line ends in another font than it begins with.
    """

    text: str
    page: int
    pieces: tuple[tuple[int, int, int], ...]
    left: float
    right: float
    baseline: float
    height: float
    size: float
    weight: int
    font: str
    angle: tuple[int, int]
    hyphenated: bool = False
    gaps: tuple[tuple[int, int], ...] = ()
    row: bool = False


def read_lines(page: Any, text_page: Any, number: int) -> list[Line]:
    """The lines of a page in PDFium's order, without white space at their ends and without unusable characters."""
    units = pdfium_c.FPDFText_CountChars(text_page)
    if units <= 0:
        return []
    buffer = (ctypes.c_ushort * (units + 1))()
    written = pdfium_c.FPDFText_GetText(text_page, 0, units, buffer)
    text = bytes(memoryview(buffer)[: max(written - 1, 0)]).decode("utf-16-le", errors="surrogatepass")
    if _CONTROL_SPACE.search(text):
        text = _CONTROL_SPACE.sub(" ", text)
    pen = _Pen(page, text_page, number)
    astral = [at for at, character in enumerate(text) if character > "\uffff"] if len(text) != max(written - 1, 0) else []
    lines = []
    for start, end, hyphenated in _line_spans(text):
        raw = text[start:end].replace(_HYPHEN, "-")
        clean = _UNUSABLE.sub("", raw)
        pieces = _pieces(text_page, raw, start, astral)
        if pieces and clean:
            lines.append(pen.line(clean, pieces, hyphenated))
    return _with_gaps(_downwards(lines), text_page)


def _downwards(lines: list[Line]) -> list[Line]:
    """The lines, turned about where nearly all of them climb: so PDFium gives text that lies on its side as the page is drawn."""
    pairs = [(above, line) for above, line in pairwise(lines) if above.angle == line.angle]
    climbing = sum(line.baseline > above.baseline + line.size / 2 for above, line in pairs)
    return lines[::-1] if climbing > 0.8 * len(pairs) else lines


def _line_spans(text: str) -> Iterator[tuple[int, int, bool]]:
    """(start, end, ends in a word's hyphen) of each line that is not blank. The hyphen that PDFium marks is part of its line."""
    position = 0
    for match in _LINE_END.finditer(text):
        start, end = _without_margins(text, position, match.start())
        position = match.end()
        if start < end:
            hyphenated = match.group() == _HYPHEN and end == match.start()
            yield start, end + hyphenated, hyphenated


def _without_margins(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and (text[start].isspace() or _UNUSABLE.match(text[start])):
        start += 1
    while end > start and (text[end - 1].isspace() or _UNUSABLE.match(text[end - 1])):
        end -= 1
    return start, end


def _pieces(text_page: Any, raw: str, start: int, astral: Sequence[int]) -> tuple[tuple[int, int, int], ...]:
    """(offset in the cleaned line, length, character index), one for each stretch in which the three count alike."""

    def index(at: int) -> int:
        # PDFium counts UTF-16 units: a character beyond U+FFFF is two.
        return int(pdfium_c.FPDFText_GetCharIndexFromTextIndex(text_page, at + bisect_left(astral, at)))

    first, last = index(start), index(start + len(raw) - 1)
    if first >= 0 and last - first == len(raw) - 1 and not _UNUSABLE.search(raw):
        return ((0, len(raw), first),)
    pieces: list[tuple[int, int, int]] = []
    offset = 0
    for at, character in enumerate(raw, start):
        if _UNUSABLE.match(character):
            continue
        place = index(at)
        if pieces and place == pieces[-1][2] + pieces[-1][1] and offset == pieces[-1][0] + pieces[-1][1]:
            pieces[-1] = (pieces[-1][0], pieces[-1][1] + 1, pieces[-1][2])
        elif place >= 0:
            pieces.append((offset, 1, place))
        offset += 1
    return tuple(pieces)


class _Pen:
    """Asks PDFium for a page's geometry, with the ctypes buffers made once: making them anew took a third of the time."""

    def __init__(self, page: Any, text_page: Any, number: int) -> None:
        self._text_page = text_page
        self._number = number
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._edges = [ctypes.c_double() for _ in range(4)]
        self._matrix = pdfium_c.FS_MATRIX()
        self._font = ctypes.create_string_buffer(_FONT_NAME_BYTES)
        self._flags = ctypes.c_int()
        box = pdfium_c.FS_RECTF()
        pdfium_c.FPDF_GetPageBoundingBox(page, box)
        self._corners = [(x, y) for x in (box.left, box.right) for y in (box.bottom, box.top)]
        self._extent: dict[tuple[int, int], tuple[float, float]] = {}

    def line(self, text: str, pieces: tuple[tuple[int, int, int], ...], hyphenated: bool) -> Line:
        handle = self._text_page
        first, last = pieces[0][2], pieces[-1][2] + pieces[-1][1] - 1
        matrix = self._matrix
        pdfium_c.FPDFText_GetMatrix(handle, first, matrix)
        scale = (matrix.a**2 + matrix.b**2) ** 0.5 or 1.0
        angle = (round(matrix.a / scale, 2), round(matrix.b / scale, 2)) if matrix.b or matrix.a < 0 else (1.0, 0.0)
        pdfium_c.FPDFText_GetCharOrigin(handle, first, self._x, self._y)
        along, across = _turn(self._x.value, self._y.value, angle)
        pdfium_c.FPDFText_GetCharBox(handle, last, *self._edges)
        left, right, bottom, top = (edge.value for edge in self._edges)
        end = right if angle == (1.0, 0.0) else max(_turn(x, y, angle)[0] for x in (left, right) for y in (bottom, top))
        key = (round(angle[0]), round(angle[1]))
        low, high = self._extent_of(key, angle)
        font = self._font_name(first)
        return Line(
            text=text,
            page=self._number,
            pieces=pieces,
            left=along,
            right=end,
            baseline=across,
            height=(high - across) / (high - low or 1.0),
            size=round(pdfium_c.FPDFText_GetFontSize(handle, first) * (matrix.c**2 + matrix.d**2) ** 0.5, 1),
            weight=pdfium_c.FPDFText_GetFontWeight(handle, first),
            font=font if len(text) > 160 or font == self._font_name(last) else "",
            angle=key,
            hyphenated=hyphenated,
        )

    def _font_name(self, index: int) -> str:
        pdfium_c.FPDFText_GetFontInfo(self._text_page, index, self._font, _FONT_NAME_BYTES, self._flags)
        return self._font.value.decode("latin-1")

    def _extent_of(self, key: tuple[int, int], angle: tuple[float, float]) -> tuple[float, float]:
        if key not in self._extent:
            across = [_turn(x, y, angle)[1] for x, y in self._corners]
            self._extent[key] = (min(across), max(across))
        return self._extent[key]


def _turn(x: float, y: float, angle: tuple[float, float]) -> tuple[float, float]:
    """A point as (along, across) the direction of reading."""
    return x * angle[0] + y * angle[1], y * angle[0] - x * angle[1]


def _with_gaps(lines: list[Line], text_page: Any) -> list[Line]:
    """The lines with rows of figures marked, and the wide gaps of these and of the lines around them measured."""
    rows = [at for at, line in enumerate(lines) if line.text[-1] in _ROW_ENDS and _TWO_NUMBERS_AT_END.search(line.text)]
    near = {at for row in rows for at in range(max(row - _ROWS_AROUND, 0), min(row + 2, len(lines)))}
    edges = [ctypes.c_double() for _ in range(4)]
    for at in near:
        lines[at] = lines[at]._replace(gaps=_gaps(lines[at], text_page, edges))
    for at in rows:
        lines[at] = lines[at]._replace(row=True)
    return lines


def _gaps(line: Line, text_page: Any, edges: Sequence[Any]) -> tuple[tuple[int, int], ...]:
    """Offsets of the white space in a line that is wider than three quarters of its type size."""
    if len(line.pieces) != 1 or line.angle != (1, 0):
        return ()
    base = line.pieces[0][2]
    found = []
    for space in re.finditer(r"\s+", line.text):
        pdfium_c.FPDFText_GetCharBox(text_page, base + space.start() - 1, *edges)
        before = edges[1].value
        pdfium_c.FPDFText_GetCharBox(text_page, base + space.end(), *edges)
        if edges[0].value - before > _WIDE * line.size:
            found.append(space.span())
    return tuple(found)
