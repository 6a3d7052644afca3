"""Purging: nothing of what was removed or replaced stays in the data folder, in the library, the index or the originals."""

from __future__ import annotations

from dataclasses import dataclass, replace

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.errors import NotPermitted
from assistant.records import Collection
from ingestion.lining import without_line
from ingestion.recovery import settle
from ingestion.writing import Counted, index_chunks


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge took out: old versions of documents that are still there, and originals."""

    versions: int
    originals: int


def purge(assistant: Assistant, *, reader: str = OWNER) -> Purged:
    """Take out every version that is not live, with its original, and rewrite library and indexes, so that no byte of what was
    removed stays in their files. Footnotes of old conversations can then no longer show the version that they quoted. A context line
    that was written from an old version goes too, since it may repeat what stood there; the next ingest or reindex asks anew.

    Raises NotPermitted for all but the local owner: it is every collection's past that goes.
    """
    if reader != OWNER:
        raise NotPermitted(f"{reader} may not purge: that takes the past out of every collection. Whoever runs Footnote may.")
    with assistant.changing:
        assistant.index.names("")
        settle(assistant)
        before = assistant.originals.digests()
        versions = assistant.library.versions.drop_retired()
        assistant.library.context_lines.drop_unused()
        for collection in assistant.library.readable(OWNER):
            bare = _without_old_lines(assistant, collection)
            ours = collection.embedder == assistant.models  # another's is refused until it is reindexed
            assistant.library.token_signs.forget([chunk.id for chunk, _ in bare])
            anew = replace(collection, index_name=assistant.library.indexes.new_name())
            assistant.index.create(anew.index_name, anew.dimension)
            kept = assistant.library.chunks.ids_of(collection).difference(chunk.id for chunk, _ in bare)
            assistant.index.copy(collection.index_name, anew.index_name, kept)
            if ours:
                index_chunks(assistant, anew, iter(bare))
            assistant.library.indexes.replace(
                collection,
                index_name=anew.index_name,
                pivot_length=anew.pivot_length,
                embedder=anew.embedder,
                dimension=anew.dimension,
            )
            # Not before their vectors stand: a purge that was stopped finds them again.
            assistant.library.context_lines.take_off(collection, {chunk.id: counts for chunk, counts in bare})
        settle(assistant)  # drops the old indexes and the originals that nothing uses any more
        assistant.library.rewrite()
        return Purged(versions, len(before - assistant.originals.digests()))


def _without_old_lines(assistant: Assistant, collection: Collection) -> list[Counted]:
    """The chunks whose lines were written from bytes that no version has any more, as they are without these."""
    made_from_others = assistant.library.context_lines.made_from_others(collection)
    return [without_line(chunk) for chunk, _ in assistant.library.chunks.to_index(made_from_others)]
