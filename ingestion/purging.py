"""Purging: nothing of what was removed or replaced stays in the data folder, in the library, the index or the originals."""

from __future__ import annotations

from dataclasses import dataclass, replace

from assistant.answering import Assistant
from assistant.library import OWNER
from assistant.records import Collection
from ingestion.lining import without_line
from ingestion.recovery import settle
from ingestion.writing import Counted, index_chunks


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge took out: old versions of documents that are still there, and originals."""

    versions: int
    originals: int


def purge(assistant: Assistant) -> Purged:
    """Take out every version that is not live, with its original, and rewrite library and indexes, so that no byte of what was
    removed stays in their files. Footnotes of old conversations can then no longer show the version that they quoted. A context line
    that was written from an old version goes too, since it may repeat what stood there; the next ingest or reindex asks anew."""
    with assistant.changing:
        assistant.index.names("")
        settle(assistant)
        before = assistant.originals.digests()
        versions = assistant.library.drop_retired()
        assistant.library.context_lines.drop_unused()
        for collection in assistant.library.readable(OWNER):
            bare = _without_old_lines(assistant, collection)
            anew = replace(collection, index_name=assistant.library.new_index_name())
            assistant.index.create(anew.index_name, anew.dimension)
            assistant.index.copy(collection.index_name, anew.index_name, assistant.library.live_chunk_ids(collection))
            if bare and collection.embedder == assistant.models:  # another's is refused until it is reindexed
                index_chunks(assistant, anew, iter(bare))
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


def _without_old_lines(assistant: Assistant, collection: Collection) -> list[Counted]:
    """Take off the lines that were written from bytes that no version has any more; the chunks without them."""
    lines = assistant.library.context_lines
    made_from_others = assistant.library.chunks_to_index(lines.made_from_others(collection))
    bare = [without_line(chunk) for chunk, _ in made_from_others]
    lines.take_off(collection, {chunk.id: counts for chunk, counts in bare})
    return bare
