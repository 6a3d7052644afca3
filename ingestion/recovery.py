"""Recovery: what an ingest, a removal or a reindex that was stopped left half done is finished or undone."""

from __future__ import annotations

from assistant.answering import Assistant
from assistant.library import OWNER
from ingestion.writing import drop_doomed, index_chunks


def settle(assistant: Assistant) -> None:
    """Bring library, index and originals to one state: versions that nobody has seen are undone, documents that were shown by
    their words get their vectors, and rows, indexes and originals that nothing uses are dropped. The caller holds
    `assistant.changing`; nothing happens where nothing was left."""
    assistant.library.discard_pending()
    drop_doomed(assistant)
    collections = assistant.library.readable(OWNER)
    used = {collection.index_name for collection in collections}
    for name in assistant.index.names(assistant.library.index_prefix):
        if name not in used:
            assistant.index.drop(name)
    for digest in assistant.originals.digests() - assistant.library.digests():
        assistant.originals.discard(digest)
    for collection in collections:
        left = assistant.library.unembedded([collection])
        if left and collection.embedder == assistant.models:
            index_chunks(assistant, collection, assistant.library.every_chunk(collection, embedded=False))
            assistant.library.mark_embedded(left)
