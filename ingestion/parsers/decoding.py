"""Turns bytes into text: byte order mark, declared encoding, UTF-8, then a guess that is said aloud."""

from __future__ import annotations

import codecs
import re

from assistant.errors import CorruptFile

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Python has text codecs that are no encodings of documents (utf-7, unicode_escape, punycode); a label may name only these.
_KNOWN = re.compile(r"utf-8|utf-16|iso8859|cp\d|koi8|mac|shift_jis|euc|gb|big5|tis-620|iso2022_jp|ascii|johab|hz")
# What browsers read under these labels: the encoding.spec.whatwg.org table.
_AS_BROWSERS_DO = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "utf-16": "utf-8",
    "utf-16-le": "utf-8",
    "utf-16-be": "utf-8",
}
_WESTERN = frozenset("àâäáãåçéèêëíìîïñóòôöõøúùûüßÀÂÄÁÃÅÇÉÈÊËÍÎÑÓÔÖÕØÚÜ‘’“”„–—…«»°€£§ºª\xa0·•")
_SAMPLE_BYTES = 200_000
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_JAPANESE_MAIL = b"\x1b$B"
_REPLACEMENT = "\ufffd"


def decode(data: bytes, name: str, declared: str = "") -> tuple[str, tuple[str, ...]]:
    """The text, and a notice where the encoding had to be guessed. Raises CorruptFile for bytes that are no text."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _checked(data[len(mark) :].decode(encoding, "replace"), name), ()
    wide = _wide_encoding(data)
    if wide:
        return _checked(data.decode(wide, "replace"), name), (_notice(wide),)
    if _JAPANESE_MAIL in data and data.isascii():
        return _checked(data.decode("iso2022_jp", "replace"), name), ()
    try:
        return _checked(data.decode("utf-8"), name), ()
    except UnicodeDecodeError:
        pass
    encoding = _codec(declared)
    if encoding and encoding != "utf-8":
        return _checked(data.decode(encoding, "replace"), name), ()
    return _guessed(data, name)


def _guessed(data: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    lenient = data.decode("utf-8", "replace")
    bad = lenient.count(_REPLACEMENT)
    if bad * 10 <= sum(1 for character in lenient if character > "\x7f"):
        return _checked(lenient, name), (f"Not quite UTF-8: {bad} unreadable bytes are shown as {_REPLACEMENT}.",)

    from charset_normalizer import from_bytes

    telling = b"\n".join(line for line in data.splitlines() if not line.isascii())
    best = from_bytes(telling[:_SAMPLE_BYTES]).best()
    if best is None:
        raise CorruptFile(f"'{name}' is not text in any encoding we know. Save it as UTF-8, or check the file.")
    # Short text fits dozens of single-byte code pages alike, so the most common of all is tried by the letters that it gives.
    encoding = "cp1252" if not best.multi_byte_usage and _is_western(telling) else best.encoding
    text = data.decode(encoding, "replace")
    return _checked(text, name), (_notice(encoding),)


def _is_western(data: bytes) -> bool:
    """Whether nearly all that is not ASCII reads, as Windows-1252, as letters and signs of western European languages."""
    try:
        beyond_ascii = [character for character in data.decode("cp1252") if character > "\x7f"]
    except UnicodeDecodeError:
        return False
    return sum(character in _WESTERN for character in beyond_ascii) >= 0.95 * len(beyond_ascii)


def _wide_encoding(data: bytes) -> str:
    """UTF-16 without a mark: text that is mostly Latin has a zero in every second byte."""
    sample = data[:4000]
    if len(sample) < 4 or len(sample) % 2:
        return ""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.4 * half and odd < 0.05 * half:
        return "utf-16-be"
    return ""


def _codec(label: str) -> str:
    try:
        encoding = codecs.lookup(label.strip()).name if label.isascii() else ""
    except LookupError:
        return ""
    encoding = _AS_BROWSERS_DO.get(encoding, encoding)
    return encoding if _KNOWN.match(encoding) else ""


def _checked(text: str, name: str) -> str:
    controls = len(_CONTROLS.findall(text))
    if controls > 0.02 * len(text) and controls > 8:
        raise CorruptFile(f"'{name}' holds binary content ({controls} control characters), not text. Check the file.")
    return text


def _notice(encoding: str) -> str:
    return f"Encoding guessed: {encoding}. If letters look wrong, save the file as UTF-8."
