"""The word index: BM25's side of the documents in memory, as postings made from the library's term counts.

For Milvus Lite, whose own sparse index is a dictionary of Python tuples: 25 kB a chunk, and ten seconds to build 100,000 of them at
the first question (milvus-lite 3.2). This one takes 8 bytes a posting and gives the same scores. A server searches for itself.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.lexical import saturation
from assistant.library import Library
from assistant.protocols import SparseVector
from assistant.records import Collection

MOST_BLOCKS = 8
"""How many additions are kept apart. Each costs every question a look-up a term; merging all takes a second for 100,000 chunks."""


class WordIndex:
    """What every collection's live chunks weigh, kept up with the library: a search sees all that was committed before it. Safe to
    call from several threads."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._held: dict[int, _Held] = {}
        self._lock = threading.Lock()

    def search(
        self, collection: Collection, query: SparseVector, limit: int, among: Set[int] | None = None
    ) -> list[tuple[int, float]]:
        """(chunk id, inner product), best first, at most `limit`; chunks that share no term are left out, and where `among` is given,
        those that are not in it."""
        if collection.pivot_length is None or not query:
            return []
        with self._lock:
            blocks = self._current(collection, collection.pivot_length)
        wanted = None if among is None else np.fromiter(among, np.int64, len(among))
        found = [hit for block in blocks for hit in block.search(query, limit, wanted)]
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))[:limit]

    def _current(self, collection: Collection, pivot_length: float) -> Sequence[_Block]:
        changes = self._library.live_changes.of(collection)
        held = self._held.get(collection.id)
        if held is None or held.pivot_length != pivot_length:
            held = _Held(-1, pivot_length, [])
        if held.changes != changes:
            live = self._library.chunks.ids_of(collection)
            same = live - self._library.live_changes.recounted_since(collection, held.changes)
            blocks = [left for block in held.blocks if len((left := block.without_all_but(same)).ids)]
            missing = sorted(live.difference(*(block.ids.tolist() for block in blocks)))
            # Those that were removed since the ids were read are left out, be it all of them.
            if counted := self._library.chunks.packed_counts(missing):
                blocks.append(_made(counted, pivot_length))
            held = _Held(changes, pivot_length, _merged(blocks))
            self._held[collection.id] = held
        return held.blocks


@dataclass(frozen=True, slots=True)
class _Held:
    """The postings of a collection as they were after so many changes to what is live in it."""

    changes: int
    pivot_length: float
    blocks: Sequence[_Block]


@dataclass(frozen=True, slots=True)
class _Block:
    """Postings of some chunks, by term: those of `terms[i]` are `rows` and `weights` from `starts[i]` to `starts[i + 1]`. A row is a
    place in `ids`."""

    ids: NDArray[np.int64]
    terms: NDArray[np.uint32]
    starts: NDArray[np.int64]
    rows: NDArray[np.uint32]
    weights: NDArray[np.float32]

    def search(self, query: SparseVector, limit: int, among: NDArray[np.int64] | None) -> list[tuple[int, float]]:
        scores = np.zeros(len(self.ids), dtype=np.float32)
        for term, weight in query.items():
            place = int(np.searchsorted(self.terms, term))
            if place < len(self.terms) and self.terms[place] == term:
                own = slice(self.starts[place], self.starts[place + 1])
                scores[self.rows[own]] += np.float32(weight) * self.weights[own]  # a chunk stands once among a term's rows
        if among is not None:
            scores[~np.isin(self.ids, among)] = 0.0
        best = np.argpartition(-scores, limit)[:limit] if limit < len(scores) else np.arange(len(scores))
        return [(int(self.ids[row]), float(scores[row])) for row in best if scores[row] > 0]

    def without_all_but(self, live: set[int]) -> _Block:
        """The block with these chunks alone; itself where it holds no others."""
        kept = np.fromiter((chunk_id in live for chunk_id in self.ids.tolist()), dtype=bool, count=len(self.ids))
        if kept.all():
            return self
        places = np.cumsum(kept, dtype=np.int64) - 1
        stay = kept[self.rows]
        terms = np.repeat(self.terms, np.diff(self.starts))[stay]
        return _by_term(self.ids[kept], terms, places[self.rows[stay]], self.weights[stay])


def _made(counted: Sequence[tuple[int, NDArray[np.uint32], NDArray[np.uint32]]], pivot_length: float) -> _Block:
    """The postings of one or more chunks (id, terms, how often each stands in it)."""
    ids = np.array([chunk_id for chunk_id, _, _ in counted], dtype=np.int64)
    sizes = np.array([len(terms) for _, terms, _ in counted], dtype=np.int64)
    lengths = np.array([counts.sum() for _, _, counts in counted], dtype=np.float64)
    frequencies = np.concatenate([counts for _, _, counts in counted]).astype(np.float64)
    weights = saturation(frequencies, np.repeat(lengths, sizes), pivot_length).astype(np.float32)
    return _by_term(ids, np.concatenate([terms for _, terms, _ in counted]), np.repeat(np.arange(len(ids)), sizes), weights)


def _merged(blocks: Sequence[_Block]) -> list[_Block]:
    """The same postings in few blocks."""
    if len(blocks) <= MOST_BLOCKS:
        return list(blocks)
    before = np.cumsum([0, *(len(block.ids) for block in blocks)])
    return [
        _by_term(
            np.concatenate([block.ids for block in blocks]),
            np.concatenate([np.repeat(block.terms, np.diff(block.starts)) for block in blocks]),
            np.concatenate([block.rows + first for block, first in zip(blocks, before, strict=False)]),
            np.concatenate([block.weights for block in blocks]),
        )
    ]


def _by_term(ids: NDArray[np.int64], terms: NDArray[np.uint32], rows: NDArray[np.int64], weights: NDArray[np.float32]) -> _Block:
    order = np.argsort(terms, kind="stable")
    distinct, starts = np.unique(terms[order], return_index=True)
    return _Block(ids, distinct, np.append(starts, len(terms)), rows[order].astype(np.uint32), weights[order])
