"""Whether the passages that were found hold an answer at all. How the answer is written is others' business."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.lexical import terms
from assistant.types import Hit

THRESHOLD = 0.5
_LOOKED_AT = 5


def confidence(query: str, hits: Sequence[Hit]) -> float:
    """How likely the hits answer the query, 0 to 1; 0 without hits."""
    if not hits:
        return 0.0
    language = hits[0].chunk.language
    wanted = set(terms(query, language))
    held = [set(terms(hit.chunk.search_text, language)) for hit in hits[:_LOOKED_AT]]
    coverage = max(len(wanted & those) for those in held) / len(wanted) if wanted else 0.0
    cosine = max((hit.scores.get("dense", 0.0) for hit in hits[:_LOOKED_AT]), default=0.0)
    return max(0.0, min(1.0, 0.5 * coverage + cosine))


def enough(sure: float) -> bool:
    """Whether a confidence is high enough to answer."""
    return sure >= THRESHOLD
