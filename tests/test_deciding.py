"""The decision to answer at all: which signs it reads, and what it makes of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assistant.cosine_scale import cosine_scale
from assistant.deciding import Rule, confidence, enough, read_rule, write_rule
from assistant.embedders.minilm import MiniLM
from assistant.errors import SettingsError
from assistant.opposites import says_the_opposite
from assistant.protocols import Vectors
from assistant.rerankers.maxsim import MaxSim
from assistant.signs import Signs, read_signs
from assistant.types import Chunk, Hit, Retrieval

LEAVE = "Leave\nFull-time staff get 25 days of paid leave a year. Unused days lapse in March.\nPart-time staff get 12 days."
TRAVEL = "Travel\nTrain tickets are refunded in second class. Flights need the approval of the director."
PAY = "Pay\nThe salary is transferred on the 25th of each month. Expenses are reimbursed within a week."
DIVERS = "Grebes\nThe highest nests of grebes in Norway were found in 1921 by Olsen. They can not fly far."


@pytest.fixture(scope="module")
def embedder() -> MiniLM:
    return MiniLM()


def _found(
    question: str,
    texts: list[str],
    embedder: MiniLM,
    *,
    searched: int = 3,
    carried: str = "",
    language: str = "en",
    reranked: bool = True,
) -> Retrieval:
    """What a search over these passages gives, all of them hits."""
    chunks = [
        Chunk(n, f"d{n}", "Handbook", "handbook.md", text, 0, len(text), 1, (text.split("\n")[0],), "", language)
        for n, text in enumerate(texts)
    ]
    searchable = [chunk.search_text for chunk in chunks]
    cosines = embedder.encode_documents(searchable) @ embedder.encode_queries([question])[0]
    near = MaxSim(embedder).score(question, searchable)
    scores = [{"dense": float(c), **({"maxsim": m} if reranked else {})} for c, m in zip(cosines, near, strict=True)]
    hits = [Hit(chunk, 0.9, {}, score) for chunk, score in zip(chunks, scores, strict=True)]
    return Retrieval(question, hits, {}, {}, searched, carried)


def _sure(
    question: str, texts: list[str], embedder: MiniLM, *, searched: int = 3, reranked: bool = True, carried: str = ""
) -> float:
    found = _found(question, texts, embedder, searched=searched, carried=carried, reranked=reranked)
    return confidence(found, found.hits, embedder=embedder)


def _signs(
    question: str, texts: list[str], embedder: MiniLM, *, searched: int = 20, language: str = "en", carried: str = ""
) -> Signs:
    found = _found(question, texts, embedder, searched=searched, language=language, carried=carried)
    return read_signs(found, found.hits, cosine_scale(embedder))


@pytest.mark.parametrize("reranked", [True, False])
@pytest.mark.parametrize(
    "question", ["How many days of leave do I get?", "Are train tickets refunded?", "who must approve flights"]
)
def test_a_question_that_the_passages_touch_is_answered(question: str, reranked: bool, embedder: MiniLM) -> None:
    assert enough(_sure(question, [LEAVE, TRAVEL], embedder, reranked=reranked))


@pytest.mark.parametrize("reranked", [True, False])
@pytest.mark.parametrize(
    "question", ["What is the capital of Mongolia?", "How do vaccines work?", "Wer hat die Zauberflöte geschrieben?", "?"]
)
def test_a_question_that_the_passages_do_not_touch_is_refused(question: str, reranked: bool, embedder: MiniLM) -> None:
    assert not enough(_sure(question, [LEAVE, TRAVEL], embedder, reranked=reranked))


@pytest.mark.parametrize("question", ["When do I get paid?", "When is my wage paid out?", "How much vacation do I have?"])
def test_a_small_library_answers_questions_in_other_words_than_its_own(question: str, embedder: MiniLM) -> None:
    assert enough(_sure(question, [PAY, TRAVEL, LEAVE], embedder))
    assert not enough(_sure("Is there a gym?", [PAY, TRAVEL, LEAVE], embedder))


def test_no_hits_are_no_answer(embedder: MiniLM) -> None:
    assert confidence(Retrieval("leave", (), {}, {}, 0), (), embedder=embedder) == 0.0


def test_more_passages_to_choose_from_make_the_same_hits_less_sure(embedder: MiniLM) -> None:
    few, many = (_sure("unused leave", [LEAVE], embedder, searched=n) for n in (10, 100_000))
    assert few > many


def test_the_signs_are_shares_of_the_questions_own_terms(embedder: MiniLM) -> None:
    question = "Which unused days lapse in Portugal?"
    signs = _signs(question, [TRAVEL, LEAVE], embedder, searched=20)
    assert signs.coverage == signs.sentence == pytest.approx(3 / 4)
    assert signs.log_passages == pytest.approx(math.log(20))
    assert 0.5 < signs.dense < 2
    assert 0.3 < signs.maxsim < 1
    assert (signs.contrary, signs.other_name) == (0, 1)


@pytest.mark.parametrize(
    ("question", "contrary"),
    [
        ("When were the highest nests of grebes found?", 0),
        ("When were the lowest nests of grebes found?", 1),
        ("Who did not find the highest nests of grebes?", 1),
        ("What can grebes not do far?", 0),
        ("Are the highest or the lowest nests of grebes in Norway?", 0),
        ("Who found the highest nests of grebes in 1921?", 0),
        ("Who found the highest nests of grebes in 1934?", 1),
        ("The lowest nests of grebes were found in 1934.", 0),
    ],
)
def test_a_question_about_the_contrary_of_what_is_there_is_told(question: str, contrary: float, embedder: MiniLM) -> None:
    assert _signs(question, [DIVERS, LEAVE], embedder).contrary == contrary
    assert enough(_sure(question, [DIVERS, LEAVE], embedder, searched=20)) == (not contrary)


@pytest.mark.parametrize(
    ("language", "text", "question"),
    [
        ("fr", "La cotisation augmente chaque année en janvier.", "Quand la cotisation diminue chaque année ?"),
        ("fr", "Le stage est payé à la fin du mois.", "Quel stage n'est pas payé à la fin du mois ?"),
        ("pt", "A biblioteca abre antes das oito horas.", "O que abre depois das oito horas na biblioteca?"),
    ],
)
def test_the_contrary_is_told_in_french_and_portuguese(language: str, text: str, question: str, embedder: MiniLM) -> None:
    assert _signs(question, [text], embedder, searched=9, language=language).contrary == 1


@pytest.mark.parametrize(
    ("question", "contrary"),
    [
        ("Which train tickets are not refunded?", 1),
        ("I cannot get my train tickets refunded, what now?", 0),  # what fails the asker is no fact of the documents
        ("Why don't you refund train tickets?", 0),
        ('What does "train tickets are not refunded" mean?', 0),
        ("train tickets not refunded", 0),  # words to search for, or a statement
        ("Train tickets are not refunded.", 0),
        ("are train tickets not refunded", 1),
        ("Which train tickets were not refunded in World War I?", 1),  # a numeral, not who asks
        ("Why can I not get my ticket refunded?", 0),
    ],
)
def test_only_a_question_about_what_is_denied_is_told_by_a_denial(question: str, contrary: float, embedder: MiniLM) -> None:
    assert _signs(question, [TRAVEL, LEAVE], embedder, searched=20).contrary == contrary


def test_who_complains_is_told_from_who_asks_in_other_languages_too(embedder: MiniLM) -> None:
    texts = {
        "fr": "Les billets de train sont remboursés en seconde classe.",
        "pt": "Os bilhetes de trem são reembolsados na segunda classe.",
        "de": "Die Fahrkarten werden in der zweiten Klasse erstattet.", "es": "Los billetes de tren se reembolsan en segunda clase.",
        "it": "I biglietti del treno sono rimborsati in seconda classe.", "nl": "Treinkaartjes worden vergoed in de tweede klasse.",
    }  # fmt: skip
    asked = {
        "fr": ("Quels billets de train ne sont pas remboursés ?", "Je ne trouve pas mes billets de train, que faire ?"),
        "pt": ("Quais bilhetes de trem não têm o seu preço reembolsado?", "Eu não encontro meus bilhetes de trem, o que fazer?"),
        "de": ("Welche Fahrkarten werden nicht erstattet, wenn sie alt sind?", "Ich finde die Fahrkarten nicht, was nun?"),
        "es": ("¿Qué billetes de tren no se reembolsan?", "No puedo encontrar los billetes de tren, ¿qué hago?"),
        "it": ("Quali biglietti del treno non sono rimborsati?", "Non trovo i miei biglietti del treno, che fare?"),
        "nl": ("Welke treinkaartjes worden niet vergoed?", "Ik vind de treinkaartjes niet, wat nu?"),
    }

    def contrary(question: str, language: str) -> float:
        return _signs(question, [texts[language]], embedder, language=language).contrary

    assert {code: tuple(contrary(question, code) for question in pair) for code, pair in asked.items()} == dict.fromkeys(
        asked, (1, 0)
    )


@pytest.mark.parametrize(
    ("language", "text", "there", "not_there"),
    [
        ("en", "History\nWorld War II ended in Europe in May.", "When did World War 2 end?", "When did World War 3 end?"),
        (
            "fr",
            "Canaux\nLe canal fut creusé au XIXe siècle.",
            "Qui a creusé le canal au 19ème siècle ?",
            "Qui a creusé le canal au 18ème siècle ?",
        ),
    ],
)
def test_a_number_is_found_where_it_stands_in_roman_numerals(
    language: str, text: str, there: str, not_there: str, embedder: MiniLM
) -> None:
    read = [_signs(question, [text], embedder, language=language) for question in (there, not_there)]
    assert [signs.contrary for signs in read] == [0, 1]


def test_the_opposite_of_a_word_tells_nothing_where_the_word_stands_nearby() -> None:
    asked, sentence = "Which is the highest peak?", "The lowest one is Molehill."
    assert says_the_opposite(asked, sentence, f"{sentence} It has a lake.", "en")
    assert not says_the_opposite(asked, sentence, f"The highest peak is Ram. {sentence}", "en")
    assert not says_the_opposite(asked, sentence, sentence, "ja")


def test_a_name_that_its_passage_lacks_is_told_and_a_first_word_is_no_name(embedder: MiniLM) -> None:
    def other(question: str) -> float:
        return _signs(question, [DIVERS], embedder, searched=9).other_name

    assert [other("Where did Olsen find nests of grebes?"), other("Where did Hansen find nests of grebes?")] == [0, 1]
    assert other("Swimming grebes nest where?") == 0


def test_a_follow_up_is_judged_by_its_own_words_and_by_what_it_leans_on_where_it_has_none(embedder: MiniLM) -> None:
    for question, coverage in (("And in Mongolia?", 0.0), ("And why?", 1.0)):
        assert _signs(question, [LEAVE], embedder, carried="The leave of full-time staff?").coverage == coverage
    assert _signs("And why?", [LEAVE], embedder).coverage == 0.0


def test_a_users_own_rule_decides_where_it_knows_what_scored_the_hits(embedder: MiniLM, tmp_path: Path) -> None:
    never = Rule(-50.0, {"dense": 1.0}, "minilm+maxsim")
    write_rule(never, tmp_path / "data" / "rule.json")
    own = read_rule(tmp_path / "data" / "rule.json")
    assert own == never
    question = "How many days of leave do I get?"
    for reranked, answered in ((True, False), (False, True)):
        found = _found(question, [LEAVE], embedder, reranked=reranked)
        assert enough(confidence(found, found.hits, embedder=embedder, own=own)) == answered
    assert read_rule(tmp_path / "none.json") is None


@pytest.mark.parametrize(
    "text", ["", "[]", '{"constant": 1}', '{"constant": 1, "weights": {"luck": 1}, "fitted_with": "minilm"}']
)
def test_a_rule_file_that_is_none_is_refused_with_its_name(text: str, tmp_path: Path) -> None:
    (tmp_path / "rule.json").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"rule\.json is not a rule of `footnote calibrate`"):
        read_rule(tmp_path / "rule.json")


def test_an_embedder_whose_cosines_crowd_together_is_decided_by_the_same_rule(embedder: MiniLM) -> None:
    texts = [PAY, TRAVEL, LEAVE]
    for question in ("How many days of leave do I get?", "When do I get paid?", "What is the capital of Mongolia?"):
        found = _found(question, texts, embedder, reranked=False)
        crowded = replace(
            found, hits=[replace(hit, scores={**hit.scores, "dense": 0.8 + hit.scores["dense"] / 10}) for hit in found.hits]
        )
        sure = confidence(crowded, crowded.hits, embedder=Crowded())
        assert sure == pytest.approx(confidence(found, found.hits, embedder=embedder), abs=0.01)


class Crowded(MiniLM):
    """MiniLM with a tenth of its cosines' span, at .8 and above: a further dimension that all texts share."""

    name = "crowded"

    def encode_documents(self, texts: Sequence[str]) -> Vectors:  # which MiniLM encodes queries by, too
        vectors = super().encode_documents(texts)
        return np.hstack([np.sqrt(0.1) * vectors, np.full((len(vectors), 1), np.sqrt(0.8))]).astype(np.float32)


def test_passages_without_a_vector_yet_are_judged_by_their_words(embedder: MiniLM) -> None:
    found = _found("How many days of paid leave do full-time staff get?", [LEAVE, TRAVEL], embedder)
    without = [replace(hit, scores={"bm25": 3.0}) for hit in found.hits]
    assert read_signs(found, without, cosine_scale(embedder)).dense == 0.0
    assert read_signs(found, without, cosine_scale(Crowded())).dense == 0.0
