"""BGE's rerankers through FlagEmbedding's FlagReranker."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.embedders.coverage import covered_by
from assistant.embedders.hub import load, missing
from assistant.embedders.shaping import encodable, most_tokens
from assistant.fusion import trained_rerank_weight
from assistant.rerankers.scoring import check_is_classifier, scores_of

_MODEL = "BAAI/bge-reranker-v2-m3"
_MOST_TOKENS = 512  # as FlagReranker reads
_EXTRA = "bge"


class BgeReranker:
    """A cross-encoder of the BGE family, such as BAAI/bge-reranker-v2-m3 (568 million weights, over a hundred languages, Apache 2.0).
    For one thread at a time. Raises ModelUnavailable."""

    name = "bge"
    batch = 4
    span: float | None = None

    def __init__(self, model: str = _MODEL) -> None:
        try:
            import torch
            from FlagEmbedding import FlagReranker
        except ImportError as error:
            raise missing(model, _EXTRA, error) from error
        self._device = "cuda:0" if torch.cuda.is_available() else "cpu"
        loaded = load(model, _EXTRA, lambda where: FlagReranker(where, use_fp16=False, devices=self._device))
        self._tokenizer, self._model = loaded.tokenizer, loaded.model.float().to(self._device).eval()
        check_is_classifier(model, self._model.config)
        self._languages = covered_by(model)
        self._max_tokens = min(_MOST_TOKENS, most_tokens(self._tokenizer, self._model.config))

    def weight(self, language: str) -> float:
        return trained_rerank_weight(language, self._languages)

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """One logit a text, in the order given. Of a query at most three quarters of what the model reads, as FlagReranker has it."""
        return scores_of(lambda: self._logits(self._cut(encodable(query)), list(map(encodable, texts))), len(texts), self.name)

    def _logits(self, query: str, texts: list[str]) -> Sequence[float]:
        """FlagEmbedding's own `compute_score` (1.4.2) runs the first batch twice, to try its size, and with transformers 5 it decodes
        tokens and reads them anew, which moves unknown characters about: its model is called here."""
        import torch

        fed = self._tokenizer(
            [query] * len(texts), texts, truncation="only_second", max_length=self._max_tokens, padding=True, return_tensors="pt"
        ).to(self._device)
        with torch.inference_mode():
            logits: list[float] = self._model(**fed).logits.view(-1).float().tolist()
        return logits

    def _cut(self, query: str) -> str:
        ids = self._tokenizer(query, add_special_tokens=False)["input_ids"]
        most = self._max_tokens * 3 // 4
        return query if len(ids) <= most else str(self._tokenizer.decode(ids[:most]))
