"""The signs of token vectors in the library: written with a chunk's vectors, gone with the chunk, found by what they were made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import delete, select

from assistant.database import Database, replace_rows
from assistant.queries import slices
from assistant.schema import chunks, token_signs
from assistant.token_signs import TokenSigns, digest, pack, unpack


class StoredSigns:
    """The token signs of one library. They can be made again from the text at any time (`footnote reindex` does)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, embedder: str, rows: Iterable[tuple[int, str, TokenSigns]]) -> None:
        """Write the signs that this embedder gave for the search text of these chunks (id, text, signs), in place of older ones."""
        made = {key: {"chunk_id": key, "digest": digest(embedder, text), "signs": pack(signs)} for key, text, signs in rows}
        if not made:
            return
        with self._database.writing() as connection:
            for some in slices(list(made)):  # those that were removed meanwhile are left out
                there = connection.scalars(select(chunks.c.id).where(chunks.c.id.in_(some)))
                replace_rows(connection, token_signs, [made[key] for key in there])

    def forget(self, chunk_ids: Sequence[int]) -> None:
        """Take out the signs of these chunks."""
        with self._database.writing() as connection:
            for some in slices(chunk_ids):
                connection.execute(delete(token_signs).where(token_signs.c.chunk_id.in_(some)))

    def find(self, embedder: str, dimension: int, texts: Sequence[str]) -> Mapping[str, TokenSigns]:
        """The signs of these texts, of those that have any by this embedder of this dimension."""
        by_digest = {digest(embedder, text): text for text in texts}
        found: dict[str, TokenSigns] = {}
        with self._database.reading() as connection:
            for some in slices(list(by_digest)):
                query = select(token_signs.c.digest, token_signs.c.signs).where(token_signs.c.digest.in_(some))
                found.update((by_digest[row.digest], unpack(row.signs, dimension)) for row in connection.execute(query))
        return found
