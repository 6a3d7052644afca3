"""Any model of sentence-transformers, by its name or from a folder."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Literal

from assistant.embedders.coverage import covered_by
from assistant.embedders.hub import load, missing, remembered
from assistant.embedders.prefixes import prefixes_of
from assistant.embedders.shaping import encodable, token_counter, unit_rows
from assistant.errors import ModelUnavailable
from assistant.protocols import Vectors

_BATCH = 16
_EXTRA = "sentence-transformers"


class SentenceTransformersModel:
    """Reimers and Gurevych, "Sentence-BERT", 2019. Queries and documents get the prompts that the model names, or else those of its
    model card where we know them. Code that lies beside a model is not run. One thread at a time is let in.

    `backend` "onnx" needs optimum beside the extra. Raises ModelUnavailable.
    """

    def __init__(self, model: str, *, backend: Literal["torch", "onnx"] = "torch", batch: int = _BATCH) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise missing(model, _EXTRA, error) from error
        self._model = load(model, _EXTRA, lambda where: SentenceTransformer(where, backend=backend, trust_remote_code=False))
        self._model.eval()
        dimension = self._model.get_embedding_dimension()
        if not dimension:
            raise ModelUnavailable(f"'{model}' does not say its dimension. Use another model.")
        self.name = remembered("sentence-transformers", model)
        self.dimension = dimension
        self.max_tokens = int(self._model.max_seq_length or 512)
        self.languages: Sequence[str] = covered_by(model)
        self._query, self._document = ("", "") if any(self._model.prompts.values()) else prefixes_of(model)
        self._batch = batch
        self._lock = threading.Lock()
        self.count_tokens = token_counter(self._model.tokenizer)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dimension) float32, each row of length one."""
        return self._encoded(texts, query=False)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """As encode_documents, with the model's prompt for queries."""
        return self._encoded(texts, query=True)

    def _encoded(self, texts: Sequence[str], *, query: bool) -> Vectors:
        encode = self._model.encode_query if query else self._model.encode_document
        prefix = (self._query if query else self._document) or None
        with self._lock:
            rows = encode(list(map(encodable, texts)), prompt=prefix, batch_size=self._batch, show_progress_bar=False)
        return unit_rows(rows, len(texts), self.dimension, self.name)
