"""The word index: the scores of the formula, whatever was added, changed and removed since it was made."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from assistant import word_index
from assistant.answering import Assistant
from assistant.lexical import document_vector, query_counts, query_vector
from assistant.library import OWNER
from assistant.retrieval import Retriever
from assistant.word_index import WordIndex
from ingestion import forget, ingest
from ingestion.reindexing import reindex
from tests.conftest import WriteFile

WORDS = [f"word{n}" for n in range(60)]


def expected(assistant: Assistant, query: Mapping[int, float]) -> dict[int, float]:
    """The inner product of every live chunk that shares a term, by the definition."""
    (collection,) = assistant.library.readable(OWNER)
    assert collection.pivot_length is not None
    scores = {}
    for chunk, counts in assistant.library.every_chunk(collection):
        weights = document_vector(counts, collection.pivot_length)
        score = sum(weight * weights.get(term, 0.0) for term, weight in query.items())
        if score > 0:
            scores[chunk.id] = score
    return scores


def assert_exact(assistant: Assistant, words: WordIndex, text: str) -> None:
    (collection,) = assistant.library.readable(OWNER)
    counts = query_counts(text, assistant.library.languages([collection]))
    query = query_vector(counts, *assistant.library.chunk_counts([collection], list(counts)))
    wanted = expected(assistant, query)
    assert wanted
    assert dict(words.search(collection, query, 1000)) == pytest.approx(wanted, rel=1e-5)
    best = words.search(collection, query, 3)
    assert [score for _, score in best] == pytest.approx(sorted(wanted.values(), reverse=True)[:3], rel=1e-5)


def test_scores_are_those_of_the_formula_through_additions_changes_and_removals(assistant: Assistant, write: WriteFile) -> None:
    chance = random.Random(5)
    words = WordIndex(assistant.library)

    def text() -> str:
        return " ".join(chance.choice(WORDS) for _ in range(chance.randint(5, 60)))

    for round_ in range(word_index._MOST_BLOCKS + 3):  # so many that blocks are merged
        ingest(assistant, [write(f"{round_}/{n}.txt", text()) for n in range(4)])
        assert_exact(assistant, words, "word1 word2 word3 word3")
    ingest(assistant, [write("0/0.txt", text()), write("5/1.txt", text())])
    assert_exact(assistant, words, "word4 word5")
    for document in assistant.library.documents(reader=OWNER)[::3]:
        forget(assistant, document.id)
    assert_exact(assistant, words, "word6 word7 word8")
    reindex(assistant, "documents")  # takes a new pivot length
    assert_exact(assistant, words, "word9 word10")


def test_a_search_in_it_finds_what_a_search_in_the_index_finds(assistant: Assistant, write: WriteFile) -> None:
    chance = random.Random(6)
    ingest(assistant, [write(f"{n}.txt", " ".join(chance.choice(WORDS) for _ in range(30))) for n in range(30)])
    of = assistant.library.readable(OWNER)
    query = "word1 word2 word3"
    in_index = Retriever(assistant.library, assistant.index, assistant.embedder, None).search(query, of, k=10)
    in_memory = Retriever(assistant.library, assistant.index, assistant.embedder, None, words=WordIndex(assistant.library))
    assert [hit.score for hit in in_memory.search(query, of, k=10).hits] == pytest.approx([hit.score for hit in in_index.hits])


def test_nothing_is_found_in_an_empty_collection_or_for_unknown_words(assistant: Assistant, write: WriteFile) -> None:
    words = WordIndex(assistant.library)
    collection = assistant.library.create_collection("empty", embedder="e", dimension=4)
    assert words.search(collection, {7: 1.0}, 10) == []
    ingest(assistant, [write("a.txt", "The gate closes at nine.")])
    (full,) = assistant.library.readable(OWNER, ["documents"])
    assert words.search(full, {7: 1.0}, 10) == []
