"""Changes to the library's rows that several of its calls share, each within the caller's transaction."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, insert, select

from assistant.database import insert_missing
from assistant.drafts import Draft
from assistant.records import Collection
from assistant.schema import chunks, documents, doomed_rows, places, versions
from assistant.tally import count_version


def now() -> str:
    """The time as rows keep it: ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def document_for(connection: Connection, collection: Collection, draft: Draft) -> str:
    """The document at the draft's place, made where there is none. One that has other places as well stays theirs."""
    at = select(places.c.document_id).where(places.c.collection_id == collection.id, places.c.place == draft.place)
    document_id: str | None = connection.scalar(at)
    if document_id is not None:
        others = connection.scalar(select(func.count()).select_from(places).where(places.c.document_id == document_id))
        if others == 1:
            return document_id
        leave_place(connection, collection, draft.place)
    document_id = secrets.token_hex(6)
    connection.execute(insert(documents).values(id=document_id, collection_id=collection.id, added_at=now()))
    connection.execute(
        insert(places).values(collection_id=collection.id, document_id=document_id, place=draft.place, source=draft.source)
    )
    return document_id


def leave_place(connection: Connection, collection: Collection, place: str) -> bool:
    """Forget a place; the document goes with its last one. Whether it went."""
    row = connection.execute(select(places).where(places.c.collection_id == collection.id, places.c.place == place)).one_or_none()
    if row is None:
        return False
    connection.execute(delete(places).where(places.c.id == row.id))
    left = connection.scalar(select(func.count()).select_from(places).where(places.c.document_id == row.document_id))
    if left:
        return False
    remove(connection, collection, row.document_id)
    return True


def remove(connection: Connection, collection: Collection, document_id: str) -> None:
    """Take a document out of the collection with its versions, its places and its share of the counts."""
    own = select(versions.c.id).where(versions.c.document_id == document_id)
    doom(connection, collection.index_name, list(connection.scalars(select(chunks.c.id).where(chunks.c.version_id.in_(own)))))
    live = connection.scalar(select(documents.c.live_version_id).where(documents.c.id == document_id))
    if live is not None:
        count_version(connection, collection.id, live, sign=-1)
    connection.execute(delete(documents).where(documents.c.id == document_id))


def doom(connection: Connection, index_name: str, chunk_ids: Sequence[int]) -> None:
    """List rows that the index should drop."""
    rows = [{"index_name": index_name, "chunk_id": i} for i in chunk_ids]
    insert_missing(connection, doomed_rows, rows)
