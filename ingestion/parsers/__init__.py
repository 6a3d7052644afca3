"""From a file's bytes to its canonical text and blocks: one file a format, chosen here by content first and name second."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import PurePath
from types import MappingProxyType

from assistant.errors import CorruptFile, EmptyFile, EncryptedFile, UnsupportedFormat
from assistant.types import ParsedDocument

# A document is read anew when this changes: raise it with every change of what a parser makes of the same bytes.
PARSER_VERSION = "1"

_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

SUPPORTED: Mapping[str, str] = MappingProxyType(
    {
        ".pdf": "application/pdf",
        ".md": "text/markdown",
        ".markdown": "text/markdown",
        ".html": "text/html",
        ".htm": "text/html",
        ".docx": _WORD,
        ".txt": "text/plain",
        ".text": "text/plain",
        ".csv": "text/csv",
        ".tsv": "text/tab-separated-values",
    }
)
"""Media type by extension, lower case with its dot."""

_PARSERS = {
    "application/pdf": ("ingestion.parsers.pdf", "parse_pdf"),
    "text/markdown": ("ingestion.parsers.markdown", "parse_markdown"),
    "text/html": ("ingestion.parsers.html", "parse_html"),
    _WORD: ("ingestion.parsers.docx", "parse_docx"),
    "text/plain": ("ingestion.parsers.plain_text", "parse_plain_text"),
    "text/csv": ("ingestion.parsers.csv_table", "parse_csv_table"),
    "text/tab-separated-values": ("ingestion.parsers.csv_table", "parse_csv_table"),
}
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_OTHER_MAGIC = {
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"II*\x00": "a picture",
    b"MM\x00*": "a picture",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
    b"\x1f\x8b": "an archive",
    b"7z\xbc\xaf": "an archive",
    b"Rar!": "an archive",
    b"{\\rtf": "an RTF document",
    b"SQLite format 3": "a database",
}


def parse(data: bytes, name: str) -> ParsedDocument:
    """The document in `data`; `name` is its file name, for its extension, its messages and, failing better, its title.

    Pure: the same bytes and name give the same document. Raises UnsupportedFormat, EmptyFile, EncryptedFile, CorruptFile or
    FileTooLarge, each with a reason to show to people.
    """
    module, function = _PARSERS[media_type(data, name)]
    parser: Callable[[bytes, str], ParsedDocument] = getattr(import_module(module), function)
    return parser(data, name)


def media_type(data: bytes, name: str) -> str:
    """What the file is: by its first bytes where they are certain, else by its extension. Raises as `parse` does."""
    extension = PurePath(name).suffix.lower()
    by_name = SUPPORTED.get(extension, "")
    if not data.strip(b"\x00 \t\r\n"):
        raise EmptyFile(f"'{name}' is empty ({len(data)} bytes).")
    if data.startswith(b"%PDF-"):
        return "application/pdf"
    if data.startswith((_ZIP, _EMPTY_ZIP)):
        return _zipped(data, name, by_name)
    if data.startswith(_OLE):
        raise _old_office(data, name)
    other = next((what for magic, what in _OTHER_MAGIC.items() if data.startswith(magic)), "")
    if other:
        raise UnsupportedFormat(f"'{name}' is {other} inside. {_what_is_read()}")
    if by_name == _WORD:
        raise CorruptFile(f"'{name}' is not a Word file inside: it does not begin as one. Open it in Word and save it again.")
    if not by_name:
        unknown = f"the extension {extension!r}" if extension else "no extension"
        raise UnsupportedFormat(f"'{name}' has {unknown}. {_what_is_read()}")
    return by_name


def _zipped(data: bytes, name: str, by_name: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            names = set(file.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        if by_name == _WORD:
            raise CorruptFile(f"'{name}' is cut off or damaged: {error}. Copy it again from where it came from.") from error
        raise UnsupportedFormat(f"'{name}' is an archive inside, and a damaged one. {_what_is_read()}") from error
    if any(entry.startswith("word/") and entry.endswith(".xml") for entry in names):
        return _WORD
    if by_name == _WORD:
        raise CorruptFile(f"'{name}' is a zip file without a Word document in it. Check that it is the file you meant.")
    raise UnsupportedFormat(f"'{name}' is an archive or another office format inside. {_what_is_read()}")


def _old_office(data: bytes, name: str) -> EncryptedFile | UnsupportedFormat:
    # Word wraps a document with a password in the container of its older formats.
    if _OLE_ENCRYPTED in data:
        return EncryptedFile(f"'{name}' is protected by a password. Save it without one.")
    return UnsupportedFormat(f"'{name}' is in an old Office format (.doc, .xls, .ppt). Save it as .docx or PDF.")


def _what_is_read() -> str:
    return f"Footnote reads {', '.join(SUPPORTED)}."
