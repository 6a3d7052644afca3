"""What every reranker's scores go through, whatever gave them. No model is known here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from assistant.errors import ModelError, ModelUnavailable


def scores_of(given: Callable[[], Any], texts: int, name: str) -> list[float]:
    """As many finite numbers as there are texts, from what a library gives when called. Raises ModelError."""
    try:
        scores = [float(score) for score in given()]
    except ModelError:
        raise
    except Exception as error:  # these libraries raise of every kind
        said = " ".join(str(error).split())[:300]
        raise ModelError(f"{name} failed ({type(error).__name__}: {said}). Use another model.") from error
    if len(scores) != texts or not all(map(math.isfinite, scores)):
        raise ModelError(f"{name} gave {scores[:3]} ... as the scores of {texts} texts. Use another model.")
    return scores


def check_is_reranker(model: str, labels: int) -> None:
    """Raises ModelUnavailable for a classifier of several labels, which is also what an encoder without a head is loaded as."""
    if labels != 1:
        raise ModelUnavailable(
            f"'{model}' gives {labels} scores a passage, where a reranker gives one. Name a reranker in FOOTNOTE_RERANKER."
        )
