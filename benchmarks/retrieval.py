"""How long a question takes over many chunks, with and without the default rerank, beside faiss and bm25s, and a bare numpy scan, on
the same vectors and words in the same run.

`python -m benchmarks.retrieval [--chunks 10000] [--questions 200]`
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.embedders.minilm import MiniLM
from assistant.lexical import terms
from assistant.protocols import Vectors
from assistant.settings import Settings
from assistant.types import Block, Page, ParsedDocument
from ingestion.pipeline import ingest_documents
from ingestion.preparing import Prepared

_CHUNKS_A_DOCUMENT = 50
_WORDS_A_CHUNK = 60
_TOKENS_A_CHUNK = 200
_VOCABULARY = 30_000


class RandomDocuments(MiniLM):
    """MiniLM for questions; random unit vectors for documents, since what they say does not change how long a search takes."""

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        vectors = np.random.default_rng(len(texts)).normal(size=(len(texts), self.dimension)).astype(np.float32)
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def encode_documents_and_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        tokens = np.random.default_rng(len(texts)).normal(size=(_TOKENS_A_CHUNK, self.dimension)).astype(np.float32)
        return self.encode_documents(texts), [tokens] * len(texts)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return MiniLM.encode_documents(self, texts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--questions", type=int, default=200)
    chosen = parser.parse_args()
    chance = random.Random(7)
    with tempfile.TemporaryDirectory() as folder, Assistant.open(Settings(data_dir=Path(folder))) as assistant:
        assistant.embedder = RandomDocuments()
        documents = [_document(chance, n) for n in range(chosen.chunks // _CHUNKS_A_DOCUMENT)]
        report = ingest_documents(assistant, documents, collection="bench", total=len(documents))
        (collection,) = assistant.library.readable(OWNER)
        print(f"{collection.chunks} chunks in {report.seconds:.0f} s, with random vectors in place of embedding")
        questions = [_words(chance, 9) for _ in range(chosen.questions)]
        stages: dict[str, list[float]] = {}

        def reranked(question: str) -> None:
            for stage, spent in assistant.retriever.search(question, [collection], k=10).milliseconds.items():
                stages.setdefault(stage, []).append(spent)

        plain = replace(assistant.retriever, reranker=None)
        spent = _interleaved(
            questions,
            {
                "footnote, reranked": reranked,
                "footnote": lambda question: plain.search(question, [collection], k=10),
                "faiss + bm25s": _faiss_and_bm25s(assistant),
                "numpy scan": _numpy_scan(assistant),
            },
        )
    medians = {name: statistics.median(each) for name, each in spent.items()}
    print(f"{'':24}{'p50 ms':>10}{'p95 ms':>10}{'footnote is so many times it':>30}")
    for name, each in (*spent.items(), *((f"  {name}", each) for name, each in stages.items())):
        ratio = f"{medians['footnote'] / medians[name]:30.1f}" if name in medians else ""
        print(f"{name:24}{statistics.median(each):10.1f}{statistics.quantiles(each, n=20)[18]:10.1f}{ratio}")


def _document(chance: random.Random, number: int) -> Prepared:
    paragraphs = [_words(chance, _WORDS_A_CHUNK) + "." for _ in range(_CHUNKS_A_DOCUMENT)]
    return Prepared(f"d{number}", f"d{number}", str(number).encode(), partial(_parsed, f"d{number}", paragraphs))


def _parsed(title: str, paragraphs: Sequence[str]) -> ParsedDocument:
    """A section a paragraph, so that each is a chunk."""
    text, blocks = "", []
    for number, paragraph in enumerate(paragraphs):
        blocks.append(Block("paragraph", len(text), len(text) + len(paragraph), 1, (f"Section {number}",)))
        text += paragraph + "\n\n"
    return ParsedDocument(title, text, blocks, [Page(1, 0, len(text))], "text/plain")


def _words(chance: random.Random, count: int) -> str:
    """Made-up words with the frequencies of Zipf's law."""
    return " ".join(f"w{int(_VOCABULARY ** chance.random())}" for _ in range(count))


def _faiss_and_bm25s(assistant: Assistant) -> Callable[[str], object]:
    """Embed, faiss's flat index and bm25s over the same chunks, both in memory; no library, no visibility, no text."""
    import bm25s
    import faiss

    vectors, words, language = _content(assistant)
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    lexical = bm25s.BM25()
    lexical.index(words, show_progress=False)

    def search(question: str) -> object:
        dense = flat.search(assistant.embedder.encode_queries([question]), 50)
        return dense, lexical.retrieve([terms(question, language)], k=50, show_progress=False)

    return search


def _numpy_scan(assistant: Assistant) -> Callable[[str], object]:
    """Embed, and the best of all inner products: what no search without an index can be quicker than."""
    vectors, _, _ = _content(assistant)

    def search(question: str) -> object:
        scores = vectors @ assistant.embedder.encode_queries([question])[0]
        return np.argpartition(-scores, 50)[:50]

    return search


def _content(assistant: Assistant) -> tuple[Vectors, list[list[str]], str]:
    """Vectors and terms of every chunk, and their language."""
    (collection,) = assistant.library.readable(OWNER)
    chunks = [chunk for chunk, _ in assistant.library.chunks.every(collection)]
    vectors = assistant.embedder.encode_documents([chunk.search_text for chunk in chunks])
    return vectors, [terms(chunk.search_text, chunk.language) for chunk in chunks], chunks[0].language


def _interleaved(questions: Sequence[str], searches: Mapping[str, Callable[[str], object]]) -> dict[str, list[float]]:
    """Milliseconds of each question for each search, asked in turn so that all meet the same noise; the first one, for each, warms
    up."""
    spent: dict[str, list[float]] = {name: [] for name in searches}
    for question in [questions[0], *questions]:
        for name, search in searches.items():
            started = time.perf_counter()
            search(question)
            spent[name].append((time.perf_counter() - started) * 1000)
    return {name: each[1:] for name, each in spent.items()}


if __name__ == "__main__":
    main()
