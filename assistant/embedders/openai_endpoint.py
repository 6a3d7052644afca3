"""Embeddings from OpenAI or any endpoint that speaks its language: Ollama, vLLM, llama.cpp, text-embeddings-inference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assistant.embedders.coverage import covered_by
from assistant.embedders.endpoint import Endpoint
from assistant.embedders.shaping import encodable, unit_rows
from assistant.errors import EndpointError, ModelError
from assistant.generators.context import CountTokens, estimate_tokens
from assistant.protocols import Vectors

OPENAI = "https://api.openai.com/v1"
_DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
_BATCH_TEXTS = 32
_BATCH_TOKENS = 30_000


class OpenAIEmbedder:
    """An Embedder over one endpoint and model. The dimension of a model that is not OpenAI's own is asked of the endpoint once, when
    this is made. Documents and queries are sent with `documents` and `queries` added to the request, where a service tells them
    apart. Texts beyond `max_tokens` by the given counter are cut.

    Raises SettingsError for an address or key that cannot be, and EndpointError.
    """

    def __init__(
        self,
        model: str,
        base_url: str = OPENAI,
        api_key: str = "",
        *,
        kind: str = "openai",
        dimension: int = 0,
        max_tokens: int = 8191,
        count_tokens: CountTokens = estimate_tokens,
        documents: Mapping[str, Any] | None = None,
        queries: Mapping[str, Any] | None = None,
        timeout_seconds: float = 60.0,
    ) -> None:
        self._endpoint = Endpoint(base_url, model, api_key, timeout_seconds=timeout_seconds)
        self.name = f"{kind}:{model}"
        self.max_tokens = max_tokens
        self.languages: Sequence[str] = covered_by(model)
        self._count = count_tokens
        self._documents, self._queries = documents or {}, queries or {}
        self.dimension = dimension or _DIMENSIONS.get(model) or len(self._endpoint.embeddings(["dimension"], self._queries)[0])

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dimension) float32, each row of length one."""
        return self._encoded(texts, self._documents)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """As encode_documents, marked as queries where the service tells them apart."""
        return self._encoded(texts, self._queries)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """By the counter given: the model's vocabulary is not at hand."""
        return [self._count(text) for text in texts]

    def _encoded(self, texts: Sequence[str], extra: Mapping[str, Any]) -> Vectors:
        rows: list[Sequence[float]] = []
        batch: list[str] = []
        tokens = 0
        for text in map(self._cut, texts):
            more = self._count(text)
            if batch and (len(batch) == _BATCH_TEXTS or tokens + more > _BATCH_TOKENS):
                rows += self._endpoint.embeddings(batch, extra)
                batch, tokens = [], 0
            batch.append(text)
            tokens += more
        if batch:
            rows += self._endpoint.embeddings(batch, extra)
        try:
            return unit_rows(rows, len(texts), self.dimension, self.name)
        except ModelError as error:
            raise EndpointError(f"{self._endpoint.base_url} answered nonsense: {error}") from error

    def _cut(self, text: str) -> str:
        """As much as the model reads. An empty text is refused by OpenAI: a space stands for it."""
        text = encodable(text)
        while (tokens := self._count(text)) > self.max_tokens:
            text = text[: min(len(text) - 1, len(text) * self.max_tokens // tokens)]
        return text if text.strip() else " "
