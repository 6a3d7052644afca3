"""What every embedder does to texts before a model and to vectors after it. No model is known here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from assistant.errors import ModelError
from assistant.protocols import SparseVector, Vectors

_NO_LIMIT = 1_000_000
CountTokens = Callable[[Sequence[str]], list[int]]


def unit_rows(rows: Any, texts: int, dimension: int, name: str) -> Vectors:
    """(texts, dimension) float32 with rows of length one, from whatever a library gave: lists, arrays, a list of arrays. A row of
    zeros (a text without a known word) stays one. Raises ModelError where the shape is another or a number is none."""
    try:
        vectors = np.asarray([np.asarray(row, dtype=np.float32) for row in rows], dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{name} gave what are no vectors: {error}. Use another model.") from error
    vectors = vectors.reshape(0, dimension) if not len(vectors) else vectors
    if vectors.shape != (texts, dimension):
        raise ModelError(
            f"{name} gave vectors of the shape {vectors.shape} for {texts} texts; ({texts}, {dimension}) was expected. "
            "Use another model, or correct its dimension."
        )
    if not np.isfinite(vectors).all():
        raise ModelError(f"{name} gave a vector with a number that is not finite. Use another model, or one in full precision.")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return unit


def sparse_vector(weights: Mapping[Any, Any]) -> SparseVector:
    """Term ids and weights as Python numbers; what is not above zero is left out."""
    return {int(term): float(weight) for term, weight in weights.items() if float(weight) > 0}


def encodable(text: str) -> str:
    """Lone surrogates cannot be passed to a tokenizer or over a wire; they become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def in_batches(texts: Sequence[str], most: int) -> Iterator[list[int]]:
    """The places of a few texts of like length at a time, so that little of a batch is padding."""
    by_length = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    for first in range(0, len(by_length), most):
        yield by_length[first : first + most]


def most_tokens(tokenizer: Any, config: Any) -> int:
    """How much of a text a model of transformers reads, special tokens included: by its tokenizer, or else by its positions, which in
    the RoBERTa family begin after the padding's two. 512 where neither says."""
    stated = int(tokenizer.model_max_length)
    # A tokenizer that was saved without a limit says 1e30.
    return stated if stated < _NO_LIMIT else max(1, int(getattr(config, "max_position_embeddings", 514)) - 2)


def token_counter(tokenizer: Any) -> CountTokens:
    """A counter over a tokenizer of transformers, special tokens left out. It works on a copy, since these tokenizers cannot be
    used by two threads at once while one of them truncates."""
    fast = getattr(tokenizer, "backend_tokenizer", None)
    if fast is None:
        return lambda texts: [len(tokenizer.encode(encodable(text), add_special_tokens=False)) for text in texts]
    from tokenizers import Tokenizer

    alone = Tokenizer.from_str(fast.to_str())
    alone.no_truncation()
    alone.no_padding()

    def count(texts: Sequence[str]) -> list[int]:
        return [len(e.ids) for e in alone.encode_batch_fast(list(map(encodable, texts)), add_special_tokens=False)]

    return count
