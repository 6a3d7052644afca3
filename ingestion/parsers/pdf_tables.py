"""Knows which lines of a PDF page are a table of figures, which of them are its header, and where its cells part."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingestion.parsers.pdf_lines import NUMERIC, Line

_FEWEST_ROWS = 3
_MOST_LINES_BETWEEN_ROWS = 5
_MOST_HEADER_LINES = 6
_LONGEST_LABEL = 110
_LONGEST_SIDE_HEAD = 60
_LARGER = 1.15
_ONE_NUMBER_AT_END = re.compile(rf"[\s$€£¥]{NUMERIC}\s?$")
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DATE = re.compile(rf"\b(?:{_MONTHS})[a-z]*\.?\s\d{{1,2}}\b|\b(?:fy)?(?:19|20)\d\d\b", re.IGNORECASE)
_OPENS_NEXT_CELL = re.compile(r"(?:.*\s)?[$€£¥(]+")
_BEFORE_CURRENCY = re.compile(r"(?<=[\d)%—–])\s(?=[$€£¥]\s?[\d(])")
_CLOSES_LAST_CELL = re.compile(r"[%)]+(?:\s|$)")


@dataclass(frozen=True, slots=True)
class TableLines:
    """Lines [start, end) of a page; those before `first_row` are the header."""

    start: int
    first_row: int
    end: int


def find_tables(lines: Sequence[Line], body_size: float) -> list[TableLines]:
    """The tables of a page in its order: three or more rows that end in numbers, with the labels between and the heads above."""
    tables: list[TableLines] = []
    at = 0
    while at < len(lines):
        if not _is_row(lines[at]):
            at += 1
            continue
        end = _end(lines, at, body_size)
        rows = sum(1 for line in lines[at:end] if _is_row(line) or _is_weak_row(line))
        strong = sum(1 for line in lines[at:end] if _is_row(line))
        if rows >= _FEWEST_ROWS and strong >= 2:
            start = _start(lines, at, tables[-1].end if tables else 0, body_size)
            tables.append(TableLines(start, _first_row(lines, start, end), end))
        at = end
    return tables


def cells(line: Line) -> Iterator[tuple[int, int]]:
    """(start, end) offsets of each cell of a row; a currency sign stays with its number, and a percent sign too."""
    start = 0
    currencies = [match.span() for match in _BEFORE_CURRENCY.finditer(line.text)]
    for gap_start, gap_end in sorted({*line.gaps, *currencies}):
        if not (_OPENS_NEXT_CELL.fullmatch(line.text, start, gap_start) or _CLOSES_LAST_CELL.match(line.text, gap_end)):
            yield start, gap_start
            start = gap_end
    yield start, len(line.text)


def _is_row(line: Line) -> bool:
    return line.row and bool(line.gaps or re.fullmatch(rf"(?:[$€£¥]?\s?{NUMERIC}\s*)+", line.text))


def _is_weak_row(line: Line) -> bool:
    return bool(line.gaps) and bool(_ONE_NUMBER_AT_END.search(line.text))


def _end(lines: Sequence[Line], first: int, body_size: float) -> int:
    """One past the last row of the table that begins at `first`."""
    end, between, rows = first + 1, 0, int(_has_figures(lines[first]))
    for at in range(first + 1, len(lines)):
        line, drop = lines[at], lines[at - 1].baseline - lines[at].baseline
        row = _is_row(line) or _is_weak_row(line)
        side_head = line.font == lines[first].font and len(line.text) <= _LONGEST_SIDE_HEAD and not line.text.endswith(".")
        furthest = (4.0 if row else 3.6 if side_head else 2.6) * max(line.size, 1.0)
        if line.angle != lines[first].angle or not -3.0 * line.size <= drop <= furthest:
            break
        if _is_row(line) and not _has_figures(line) and rows >= 2:
            break
        if row:
            end, between, rows = at + 1, 0, rows + _has_figures(line)
        else:
            between += 1
            if between > _MOST_LINES_BETWEEN_ROWS or len(line.text) > _LONGEST_LABEL or line.size > 1.2 * body_size:
                break
    return end


def _start(lines: Sequence[Line], first: int, lowest: int, body_size: float) -> int:
    """The first of the heads above the first row, with the side heads between."""
    row = lines[first]
    start = first
    for at in range(first - 1, max(lowest, first - _MOST_HEADER_LINES) - 1, -1):
        line, drop = lines[at], lines[at].baseline - lines[at + 1].baseline
        near = line.angle == row.angle and -3.0 * line.size <= drop <= 2.2 * max(line.size, 1.0)
        if not near or line.size > _LARGER * body_size or len(line.text) > _LONGEST_LABEL or line.text.endswith("."):
            break
        if _is_head(line, row):
            start = at
        elif start < first or len(line.text) > _LONGEST_SIDE_HEAD or abs(line.left - row.left) > 2 * row.size:
            break
    return start


def _is_head(line: Line, row: Line) -> bool:
    """Whether a line has wide gaps, stands over the columns of figures, or tells their unit in brackets."""
    middle, columns = (line.left + line.right) / 2, row.left + 0.58 * (row.right - row.left)
    return bool(line.gaps) or line.row or middle > columns or (line.text.startswith("(") and line.text.endswith(")"))


def _first_row(lines: Sequence[Line], start: int, end: int) -> int:
    """The first line below the header: the side heads above the first row of figures count as rows."""
    for at in range(start, min(start + _MOST_HEADER_LINES + 1, end)):
        if (_is_row(lines[at]) or _is_weak_row(lines[at])) and _has_figures(lines[at]):
            first = at
            while first > start and not _is_head(lines[first - 1], lines[at]):
                first -= 1
            return first
    return start


def _has_figures(line: Line) -> bool:
    """Whether a row holds numbers other than years and dates."""
    return bool(re.search(r"\d|\s[—–-]", _DATE.sub("", line.text)))
