"""From a file's bytes to its canonical text and blocks: one file a format, chosen here by content first and name second."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import PurePath
from types import MappingProxyType

from assistant.errors import CorruptFile, EmptyFile, EncryptedFile, UnsupportedFormat
from assistant.types import ParsedDocument
from ingestion.parsers.other_types import OLD_SLIDES, OLD_WORD, OTHER_FORMATS, OUTLOOK, refuse_what_takes_a_model
from ingestion.parsers.picture_types import picture_type

# A document is read anew when this changes: raise it with every change of what a parser makes of the same bytes.
PARSER_VERSION = "2"

_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_SLIDES = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_OLD_WORKBOOK = "application/vnd.ms-excel"
_OPEN_TEXT = "application/vnd.oasis.opendocument.text"
_BOOK = "application/epub+zip"
_RTF = "application/rtf"
_HTML = "text/html"
_CODE = "text/x-source-code"
_PICTURES = ("image/png", "image/jpeg", "image/tiff", "image/gif", "image/bmp", "image/webp")

_CODE_EXTENSIONS = (
    ".py", ".js", ".mjs", ".jsx", ".ts", ".tsx", ".java", ".c", ".cc", ".cpp", ".h", ".hpp", ".go", ".rs", ".rb", ".php", ".cs", ".sh",
    ".sql", ".r", ".swift", ".kt", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".css",
)  # fmt: skip

SUPPORTED: Mapping[str, str] = MappingProxyType(
    {
        ".pdf": "application/pdf",
        ".md": "text/markdown",
        ".markdown": "text/markdown",
        ".html": _HTML,
        ".htm": _HTML,
        ".xhtml": _HTML,
        ".docx": _WORD,
        ".docm": _WORD,
        ".pptx": _SLIDES,
        ".pptm": _SLIDES,
        ".ppsx": _SLIDES,
        ".xlsx": _WORKBOOK,
        ".xlsm": _WORKBOOK,
        ".xls": _OLD_WORKBOOK,
        ".odt": _OPEN_TEXT,
        ".rtf": _RTF,
        ".epub": _BOOK,
        ".eml": "message/rfc822",
        ".txt": "text/plain",
        ".text": "text/plain",
        ".csv": "text/csv",
        ".tsv": "text/tab-separated-values",
        ".json": "application/json",
        ".jsonl": "application/x-ndjson",
        ".ndjson": "application/x-ndjson",
        ".png": "image/png",
        ".jpg": "image/jpeg",
        ".jpeg": "image/jpeg",
        ".tif": "image/tiff",
        ".tiff": "image/tiff",
        ".gif": "image/gif",
        ".bmp": "image/bmp",
        ".webp": "image/webp",
        ".xml": "application/xml",
        **OTHER_FORMATS,
        **dict.fromkeys(_CODE_EXTENSIONS, _CODE),
    }
)
"""Media type by extension, lower case with its dot."""

PICTURED = ("application/pdf", "image/")
"""How the media types begin whose pages can be drawn, and whose text may have to be recognised."""

_PARSERS = {
    "application/pdf": ("ingestion.parsers.pdf", "parse_pdf"),
    "text/markdown": ("ingestion.parsers.markdown", "parse_markdown"),
    _HTML: ("ingestion.parsers.html", "parse_html"),
    _WORD: ("ingestion.parsers.docx", "parse_docx"),
    _SLIDES: ("ingestion.parsers.pptx", "parse_pptx"),
    _WORKBOOK: ("ingestion.parsers.spreadsheet", "parse_xlsx"),
    _OLD_WORKBOOK: ("ingestion.parsers.spreadsheet", "parse_xls"),
    _OPEN_TEXT: ("ingestion.parsers.odt", "parse_odt"),
    _RTF: ("ingestion.parsers.rtf", "parse_rtf"),
    _BOOK: ("ingestion.parsers.epub", "parse_epub"),
    "message/rfc822": ("ingestion.parsers.email_message", "parse_email"),
    "text/plain": ("ingestion.parsers.plain_text", "parse_plain_text"),
    "application/xml": ("ingestion.parsers.xml_text", "parse_xml"),
    "text/csv": ("ingestion.parsers.csv_table", "parse_csv_table"),
    "text/tab-separated-values": ("ingestion.parsers.csv_table", "parse_csv_table"),
    "application/json": ("ingestion.parsers.json_records", "parse_json"),
    "application/x-ndjson": ("ingestion.parsers.json_records", "parse_json_lines"),
    _CODE: ("ingestion.parsers.source_code", "parse_source_code"),
    **dict.fromkeys(_PICTURES, ("ingestion.parsers.image", "parse_image")),
    **dict.fromkeys(OTHER_FORMATS.values(), ("ingestion.parsers.other_types", "parse_elsewhere")),
}
# What gives the documents within an e-mail, in the form of `attachments`.
_ATTACHMENTS = {
    ".eml": ("ingestion.parsers.email_message", "attachments"),
    ".msg": ("ingestion.parsers.outlook", "attachments"),
}
# Formats that can be told by their first bytes, with the program that saves them.
_BEGIN_AS_SUCH = {
    _WORD: ("a Word file", "Word"),
    _SLIDES: ("a PowerPoint file", "PowerPoint"),
    _WORKBOOK: ("an Excel file", "Excel"),
    _OLD_WORKBOOK: ("an Excel file", "Excel"),
    _OPEN_TEXT: ("an OpenDocument file", "the program that made it"),
    _RTF: ("an RTF file", "the program that made it"),
    _BOOK: ("an EPUB book", "the program that made it"),
    **dict.fromkeys(_PICTURES, ("a picture", "the program that made it")),
    OLD_WORD: ("a Word file", "Word"),
    OLD_SLIDES: ("a PowerPoint file", "PowerPoint"),
    OUTLOOK: ("an Outlook message", "Outlook"),
}
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_OLE_WORKBOOKS = ("Workbook\0".encode("utf-16-le"), "Book\0".encode("utf-16-le"))
_OLE_OTHERS = {
    OLD_WORD: "WordDocument".encode("utf-16-le"),
    OLD_SLIDES: "PowerPoint Document".encode("utf-16-le"),
    OUTLOOK: "__properties_version1.0".encode("utf-16-le"),
}
_WEB_PAGE = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}>\s*)?<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE)
# These may begin as a web page does and be what they are called.
_MAY_HOLD_MARKUP = ("text/markdown", _CODE, _HTML)
_OTHER_MAGIC = {
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
    b"\x1f\x8b": "an archive",
    b"7z\xbc\xaf": "an archive",
    b"Rar!": "an archive",
    b"SQLite format 3": "a database",
}


def parse(data: bytes, name: str) -> ParsedDocument:
    """The document in `data`; `name` is its file name, for its extension, its messages and, failing better, its title.

    Pure: the same bytes and name give the same document. Pages that are pictures have no text yet (`ParsedDocument.pictures`); in
    a scan no page has. Raises UnsupportedFormat, EmptyFile, EncryptedFile, CorruptFile or
    FileTooLarge, each with a reason to show to people.
    """
    found = media_type(data, name)
    module, function = _PARSERS[found]
    parser: Callable[[bytes, str], ParsedDocument] = getattr(import_module(module), function)
    document = parser(data, name)
    return with_its_name_checked(document, name, found)


def with_its_name_checked(document: ParsedDocument, name: str, found: str) -> ParsedDocument:
    """The document, with a notice where its file's name has the extension of another format than was `found`."""
    extension = PurePath(name).suffix.lower()
    if SUPPORTED.get(extension, found) == found:
        return document
    inside = next(usual for usual, kind in SUPPORTED.items() if kind == found)
    return replace(document, notices=(*document.notices, f"Named {extension}, but {inside} inside, and read as that."))


def may_have_attachments(name: str) -> bool:
    """Whether a file of this name may have others attached to it."""
    return PurePath(name).suffix.lower() in _ATTACHMENTS


def attachments(data: bytes, name: str) -> list[tuple[str, bytes]]:
    """The names and bytes of what is attached to an e-mail; nothing for other files. Raises CorruptFile."""
    if not may_have_attachments(name):
        return []
    module, function = _ATTACHMENTS[PurePath(name).suffix.lower()]
    find: Callable[[bytes], list[tuple[str, bytes]]] = getattr(import_module(module), function)
    return find(data)


def media_type(data: bytes, name: str) -> str:
    """What the file is: by its first bytes where they are certain, else by its extension. Raises as `parse` does."""
    by_name = SUPPORTED.get(PurePath(name).suffix.lower(), "")
    if not data.strip(b"\x00 \t\r\n"):
        raise EmptyFile(f"'{name}' is empty ({len(data)} bytes).")
    if data.startswith(b"%PDF-"):
        return "application/pdf"
    if data.startswith((_ZIP, _EMPTY_ZIP)):
        return _zipped(data, name, by_name)
    if data.startswith(_OLE):
        return _old_office(data, name, by_name)
    if data[:20].lstrip().startswith(b"{\\rtf"):
        return _RTF
    if picture := picture_type(data):
        return picture
    other = next((what for magic, what in _OTHER_MAGIC.items() if data.startswith(magic)), "")
    if other:
        raise UnsupportedFormat(f"'{name}' is {other} inside. {_what_is_read()}")
    if by_name not in _MAY_HOLD_MARKUP and _WEB_PAGE.match(data[:1000]):
        return _HTML
    if by_name in (_WORKBOOK, _OLD_WORKBOOK) and _is_plain_table(data):
        return "text/csv"
    if by_name in _BEGIN_AS_SUCH:
        what, program = _BEGIN_AS_SUCH[by_name]
        raise CorruptFile(f"'{name}' is not {what} inside: it does not begin as one. Open it in {program} and save it again.")
    if not by_name:
        extension = PurePath(name).suffix.lower()
        refuse_what_takes_a_model(name, extension)
        unknown = f"the extension {extension!r}" if extension else "no extension"
        raise UnsupportedFormat(f"'{name}' has {unknown}. {_what_is_read()}")
    return by_name


def _zipped(data: bytes, name: str, by_name: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            names = set(file.namelist())
            declared = file.open("mimetype").read(100).decode("ascii", "replace").strip() if "mimetype" in names else ""
    except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        if by_name in _BEGIN_AS_SUCH:
            raise CorruptFile(f"'{name}' is cut off or damaged: {error}. Copy it again from where it came from.") from error
        raise UnsupportedFormat(f"'{name}' is an archive inside, and a damaged one. {_what_is_read()}") from error
    if any(entry.startswith("word/") and entry.endswith(".xml") for entry in names):
        return _WORD
    if "ppt/presentation.xml" in names:
        return _SLIDES
    if {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= names:
        return _WORKBOOK
    if declared == _BOOK or "META-INF/container.xml" in names:
        return _BOOK
    if declared in (_OPEN_TEXT, f"{_OPEN_TEXT}-template"):
        return _OPEN_TEXT
    if by_name == _WORD:
        raise CorruptFile(f"'{name}' is a zip file without a Word document in it. Check that it is the file you meant.")
    raise UnsupportedFormat(f"'{name}' is an archive, or an office format that is not read. {_what_is_read()}")


def _old_office(data: bytes, name: str, by_name: str) -> str:
    # Office wraps a document with a password in the container of its older formats.
    if _OLE_ENCRYPTED in data:
        raise EncryptedFile(f"'{name}' is protected by a password. Save it without one.")
    # A document of one kind may hold one of another: then the name decides.
    held = [kind for kind, stream in _OLE_OTHERS.items() if stream in data]
    if any(stream in data for stream in _OLE_WORKBOOKS):
        held.append(_OLD_WORKBOOK)
    if by_name in held:
        return by_name
    if OUTLOOK in held:  # of all of them, only a message holds the others as a rule
        return OUTLOOK
    if held:
        return held[0]
    raise UnsupportedFormat(f"'{name}' is in an old Office format that is not known, or is damaged. Save it as .docx or PDF.")


def _is_plain_table(data: bytes) -> bool:
    """Whether it is text with delimiters, as many programs write under an Excel file's name."""
    first_lines = data[:2000].removeprefix(b"\xff\xfe").replace(b"\x00", b"")
    controls = sum(byte < 9 or 13 < byte < 32 for byte in first_lines)
    return not controls and not first_lines.lstrip().startswith(b"<") and any(sign in first_lines for sign in (b"\t", b",", b";"))


def _what_is_read() -> str:
    return (
        "Footnote reads PDF, Office and OpenDocument files, RTF, EPUB, e-mail, web pages, pictures, tables, text and source code."
    )
