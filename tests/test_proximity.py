"""How near a query's words stand in a text, against shares worked out by hand."""

from __future__ import annotations

import pytest

from assistant.proximity import WINDOW_TERMS, proximity

WEIGHTS = {"red": 3.0, "fire": 2.0, "engine": 1.0}
FILLER = ["word"] * (WINDOW_TERMS + 5)


def test_words_side_by_side_and_in_order_are_worth_the_whole() -> None:
    assert proximity(["red", "fire", "engine"], ["a", "red", "fire", "engine", "came"], WEIGHTS) == pytest.approx(1.0)


def test_a_pair_weighs_as_much_as_the_lesser_of_its_terms() -> None:
    # Pairs: (red, fire) 2 and (fire, engine) 1. Only the first stands together; the window holds all.
    text = ["red", "fire", "of", "engine"]
    assert proximity(["red", "fire", "engine"], text, WEIGHTS) == pytest.approx((2 / 3 + 1) / 2)
    # In the other order there is no pair.
    assert proximity(["red", "fire", "engine"], ["engine", "fire", "red"], WEIGHTS) == pytest.approx((0 + 1) / 2)


def test_the_best_window_holds_the_most_weight_at_once() -> None:
    text = ["red", "here", *FILLER, "fire", "and", "engine", *FILLER, "red"]
    assert proximity(["red", "fire", "engine"], text, WEIGHTS) == pytest.approx((0 + 3 / 6) / 2)
    at_the_edge = ["red", *FILLER[: WINDOW_TERMS - 2], "fire"]
    assert proximity(["red", "x", "fire"], at_the_edge, WEIGHTS) == pytest.approx((0 + 5 / 5) / 2)
    beyond_it = ["red", *FILLER[: WINDOW_TERMS - 1], "fire"]
    assert proximity(["red", "x", "fire"], beyond_it, WEIGHTS) == pytest.approx((0 + 3 / 5) / 2)


def test_a_word_that_comes_again_counts_once() -> None:
    assert proximity(["red", "fire"], ["red", "red", "red"], WEIGHTS) == pytest.approx((0 + 3 / 5) / 2)


def test_nothing_asked_or_nothing_there_is_nought() -> None:
    assert proximity([], ["red"], WEIGHTS) == 0
    assert proximity(["red"], [], WEIGHTS) == 0
    assert proximity(["unknown", "words"], ["unknown", "words"], {}) == 0
    assert proximity(["red"], ["red"], WEIGHTS) == pytest.approx(0.5)
