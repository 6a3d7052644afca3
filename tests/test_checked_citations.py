"""A scripted model cites well, badly and falsely over made passages: what the check keeps, drops and flags of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from assistant.citing import cite
from assistant.testing import CITER_KINDS, CITER_NUMBERS, Scene, ScriptedAnswer, write_answer
from assistant.types import Chunk, Hit
from benchmarks.checked_citations import Outcome, outcomes_of, shares

# Title, then text; the same title twice is one document in two passages.
PASSAGES = [
    (
        "Harbour Museum",
        "The Harbour Museum was opened by Mayor Edith Calloway on 4 May 1982. In 2009, the museum moved from Pier Street to the "
        "old "
        "Customs House. It shows about 3,400 objects, among them the steam tug Meridian (built in 1911). Children under 12 "
        "enter free "
        "of charge. The large hall was designed by Jonas Whitfield, who had studied in Rotterdam before the war.",
    ),
    (
        "Harbour Museum",
        "During the winter months, the museum closes at 16:00 on weekdays. Guided tours take 45 minutes and start at the main "
        "gate. "
        "The tug may not be boarded when the wind is stronger than 60 kilometres per hour. Admission costs 14 euros for adults.",
    ),
    (
        "Lake Corvin",
        "Lake Corvin is located in the northern part of the Arden Hills and covers 27 square kilometres. Its largest island, "
        "Saint Brae, "
        "was called Otter Island until 1856. The lake was formed after the glacier had retreated to the east. In spring, many "
        "anglers "
        "from Dunmore and Castle Reef come for the trout. More than 80 percent of its shore is privately owned.",
    ),
    (
        "Lake Corvin",
        "Motor boats were forbidden by the county council in 1974 because of the noise. Before 1974, the ferry Alderney carried "
        "250 "
        "passengers a day between Dunmore and Saint Brae. The water is at most 41 metres deep near the western dam. Swimming is "
        "allowed "
        "from June until September.",
    ),
    (
        "Solar roof scheme",
        "Households receive a grant of 1,200 euros for each kilowatt that they install. The grant was increased by the Ministry "
        "of "
        "Energy on March 3, 2021. Applications must be sent before the panels are ordered. Owners of listed buildings cannot "
        "apply. In "
        "the first year, 18 million euros were paid to 5,600 households. Nearly half of them live in Kestrel Valley.",
    ),
    (
        "Marian Holt",
        "Marian Holt wrote eleven novels and taught in Leeds for twenty years. She was raised by her uncle Peter Sandys after "
        "the death "
        "of her mother in 1934. Her first book, The Salt Road, was rejected by Harrow Press but accepted by Linden and Sons. "
        "She never "
        "gave an interview. In 1968, Holt moved from Leeds to Galway, where she founded a small printing house.",
    ),
]
STRANGERS = [
    (
        "Night trains",
        "The sleeper leaves Vienna at 21:40 and reaches Venice the next morning. Compartments with three beds have to be booked "
        "two months "
        "ahead. Breakfast is included in every ticket of the Nightliner company.",
    ),
    ("Bread oven", "The oven has to be heated for two hours with beech wood. A loaf of one kilogram bakes for 50 minutes."),
]


def chunks(of: Sequence[tuple[str, str]], first: int = 0) -> list[Chunk]:
    return [
        Chunk(first + n, f"d{first + n}", title, f"{n}.txt", text, 0, len(text), 1, language="en")
        for n, (title, text) in enumerate(of)
    ]


SCENE = Scene(
    chunks(PASSAGES),
    "en",
    chunks(STRANGERS, 100),
    "Who designed the large hall of the museum?",
    "Jonas Whitfield",
    "Edith Calloway",
    1,
)


def checked(answer: ScriptedAnswer) -> list[Outcome]:
    versions = {chunk.document_id: "v" for chunk in SCENE.passages}
    hits = [Hit(chunk, 1.0) for chunk in SCENE.passages]
    cited = cite(answer.text, hits, versions, language="en", page_of=lambda document, offset: 1)
    texts = {chunk.document_id: chunk.text for chunk in SCENE.passages}
    assert all(texts[c.document_id][c.start : c.end] == c.quote for c in cited.citations)
    return outcomes_of(answer, cited, SCENE.passages)


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return [outcome for seed in range(60) for outcome in checked(write_answer(SCENE, seed))]


def share(outcomes: Sequence[Outcome]) -> list[float]:
    return [count / of for count, of in shares(outcomes) if of]


def test_the_scripted_model_writes_every_kind_and_the_same_for_the_same_seed(outcomes: list[Outcome]) -> None:
    assert {outcome.statement.kind for outcome in outcomes} == set(CITER_KINDS)
    assert write_answer(SCENE, 7) == write_answer(SCENE, 7) != write_answer(SCENE, 8)


def test_what_it_calls_verbatim_stands_there_and_what_it_calls_false_does_not(outcomes: list[Outcome]) -> None:
    texts = [chunk.text for chunk in SCENE.passages]
    for outcome in outcomes:
        statement = outcome.statement
        if statement.kind == "verbatim":
            (mark,) = statement.marks
            assert statement.text in texts[mark - 1]
        if CITER_KINDS[statement.kind] == "falsely":
            assert not statement.true
            assert not any(statement.text in texts[mark - 1] for mark in statement.marks)


@pytest.mark.parametrize("part", ["all", "paraphrase", "numbers"])
def test_true_marks_stay_false_ones_go_and_the_unsupported_is_flagged(outcomes: list[Outcome], part: str) -> None:
    of = [o for o in outcomes if part == "all" or (o.statement.kind in CITER_NUMBERS) == (part == "numbers")]
    kept, dropped, flagged, wrongly = share(of)
    assert kept >= 0.95, part
    assert dropped >= 0.90, part
    assert flagged >= 0.85, part
    assert wrongly <= 0.05, part


def test_marks_that_name_no_passage_or_stand_on_another_document_all_go(outcomes: list[Outcome]) -> None:
    of = [o for o in outcomes if o.statement.kind in ("mark out of range", "mark missing", "mark on another document")]
    assert len(of) > 50
    assert all(o.false_kept == 0 and o.flagged for o in of)
