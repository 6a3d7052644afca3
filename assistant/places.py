"""Places: where documents lie, by which a file is the same one again. Two files with the same bytes are one document at two places."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import bindparam, insert, select, update

from assistant import changes
from assistant.database import Database
from assistant.records import Collection, Known
from assistant.schema import documents, places, versions


class Places:
    """The places of a library's documents. `on_live_change` hears of a collection that a document has left with its last place."""

    def __init__(self, database: Database, on_live_change: Callable[[Collection], None]) -> None:
        self._database = database
        self._on_live_change = on_live_change

    def known(self, collection: Collection, place: str) -> Known | None:
        """The document at this place and its live version; None where there is none."""
        return self._known(collection, places.c.place == place)

    def twin(self, collection: Collection, version: str) -> Known | None:
        """A document whose live version is this one, wherever it lies: the same bytes, read the same way."""
        return self._known(collection, versions.c.version == version)

    def all(self, collection: Collection) -> dict[str, str]:
        """Every place of the collection with what people see of it."""
        with self._database.reading() as connection:
            rows = connection.execute(select(places.c.place, places.c.source).where(places.c.collection_id == collection.id))
            return {row.place: row.source for row in rows}

    def of(self, document_id: str) -> list[str]:
        """The places of a document, in the order in which they came."""
        with self._database.reading() as connection:
            own = select(places.c.place).where(places.c.document_id == document_id).order_by(places.c.id)
            return list(connection.scalars(own))

    def add(self, collection: Collection, document_id: str, *, place: str, source: str) -> None:
        """Let a document be known at one more place."""
        with self._database.writing() as connection:
            removed = changes.leave_place(connection, collection, place)
            connection.execute(
                insert(places).values(collection_id=collection.id, document_id=document_id, place=place, source=source)
            )
        if removed:
            self._on_live_change(collection)

    def leave(self, collection: Collection, place: str) -> bool:
        """Forget a place; the document goes with its last one. Whether it went."""
        with self._database.writing() as connection:
            removed = changes.leave_place(connection, collection, place)
        if removed:
            self._on_live_change(collection)
        return removed

    def stamp(self, collection: Collection, stamps: Mapping[str, str]) -> None:
        """Keep the stamps of files as they were read (place -> stamp). Places that are not there are ignored."""
        self._set("stamp", collection, stamps)

    def date(self, collection: Collection, modified_at: Mapping[str, str]) -> None:
        """Keep when files were last modified (place -> ISO 8601, UTC, to the second). Places that are not there are ignored."""
        self._set("modified_at", collection, modified_at)

    def _set(self, column: str, collection: Collection, values: Mapping[str, str]) -> None:
        rows = [{"at": place, "value": value} for place, value in values.items()]
        of = update(places).where(places.c.collection_id == collection.id, places.c.place == bindparam("at"))
        if rows:
            with self._database.writing() as connection:
                connection.execute(of.values({column: bindparam("value")}), rows)

    def _known(self, collection: Collection, condition: object) -> Known | None:
        query = (
            select(documents.c.id, versions.c.version, versions.c.digest, places.c.stamp)
            .join(versions, versions.c.id == documents.c.live_version_id)
            .join(places, places.c.document_id == documents.c.id)
            .where(documents.c.collection_id == collection.id, condition)  # type: ignore[arg-type]
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
            return row and Known(row.id, row.version, row.digest, row.stamp or "")
