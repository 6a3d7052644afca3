"""The library: the database of record. It decides what exists, who may read it and what a search may show; the index follows.

A version is written as pending, becomes live in one transaction (which retires the version before it and moves the term counts
with it), and only live versions are ever shown.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from assistant.database import Database, insert_or_add
from assistant.drafts import Draft, insert_draft
from assistant.errors import CollectionMismatch, CollectionNotFound, DocumentNotFound
from assistant.packing import unpack_counts, unpack_runs
from assistant.records import Collection, PageMap, Pending, StoredVersion
from assistant.schema import chunks, collections, documents, pages, term_counts, versions
from assistant.types import Chunk, Document, Page

OWNER = "owner"
EVERYONE = "*"
# SQLite takes 32,766 variables in a statement; a list of ids is asked for in slices well below that.
_SLICE = 10_000


class Library:
    """One database of record. Every call that reads takes the `reader` for whom it reads."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    def close(self) -> None:
        self._database.close()

    # Collections

    def create_collection(self, name: str, *, embedder: str, dimension: int, owner: str = OWNER) -> Collection:
        """The collection of this name, made where it is missing. Raises CollectionMismatch where it has another embedder."""
        with self._database.writing() as connection:
            row = connection.execute(select(collections).where(collections.c.name == name)).one_or_none()
            if row is None:
                key = connection.execute(
                    insert(collections).values(
                        name=name,
                        embedder=embedder,
                        dimension=dimension,
                        index_name=f"footnote_{secrets.token_hex(6)}",
                        owner=owner,
                        readers=[],
                        created_at=_now(),
                    )
                ).inserted_primary_key[0]  # type: ignore[index]
                row = connection.execute(select(collections).where(collections.c.id == key)).one()
            elif owner not in (row.owner, OWNER):
                raise CollectionNotFound(f"There is no collection '{name}' that {owner} may write to.")
        if (row.embedder, row.dimension) != (embedder, dimension):
            raise CollectionMismatch(
                f"Collection '{name}' was built with {row.embedder} ({row.dimension} dimensions) but the settings name {embedder} "
                f"({dimension}). Run `footnote reindex {name}`, or set FOOTNOTE_EMBEDDER={row.embedder}."
            )
        return _collection(row)

    def readable(self, reader: str, names: Sequence[str] = ()) -> list[Collection]:
        """The collections that the reader may read, by name; only these names where some are given. Raises CollectionNotFound for
        a name that is not among them."""
        with self._database.reading() as connection:
            rows = connection.execute(select(collections).order_by(collections.c.name)).all()
        found = [_collection(r) for r in rows if reader in (r.owner, OWNER) or reader in r.readers or EVERYONE in r.readers]
        missing = sorted(set(names) - {c.name for c in found})
        if missing:
            there = ", ".join(c.name for c in found) or "none yet"
            raise CollectionNotFound(f"There is no collection '{missing[0]}'. Collections: {there}.")
        return [c for c in found if not names or c.name in names]

    def set_index(self, collection: Collection, *, index_name: str, pivot_length: float, embedder: str, dimension: int) -> None:
        """Let the collection use another index, after that was built with this pivot length and embedder."""
        with self._database.writing() as connection:
            connection.execute(
                update(collections)
                .where(collections.c.id == collection.id)
                .values(index_name=index_name, pivot_length=pivot_length, embedder=embedder, dimension=dimension)
            )

    def fix_pivot(self, collection: Collection, pivot_length: float) -> Collection:
        """Fix the pivot length of a collection that has none yet; a length that was fixed before stays."""
        with self._database.writing() as connection:
            connection.execute(
                update(collections)
                .where(collections.c.id == collection.id, collections.c.pivot_length.is_(None))
                .values(pivot_length=pivot_length)
            )
            return _collection(connection.execute(select(collections).where(collections.c.id == collection.id)).one())

    def languages(self, of: Sequence[Collection]) -> list[str]:
        """The languages of the live documents, the most frequent first."""
        query = (
            select(versions.c.language)
            .join(documents, documents.c.live_version_id == versions.c.id)
            .where(documents.c.collection_id.in_([c.id for c in of]))
            .group_by(versions.c.language)
            .order_by(func.count().desc(), versions.c.language)
        )
        with self._database.reading() as connection:
            return list(connection.scalars(query))

    # Writing

    def add_pending(self, collection: Collection, draft: Draft) -> Pending:
        """Write a version that nobody sees yet."""
        with self._database.writing() as connection:
            document = connection.execute(
                select(documents.c.id).where(documents.c.collection_id == collection.id, documents.c.place == draft.place)
            ).scalar()
            if document is None:
                document = secrets.token_hex(6)
                connection.execute(
                    insert(documents).values(
                        id=document, collection_id=collection.id, place=draft.place, source=draft.source, added_at=_now()
                    )
                )
            version_id = insert_draft(connection, document, draft, created_at=_now())
            ids = connection.scalars(select(chunks.c.id).where(chunks.c.version_id == version_id).order_by(chunks.c.position))
            return Pending(document, version_id, list(ids))

    def make_live(self, collection: Collection, version_ids: Sequence[int]) -> list[int]:
        """Show these pending versions instead of the ones before them, in one transaction. The chunk ids that this retired."""
        retired: list[int] = []
        with self._database.writing() as connection:
            for version_id in version_ids:
                document_id, before = connection.execute(
                    select(documents.c.id, documents.c.live_version_id)
                    .join(versions, versions.c.document_id == documents.c.id)
                    .where(versions.c.id == version_id)
                ).one()
                if before is not None:
                    retired += _count_version(connection, collection.id, before, sign=-1)
                    connection.execute(update(versions).where(versions.c.id == before).values(state="retired"))
                _count_version(connection, collection.id, version_id, sign=1)
                connection.execute(update(versions).where(versions.c.id == version_id).values(state="live"))
                connection.execute(update(documents).where(documents.c.id == document_id).values(live_version_id=version_id))
        return retired

    def remove(self, document_id: str, *, reader: str) -> tuple[Collection, list[int], list[str]]:
        """Take a document out, with all its versions. Its collection, the chunk ids that the index should drop, and the digests
        of originals that no document uses any more. Raises DocumentNotFound."""
        document = self.find_document(document_id, reader=reader)
        collection = self.readable(reader, [document.collection])[0]
        with self._database.writing() as connection:
            live = connection.execute(select(documents.c.live_version_id).where(documents.c.id == document.id)).scalar_one()
            own = select(versions.c.id).where(versions.c.document_id == document.id)
            digests = set(connection.scalars(select(versions.c.digest).where(versions.c.document_id == document.id)))
            ids = list(connection.scalars(select(chunks.c.id).where(chunks.c.version_id.in_(own))))
            if live is not None:
                _count_version(connection, collection.id, live, sign=-1)
            connection.execute(delete(documents).where(documents.c.id == document.id))
            used = set(connection.scalars(select(versions.c.digest).where(versions.c.digest.in_(digests))))
        return collection, ids, sorted(digests - used)

    def discard_pending(self) -> list[tuple[str, list[int]]]:
        """Undo what an ingest that was stopped had left pending: index names with the chunk ids to drop there."""
        query = (
            select(collections.c.index_name, chunks.c.id)
            .select_from(versions)
            .join(documents, documents.c.id == versions.c.document_id)
            .join(collections, collections.c.id == documents.c.collection_id)
            .join(chunks, chunks.c.version_id == versions.c.id)
            .where(versions.c.state == "pending")
        )
        left: dict[str, list[int]] = {}
        with self._database.writing() as connection:
            for name, chunk_id in connection.execute(query):
                left.setdefault(name, []).append(chunk_id)
            connection.execute(delete(versions).where(versions.c.state == "pending"))
            orphans = select(documents.c.id).outerjoin(versions).where(versions.c.id.is_(None))
            connection.execute(delete(documents).where(documents.c.id.in_(orphans)))
        return list(left.items())

    # Reading

    def live_version(self, collection: Collection, place: str) -> tuple[str, str] | None:
        """The id of the document at this place and its live version; None where there is none."""
        query = (
            select(documents.c.id, versions.c.version)
            .join(versions, versions.c.id == documents.c.live_version_id)
            .where(documents.c.collection_id == collection.id, documents.c.place == place)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return (row.id, row.version) if row else None

    def documents(self, *, reader: str, names: Sequence[str] = ()) -> list[Document]:
        """The live documents of the collections that the reader may read, by collection and source."""
        ids = [c.id for c in self.readable(reader, names)]
        with self._database.reading() as connection:
            rows = connection.execute(
                _documents().where(collections.c.id.in_(ids)).order_by(collections.c.name, documents.c.source, documents.c.id)
            )
            return [_document(r) for r in rows]

    def find_document(self, name: str, *, reader: str) -> Document:
        """The document of this id, or the only one of this source or title. Raises DocumentNotFound."""
        of = [c.id for c in self.readable(reader)]
        matches = (documents.c.id == name) | (documents.c.source == name) | (versions.c.title == name)
        with self._database.reading() as connection:
            found = [_document(r) for r in connection.execute(_documents().where(collections.c.id.in_(of), matches))]
        found = [d for d in found if d.id == name] or found
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(d.id for d in found)
            raise DocumentNotFound(f"{len(found)} documents are called '{name}': give one of the ids {ids}.")
        raise DocumentNotFound(f"There is no document '{name}'. `footnote documents` lists them.")

    def stored(self, document_id: str, *, reader: str) -> StoredVersion:
        """The live version of a document with its text, pages and runs. Raises DocumentNotFound."""
        document = self.find_document(document_id, reader=reader)
        query = select(versions.c.id, versions.c.text, versions.c.runs, versions.c.digest, versions.c.notices)
        with self._database.reading() as connection:
            live = query.join(documents, documents.c.live_version_id == versions.c.id)
            row = connection.execute(live.where(documents.c.id == document.id)).one()
            found = connection.execute(select(pages).where(pages.c.version_id == row.id).order_by(pages.c.number))
            spans = tuple(Page(p.number, p.start, p.end) for p in found)
        return StoredVersion(document, row.text, spans, unpack_runs(row.runs), row.digest, tuple(row.notices))

    def page_maps(self, document_ids: Sequence[str]) -> dict[str, PageMap]:
        """The page map of the live version of each document."""
        query = (
            select(documents.c.id, versions.c.version, pages.c.number, pages.c.start, pages.c.end)
            .join(versions, versions.c.id == documents.c.live_version_id)
            .join(pages, pages.c.version_id == versions.c.id)
            .where(documents.c.id.in_(document_ids))
            .order_by(documents.c.id, pages.c.number)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return {
            document_id: PageMap(group[0].version, tuple(Page(r.number, r.start, r.end) for r in group))
            for document_id, group in ((i, [r for r in rows if r.id == i]) for i in document_ids)
            if group
        }

    def live_ids(self, of: Sequence[Collection], chunk_ids: Sequence[int]) -> set[int]:
        """Those of the chunk ids that belong to a live version in one of these collections."""
        query = (
            select(chunks.c.id)
            .join(documents, documents.c.live_version_id == chunks.c.version_id)
            .where(documents.c.collection_id.in_([c.id for c in of]))
        )
        with self._database.reading() as connection:
            return {i for ids in _slices(chunk_ids) for i in connection.scalars(query.where(chunks.c.id.in_(ids)))}

    def chunks(self, of: Sequence[Collection], chunk_ids: Sequence[int]) -> dict[int, Chunk]:
        """The live chunks of these ids in these collections, with their text."""
        query = _live_chunks().where(documents.c.collection_id.in_([c.id for c in of]))
        with self._database.reading() as connection:
            rows = [r for ids in _slices(chunk_ids) for r in connection.execute(query.where(chunks.c.id.in_(ids)))]
        return {r.id: _chunk(r) for r in rows}

    def every_chunk(self, collection: Collection) -> Iterator[tuple[Chunk, dict[int, int]]]:
        """Each live chunk of a collection with its term counts, by id."""
        query = _live_chunks().add_columns(chunks.c.term_counts).where(documents.c.collection_id == collection.id)
        with self._database.reading() as connection:
            for row in connection.execution_options(yield_per=1000).execute(query.order_by(chunks.c.id)):
                yield _chunk(row), unpack_counts(row.term_counts)

    def chunk_counts(self, of: Sequence[Collection], terms: Sequence[int]) -> tuple[dict[int, int], int]:
        """In how many live chunks of these collections each term occurs, and how many live chunks there are."""
        ids = [c.id for c in of]
        query = (
            select(term_counts.c.term, func.sum(term_counts.c.chunks))
            .where(term_counts.c.collection_id.in_(ids), term_counts.c.term.in_(terms))
            .group_by(term_counts.c.term)
        )
        with self._database.reading() as connection:
            total = connection.scalar(select(func.sum(collections.c.chunks)).where(collections.c.id.in_(ids))) or 0
            return {term: int(count) for term, count in connection.execute(query)}, int(total)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _slices(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[i : i + _SLICE] for i in range(0, len(ids), _SLICE))


def _count_version(connection: Connection, collection_id: int, version_id: int, *, sign: int) -> list[int]:
    """Add a version's chunks to the collection's counts, or take them out; the ids of the chunks."""
    rows = connection.execute(select(chunks.c.id, chunks.c.term_counts).where(chunks.c.version_id == version_id)).all()
    holding: Counter[int] = Counter()
    length = 0
    for row in rows:
        counts = unpack_counts(row.term_counts)
        holding.update(counts.keys())
        length += sum(counts.values())
    insert_or_add(
        connection, term_counts,
        [{"collection_id": collection_id, "term": term, "chunks": sign * n} for term, n in holding.items()],
        keys=("collection_id", "term"), count="chunks",
    )  # fmt: skip
    if sign < 0:
        connection.execute(delete(term_counts).where(term_counts.c.collection_id == collection_id, term_counts.c.chunks <= 0))
    connection.execute(
        update(collections).where(collections.c.id == collection_id)
        .values(chunks=collections.c.chunks + sign * len(rows), terms=collections.c.terms + sign * length)
    )  # fmt: skip
    return [row.id for row in rows]


def _collection(row: Row[tuple[object, ...]]) -> Collection:
    return Collection(row.id, row.name, row.embedder, row.dimension, row.index_name, row.pivot_length, row.chunks, row.terms)


def _documents() -> Select[tuple[object, ...]]:
    def count(table: object) -> object:
        return select(func.count()).where(table.c.version_id == versions.c.id).correlate(versions).scalar_subquery()  # type: ignore[attr-defined]

    return (
        select(
            documents.c.id, collections.c.name.label("collection"), versions.c.title, documents.c.source, versions.c.version,
            versions.c.media_type, versions.c.language, count(pages).label("pages"), count(chunks).label("chunks"),  # type: ignore[attr-defined]
            versions.c.size_bytes, documents.c.added_at,
        )
        .select_from(documents).join(versions, versions.c.id == documents.c.live_version_id)
        .join(collections, collections.c.id == documents.c.collection_id)
    )  # fmt: skip


def _document(row: Row[tuple[object, ...]]) -> Document:
    return Document(**row._mapping)


def _live_chunks() -> Select[tuple[object, ...]]:
    # substr counts code points on both databases, as our offsets do.
    text = func.substr(versions.c.text, chunks.c.start + 1, chunks.c.end - chunks.c.start)
    return (
        select(
            chunks.c.id, documents.c.id.label("document_id"), versions.c.title, documents.c.source, text.label("text"),
            chunks.c.start, chunks.c.end, chunks.c.page, chunks.c.heading_path, chunks.c.header, versions.c.language,
        )
        .select_from(chunks).join(versions, versions.c.id == chunks.c.version_id)
        .join(documents, documents.c.live_version_id == versions.c.id)
    )  # fmt: skip


def _chunk(row: Row[tuple[object, ...]]) -> Chunk:
    return Chunk(
        row.id, row.document_id, row.title, row.source, row.text, row.start, row.end, row.page,
        tuple(row.heading_path), row.header, row.language,
    )  # fmt: skip
