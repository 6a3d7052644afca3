"""An embedder and a reranker without a model, the same on every machine."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from assistant.protocols import Vectors


class HashingEmbedder:
    """An Embedder and TokenEmbedder without a model: a text is the sum of fixed random vectors of its words. Texts that share
    words are near each other, nothing more. The same on every machine."""

    def __init__(self, dimension: int = 64) -> None:
        self.name = f"hashing-{dimension}"
        self.dimension = dimension
        self.max_tokens = 256
        self.languages: Sequence[str] = ()

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        rows = [self._words(text).sum(axis=0) for text in texts]
        return _unit(np.array(rows, dtype=np.float32).reshape(-1, self.dimension))

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self.encode_documents(texts)

    def encode_tokens(self, texts: Sequence[str]) -> list[Vectors]:
        return [_unit(self._words(text)) for text in texts]

    def encode_documents_and_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        return self.encode_documents(texts), self.encode_tokens(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(_WORD.findall(text)) for text in texts]

    def _words(self, text: str) -> Vectors:
        words = _WORD.findall(text.lower())[: self.max_tokens]
        return np.array([_word_vector(word, self.dimension) for word in words], dtype=np.float32).reshape(-1, self.dimension)


class LongestFirst:
    """A Reranker without a model: the longer a text, the better. Before it scores a batch it calls `pause`, which may take its time
    or raise. `asked` has the batches so far."""

    name = "longest"
    span: float | None = None

    def __init__(self, batch: int = 2, pause: Callable[[], None] = lambda: None) -> None:
        self.batch = batch
        self.asked: list[Sequence[str]] = []
        self._pause = pause

    def weight(self, language: str) -> float:
        return 1.0

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        self.asked.append(texts)
        self._pause()
        return [float(len(text)) for text in texts]


_WORD = re.compile(r"\w+")


@lru_cache(maxsize=20_000)
def _word_vector(word: str, dimension: int) -> tuple[float, ...]:
    return tuple(np.random.default_rng(zlib.crc32(word.encode())).standard_normal(dimension).tolist())


def _unit(rows: Vectors) -> Vectors:
    """Rows of length one; a text without words gets the first axis."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.where(lengths > 0, rows, np.eye(1, rows.shape[1], dtype=np.float32))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)
