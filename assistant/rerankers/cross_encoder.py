"""Any cross-encoder of sentence-transformers, by its name or from a folder."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.embedders.coverage import covered_by
from assistant.embedders.hub import load, missing
from assistant.embedders.shaping import encodable
from assistant.fusion import trained_rerank_weight
from assistant.rerankers.scoring import check_is_classifier, scores_of

_EXTRA = "sentence-transformers"


class CrossEncoderReranker:
    """Nogueira and Cho, "Passage Re-ranking with BERT", 2019. Scores are as the model gives them, after the activation that it names.
    Code that lies beside a model is not run. For one thread at a time. Raises ModelUnavailable."""

    name = "cross-encoder"
    batch = 4
    span: float | None = None

    def __init__(self, model: str) -> None:
        try:
            from sentence_transformers import CrossEncoder
        except ImportError as error:
            raise missing(model, _EXTRA, error) from error
        self._model = load(model, _EXTRA, lambda where: CrossEncoder(where, trust_remote_code=False))
        self._model.eval()
        if len(self._model) == 1:  # others bring a head of sentence-transformers' own
            check_is_classifier(model, self._model.config)
        self._languages = covered_by(model)

    def weight(self, language: str) -> float:
        return trained_rerank_weight(language, self._languages)

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """One score a text, in the order given."""
        pairs = [(encodable(query), encodable(text)) for text in texts]
        predict = self._model.predict
        return scores_of(lambda: predict(pairs, batch_size=self.batch, show_progress_bar=False), len(texts), self.name)
