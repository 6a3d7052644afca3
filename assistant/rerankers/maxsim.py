"""Late interaction over the token vectors of an embedder that is already loaded: no further weights."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from assistant.fusion import RERANK_WEIGHT
from assistant.protocols import TokenEmbedder
from assistant.token_signs import TokenSigns, max_similarity, signs_of

Stored = Callable[[Sequence[str]], Mapping[str, TokenSigns]]
"""The signs of those of the texts that ingestion has kept them of."""


def none_stored(_: Sequence[str]) -> Mapping[str, TokenSigns]:
    return {}


class MaxSim:
    """Khattab and Zaharia, "ColBERT", 2020: for each token of the query the best cosine among the text's; the mean of these. The
    text's token vectors are kept as signs (token_signs.py).

    Signs come from `stored`. Those of other texts are computed, which takes MiniLM some 30 ms a text on two cores, and the last of
    them are remembered, up to `cache_bytes`. Safe to call from several threads.
    """

    name = "maxsim"
    batch = 32
    # The median between best and worst of twenty: .35 on SQuAD 2, .28 on SciFact.
    span: float | None = 0.3

    def __init__(
        self,
        embedder: TokenEmbedder,
        *,
        stored: Stored = none_stored,
        cache_bytes: int = 16_000_000,
    ) -> None:
        self._embedder = embedder
        self._stored = stored
        self._cache_bytes = cache_bytes
        self._kept: OrderedDict[str, TokenSigns] = OrderedDict()
        self._kept_bytes = 0
        self._lock = threading.Lock()

    def weight(self, language: str) -> float:
        return RERANK_WEIGHT

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """One score a text, on the scale of cosines, in the order given; 0 for an empty query or text."""
        (query_vectors,) = self._embedder.encode_tokens([query])
        if not len(query_vectors):
            return [0.0] * len(texts)
        signs = self._signs(texts)
        return [max_similarity(query_vectors, signs[text]) for text in texts]

    def _signs(self, texts: Sequence[str]) -> dict[str, TokenSigns]:
        found = dict(self._stored(texts))
        with self._lock:
            for text in texts:
                if text not in found and text in self._kept:
                    found[text] = self._kept[text]
                    self._kept.move_to_end(text)
        missing = list(dict.fromkeys(text for text in texts if text not in found))
        if not missing:
            return found
        _, tokens = self._embedder.encode_documents_and_tokens(missing)
        made = {text: signs_of(vectors) for text, vectors in zip(missing, tokens, strict=True)}
        self._keep(made)
        return found | made

    def _keep(self, made: Mapping[str, TokenSigns]) -> None:
        with self._lock:
            for text, signs in made.items():
                if text not in self._kept:
                    self._kept[text] = signs
                    self._kept_bytes += signs.nbytes
            while self._kept_bytes > self._cache_bytes:
                _, dropped = self._kept.popitem(last=False)
                self._kept_bytes -= dropped.nbytes
