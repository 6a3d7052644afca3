"""What the library hands out about collections and versions: values, without a connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from assistant.types import Chunk, Document, Page, TextRun, pages_touched


@dataclass(frozen=True, slots=True)
class Collection:
    """A set of documents with one embedder and one list of readers. `chunks` and `terms` count what is live. `pivot_length` is None
    until the first documents have fixed it."""

    id: int
    name: str
    embedder: str
    dimension: int
    index_name: str
    pivot_length: float | None
    chunks: int
    terms: int
    owner: str
    readers: Sequence[str] = ()

    @property
    def mean_length(self) -> float:
        """Terms in a live chunk on average; zero in an empty collection."""
        return self.terms / self.chunks if self.chunks else 0.0

    @property
    def offered(self) -> bool:
        """Whether it is offered to be asked: it holds something, or was shared. One that was emptied keeps its name for what is added
        next, and can still be named."""
        return bool(self.chunks or self.readers)


@dataclass(frozen=True, slots=True)
class Known:
    """What the library knows of a place: its document, the live version there and the digest of its bytes, and the stamp of the file
    when it was read ("" where none was kept)."""

    document_id: str
    version: str
    digest: str
    stamp: str


@dataclass(frozen=True, slots=True)
class Holdings:
    """How much is live: documents, pages, and bytes of originals."""

    documents: int
    pages: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Pending:
    """A version that is written and not whole yet, with the ids of its chunks in order. `replaces` says whether its document is
    shown in another version until then; else it is shown itself, by its words."""

    document_id: str
    version_id: int
    chunk_ids: Sequence[int]
    replaces: bool


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version of a document with its canonical text and what leads from the text to its pages. `live` is False for one that the
    document had before; `document` is then as it was."""

    document: Document
    text: str
    pages: Sequence[Page]
    runs: Sequence[TextRun]
    digest: str
    notices: Sequence[str]
    live: bool = True


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Some chunks of a version by their place in it, counted from zero, with its whole text and pages."""

    version_id: int
    chunks: Mapping[int, Chunk]
    text: str
    pages: Sequence[Page]

    def spanned(self, chunk: Chunk, first: int, last: int) -> Chunk:
        """This chunk made to reach from the first of these places to the last."""
        begins, end = self.chunks[first], self.chunks[last].end
        return replace(
            chunk,
            text=self.text[begins.start : end],
            start=begins.start,
            end=end,
            page=begins.page,
            heading_path=begins.heading_path,
            header=begins.header,
            pages=pages_touched(self.pages, begins.start, end),
        )
