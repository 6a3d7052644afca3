"""Any encoder of Hugging Face transformers, its token vectors averaged."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from assistant.embedders.coverage import covered_by
from assistant.embedders.hub import load, missing, remembered
from assistant.embedders.prefixes import prefixes_of
from assistant.embedders.shaping import encodable, in_batches, most_tokens, token_counter, unit_rows
from assistant.protocols import Vectors

_BATCH = 8
_MOST_TOKENS = 512
_EXTRA = "transformers"


class TransformersModel:
    """The mean of the last hidden state over all tokens, special ones included, as sentence-transformers pools by default. Prefixes
    are those of the model card where we know them. One thread at a time is let in. Raises ModelUnavailable."""

    def __init__(self, model: str, *, query_prefix: str = "", document_prefix: str = "", batch: int = _BATCH) -> None:
        try:
            from transformers import AutoModel, AutoTokenizer
        except ImportError as error:
            raise missing(model, _EXTRA, error) from error
        self._tokenizer = load(model, _EXTRA, lambda where: AutoTokenizer.from_pretrained(where, trust_remote_code=False))
        self._model = load(model, _EXTRA, lambda where: AutoModel.from_pretrained(where, trust_remote_code=False))
        self._model.eval()
        self.name = remembered("transformers", model)
        self.dimension = int(self._model.config.hidden_size)
        self.max_tokens = min(_MOST_TOKENS, most_tokens(self._tokenizer, self._model.config))
        self.languages: Sequence[str] = covered_by(model)
        known_query, known_document = prefixes_of(model)
        self._query, self._document = query_prefix or known_query, document_prefix or known_document
        self._batch = batch
        self._lock = threading.Lock()
        self.count_tokens = token_counter(self._tokenizer)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dimension) float32, each row of length one."""
        return self._encoded([self._document + text for text in texts])

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """As encode_documents, with the prefix for queries."""
        return self._encoded([self._query + text for text in texts])

    def _encoded(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for places in in_batches(texts, self._batch):
            rows[places] = self._pooled([encodable(texts[place]) for place in places])
        return unit_rows(rows, len(texts), self.dimension, self.name)

    def _pooled(self, texts: list[str]) -> Vectors:
        import torch

        with self._lock, torch.inference_mode():
            fed = self._tokenizer(texts, padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt")
            hidden = self._model(**fed).last_hidden_state
            mask = fed["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            pooled: Vectors = ((hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)).float().numpy()
        return pooled
