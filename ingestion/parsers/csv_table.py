"""Reads comma- and tab-separated tables: one table block for every run of rows between blank lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from assistant.errors import CorruptFile
from assistant.types import ParsedDocument
from ingestion.parsers.decoding import decode
from ingestion.parsers.text_builder import TextBuilder

_MEDIA_TYPES = {"tsv": "text/tab-separated-values"}
_DELIMITERS = ",;\t|"
_SAMPLE_CHARACTERS = 20_000
_SAMPLE_LINES = 50
_LONGEST_FIELD = 10_000_000


def parse_csv_table(data: bytes, name: str) -> ParsedDocument:
    """Delimiter, quotes and header row are found by looking; a file of one column is a table of one cell a row."""
    text, notices = decode(data, name)
    extension = name.rpartition(".")[2].lower()
    builder = TextBuilder()
    for rows in _parts(text.replace("\x00", ""), name, _dialect(text, extension)):
        builder.table(rows, _header_rows(rows))
    return builder.finish(name, _MEDIA_TYPES.get(extension, "text/csv"), notices=notices)


def _parts(text: str, name: str, dialect: csv.Dialect | type[csv.Dialect]) -> Iterator[list[list[str]]]:
    csv.field_size_limit(_LONGEST_FIELD)
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), dialect):
            if any(cell.strip() for cell in row):
                rows.append(row)
            elif rows and not row:
                yield rows
                rows = []
    except csv.Error as error:
        raise CorruptFile(f"'{name}' cannot be read as a table: {error}. Check its quotes, or export it again.") from error
    if rows:
        yield rows


def _dialect(text: str, extension: str) -> csv.Dialect | type[csv.Dialect]:
    if extension == "tsv":
        return csv.excel_tab
    lines = [line for line in text[:_SAMPLE_CHARACTERS].splitlines()[:_SAMPLE_LINES] if line.strip()]
    delimiter = _steady_delimiter(lines)
    if not delimiter:
        try:
            delimiter = csv.Sniffer().sniff("\n".join(lines), _DELIMITERS).delimiter
        except csv.Error:
            delimiter = ","

    class Found(csv.excel):
        pass

    Found.delimiter = delimiter
    return Found


def _steady_delimiter(lines: list[str]) -> str:
    """The delimiter that parts most lines into the same number of fields, two at least; the csv module's own sniffer is led
    astray by prose in cells and by decimal commas."""
    best, best_score = "", 0.0
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        common = max(set(widths), key=lambda width: (width > 1, widths.count(width)), default=1)
        score = widths.count(common) / len(widths) if common > 1 else 0.0
        if score > best_score:
            best, best_score = delimiter, score
    return best if best_score > 0.6 else ""


def _header_rows(rows: list[list[str]]) -> int:
    """One where the first row names every column, no name twice, and no name is a number."""
    if len(rows) < 2:
        return 0
    first = [cell.strip() for cell in rows[0]]
    while first and not first[-1]:
        first.pop()
    named = all(first) and len(set(first)) == len(first) and len(first) == max(len(row) for row in rows)
    return int(named and not any(any(character.isdigit() for character in cell) and not cell[:1].isalpha() for cell in first))
