"""Grows a parsed document block by block: one canonical text, exact spans, heading paths and pages. It knows no format."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import PurePath

from assistant.errors import EmptyFile
from assistant.types import Block, BlockKind, Page, ParsedDocument

PAGE_BREAK = "\f"
CELL_SEPARATOR = "\t"
# A row that began with a tab would lose it, and slip a column, wherever the row stands first: in its block, a chunk or a quote.
_EMPTY_FIRST_CELL = "\u2013"

# A heading path is repeated in every block below it, so a paragraph that is merely styled as a heading is kept out of it.
_LONGEST_HEADING = 300

_NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff\u00ad]")
_TO_PLAIN = str.maketrans({"\xa0": " ", "\u202f": " ", "\u2007": " ", "\x0b": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n"})
_INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060 \t\n"
_SPACES = re.compile(r"[^\S\f]+")
_NUMBER = re.compile(r"[-+(]?\s*[$€£¥]?\s*\d[\d.,' ]*[%)€$£]*\Z")
_YEAR = re.compile(r"(?:19|20)\d\d\Z")


class TextBuilder:
    """Collects blocks in reading order. A form feed in a text given to it is a page break at that place; it does not stay in the
    canonical text."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._headings: list[tuple[int, str]] = []
        self._pages: list[Page] = []
        self._page_start: int | None = None

    @property
    def page(self) -> int:
        """The page that the next block begins on."""
        return len(self._pages) + 1

    def heading(self, text: str, level: int) -> None:
        """A heading on one line; `level` from one."""
        line = fold(text)
        shown = line.replace(PAGE_BREAK, "").strip()
        if not shown or len(shown) > _LONGEST_HEADING:
            self.add("paragraph", text)
            return
        self._headings = [(above, name) for above, name in self._headings if above < level]
        self._headings.append((level, shown))
        self.add("heading", line, level=level)

    def add(self, kind: BlockKind, text: str, *, level: int = 0, header: str = "") -> None:
        """A block of `text` as it is, less control characters and the white space at its ends; nothing where nothing is left."""
        cleaned = clean(text)
        body = cleaned.strip()
        if not body.strip(_INVISIBLE + PAGE_BREAK):
            self.break_page(cleaned.count(PAGE_BREAK))
            return
        at = cleaned.index(body)
        self.break_page(cleaned.count(PAGE_BREAK, 0, at))
        start = self._length + 2 if self._parts else 0
        if self._page_start is None:
            self._page_start = start
        page = self.page
        pieces = body.split(PAGE_BREAK)
        end = start
        for place, piece in enumerate(pieces):
            if place:
                self._close_page(end)
                self._page_start = end
            end += len(piece)
        self._parts.append("".join(pieces))
        self._length = end
        path = tuple(name for _, name in self._headings)
        self._blocks.append(Block(kind, start, end, page, path, level, header))
        self.break_page(cleaned.count(PAGE_BREAK, at + len(body)))

    def table(self, rows: Sequence[Sequence[str]], header_rows: int | None = None) -> None:
        """One row a line, cells parted by a tab. Columns and rows without text are left out, and so are empty cells at a row's
        end; one at its beginning shows an en dash. `header_rows` None means unknown: the first row is then the header where it
        reads like one."""
        used = sorted({column for row in rows for column, cell in enumerate(row) if cell.strip()})
        lines: list[str] = []
        header_lines: list[str] = []
        if header_rows is None:
            header_rows = 1 if _reads_like_a_header(rows) else 0
        for place, row in enumerate(rows):
            line = _row_line([row[column] for column in used[: bisect_left(used, len(row))]])
            if not line.strip():
                continue
            lines.append(line)
            if place < header_rows:
                header_lines.append(clean(line.replace(PAGE_BREAK, "")).strip())
        if len(lines) == len(header_lines):
            header_lines = []
        self.add("table", "\n".join(lines), header="\n".join(header_lines))

    def break_page(self, count: int = 1) -> None:
        """End the page, `count` times: what is skipped is a page without text."""
        for _ in range(count):
            self._close_page(self._length)

    def finish(self, name: str, media_type: str, *, title: str = "", notices: Sequence[str] = ()) -> ParsedDocument:
        """The document so far. Without a title, it is called by its first heading of the highest level, else by its file's stem.
        Raises EmptyFile where no block was added."""
        if not self._blocks:
            raise EmptyFile(f"'{name}' holds no text. Check that it is the file you meant.")
        text = "\n\n".join(self._parts)
        if self._page_start is not None or not self._pages:
            self._close_page(len(text))
        title = fold(title).replace(PAGE_BREAK, "").strip() or self._first_heading() or PurePath(name).stem
        return ParsedDocument(title, text, tuple(self._blocks), tuple(self._pages), media_type, notices=tuple(notices))

    def _first_heading(self) -> str:
        headings = [block for block in self._blocks if block.level]
        return min(headings, key=lambda block: block.level).heading_path[-1] if headings else ""

    def _close_page(self, end: int) -> None:
        start = end if self._page_start is None else self._page_start
        self._pages.append(Page(len(self._pages) + 1, start, end))
        self._page_start = None


def clean(text: str) -> str:
    """Without control characters, lone surrogates and soft hyphens; every line end is "\\n" and no-break spaces are spaces."""
    return _NOT_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n").translate(_TO_PLAIN))


def fold(text: str) -> str:
    """On one line: every run of white space is one space. Page breaks stay."""
    return _SPACES.sub(" ", clean(text)).strip(" ")


def _row_line(cells: Sequence[str]) -> str:
    """The cells on one line. A page break that runs through a row stands in each of its cells and counts once."""
    folded = [fold(cell) for cell in cells]
    breaks = [cell.count(PAGE_BREAK) for cell in folded]
    if sum(breaks) > max(breaks, default=0):
        widest = breaks.index(max(breaks))
        folded = [cell if place == widest else cell.replace(PAGE_BREAK, "") for place, cell in enumerate(folded)]
    while folded and not folded[-1]:
        folded.pop()
    line = CELL_SEPARATOR.join(folded).strip(" ")
    shown = line.lstrip()
    before = line[: len(line) - len(shown)]
    if not shown or CELL_SEPARATOR not in before:
        return line
    # A page that ends before the first text ends before the dash too, which is not on it.
    return PAGE_BREAK * before.count(PAGE_BREAK) + _EMPTY_FIRST_CELL + CELL_SEPARATOR * before.count(CELL_SEPARATOR) + shown


def _reads_like_a_header(rows: Sequence[Sequence[str]]) -> bool:
    """Two or more named columns, none of them a number (a year may be), above a row that holds a number."""
    if len(rows) < 2:
        return False
    first = [cell.strip() for cell in rows[0] if cell.strip()]
    if len(first) < 2 or any(len(cell) > 80 or (_NUMBER.match(cell) and not _YEAR.match(cell)) for cell in first):
        return False
    return any(len(cell) < 80 and _NUMBER.match(cell.strip()) for row in rows[1:] for cell in row)
