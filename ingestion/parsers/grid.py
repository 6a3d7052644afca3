"""Lays a table's cells out in columns, merged cells included. It knows neither HTML nor Word."""

from __future__ import annotations

from dataclasses import dataclass, field

_WIDEST = 100
_TALLEST = 1000
_LONGEST_REPEATED = 200
# A hostile page could ask for gigabytes of repetition in a few kilobytes.
_MOST_REPEATED = 1_000_000


@dataclass
class Grid:
    """Rows grow from the top. A cell merged over columns stands in the first of them; one merged over rows stands in each, so
    that every row can be read alone (text longer than 200 characters stands in the first only)."""

    rows: list[list[str]] = field(default_factory=list)
    header_rows: int = 0
    _repeated: int = 0
    _reaching_down: dict[int, tuple[int, str]] = field(default_factory=dict)

    def open_row(self) -> None:
        self.rows.append([])

    def cell(self, text: str, *, columns: int = 1, rows: int = 1) -> None:
        """The next cell of the open row, over `columns` columns (100 at most) and `rows` rows."""
        if not self.rows:
            self.open_row()
        row = self.rows[-1]
        self._take_from_above(row)
        columns, rows = min(max(columns, 1), _WIDEST), min(max(rows, 1), _TALLEST)
        if rows > 1:
            self._repeated += len(text) * rows
            repeated = text if len(text) <= _LONGEST_REPEATED and self._repeated <= _MOST_REPEATED else ""
            for offset in range(columns):
                self._reaching_down[len(row) + offset] = (rows - 1, "" if offset else repeated)
        row.append(text)
        row.extend([""] * (columns - 1))

    def close_row(self, *, header: bool = False) -> None:
        """End the row. Header rows count only at the top."""
        if self.rows:
            self._take_from_above(self.rows[-1])
            if header and self.header_rows == len(self.rows) - 1:
                self.header_rows += 1

    def _take_from_above(self, row: list[str]) -> None:
        while len(row) in self._reaching_down:
            column = len(row)
            left, text = self._reaching_down.pop(column)
            row.append(text)
            if left > 1:
                self._reaching_down[column] = (left - 1, text)
