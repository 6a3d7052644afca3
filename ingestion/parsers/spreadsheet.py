"""Reads Excel workbooks, new and old: a page a sheet under its name, and a table for every run of rows between empty ones."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import chain
from pathlib import PurePath

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from assistant.errors import CorruptFile, EncryptedFile, FileTooLarge
from assistant.types import ParsedDocument
from ingestion.parsers.archive import Archive
from ingestion.parsers.text_builder import PAGE_BREAK, TextBuilder
from ingestion.parsers.xls_check import check_xls

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XLS = "application/vnd.ms-excel"

Value = int | float | str | bool | time | date | datetime | timedelta

# python-calamine 0.9 lays a sheet out whole, at 32 bytes a cell, from its first to its last one, and ends the process where
# that is more than there is.
_MOST_CELLS = 20_000_000
_MOST_STRING_BYTES = 500_000_000
_LONGEST_REPEATED = 200
_PLACE = re.compile(rb"\br\s*=\s*[\"']([A-Za-z]{0,3})([0-9]{1,7})[\"']")
_FILLED_PLACE = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br\s*=\s*[\"']([A-Za-z]{1,3})([0-9]{1,7})[\"'](?:[^>]*[^/>])?>")
_CELL = re.compile(rb"<(?:\w+:)?c[\s/>]")
_STRING = re.compile(rb"<(?:\w+:)?si\b.*?</(?:\w+:)?si\s*>", re.DOTALL)
_STRING_CELL = re.compile(rb"t\s*=\s*[\"']s[\"'][^>]*>\s*<(?:\w+:)?v[^>]*>\s*([0-9]{1,9})")


def parse_xlsx(data: bytes, name: str) -> ParsedDocument:
    """Values as they are stored, not as they are formatted: 0.125 where the sheet shows 12.5 %; dates as 2026-03-31. Sheets that
    are hidden are read, with a notice. Raises CorruptFile, EncryptedFile, EmptyFile or FileTooLarge."""
    archive = Archive(data, name)
    _check_extent(archive, name)
    return _parse(data, name, XLSX, archive.core_title())


def parse_xls(data: bytes, name: str) -> ParsedDocument:
    """As `parse_xlsx`, for the binary format of Excel 97 to 2003."""
    check_xls(data, name, most_cells=_MOST_CELLS)
    return _parse(data, name, XLS, "")


def _parse(data: bytes, name: str, media_type: str, title: str) -> ParsedDocument:
    builder = TextBuilder()
    hidden: list[str] = []
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
            for place, sheet in enumerate(workbook.sheets_metadata):
                if sheet.typ == SheetTypeEnum.WorkSheet and _add_sheet(builder, workbook.get_sheet_by_index(place)):
                    hidden.extend([] if sheet.visible == SheetVisibleEnum.Visible else [sheet.name])
                builder.break_page()
    except PasswordError as error:
        raise EncryptedFile(f"'{name}' is protected by a password. Save it without one.") from error
    except (CalamineError, ValueError, OverflowError, OSError) as error:
        raise _corrupt(name, error) from error
    except BaseException as error:
        # What PyO3 raises for a panic in Rust is no Exception.
        if type(error).__name__ == "PanicException":
            raise _corrupt(name, error) from error
        raise
    notices = [f"Hidden, but read: sheet {', '.join(hidden)}."] if hidden else []
    return builder.finish(name, media_type, title=title or PurePath(name).stem, notices=notices)


def _add_sheet(builder: TextBuilder, sheet: CalamineSheet) -> bool:
    """Append a sheet; whether there was anything in it."""
    named = False
    part: list[Sequence[Value]] = []
    for row in chain(_rows(sheet), [()]):
        if any(value != "" and not (isinstance(value, str) and value.isspace()) for value in row):
            part.append(row)
        elif part:
            if not named:
                builder.heading(sheet.name, 1)
            named = True
            _add_part(builder, part)
            part = []
    return named


def _rows(sheet: CalamineSheet) -> Iterator[list[Value]]:
    """Rows from the first to the last with a value. What a cell merged over rows says, each of its rows says."""
    top, left = sheet.start or (0, 0)
    below: dict[int, list[tuple[int, int]]] = {}
    for (first_row, first_column), (last_row, _) in sheet.merged_cell_ranges or ():
        if last_row > first_row:
            below.setdefault(first_row - top, []).append((first_column - left, last_row - top))
    reaching: dict[int, tuple[int, Value]] = {}
    for number, values in enumerate(sheet.iter_rows()):
        row: list[Value] = list(values)
        for column, (last, value) in list(reaching.items()):
            if number > last:
                del reaching[column]
            elif row[column] == "" and any(other != "" for other in row):
                row[column] = value
        for column, last in below.get(number, ()):
            if 0 <= column < len(row) and len(str(row[column])) <= _LONGEST_REPEATED:
                reaching[column] = (last, row[column])
        yield row


def _add_part(builder: TextBuilder, rows: Sequence[Sequence[Value]]) -> None:
    """A table, below the lines of one cell that introduce it."""
    wide = next((place for place, row in enumerate(rows) if _filled(row) > 1), int(len(rows) == 1))
    for row in rows[:wide]:
        builder.add("paragraph", next(shown for shown in map(_shown, row) if shown.strip()))
    table = rows[wide:]
    if table:
        builder.table([[_shown(value) for value in row] for row in table], _header_rows(table))


def _header_rows(rows: Sequence[Sequence[Value]]) -> int | None:
    """One where the first row names every column (the first column may go without), no name twice; None where that cannot be
    told from the kinds of cells."""
    used = {column for row in rows for column, value in enumerate(row) if value != ""}
    first = [rows[0][column] if column < len(rows[0]) else "" for column in sorted(used)]
    names = first[1:] if first[0] == "" and len(first) > 2 else first
    if len(rows) < 2 or not all(isinstance(value, str) and value.strip() for value in names) or len(set(names)) < len(names):
        return None
    return 1 if any(not isinstance(value, str) for row in rows[1:] for value in row) or len(names) > 1 else 0


def _filled(row: Sequence[Value]) -> int:
    return sum(value != "" for value in row)


def _shown(value: Value) -> str:
    match value:
        case str():
            return value.replace(PAGE_BREAK, " ")
        case bool():
            return "TRUE" if value else "FALSE"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else format(value, ".15g")
        case datetime():
            return value.isoformat(" ", "seconds")
        case _:
            return str(value)


def _check_extent(archive: Archive, name: str) -> None:
    """Refuse a workbook whose sheets or strings would be far larger in memory than they are in the file."""
    sheets = []
    lengths: list[int] = []
    for path in sorted(archive.names):
        if "/media/" in path:
            continue
        content = archive.read(path)
        if b"sheetData" in content:
            if _extent(content) > _MOST_CELLS:
                raise FileTooLarge(
                    f"'{name}' has a sheet ({path}) that spreads over more than {_MOST_CELLS} cells. "
                    "Delete the cells that lie far from its tables."
                )
            sheets.append(path)
        elif b"sst" in content[:1000]:
            lengths = [len(string) for string in _STRING.findall(content)]
    if max(lengths, default=0) * sum(len(_CELL.findall(archive.read(path))) for path in sheets) < _MOST_STRING_BYTES:
        return
    used = (int(index) for path in sheets for index in _STRING_CELL.findall(archive.read(path)))
    total = sum(lengths[index] for index in used if index < len(lengths))
    if total > _MOST_STRING_BYTES:
        raise FileTooLarge(f"'{name}' would unpack to {total} bytes of text; {_MOST_STRING_BYTES} is the limit.")


def _extent(sheet: bytes) -> int:
    """The cells between A1 and the last one."""
    places = _PLACE.findall(sheet)
    unplaced = len(_CELL.findall(sheet)) - sum(1 for letters, _ in places if letters)
    if unplaced > 0 or _box(places) <= _MOST_CELLS:
        # Cells that do not say their place stand beside each other.
        return _box(places, unplaced)
    # Cells with a format and no value, such as the last ones of a sheet often are, do not count.
    return _box(_FILLED_PLACE.findall(sheet))


def _box(places: Sequence[tuple[bytes, bytes]], columns: int = 1) -> int:
    columns = max((columns, *(_column(letters) for letters in {letters for letters, _ in places})))
    return columns * max((int(number) for number in {number for _, number in places}), default=1)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _corrupt(name: str, error: BaseException) -> CorruptFile:
    return CorruptFile(f"'{name}' is damaged: {str(error).strip().rstrip('.')}. Open it in Excel and save it again.")
