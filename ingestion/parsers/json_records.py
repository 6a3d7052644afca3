"""Reads JSON and JSON Lines: values with the path that leads to them, lists of like objects as tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from assistant.types import ParsedDocument
from ingestion.parsers.decoding import decode
from ingestion.parsers.text_builder import PAGE_BREAK, TextBuilder

JSON = "application/json"
JSON_LINES = "application/x-ndjson"

_LONGEST_PATH = 200
_LONGEST_CELL = 300
_MOST_COLUMNS = 100
_LEAST_FILLED = 0.4
_MOST_BAD_LINES_NAMED = 10

# Numbers stay as they are written: 4.80 and twenty digits alike.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, strict=False)


def parse_json(data: bytes, name: str) -> ParsedDocument:
    """A line "path: value" for each value; a new block for each object in a list. What is no JSON is read as plain text, with a
    notice; a file with one JSON value a line is read as JSON Lines. Raises EmptyFile or CorruptFile (bytes that are no text)."""
    text, notices = decode(data, name)
    text = _without_page_breaks(text)
    builder = TextBuilder()
    title = ""
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        notices = (*notices, "Nested too deeply to be read as JSON, so it was read as plain text.")
        builder.add("code", text)
    except json.JSONDecodeError as error:
        records, bad = _records(text)
        if len(records) > max(1, len(bad)):
            notices = (*notices, *_add_records(builder, records, bad))
        else:
            notices = (*notices, f"Not whole JSON (line {error.lineno}: {error.msg}), so it was read as plain text.")
            builder.add("code", text)
    else:
        title = value["title"] if isinstance(value, dict) and isinstance(value.get("title"), str) else ""
        _Writer(builder).write(value)
    return builder.finish(name, JSON, title=title[:_LONGEST_CELL], notices=notices)


def parse_json_lines(data: bytes, name: str) -> ParsedDocument:
    """One record a line: a table where they are flat and alike, else a block each. A line that is no JSON is kept as it is, with
    a notice."""
    text, notices = decode(data, name)
    builder = TextBuilder()
    said = _add_records(builder, *_records(_without_page_breaks(text)))
    return builder.finish(name, JSON_LINES, notices=(*notices, *said))


@dataclass(frozen=True, slots=True)
class _Unread:
    """A line that is no JSON."""

    text: str


def _records(text: str) -> tuple[list[Any], list[int]]:
    """The value of each line, and the numbers of the lines that hold none."""
    records: list[Any] = []
    bad: list[int] = []
    # Not str.splitlines: a JSON string may hold U+2028 and its like as they are.
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        if not line.strip():
            continue
        try:
            records.append(_DECODER.decode(line))
        except (json.JSONDecodeError, RecursionError):
            records.append(_Unread(line))
            bad.append(number)
    return records, bad


def _add_records(builder: TextBuilder, records: Sequence[Any], bad: Sequence[int]) -> list[str]:
    columns = _columns(records)
    if columns:
        builder.table(_rows(records, columns), 1)
    else:
        for record in records:
            if isinstance(record, _Unread):
                builder.add("code", record.text)
            else:
                _Writer(builder).write(record)
    if not bad:
        return []
    named = ", ".join(map(str, bad[:_MOST_BAD_LINES_NAMED])) + (", ..." if len(bad) > _MOST_BAD_LINES_NAMED else "")
    return [f"Not JSON, so kept as plain text: line {named}."]


@dataclass
class _Writer:
    """Goes through a value with a stack of its own, since JSON may be nested as deeply as Python allows, and collects lines."""

    builder: TextBuilder
    lines: list[str] = field(default_factory=list)

    def write(self, value: Any) -> None:
        """Append the blocks of a value."""
        open_values: list[tuple[str, Any, bool]] = [("", value, False)]
        while open_values:
            path, value, begins_block = open_values.pop()
            if begins_block:
                self._end_block()
            if _is_line(value):
                self.lines.append(f"{path}: {_shown(value)}" if path else _shown(value))
            elif isinstance(value, dict):
                # Records of a list, and the parts of the whole, are read apart.
                inner = [(_below(path, key), child, not path and not _is_line(child)) for key, child in value.items()]
                open_values.extend(reversed(inner))
            else:
                columns = _columns(value)
                if columns:
                    self._end_block()
                    self.builder.add("caption", _without_page_breaks(path))
                    self.builder.table(_rows(value, columns), 1)
                else:
                    inner = [(_cut(f"{path}[{place}]"), child, isinstance(child, dict)) for place, child in enumerate(value)]
                    open_values.extend(reversed(inner))
        self._end_block()

    def _end_block(self) -> None:
        self.builder.add("paragraph", _without_page_breaks("\n".join(self.lines)))
        self.lines = []


def _below(path: str, key: str) -> str:
    return _cut(f"{path}.{key}" if path else key)


def _cut(path: str) -> str:
    """The path, without its beginning where it is too long to be repeated on every line."""
    return path if len(path) <= _LONGEST_PATH else f"…{path[-_LONGEST_PATH:]}"


def _is_line(value: Any) -> bool:
    """Whether a value goes on one line: a scalar, or a list of them."""
    if isinstance(value, list):
        return all(not isinstance(child, (dict, list)) for child in value)
    return value == {} or not isinstance(value, dict)


def _shown(value: Any) -> str:
    if isinstance(value, (list, dict)):
        return ", ".join(_shown(child) for child in value)
    return value if isinstance(value, str) else {None: "null", True: "true", False: "false"}[value]


def _columns(records: Sequence[Any]) -> list[str]:
    """The names of all their columns, where the records are flat objects, alike and short enough for a table; else none."""
    columns: dict[str, None] = {}
    filled = 0
    for record in records:
        if not isinstance(record, dict) or not all(_is_cell(value) for value in record.values()):
            return []
        columns.update(dict.fromkeys(record))
        filled += len(record)
        if len(columns) > _MOST_COLUMNS:
            return []
    if len(records) < 2 or len(columns) < 2 or filled < _LEAST_FILLED * len(columns) * len(records):
        return []
    return list(columns)


def _is_cell(value: Any) -> bool:
    return _is_line(value) and len(_shown(value)) <= _LONGEST_CELL


def _rows(records: Sequence[Any], columns: Sequence[str]) -> list[list[str]]:
    shown = ([_shown(record[column]) if column in record else "" for column in columns] for record in records)
    return [[_without_page_breaks(cell) for cell in row] for row in (columns, *shown)]


def _without_page_breaks(text: str) -> str:
    return text.replace(PAGE_BREAK, " ")
