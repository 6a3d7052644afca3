"""Citing: marks that the passages bear out become verbatim quotes, the others go, and what nothing bears out is reported."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.citing import Cited, cite, statements
from assistant.embedders.minilm import MiniLM
from assistant.protocols import Embedder, TokenEmbedder
from assistant.testing import HashingEmbedder
from assistant.types import Chunk, Hit

LEAVE = (
    "Full-time employees receive 25 days of paid leave each year. Unused days may be carried over until 31 March. "
    "Leave may not be sold. Anna Kowalska approves requests within two weeks."
)
NOTICE = "The notice period is three months. During probation it is two weeks.\nRevenue was $1,250,000 in 2023."
FRENCH = "Les salariés ont droit à 25 jours de congés payés par an. Le préavis est de trois mois."
STARTS = {"leave": 1000, "notice": 40, "french": 7}


def hit(document: str, text: str, language: str = "en") -> Hit:
    start = STARTS[document]
    return Hit(Chunk(1, document, document.title(), f"{document}.pdf", text, start, start + len(text), 1, language=language), 1.0)


PASSAGES = [hit("leave", LEAVE), hit("notice", NOTICE), hit("french", FRENCH, "fr")]
TEXTS = {"leave": LEAVE, "notice": NOTICE, "french": FRENCH}


def cited(text: str, language: str = "en", *, cut_off: bool = False) -> Cited:
    versions = {document: f"version of {document}" for document in STARTS}
    checked = cite(text, PASSAGES, versions, language=language, page_of=lambda document, offset: offset // 10, cut_off=cut_off)
    for number, citation in enumerate(checked.citations, start=1):
        local = slice(citation.start - STARTS[citation.document_id], citation.end - STARTS[citation.document_id])
        assert TEXTS[citation.document_id][local] == citation.quote
        assert citation.number == number
        assert citation.page == citation.start // 10
        assert citation.version == f"version of {citation.document_id}"
        assert 0 < citation.score <= 1
    return checked


def quotes(text: str, language: str = "en") -> list[str]:
    return [citation.quote for citation in cited(text, language).citations]


@pytest.mark.parametrize(
    ("answer", "quote"),
    [
        ("You get 25 days of paid leave a year [1].", "Full-time employees receive 25 days of paid leave each year."),
        ("Days that are unused can be carried over up to 31 March. [1]", "Unused days may be carried over until 31 March."),
        ("The notice period is 3 months [2].", "The notice period is three months."),
        ("In 2023, the revenue came to 1 250 000 dollars [2].", "Revenue was $1,250,000 in 2023."),
        ("You may not sell your leave [1].", "Leave may not be sold."),
        ("Kowalska approves the requests within two weeks [1].", "Anna Kowalska approves requests within two weeks."),
    ],
)
def test_a_paraphrase_keeps_its_mark_and_quotes_the_sentence_that_bears_it_out(answer: str, quote: str) -> None:
    checked = cited(answer)
    assert [citation.quote for citation in checked.citations] == [quote]
    assert (checked.unsupported, checked.found) == ((), True)


def test_paraphrases_are_matched_in_the_language_of_the_answer() -> None:
    assert quotes("Un salarié a droit à 25 jours de congé payé [3].", "fr") == [
        "Les salariés ont droit à 25 jours de congés payés par an."
    ]


def test_across_languages_numbers_and_names_decide() -> None:
    assert quotes("Employees are entitled to 25 days of leave [3].") == [
        "Les salariés ont droit à 25 jours de congés payés par an."
    ]
    assert quotes("Employees are entitled to 30 days of leave [3].") == []
    assert quotes("Employees are entitled to leave [3].") == []


def test_a_copied_sentence_has_full_support_whatever_its_white_space() -> None:
    checked = cited("Unused days may be\n  carried over until 31 March [1].".replace("\n ", ""))
    assert checked.citations[0].score == 1.0
    assert checked.citations[0].quote == "Unused days may be carried over until 31 March."
    assert cited("Les salariés ont droit à 25 jours de congés payés par an [3].", "en").citations[0].score == 1.0


@pytest.mark.parametrize(
    "claim",
    [
        "You get 30 days of paid leave each year",
        "Unused days may be carried over until 30 March",
        "The notice period is four months",
        "Revenue was $1,250 in 2023",
        "Leave may be sold",
        "Employees receive no paid leave each year",
        "The moon is made of cheese",
    ],
)
def test_a_mark_that_no_passage_bears_out_goes_and_its_sentence_is_reported(claim: str) -> None:
    checked = cited(f"{claim} [1][2].")
    assert (checked.text, checked.citations, checked.unsupported) == (f"{claim}.", (), (f"{claim}.",))


def test_a_mark_on_the_wrong_passage_goes() -> None:
    checked = cited("The notice period is three months [1].")
    assert (checked.text, len(checked.unsupported)) == ("The notice period is three months.", 1)


def test_of_several_marks_only_the_true_ones_stay() -> None:
    checked = cited("The notice period is three months [1][2]. Leave may not be sold [9][1][2].")
    assert checked.text == "The notice period is three months [1]. Leave may not be sold [2]."
    assert [citation.document_id for citation in checked.citations] == ["notice", "leave"]
    assert checked.unsupported == ()


def test_passages_that_bear_a_sentence_out_only_together_are_both_quoted() -> None:
    checked = cited("Full-time employees have 25 days of leave and a notice period of three months [1, 2].")
    assert checked.text.endswith("three months [1][2].")
    assert [citation.document_id for citation in checked.citations] == ["leave", "notice"]


@pytest.mark.parametrize(
    "claim",
    [
        "Full-time employees do not have 25 days of leave and a notice period of three months [1, 2].",
        "Full-time employees have 25 days of leave and a notice period of three weeks [1, 2].",
    ],
)
def test_two_marks_bear_no_sentence_out_that_a_passage_speaks_against(claim: str) -> None:
    checked = cited(claim)
    assert checked.citations == ()
    assert len(checked.unsupported) == 1


def test_marks_inside_a_sentence_stand_for_the_words_before_them() -> None:
    checked = cited("Leave is 25 days a year [1], but notice is nine months [2].")
    assert checked.text == "Leave is 25 days a year [1], but notice is nine months."
    assert len(checked.unsupported) == 1


def test_words_after_the_last_mark_are_checked_too() -> None:
    checked = cited("Leave is 25 days a year [1], and every Friday is free for all.")
    assert len(checked.citations) == 1
    assert len(checked.unsupported) == 1


def test_the_same_quote_keeps_its_number_and_another_gets_the_next() -> None:
    checked = cited(
        "The notice period is three months [2]. Leave may not be sold [1]. Again, the notice period is three months [2]."
    )
    assert (
        checked.text
        == "The notice period is three months [1]. Leave may not be sold [2]. Again, the notice period is three months [1]."
    )
    assert len(checked.citations) == 2


def test_sentences_without_marks_are_reported_unless_a_quote_says_them() -> None:
    text = "The notice period is three months [2]. So the period of notice is three months. Dogs are welcome."
    checked = cited(text)
    assert checked.unsupported == ("Dogs are welcome.",)
    stated = ["The notice period is three months.", "So the period of notice is three months.", "Dogs are welcome."]
    assert statements(text, "en") == statements(checked.text, "en") == stated


def test_what_a_cut_off_answer_has_only_begun_to_say_is_no_statement() -> None:
    text = "The notice period is three months [2]. Leave may be"
    checked = cited(text, cut_off=True)
    assert (checked.stated, checked.unsupported) == (1, ())
    assert cited(text).unsupported == ("Leave may be",)
    whole = cited("The notice period is three months [2]. Leave may be sold.", cut_off=True)
    assert whole.unsupported == ("Leave may be sold.",)


def test_headings_and_words_that_lead_to_a_list_are_no_statements() -> None:
    text = "## Leave and notice\nThe rules are these:\n- Leave may not be sold [1].\n2. The notice period is three months [2]."
    checked = cited(text)
    assert (checked.unsupported, len(checked.citations), len(statements(text, "en"))) == ((), 2, 2)


@pytest.mark.parametrize(
    "mark", ["[2]", "【2】", "【2†source】", "[^2]", "[[2]]", "[1, 2]", "[1][2]", "[1-2]", "[Passage 2]", "[1] [2]", "[1], [2]"]
)
def test_common_forms_of_marks_are_read(mark: str) -> None:
    assert cited(f"The notice period is three months {mark}.").text == "The notice period is three months [1]."
    assert cited(f"The notice period is three months.{mark} Leave may not be sold [1].").text.startswith(
        "The notice period is three months.[1] Leave"
    )


def test_a_mark_that_opens_a_line_stands_for_what_follows() -> None:
    checked = cited("- [2] The notice period is three months.\n- [1] Leave may not be sold.")
    assert checked.text == "- [1] The notice period is three months.\n- [2] Leave may not be sold."


@pytest.mark.parametrize(
    "text",
    [
        "See (1) and [here](http://a.b) and [1](http://a.b).",
        "Write `a[1]` there.",
        "```\na[1]\n```",
        "![1](x.png)",
        "It was [sic] so.",
    ],
)
def test_what_is_no_mark_is_left_alone(text: str) -> None:
    assert cited(text).text == text


def test_an_answer_that_says_the_passages_are_silent_is_recognised() -> None:
    checked = cited("The passages do not say whether dogs are welcome [0].")
    assert checked == Cited("The passages do not say whether dogs are welcome.", (), (), False)
    partly = cited("The notice period is three months [2]. Nothing is said of dogs. [0]")
    assert (partly.found, partly.unsupported, len(partly.citations)) == (True, (), 1)


def test_an_empty_answer_has_nothing_to_check() -> None:
    assert cited("") == Cited("", (), (), True)


def test_two_sentences_are_quoted_when_one_does_not_do() -> None:
    assert quotes("Leave may not be sold, and Anna Kowalska approves requests in two weeks [1].") == [
        "Leave may not be sold. Anna Kowalska approves requests within two weeks."
    ]


def test_the_hashing_embedder_stands_in_for_a_model() -> None:
    embedder = HashingEmbedder(32)
    assert isinstance(embedder, Embedder)
    assert isinstance(embedder, TokenEmbedder)
    leave, same, other, empty = embedder.encode_documents(["unused leave days", "days of unused leave", "notice period", ""])
    assert leave @ same > 0.7 > leave @ other
    assert np.allclose([np.linalg.norm(row) for row in (leave, same, other, empty)], 1.0)
    assert embedder.encode_tokens(["two words"])[0].shape == (2, 32)
    assert embedder.count_tokens(["a b c", ""]) == [3, 0]
    assert embedder.encode_documents([]).shape == (0, 32)


LAKE = (
    "Lake Corvin covers 27 square kilometres and freezes every winter. The ferry from Dunmore to Saint Brae carried 250 "
    "passengers per day until March 3, 1999. Peter Sandys founded the yacht club, which Edith Calloway led after the war. "
    "Owners of boats are required to register by the fifth day of May. The club earned 1.5 million euros in 2004."
)


def borne_out(claim: str) -> bool:
    hits = [Hit(Chunk(1, "lake", "Lake", "lake.txt", LAKE, 0, len(LAKE), 1, language="en"), 1.0)]
    return bool(cite(f"{claim} [1].", hits, {"lake": "v"}, language="en", page_of=lambda document, offset: 1).citations)


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("The lake covers 27 square km", "The lake covers 27 square miles"),
        ("The ferry carried 250 passengers a day", "The ferry carried 250 passengers per hour"),
        ("The ferry from Dunmore ran until 1999-03-03", "The ferry from Dunmore ran until 1999-04-03"),
        ("The ferry ran until 3 March 1999", "The ferry ran until 13 March 1999"),
        (
            "Boat owners are required to register by the 5th day of May",
            "Boat owners are required to register by the tenth day of May",
        ),
        ("In 2004, the club earned 1,500,000 euros", "In 2004, the club earned 1.5 billion euros"),
        ("The ferry went from Dunmore to Saint Brae", "The ferry went from Saint Brae to Dunmore"),
        ("The yacht club was founded by Peter Sandys", "Edith Calloway founded the yacht club, which Peter Sandys led"),
        ("Edith Calloway led the yacht club after the war", "Rebecca Stone led the yacht club after the war"),
        ("Edith Calloway led the club after the war", "Edith Calloway led the club before the war"),
        ("Owners of boats must register, which is required", "Owners of boats are not required to register"),
        (
            "Lake Corvin freezes every winter, and swimming is allowed in it",
            "Lake Corvin freezes every winter, and its fish are sold to restaurants abroad",
        ),
    ],
)
def test_a_claim_that_says_otherwise_in_the_same_words_loses_its_mark(true: str, false: str) -> None:
    assert borne_out(true)
    assert not borne_out(false)


def test_a_negation_must_stand_where_the_passage_has_it() -> None:
    text = "Members who do not pay by May cannot use the pier."
    hits = [Hit(Chunk(1, "pier", "Pier", "pier.txt", text, 0, len(text), 1, language="en"), 1.0)]

    def kept(claim: str) -> int:
        return len(cite(f"{claim} [1].", hits, {"pier": "v"}, language="en", page_of=lambda document, offset: 1).citations)

    assert kept("Members cannot use the pier when they do not pay by May") == 1
    assert kept("Members who pay by May cannot use the pier") == 0


def test_a_claim_in_other_words_is_borne_out_where_the_embedder_finds_it_near() -> None:
    text = "Anyone who damages equipment has to bear the cost of its repair. Staff can work at home two days a week."
    hits = [Hit(Chunk(1, "rules", "Rules", "rules.txt", text, 0, len(text), 1, language="en"), 1.0)]

    def kept(claim: str, embedder: Embedder | None) -> int:
        checked = cite(
            f"{claim} [1].", hits, {"rules": "v"}, language="en", page_of=lambda document, offset: 1, embedder=embedder
        )
        return len(checked.citations)

    near, far = "Whoever breaks equipment pays for the repair", "Staff of the bakery walk home rather early"
    assert kept(near, None) == kept(near, HashingEmbedder(32)) == 0
    assert kept(near, MiniLM()) == 1
    assert kept(far, MiniLM()) == 0
    elsewhere = MiniLM()
    elsewhere.languages = ("fr",)
    assert kept(near, elsewhere) == 0
