"""Reads Markdown (CommonMark with tables and strikethrough) as it reads when rendered: no syntax, no addresses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token

from assistant.types import BlockKind, ParsedDocument
from ingestion.parsers.decoding import decode
from ingestion.parsers.html import add_html
from ingestion.parsers.plain_text import add_plain_text
from ingestion.parsers.text_builder import TextBuilder

MEDIA_TYPE = "text/markdown"

# markdown-it-py 4 recurses for each level and drops in silence what lies deeper than its limit.
_DEEPEST = 100

_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)[^\S\n]*\n(.*?)^(?:\1|\.\.\.)[^\S\n]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r"^title[^\S\n]*[:=][^\S\n]*(.+?)[^\S\n]*$", re.MULTILINE | re.IGNORECASE)
_LINE_BREAK_TAG = re.compile(r"<br\b", re.IGNORECASE)


def parse_markdown(data: bytes, name: str) -> ParsedDocument:
    """Links keep their text, images their description, raw HTML its text. Front matter is left out, but its title is used.
    A document nested more than 100 levels deep is read as plain text, with a notice."""
    text, notices = decode(data, name)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    title = ""
    front = _FRONT_MATTER.match(text)
    if front:
        named = _TITLE.search(front[2])
        title = named[1].strip("\"'") if named else ""
        text = text[front.end() :]
    builder = TextBuilder()
    tokens = _tokens(text)
    if tokens is None:
        add_plain_text(builder, text)
        notices = (*notices, f"Nested more than {_DEEPEST} levels deep, so it was read as plain text.")
    else:
        _Walk(builder).through(tokens)
    return builder.finish(name, MEDIA_TYPE, title=title, notices=notices)


def _tokens(text: str) -> list[Token] | None:
    """The document's block tokens; None where it is nested too deeply to be parsed whole."""
    parser = MarkdownIt("commonmark", {"maxNesting": _DEEPEST}).enable(["table", "strikethrough"])
    try:
        tokens = parser.parse(text)
    except RecursionError:
        return None
    deepest = max((token.level for token in tokens), default=0)
    return tokens if deepest < _DEEPEST - 1 else None


@dataclass
class _Walk:
    """Goes through the flat list of block tokens and keeps what is open."""

    builder: TextBuilder
    list_depth: int = 0
    heading_level: int = 0
    in_cell: bool = False
    rows: list[list[str]] = field(default_factory=list)
    header_rows: int = 0

    def through(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            match token.type:
                case "bullet_list_open" | "ordered_list_open":
                    self.list_depth += 1
                case "bullet_list_close" | "ordered_list_close":
                    self.list_depth -= 1
                case "heading_open":
                    self.heading_level = int(token.tag[1:])
                case "heading_close":
                    self.heading_level = 0
                case "fence" | "code_block":
                    self.builder.add("code", token.content)
                case "html_block":
                    add_html(self.builder, token.content)
                case "inline":
                    self._text(_inline_text(token.children or []))
                case _:
                    self._table_token(token)

    def _text(self, text: str) -> None:
        if self.in_cell:
            self.rows[-1][-1] = text
        elif self.heading_level:
            self.builder.heading(text, self.heading_level)
        else:
            kind: BlockKind = "list_item" if self.list_depth else "paragraph"
            self.builder.add(kind, text)

    def _table_token(self, token: Token) -> None:
        match token.type:
            case "table_open":
                self.rows, self.header_rows = [], 0
            case "tr_open":
                self.rows.append([])
            case "th_open" | "td_open":
                self.in_cell = True
                self.rows[-1].append("")
            case "th_close" | "td_close":
                self.in_cell = False
            case "thead_close":
                self.header_rows = len(self.rows)
            case "table_close":
                self.builder.table(self.rows, self.header_rows)


def _inline_text(children: Sequence[Token]) -> str:
    """The text that a reader sees: line ends of the source are spaces, hard breaks are line ends."""
    pieces: list[str] = []
    for child in children:
        match child.type:
            case "text" | "code_inline":
                pieces.append(child.content)
            case "image":
                pieces.append(_inline_text(child.children or []))
            case "softbreak":
                pieces.append(" ")
            case "hardbreak":
                pieces.append("\n")
            case "html_inline" if _LINE_BREAK_TAG.match(child.content):
                pieces.append("\n")
    return "\n".join(line.strip(" ") for line in "".join(pieces).split("\n"))
