"""Reads RTF: headings by style, lists, tables, notes and text boxes, pages by the breaks that were set."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from assistant.errors import CorruptFile
from assistant.types import ParsedDocument
from ingestion.parsers.docx_styles import Style
from ingestion.parsers.rtf_layout import Layout, heading_level, joined
from ingestion.parsers.rtf_tokens import CHARACTERS, SYMBOLS, Token, codec_of_charset, codec_of_page, tokens
from ingestion.parsers.text_builder import PAGE_BREAK, TextBuilder

MEDIA_TYPE = "application/rtf"

_MARK = b"{\\rtf"
_HEADING = re.compile(r"heading ([1-9])\Z")
_PAGES = {"mac": 10000, "pc": 437, "pca": 850}
_LEFT_OUT = frozenset(
    "pict fldinst header headerl headerr headerf footer footerl footerr footerf ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn "  # noqa: SIM905
    "colortbl filetbl revtbl nonshppict shprslt sn sv xe tc tcn txe rxe private objclass objdata listname bkmkstart bkmkend".split()
)
_LIST_MARKS = ("listtext", "pntext")
_MEANT = (
    _LEFT_OUT
    | CHARACTERS.keys()
    | frozenset(
        "par sect cell row trowd trhdr page softpage sbknone sbkcol plain v deleted f uc pard s outlinelevel ls intbl pagebb footnote "  # noqa: SIM905
        "shptxt fonttbl stylesheet info title fcharset cpg sbasedon ansicpg mac pc pca deff u listtext pntext".split()
    )
)
# Destinations that an older program may ignore, and we do not.
_KNOWN_EXTRA = ("shpinst", "shptxt", "footnote")


def parse_rtf(data: bytes, name: str) -> ParsedDocument:
    """Hidden and deleted text, headers, footers and pictures are left out. A note follows the paragraph that calls it, a text box
    the one that it hangs on. Raises CorruptFile or EmptyFile."""
    if not data.lstrip().startswith(_MARK):
        raise CorruptFile(f"'{name}' is not an RTF document inside. Check that it is the file you meant.")
    builder = TextBuilder()
    reader = _Reader(builder)
    for token in tokens(data):
        reader.take(token)
    reader.end()
    return builder.finish(name, MEDIA_TYPE, title=reader.title)


class _State(NamedTuple):
    """What a group inherits and loses at its end: where its text goes ("text", "fonts", "styles", "title", "" for nowhere), and
    the properties of characters and paragraphs."""

    destination: str = "text"
    font: int | None = None
    fallbacks: int = 1
    hidden: bool = False
    style: str = ""
    outline: int | None = None
    listed: bool = False
    in_table: bool = False
    page_before: bool = False


@dataclass(slots=True)
class _Flow:
    """A run of paragraphs: the body, or a note or text box within it, that ends with the group at `depth`."""

    depth: int
    pieces: list[str] = field(default_factory=list)
    paragraphs: list[str] = field(default_factory=list)


class _Reader:
    """Takes one token after another. Groups lie on a stack of its own, so they may be nested to any depth."""

    def __init__(self, builder: TextBuilder) -> None:
        self.title = ""
        self._layout = Layout(builder)
        self._state = _State()
        self._groups: list[_State] = []
        self._flows = [_Flow(0)]
        self._later: list[str] = []
        self._bytes = bytearray()
        self._to_skip = 0
        self._optional = False
        self._codec = "cp1252"
        self._fonts: dict[int, str] = {}
        self._default_font = 0
        self._name = ""
        self._based_on = ""
        self._list_mark = False
        self._section_break = False

    def take(self, token: Token) -> None:
        match token.kind:
            case "open":
                self._decode()
                self._to_skip, self._optional = 0, False
                self._groups.append(self._state)
            case "close":
                self._close_group()
            case "text":
                text = token.text[self._to_skip :]
                self._to_skip = max(self._to_skip - len(token.text), 0)
                self._bytes.extend(text.encode("latin-1"))
            case _ if self._to_skip:
                self._to_skip -= 1
            case "byte":
                self._bytes.extend(token.text.encode("latin-1"))
            case "symbol":
                self._symbol(token.text)
            case _:
                self._decode()
                self._word(token.text, token.number)
                self._optional = False

    def end(self) -> None:
        """Append what is still open."""
        self._decode()
        while len(self._flows) > 1:
            self._end_flow()
        self._end_paragraph()
        self._layout.end()

    def _close_group(self) -> None:
        self._decode()
        self._to_skip = 0
        if self._state.destination == "styles" and self._name.strip(" ;"):
            self._add_style()
        self._name = ""
        if len(self._flows) > 1 and self._flows[-1].depth == len(self._groups):
            self._end_flow()
        if self._groups:
            self._state = self._groups.pop()

    def _symbol(self, symbol: str) -> None:
        if symbol == "*":
            self._optional = True
        elif symbol in "\r\n":
            self._decode()
            self._word("par", None)
        elif symbol in CHARACTERS:
            self._decode()
            self._write(CHARACTERS[symbol])

    def _word(self, word: str, number: int | None) -> None:
        state = self._state
        if word not in _MEANT and not self._optional:
            return
        if word in _LEFT_OUT or word in _LIST_MARKS or (self._optional and word not in _KNOWN_EXTRA):
            self._list_mark = self._list_mark or (word in _LIST_MARKS and state.destination == "text")
            self._state = state._replace(destination="")
        elif word == "u" and number is not None:
            self._write(chr(number % 0x10000))
            self._to_skip = state.fallbacks
        elif word in CHARACTERS:
            self._write(CHARACTERS[word])
        elif state.destination == "text" and self._structure(word):
            return
        elif not self._character_property(word, number) and not self._paragraph_property(word, number):
            self._destination(word, number)

    def _structure(self, word: str) -> bool:
        """Whether the word ends a paragraph, cell, row, section or page, or begins a row."""
        match word:
            case "par" | "sect":
                self._end_paragraph()
                self._section_break = self._section_break or word == "sect"
            case "cell":
                flow = self._flows[-1]
                self._layout.cell(" ".join([*flow.paragraphs, joined(flow.pieces)]))
                flow.paragraphs, flow.pieces = [], []
            case "row":
                self._layout.end_row()
            case "trowd":
                self._layout.row_is_header = False
            case "trhdr":
                self._layout.row_is_header = True
            case "page" | "softpage":
                self._write(PAGE_BREAK)
            case "sbknone" | "sbkcol":
                self._section_break = False
            case _:
                return False
        return True

    def _character_property(self, word: str, number: int | None) -> bool:
        state = self._state
        match word:
            case "plain":
                self._state = state._replace(hidden=False, font=None)
            case "v" | "deleted":
                self._state = state._replace(hidden=number != 0)
            case "f" if number is not None:
                self._state = state._replace(font=number)
            case "uc":
                self._state = state._replace(fallbacks=min(max(number or 0, 0), 100))
            case _:
                return False
        return True

    def _paragraph_property(self, word: str, number: int | None) -> bool:
        state = self._state
        match word:
            case "pard":
                self._state = state._replace(style="", outline=None, listed=False, in_table=False, page_before=False)
            case "s":
                self._state = state._replace(style=str(number or 0))
            case "outlinelevel":
                self._state = state._replace(outline=number)
            case "ls":
                self._state = state._replace(listed=bool(number))
            case "intbl":
                self._state = state._replace(in_table=True)
            case "pagebb":
                self._state = state._replace(page_before=number != 0)
            case _:
                return False
        return True

    def _destination(self, word: str, number: int | None) -> None:
        state = self._state
        match word:
            case "footnote" | "shptxt" if state.destination == "text":
                self._flows.append(_Flow(len(self._groups)))
                self._state = state._replace(in_table=False)
            case "fonttbl":
                self._state = state._replace(destination="fonts")
            case "stylesheet":
                self._state = state._replace(destination="styles")
            case "info":
                self._state = state._replace(destination="properties")
            case "title" if state.destination == "properties":
                self._state = state._replace(destination="title")
            case "fcharset" if state.destination == "fonts":
                self._fonts[state.font or 0] = "symbols" if number == SYMBOLS else codec_of_charset(number or 0)
            case "cpg" if state.destination == "fonts":
                self._fonts[state.font or 0] = codec_of_page(number or 0)
            case "sbasedon":
                self._based_on = str(number)
            case "ansicpg":
                self._codec = codec_of_page(number or 0)
            case "mac" | "pc" | "pca":
                self._codec = codec_of_page(_PAGES[word])
            case "deff":
                self._default_font = number or 0

    def _decode(self) -> None:
        """Write the bytes that were collected, in the code page of their font."""
        if not self._bytes:
            return
        font = self._default_font if self._state.font is None else self._state.font
        codec = self._fonts.get(font, "") or self._codec
        text = self._bytes.decode("cp1252" if codec == "symbols" else codec, "replace")
        if codec == "symbols" and self._state.destination == "text":
            text = "".join(character for character in text if character in " \t")
        self._bytes.clear()
        self._write(text.replace(PAGE_BREAK, " "))

    def _write(self, text: str) -> None:
        match self._state.destination:
            case "text" if not self._state.hidden:
                if self._section_break and not text.isspace():
                    self._flows[-1].pieces.append(PAGE_BREAK)
                    self._section_break = False
                self._flows[-1].pieces.append(text)
            case "styles":
                self._name += text
            case "title":
                self.title += text

    def _add_style(self) -> None:
        name = self._name.split(";")[0].strip().lower()
        heading = _HEADING.match(name)
        level = heading_level(self._state.outline)
        if level is None:
            level = int(heading[1]) if heading else 1 if name == "title" else None
        self._layout.styles.by_id[self._state.style or "0"] = Style(name, self._based_on, level)
        self._based_on = ""

    def _end_paragraph(self) -> None:
        flow, state = self._flows[-1], self._state
        text, flow.pieces = joined(flow.pieces), []
        listed, self._list_mark = self._list_mark or state.listed, False
        if state.in_table or len(self._flows) > 1:
            flow.paragraphs.append(text)
        else:
            level = heading_level(state.outline)
            style = Style(state.style, level=level, listed=listed)
            self._layout.paragraph(text, style, page_before=state.page_before)

    def _end_flow(self) -> None:
        """The end of a note or text box."""
        flow = self._flows.pop()
        self._layout.add_later([*flow.paragraphs, joined(flow.pieces)])
