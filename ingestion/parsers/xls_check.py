"""Looks over an old Excel file before a library opens it: its chains of sectors, and how much its records ask for."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator

from assistant.errors import CorruptFile, EncryptedFile, FileTooLarge

# [MS-CFB] 2: a compound file, its header, sector tables and directory. [MS-XLS] 2.4: the records of a workbook.
_HEADER_BYTES = 512
_SECTOR_SHIFTS = (9, 12)
_COUNTS_AT = (40, 44, 64, 72)
_ENTRY_BYTES = 128
_FIRST_SPECIAL = 0xFFFFFFFA
_MINI_SECTOR_BYTES = 64
_MINI_BELOW_BYTES = 4096
_WORKBOOKS = ("workbook", "book")
_END, _PASSWORD, _SHEET, _STRINGS, _DIMENSIONS, _NUMBERS = 0x000A, 0x002F, 0x0085, 0x00FC, 0x0200, 0x00BD
_CELLS = frozenset((0x0006, 0x0203, 0x0204, 0x0205, 0x00FD, 0x027E, _NUMBERS))
_SHORTEST_STRING = 3


def check_xls(data: bytes, name: str, *, most_cells: int) -> None:
    """Refuse what python-calamine 0.9 would follow without end or give more memory than there is: sectors in a circle, sizes beyond
    the file, sheets of more than `most_cells` cells together. Raises CorruptFile, EncryptedFile or FileTooLarge."""
    try:
        workbook = _workbook(data)
        sheets = list(_sheets(workbook, name))
        if len(set(sheets)) < len(sheets):
            raise ValueError("two of its sheets lie in one place")
        cells = walked = 0
        for start in sheets:
            sheet_cells, end = _extent(workbook, start)
            cells, walked = cells + sheet_cells, walked + end - start
            if walked > 2 * len(workbook):
                raise ValueError("its sheets lie in one another")
            if cells > most_cells:
                raise FileTooLarge(
                    f"'{name}' has sheets that spread over more than {most_cells} cells. "
                    "Delete the cells that lie far from its tables."
                )
    except (ValueError, IndexError, struct.error) as error:
        raise CorruptFile(f"'{name}' is damaged: {error}. Open it in Excel and save it again.") from error


def _sheets(workbook: bytes, name: str) -> Iterator[int]:
    """Where each sheet begins."""
    for kind, start, end in _records(workbook, 0):
        if kind == _PASSWORD:
            raise EncryptedFile(f"'{name}' is protected by a password. Save it without one.")
        if kind == _STRINGS and end - start >= 8:
            (count,) = struct.unpack_from("<I", workbook, start + 4)
            if count > len(workbook) // _SHORTEST_STRING:
                raise ValueError("it announces more strings than it can hold")
        elif kind == _SHEET and end - start >= 4:
            yield struct.unpack_from("<I", workbook, start)[0]


def _extent(workbook: bytes, position: int) -> tuple[int, int]:
    """The cells of a sheet, from the first of them to the last, and where its records end."""
    announced = last_row = last_column = 0
    end = position
    for kind, start, end in _records(workbook, position):
        if kind in _CELLS and end - start >= 4:
            row, column = struct.unpack_from("<HH", workbook, start)
            if kind == _NUMBERS:
                column += (end - start) // 6
            last_row, last_column = max(last_row, row), max(last_column, column)
        elif kind == _DIMENSIONS and end - start in (10, 14):
            layout = "<IIHH" if end - start == 14 else "<HHHH"
            first_row, rows, first_column, columns = struct.unpack_from(layout, workbook, start)
            if rows and columns and (first_row >= rows or first_column >= columns):
                raise ValueError("a sheet ends before it begins")
            announced = max(announced, rows * columns)
    return max(announced, (last_row + 1) * (last_column + 1)), end


def _workbook(data: bytes) -> bytes:
    """The stream with the sheets, every chain on the way there followed to its end."""
    if len(data) < _HEADER_BYTES:
        raise ValueError("it ends in its header")
    shift = struct.unpack_from("<H", data, 30)[0]
    if shift not in _SECTOR_SHIFTS:
        raise ValueError("its sectors have no known size")
    size = 1 << shift
    sectors = len(data) // size
    if any(struct.unpack_from("<I", data, place)[0] > sectors for place in _COUNTS_AT):
        raise ValueError("its header announces more than the file holds")
    table = _sector_table(data, size)
    directory = _stream(data, table, struct.unpack_from("<I", data, 48)[0], size, offset=size)
    mini_table = _words(_stream(data, table, struct.unpack_from("<I", data, 60)[0], size, offset=size))
    _check_no_circle(mini_table)
    if len(directory) % _ENTRY_BYTES:
        raise ValueError("its directory is cut off")
    mini_stream = workbook = b""
    for place in range(0, len(directory), _ENTRY_BYTES):
        entry = directory[place : place + _ENTRY_BYTES]
        start, length = struct.unpack_from("<IQ" if size > _HEADER_BYTES else "<II", entry, 116)
        if not entry[66]:
            continue
        if length > len(data):
            raise ValueError("a stream in it is longer than the file")
        name_bytes = min(struct.unpack_from("<H", entry, 64)[0], 64)
        if not place:
            mini_stream = _stream(data, table, start, size, offset=size)
        elif entry[:name_bytes].decode("utf-16-le", "replace").rstrip("\0").lower() in _WORKBOOKS and not workbook:
            if length < _MINI_BELOW_BYTES:
                workbook = _stream(mini_stream, mini_table, start, _MINI_SECTOR_BYTES, offset=0)[:length]
            else:
                workbook = _stream(data, table, start, size, offset=size)[:length]
    return workbook


def _sector_table(data: bytes, size: int) -> array[int]:
    """For each sector the one that follows it."""
    tables = list(struct.unpack_from("<109I", data, 76))
    more = struct.unpack_from("<I", data, 68)[0]
    seen: set[int] = set()
    while more < _FIRST_SPECIAL:
        if more in seen:
            raise ValueError("its sectors run in a circle")
        seen.add(more)
        *further, more = _words(_sector(data, more, size, size))
        tables.extend(further)
    table = _words(b"".join(_sector(data, sector, size, size) for sector in tables if sector < _FIRST_SPECIAL))
    _check_no_circle(table)
    return table


def _stream(data: bytes, table: array[int], sector: int, size: int, *, offset: int) -> bytes:
    pieces: list[bytes] = []
    while sector < _FIRST_SPECIAL:
        pieces.append(_sector(data, sector, size, offset))
        sector = table[sector]
    return b"".join(pieces)


def _sector(data: bytes, sector: int, size: int, offset: int) -> bytes:
    return data[offset + sector * size : offset + (sector + 1) * size]


def _words(content: bytes) -> array[int]:
    return array("I", struct.unpack(f"<{len(content) // 4}I", content[: len(content) // 4 * 4]))


def _check_no_circle(table: array[int]) -> None:
    walked_in = array("I", bytes(4 * len(table)))
    for walk, first in enumerate(range(len(table)), 1):
        sector = first
        while sector < len(table) and not walked_in[sector]:
            walked_in[sector] = walk
            sector = table[sector]
            if sector < len(table) and walked_in[sector] == walk:
                raise ValueError("its sectors run in a circle")


def _records(workbook: bytes, position: int) -> Iterator[tuple[int, int, int]]:
    """Each record's kind, and where its content begins and ends, from there to an end record."""
    kind = 0
    while position + 4 <= len(workbook) and kind != _END:
        kind, length = struct.unpack_from("<HH", workbook, position)
        yield kind, position + 4, min(position + 4 + length, len(workbook))
        position += 4 + length
