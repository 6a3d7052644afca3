"""Context lines as the library keeps them: with each chunk, where both legs search them, and once more by content, so that no
unchanged chunk has its line written twice. Who writes them is not its business."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Connection, delete, func, select, update

from assistant import queries
from assistant.access import OWNER
from assistant.database import Database, insert_missing
from assistant.queries import slices
from assistant.records import Collection
from assistant.schema import blocks, chunks, collections, context_lines, documents, versions
from assistant.tally import recount
from assistant.types import Chunk

OnRecount = Callable[[Collection, Sequence[int]], None]


@dataclass(frozen=True, slots=True)
class Line:
    """A context line; an empty one says that there is none to be had. `document` is the digest of the bytes that its chunk stands in,
    `made_from` of those that the model saw: an earlier version's, where the chunk did not change since."""

    text: str
    key: str
    document: str
    made_from: str


@dataclass(frozen=True, slots=True)
class LinedChunk:
    """A chunk's line, and the terms that the chunk has with it."""

    chunk_id: int
    line: Line
    counts: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """The document that a chunk stands in: the digest of its bytes, its whole text, and its headings in order."""

    digest: str
    text: str
    headings: Sequence[str]


@dataclass(frozen=True, slots=True)
class Lacking:
    """A live version with chunks that have no line yet: what names it, what people see of its places, and these chunks' ids."""

    version: str
    digest: str
    sources: Sequence[str]
    chunk_ids: Sequence[int]


def key_of(chunk: Chunk, writer: str) -> str:
    """What the line of a chunk is known by: what the chunk says, where it stands, and the version of what writes lines."""
    parts = [writer, chunk.title, *chunk.heading_path, chunk.header, chunk.text]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


class ContextLines:
    """The lines of a library. `on_recount` hears of chunks whose terms have changed while they stayed what they are."""

    def __init__(self, database: Database, on_recount: OnRecount) -> None:
        self._database = database
        self._on_recount = on_recount

    def known(self, keys: Mapping[int, str]) -> dict[int, Line]:
        """The lines that were written before for these chunks (id -> key): from the same bytes, or from another version of the same
        document."""
        own = (
            select(chunks.c.id, versions.c.document_id, versions.c.digest, collections.c.owner)
            .join(versions, versions.c.id == chunks.c.version_id)
            .join(documents, documents.c.id == versions.c.document_id)
            .join(collections, collections.c.id == documents.c.collection_id)
        )
        kin = select(versions.c.document_id, versions.c.digest)
        with self._database.reading() as connection:
            standing = [row for ids in slices(list(keys)) for row in connection.execute(own.where(chunks.c.id.in_(ids)))]
            named = sorted({row.document_id for row in standing})
            other: dict[str, list[str]] = {name: [] for name in named}
            for ids in slices(named):
                for document_id, digest in connection.execute(kin.where(versions.c.document_id.in_(ids)).order_by(versions.c.id)):
                    other[document_id].insert(0, digest)  # the latest first
            written = {
                (row.key, row.document): row
                for some in slices(sorted(set(keys.values())))
                for row in connection.execute(select(context_lines).where(context_lines.c.key.in_(some)))
            }
        found = {}
        for row in standing:
            key = keys[row.id]
            own_bytes = (row.digest, *other[row.document_id])
            there = next((w for d in own_bytes if (w := written.get((key, d)))), None)
            # Somebody else's document may have the same bytes by now; what it said before is the local owner's alone to read.
            if there is not None and (there.made_from in own_bytes or row.owner == OWNER):
                found[row.id] = Line(there.line, key, row.digest, there.made_from)
        return found

    def around(self, chunk_ids: Sequence[int]) -> dict[int, SourceDocument]:
        """What stands around these chunks; one value for all chunks of a version."""
        query = select(chunks.c.id, versions.c.id.label("version_id"), versions.c.digest).join(versions)
        with self._database.reading() as connection:
            rows = [row for ids in slices(chunk_ids) for row in connection.execute(query.where(chunks.c.id.in_(ids)))]
            of = {row.version_id: _source_document(connection, row.version_id, row.digest) for row in rows}
        return {row.id: of[row.version_id] for row in rows}

    def keep(self, collection: Collection, lined: Sequence[LinedChunk]) -> None:
        """Give chunks their lines, and remember these."""
        if not lined:
            return
        lines = [each.line for each in lined]
        rows = [{"key": ln.key, "document": ln.document, "made_from": ln.made_from, "line": ln.text} for ln in lines]
        with self._database.writing() as connection:
            insert_missing(connection, context_lines, rows)
            for each in lined:
                row = {"context_line": each.line.text, "line_from": each.line.made_from}
                connection.execute(update(chunks).where(chunks.c.id == each.chunk_id).values(row))
            recount(connection, collection.id, {each.chunk_id: each.counts for each in lined})
        self._on_recount(collection, [each.chunk_id for each in lined])

    def take_off(self, collection: Collection, counts: Mapping[int, Mapping[int, int]]) -> None:
        """Let these chunks have no line, and these terms without it."""
        for ids in slices(list(counts)):
            with self._database.writing() as connection:
                connection.execute(update(chunks).where(chunks.c.id.in_(ids)).values(context_line=None, line_from=None))
                recount(connection, collection.id, {i: counts[i] for i in ids})
            self._on_recount(collection, ids)

    def lacking(self, collection: Collection) -> list[Lacking]:
        """The live versions of a collection that have chunks without a line, the oldest first."""
        query = (
            select(chunks.c.id, versions.c.id.label("version_id"), versions.c.document_id, versions.c.version, versions.c.digest)
            .join_from(chunks, versions, versions.c.id == chunks.c.version_id)
            .join(documents, documents.c.live_version_id == versions.c.id)
            .where(documents.c.collection_id == collection.id, chunks.c.context_line.is_(None))
            .order_by(versions.c.id, chunks.c.position)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            sources = queries.sources(connection, sorted({row.document_id for row in rows})) if rows else {}
        return [
            Lacking(version, digest, sources[document_id], [row.id for row in group])
            for (_, document_id, version, digest), group in groupby(
                rows, key=lambda row: (row.version_id, row.document_id, row.version, row.digest)
            )
        ]

    def missing(self, version_id: int) -> int:
        """How many chunks of a version have no line yet."""
        query = select(func.count()).where(chunks.c.version_id == version_id, chunks.c.context_line.is_(None))
        with self._database.reading() as connection:
            return int(connection.scalar(query) or 0)

    def made_from_others(self, collection: Collection) -> list[int]:
        """The chunks whose line was written from bytes that no version has any more: it may repeat what was removed."""
        query = (
            select(chunks.c.id)
            .join(documents, documents.c.live_version_id == chunks.c.version_id)
            .where(documents.c.collection_id == collection.id, chunks.c.line_from.not_in(select(versions.c.digest)))
        )
        with self._database.reading() as connection:
            return list(connection.scalars(query.order_by(chunks.c.id)))

    def drop_unused(self) -> None:
        """Forget the lines of bytes that no version has any more, and those that were written from such."""
        digests = select(versions.c.digest)
        gone = context_lines.c.document.not_in(digests) | context_lines.c.made_from.not_in(digests)
        with self._database.writing() as connection:
            connection.execute(delete(context_lines).where(gone))


def _source_document(connection: Connection, version_id: int, digest: str) -> SourceDocument:
    text: str = connection.scalar(select(versions.c.text).where(versions.c.id == version_id)) or ""
    headings = select(blocks.c.start, blocks.c.end).where(blocks.c.version_id == version_id, blocks.c.kind == "heading")
    spans = connection.execute(headings.order_by(blocks.c.position)).all()
    return SourceDocument(digest, text, [" ".join(text[start:end].split()) for start, end in spans])
