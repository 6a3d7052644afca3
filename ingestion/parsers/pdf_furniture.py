"""Knows which lines of a PDF are page furniture: running headers, running footers and page numbers."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from ingestion.parsers.pdf_lines import Line

_TOP_SHARE = 0.12
_BOTTOM_SHARE = 0.90
_MOST_ROWS = 3
_SAME_LINE_POINTS = 2.0
_LONGEST_FURNITURE = 200
_PAGE_MARK = "\x00"
# A number at either end of a line, or the first of "page 3 of 20" at its end.
_OUTER_NUMBER = re.compile(r"^\d{1,4}(?!\S)|(?<=[\s–—-])\d{1,4}(?=(?:\s*(?:of|de|sur|von|di|/)\s*\d{1,4})?\W*$)")
_Rows = Sequence[Sequence[Line]]
_PAGE_NUMBER = re.compile(
    r"\W*(?:(?:page|página|pagina|seite|p)\.?\s*)?(?:[a-z]{1,2}[-–])?(\d{1,4}|[ivxlc]{1,7})(?:\s*(?:of|de|sur|von|di|/)\s*\d{1,4})?\W*",
    re.IGNORECASE,
)


def without_furniture(pages: Sequence[list[Line]]) -> list[list[Line]]:
    """The pages without the lines at their top or bottom edge that come again on other pages, page numbers set aside.

    Only an unbroken row of such lines from the edge inwards goes, at most three deep, and outside the margins only if the page's
    number opens or closes it. A line must stand on at least 3 pages (2 of 2); without a page number in it on a tenth of all pages
    (at most 20) as the outermost line, and on three tenths further in, where titles of statements stand.
    """
    edges = [(_edge(lines, top=True), _edge(lines, top=False)) for lines in pages]
    seen: dict[tuple[bool, str], set[int]] = defaultdict(set)
    for both in edges:
        for top, rows in zip((True, False), both, strict=True):
            for line in (line for row in rows for line in row):
                for key in _keys(line):
                    seen[top, key].add(line.page)
    counts = {key: len(numbers) for key, numbers in seen.items()}
    return [_body(lines, both, counts, len(pages)) for lines, both in zip(pages, edges, strict=True)]


def _edge(lines: Sequence[Line], *, top: bool) -> list[list[Line]]:
    """The outermost rows of a page, from the edge inwards; lines that share a baseline are one row."""
    order = sorted(lines, key=lambda line: line.height, reverse=not top)
    rows: list[list[Line]] = []
    for line in order:
        if rows and abs(rows[-1][0].baseline - line.baseline) <= _SAME_LINE_POINTS:
            rows[-1].append(line)
        elif len(rows) == _MOST_ROWS:
            break
        else:
            rows.append([line])
    return rows


def _keys(line: Line) -> set[str]:
    """The line as it reads, if it stands in a margin; and, for a number that opens or closes it, the line with that number told
    as its distance from the page's own number."""
    if len(line.text) > _LONGEST_FURNITURE:
        return set()
    text = " ".join(line.text.casefold().split())
    keys = {text} if _in_margin(line) else set()
    for number in _OUTER_NUMBER.finditer(text):
        keys.add(f"{text[: number.start()]}{_PAGE_MARK}{int(number.group()) - line.page}{text[number.end() :]}")
    return keys


def _in_margin(line: Line) -> bool:
    return line.height <= _TOP_SHARE or line.height >= _BOTTOM_SHARE


def _body(lines: list[Line], edges: Sequence[_Rows], counts: Mapping[tuple[bool, str], int], pages: int) -> list[Line]:
    fewest = max(min(3, pages), 2)
    dropped: set[int] = set()
    for top, rows in zip((True, False), edges, strict=True):
        for depth, row in enumerate(rows):
            needed = max(fewest, min(0.1 * pages, 20) if depth == 0 else 0.3 * pages)
            if not all(_is_furniture(line, top, counts, fewest, needed) for line in row):
                break
            dropped.update(map(id, row))
    return [line for line in lines if id(line) not in dropped]


def _is_furniture(line: Line, top: bool, counts: Mapping[tuple[bool, str], int], fewest: int, needed: float) -> bool:
    number = _PAGE_NUMBER.fullmatch(line.text)
    if number and _in_margin(line) and (number.group(1) == str(line.page) or not (number.group(1).isdigit() or top)):
        return True
    return any(counts.get((top, key), 0) >= (fewest if _PAGE_MARK in key else needed) for key in _keys(line))
