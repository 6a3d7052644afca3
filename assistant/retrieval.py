"""Retrieval: a question to hits. Both legs, one fusion, one rerank; every rank, score and time on the way is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from assistant.cosine_scale import cosine_scale
from assistant.errors import InvalidRequest
from assistant.filters import EVERYTHING, Filters, nothing_passes
from assistant.fusion import PROXIMITY_WEIGHT, best_first, blend, convex, dense_weight, reciprocal_rank
from assistant.generators.condensing import carried_weight
from assistant.languages import language_of_query
from assistant.lexical import term_id, terms
from assistant.library import Library
from assistant.protocols import Embedder, Index, SparseEmbedder, SparseVector, Vectors
from assistant.proximity import proximity
from assistant.query_weights import QueryWeights, query_weights
from assistant.records import Collection
from assistant.rerankers.bounded import Bounded, Reranking
from assistant.stage_clock import StageClock
from assistant.types import Chunk, Hit, Retrieval
from assistant.word_index import WordIndex

Scored = list[tuple[int, float]]
# Rows of versions that are no longer live may still stand in the index: ask for a few more, and for twice as many when these
# were not enough.
_SPARE = 10


@dataclass(frozen=True, slots=True)
class Retriever:
    """The collaborators of a search and how they are set: `depth` hits a leg, of which the best
    `rerank_depth` are looked at more closely: how near the query's words stand in them, and by the reranker. BM25 is searched in
    `words` where it is given, else in the index."""

    library: Library
    index: Index
    embedder: Embedder
    reranker: Bounded | None
    sparse: SparseEmbedder | None = None
    depth: int = 50
    rerank_depth: int = 20
    fusion: str = "convex"
    words: WordIndex | None = None

    def search(
        self, query: str, of: Sequence[Collection], *, k: int, carried: str = "", filters: Filters = EVERYTHING
    ) -> Retrieval:
        """The k best hits in these collections, best first. Their legs are merged on raw scores before anything is scaled.

        `carried` holds earlier questions of a conversation, which the query may lean on: their words weigh less than its own. Each
        leg finds the best of the documents that pass the filters, as if no others were there; only what a word weighs still comes
        from the whole collections. Raises DocumentNotFound and InvalidRequest for filters that name what is not there.
        """
        if k < 1:
            raise InvalidRequest(f"k is {k}; it must be 1 or more.")
        clock = StageClock()
        among: dict[int, frozenset[int]] = {}  # by collection; none where all is searched
        if filters:
            with clock.measure("filter"):
                among = self.library.chunks.passing(of, filters)
            if not any(among.values()):
                none = (nothing_passes(filters),)
                return Retrieval(query, (), {}, clock.milliseconds, searched=0, carried=carried, notices=none)
        with clock.measure("language"):
            languages = list(self.library.languages(of, filters))
            asked = _Asked(query, carried, language_of_query(query, languages), languages)
        dense, bm25, weights = self._legs(asked, of, k, among, clock)
        with clock.measure("fuse"):
            fused = self._fused(asked, dense, bm25, weights)
            chunks = self.library.chunks.live(of, [i for i, _ in fused[: max(k, self.rerank_depth)]])
            fused = self._by_proximity(query, fused, chunks, weights)
        stages: dict[str, Scored] = {"bm25": bm25, "dense": dense, "fused": fused}
        reranking, scored = Reranking(), dict[int, float]()
        if self.reranker is not None:
            with clock.measure("rerank"):
                reranking, scored = self._rerank(self.reranker, asked, fused, chunks)
            if scored or not reranking.notice:
                stages["reranked"] = _reranked(scored, fused, reranking)
        return Retrieval(
            query,
            tuple(self._with_rerank_score(hit, scored) for hit in _delivered(chunks, stages, k)),
            {stage: [i for i, _ in leg] for stage, leg in stages.items()},
            clock.milliseconds,
            searched=sum(map(len, among.values())) if filters else sum(c.chunks for c in of),
            carried=carried,
            notices=(reranking.notice,) if reranking.notice else (),
        )

    def _legs(
        self, asked: _Asked, of: Sequence[Collection], k: int, among: Mapping[int, frozenset[int]], clock: StageClock
    ) -> tuple[Scored, Scored, QueryWeights]:
        """The dense leg, the leg of words, and the weights of the words."""
        with clock.measure("embed"):
            vector = self._query_vector(asked)
        with clock.measure("dense"):
            search = self.index.search_dense
            dense = self._leg(of, k, lambda c, limit: _with_vectors(search(c.index_name, vector, limit, among.get(c.id))))
        with clock.measure("bm25"):
            weights = self._weights(asked, of)
            found = _learned(self.sparse, asked) if self.sparse else weights.found
            if self.sparse is None and self.words is not None:
                words = self.words
                bm25 = self._leg(of, k, lambda c, limit: words.search(c, found, limit, among.get(c.id)))
            else:
                bm25 = self._leg(of, k, lambda c, limit: self.index.search_sparse(c.index_name, found, limit, among.get(c.id)))
        return dense, bm25, weights

    def _query_vector(self, asked: _Asked) -> Vectors:
        vectors: Vectors = self.embedder.encode_queries(asked.queries)
        shares = np.array([1.0, asked.carried_weight][: len(vectors)], dtype=np.float32)
        mixed: Vectors = shares @ vectors
        return mixed / np.float32(max(1e-12, float(np.linalg.norm(mixed))))

    def _weights(self, asked: _Asked, of: Sequence[Collection]) -> QueryWeights:
        """BM25's weights of the query's words, and lesser ones of those that it carries over."""
        count_chunks = partial(self.library.chunks.counts, of)
        weights, *lesser = [query_weights(query, asked.language, asked.languages, count_chunks) for query in asked.queries]
        return weights.with_lesser(lesser[0], asked.carried_weight) if lesser else weights

    def _leg(self, of: Sequence[Collection], k: int, search: Callable[[Collection, int], Scored]) -> Scored:
        """One leg over all the collections: the best `depth` (or k, where that is more) that are live."""
        depth = max(self.depth, k)
        limit = depth + _SPARE
        while True:
            found = [search(c, limit) for c in of if c.chunks]
            merged = sorted((hit for leg in found for hit in leg), key=lambda hit: -hit[1])
            live = self.library.chunks.live_ids(of, [i for i, _ in merged])
            kept = [hit for hit in merged if hit[0] in live]
            if len(kept) >= depth or all(len(leg) < limit for leg in found):
                return kept[:depth]
            limit *= 2

    def _fused(self, asked: _Asked, dense: Scored, bm25: Scored, weights: QueryWeights) -> Scored:
        if self.fusion == "rrf":
            return reciprocal_rank(dense, bm25)
        return convex(
            dense,
            bm25,
            weight=dense_weight(asked.language, self.embedder.languages, follow_up=bool(asked.carried)),
            cosine_span=cosine_scale(self.embedder).span,
            attainable=None if self.sparse else weights.attainable,
        )

    def _by_proximity(self, query: str, fused: Scored, chunks: Mapping[int, Chunk], weights: QueryWeights) -> Scored:
        """The head of the fused list again, with what the nearness of the query's words in each chunk adds."""
        if self.fusion == "rrf":
            return fused
        asked = {code: terms(query, code) for code in {chunk.language for chunk in chunks.values()}}
        by_term = {term: weights.each.get(term_id(term), 0.0) for own in asked.values() for term in own}
        head = [chunks[i] for i, _ in fused[: self.rerank_depth] if i in chunks]
        near = {c.id: proximity(asked[c.language], terms(c.search_text, c.language), by_term) for c in head}
        return best_first({i: score + PROXIMITY_WEIGHT * near.get(i, 0.0) for i, score in fused})

    def _rerank(
        self, reranker: Bounded, asked: _Asked, fused: Scored, chunks: Mapping[int, Chunk]
    ) -> tuple[Reranking, dict[int, float]]:
        """What the reranker says of the head of the fused list, and its scores by chunk id."""
        bare = asked.carried and not terms(asked.query, asked.language)
        query = f"{asked.carried} {asked.query}" if bare else asked.query
        head = [i for i, _ in fused[: self.rerank_depth] if i in chunks]
        reranking = reranker.score(query, [chunks[i].search_text for i in head], asked.language)
        return reranking, dict(zip(head, reranking.scores, strict=False))  # the first ones, where time was over

    def _with_rerank_score(self, hit: Hit, scored: Mapping[int, float]) -> Hit:
        if self.reranker is None or hit.chunk.id not in scored:
            return hit
        return replace(hit, scores={**hit.scores, self.reranker.name: round(scored[hit.chunk.id], 6)})


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query with what it carries over, its language, and the languages of the documents, the most frequent first."""

    query: str
    carried: str
    language: str
    languages: Sequence[str]

    @property
    def queries(self) -> list[str]:
        """The query, then what it carries over, where it does."""
        return [self.query, self.carried] if self.carried else [self.query]

    @property
    def carried_weight(self) -> float:
        return carried_weight(self.query, self.language)


def _learned(sparse: SparseEmbedder, asked: _Asked) -> SparseVector:
    """The weights that a model gives to the query's terms, in the place of BM25's."""
    own, *before = sparse.encode_queries(asked.queries)
    mixed = dict(own)
    for term, weight in before[0].items() if before else ():
        mixed[term] = mixed.get(term, 0.0) + asked.carried_weight * weight
    return mixed


def _reranked(scored: Mapping[int, float], fused: Scored, reranking: Reranking) -> Scored:
    """What was reranked by the blend of both scores, then the rest as it was."""
    head = [hit for hit in fused if hit[0] in scored]
    blended = blend(head, [scored[i] for i, _ in head], weight=reranking.weight, span=reranking.span)
    return [*blended, *(hit for hit in fused if hit[0] not in scored)]


def _with_vectors(found: Scored) -> Scored:
    """Without the rows that have no vector yet: theirs is all zeros, and so is its cosine to anything."""
    return [hit for hit in found if hit[1] != 0.0]


def _delivered(chunks: Mapping[int, Chunk], stages: Mapping[str, Scored], k: int) -> list[Hit]:
    """The k best hits of the last stage. A chunk that was removed meanwhile is in no stage's hits."""
    last = [(i, score) for i, score in stages.get("reranked", stages["fused"]) if i in chunks]
    return [_hit(chunks[i], score, stages) for i, score in last[:k]]


def _hit(chunk: Chunk, score: float, stages: Mapping[str, Scored]) -> Hit:
    hit = Hit(chunk, score)
    ranks, scores = {}, {}
    for name, leg in stages.items():
        for rank, (i, value) in enumerate(leg, 1):
            if i == chunk.id:
                ranks[name], scores[name] = rank, round(value, 6)
    return replace(hit, ranks=ranks, scores=scores)


def without_unreadable(found: Retrieval, library: Library, reader: str) -> Retrieval:
    """Without what the reader may not read now. Nothing else was searched; but a mistake in what was chosen, or a collection that is
    taken from a reader while a search goes on, must let nothing out."""
    ids = {hit.chunk.id for hit in found.hits}.union(*found.stages.values())
    allowed = library.chunks.readable(reader, sorted(ids))
    return replace(
        found,
        hits=tuple(hit for hit in found.hits if hit.chunk.id in allowed),
        stages={stage: [i for i in order if i in allowed] for stage, order in found.stages.items()},
    )
