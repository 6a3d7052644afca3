"""Writing: drafts to library and index. A new document is shown as soon as its words are indexed and its vectors follow; a changed
one keeps its old version until words and vectors of the new one stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np

from assistant.answering import Assistant
from assistant.drafts import Draft
from assistant.lexical import document_vector
from assistant.protocols import IndexRow
from assistant.records import Collection, Pending
from assistant.types import Chunk
from ingestion.preparing import span_text

_SLICE = 64
"""Chunks embedded and indexed at a time: a step of the progress, and all that is done again after a crash."""


def write(
    assistant: Assistant, into: Collection, drafts: Sequence[Draft], *, on_embedded: Callable[[int], None]
) -> list[Pending]:
    """Write drafts so that a search finds them; `on_embedded` hears how many chunks have got their vectors since it was last
    called."""
    lengths = [sum(counts.values()) for draft in drafts for counts in draft.counts]
    into = assistant.library.fix_pivot(into, max(1.0, sum(lengths) / max(1, len(lengths))))
    written = [assistant.library.add_pending(into, draft) for draft in drafts]
    new = [w.version_id for w, draft in zip(written, drafts, strict=True) if not assistant.library.known(into, draft.place)]
    first = [(w, draft) for w, draft in zip(written, drafts, strict=True) if w.version_id in set(new)]
    _index_words(assistant, into, first)
    assistant.library.make_live(into, new, embedded=False)
    for pending, draft in zip(written, drafts, strict=True):
        texts = [span_text(draft.parsed, span) for span in draft.spans]
        index_rows(assistant, into, zip(pending.chunk_ids, texts, draft.counts, strict=True), on_embedded)
    assistant.library.mark_embedded(new)
    assistant.library.make_live(into, [w.version_id for w in written if w.version_id not in set(new)])
    drop_doomed(assistant)
    return written


def index_rows(
    assistant: Assistant,
    into: Collection,
    chunks: Iterator[tuple[int, str, Mapping[int, int]]],
    on_embedded: Callable[[int], None] = lambda _: None,
) -> None:
    """Embed and index chunks (id, search text, term counts), a slice at a time."""
    assert into.pivot_length is not None
    while part := list(islice(chunks, _SLICE)):
        vectors = assistant.embedder.encode_documents([text for _, text, _ in part])
        rows = [
            IndexRow(chunk_id, vector, document_vector(counts, into.pivot_length))
            for (chunk_id, _, counts), vector in zip(part, vectors, strict=True)
        ]
        assistant.index.upsert(into.index_name, rows)
        on_embedded(len(rows))


def search_texts(chunks: Iterator[tuple[Chunk, Mapping[int, int]]]) -> Iterator[tuple[int, str, Mapping[int, int]]]:
    """Stored chunks with their counts, as `index_rows` takes them."""
    return ((chunk.id, chunk.search_text, counts) for chunk, counts in chunks)


def drop_doomed(assistant: Assistant) -> None:
    """Take out of the index what the library says is of no more use, and strike it off there."""
    present = set(assistant.index.names(assistant.library.index_prefix))
    for index_name, chunk_ids in assistant.library.doomed().items():
        if index_name in present:
            assistant.index.delete(index_name, chunk_ids)
        assistant.library.strike_off(index_name, chunk_ids)


def _index_words(assistant: Assistant, into: Collection, written: Sequence[tuple[Pending, Draft]]) -> None:
    """Rows with the words alone. Milvus wants a vector in each: all zeros, whose cosine to anything is zero."""
    assert into.pivot_length is not None
    zeros = np.zeros(into.dimension, dtype=np.float32)
    rows = [
        IndexRow(chunk_id, zeros, document_vector(counts, into.pivot_length))
        for pending, draft in written
        for chunk_id, counts in zip(pending.chunk_ids, draft.counts, strict=True)
    ]
    if rows:
        assistant.index.upsert(into.index_name, rows)
