"""Purging: nothing of what was removed or replaced stays in the data folder, in the library, the index or the originals."""

from __future__ import annotations

from dataclasses import dataclass, replace

from assistant.answering import Assistant
from assistant.library import OWNER
from ingestion.recovery import settle


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge took out: old versions of documents that are still there, and originals."""

    versions: int
    originals: int


def purge(assistant: Assistant) -> Purged:
    """Take out every version that is not live, with its original, and rewrite library and indexes, so that no byte of what was
    removed stays in their files. Footnotes of old conversations can then no longer show the version that they quoted."""
    with assistant.changing:
        assistant.index.names("")
        settle(assistant)
        before = assistant.originals.digests()
        versions = assistant.library.drop_retired()
        for collection in assistant.library.readable(OWNER):
            anew = replace(collection, index_name=assistant.library.new_index_name())
            assistant.index.create(anew.index_name, anew.dimension)
            assistant.index.copy(collection.index_name, anew.index_name, assistant.library.live_chunk_ids(collection))
            assistant.library.set_index(
                collection,
                index_name=anew.index_name,
                pivot_length=anew.pivot_length,
                embedder=anew.embedder,
                dimension=anew.dimension,
            )
        settle(assistant)  # drops the old indexes and the originals that nothing uses any more
        assistant.library.rewrite()
        return Purged(versions, len(before - assistant.originals.digests()))
