"""Chunks as the library keeps them: which are live, which a reader may see, their text and their terms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from assistant import access, queries
from assistant.database import Database
from assistant.filters import Filters
from assistant.matching import passing
from assistant.packing import unpack_count_arrays, unpack_counts
from assistant.queries import slices
from assistant.recent_texts import RecentTexts
from assistant.records import Collection, Surroundings
from assistant.schema import chunks, documents
from assistant.tally import counts_of
from assistant.types import Chunk


class Chunks:
    """The chunks of a library. `texts` are the versions' whole texts, of which chunks are cut."""

    def __init__(self, database: Database, texts: RecentTexts) -> None:
        self._database = database
        self._texts = texts

    def readable(self, reader: str, chunk_ids: Sequence[int]) -> set[int]:
        """Those of these chunks that the reader may read at this moment: the check after a search, whatever was chosen before it."""
        with self._database.reading() as connection:
            found = [access.readable_chunks(connection, reader, ids) for ids in slices(chunk_ids)]
        return set().union(*found)

    def live_ids(self, of: Sequence[Collection], chunk_ids: Sequence[int]) -> set[int]:
        """Those of the chunk ids that belong to a live version in one of these collections."""
        allowed = {c.id for c in of}
        with self._database.reading() as connection:
            rows = [r for ids in slices(chunk_ids) for r in connection.execute(queries.chunk_rows().where(chunks.c.id.in_(ids)))]
        return {r.id for r in rows if r.version_id == r.live_version_id and r.collection_id in allowed}

    def ids_of(self, collection: Collection) -> set[int]:
        """The ids of all live chunks of a collection."""
        query = select(chunks.c.id).join(documents, documents.c.live_version_id == chunks.c.version_id)
        with self._database.reading() as connection:
            return set(connection.scalars(query.where(documents.c.collection_id == collection.id)))

    def passing(self, of: Sequence[Collection], filters: Filters) -> dict[int, frozenset[int]]:
        """The ids of the live chunks of the documents that pass, by the id of their collection. Raises DocumentNotFound and
        InvalidRequest for filters that name what is not there."""
        query = select(documents.c.collection_id, chunks.c.id).join(chunks, chunks.c.version_id == documents.c.live_version_id)
        found: dict[int, list[int]] = {c.id: [] for c in of}
        with self._database.reading() as connection:
            for collection_id, chunk_id in connection.execute(query.where(documents.c.id.in_(passing(connection, of, filters)))):
                found[collection_id].append(chunk_id)
        return {collection_id: frozenset(ids) for collection_id, ids in found.items()}

    def live(self, of: Sequence[Collection], chunk_ids: Sequence[int]) -> dict[int, Chunk]:
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

    def every(self, collection: Collection) -> Iterator[tuple[Chunk, dict[int, int]]]:
        """Each live chunk of a collection with its term counts, document by document."""
        query = queries.chunk_rows().add_columns(chunks.c.term_counts).order_by(chunks.c.id)
        live = select(documents.c.live_version_id).where(documents.c.collection_id == collection.id)
        with self._database.reading() as connection:
            for version_id in connection.scalars(live.order_by(documents.c.live_version_id)).all():
                rows = connection.execute(query.where(chunks.c.version_id == version_id)).all()
                for chunk, row in zip(queries.chunks_of(connection, rows, self._texts), rows, strict=True):
                    yield chunk, unpack_counts(row.term_counts)

    def to_index(self, chunk_ids: Sequence[int]) -> list[tuple[Chunk, dict[int, int]]]:
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

    def counts(self, of: Sequence[Collection], terms: Sequence[int]) -> tuple[dict[int, int], int]:
        """In how many live chunks of these collections each term occurs, and how many live chunks there are."""
        with self._database.reading() as connection:
            return counts_of(connection, [c.id for c in of], terms)
