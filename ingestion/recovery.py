"""Recovery: what an ingest, a removal or a reindex that was stopped left half done is undone, or named so that it can be finished."""

from __future__ import annotations

from collections.abc import Iterator

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.records import Collection, Pending
from ingestion.writing import drop_doomed


def settle(assistant: Assistant) -> None:
    """Bring library, index and originals to one state: versions that nobody has seen are undone, and rows, indexes and originals that
    nothing uses are dropped. The caller holds `assistant.changing`; nothing happens where nothing was left."""
    assistant.library.versions.discard_pending()
    drop_doomed(assistant)
    collections = assistant.library.readable(OWNER)
    used = {collection.index_name for collection in collections}
    for name in assistant.index.names(assistant.library.indexes.prefix):
        if name not in used:
            assistant.index.drop(name)
    for digest in assistant.originals.digests() - assistant.library.versions.digests():
        assistant.originals.discard(digest)


def without_vectors(assistant: Assistant) -> Iterator[tuple[Collection, Pending]]:
    """The versions that are shown and found by their words alone, of all collections that the assistant can embed for."""
    for collection in assistant.library.readable(OWNER):
        if collection.embedder == assistant.models:
            for version in assistant.library.versions.shown_by_words(collection):
                yield collection, version
