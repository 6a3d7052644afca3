"""Reindexing: a collection's index built anew from the library, with a fresh pivot length, then put in the old one's place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.records import Collection
from ingestion.lining import Lining, fill
from ingestion.recovery import settle
from ingestion.writing import embed, index_chunks, write_vectors


def reindex(assistant: Assistant, name: str, *, reader: str = OWNER, on_progress: Callable[[int], None] = lambda _: None) -> int:
    """Build the index of a collection from the library with the embedder of the settings; answers come from the old index until
    the new one is whole. Chunks that are to have a context line and have none are given one. `on_progress` hears of each slice of
    chunks; all of them are returned. Raises CollectionNotFound for a collection that is not the reader's to change."""
    with assistant.changing:
        assistant.index.names("")
        collection = assistant.library.writable(reader, name)
        _fill_lines(assistant, collection)
        collection = assistant.library.writable(reader, name)  # its mean length is another with the lines
        embedder = assistant.embedder
        anew = replace(
            collection,
            index_name=assistant.library.indexes.new_name(),
            pivot_length=collection.mean_length or None,
            embedder=assistant.models,
            dimension=embedder.dimension,
        )
        assistant.index.create(anew.index_name, anew.dimension)
        if anew.pivot_length is not None:
            index_chunks(assistant, anew, assistant.library.chunks.every(collection), on_progress)
        unembedded = assistant.library.versions.unembedded([collection])
        assistant.library.indexes.replace(
            collection,
            index_name=anew.index_name,
            pivot_length=anew.pivot_length,
            embedder=anew.embedder,
            dimension=anew.dimension,
        )
        assistant.library.versions.mark_embedded(unembedded)
        settle(assistant)  # drops the old index, which nothing names any more
    return collection.chunks


def _fill_lines(assistant: Assistant, collection: Collection) -> None:
    lining = Lining(assistant)
    if lining.wanted:
        lacking = [i for version in assistant.library.context_lines.lacking(collection) for i in version.chunk_ids]
        for _, lined in fill(lining, assistant, collection, lacking):
            if lined and collection.embedder == assistant.models:  # so that a stop leaves the old index as the library is
                write_vectors(assistant, collection, embed(assistant, collection, lined))
