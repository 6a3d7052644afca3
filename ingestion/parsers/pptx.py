"""Reads PowerPoint files: slides as pages, titles as headings, lists, tables, charts, diagrams, and notes after their slide."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from assistant.errors import CorruptFile
from assistant.types import ParsedDocument
from ingestion.parsers.archive import Archive
from ingestion.parsers.grid import Grid
from ingestion.parsers.pptx_charts import chart_tables
from ingestion.parsers.text_builder import TextBuilder

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"

_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_MATH_TEXT = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
_ALTERNATIVES = "{http://schemas.openxmlformats.org/markup-compatibility/2006}AlternateContent"

_TITLES = ("title", "ctrTitle")
_FURNITURE = frozenset(("dt", "ftr", "hdr", "sldNum", "sldImg"))
_LISTS = frozenset(("body", "obj"))
_BULLETS = {_A + "buNone": False, _A + "buChar": True, _A + "buAutoNum": True, _A + "buBlip": True}
_OFF = ("0", "false")
# What PowerPoint calls a file that nobody named, in whatever language.
_UNNAMED = "powerpoint"


def parse_pptx(data: bytes, name: str) -> ParsedDocument:
    """A slide is a page, its title first, the rest in the order that a screen reader follows; dates, footers and slide numbers are
    left out. A slide hidden from the show is read, with a notice. Raises CorruptFile, EncryptedFile, EmptyFile or FileTooLarge."""
    archive = Archive(data, name)
    builder = TextBuilder()
    hidden: list[str] = []
    reader = _Reader(archive, builder)
    for number, path in enumerate(_slides(archive, name), 1):
        if path and reader.slide(path):
            hidden.append(str(number))
        builder.break_page()
    notices = [f"Hidden in the show, but read: slide {', '.join(hidden)}."] if hidden else []
    title = archive.core_title()
    return builder.finish(name, MEDIA_TYPE, title="" if _UNNAMED in title.lower() else title, notices=notices)


def _slides(archive: Archive, name: str) -> list[str]:
    """The slides' parts in the order of the show; "" for one that the file has lost."""
    main = next((link.target for link in archive.relations("") if link.kind.endswith("/officeDocument")), "ppt/presentation.xml")
    if main not in archive.names:
        raise CorruptFile(f"'{name}' is a zip file without a presentation in it. Check that it is the file you meant.")
    targets = {link.id: link.target for link in archive.relations(main)}
    return [targets.get(slide.get(_R + "id", ""), "") for slide in archive.xml(main).iterfind(f"{_P}sldIdLst/{_P}sldId")]


class _Reader:
    """Goes through the slides. Depth is bounded by the XML parser: 256 levels."""

    def __init__(self, archive: Archive, builder: TextBuilder) -> None:
        self._archive = archive
        self._builder = builder
        self._links: dict[str, str] = {}
        self._bullets: dict[str, bool] = {}
        self._layouts: dict[str, dict[str, bool]] = {}
        self._below_a_deck_title = False

    def slide(self, path: str) -> bool:
        """Append a slide and its notes; whether it is hidden from the show."""
        root = self._archive.xml(path)
        links = list(self._archive.relations(path))
        self._links = {link.id: link.target for link in links}
        layout = next((link.target for link in links if link.kind.endswith("/slideLayout")), "")
        self._bullets = self._layout_bullets(layout)
        shapes = list(_shapes(root))
        shapes.sort(key=lambda shape: _placeholder(shape)[0] not in _TITLES)
        for shape in shapes:
            self._shape(shape)
        for link in links:
            if link.kind.endswith("/notesSlide"):
                for shape in _shapes(self._archive.xml(link.target)):
                    if _placeholder(shape)[0] == "body":
                        self._text(shape, listed=False)
        return root.get("show", "1") in _OFF

    def _shape(self, shape: etree._Element) -> None:
        kind, index = _placeholder(shape)
        if kind in _FURNITURE:
            return
        if shape.tag == _P + "graphicFrame":
            self._graphic(shape)
        elif kind in _TITLES:
            self._title(shape, kind)
        else:
            self._text(shape, listed=self._bullets.get(index, kind in _LISTS))

    def _title(self, shape: etree._Element, kind: str) -> None:
        text = " ".join(_text(paragraph) for paragraph in shape.iterfind(f"{_P}txBody/{_A}p"))
        deck_title = kind == "ctrTitle"
        self._builder.heading(text, 2 if self._below_a_deck_title and not deck_title else 1)
        self._below_a_deck_title = self._below_a_deck_title or deck_title

    def _text(self, shape: etree._Element, *, listed: bool) -> None:
        body = shape.find(_P + "txBody")
        styles = body.find(_A + "lstStyle") if body is not None else None
        for paragraph in body.iterfind(_A + "p") if body is not None else ():
            properties = paragraph.find(_A + "pPr")
            level = properties.get("lvl", "0") if properties is not None else "0"
            style = styles.find(f"{_A}lvl{int(level) + 1}pPr") if styles is not None and level in "012345678" else None
            bullet = next((found for found in (_bullet(properties), _bullet(style)) if found is not None), listed)
            self._builder.add("list_item" if bullet else "paragraph", _text(paragraph))

    def _graphic(self, frame: etree._Element) -> None:
        for table in frame.iter(_A + "tbl"):
            self._table(table)
        for chart in frame.iter(_C + "chart"):
            path = self._links.get(chart.get(_R + "id", ""))
            if path:
                for rows in chart_tables(self._archive.xml(path)):
                    self._builder.table(rows, 1)
        for diagram in frame.iter(_DIAGRAM + "relIds"):
            path = self._links.get(diagram.get(_R + "dm", ""))
            if path:
                for point in self._archive.xml(path).iter(_DIAGRAM + "t"):
                    self._builder.add("list_item", "\n".join(_text(paragraph) for paragraph in point.iterfind(_A + "p")))

    def _table(self, table: etree._Element) -> None:
        properties = table.find(_A + "tblPr")
        has_header = properties is not None and properties.get("firstRow", "0") not in _OFF
        grid = Grid()
        for place, row in enumerate(table.iterfind(_A + "tr")):
            grid.open_row()
            for cell in row.iterfind(_A + "tc"):
                if cell.get("hMerge", "0") in _OFF and cell.get("vMerge", "0") in _OFF:
                    text = " ".join(_text(paragraph) for paragraph in cell.iterfind(f"{_A}txBody/{_A}p"))
                    grid.cell(text, columns=_count(cell, "gridSpan"), rows=_count(cell, "rowSpan"))
            grid.close_row(header=has_header and not place)
        self._builder.table(grid.rows, grid.header_rows or None)

    def _layout_bullets(self, path: str) -> dict[str, bool]:
        """What a layout says about bullets, by its placeholders' index; nothing where it leaves it to the master."""
        if path not in self._layouts:
            self._layouts[path] = {}
            for shape in _shapes(self._archive.xml(path)) if path else ():
                bullet = _bullet(shape.find(f"{_P}txBody/{_A}lstStyle/{_A}lvl1pPr"))
                kind, index = _placeholder(shape)
                if kind and bullet is not None:
                    self._layouts[path][index] = bullet
        return self._layouts[path]


def _shapes(root: etree._Element) -> Iterator[etree._Element]:
    """Shapes with text and frames with tables, charts or diagrams, groups opened."""
    for tree in root.iterfind(f"{_P}cSld/{_P}spTree"):
        yield from _within(tree)


def _within(group: etree._Element) -> Iterator[etree._Element]:
    for child in group:
        if child.tag in (_P + "sp", _P + "graphicFrame"):
            yield child
        elif child.tag == _P + "grpSp":
            yield from _within(child)
        elif child.tag == _ALTERNATIVES:
            yield from _within(next((choice for choice in child if len(choice)), child))


def _placeholder(shape: etree._Element) -> tuple[str, str]:
    """A placeholder's sort and index; empty for a shape that is none."""
    found = shape.find(f"*/{_P}nvPr/{_P}ph")
    return (found.get("type", "obj"), found.get("idx", "0")) if found is not None else ("", "")


def _bullet(properties: etree._Element | None) -> bool | None:
    """Whether the properties put a bullet before a paragraph; None where they are silent."""
    return next((_BULLETS[child.tag] for child in properties if child.tag in _BULLETS), None) if properties is not None else None


def _text(paragraph: etree._Element) -> str:
    elements = paragraph.iter(_A + "t", _A + "br", _MATH_TEXT)
    return "".join("\n" if element.tag == _A + "br" else element.text or "" for element in elements)


def _count(cell: etree._Element, name: str) -> int:
    value = cell.get(name, "1")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 5 else 1
