"""SPLADE as the sparse leg, through sentence-transformers' SparseEncoder, which also reads plain masked language models."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from assistant.embedders.hub import load, missing, remembered
from assistant.embedders.shaping import encodable, sparse_vector
from assistant.protocols import SparseVector

# Logits over the whole vocabulary for each token: four texts of 256 tokens take 125 MB.
_BATCH = 4
_EXTRA = "sentence-transformers"


class Splade:
    """Formal et al., "SPLADE v2", 2021: of each term of the vocabulary the greatest log(1 + relu(logit)) over the text's tokens. So
    a text is found by words that it does not hold. One thread at a time is let in. Raises ModelUnavailable."""

    def __init__(self, model: str, *, batch: int = _BATCH) -> None:
        try:
            from sentence_transformers import SparseEncoder
        except ImportError as error:
            raise missing(model, _EXTRA, error) from error
        self._model = load(model, _EXTRA, lambda where: SparseEncoder(where, trust_remote_code=False))
        self._model.eval()
        self.name = remembered("splade", model)
        self._batch = batch
        self._lock = threading.Lock()

    def encode_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        """Weights above zero by term id, one mapping a text."""
        return self._encoded(self._model.encode_document, texts)

    def encode_queries(self, texts: Sequence[str]) -> list[SparseVector]:
        """As encode_documents, as the model encodes queries."""
        return self._encoded(self._model.encode_query, texts)

    def _encoded(self, encode: Any, texts: Sequence[str]) -> list[SparseVector]:
        if not texts:
            return []
        with self._lock:
            rows = encode(
                list(map(encodable, texts)), batch_size=self._batch, show_progress_bar=False,
                convert_to_tensor=False, convert_to_sparse_tensor=True, save_to_cpu=True,
            )  # fmt: skip
        return [_weights(row.coalesce()) for row in rows]


def _weights(row: Any) -> SparseVector:
    return sparse_vector(dict(zip(row.indices()[0].tolist(), row.values().tolist(), strict=True)))
