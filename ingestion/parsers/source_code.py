"""Reads source code and configuration as it is: a block for every part that begins at the margin below an empty line."""

from __future__ import annotations

import re

from assistant.types import ParsedDocument
from ingestion.parsers.decoding import decode
from ingestion.parsers.text_builder import PAGE_BREAK, TextBuilder

MEDIA_TYPE = "text/x-source-code"

# A part begins after empty lines with a line at the margin, other than one that closes what is above it.
_PARTS = re.compile(r"\n(?:[^\S\n]*\n)+(?=[^\s)\]}])")
_DECLARED = re.compile(rb"\A(?:[^\n]*\n)?[^\n]{0,40}coding[:=][ \t]*([-\w.]{2,40})")


def parse_source_code(data: bytes, name: str) -> ParsedDocument:
    """The text of each block is that of the file, line ends aside. The title is the file's whole name."""
    declared = _DECLARED.match(data[:400])
    text, notices = decode(data, name, declared[1].decode("ascii", "replace") if declared else "")
    builder = TextBuilder()
    for part in _PARTS.split(text.replace("\r\n", "\n").replace("\r", "\n").replace(PAGE_BREAK, "")):
        builder.add("code", part.lstrip("\n"))
    return builder.finish(name, MEDIA_TYPE, title=name.rpartition("/")[2], notices=notices)
