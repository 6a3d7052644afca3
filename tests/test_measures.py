"""Every measure against a number worked out by hand."""

from __future__ import annotations

import math

import pytest

from assistant.measures import contains, mean, mrr_at, ndcg_at, paired_bootstrap, recall_at, refusal, token_f1


def test_recall_is_the_share_of_the_gold_among_the_first() -> None:
    assert recall_at(2, ["a", "x", "b"], {"a": 1, "b": 1, "c": 0}) == 0.5
    assert recall_at(3, ["a", "x", "b"], {"a": 1, "b": 1, "c": 0}) == 1.0


def test_ndcg_discounts_by_the_logarithm_of_the_rank() -> None:
    # Gains 0, 2, 1 at ranks 1 to 3; the ideal is 2, 1.
    found = 2 / math.log2(3) + 1 / math.log2(4)
    best = 2 + 1 / math.log2(3)
    assert ndcg_at(3, ["x", "b", "a"], {"a": 1, "b": 2}) == pytest.approx(found / best)


def test_ndcg_at_k_is_whole_where_k_is_below_the_number_of_gold() -> None:
    assert ndcg_at(1, ["a"], {"a": 1, "b": 1, "c": 1}) == 1.0


def test_ndcg_counts_a_repeated_passage_once() -> None:
    assert ndcg_at(10, ["a", "a", "b"], {"a": 1, "b": 1}) == 1.0


def test_mrr_is_one_over_the_first_gold_rank_within_k() -> None:
    assert mrr_at(10, ["x", "y", "a", "b"], {"a": 1, "b": 1}) == pytest.approx(1 / 3)
    assert mrr_at(2, ["x", "y", "a"], {"a": 1}) == 0.0


def test_a_question_without_gold_cannot_judge_a_ranking() -> None:
    for measure in (recall_at, ndcg_at, mrr_at):
        with pytest.raises(ValueError, match="gold"):
            measure(10, ["a"], {"a": 0})


def test_refusal_weighs_both_kinds_of_question_alike() -> None:
    # Three answerable, one refused; two unanswerable, one answered: 1 - (1/3 + 1/2) / 2.
    measured = refusal([True, True, True, False, False], [True, True, False, False, True])
    assert measured.false_refusals == pytest.approx(1 / 3)
    assert measured.false_answers == pytest.approx(1 / 2)
    assert measured.balanced_accuracy == pytest.approx(7 / 12)


def test_refusal_is_not_measured_without_unanswerable_questions() -> None:
    measured = refusal([True, True], [True, False])
    assert (measured.balanced_accuracy, measured.false_refusals, measured.false_answers) == (None, 0.5, None)


def test_token_f1_follows_squad() -> None:
    # Prediction "25 days paid leave" shares two words of four with "25 days": 2 * 2 / (4 + 2).
    assert token_f1("The 25 days, paid leave!", ["25 days", "a month"]) == pytest.approx(2 / 3)
    assert token_f1("", ["25 days"]) == 0.0
    assert token_f1("day day", ["day day week"]) == pytest.approx(4 / 5)


def test_an_answer_contains_whole_words_only() -> None:
    assert contains("They settled in Normandy, France.", ["the France"])
    assert not contains("It costs 125 euros", ["25"])
    assert not contains("anything", ["the"])


def test_the_bootstrap_tells_a_real_difference_from_none() -> None:
    better = paired_bootstrap([0.0] * 50, [1.0] * 40 + [0.0] * 10)
    assert better.mean == pytest.approx(0.8)
    assert 0.6 < better.low < 0.8 < better.high < 1.0
    assert better.p_value == 0.0
    even = paired_bootstrap([0.0, 1.0] * 50, [1.0, 0.0] * 50)
    assert even.low < 0 < even.high
    assert 0.3 < even.p_value < 0.7


def test_the_bootstrap_needs_pairs() -> None:
    with pytest.raises(ValueError, match="question"):
        paired_bootstrap([], [])
    with pytest.raises(ValueError, match="argument"):
        paired_bootstrap([1.0], [1.0, 2.0])


def test_the_mean_of_nothing_is_not_zero() -> None:
    assert mean([]) is None
    assert mean([1.0, 2.0]) == 1.5
