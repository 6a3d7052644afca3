"""How long a question takes over many chunks, beside faiss and bm25s on the same vectors and words in the same run.

`python -m benchmarks.retrieval [--chunks 10000] [--questions 200]`
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from assistant.answering import Assistant
from assistant.embedders.minilm import MiniLM
from assistant.lexical import terms
from assistant.library import OWNER
from assistant.protocols import Vectors
from assistant.retrieval import Retriever
from assistant.settings import Settings
from assistant.types import Block, Page, ParsedDocument
from assistant.word_index import WordIndex
from ingestion.pipeline import ingest_documents
from ingestion.preparing import Prepared

_CHUNKS_A_DOCUMENT = 50
_WORDS_A_CHUNK = 60
_VOCABULARY = 30_000


class RandomDocuments(MiniLM):
    """MiniLM for questions; random unit vectors for documents, since what they say does not change how long a search takes."""

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        vectors = np.random.default_rng(len(texts)).normal(size=(len(texts), self.dimension)).astype(np.float32)
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

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
        retriever = Retriever(assistant.library, assistant.index, assistant.embedder, None, words=WordIndex(assistant.library))
        questions = [_words(chance, 9) for _ in range(chosen.questions)]
        peer = _peer(assistant, retriever)
        retriever.search("the first search loads the index", [collection], k=10)
        stages: dict[str, list[float]] = {}

        def ours(question: str) -> None:
            for stage, spent in retriever.search(question, [collection], k=10).milliseconds.items():
                stages.setdefault(stage, []).append(spent)

        footnote, faiss_and_bm25s = _interleaved(questions, ours, peer)
    print(f"{'':24}{'p50 ms':>10}{'p95 ms':>10}")
    for name, spent in (("footnote", footnote), ("faiss + bm25s", faiss_and_bm25s), *((f"  {n}", s) for n, s in stages.items())):
        print(f"{name:24}{statistics.median(spent):10.1f}{statistics.quantiles(spent, n=20)[18]:10.1f}")
    print(f"ratio of the medians: {statistics.median(footnote) / statistics.median(faiss_and_bm25s):.1f}")


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


def _peer(assistant: Assistant, retriever: Retriever) -> Callable[[str], object]:
    """Embed, faiss's flat index and bm25s over the same chunks, both in memory; no library, no visibility, no text."""
    import bm25s
    import faiss

    (collection,) = assistant.library.readable(OWNER)
    chunks = [chunk for chunk, _ in assistant.library.every_chunk(collection)]
    flat = faiss.IndexFlatIP(collection.dimension)
    flat.add(retriever.embedder.encode_documents([chunk.search_text for chunk in chunks]))
    lexical = bm25s.BM25()
    lexical.index([terms(chunk.search_text, chunk.language) for chunk in chunks], show_progress=False)
    language = chunks[0].language

    def search(question: str) -> object:
        dense = flat.search(retriever.embedder.encode_queries([question]), 50)
        return dense, lexical.retrieve([terms(question, language)], k=50, show_progress=False)

    return search


def _interleaved(
    questions: Sequence[str], first: Callable[[str], object], second: Callable[[str], object]
) -> tuple[list[float], list[float]]:
    """Milliseconds of each question for both, asked in turn so that both meet the same noise."""
    spent: tuple[list[float], list[float]] = ([], [])
    for question in questions:
        for search, into in zip((first, second), spent, strict=True):
            started = time.perf_counter()
            search(question)
            into.append((time.perf_counter() - started) * 1000)
    return spent


if __name__ == "__main__":
    main()
