"""Embedders that a program hands over: ours as they are, LangChain's Embeddings, and pymilvus's embedding functions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assistant.embedders.coverage import covered_by
from assistant.embedders.shaping import encodable, sparse_vector, unit_rows
from assistant.errors import ModelError, SettingsError
from assistant.generators.context import estimate_tokens
from assistant.naming import title_of
from assistant.protocols import Embedder, SparseVector, Vectors

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

_PROBE = "dimension"
_BATCH = 32


def as_embedder(given: object) -> Embedder:
    """Whatever was given as an Embedder. Raises SettingsError where it has none of the verbs."""
    if isinstance(given, Embedder):
        return given
    if callable(getattr(given, "encode_documents", None)) and callable(getattr(given, "encode_queries", None)):
        return MilvusFunction(given)
    if callable(getattr(given, "embed_documents", None)) and callable(getattr(given, "embed_query", None)):
        return LangChainEmbeddings(given)  # type: ignore[arg-type]
    raise SettingsError(
        f"A {type(given).__name__} is no embedder: it has neither encode_documents and encode_queries nor embed_documents and "
        "embed_query. Give one of these, or name a model in FOOTNOTE_EMBEDDER."
    )


class MilvusFunction:
    """An object with `encode_documents` and `encode_queries`, such as any function of pymilvus.model, as an Embedder. What it gives
    may be a list of arrays, an array, or a mapping with the dense ones under "dense". Its dimension is found by encoding a word.
    One thread at a time is let in. Raises whatever it raises as ModelError."""

    def __init__(
        self, function: Any, *, name: str = "", max_tokens: int = 512, languages: Sequence[str] = (), batch: int = _BATCH
    ) -> None:
        self.name = name or f"pymilvus:{title_of(function)}"
        self.max_tokens = max_tokens
        self.languages = languages or covered_by(self.name)
        self._function, self._batch = function, batch
        self._lock = threading.Lock()
        self.dimension = len(self._rows("encode_queries", [_PROBE])[0])

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dimension) float32, each row of length one."""
        return self._encoded("encode_documents", texts)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """As encode_documents, by the function's own verb for queries."""
        return self._encoded("encode_queries", texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """An estimate, on the high side."""
        return list(map(estimate_tokens, texts))

    def _encoded(self, verb: str, texts: Sequence[str]) -> Vectors:
        rows = [row for at in range(0, len(texts), self._batch) for row in self._rows(verb, texts[at : at + self._batch])]
        return unit_rows(rows, len(texts), self.dimension, self.name)

    def _rows(self, verb: str, texts: Sequence[str]) -> Sequence[Any]:
        with self._lock:
            given = _called(self.name, getattr(self._function, verb), list(map(encodable, texts)))
        return list(_part(given, "dense", self.name))


class MilvusSparseFunction:
    """As MilvusFunction, for the sparse leg: the function gives a scipy matrix of a row a text, or a mapping with one under "sparse"
    (BGE-M3's, SPLADE's)."""

    def __init__(self, function: Any, *, name: str = "", batch: int = _BATCH) -> None:
        self.name = name or f"pymilvus:{title_of(function)}"
        self._function, self._batch = function, batch
        self._lock = threading.Lock()

    def encode_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        return self._encoded("encode_documents", texts)

    def encode_queries(self, texts: Sequence[str]) -> list[SparseVector]:
        return self._encoded("encode_queries", texts)

    def _encoded(self, verb: str, texts: Sequence[str]) -> list[SparseVector]:
        vectors: list[SparseVector] = []
        for at in range(0, len(texts), self._batch):
            part = list(map(encodable, texts[at : at + self._batch]))
            with self._lock:
                given = _called(self.name, getattr(self._function, verb), part)
            matrix = _part(given, "sparse", self.name).tocsr()
            for first, last in zip(matrix.indptr, matrix.indptr[1:], strict=False):
                weights = zip(matrix.indices[first:last], matrix.data[first:last], strict=True)
                vectors.append(sparse_vector(dict(weights)))
        if len(vectors) != len(texts):
            raise ModelError(f"{self.name} gave {len(vectors)} rows for {len(texts)} texts. Use another model.")
        return vectors


class LangChainEmbeddings:
    """Any LangChain `Embeddings` as an Embedder. Its dimension is found by embedding a word. Raises what the object raises as
    ModelError."""

    def __init__(
        self, embeddings: Embeddings, *, name: str = "", max_tokens: int = 512, languages: Sequence[str] = (), batch: int = _BATCH
    ) -> None:
        self.name = name or f"langchain:{title_of(embeddings)}"
        self.max_tokens = max_tokens
        self.languages = languages or covered_by(self.name)
        self._embeddings, self._batch = embeddings, batch
        self.dimension = len(_called(self.name, embeddings.embed_query, _PROBE))

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dimension) float32, each row of length one."""
        parts = [list(map(encodable, texts[at : at + self._batch])) for at in range(0, len(texts), self._batch)]
        rows = [row for part in parts for row in _called(self.name, self._embeddings.embed_documents, part)]
        return unit_rows(rows, len(texts), self.dimension, self.name)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """As encode_documents, by `embed_query`."""
        rows = [_called(self.name, self._embeddings.embed_query, encodable(text)) for text in texts]
        return unit_rows(rows, len(texts), self.dimension, self.name)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """An estimate, on the high side."""
        return list(map(estimate_tokens, texts))


def _called(name: str, verb: Callable[[Any], Any], texts: Sequence[str]) -> Any:
    try:
        return verb(texts)
    except ModelError:
        raise
    except Exception as error:  # anybody's code
        said = " ".join(str(error).split())[:300]
        raise ModelError(f"{name} failed ({type(error).__name__}: {said}). Look into its own settings.") from error


def _part(given: Any, part: str, name: str) -> Any:
    """One of the two kinds of vectors, of a function that gives both."""
    if not isinstance(given, Mapping):
        return given
    if part not in given:
        raise ModelError(f"{name} gave {', '.join(map(str, given))} and no {part} vectors. Use a function that gives them.")
    return given[part]
