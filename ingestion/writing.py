"""Writing: drafts to library and index. A new document is shown as soon as its words are indexed and its vectors follow; a changed
one keeps its old version until words and vectors of the new one stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from assistant.answering import Assistant
from assistant.drafts import Draft
from assistant.lexical import document_vector
from assistant.protocols import IndexRow, SparseVector, TokenEmbedder
from assistant.records import Collection, Pending
from assistant.token_signs import TokenSigns, signs_of
from assistant.types import Chunk

SLICE = 64
"""Chunks embedded and indexed at a time: a step of the progress, and all that is done again after a crash."""

Counted = tuple[Chunk, Mapping[int, int]]


def write_words(assistant: Assistant, into: Collection, drafts: Sequence[Draft]) -> list[Pending]:
    """Write drafts to the library. Those of new documents are shown on return, and found by their words. The collection must have its
    pivot length."""
    written = [assistant.library.versions.add_pending(into, draft) for draft in drafts]
    new = [(pending, draft) for pending, draft in zip(written, drafts, strict=True) if not pending.replaces]
    _index_words(assistant, into, new)
    assistant.library.versions.make_live(into, [pending.version_id for pending, _ in new], embedded=False)
    return written


def finish(assistant: Assistant, into: Collection, embedded: Sequence[Pending]) -> None:
    """Show the changed ones of these versions, whose vectors stand, and say of the new ones that they do."""
    assistant.library.versions.mark_embedded([pending.version_id for pending in embedded if not pending.replaces])
    assistant.library.versions.make_live(into, [pending.version_id for pending in embedded if pending.replaces])
    drop_doomed(assistant)


def index_chunks(
    assistant: Assistant, into: Collection, chunks: Iterator[Counted], on_embedded: Callable[[int], None] = lambda _: None
) -> None:
    """Embed and index stored chunks, a slice at a time; `on_embedded` hears how many have got their vectors since it was last
    called."""
    while part := list(islice(chunks, SLICE)):
        write_vectors(assistant, into, embed(assistant, into, part))
        on_embedded(len(part))


@dataclass(frozen=True, slots=True)
class Embedded:
    """Rows for the index, and what late interaction wants of each chunk (id, search text, signs); none where nothing reranks by it."""

    rows: Sequence[IndexRow]
    signs: Sequence[tuple[int, str, TokenSigns]]


def embed(assistant: Assistant, into: Collection, chunks: Sequence[Counted]) -> Embedded:
    """The vectors of stored chunks."""
    assert into.pivot_length is not None
    texts = [chunk.search_text for chunk, _ in chunks]
    signs: list[TokenSigns] = []
    if assistant.keeps_token_signs and isinstance(assistant.embedder, TokenEmbedder):
        vectors, tokens = assistant.embedder.encode_documents_and_tokens(texts)
        signs = list(map(signs_of, tokens))
    else:
        vectors = assistant.embedder.encode_documents(texts)
    if assistant.sparse is not None:
        words: Sequence[SparseVector] = assistant.sparse.encode_documents(texts)
    else:
        words = [document_vector(counts, into.pivot_length) for _, counts in chunks]
    rows = [IndexRow(chunk.id, *pair) for (chunk, _), *pair in zip(chunks, vectors, words, strict=True)]
    return Embedded(rows, [(row.chunk_id, text, of) for row, text, of in zip(rows, texts, signs, strict=True)] if signs else ())


def write_vectors(assistant: Assistant, into: Collection, embedded: Embedded) -> None:
    """Put vectors into the index, and what late interaction wants into the library."""
    assistant.index.upsert(into.index_name, embedded.rows)
    assistant.library.token_signs.keep(assistant.embedder.name, embedded.signs)


def drop_doomed(assistant: Assistant) -> None:
    """Take out of the index what the library says is of no more use, and strike it off there."""
    doomed = assistant.library.indexes.doomed()
    present = set(assistant.index.names(assistant.library.indexes.prefix)) if doomed else set()
    for index_name, chunk_ids in doomed.items():
        if index_name in present:
            assistant.index.delete(index_name, chunk_ids)
        assistant.library.indexes.strike_off(index_name, chunk_ids)


def _index_words(assistant: Assistant, into: Collection, written: Sequence[tuple[Pending, Draft]]) -> None:
    """Rows with the words alone. Milvus wants a vector in each: all zeros, whose cosine to anything is zero."""
    assert into.pivot_length is not None
    zeros = np.zeros(into.dimension, dtype=np.float32)
    rows = [
        # Where a model weighs words, they follow with its vectors: terms of BM25 beside the model's would be mistaken for them.
        IndexRow(chunk_id, zeros, {} if assistant.sparse else document_vector(counts, into.pivot_length))
        for pending, draft in written
        for chunk_id, counts in zip(pending.chunk_ids, draft.counts, strict=True)
    ]
    if rows:
        assistant.index.upsert(into.index_name, rows)
