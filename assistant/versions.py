"""Versions of documents as the library keeps them: pending, then live, then retired; and which still want their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from sqlalchemy import delete, select, update

from assistant import changes
from assistant.database import Database
from assistant.drafts import Draft, insert_draft
from assistant.live_changes import LiveChanges
from assistant.queries import slices
from assistant.recent_texts import RecentTexts
from assistant.records import Collection, Pending
from assistant.schema import chunks, collections, documents, versions
from assistant.tally import count_version


class Versions:
    """The versions of a library's documents. `live_changes` hears of a collection that shows another one; `texts` forgets its texts
    once some were dropped."""

    def __init__(self, database: Database, texts: RecentTexts, live_changes: LiveChanges) -> None:
        self._database = database
        self._texts = texts
        self._live_changes = live_changes

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
        self._live_changes.count(collection)

    def mark_embedded(self, version_ids: Sequence[int]) -> None:
        """Say that the index holds the vectors of these versions."""
        with self._database.writing() as connection:
            for ids in slices(version_ids):
                connection.execute(update(versions).where(versions.c.id.in_(ids)).values(embedded=True))

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

    def drop_retired(self) -> int:
        """Take out every version that is not live and not pending; how many."""
        with self._database.writing() as connection:
            dropped = connection.execute(delete(versions).where(versions.c.state == "retired"))
            self._texts.clear()
            return int(dropped.rowcount)

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
