"""Reads plain text: paragraphs by blank lines, pages by form feeds, headings by their underlines."""

from __future__ import annotations

import re

from assistant.types import ParsedDocument
from ingestion.parsers.decoding import decode
from ingestion.parsers.text_builder import PAGE_BREAK, TextBuilder

MEDIA_TYPE = "text/plain"

_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")
_UNDERLINE = re.compile(r"(={3,}|-{3,})\s*\Z")
_LONGEST_HEADING = 80
_SENTENCE_END = (".", "!", "?", ",", ";", ":", "。", "！", "？")


def parse_plain_text(data: bytes, name: str) -> ParsedDocument:
    """Lines keep their ends. A short line without end punctuation, underlined by "===" (level 1) or "---" (level 2), is a
    heading."""
    text, notices = decode(data, name)
    builder = TextBuilder()
    add_plain_text(builder, text)
    return builder.finish(name, MEDIA_TYPE, notices=notices)


def add_plain_text(builder: TextBuilder, text: str) -> None:
    """Append the text's headings and paragraphs."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for place, page in enumerate(text.split(PAGE_BREAK)):
        if place:
            builder.break_page()
        for paragraph in _BLANK_LINES.split(page):
            _add_paragraph(builder, paragraph.strip("\n"))


def _add_paragraph(builder: TextBuilder, paragraph: str) -> None:
    lines = paragraph.split("\n")
    if len(lines) > 1 and _is_underlined(lines[0], lines[1]):
        builder.heading(lines[0], 1 if lines[1].startswith("=") else 2)
        lines = lines[2:]
    builder.add("paragraph", "\n".join(line.rstrip() for line in lines))


def _is_underlined(line: str, below: str) -> bool:
    title = line.strip()
    if not title or len(title) > _LONGEST_HEADING or title.endswith(_SENTENCE_END) or not _UNDERLINE.match(below):
        return False
    # Two gaps in a line make it a row of columns, and the line below a rule of a table.
    return "  " not in title and "\t" not in title and 2 * len(below.rstrip()) >= len(title)
