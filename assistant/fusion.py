"""How two rankings become one, and how a rerank is blended in. Items are numbers; what they stand for is not known here."""

from __future__ import annotations

from collections.abc import Sequence

Ranking = Sequence[tuple[int, float]]

# Best over SQuAD 2, SciFact, PIAF and FaQuAD together: at one half MiniLM falls below BM25 alone in French and Portuguese. MaxSim
# at .5 gains SQuAD half a hundredth and takes more from SciFact; in other languages more than .3 does harm.
COVERED_DENSE_WEIGHT = 0.35
UNCOVERED_DENSE_WEIGHT = 0.2
COVERED_RERANK_WEIGHT = 0.3
UNCOVERED_RERANK_WEIGHT = 0.2


def convex(dense: Ranking, sparse: Ranking, *, weight: float) -> list[tuple[int, float]]:
    """(item, weight * dense + (1 - weight) * sparse), scores scaled to 0 to 1, best first. Bruch, Gai and Ingber, "An Analysis
    of Fusion Functions for Hybrid Retrieval", 2023.

    Cosines are scaled from the least of the leg to the greatest, BM25 scores from 0, the least there can be, to the greatest. An
    item that a leg did not find gets 0 there. Where all cosines are equal each counts 1. Ties keep the dense order, then the
    sparse one.
    """
    scores = {item: weight * scaled for (item, _), scaled in zip(dense, scaled_scores([s for _, s in dense]), strict=True)}
    greatest = max((score for _, score in sparse), default=0.0)
    for item, score in sparse:
        scores[item] = scores.get(item, 0.0) + (1 - weight) * (score / greatest if greatest > 0 else 1.0)
    return _best_first(scores)


def reciprocal_rank(dense: Ranking, sparse: Ranking, *, constant: int = 60) -> list[tuple[int, float]]:
    """(item, sum of 1 / (constant + rank)) over the legs that found it, best first. Cormack, Clarke and Buettcher, 2009."""
    scores: dict[int, float] = {}
    for leg in (dense, sparse):
        for rank, (item, _) in enumerate(leg, start=1):
            scores[item] = scores.get(item, 0.0) + 1 / (constant + rank)
    return _best_first(scores)


def blend(fused: Ranking, rerank_scores: Sequence[float], *, weight: float) -> list[tuple[int, float]]:
    """(item, (1 - weight) * fused + weight * rerank score), best first. Rerank scores come in the order of `fused` and are
    comparable within one call only, so they are scaled from their least to their greatest first. Ties keep the fused order."""
    scaled = scaled_scores(rerank_scores)
    return _best_first({item: (1 - weight) * score + weight * again for (item, score), again in zip(fused, scaled, strict=True)})


def dense_weight(language: str, covered: Sequence[str]) -> float:
    """The dense leg's weight in `convex` for a query in this language, where the embedder covers the given ones."""
    return COVERED_DENSE_WEIGHT if language in covered else UNCOVERED_DENSE_WEIGHT


def rerank_weight(language: str, covered: Sequence[str]) -> float:
    """The rerank's weight in `blend` for a query in this language, where the reranker's model covers the given ones."""
    return COVERED_RERANK_WEIGHT if language in covered else UNCOVERED_RERANK_WEIGHT


def scaled_scores(scores: Sequence[float]) -> list[float]:
    """Scores moved to 0 (the least) to 1 (the greatest); all 1 where they are all equal."""
    if not scores:
        return []
    least, greatest = min(scores), max(scores)
    if greatest <= least:
        return [1.0] * len(scores)
    return [(score - least) / (greatest - least) for score in scores]


def _best_first(scores: dict[int, float]) -> list[tuple[int, float]]:
    return sorted(scores.items(), key=lambda pair: -pair[1])
