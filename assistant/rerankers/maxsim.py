"""Late interaction over the token vectors of an embedder that is already loaded: no further weights."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assistant.fusion import rerank_weight
from assistant.protocols import TokenEmbedder

_TokenVectors = NDArray[np.float16]


class MaxSim:
    """Khattab and Zaharia, "ColBERT", 2020: for each token of the query the best cosine among the text's; the mean of these.

    Token vectors of texts are kept as float16, the least recently used dropped beyond `cache_bytes` (a text of 256 tokens takes
    196 kB with MiniLM), so that only texts not seen lately cost the embedder's time. Safe to call from several threads.
    """

    name = "maxsim"
    batch = 32

    def __init__(self, embedder: TokenEmbedder, *, languages: Sequence[str] = (), cache_bytes: int = 128_000_000) -> None:
        self._languages = languages
        self._embedder = embedder
        self._cache_bytes = cache_bytes
        self._kept: OrderedDict[str, _TokenVectors] = OrderedDict()
        self._kept_bytes = 0
        self._lock = threading.Lock()

    def weight(self, language: str) -> float:
        return rerank_weight(language, self._languages)

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """One score a text, -1 to 1, in the order given; 0 for an empty query or text."""
        (query_vectors,) = self._embedder.encode_tokens([query])
        if not len(query_vectors):
            return [0.0] * len(texts)
        return [
            float((query_vectors @ vectors.astype(np.float32).T).max(axis=1).mean()) if len(vectors) else 0.0
            for vectors in self._token_vectors(texts)
        ]

    def _token_vectors(self, texts: Sequence[str]) -> list[_TokenVectors]:
        with self._lock:
            found = {text: self._kept[text] for text in texts if text in self._kept}
            for text in found:
                self._kept.move_to_end(text)
        missing = list(dict.fromkeys(text for text in texts if text not in found))
        made = {
            text: vectors.astype(np.float16) for text, vectors in zip(missing, self._embedder.encode_tokens(missing), strict=True)
        }
        self._keep(made)
        return [found[text] if text in found else made[text] for text in texts]

    def _keep(self, made: dict[str, _TokenVectors]) -> None:
        with self._lock:
            for text, vectors in made.items():
                if text not in self._kept:
                    self._kept[text] = vectors
                    self._kept_bytes += vectors.nbytes
            while self._kept_bytes > self._cache_bytes:
                _, dropped = self._kept.popitem(last=False)
                self._kept_bytes -= dropped.nbytes
