"""Which embedder a name such as `minilm` or `openai:text-embedding-3-small` means. What each needs is in its own file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.errors import SettingsError
from assistant.generators.context import CountTokens, estimate_tokens
from assistant.protocols import Embedder, SparseEmbedder

ALONE = ("minilm", "e5", "bge-m3")
WITH_MODEL = ("sentence-transformers", "transformers", "model2vec", "bge-m3", "openai", "jina", "spacy", "gensim")
_FINGERPRINT = re.compile(r"#(?:[0-9a-f]{8}|\d+(?:\.\d+)+)$")  # as assistant/embedders/hub.py and spaCy's versions write it
SPARSE_ALONE = ("bm25", "bge-m3")
SPARSE_WITH_MODEL = ("bge-m3", "splade")


@dataclass(frozen=True, slots=True)
class Means:
    """What some embedders need beside their name: cores, an endpoint with its key, and a counter for models whose tokenizer is not
    at hand."""

    threads: int = 2
    base_url: str = ""
    api_key: str = ""
    count_tokens: CountTokens = estimate_tokens


def parted(name: str, alone: Sequence[str] = ALONE, with_model: Sequence[str] = WITH_MODEL) -> tuple[str, str]:
    """(kind, model) of a name; the model is "" where the kind has its own. A name as a collection remembers it, with a fingerprint
    after `#`, is taken as well. Raises SettingsError."""
    kind, _, model = (part.strip() for part in name.partition(":"))
    if (kind in alone and not model) or (kind in with_model and model):
        return kind, model
    forms = [*alone, *(f"{kind}:MODEL" for kind in with_model)]
    raise SettingsError(f"'{name}' names no model. Write one of {', '.join(forms)}; MODEL is a model's name or a local folder.")


def make(name: str, means: Means) -> Embedder:
    """The embedder of this name. Raises SettingsError, ModelUnavailable."""
    kind, model = parted(name)
    embedder = _made(kind, _FINGERPRINT.sub("", model), means)
    if _FINGERPRINT.search(model) and embedder.name != f"{kind}:{model}":
        raise SettingsError(
            f"The model is '{embedder.name}', not '{name}': its files have changed. "
            "Name it without what follows #, and run `footnote reindex` for its collections."
        )
    return embedder


def make_sparse(name: str, dense: Embedder) -> SparseEmbedder | None:
    """The model of the sparse leg; None for `bm25`. BGE-M3 that is loaded already as `dense` gives both. Raises SettingsError,
    ModelUnavailable."""
    kind, model = parted(name, SPARSE_ALONE, SPARSE_WITH_MODEL)
    model = _FINGERPRINT.sub("", model)
    if kind == "bm25":
        return None
    if kind == "bge-m3":
        from assistant.embedders.bge_m3 import BgeM3, LexicalWeights

        loaded = dense if isinstance(dense, BgeM3) and dense.is_model(model) else BgeM3(model) if model else BgeM3()
        return LexicalWeights(loaded)
    from assistant.embedders.splade import Splade

    return Splade(model)


def _made(kind: str, model: str, means: Means) -> Embedder:
    match kind:
        case "minilm":
            from assistant.embedders.minilm import MiniLM

            return MiniLM(threads=means.threads)
        case "e5":
            from assistant.embedders.e5 import E5

            return E5(threads=means.threads)
        case "sentence-transformers":
            from assistant.embedders.sentence_transformers_model import SentenceTransformersModel

            return SentenceTransformersModel(model)
        case "transformers":
            from assistant.embedders.transformers_model import TransformersModel

            return TransformersModel(model)
        case "model2vec":
            from assistant.embedders.model2vec_model import Model2Vec

            return Model2Vec(model)
        case "bge-m3":
            from assistant.embedders.bge_m3 import BgeM3

            return BgeM3(model) if model else BgeM3()
        case "openai":
            from assistant.embedders.openai_endpoint import OPENAI, OpenAIEmbedder

            return OpenAIEmbedder(model, means.base_url or OPENAI, means.api_key, count_tokens=means.count_tokens)
        case "jina":
            from assistant.embedders.jina import JINA, jina_embedder

            return jina_embedder(model, means.base_url or JINA, means.api_key, count_tokens=means.count_tokens)
        case "spacy":
            from assistant.embedders.spacy_vectors import SpacyVectors

            return SpacyVectors(model)
        case _:
            from assistant.embedders.gensim_vectors import GensimVectors

            return GensimVectors(model)
