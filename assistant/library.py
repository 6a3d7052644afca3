"""The library: the database of record. It decides what exists, who may read it and what a search may show; the index follows.

A version is written as pending, becomes live in one transaction (which retires the version before it and moves the term counts
with it), and only live versions are ever searched. Rows that the index should drop are listed in the same transaction.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import URL, delete, func, insert, select, update

from assistant import access, changes, queries
from assistant.context_lines import ContextLines
from assistant.database import Database
from assistant.drafts import Draft, insert_draft
from assistant.errors import CollectionMismatch
from assistant.filters import EVERYTHING, Filters
from assistant.matching import passing
from assistant.packing import unpack_count_arrays, unpack_counts
from assistant.places import Places
from assistant.queries import slices
from assistant.recent_texts import RecentTexts
from assistant.records import Collection, Holdings, Pending, StoredVersion, Surroundings
from assistant.schema import about, chunks, collections, documents, doomed_rows, token_signs, versions
from assistant.stored_signs import StoredSigns
from assistant.tally import count_version, counts_of
from assistant.types import Chunk, Document

OWNER = access.OWNER


class Library:
    """One database of record. Every call that reads takes the `reader` for whom it reads. Raises LibraryError where the database
    cannot be opened, read or written."""

    def __init__(self, url: str | URL) -> None:
        self._database = Database(url)
        self._texts = RecentTexts()
        self._live_changes: Counter[int] = Counter()
        self._recounted: dict[int, dict[int, int]] = {}
        self._counting = threading.Lock()
        self.places = Places(self._database, self._count_live_change)
        self.token_signs = StoredSigns(self._database)
        self.context_lines = ContextLines(self._database, self._count_live_change)
        self.id = self._own_id()

    def close(self) -> None:
        self._database.close()

    @property
    def database(self) -> Database:
        """For those who keep tables of their own beside these."""
        return self._database

    def live_changes(self, collection: Collection) -> int:
        """How often it changed here, since it was opened, which chunks of a collection are live or what terms they have."""
        return self._live_changes[collection.id]

    def recounted_since(self, collection: Collection, changes: int) -> set[int]:
        """The chunks that have got other terms since there were so many live changes."""
        with self._counting:
            return {chunk_id for chunk_id, change in self._recounted.get(collection.id, {}).items() if change > changes}

    # Collections

    def create_collection(self, name: str, *, embedder: str, dimension: int, owner: str = OWNER) -> Collection:
        """The collection of this name, made where it is missing; `ann` makes `ann/NAME`. Raises CollectionMismatch where it has
        another embedder, and CollectionNotFound where it is not the owner's to write to."""
        with self._database.writing() as connection:
            collection = access.created(
                connection, name, owner=owner, embedder=embedder, dimension=dimension, index_name=self.new_index_name(),
                created_at=changes.now(),
            )  # fmt: skip
        refuse_other_models([collection], embedder, dimension)
        return collection

    def readable(self, reader: str, names: Sequence[str] = ()) -> list[Collection]:
        """The collections that the reader may read, by name; only these names where some are given. Raises CollectionNotFound for
        a name that is not among them."""
        with self._database.reading() as connection:
            return access.readable(connection, reader, names)

    def writable(self, reader: str, name: str) -> Collection:
        """The collection of this name, for its owner to change. Raises CollectionNotFound."""
        with self._database.reading() as connection:
            return access.writable(connection, reader, name)

    def share(self, name: str, readers: Sequence[str], *, owner: str = OWNER) -> Collection:
        """Let these readers read a collection, and no others but its owner; "*" is everyone. Raises CollectionNotFound where it is not
        the owner's to share."""
        with self._database.writing() as connection:
            return access.share(connection, name, readers, owner=owner)

    def hand_over(self, name: str) -> list[str]:
        """Give the collections of this owner to the local owner, and let this reader read nothing. The names of those."""
        with self._database.writing() as connection:
            return access.hand_over(connection, name)

    def readable_chunks(self, reader: str, chunk_ids: Sequence[int]) -> set[int]:
        """Those of these chunks that the reader may read at this moment: the check after a search, whatever was chosen before it."""
        with self._database.reading() as connection:
            found = [access.readable_chunks(connection, reader, ids) for ids in slices(chunk_ids)]
        return set().union(*found)

    def new_index_name(self) -> str:
        """A name for an index that no other has. It begins with `index_prefix`."""
        return f"{self.index_prefix}{secrets.token_hex(6)}"

    @property
    def index_prefix(self) -> str:
        """How the names of all indexes of this library begin, so that several libraries can share a Milvus server."""
        return f"footnote_{self.id}_"

    def set_index(
        self, collection: Collection, *, index_name: str, pivot_length: float | None, embedder: str, dimension: int
    ) -> None:
        """Let the collection use another index, after that was built with this pivot length and embedder."""
        with self._database.writing() as connection:
            connection.execute(delete(doomed_rows).where(doomed_rows.c.index_name == collection.index_name))
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
            return access.collection_of(connection.execute(select(collections).where(collections.c.id == collection.id)).one())

    def languages(self, of: Sequence[Collection], filters: Filters = EVERYTHING) -> dict[str, int]:
        """The languages of the live documents that pass, the most frequent first, and how many each has."""
        query = (
            select(versions.c.language, func.count())
            .join(documents, documents.c.live_version_id == versions.c.id)
            .where(documents.c.collection_id.in_([c.id for c in of]))
            .group_by(versions.c.language)
            .order_by(func.count().desc(), versions.c.language)
        )
        with self._database.reading() as connection:
            if filters:
                query = query.where(documents.c.id.in_(passing(connection, of, filters)))
            return {row[0]: row[1] for row in connection.execute(query)}

    # Writing

    def add_pending(self, collection: Collection, draft: Draft) -> Pending:
        """Write a version that nobody sees yet, as the next of the document at the draft's place. A document that has other
        places as well keeps its version there: this place then begins a document of its own."""
        with self._database.writing() as connection:
            document = changes.document_for(connection, collection, draft)
            version_id = insert_draft(connection, document, draft, created_at=changes.now())
            ids = connection.scalars(select(chunks.c.id).where(chunks.c.version_id == version_id).order_by(chunks.c.position))
            live = select(documents.c.live_version_id).where(documents.c.id == document)
            return Pending(document, version_id, list(ids), replaces=connection.scalar(live) is not None)

    def make_live(self, collection: Collection, version_ids: Sequence[int], *, embedded: bool = True) -> None:
        """Show these pending versions instead of the ones before them, all in one transaction."""
        with self._database.writing() as connection:
            for version_id in version_ids:
                found = connection.execute(
                    select(documents.c.id, documents.c.live_version_id)
                    .join(versions, versions.c.document_id == documents.c.id)
                    .where(versions.c.id == version_id)
                ).one_or_none()
                if found is None:  # its document was removed meanwhile
                    continue
                document_id, before = found
                if before is not None:
                    changes.doom(connection, collection.index_name, count_version(connection, collection.id, before, sign=-1))
                    connection.execute(update(versions).where(versions.c.id == before).values(state="retired"))
                count_version(connection, collection.id, version_id, sign=1)
                connection.execute(update(versions).where(versions.c.id == version_id).values(state="live", embedded=embedded))
                connection.execute(update(documents).where(documents.c.id == document_id).values(live_version_id=version_id))
        self._count_live_change(collection)

    def mark_embedded(self, version_ids: Sequence[int]) -> None:
        """Say that the index holds the vectors of these versions."""
        with self._database.writing() as connection:
            for ids in slices(version_ids):
                connection.execute(update(versions).where(versions.c.id.in_(ids)).values(embedded=True))

    def remove(self, document_id: str, *, reader: str) -> Document:
        """Take a document out, with all its versions and places. What it was. Raises DocumentNotFound, and CollectionNotFound
        where it is not the reader's to remove."""
        with self._database.writing() as connection:
            document, collection = queries.find(connection, document_id, reader)
            access.refuse_unless_owner(collection, reader)
            changes.remove(connection, collection, document.id)
        self._count_live_change(collection)
        return document

    def discard_pending(self) -> None:
        """Undo what an ingest that was stopped had left pending."""
        pending = (
            select(versions.c.id, collections.c.index_name)
            .join(documents, documents.c.id == versions.c.document_id)
            .join(collections, collections.c.id == documents.c.collection_id)
            .where(versions.c.state == "pending")
        )
        with self._database.writing() as connection:
            for version_id, index_name in connection.execute(pending).all():
                ids = connection.scalars(select(chunks.c.id).where(chunks.c.version_id == version_id))
                changes.doom(connection, index_name, list(ids))
                connection.execute(delete(versions).where(versions.c.id == version_id))
            orphans = select(documents.c.id).outerjoin(versions).where(versions.c.id.is_(None))
            connection.execute(delete(documents).where(documents.c.id.in_(orphans)))

    def doomed(self) -> dict[str, list[int]]:
        """Chunk ids that the indexes should drop, by index name."""
        with self._database.reading() as connection:
            rows = connection.execute(select(doomed_rows).order_by(doomed_rows.c.index_name, doomed_rows.c.chunk_id)).all()
        return {name: [r.chunk_id for r in group] for name, group in groupby(rows, key=lambda r: r.index_name)}

    def strike_off(self, index_name: str, chunk_ids: Sequence[int]) -> None:
        """Say that the index has dropped these rows."""
        with self._database.writing() as connection:
            for ids in slices(chunk_ids):
                connection.execute(
                    delete(doomed_rows).where(doomed_rows.c.index_name == index_name, doomed_rows.c.chunk_id.in_(ids))
                )

    def drop_retired(self) -> int:
        """Take out every version that is not live and not pending; how many."""
        with self._database.writing() as connection:
            dropped = connection.execute(delete(versions).where(versions.c.state == "retired"))
            self._texts.clear()
            return int(dropped.rowcount)

    def rewrite(self) -> None:
        """Write the database's file anew, so that nothing of deleted rows stays in it or in its log."""
        self._database.rewrite()

    def copy_to(self, path: Path) -> None:
        """Write a consistent copy of an SQLite library to a new file, whole but for the signs of token vectors, which would be most of
        it and are made again by a reindex. Raises LibraryError on PostgreSQL."""
        self._database.copy_to(path, without=token_signs)

    # Reading

    def documents(self, *, reader: str, names: Sequence[str] = (), filters: Filters = EVERYTHING) -> list[Document]:
        """The live documents of the collections that the reader may read, and that pass, by collection and source."""
        query = queries.live_documents()
        with self._database.reading() as connection:
            of = access.readable(connection, reader, names)
            if filters:
                query = query.where(documents.c.id.in_(passing(connection, of, filters)))
            checked = access.still_readable(connection, reader, [c.id for c in of])
            rows = connection.execute(query.where(collections.c.id.in_(checked))).all()
            sources = queries.sources(connection)
        found = [queries.document_of(row, sources[row.id]) for row in rows]
        return sorted(found, key=lambda d: (d.collection, d.source, d.id))

    def sources(self, *, reader: str, beginning: str = "", most: int) -> list[str]:
        """What live documents that the reader may read are called, as far as it begins so; each once, in order, at most so many."""
        with self._database.reading() as connection:
            return queries.sources_beginning(connection, access.readable(connection, reader), beginning, most)

    def find_document(self, name: str, *, reader: str) -> Document:
        """The document of this id, or the only one of this source or title. Raises DocumentNotFound."""
        with self._database.reading() as connection:
            return queries.find(connection, name, reader)[0]

    def stored(self, document_id: str, *, reader: str, version: str = "") -> StoredVersion:
        """A version of a document with its text, pages and runs: the live one where none is named. Raises DocumentNotFound, also for a
        version that is not kept any more."""
        with self._database.reading() as connection:
            return queries.stored(connection, document_id, reader, version)

    def live_ids(self, of: Sequence[Collection], chunk_ids: Sequence[int]) -> set[int]:
        """Those of the chunk ids that belong to a live version in one of these collections."""
        allowed = {c.id for c in of}
        with self._database.reading() as connection:
            rows = [r for ids in slices(chunk_ids) for r in connection.execute(queries.chunk_rows().where(chunks.c.id.in_(ids)))]
        return {r.id for r in rows if r.version_id == r.live_version_id and r.collection_id in allowed}

    def live_chunk_ids(self, collection: Collection) -> set[int]:
        """The ids of all live chunks of a collection."""
        query = select(chunks.c.id).join(documents, documents.c.live_version_id == chunks.c.version_id)
        with self._database.reading() as connection:
            return set(connection.scalars(query.where(documents.c.collection_id == collection.id)))

    def chunks_passing(self, of: Sequence[Collection], filters: Filters) -> dict[int, frozenset[int]]:
        """The ids of the live chunks of the documents that pass, by the id of their collection. Raises DocumentNotFound and
        InvalidRequest for filters that name what is not there."""
        query = select(documents.c.collection_id, chunks.c.id).join(chunks, chunks.c.version_id == documents.c.live_version_id)
        found: dict[int, list[int]] = {c.id: [] for c in of}
        with self._database.reading() as connection:
            for collection_id, chunk_id in connection.execute(query.where(documents.c.id.in_(passing(connection, of, filters)))):
                found[collection_id].append(chunk_id)
        return {collection_id: frozenset(ids) for collection_id, ids in found.items()}

    def chunks(self, of: Sequence[Collection], chunk_ids: Sequence[int]) -> dict[int, Chunk]:
        """The live chunks of these ids in these collections, with their text and pages."""
        allowed = {c.id for c in of}
        with self._database.reading() as connection:
            rows = [r for ids in slices(chunk_ids) for r in connection.execute(queries.chunk_rows().where(chunks.c.id.in_(ids)))]
            shown = [r for r in rows if r.version_id == r.live_version_id and r.collection_id in allowed]
            return {chunk.id: chunk for chunk in queries.chunks_of(connection, shown, self._texts)}

    def surroundings(self, chunk_ids: Sequence[int], *, reach: int = 0) -> dict[int, Surroundings]:
        """By the id of each of these chunks that is live: it and the chunks up to `reach` places before and behind it. Those of one
        version share theirs."""
        with self._database.reading() as connection:
            return queries.surroundings(connection, chunk_ids, reach, self._texts)

    def every_chunk(self, collection: Collection) -> Iterator[tuple[Chunk, dict[int, int]]]:
        """Each live chunk of a collection with its term counts, document by document."""
        query = queries.chunk_rows().add_columns(chunks.c.term_counts).order_by(chunks.c.id)
        live = select(documents.c.live_version_id).where(documents.c.collection_id == collection.id)
        with self._database.reading() as connection:
            for version_id in connection.scalars(live.order_by(documents.c.live_version_id)).all():
                rows = connection.execute(query.where(chunks.c.version_id == version_id)).all()
                for chunk, row in zip(queries.chunks_of(connection, rows, self._texts), rows, strict=True):
                    yield chunk, unpack_counts(row.term_counts)

    def chunks_to_index(self, chunk_ids: Sequence[int]) -> list[tuple[Chunk, dict[int, int]]]:
        """These chunks with their term counts, in the order of their ids, whether their version is shown yet or not. Those that
        are gone are left out."""
        query = queries.chunk_rows().add_columns(chunks.c.term_counts).order_by(chunks.c.id)
        with self._database.reading() as connection:
            wanted = slices(sorted(chunk_ids))
            rows = [row for ids in wanted for row in connection.execute(query.where(chunks.c.id.in_(ids)))]
            found = queries.chunks_of(connection, rows, self._texts)
        return [(chunk, unpack_counts(row.term_counts)) for chunk, row in zip(found, rows, strict=True)]

    def packed_counts(self, chunk_ids: Sequence[int]) -> list[tuple[int, NDArray[np.uint32], NDArray[np.uint32]]]:
        """Each of these chunks with its term ids and how often each occurs. Those that are gone are left out."""
        query = select(chunks.c.id, chunks.c.term_counts)
        with self._database.reading() as connection:
            rows = [row for ids in slices(chunk_ids) for row in connection.execute(query.where(chunks.c.id.in_(ids)))]
        return [(row.id, *unpack_count_arrays(row.term_counts)) for row in rows]

    def holdings(self, collection: Collection | None = None) -> Holdings:
        """What a collection holds; what all of them hold where none is given."""
        with self._database.reading() as connection:
            return queries.holdings(connection, collection)

    def unembedded(self, of: Sequence[Collection]) -> list[int]:
        """The live versions of these collections that can be found by their words only."""
        query = select(versions.c.id).join(documents, documents.c.live_version_id == versions.c.id)
        query = query.where(documents.c.collection_id.in_([c.id for c in of]), versions.c.embedded.is_(False))
        with self._database.reading() as connection:
            return list(connection.scalars(query.order_by(versions.c.id)))

    def shown_by_words(self, collection: Collection) -> list[Pending]:
        """The live versions of a collection that can be found by their words only, the oldest first."""
        query = (
            select(chunks.c.id, documents.c.live_version_id, versions.c.document_id)
            .join_from(documents, versions, versions.c.id == documents.c.live_version_id)
            .outerjoin(chunks, chunks.c.version_id == versions.c.id)
            .where(documents.c.collection_id == collection.id, versions.c.embedded.is_(False))
            .order_by(versions.c.id, chunks.c.position)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [
            Pending(document, version, [row.id for row in group if row.id is not None], replaces=False)
            for (document, version), group in groupby(rows, key=lambda row: (row.document_id, row.live_version_id))
        ]

    def digests(self) -> set[str]:
        """The digests of the originals of all versions, retired and pending ones too."""
        with self._database.reading() as connection:
            return set(connection.scalars(select(versions.c.digest).distinct()))

    def chunk_counts(self, of: Sequence[Collection], terms: Sequence[int]) -> tuple[dict[int, int], int]:
        """In how many live chunks of these collections each term occurs, and how many live chunks there are."""
        with self._database.reading() as connection:
            return counts_of(connection, [c.id for c in of], terms)

    def _count_live_change(self, collection: Collection, recounted: Sequence[int] = ()) -> None:
        """To be called once the change is committed, and before anyone hears of it."""
        with self._counting:
            self._live_changes[collection.id] += 1
            if recounted:
                change = self._live_changes[collection.id]
                self._recounted.setdefault(collection.id, {}).update(dict.fromkeys(recounted, change))

    def _own_id(self) -> str:
        with self._database.writing() as connection:
            found: str | None = connection.scalar(select(about.c.library_id))
            if found is None:
                found = secrets.token_hex(4)
                connection.execute(insert(about).values(library_id=found))
            return found


def refuse_other_models(of: Iterable[Collection], models: str, dimension: int) -> None:
    """Raises CollectionMismatch for a collection whose vectors are not of the models that the settings name."""
    for collection in of:
        if (collection.embedder, collection.dimension) != (models, dimension):
            dense, _, sparse = collection.embedder.partition(" + ")
            settings = f"FOOTNOTE_EMBEDDER={dense} and FOOTNOTE_SPARSE={sparse or 'bm25'}"
            raise CollectionMismatch(
                f"Collection '{collection.name}' was built with {collection.embedder} ({collection.dimension} dimensions) but the "
                f"settings name {models} ({dimension}). Run `footnote reindex {collection.name}`, or set {settings}."
            )
