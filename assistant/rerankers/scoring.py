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


def check_is_classifier(model: str, config: Any) -> None:
    """Raises ModelUnavailable for what is no classifier of one label by its configuration in transformers: to an encoder without a
    head these libraries give a random one."""
    kinds = config.architectures or []
    if config.num_labels != 1 or not all(kind.endswith("ForSequenceClassification") for kind in kinds):
        raise ModelUnavailable(
            f"'{model}' is a {', '.join(kinds) or 'model'} with {config.num_labels} labels and no reranker, which gives one score a "
            "passage. Name a reranker in FOOTNOTE_RERANKER."
        )
