"""What a follow-up carries over from the conversation before it, and what that weighs in a search."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.generators.condensing import carried_over, carried_weight
from assistant.types import Done, Retrieval, Searching, Turn
from ingestion import ingest
from tests.conftest import WriteFile

HISTORY = [Turn("user", "How many days of leave do I have?"), Turn("assistant", "25 days of paid leave. [1]")]


def test_the_last_three_questions_are_carried_over_and_no_answer() -> None:
    asked = [Turn("user", f"question {n}\n again") for n in range(5)]
    history = [turn for question in asked for turn in (question, Turn("assistant", "an answer"))]
    assert carried_over(history) == "question 2 again question 3 again question 4 again"
    assert carried_over([]) == carried_over([Turn("assistant", "Hello"), Turn("user", "  ")]) == ""


@pytest.mark.parametrize(
    ("question", "weight"),
    [
        ("And those?", 0.5),
        ("carthage?", 0.5),
        ("Et les stagiaires étrangers ?", 0.25),
        ("Which class of train tickets does the company refund?", 0.1),
    ],
)
def test_the_fewer_words_a_question_has_the_more_weigh_those_carried_over(question: str, weight: float) -> None:
    assert carried_weight(question) == pytest.approx(weight)


@pytest.fixture
def two_pages(assistant: Assistant, write: WriteFile) -> Assistant:
    write("leave.md", "# Leave\n\nFull-time staff get 25 days of paid leave a year.")
    write("travel.md", "# Travel\n\nTrain tickets are refunded in second class.")
    ingest(assistant, [write("other.md", "# Lunch\n\nThe canteen opens at noon.").parent], collection="c")
    return assistant


def _search(assistant: Assistant, query: str, carried: str = "") -> Retrieval:
    return assistant.retriever.search(query, assistant.library.readable(OWNER, ["c"]), k=3, carried=carried)


def test_words_carried_over_find_what_the_question_alone_would_not(two_pages: Assistant) -> None:
    assert not _search(two_pages, "And those?").stages["bm25"]
    found = _search(two_pages, "And those?", carried="How many days of leave do I have?")
    assert found.hits[0].chunk.source == "leave.md"


def test_words_carried_over_weigh_half_over_the_number_of_own_terms(two_pages: Assistant) -> None:
    alone, carried = _search(two_pages, "train tickets"), _search(two_pages, "train tickets", carried="leave tickets")
    (leave,) = (hit for hit in carried.hits if hit.chunk.source == "leave.md")
    (whole,) = (hit for hit in _search(two_pages, "leave").hits if "bm25" in hit.scores)
    assert leave.scores["bm25"] == pytest.approx(0.25 * whole.scores["bm25"], abs=1e-5)
    assert carried.hits[0].scores["bm25"] == pytest.approx(alone.hits[0].scores["bm25"], abs=1e-5)
    vectors = two_pages.embedder.encode_queries(["train tickets", "leave tickets"])
    mixed = vectors[0] + 0.25 * vectors[1]
    stored = two_pages.embedder.encode_documents([carried.hits[0].chunk.search_text])[0]
    assert carried.hits[0].scores["dense"] == pytest.approx(float(mixed @ stored / np.linalg.norm(mixed)), abs=1e-4)


def test_a_change_of_subject_finds_the_new_one(two_pages: Assistant) -> None:
    found = _search(
        two_pages, "Which class of train tickets is refunded?", carried="How many days of leave? How many days of leave?"
    )
    assert found.hits[0].chunk.source == "travel.md"


def test_what_was_searched_with_is_shown(two_pages: Assistant) -> None:
    first, *_, last = two_pages.stream("And those?", collection="c", history=HISTORY)
    assert isinstance(first, Searching)
    assert isinstance(last, Done)
    assert first.query == last.answer.query == "And those? (after: How many days of leave do I have?)"
