"""Opens a Word file's zip safely: limits before unpacking, parts by their relationships, XML without entities or network."""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from functools import cached_property

from lxml import etree

from assistant.errors import CorruptFile, EncryptedFile, FileTooLarge

MOST_ENTRIES = 10_000
MOST_UNPACKED_BYTES = 500_000_000
HIGHEST_RATIO = 200
RATIO_MATTERS_ABOVE_BYTES = 50_000_000

_ZIP_ERRORS = (zipfile.BadZipFile, ValueError, NotImplementedError, OSError)
_OFFICE_DOCUMENT = "/officeDocument"
_TRANSITIONAL = b"http://schemas.openxmlformats.org/"
# The "strict" variant of the format differs in its namespaces only, as far as text goes.
_STRICT = (
    (b"http://purl.oclc.org/ooxml/wordprocessingml/main", _TRANSITIONAL + b"wordprocessingml/2006/main"),
    (b"http://purl.oclc.org/ooxml/officeDocument/relationships", _TRANSITIONAL + b"officeDocument/2006/relationships"),
    (b"http://purl.oclc.org/ooxml/officeDocument/math", _TRANSITIONAL + b"officeDocument/2006/math"),
)


class Package:
    """The parts of a Word file. Raises CorruptFile, EncryptedFile, or FileTooLarge for one that unpacks to too much (10,000
    entries, 500 MB, or a part above 50 MB that grows more than 200 times)."""

    def __init__(self, data: bytes, name: str) -> None:
        self._name = name
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except _ZIP_ERRORS as error:
            raise self._corrupt(error) from error
        self._check_sizes()
        self._names = {entry.filename for entry in self._zip.infolist()}

    @cached_property
    def main(self) -> str:
        """The name of the part that holds the text, as a rule word/document.xml."""
        return self._related("", _OFFICE_DOCUMENT) or "word/document.xml"

    def text_part(self) -> etree._Element:
        """The root of the main part."""
        if self.main not in self._names:
            raise CorruptFile(f"'{self._name}' is a zip file without a Word document in it. Check that it is the file you meant.")
        return self._xml(self.main)

    def part(self, kind: str) -> etree._Element | None:
        """The root of the part that the main part names as its "styles", "footnotes" or "endnotes"; None without one."""
        path = self._related(self.main, "/" + kind) or posixpath.join(posixpath.dirname(self.main), f"{kind}.xml")
        return self._xml(path) if path in self._names else None

    def core_properties(self) -> etree._Element | None:
        """Title and author; None where the file says nothing, or nothing that can be read."""
        path = self._related("", "/core-properties") or "docProps/core.xml"
        try:
            return self._xml(path) if path in self._names else None
        except CorruptFile:
            return None

    def _check_sizes(self) -> None:
        entries = self._zip.infolist()
        unpacked = sum(entry.file_size for entry in entries)
        if len(entries) > MOST_ENTRIES:
            raise FileTooLarge(f"'{self._name}' holds {len(entries)} entries; a Word file may have {MOST_ENTRIES}.")
        if unpacked > MOST_UNPACKED_BYTES:
            raise FileTooLarge(f"'{self._name}' would unpack to {unpacked} bytes; {MOST_UNPACKED_BYTES} is the limit.")
        for entry in entries:
            if entry.flag_bits & 1:
                raise EncryptedFile(f"'{self._name}' is protected by a password. Save it without one.")
            if entry.file_size > RATIO_MATTERS_ABOVE_BYTES and entry.file_size > HIGHEST_RATIO * max(entry.compress_size, 1):
                raise FileTooLarge(
                    f"'{self._name}' is built like a zip bomb: "
                    f"{entry.filename} grows from {entry.compress_size} to {entry.file_size} bytes."
                )

    def _related(self, source: str, kind: str) -> str:
        """The target of the first relationship of that kind; "" without one."""
        folder, file = posixpath.split(source)
        path = posixpath.join(folder, "_rels", f"{file}.rels")
        if path not in self._names:
            return ""
        for relation in self._xml(path):
            if not isinstance(relation.tag, str) or relation.get("TargetMode") == "External":
                continue
            if relation.get("Type", "").endswith(kind):
                target = posixpath.normpath(posixpath.join("/", folder, relation.get("Target", ""))).lstrip("/")
                if target in self._names:
                    return target
        return ""

    def _xml(self, path: str) -> etree._Element:
        try:
            content = self._zip.read(path)
            if b"http://purl.oclc.org/ooxml/" in content[:4000]:
                for strict, transitional in _STRICT:
                    content = content.replace(strict, transitional)
            parser = etree.XMLParser(
                resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
            )
            return etree.fromstring(content, parser)
        except (*_ZIP_ERRORS, zlib.error, RuntimeError, EOFError, etree.XMLSyntaxError) as error:
            raise self._corrupt(error) from error

    def _corrupt(self, error: Exception) -> CorruptFile:
        reason = str(error).strip().rstrip(".") or type(error).__name__
        return CorruptFile(f"'{self._name}' is damaged: {reason}. Open it in Word and save it again.")
