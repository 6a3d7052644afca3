"""Retrieval: a question to hits. Both legs, one fusion, one rerank; every rank, score and time on the way is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from assistant.errors import InvalidRequest
from assistant.fusion import blend, convex, dense_weight, reciprocal_rank, rerank_weight
from assistant.languages import language_of_query
from assistant.lexical import query_counts, query_vector
from assistant.library import Library
from assistant.protocols import Embedder, Index, Reranker
from assistant.records import Collection
from assistant.types import Chunk, Hit, Retrieval

Scored = list[tuple[int, float]]
# Rows of versions that are no longer live may still stand in the index: ask for a few more, and for twice as many when these
# were not enough.
_SPARE = 10


@dataclass(frozen=True, slots=True)
class Retriever:
    """The collaborators of a search and how they are set: `depth` hits a leg, of which `rerank_depth` are reranked."""

    library: Library
    index: Index
    embedder: Embedder
    reranker: Reranker | None
    depth: int = 50
    rerank_depth: int = 20
    fusion: str = "convex"

    def search(self, query: str, of: Sequence[Collection], *, k: int) -> Retrieval:
        """The k best hits in these collections, best first. Their legs are merged on raw scores before anything is scaled."""
        if k < 1:
            raise InvalidRequest(f"k is {k}; it must be 1 or more.")
        clock = _Clock()
        languages = self.library.languages(of)
        language = language_of_query(query, languages)
        with clock.measure("embed"):
            vector = self.embedder.encode_queries([query])[0]
        with clock.measure("dense"):
            dense = self._leg(of, k, lambda name, limit: _with_vectors(self.index.search_dense(name, vector, limit)))
        with clock.measure("bm25"):
            terms = self._query_vector(query, of, languages)
            bm25 = self._leg(of, k, lambda name, limit: self.index.search_sparse(name, terms, limit))
        with clock.measure("fuse"):
            fused = self._fused(dense, bm25, language)
            chunks = self.library.chunks(of, [i for i, _ in fused[: max(k, self.rerank_depth)]])
        stages: dict[str, Scored] = {"bm25": bm25, "dense": dense, "fused": fused}
        if self.reranker is not None:
            with clock.measure("rerank"):
                stages["reranked"] = self._reranked(self.reranker, query, fused, chunks, language)
        # A chunk that was removed meanwhile is in no stage's hits.
        delivered = [(i, score) for i, score in stages.get("reranked", fused) if i in chunks][:k]
        return Retrieval(
            query,
            tuple(_hit(chunks[i], score, stages) for i, score in delivered),
            {stage: [i for i, _ in leg] for stage, leg in stages.items()},
            clock.milliseconds,
            searched=sum(c.chunks for c in of),
        )

    def _leg(self, of: Sequence[Collection], k: int, search: Callable[[str, int], Scored]) -> Scored:
        """One leg over all the collections: the best `depth` (or k, where that is more) that are live."""
        depth = max(self.depth, k)
        limit = depth + _SPARE
        while True:
            found = [search(c.index_name, limit) for c in of if c.chunks]
            merged = sorted((hit for leg in found for hit in leg), key=lambda hit: -hit[1])
            live = self.library.live_ids(of, [i for i, _ in merged])
            kept = [hit for hit in merged if hit[0] in live]
            if len(kept) >= depth or all(len(leg) < limit for leg in found):
                return kept[:depth]
            limit *= 2

    def _query_vector(self, query: str, of: Sequence[Collection], languages: Sequence[str]) -> Mapping[int, float]:
        """The query's terms as each language of the documents stems them: a document holds its own language's terms only."""
        counts = query_counts(query, languages)
        frequencies, total = self.library.chunk_counts(of, list(counts))
        return query_vector(counts, frequencies, total)

    def _fused(self, dense: Scored, bm25: Scored, language: str) -> Scored:
        if self.fusion == "rrf":
            return reciprocal_rank(dense, bm25)
        return convex(dense, bm25, weight=dense_weight(language, self.embedder.languages))

    def _reranked(self, reranker: Reranker, query: str, fused: Scored, chunks: Mapping[int, Chunk], language: str) -> Scored:
        """The head of the fused list by the blend of both scores, then the rest as it was."""
        head = [hit for hit in fused[: self.rerank_depth] if hit[0] in chunks]
        scores = reranker.score(query, [chunks[i].search_text for i, _ in head])
        blended = blend(head, scores, weight=rerank_weight(language, self.embedder.languages))
        return [*blended, *fused[self.rerank_depth :]]


def _with_vectors(found: Scored) -> Scored:
    """Without the rows that have no vector yet: theirs is all zeros, and so is its cosine to anything."""
    return [hit for hit in found if hit[1] != 0.0]


@dataclass(frozen=True, slots=True)
class _Clock:
    milliseconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.milliseconds[stage] = round((time.perf_counter() - started) * 1000, 3)


def _hit(chunk: Chunk, score: float, stages: Mapping[str, Scored]) -> Hit:
    hit = Hit(chunk, score)
    ranks, scores = {}, {}
    for name, leg in stages.items():
        for rank, (i, value) in enumerate(leg, 1):
            if i == chunk.id:
                ranks[name], scores[name] = rank, round(value, 6)
    return replace(hit, ranks=ranks, scores=scores)
