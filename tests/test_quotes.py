"""The generator without a language model: which sentences it quotes, and how."""

from __future__ import annotations

import pytest

from assistant.embedders.minilm import MiniLM
from assistant.generators.quotes import Quotes
from assistant.types import Chunk, Hit, Turn

LEAVE = "Leave\nFull-time staff get 25 days of paid leave a year. Unused days lapse in March.\nPart-time staff get 12 days."
TRAVEL = "Travel\nTrain tickets are refunded in second class. Flights need the approval of the director."
TABLE = "Office\tOpens\tCloses\nBerlin\t8:00\t17:00\nLisbon\t9:30\t18:00"


@pytest.fixture(scope="module")
def embedder() -> MiniLM:
    return MiniLM()


def _hit(text: str, embedder: MiniLM, question: str, *, number: int = 1, header: str = "", score: float = 0.9) -> Hit:
    heading = text.split("\n")[0] if "\t" not in text else "Offices"
    chunk = Chunk(number, f"d{number}", "Handbook", "handbook.md", text, 0, len(text), 1, (heading,), header, "en")
    dense = float(embedder.encode_queries([question])[0] @ embedder.encode_documents([chunk.search_text])[0])
    return Hit(chunk, score, {}, {"dense": dense})


def _answer(question: str, texts: list[str], embedder: MiniLM, *, header: str = "") -> str:
    hits = [_hit(text, embedder, question, number=number, header=header) for number, text in enumerate(texts)]
    return "".join(piece.text for piece in Quotes(embedder).generate(question, hits, []))


def test_a_sentence_that_only_repeats_the_question_is_no_answer(embedder: MiniLM) -> None:
    question = "How many days of leave do I have?"
    texts = [
        'Help\nType: ask "How many days of leave do I have?" and press enter.',
        "Leave\nEverybody has 25 days of leave a year.",
    ]
    answer = _answer(question, texts, embedder)
    assert answer.startswith("Everybody has 25 days of leave a year. [2]")
    assert "press enter" not in answer


def test_the_best_sentence_is_quoted_with_the_number_of_its_passage(embedder: MiniLM) -> None:
    answer = _answer("How many days of leave do full-time staff get?", [TRAVEL, LEAVE], embedder)
    assert answer.split("\n")[0] == "Full-time staff get 25 days of paid leave a year. [2]"


def test_every_quote_stands_in_its_passage_word_for_word(embedder: MiniLM) -> None:
    passages = [LEAVE, TRAVEL]
    for question in ("When do unused days lapse?", "Who approves flights?", "part-time days"):
        for line in _answer(question, passages, embedder).split("\n"):
            quote, number = line.removesuffix("]").rsplit(" [", 1)
            assert quote in passages[int(number) - 1]


def test_a_table_row_is_quoted_and_judged_with_its_header(embedder: MiniLM) -> None:
    answer = _answer("When does the office in Lisbon open?", [TABLE], embedder)
    assert answer.startswith("Lisbon\t9:30\t18:00 [1]")
    rest = TABLE.split("\n", 1)[1]
    continued = _answer("When does the office in Berlin open?", [rest], embedder, header="Office\tOpens\tCloses")
    assert continued.startswith("Berlin\t8:00\t17:00 [1]")


def test_a_row_is_found_by_the_words_of_its_header(embedder: MiniLM) -> None:
    passage = "Name\tRemaining holiday\nAnn\t3\nBert\t9\nAnn reads the remaining letters."
    assert _answer("How much remaining holiday has Ann?", [passage], embedder).startswith("Ann\t3 [1]")


def test_a_table_header_is_not_quoted(embedder: MiniLM) -> None:
    assert "Office\tOpens" not in _answer("Office opens closes", [TABLE], embedder)


def test_a_sentence_beside_the_best_one_follows_it_more_readily(embedder: MiniLM) -> None:
    sentences = ["Parental leave is open to all staff.", "It lasts 16 weeks on full pay.", "Long meetings need a break."]
    passage = "\n".join(["Leave", *sentences, "Annual leave is 25 days."])
    answer = _answer("How long does parental leave last?", [passage], embedder)
    assert [line.removesuffix(" [1]") for line in answer.split("\n")] == sentences[:2]


def test_headings_and_questions_are_not_quoted_but_the_line_below_is(embedder: MiniLM) -> None:
    passage = "Notice period\nWhat is the notice period?\nThree months.\nThe notice board hangs in the hall for a period."
    answer = _answer("What is the notice period?", [passage], embedder)
    assert answer.startswith("Three months. [1]")


def test_a_sentence_that_passages_share_is_quoted_once(embedder: MiniLM) -> None:
    answer = _answer("Who approves flights?", [TRAVEL, TRAVEL], embedder)
    assert answer.count("Flights need the approval") == 1


def test_an_overlong_sentence_is_cut_at_word_borders_around_the_answer(embedder: MiniLM) -> None:
    filler = " ".join(f"filler{number}" for number in range(200))
    text = f"Safe\n{filler} the safe opens with the code 4711 every morning {filler}"
    quote = _answer("Which code opens the safe?", [text], embedder).removesuffix(" [1]")
    assert "safe opens with the code 4711" in quote
    assert len(quote) <= 400
    assert f" {quote} " in f" {text} "


def test_only_the_last_piece_has_a_finish_reason(embedder: MiniLM) -> None:
    pieces = list(Quotes(embedder).generate("leave days", [_hit(LEAVE, embedder, "leave days")], []))
    assert [piece.finish_reason for piece in pieces] == [None] * (len(pieces) - 1) + ["stop"]
    assert [piece.finish_reason for piece in Quotes(embedder).generate("leave days", [], [])] == ["stop"]


HISTORY = [Turn("user", "How many days of leave do part-time staff get?"), Turn("assistant", "12 days. [1]")]


def test_a_follow_up_is_answered_by_its_own_words_before_those_of_earlier_questions(embedder: MiniLM) -> None:
    question = "When do unused ones lapse?"
    hits = [_hit(text, embedder, question) for text in (LEAVE, TRAVEL)]
    pieces = "".join(piece.text for piece in Quotes(embedder).generate(question, hits, HISTORY))
    assert pieces.startswith("Unused days lapse in March. [1]")


def test_a_follow_up_without_words_of_its_own_is_answered_by_those_of_earlier_questions(embedder: MiniLM) -> None:
    hits = [_hit(text, embedder, "And them?") for text in (TRAVEL, LEAVE)]
    assert "".join(p.text for p in Quotes(embedder).generate("And them?", hits, HISTORY)).startswith(
        "Part-time staff get 12 days."
    )
