"""The library: the database of record. It decides what exists, who may read it and what a search may show; the index follows.

A version is written as pending, becomes live in one transaction (which retires the version before it and moves the term counts
with it), and only live versions are ever searched. Rows that the index should drop are listed in the same transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from shlex import quote

from sqlalchemy import URL, func, insert, select, update

from assistant import access, changes, queries
from assistant.access import OWNER
from assistant.chunks import Chunks
from assistant.context_lines import ContextLines
from assistant.database import Database
from assistant.errors import CollectionMismatch
from assistant.filters import EVERYTHING, Filters
from assistant.indexes import Indexes
from assistant.live_changes import LiveChanges
from assistant.matching import passing
from assistant.places import Places
from assistant.recent_texts import RecentTexts
from assistant.records import Collection, Holdings, StoredVersion
from assistant.schema import about, collections, documents, token_signs, versions
from assistant.stored_signs import StoredSigns
from assistant.types import Document
from assistant.versions import Versions


class Library:
    """One database of record. Every call that reads takes the `reader` for whom it reads. Raises LibraryError where the database
    cannot be opened, read or written."""

    def __init__(self, url: str | URL) -> None:
        self._database = Database(url)
        texts = RecentTexts()
        self.id = self._own_id()
        self.live_changes = LiveChanges()
        self.chunks = Chunks(self._database, texts)
        self.versions = Versions(self._database, texts, self.live_changes)
        self.indexes = Indexes(self._database, self.id)
        self.places = Places(self._database, self.live_changes.count)
        self.token_signs = StoredSigns(self._database)
        self.context_lines = ContextLines(self._database, self.live_changes.count)

    def close(self) -> None:
        self._database.close()

    @property
    def database(self) -> Database:
        """For those who keep tables of their own beside these."""
        return self._database

    # Collections

    def create_collection(self, name: str, *, embedder: str, dimension: int, owner: str = OWNER) -> Collection:
        """The collection of this name, made where it is missing; `ann` makes `ann/NAME`. Raises CollectionMismatch where it has
        another embedder, and CollectionNotFound where it is not the owner's to write to."""
        with self._database.writing() as connection:
            collection = access.created(
                connection, name, owner=owner, embedder=embedder, dimension=dimension, index_name=self.indexes.new_name(),
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

    def remove(self, document_id: str, *, reader: str) -> Document:
        """Take a document out, with all its versions and places. What it was. Raises DocumentNotFound, and CollectionNotFound
        where it is not the reader's to remove."""
        with self._database.writing() as connection:
            document, collection = queries.find(connection, document_id, reader)
            access.refuse_unless_owner(collection, reader)
            changes.remove(connection, collection, document.id)
        self.live_changes.count(collection)
        return document

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

    def holdings(self, collection: Collection | None = None) -> Holdings:
        """What a collection holds; what all of them hold where none is given."""
        with self._database.reading() as connection:
            return queries.holdings(connection, collection)

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
                f"settings name {models} ({dimension}). Run `footnote reindex {quote(collection.name)}`, or set {settings}."
            )
