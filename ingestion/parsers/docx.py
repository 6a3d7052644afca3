"""Reads Word files: headings by style, lists, tables, text boxes, notes, and pages as Word last laid them out."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from lxml import etree

from assistant.errors import CorruptFile
from assistant.types import ParsedDocument
from ingestion.parsers.archive import Archive
from ingestion.parsers.docx_styles import Styles, W, is_numbered, outline_level, read_styles
from ingestion.parsers.grid import Grid
from ingestion.parsers.text_builder import PAGE_BREAK, TextBuilder, fold

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_COMPATIBILITY = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"

# Deletions and moved-away text; properties; the pronunciation beside a word; fields' own codes; comments.
_LEFT_OUT = frozenset(
    W + tag
    for tag in "del moveFrom pPr rPr tblPr tblGrid trPr tcPr sdtPr sdtEndPr sectPr rt instrText delText delInstrText footnoteRef "  # noqa: SIM905
    "endnoteRef annotationRef commentReference".split()
)
_CHARACTERS = {W + "tab": "\t", W + "ptab": "\t", W + "cr": "\n", W + "noBreakHyphen": "-"}
_ALTERNATIVES = _COMPATIBILITY + "AlternateContent"
_BOX = W + "txbxContent"
_NOTE_CALLS = {W + "footnoteReference": "footnotes", W + "endnoteReference": "endnotes"}
_PARAGRAPH, _TABLE, _ROW, _CELL, _RUN, _TEXT = (W + tag for tag in ("p", "tbl", "tr", "tc", "r", "t"))
_OFF = ("0", "false", "off")


def parse_docx(data: bytes, name: str) -> ParsedDocument:
    """Tracked insertions are kept and deletions left out; fields show what they show. A note follows the paragraph that calls
    it, a text box the paragraph that it hangs on. Pages are those of Word's last layout; a file that never had one counts its
    page breaks. Raises CorruptFile, EncryptedFile, EmptyFile or FileTooLarge."""
    archive = Archive(data, name)
    main = archive.related("", "/officeDocument") or "word/document.xml"
    if main not in archive.names:
        raise CorruptFile(f"'{name}' is a zip file without a Word document in it. Check that it is the file you meant.")
    root = archive.xml(main)
    builder = TextBuilder()
    notes = {kind: _notes(archive, main, kind) for kind in ("footnotes", "endnotes")}
    reader = _Reader(builder, read_styles(_part(archive, main, "styles")), notes)
    for body in root.iterchildren(W + "body"):
        reader.read(body)
    return builder.finish(name, MEDIA_TYPE, title=archive.core_title(), notices=reader.notices)


def _notes(archive: Archive, main: str, kind: str) -> dict[str, etree._Element]:
    root = _part(archive, main, kind)
    notes = root.iterchildren(W + kind[:-1]) if root is not None else ()
    return {note.get(W + "id", ""): note for note in notes if note.get(W + "type", "normal") == "normal"}


def _part(archive: Archive, main: str, kind: str) -> etree._Element | None:
    """What the main part names as its "styles", "footnotes" or "endnotes"; None without one."""
    path = archive.related(main, f"/{kind}") or posixpath.join(posixpath.dirname(main), f"{kind}.xml")
    return archive.xml(path) if path in archive.names else None


class _Reader:
    """One pass over the body, with what is open at each moment. Depth is bounded by the XML parser: 256 levels."""

    def __init__(self, builder: TextBuilder, styles: Styles, notes: dict[str, dict[str, etree._Element]]) -> None:
        self.notices: list[str] = []
        self._builder = builder
        self._styles = styles
        self._notes = notes
        self._fields: list[bool] = []
        self._rendered_breaks = 0
        self._written_breaks = 0
        self._carried = ""
        self._later: list[etree._Element] = []

    def read(self, container: etree._Element) -> None:
        """Append the blocks of a body, cell, note or text box."""
        for element in _blocks(container):
            if element.tag == _PARAGRAPH:
                self._paragraph(element)
            elif element.tag == _TABLE:
                self._table(element)
            else:
                self._notice("A document embedded in this one was not read.")
            self._read_later()
        self._end_carried()

    def _read_later(self) -> None:
        """Text boxes, notes and nested tables of the last block."""
        later, self._later = self._later, []
        for element in later:
            if element.tag == _TABLE:
                self._table(element)
                self._read_later()
            else:
                self.read(element)

    def _paragraph(self, element: etree._Element) -> None:
        properties = element.find(W + "pPr")
        if properties is not None and _is_on(properties.find(W + "pageBreakBefore")):
            self._written_breaks += 1
        text = self._carried + self._text(element)
        self._carried = ""
        if properties is not None and properties.find(f"{W}rPr/{W}del") is not None:
            # The paragraph's end is deleted; it runs on into the next one.
            self._carried = text
            return
        found = properties.find(W + "pStyle") if properties is not None else None
        style = str(found.get(W + "val", "")) if found is not None else ""
        level = outline_level(properties)
        if level is None:
            level = self._styles.heading_level(style)
        listed = is_numbered(properties)
        if level:
            self._builder.heading(text, level)
        elif self._styles.is_caption(style):
            self._builder.add("caption", text)
        elif listed or (listed is None and self._styles.is_listed(style)):
            self._builder.add("list_item", text)
        else:
            self._builder.add("paragraph", text)

    def _table(self, element: etree._Element) -> None:
        self._end_carried()
        rows = [row for row in _inside(element, _ROW) if row.find(f"{W}trPr/{W}del") is None]
        if self._is_layout(rows):
            for row in rows:
                for cell in _inside(row, _CELL):
                    self.read(cell)
            return
        heights = _heights(rows)
        grid = Grid()
        for place, row in enumerate(rows):
            grid.open_row()
            column = _number(row, "trPr", "gridBefore")
            if column:
                grid.cell("", columns=column)
            for cell in _inside(row, _CELL):
                columns = max(_number(cell, "tcPr", "gridSpan"), 1)
                height = heights[place].get(column, 1)
                if height:
                    grid.cell(self._cell_text(cell), columns=columns, rows=height)
                column += columns
            grid.close_row(header=_is_on(row.find(f"{W}trPr/{W}tblHeader")))
        self._builder.table(grid.rows, grid.header_rows or None)

    def _end_carried(self) -> None:
        self._builder.add("paragraph", self._carried)
        self._carried = ""

    def _is_layout(self, rows: list[etree._Element]) -> bool:
        """Whether the table has one column, or holds a heading."""
        if all(sum(1 for _ in _inside(row, _CELL)) < 2 for row in rows):
            return True
        styles = {style.get(W + "val", "") for row in rows for style in row.iter(W + "pStyle")}
        return any(self._styles.heading_level(style) for style in styles)

    def _cell_text(self, cell: etree._Element) -> str:
        lines: list[str] = []
        for element in _blocks(cell):
            if element.tag == _PARAGRAPH:
                lines.append(self._text(element))
            elif element.tag == _TABLE:
                self._later.append(element)
        return fold("\n".join(lines))

    def _text(self, paragraph: etree._Element) -> str:
        pieces: list[str] = []
        self._collect(paragraph, pieces)
        # A field's code ends with its paragraph at the latest, so that a broken one cannot hide the rest of the document.
        while self._fields and not self._fields[-1]:
            self._fields.pop()
        return "".join(pieces)

    def _collect(self, element: etree._Element, pieces: list[str]) -> None:
        """Gather the shown text below an element; boxes and notes are put off, page breaks wait for the next text."""
        for child in element:
            tag = child.tag
            if tag == _RUN:
                if not _is_on(child.find(f"{W}rPr/{W}vanish")):
                    self._collect(child, pieces)
            elif tag in (_TEXT, _MATH + "t"):
                self._write(child.text or "", pieces)
            elif tag in _CHARACTERS:
                self._write(_CHARACTERS[tag], pieces)
            elif tag == W + "br":
                self._break(child.get(W + "type", ""), pieces)
            elif tag == W + "lastRenderedPageBreak":
                self._rendered_breaks += 1
            elif tag == W + "fldChar":
                self._field(child.get(W + "fldCharType", ""))
            elif tag in _NOTE_CALLS:
                self._call_note(_NOTE_CALLS[tag], child.get(W + "id", ""))
            elif tag == _ALTERNATIVES:
                self._collect(_chosen(child), pieces)
            elif tag == _BOX:
                self._later.append(child)
            elif tag == W + "sym":
                self._write(_symbol(child), pieces)
            elif tag not in _LEFT_OUT:
                self._collect(child, pieces)

    def _write(self, text: str, pieces: list[str]) -> None:
        if not text or not all(self._fields):
            return
        if not text.isspace():
            # Word notes a page's beginning even where the author broke it by hand, so the two together are one break.
            pieces.append(PAGE_BREAK * max(self._rendered_breaks, self._written_breaks))
            self._rendered_breaks = self._written_breaks = 0
        pieces.append(text)

    def _break(self, kind: str, pieces: list[str]) -> None:
        if kind == "page":
            self._written_breaks += 1
        else:
            self._write("\n", pieces)

    def _field(self, kind: str) -> None:
        """A field shows what stands between its separator and its end."""
        if kind == "begin":
            self._fields.append(False)
        elif kind == "separate" and self._fields:
            self._fields[-1] = True
        elif kind == "end" and self._fields:
            self._fields.pop()

    def _call_note(self, kind: str, number: str) -> None:
        note = self._notes[kind].pop(number, None)
        if note is not None:
            self._later.append(note)

    def _notice(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)


def _blocks(container: etree._Element) -> Iterator[etree._Element]:
    """Paragraphs, tables and embedded documents directly inside, whatever content controls and revisions wrap them."""
    for child in container:
        if child.tag in (_PARAGRAPH, _TABLE, W + "altChunk"):
            yield child
        elif child.tag == _ALTERNATIVES:
            yield from _blocks(_chosen(child))
        elif child.tag not in _LEFT_OUT:
            yield from _blocks(child)


def _inside(element: etree._Element, tag: str) -> Iterator[etree._Element]:
    """A table's rows or a row's cells, whatever content controls and revisions wrap them."""
    for child in element:
        if child.tag == tag:
            yield child
        elif child.tag not in _LEFT_OUT and child.tag not in (_PARAGRAPH, _TABLE, _ROW, _CELL):
            yield from _inside(child, tag)


def _chosen(alternatives: etree._Element) -> etree._Element:
    """The first choice that has something in it; what older programs are given is a copy of it."""
    return next((child for child in alternatives if len(child)), alternatives)


def _heights(rows: list[etree._Element]) -> list[dict[int, int]]:
    """For each row, by the column that a cell begins in: the rows it covers, zero for one that goes on with the cell above."""
    heights: list[dict[int, int]] = []
    top: dict[int, int] = {}
    for place, row in enumerate(rows):
        heights.append({})
        goes_on: dict[int, int] = {}
        column = _number(row, "trPr", "gridBefore")
        for cell in _inside(row, _CELL):
            merge = cell.find(f"{W}tcPr/{W}vMerge")
            heights[place][column] = 1
            if merge is not None and merge.get(W + "val") != "restart" and column in top:
                heights[top[column]][column] += 1
                heights[place][column] = 0
                goes_on[column] = top[column]
            elif merge is not None:
                goes_on[column] = place
            column += max(_number(cell, "tcPr", "gridSpan"), 1)
        top = goes_on
    return heights


def _number(element: etree._Element, properties: str, name: str) -> int:
    found = element.find(f"{W}{properties}/{W}{name}")
    value = found.get(W + "val", "") if found is not None else ""
    return int(value) if value.isdigit() and len(value) < 5 else 0


def _is_on(found: etree._Element | None) -> bool:
    return found is not None and found.get(W + "val", "1") not in _OFF


def _symbol(element: etree._Element) -> str:
    """A character by its number; a place in a picture font (the private range) has no text."""
    number = int(element.get(W + "char", "0"), 16) if element.get(W + "char", "").isalnum() else 0
    return chr(number) if 0x20 < number < 0xD800 else ""
