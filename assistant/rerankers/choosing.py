"""Which reranker a name such as `maxsim` or `cross-encoder:MODEL` means. What each needs is in its own file."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.embedders.choosing import parted
from assistant.errors import SettingsError
from assistant.protocols import Embedder, Reranker, TokenEmbedder
from assistant.rerankers.bounded import Bounded
from assistant.rerankers.maxsim import MaxSim, Stored, none_stored

ALONE = ("maxsim", "none", "bge")
WITH_MODEL = ("bge", "cross-encoder", "jina")


@dataclass(frozen=True, slots=True)
class Means:
    """What some rerankers need beside their name: the time for one query, an endpoint with its key, and what is kept of token
    vectors."""

    seconds: float = 5.0
    base_url: str = ""
    api_key: str = ""
    stored_signs: Stored = none_stored


def make(name: str, embedder: Embedder, means: Means) -> Bounded | None:
    """The reranker of this name; None for `none`. Weights are loaded at its first use. Raises SettingsError."""
    kind, model = parted(name, ALONE, WITH_MODEL)
    match kind:
        case "none":
            return None
        case "maxsim":
            if not isinstance(embedder, TokenEmbedder):
                raise SettingsError(
                    f"maxsim needs token vectors, which {embedder.name} does not give. Set FOOTNOTE_RERANKER=none."
                )
            maxsim = MaxSim(embedder, stored=means.stored_signs)
            return Bounded(kind, lambda: maxsim, seconds=means.seconds)
        case "jina":
            from assistant.rerankers.jina import JINA, JinaReranker

            jina = JinaReranker(model, means.base_url or JINA, means.api_key, timeout_seconds=means.seconds)
            return Bounded(kind, lambda: jina, seconds=means.seconds)
        case _:
            return Bounded(kind, lambda: _loaded(kind, model), seconds=means.seconds, alone=True)


def _loaded(kind: str, model: str) -> Reranker:
    if kind == "bge":
        from assistant.rerankers.bge import BgeReranker

        return BgeReranker(model) if model else BgeReranker()
    from assistant.rerankers.cross_encoder import CrossEncoderReranker

    return CrossEncoderReranker(model)
