"""Analysis and BM25 weights, against numbers worked out by hand."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import pytest

from assistant.languages import detect_language, language_of_query, stop_words
from assistant.lexical import document_vector, idf, term_counts, term_id, terms
from assistant.query_weights import query_weights


def test_english_words_are_stemmed_and_function_words_left_out() -> None:
    assert terms("The employees' unused holidays don't expire", "en") == ["employe", "unus", "holiday", "expir"]


def test_french_elisions_are_cut_off_and_accents_folded() -> None:
    assert terms("L’école qu'il a réglée, d'abord", "fr") == ["ecol", "regl", "abord"]


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("pt", "regulamentações", "regulamentação"),
        ("es", "regulaciones", "regulación"),
        ("de", "Häuser", "Haus"),
        ("it", "dell'azienda", "aziende"),
    ],
)
def test_inflected_words_meet_in_one_term(language: str, one: str, other: str) -> None:
    assert terms(one, language) == terms(other, language) != []


def test_a_number_is_one_term_however_it_is_written() -> None:
    assert terms("1,234 1.234 1234", "en") == ["1234"] * 3
    assert terms("13.2% or 13,2 %", "de") == ["13.2", "or", "13.2"]
    assert terms("$1,234.50 and 1.234,50 €", "en") == ["1234.50", "1234.50"]


def test_codes_and_compounds_are_found_whole_and_by_their_parts() -> None:
    assert terms("FY2023", "en") == ["fy2023", "fy", "2023"]
    assert terms("ibm-x", "en") == ["ibm", "x", "ibmx"]
    assert set(terms("email", "en")) <= set(terms("e-mail", "en"))


def test_scripts_without_spaces_give_overlapping_pairs() -> None:
    assert terms("東京都の", "ja") == ["東京", "京都", "都の"]
    assert terms("猫", "zh") == ["猫"]


def test_vowel_signs_do_not_break_words() -> None:
    assert terms("हिन्दी किताब", "und") == ["हिन्दी", "किताब"]


def test_unusual_text_never_fails() -> None:
    for text in ("", " ", "\x00\ud800", "-_-", "İ", "´", "１２３", "a" * 100_000):
        assert isinstance(term_counts(text, "tr"), dict)
    assert stop_words("../languages") == frozenset()


def test_term_ids_are_stable_and_fit_milvus() -> None:
    assert term_id("footnote") == 2507867634
    assert all(0 <= term_id(str(number)) < 2**32 - 1 for number in range(1000))


def test_counts_count_every_occurrence() -> None:
    assert term_counts("Leave. The leave, leaves", "en") == {term_id("leav"): 3}


def test_a_query_holds_the_terms_of_each_language_of_the_documents() -> None:
    weights = query_weights("règles holidays", "en", ["en", "fr"], lambda terms: (dict.fromkeys(terms, 1), 10))
    assert weights.found.keys() >= {term_id("regl"), term_id("holiday")}


def test_another_languages_reading_of_a_word_weighs_no_more_than_the_querys_own() -> None:
    # One document of a hundred was taken for another language, and holds "how" and "closing"; "close" is in half of them.
    held = {term_id("how"): 1, term_id("closing"): 1, term_id("close"): 50}
    weights = query_weights("How is it closing?", "en", ["en", "und"], lambda terms: (held, 100))
    assert weights.found == pytest.approx({term_id("close"): idf(50, 100), term_id("closing"): idf(50, 100)})
    assert weights.attainable == pytest.approx(idf(50, 100))


def test_a_query_of_function_words_alone_is_searched_for_as_other_languages_read_it() -> None:
    held = {term_id("son"): 2}
    count_chunks = lambda terms: (held, 10)  # noqa: E731
    assert query_weights("son", "fr", ["fr", "en"], count_chunks).found == pytest.approx({term_id("son"): idf(2, 10)})
    assert query_weights("son", "fr", ["fr"], count_chunks).found == {}


def test_document_weights_are_saturated_term_frequencies() -> None:
    # Length 4 against a pivot of 8, k1 1.2 and b .75: the norm is 1.2 (.25 + .75 / 2) = .75.
    vector = document_vector({1: 3, 2: 1}, 8.0, 1.2, 0.75)
    assert vector == pytest.approx({1: 3 / 3.75, 2: 1 / 1.75})


def test_query_weights_are_idf_times_count_without_unknown_terms() -> None:
    # Ten documents, three with the term: ln(1 + 7.5 / 3.5).
    weights = query_weights("gate gate nowhere", "en", ["en"], lambda terms: ({term_id("gate"): 3}, 10))
    assert weights.found == pytest.approx({term_id("gate"): 2 * math.log(1 + 7.5 / 3.5)})
    assert weights.each[term_id("nowher")] == pytest.approx(math.log(1 + 10.5 / 0.5))
    assert idf(10, 10) == pytest.approx(math.log(1 + 0.5 / 10.5))


def test_the_inner_product_is_the_bm25_score() -> None:
    one, two = term_id("gate"), term_id("door")
    document = document_vector({one: 2, two: 2}, 4.0, 1.2, 0.75)
    query = query_weights("gate door", "en", ["en"], lambda terms: ({one: 1, two: 2}, 2)).found
    score = sum(weight * document.get(term, 0.0) for term, weight in query.items())
    assert score == pytest.approx((math.log(1 + 1.5 / 1.5) + math.log(1 + 0.5 / 2.5)) * 2 / 3.2)


def test_languages_are_told_and_unclear_text_gets_the_fallback() -> None:
    assert detect_language("How many days of leave do I have?") == "en"
    assert detect_language("Combien de jours de congé ai-je ?") == "fr"
    assert detect_language("Quantos dias de férias tenho por ano?") == "pt"
    assert detect_language("12 345") == "und"
    assert detect_language("hello", fallback="nl") == "nl"


def test_a_query_in_doubt_takes_the_commonest_language_of_the_documents() -> None:
    assert language_of_query("vacation", ["en", "fr"]) == "en"
    assert language_of_query("Combien de jours de congé ai-je ?", ["en", "fr"]) == "fr"


def test_analysis_is_the_same_in_many_threads() -> None:
    texts = [f"regulations{number} running {number} holidays écoles" for number in range(300)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: (term_counts(text, "en"), detect_language(text)), texts))
    assert together == [(term_counts(text, "en"), detect_language(text)) for text in texts]
