"""Opens a zip-based document safely: limits before unpacking, and XML without entities, network or huge trees."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from assistant.errors import CorruptFile, EncryptedFile, FileTooLarge

_MOST_ENTRIES = 10_000
_MOST_UNPACKED_BYTES = 500_000_000
_HIGHEST_RATIO = 200
_RATIO_MATTERS_ABOVE_BYTES = 50_000_000

_ZIP_ERRORS = (zipfile.BadZipFile, ValueError, NotImplementedError, OSError)
# The "strict" variant of the Office formats differs in its namespaces only, as far as text goes.
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
_TRANSITIONAL = rb"http://schemas.openxmlformats.org/\1/2006/"


@dataclass(frozen=True, slots=True)
class Relation:
    """A link from one part of an Office file to another; `kind` ends with its sort ("/slide")."""

    id: str
    kind: str
    target: str


class Archive:
    """The entries of a document. Raises CorruptFile, EncryptedFile, or FileTooLarge for one that unpacks to too much (10,000
    entries, 500 MB, or more than 50 MB, in all or in an entry, that are 200 times what they are unpacked from)."""

    def __init__(self, data: bytes, name: str) -> None:
        self._name, self._size = name, len(data)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except _ZIP_ERRORS as error:
            raise self.corrupt(error) from error
        self._check_sizes()
        self.names = frozenset(entry.filename for entry in self._zip.infolist())

    def read(self, path: str) -> bytes:
        """An entry's bytes."""
        try:
            return self._zip.read(path)
        except (*_ZIP_ERRORS, zlib.error, RuntimeError, EOFError, KeyError) as error:
            raise self.corrupt(error) from error

    def xml(self, path: str) -> etree._Element:
        """The root of an entry: 256 levels at most, comments and processing instructions left out."""
        content = self.read(path)
        if b"http://purl.oclc.org/ooxml/" in content[:4000]:
            content = _STRICT.sub(_TRANSITIONAL, content)
        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True)
        try:
            return etree.fromstring(content, parser)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise self.corrupt(error) from error

    def relations(self, source: str) -> Iterator[Relation]:
        """The links of an Office file's part ("" for the file itself) to parts that are there."""
        folder, file = posixpath.split(source)
        path = posixpath.join(folder, "_rels", f"{file}.rels")
        for relation in self.xml(path) if path in self.names else ():
            if isinstance(relation.tag, str) and relation.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, relation.get("Target", ""))).lstrip("/")
                if target in self.names:
                    yield Relation(relation.get("Id", ""), relation.get("Type", ""), target)

    def related(self, source: str, kind: str) -> str:
        """The first part that `source` links to whose kind ends so ("/styles"); "" without one."""
        return next((link.target for link in self.relations(source) if link.kind.endswith(kind)), "")

    def core_title(self) -> str:
        """The title in an Office file's properties; "" where they name none or cannot be read."""
        try:
            path = self.related("", "/core-properties") or "docProps/core.xml"
            return self.xml(path).findtext("{http://purl.org/dc/elements/1.1/}title") or ""
        except CorruptFile:
            return ""

    def corrupt(self, error: object) -> CorruptFile:
        """The error to raise for a file that is damaged in this way."""
        reason = str(error).strip().rstrip(".") or type(error).__name__
        return CorruptFile(f"'{self._name}' is damaged: {reason}. Open it in the program that made it, and save it again.")

    def _check_sizes(self) -> None:
        entries = self._zip.infolist()
        unpacked = sum(entry.file_size for entry in entries)
        if len(entries) > _MOST_ENTRIES:
            raise FileTooLarge(f"'{self._name}' holds {len(entries)} entries; a document may have {_MOST_ENTRIES}.")
        if unpacked > _MOST_UNPACKED_BYTES:
            raise FileTooLarge(f"'{self._name}' would unpack to {unpacked} bytes; {_MOST_UNPACKED_BYTES} is the limit.")
        # Over the whole, too: many entries may share what one may not have, and even the bytes that they are unpacked from.
        if unpacked > _RATIO_MATTERS_ABOVE_BYTES and unpacked > _HIGHEST_RATIO * self._size:
            raise FileTooLarge(f"'{self._name}' is built like a zip bomb: it grows from {self._size} to {unpacked} bytes.")
        for entry in entries:
            if entry.flag_bits & 1:
                raise EncryptedFile(f"'{self._name}' is protected by a password. Save it without one.")
            if entry.file_size > _RATIO_MATTERS_ABOVE_BYTES and entry.file_size > _HIGHEST_RATIO * max(entry.compress_size, 1):
                raise FileTooLarge(
                    f"'{self._name}' is built like a zip bomb: "
                    f"{entry.filename} grows from {entry.compress_size} to {entry.file_size} bytes."
                )
