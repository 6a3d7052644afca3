"""Reindexing: a collection's index built anew from the library, with a fresh pivot length, then put in the old one's place."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from itertools import islice

from assistant.answering import Assistant
from assistant.lexical import document_vector
from assistant.library import OWNER
from assistant.protocols import IndexRow

_BATCH_CHUNKS = 256


def reindex(assistant: Assistant, name: str, *, reader: str = OWNER, on_progress: Callable[[int], None] = lambda _: None) -> int:
    """Build the index of a collection from the library with the embedder of the settings; answers come from the old index until
    the new one is whole. How many chunks it holds. Raises CollectionNotFound."""
    collection = assistant.library.readable(reader, [name])[0]
    pivot_length = max(1.0, collection.mean_length)
    index_name = f"footnote_{secrets.token_hex(6)}"
    assistant.index.create(index_name, assistant.embedder.dimension)
    written = 0
    chunks = assistant.library.every_chunk(collection)
    while batch := list(islice(chunks, _BATCH_CHUNKS)):
        vectors = assistant.embedder.encode_documents([chunk.search_text for chunk, _ in batch])
        rows = [
            IndexRow(chunk.id, vector, document_vector(counts, pivot_length))
            for (chunk, counts), vector in zip(batch, vectors, strict=True)
        ]
        assistant.index.upsert(index_name, rows)
        written += len(rows)
        on_progress(written)
    assistant.library.set_index(
        collection, index_name=index_name, pivot_length=pivot_length, embedder=assistant.embedder.name,
        dimension=assistant.embedder.dimension,
    )  # fmt: skip
    assistant.index.drop(collection.index_name)
    return written
