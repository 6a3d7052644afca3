"""Reads OpenDocument texts: headings by outline level, lists, tables, text boxes, notes, and pages as last laid out."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from assistant.errors import CorruptFile, EncryptedFile
from assistant.types import BlockKind, ParsedDocument
from ingestion.parsers.archive import Archive
from ingestion.parsers.grid import Grid
from ingestion.parsers.odt_styles import OFFICE, TABLE, TEXT, Styles, read_styles
from ingestion.parsers.text_builder import PAGE_BREAK, TextBuilder

MEDIA_TYPE = "application/vnd.oasis.opendocument.text"

_DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_DC_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_MANIFEST_ENCRYPTION = b":encryption-data"

_PARAGRAPHS = (TEXT + "p", TEXT + "h")
_ITEMS = (TEXT + "list-item", TEXT + "list-header")
# Deleted text, comments and their authors, scripts, the pronunciation above a word, what is hidden, pictures' names, forms.
_LEFT_OUT = frozenset(
    (
        TEXT + "tracked-changes", OFFICE + "annotation", TEXT + "script", TEXT + "ruby-text", TEXT + "hidden-paragraph",
        TEXT + "note-citation", OFFICE + "forms", TEXT + "sequence-decls", TEXT + "variable-decls", TEXT + "user-field-decls",
        TEXT + "alphabetical-index-source", TEXT + "table-of-content-source", OFFICE + "binary-data",
        "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}title",
        "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}desc",
    )
)  # fmt: skip
_MOST_REPEATED = 100
_MOST_SPACES = 1000


def parse_odt(data: bytes, name: str) -> ParsedDocument:
    """A note follows the paragraph that calls it, a text box the one that it hangs on; what was deleted with changes tracked is left
    out. Raises CorruptFile, EncryptedFile, EmptyFile or FileTooLarge."""
    archive = Archive(data, name)
    if "META-INF/manifest.xml" in archive.names and _MANIFEST_ENCRYPTION in archive.read("META-INF/manifest.xml"):
        raise EncryptedFile(f"'{name}' is protected by a password. Save it without one.")
    if "content.xml" not in archive.names:
        raise CorruptFile(f"'{name}' is a zip file without a text document in it. Check that it is the file you meant.")
    content = archive.xml("content.xml")
    named_styles = archive.xml("styles.xml") if "styles.xml" in archive.names else None
    builder = TextBuilder()
    reader = _Reader(builder, read_styles(named_styles, content))
    for body in content.iterfind(f"{OFFICE}body/{OFFICE}text"):
        reader.read(body)
    return builder.finish(name, MEDIA_TYPE, title=_title(archive))


def _title(archive: Archive) -> str:
    try:
        return next((found.text or "" for found in archive.xml("meta.xml").iter(_DC_TITLE)), "")
    except CorruptFile:
        return ""


class _Reader:
    """One pass over the body, with what is open at each moment. Depth is bounded by the XML parser: 256 levels."""

    def __init__(self, builder: TextBuilder, styles: Styles) -> None:
        self._builder = builder
        self._styles = styles
        self._soft_breaks = 0
        self._hard_breaks = 0
        self._begun = False
        self._later: list[etree._Element] = []

    def read(self, container: etree._Element, *, listed: bool = False) -> None:
        """Append the blocks of a body, section, list, cell, note or text box."""
        for child in container.iterchildren("*"):
            if child.tag in _PARAGRAPHS:
                self._paragraph(child, listed)
            elif child.tag == TABLE + "table":
                self._table(child)
            elif child.tag == TEXT + "soft-page-break":
                self._soft_breaks += 1
            elif child.tag.startswith(_DRAW):
                self._later.append(child)
            elif child.tag not in _LEFT_OUT:
                self.read(child, listed=listed or child.tag in _ITEMS)
            self._read_later()

    def _read_later(self) -> None:
        """Text boxes, notes and nested tables of the last block."""
        later, self._later = self._later, []
        for element in later:
            if element.tag == TABLE + "table":
                self._table(element)
                self._read_later()
            else:
                self.read(element)

    def _paragraph(self, element: etree._Element, listed: bool) -> None:
        style = element.get(TEXT + "style-name", "")
        if self._begun and self._styles.breaks_page(style):
            self._hard_breaks += 1
        text = self._text(element)
        level = element.get(TEXT + "outline-level", "1") if element.tag == TEXT + "h" else ""
        if level:
            self._builder.heading(text, int(level) if level in ("1", "2", "3", "4", "5", "6", "7", "8", "9") else 1)
        elif self._styles.is_title(style):
            self._builder.heading(text, 1)
        else:
            kind: BlockKind = "list_item" if listed else "caption" if self._styles.is_caption(style) else "paragraph"
            self._builder.add(kind, text)

    def _table(self, table: etree._Element) -> None:
        rows = list(_rows(table, header=False))
        if all(sum(1 for _ in _cells(row)) < 2 for row, _ in rows) or next(table.iter(TEXT + "h"), None) is not None:
            # It lays out the page: one column, or a heading within.
            for row, _ in rows:
                for cell in _cells(row):
                    self.read(cell)
            return
        grid = Grid()
        for row, header in rows:
            above = row.getprevious()
            self._soft_breaks += above is not None and above.tag == TEXT + "soft-page-break"
            for _ in range(_number(row, "number-rows-repeated", _MOST_REPEATED)):
                grid.open_row()
                for cell in _cells(row):
                    text = self._cell_text(cell)
                    columns, height = _number(cell, "number-columns-spanned"), _number(cell, "number-rows-spanned")
                    for _ in range(_number(cell, "number-columns-repeated", _MOST_REPEATED)):
                        grid.cell(text, columns=columns, rows=height)
                grid.close_row(header=header)
        self._builder.table(grid.rows, grid.header_rows or None)

    def _cell_text(self, cell: etree._Element) -> str:
        lines: list[str] = []
        for child in cell.iter(*_PARAGRAPHS, TABLE + "table"):
            above = child.getparent()
            while above is not None and above is not cell and above.tag not in (*_PARAGRAPHS, TABLE + "table"):
                above = above.getparent()
            if above is not cell:
                continue
            if child.tag == TABLE + "table":
                self._later.append(child)
            else:
                lines.append(self._text(child))
        return " ".join(lines)

    def _text(self, paragraph: etree._Element) -> str:
        pieces: list[str] = []
        self._collect(paragraph, pieces)
        return "".join(pieces)

    def _collect(self, element: etree._Element, pieces: list[str]) -> None:
        """Gather the shown text below an element; boxes and notes are put off, page breaks wait for the next text."""
        self._write(element.text, pieces)
        for child in element.iterchildren("*"):
            tag = child.tag
            if tag == TEXT + "s":
                self._write(" " * _number(child, "c", _MOST_SPACES, TEXT), pieces)
            elif tag == TEXT + "tab":
                self._write("\t", pieces)
            elif tag == TEXT + "line-break":
                self._write("\n", pieces)
            elif tag == TEXT + "soft-page-break":
                self._soft_breaks += 1
            elif tag == TEXT + "note" or (tag.startswith(_DRAW) and tag != _DRAW + "a"):
                self._later.append(child)
            elif tag not in _LEFT_OUT:
                self._collect(child, pieces)
            self._write(child.tail, pieces)

    def _write(self, text: str | None, pieces: list[str]) -> None:
        if not text:
            return
        if not text.isspace():
            # Where a break was set by hand, a program may note the new page as well: the two are one.
            pieces.append(PAGE_BREAK * max(self._soft_breaks, self._hard_breaks))
            self._soft_breaks = self._hard_breaks = 0
            self._begun = True
        # White space in the XML is one space: more are written as elements of their own.
        pieces.append(text if text in ("\t", "\n") or set(text) == {" "} else _folded(text))


def _folded(text: str) -> str:
    return " ".join(("." + text + ".").split())[1:-1]


def _rows(table: etree._Element, *, header: bool) -> Iterator[tuple[etree._Element, bool]]:
    """The rows, whatever groups they stand in, and whether they are header rows."""
    for child in table:
        if child.tag == TABLE + "table-row":
            yield child, header
        elif child.tag in (TABLE + "table-header-rows", TABLE + "table-rows", TABLE + "table-row-group"):
            yield from _rows(child, header=header or child.tag == TABLE + "table-header-rows")


def _cells(row: etree._Element) -> Iterator[etree._Element]:
    yield from row.iterchildren(TABLE + "table-cell")


def _number(element: etree._Element, name: str, most: int = 1000, namespace: str = TABLE) -> int:
    value = element.get(namespace + name, "1")
    return min(int(value), most) if value.isascii() and value.isdigit() and 0 < len(value) < 9 else 1
