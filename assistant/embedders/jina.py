"""Embeddings from Jina's API, which speaks OpenAI's language and wants to know what a text is for."""

from __future__ import annotations

from assistant.embedders.openai_endpoint import OpenAIEmbedder
from assistant.generators.context import CountTokens, estimate_tokens

JINA = "https://api.jina.ai/v1"
_DIMENSIONS = {"jina-embeddings-v4": 2048, "jina-embeddings-v3": 1024, "jina-embeddings-v2-base-en": 768}


def jina_embedder(
    model: str, base_url: str = JINA, api_key: str = "", *, count_tokens: CountTokens = estimate_tokens
) -> OpenAIEmbedder:
    """An Embedder over Jina's API: documents are sent as the task retrieval.passage, queries as retrieval.query, by the models that
    know tasks (from version 3 on). Raises SettingsError, EndpointError."""
    tasks = "-v2-" not in model
    return OpenAIEmbedder(
        model,
        base_url,
        api_key,
        kind="jina",
        dimension=_DIMENSIONS.get(model, 0),
        max_tokens=8192,
        count_tokens=count_tokens,
        documents={"task": "retrieval.passage"} if tasks else {},
        queries={"task": "retrieval.query"} if tasks else {},
    )
