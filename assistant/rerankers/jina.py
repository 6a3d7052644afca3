"""Jina's reranking API, or an endpoint that answers as it does: vLLM, llama.cpp, text-embeddings behind a gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assistant.embedders.coverage import covered_by
from assistant.embedders.endpoint import Endpoint
from assistant.embedders.jina import JINA as JINA
from assistant.embedders.shaping import encodable
from assistant.errors import EndpointError, ModelError
from assistant.fusion import trained_rerank_weight
from assistant.rerankers.scoring import scores_of


class JinaReranker:
    """`POST /rerank` with all passages at once, since the newer models compare them with each other. A request that fails is not tried
    again: the person would wait. Raises SettingsError for an address or a key that cannot be."""

    name = "jina"
    batch = 100
    span: float | None = None

    def __init__(self, model: str, base_url: str = JINA, api_key: str = "", *, timeout_seconds: float = 5.0) -> None:
        self._endpoint = Endpoint(base_url, model, api_key, timeout_seconds=timeout_seconds, tries=1, setting="FOOTNOTE_RERANKER")
        self._model = model
        self._languages = covered_by(model)

    def weight(self, language: str) -> float:
        return trained_rerank_weight(language, self._languages)

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """One relevance a text, in the order given. Raises EndpointError."""
        asked = {
            "model": self._model, "query": encodable(query), "documents": list(map(encodable, texts)), "top_n": len(texts),
            "return_documents": False,
        }  # fmt: skip
        answer = self._endpoint.post("/rerank", asked)
        try:
            return scores_of(lambda: _in_order(answer, len(texts)), len(texts), self.name)
        except ModelError as error:
            raise EndpointError(f"{self._endpoint.base_url} answered what is no reranking: {error}") from error


def _in_order(answer: Any, texts: int) -> list[Any]:
    rows = answer.get("results") if isinstance(answer, Mapping) else None
    by_index = {row["index"]: row["relevance_score"] for row in rows or ()}
    if len(rows or ()) != texts:
        raise ModelError(
            f"{len(rows or ())} results for {texts} texts. Check FOOTNOTE_RERANKER_BASE_URL, which usually ends in /v1."
        )
    return [by_index[index] for index in range(texts)]
