"""Indexes as the library knows them: their names, which one a collection uses, and which of their rows are to go."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import groupby

from sqlalchemy import delete, select, update

from assistant.database import Database
from assistant.queries import slices
from assistant.records import Collection
from assistant.schema import collections, doomed_rows


class Indexes:
    """The indexes of the library of this id."""

    def __init__(self, database: Database, library_id: str) -> None:
        self._database = database
        self._library_id = library_id

    def new_name(self) -> str:
        """A name for an index that no other has. It begins with `prefix`."""
        return f"{self.prefix}{secrets.token_hex(6)}"

    @property
    def prefix(self) -> str:
        """How the names of all indexes of this library begin, so that several libraries can share a Milvus server."""
        return f"footnote_{self._library_id}_"

    def replace(
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
