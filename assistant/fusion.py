"""How two rankings become one, and how a rerank is blended in. Items are numbers; what they stand for is not known here."""

from __future__ import annotations

import math
from collections.abc import Sequence

Ranking = Sequence[tuple[int, float]]

# Chosen looking at both halves (benchmarks/halves.py) of SQuAD 2, SciFact, mtRAG, ClapNQ, PIAF and FaQuAD, and flat around these:
# between .4 and .5 no set in a language that MiniLM or e5 covers gains or loses more than .008 nDCG@10. Where MiniLM does not
# know the language, any weight from .1 to .3 is .007 to .010 above BM25, with proximity.
COVERED_DENSE_WEIGHT = 0.5
UNCOVERED_DENSE_WEIGHT = 0.2
# A follow-up has few words of its own, and those before it weigh less: on mtRAG's follow-ups .8 gives .309 joined, .5 gives .290
# (both halves gain).
FOLLOW_UP_DENSE_WEIGHT = 0.8
PROXIMITY_WEIGHT = 0.2
# Of late interaction, in any language: as its scores are divided by its span, it has the less say the less it tells texts apart. Over
# SQuAD 2, SciFact, PIAF and FaQuAD it gains .005 to .010 nDCG@10 from .2 to .4.
RERANK_WEIGHT = 0.3
UNCOVERED_TRAINED_WEIGHT = 0.2


def convex(
    dense: Ranking, sparse: Ranking, *, weight: float, cosine_span: float, attainable: float | None = None
) -> list[tuple[int, float]]:
    """(item, weight * dense + (1 - weight) * sparse), best first: each leg on a scale that does not depend on what it found, so that
    a leg that cannot tell its items apart has little say. After Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid
    Retrieval", 2023, who scale by theoretical bounds.

    Cosines count from the least of the leg and are divided by `cosine_span`, the usual distance from a passage that answers to one
    that does not touch the question. Sparse scores are divided by the geometric mean of the greatest of them and of `attainable`,
    the score of a text that held every word of the query any number of times (the greatest alone without it): where no text holds
    the query's rare words, the dense leg gains weight. An item that a leg did not find gets 0 there. Ties keep the dense order,
    then the sparse one.
    """
    least = min((cosine for _, cosine in dense), default=0.0)
    scores = {item: weight * (cosine - least) / cosine_span for item, cosine in dense}
    greatest = max((score for _, score in sparse), default=0.0)
    whole = math.sqrt(greatest * (attainable or greatest))
    for item, score in sparse:
        scores[item] = scores.get(item, 0.0) + (1 - weight) * (score / whole if whole > 0 else 1.0)
    return best_first(scores)


def reciprocal_rank(dense: Ranking, sparse: Ranking, *, constant: int = 60) -> list[tuple[int, float]]:
    """(item, sum of 1 / (constant + rank)) over the legs that found it, best first. Cormack, Clarke and Buettcher, 2009."""
    scores: dict[int, float] = {}
    for leg in (dense, sparse):
        for rank, (item, _) in enumerate(leg, start=1):
            scores[item] = scores.get(item, 0.0) + 1 / (constant + rank)
    return best_first(scores)


def blend(fused: Ranking, rerank_scores: Sequence[float], *, weight: float, span: float | None = None) -> list[tuple[int, float]]:
    """(item, (1 - weight) * fused + weight * rerank score), best first. Rerank scores come in the order of `fused`; they count from
    their least and are divided by `span`, the usual distance from a text that answers to one that does not, so that a rerank that
    cannot tell the texts apart has little say. Where it is not known they are scaled from their least to their greatest. Ties keep
    the fused order."""
    least = min(rerank_scores, default=0.0)
    scaled = [(score - least) / span for score in rerank_scores] if span else scaled_scores(rerank_scores)
    return best_first({item: (1 - weight) * score + weight * again for (item, score), again in zip(fused, scaled, strict=True)})


def dense_weight(language: str, covered: Sequence[str], *, follow_up: bool = False) -> float:
    """The dense leg's weight in `convex` for a query in this language, where the embedder covers the given ones; for one that leans on
    earlier questions where it is a follow-up."""
    if language not in covered:
        return UNCOVERED_DENSE_WEIGHT
    return FOLLOW_UP_DENSE_WEIGHT if follow_up else COVERED_DENSE_WEIGHT


def trained_rerank_weight(language: str, covered: Sequence[str]) -> float:
    """The weight in `blend` of a model that was trained to rerank, such as a cross-encoder, for a query in this language, where it
    covers the given ones: its makers measure the order that it gives alone. Where these are not known, it is taken to cover all."""
    return 1.0 if not covered or language in covered else UNCOVERED_TRAINED_WEIGHT


def scaled_scores(scores: Sequence[float]) -> list[float]:
    """Scores moved to 0 (the least) to 1 (the greatest); all 1 where they are all equal."""
    if not scores:
        return []
    least, greatest = min(scores), max(scores)
    if greatest <= least:
        return [1.0] * len(scores)
    return [(score - least) / (greatest - least) for score in scores]


def best_first(scores: dict[int, float]) -> list[tuple[int, float]]:
    return sorted(scores.items(), key=lambda pair: -pair[1])
