"""Makes blocks of the paragraphs, cells and notes of an RTF file. It knows no control words."""

from __future__ import annotations

from collections.abc import Sequence

from ingestion.parsers.docx_styles import Style, Styles
from ingestion.parsers.text_builder import PAGE_BREAK, TextBuilder


class Layout:
    """Takes the file's pieces in reading order. A table ends with the first paragraph below it; what is put off for later follows
    the paragraph or table that is open."""

    def __init__(self, builder: TextBuilder) -> None:
        self.styles = Styles({}, "0")
        self.row_is_header = False
        self._builder = builder
        self._cells: list[str] = []
        self._rows: list[list[str]] = []
        self._header_rows = 0
        self._later: list[str] = []

    def paragraph(self, text: str, own: Style, *, page_before: bool) -> None:
        """A paragraph of the style that `own` names; `own` also holds what the paragraph says itself."""
        if text.strip():
            self._end_table()
        if page_before and self._builder.page + text.count(PAGE_BREAK) > 1:
            text = PAGE_BREAK * (PAGE_BREAK not in text) + text
        level = self.styles.heading_level(own.name) if own.level is None else own.level
        if level:
            self._builder.heading(text, level)
        elif self.styles.is_caption(own.name):
            self._builder.add("caption", text)
        else:
            self._builder.add("list_item" if own.listed else "paragraph", text)
        self._write_later()

    def cell(self, text: str) -> None:
        self._cells.append(text)

    def end_row(self) -> None:
        if self.row_is_header and self._header_rows == len(self._rows):
            self._header_rows += 1
        self._rows.append(self._cells)
        self._cells = []

    def add_later(self, paragraphs: Sequence[str]) -> None:
        """A note or text box: it follows what is being read."""
        self._later.extend(paragraphs)

    def end(self) -> None:
        """Append what is still open."""
        if self._cells:
            self.end_row()
        self._end_table()
        self._write_later()

    def _end_table(self) -> None:
        rows, self._rows = self._rows, []
        header_rows, self._header_rows = self._header_rows, 0
        if all(len(row) < 2 for row in rows):
            for row in rows:
                self._builder.add("paragraph", "".join(row))
        else:
            self._builder.table(rows, header_rows or None)

    def _write_later(self) -> None:
        later, self._later = self._later, []
        for text in later:
            self._builder.add("paragraph", text.replace(PAGE_BREAK, ""))


def heading_level(outline: int | None) -> int | None:
    """A heading's level by its outline level; zero for body text, None where nothing is said."""
    return None if outline is None else outline + 1 if 0 <= outline < 9 else 0


def joined(pieces: Sequence[str]) -> str:
    """The text; halves of a character beyond 65,535 that were written one by one are put together."""
    return "".join(pieces).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
