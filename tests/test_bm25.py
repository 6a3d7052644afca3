"""BM25 through library and index ranks as a reference implementation does, over several batches and after deletions."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.lexical import K1, B, terms
from ingestion import forget, ingest
from ingestion.doctor import examine
from tests.conftest import WriteFile

QUERIES = 200
ENGLISH = "This is what the people who made it say that they would have written if they had been asked to."


def written(write: WriteFile, batch: int, count: int) -> list[Path]:
    """Documents of made-up words, frequent and rare ones, short and long; English by their first sentence."""
    chance = random.Random(batch)
    words = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in ("an", "el", "or", "um") for c in ("dix", "gap", "lot", "zek", "fub")]
    chosen = ([words[min(int(chance.expovariate(0.03)), 239)] for _ in range(chance.randint(5, 80))] for _ in range(count))
    return [write(f"{batch}/{i}.txt", f"{ENGLISH} {' '.join(each)}. {ENGLISH}") for i, each in enumerate(chosen)]


def reference(texts: dict[int, list[str]], query: list[str], pivot_length: float) -> dict[int, float]:
    """Every score by the textbook, with plain loops: Robertson and Zaragoza 2009 in Lucene's variant, the pivot given."""
    scores: dict[int, float] = {}
    for term in query:
        holding = sum(term in words for words in texts.values())
        idf = np.log(1 + (len(texts) - holding + 0.5) / (holding + 0.5))
        for key, words in texts.items():
            frequency = words.count(term)
            if frequency:
                norm = K1 * (1 - B + B * len(words) / pivot_length)
                scores[key] = scores.get(key, 0.0) + idf * frequency / (frequency + norm)
    return scores


def compare(assistant: Assistant, seed: int) -> int:
    """Ask random queries and compare the first ten; how many queries were compared."""
    collection = assistant.library.readable(OWNER, ["documents"])[0]
    assert collection.pivot_length is not None
    texts = {chunk.id: terms(chunk.search_text, chunk.language) for chunk, _ in assistant.library.chunks.every(collection)}
    chance = random.Random(seed)
    vocabulary = sorted({word for words in texts.values() for word in words})
    for _ in range(QUERIES // 4):
        query = " ".join(chance.sample(vocabulary, chance.randint(1, 5)))
        assert list(assistant.library.languages([collection])) == ["en"]
        expected = reference(texts, sorted(set(terms(query, "en"))), collection.pivot_length)
        found = assistant.search(query, k=10).stages["bm25"][:10]
        best = sorted(expected.values(), reverse=True)[: len(found)]
        # Equal scores may stand in either order: the score at each rank is compared, and every id must have earned its place.
        assert np.allclose([expected[i] for i in found], best, atol=1e-5)
    return QUERIES // 4


def test_the_first_ten_are_those_of_the_reference_over_batches_and_after_deletions(
    assistant: Assistant, write: WriteFile
) -> None:
    compared = 0
    for batch in range(3):
        ingest(assistant, written(write, batch, 60))
        compared += compare(assistant, seed=batch)
    for document in assistant.library.documents(reader=OWNER)[::3]:
        forget(assistant, document.id)
    compared += compare(assistant, seed=99)
    assert compared == QUERIES


def test_the_doctor_reports_how_far_the_mean_length_is_from_the_pivot(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write("short.txt", "one two three four")])
    (before,) = examine(assistant)
    ingest(assistant, [write("long.txt", " ".join(f"word{i}" for i in range(100)))])
    (after,) = examine(assistant)
    assert before.pivot_drift == 0
    assert after.pivot_length == before.pivot_length
    assert after.pivot_drift > 1
    assert any("reindex" in line for line in after.advice)
