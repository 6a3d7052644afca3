"""Static models of Model2Vec: a vector a token, looked up and averaged. No torch."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.embedders.coverage import covered_by
from assistant.embedders.hub import load, missing, remembered
from assistant.embedders.shaping import encodable, unit_rows
from assistant.protocols import Vectors

_BATCH = 256
_EXTRA = "model2vec"


class Model2Vec:
    """Tulkens and van Dongen, "Model2Vec", 2024. By name or from a folder; hundreds of times as quick as a transformer, and weaker.
    A text without a known token has a vector of zeros. Raises ModelUnavailable."""

    def __init__(self, model: str) -> None:
        try:
            from model2vec import StaticModel
        except ImportError as error:
            raise missing(model, _EXTRA, error) from error
        self._model = load(model, _EXTRA, lambda where: StaticModel.from_pretrained(where, force_download=False))
        self.name = remembered("model2vec", model)
        self.dimension = int(self._model.dim)
        self.max_tokens = int(self._model.max_length or 512)
        self.languages: Sequence[str] = covered_by(model)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dimension) float32, each row of length one, or of zero."""
        known = list(map(encodable, texts))
        rows = (
            self._model.encode(known, batch_size=_BATCH, max_length=self.max_tokens, use_multiprocessing=False) if known else []
        )
        return unit_rows(rows, len(texts), self.dimension, self.name)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """As encode_documents: these models have no query prefix."""
        return self.encode_documents(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens that the model knows."""
        return [len(ids) for ids in self._model.tokenize(list(map(encodable, texts)))]
