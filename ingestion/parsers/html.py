"""Reads HTML as a browser shows it: white space folded, what is hidden left out, tables by rows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from assistant.types import BlockKind, ParsedDocument
from ingestion.parsers.decoding import decode
from ingestion.parsers.grid import Grid
from ingestion.parsers.html_depth import refuse_deep
from ingestion.parsers.text_builder import TextBuilder

MEDIA_TYPE = "text/html"

_LEFT_OUT = frozenset(
    "head script style noscript template svg nav button input select textarea datalist option iframe object embed canvas "  # noqa: SIM905
    "audio video map meter progress rp rt annotation annotation-xml -comment !doctype".split()
)
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure "  # noqa: SIM905
    "footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu ol p pre search section summary table tbody td "
    "tfoot th thead tr ul".split()
)
_KINDS: dict[str, BlockKind] = {
    "li": "list_item", "dt": "list_item", "dd": "list_item", "figcaption": "caption", "caption": "caption", "pre": "code",
}  # fmt: skip
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_KINDS.update(dict.fromkeys(_HEADINGS, "heading"))

_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w:.-]{2,40})", re.IGNORECASE)
_MAY_BE_HIDDEN = '[hidden], [style*="none"], [style*="hidden"], dialog:not([open]), [role="navigation"]'
_HIDING_STYLE = re.compile(r"(?:\A|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_FOLDED = re.compile(r"[ \t\n\r\f]+")
_LINE_BREAK = "\0"
_SIGNS_BEFORE = frozenset(("$", "€", "£", "¥", "(", "$(", "€(", "£("))
_SIGNS_AFTER = frozenset((")", "%", ")%", "€", "£"))


def parse_html(data: bytes, name: str) -> ParsedDocument:
    """Scripts, navigation, form controls and hidden elements are left out; a table that only lays out the page (it holds another
    table, a heading, or one column) is read as flowing text. Nesting may be of any depth."""
    declared = _META_CHARSET.search(data[:4096])
    text, notices = decode(data, name, declared[1].decode("ascii", "replace") if declared else "")
    refuse_deep(text, name)
    builder = TextBuilder()
    tree = LexborHTMLParser(text)
    _Reader(builder, tree).read()
    title = tree.css_first("head > title")
    return builder.finish(name, MEDIA_TYPE, title=title.text() if title else "", notices=notices)


def add_html(builder: TextBuilder, markup: str) -> None:
    """Append the blocks of a piece of HTML. Raises CorruptFile where it is nested without end."""
    refuse_deep(markup, "the HTML in it")
    _Reader(builder, LexborHTMLParser(markup)).read()


class _Reader:
    """One pass over a tree, with what is open at each moment."""

    def __init__(self, builder: TextBuilder, tree: LexborHTMLParser) -> None:
        self._builder = builder
        self._root = tree.root
        self._hidden = {node.mem_id for node in tree.css(_MAY_BE_HIDDEN) if _is_hidden(node)}
        self._grids_wanted = _data_tables(tree)
        self._pieces: list[str] = []
        self._kinds: list[str] = []
        self._preformatted = 0
        self._grid: Grid | None = None
        self._in_cell = False
        self._in_head = False
        self._row_of_headers = False

    def read(self) -> None:
        for node, entering in _walk(self._root, self._hidden):
            tag = node.tag
            if tag == "-text":
                self._pieces.append(node.text_content or "")
            elif tag == "br":
                self._pieces.append(_LINE_BREAK)
            elif tag == "img":
                self._pieces.append(node.attributes.get("alt") or "")
            elif tag not in _BLOCKS:
                continue
            elif self._in_cell and tag not in ("td", "th"):
                self._pieces.append(_LINE_BREAK)
            elif entering:
                self._enter(node, tag)
            else:
                self._leave(node, tag)
        self._flush()

    def _enter(self, node: LexborNode, tag: str) -> None:
        self._flush()
        if tag in _KINDS:
            self._kinds.append(tag)
            self._preformatted += tag == "pre"
        elif tag == "table" and node.mem_id in self._grids_wanted:
            self._grid = Grid()
            self._in_head = False
        elif self._grid is not None:
            if tag == "thead":
                self._in_head = True
            elif tag == "tr":
                self._grid.open_row()
                self._row_of_headers = True
            elif tag in ("td", "th"):
                self._in_cell = True

    def _leave(self, node: LexborNode, tag: str) -> None:
        if self._grid is not None and tag in ("td", "th"):
            self._row_of_headers = self._row_of_headers and tag == "th"
            attributes = node.attributes
            text = _shown(self._pieces).replace("\n", " ")
            self._grid.cell(text, columns=_count(attributes.get("colspan")), rows=_count(attributes.get("rowspan")))
            self._pieces = []
            self._in_cell = False
            return
        self._flush()
        if tag in _KINDS:
            self._kinds.pop()
            self._preformatted -= tag == "pre"
        elif self._grid is not None:
            if tag == "tr":
                self._grid.close_row(header=self._in_head or self._row_of_headers)
            elif tag == "thead":
                self._in_head = False
            elif tag == "table":
                rows = [_with_signs_joined(row) for row in self._grid.rows]
                self._builder.table(rows, self._grid.header_rows or None)
                self._grid = None

    def _flush(self) -> None:
        """End the block: what was collected goes to the builder."""
        if not self._pieces:
            return
        pieces, self._pieces = self._pieces, []
        if self._preformatted:
            self._builder.add("code", "".join(pieces).replace(_LINE_BREAK, "\n").replace("\f", " "))
            return
        tag = self._kinds[-1] if self._kinds else ""
        if tag in _HEADINGS:
            self._builder.heading(_shown(pieces), _HEADINGS[tag])
        else:
            self._builder.add(_KINDS.get(tag, "paragraph"), _shown(pieces))


def _walk(root: LexborNode | None, hidden: set[int]) -> Iterator[tuple[LexborNode, bool]]:
    """Every node that is shown, in document order: (node, True) on the way in, (node, False) on the way out."""
    node = root
    path: list[LexborNode] = []
    while node is not None:
        below = None
        if node.tag not in _LEFT_OUT and not (hidden and node.mem_id in hidden):
            yield node, True
            below = node.first_child
            if below is None and node.tag not in ("-text", "br", "img"):
                yield node, False
        if below is not None:
            path.append(node)
            node = below
            continue
        beside = node.next if path else None
        while beside is None and path:
            node = path.pop()
            yield node, False
            beside = node.next if path else None
        node = beside


def _is_hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    if "hidden" in attributes or node.tag == "dialog" or attributes.get("role") == "navigation":
        return True
    return bool(_HIDING_STYLE.search(attributes.get("style") or ""))


def _data_tables(tree: LexborHTMLParser) -> set[int]:
    """The tables with two columns or more that hold neither a table nor a heading."""
    found = {_table_of(cell) for cell in tree.css("td ~ td, td ~ th, th ~ td, th ~ th")}
    if found:
        found -= {_table_of(node) for node in tree.css("table, h1, h2, h3, h4, h5, h6")}
        found -= {node.mem_id for node in tree.css('table[role="presentation"], table[role="none"]')}
    return found - {0}


def _table_of(node: LexborNode) -> int:
    """The innermost table above the node; 0 where there is none."""
    above = node.parent
    while above is not None and above.tag != "table":
        above = above.parent
    return above.mem_id if above is not None else 0


def _shown(pieces: list[str]) -> str:
    lines = _FOLDED.sub(" ", "".join(pieces)).split(_LINE_BREAK)
    return "\n".join(line.strip(" ") for line in lines)


def _with_signs_joined(row: list[str]) -> list[str]:
    """A currency sign or closing bracket that has a cell of its own, as in company filings, goes to its number."""
    cells = list(row)
    for place, cell in enumerate(cells):
        if cell in _SIGNS_BEFORE:
            beside = next((other for other in range(place + 1, len(cells)) if cells[other]), None)
            if beside is not None and cells[beside][0].isdigit() | (cells[beside][0] in "(-—–"):
                cells[place], cells[beside] = "", cell + cells[beside]
        elif cell in _SIGNS_AFTER and place and cells[place - 1][-1:].isdigit():
            cells[place - 1], cells[place] = cells[place - 1] + cell, ""
    return cells


def _count(value: str | None) -> int:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 6 else 1
