"""Knows how an RTF file is written: its tokens, its special characters and its code pages. Rich Text Format 1.9.1."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n\x00]+|([^\\{}\r\n\x00]+)", re.DOTALL
)

CHARACTERS = {
    "tab": "\t", "line": "\n", "lbr": "\n", "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“",
    "rdblquote": "”", "bullet": "•", "emspace": " ", "enspace": " ", "qmspace": " ", "nestcell": "\t", "nestrow": "\n",
    "~": " ", "_": "-", "{": "{", "}": "}", "\\": "\\", "\t": "\t",
}  # fmt: skip
"""What control words and control symbols stand for."""

_BY_CHARSET = {
    0: 1252, 77: 10000, 128: 932, 129: 949, 130: 1361, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258, 177: 1255, 178: 1256,
    186: 1257, 204: 1251, 222: 874, 238: 1250, 254: 437, 255: 850,
}  # fmt: skip
_NAMED_CODECS = {10000: "mac_roman", 936: "gb18030", 1361: "johab", 65001: "utf-8", 20866: "koi8_r", 28591: "cp1252"}
SYMBOLS = 2
"""The character set of picture fonts: their bytes are no letters."""


class Token(NamedTuple):
    """`kind` is "open", "close", "word" (with `number`, None without one), "symbol", "byte" or "text"; each character of `text`
    is a byte of the file."""

    kind: str
    text: str = ""
    number: int | None = None


_OPEN, _CLOSE = Token("open"), Token("close")


def tokens(data: bytes) -> Iterator[Token]:
    """The file's tokens. Binary data is skipped; what is no RTF is text."""
    text = data.decode("latin-1")
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            # A backslash at the very end.
            return
        position = found.end()
        word, number, byte, symbol, brace, plain = found.groups()
        if plain is not None:
            yield Token("text", plain)
        elif word == "bin":
            position += max(int(number or 0), 0)
        elif word is not None:
            yield Token("word", word, None if number is None else int(number))
        elif byte is not None:
            yield Token("byte", chr(int(byte, 16)))
        elif brace is not None:
            yield _OPEN if brace == "{" else _CLOSE
        elif symbol is not None:
            yield Token("symbol", symbol)


def codec_of_page(page: int) -> str:
    """Python's name of a Windows code page; the western one where there is none such."""
    name = _NAMED_CODECS.get(page, f"cp{page}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "cp1252"


def codec_of_charset(charset: int) -> str:
    """Python's name of a font's character set; "" where the font follows the file, or holds pictures."""
    return codec_of_page(_BY_CHARSET[charset]) if charset in _BY_CHARSET else ""
