"""The seams: what an embedder, a reranker, a generator and an index must offer. Folders of these names hold implementations.

The embedder's verbs are those of pymilvus's embedding functions, so that these plug in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from assistant.types import Hit, Turn

Vectors = NDArray[np.float32]
SparseVector = Mapping[int, float]
FinishReason = Literal["stop", "length", "content_filter"]


@runtime_checkable
class Embedder(Protocol):
    """Turns text into unit vectors. `name` is what a collection remembers; `max_tokens` is how much of a text it reads.
    `languages` are the ISO 639-1 codes that it covers well, best first; empty means unknown."""

    name: str
    dimension: int
    max_tokens: int
    languages: Sequence[str]

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dimension) float32, each row of length one, in the order given."""

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """As encode_documents, with the model's query prefix where it has one."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text by the model's own tokenizer, special tokens left out."""


@runtime_checkable
class TokenEmbedder(Protocol):
    """An embedder that also gives a vector for each token, for late interaction."""

    def encode_tokens(self, texts: Sequence[str]) -> list[Vectors]:
        """For each question (tokens, dimension) float32, prefix and special tokens left out. Rows have length one, or the weight of
        their token, one on average."""

    def encode_documents_and_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        """What `encode_documents` gives, and token vectors of documents, of length one, in one pass."""


@runtime_checkable
class SparseEmbedder(Protocol):
    """Turns text into weights of terms, in the place of BM25. The inner product of a document's and a query's is the score. `name`
    is what a collection remembers beside its embedder's."""

    name: str

    def encode_documents(self, texts: Sequence[str]) -> Sequence[SparseVector]:
        """One a text, in the order given: weights above zero by term id, from 0 to 2**32 - 2. Empty for a text without terms."""

    def encode_queries(self, texts: Sequence[str]) -> Sequence[SparseVector]:
        """As encode_documents, for what is searched for."""


class Reranker(Protocol):
    """Scores texts against a query. Scores are comparable for the same query only. `batch` is the most texts that it is given in one
    call: time is looked at between calls. `span` is how far apart the scores of a text that answers and of one that does not usually
    lie; None where that is not known."""

    name: str
    batch: int
    span: float | None

    def weight(self, language: str) -> float:
        """How much its scores count against the fused ones for a query in this language (ISO 639-1), 0 to 1."""

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """One score a text, in the order given; higher is better."""


@dataclass(frozen=True, slots=True)
class Generated:
    """A piece of generated text. The last one carries the reason why the answer ended; a stream without one was cut off. `notice` is
    what the reader should know of how the text was written, and `quoted` whether quotes
    stand in for a language model from here on."""

    text: str
    finish_reason: FinishReason | None = None
    notice: str = ""
    quoted: bool = False


@runtime_checkable
class Generator(Protocol):
    """Writes an answer from passages. It marks each statement with [n], n being the passage's place in the list, from one.
    `reads_sections` says whether it is given each passage widened to its section, or as it was found."""

    name: str
    reads_sections: bool

    def condense(self, question: str, history: Sequence[Turn]) -> str:
        """The question as one that stands alone; the question itself where the history adds nothing."""

    def generate(self, question: str, passages: Sequence[Hit], history: Sequence[Turn]) -> Iterator[Generated]:
        """Pieces of the answer as they come; only the last has a finish reason. Closing the iterator stops the work. Raises
        ModelError."""


@dataclass(frozen=True, slots=True)
class IndexRow:
    """A chunk as the index holds it: no text."""

    chunk_id: int
    dense: Vectors
    sparse: SparseVector


class Index(Protocol):
    """Vectors by chunk id, in named collections of the library's choosing. Everything in it can be rebuilt from the library.
    Every call raises LibraryError where the index cannot be reached, or the collection is not there."""

    def create(self, name: str, dimension: int) -> None:
        """Make the named collection; nothing happens where it exists."""

    def upsert(self, name: str, rows: Sequence[IndexRow]) -> None:
        """Write rows by chunk id and make them searchable. Writing the same rows twice changes nothing."""

    def delete(self, name: str, chunk_ids: Sequence[int]) -> None:
        """Take rows out; ids that are not there are ignored."""

    def search_dense(self, name: str, vector: Vectors, limit: int, among: Set[int] | None = None) -> list[tuple[int, float]]:
        """(chunk id, cosine), best first, at most `limit`; where `among` is given, as if no chunks but these were there."""

    def search_sparse(
        self, name: str, vector: SparseVector, limit: int, among: Set[int] | None = None
    ) -> list[tuple[int, float]]:
        """(chunk id, inner product), best first, at most `limit`; rows that share no term are left out. `among` as above."""

    def names(self, prefix: str) -> list[str]:
        """The collections whose names begin so."""

    def ids(self, name: str) -> set[int]:
        """Every chunk id held; none in a collection that is not there."""

    def copy(self, name: str, to: str, chunk_ids: Collection[int]) -> None:
        """Write these rows of one collection, as they are, into another that has been created."""

    def drop(self, name: str) -> None:
        """Remove the collection with its files."""

    def close(self) -> None:
        """Give the database back, so that another process may open it."""
