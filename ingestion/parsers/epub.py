"""Reads EPUB books: the chapters in reading order, each a page."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote

from lxml import etree

from assistant.errors import CorruptFile, EncryptedFile
from assistant.types import ParsedDocument
from ingestion.parsers.archive import Archive
from ingestion.parsers.decoding import decode
from ingestion.parsers.html import add_html
from ingestion.parsers.text_builder import PAGE_BREAK, TextBuilder

MEDIA_TYPE = "application/epub+zip"

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_ROOT_FILE = ".//{urn:oasis:names:tc:opendocument:xmlns:container}rootfile"
_OPF = "{http://www.idpf.org/2007/opf}"
_DC_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_ENCRYPTED_DATA = "{http://www.w3.org/2001/04/xmlenc#}EncryptedData"
_CIPHER_REFERENCE = ".//{http://www.w3.org/2001/04/xmlenc#}CipherReference"
_CHAPTERS = ("application/xhtml+xml", "text/html", "text/x-oeb1-document")

_XML_ENCODING = re.compile(rb"\A\s*<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([\w.:-]{2,40})")
# XHTML closes an empty element in its own tag, which an HTML parser takes for an opening one: <title/> would hide the chapter.
_SELF_CLOSED = re.compile(r"<([A-Za-z][\w:.-]*)((?:\s[^<>]*)?)/>")
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())  # noqa: SIM905
# Stops at the next opening, so that many without an end are not searched to the file's end each.
_CDATA = re.compile(r"<!\[CDATA\[((?:(?!<!\[CDATA\[).)*?)\]\]>", re.DOTALL)


def parse_epub(data: bytes, name: str) -> ParsedDocument:
    """A chapter that the file has lost is a page without text, with a notice. Raises CorruptFile, EncryptedFile (copy protection),
    EmptyFile or FileTooLarge."""
    archive = Archive(data, name)
    package_path = _package_path(archive, name)
    package = archive.xml(package_path)
    chapters = _chapters(package, posixpath.dirname(package_path))
    if _encrypted(archive) & set(chapters):
        raise EncryptedFile(f"'{name}' is copy-protected. Footnote reads books without copy protection.")
    builder = TextBuilder()
    notices: list[str] = []
    for chapter in chapters:
        if chapter in archive.names:
            text, said = _markup(archive.read(chapter), name)
            add_html(builder, text)
            notices.extend(notice for notice in said if notice not in notices)
        else:
            notices.append(f"A chapter is missing from the file: {chapter}.")
        builder.break_page()
    title = next((found.text or "" for found in package.iter(_DC_TITLE)), "")
    return builder.finish(name, MEDIA_TYPE, title=title, notices=notices)


def _package_path(archive: Archive, name: str) -> str:
    """The part that lists the book's files."""
    if _CONTAINER in archive.names:
        for found in archive.xml(_CONTAINER).iterfind(_ROOT_FILE):
            path = posixpath.normpath(unquote(found.get("full-path", "")))
            if path in archive.names:
                return path
    path = next((entry for entry in sorted(archive.names) if entry.endswith(".opf")), "")
    if not path:
        raise CorruptFile(f"'{name}' is a zip file without a book in it. Check that it is the file you meant.")
    return path


def _chapters(package: etree._Element, folder: str) -> list[str]:
    """The chapters' entries in reading order."""
    items: dict[str, str] = {}
    for item in package.iterfind(f"{_OPF}manifest/{_OPF}item"):
        if item.get("media-type", "") in _CHAPTERS:
            path = unquote(item.get("href", "").partition("#")[0])
            items[item.get("id", "")] = posixpath.normpath(posixpath.join("/", folder, path)).lstrip("/")
    spine = (reference.get("idref", "") for reference in package.iterfind(f"{_OPF}spine/{_OPF}itemref"))
    # A chapter named twice is read once, or a small file could ask for it a million times.
    return list(dict.fromkeys(items[reference] for reference in spine if reference in items))


def _encrypted(archive: Archive) -> set[str]:
    """The entries that cannot be read; as a rule only fonts are scrambled."""
    root = archive.xml(_ENCRYPTION) if _ENCRYPTION in archive.names else None
    parts = root.iter(_ENCRYPTED_DATA) if root is not None else ()
    return {unquote(reference.get("URI", "")) for part in parts for reference in part.iterfind(_CIPHER_REFERENCE)}


def _markup(content: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    declared = _XML_ENCODING.match(content[:200])
    text, notices = decode(content, name, declared[1].decode("ascii", "replace") if declared else "")
    text = _CDATA.sub(lambda found: found[1].replace("&", "&amp;").replace("<", "&lt;"), text)
    return _SELF_CLOSED.sub(_closed, text).replace(PAGE_BREAK, " "), notices


def _closed(tag: re.Match[str]) -> str:
    return tag[0] if tag[1].lower() in _VOID else f"<{tag[1]}{tag[2]}></{tag[1]}>"
