"""Fusion, blending and late interaction, against scores worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from assistant.fusion import blend, convex, dense_weight, reciprocal_rank, rerank_weight
from assistant.protocols import Vectors
from assistant.rerankers.maxsim import MaxSim


def test_convex_scales_each_leg_and_adds_them_by_weight() -> None:
    dense = [(1, 0.9), (2, 0.7), (3, 0.5)]
    sparse = [(2, 8.0), (4, 2.0)]
    assert dict(convex(dense, sparse, weight=0.5)) == pytest.approx({1: 0.5, 2: 0.25 + 0.5, 3: 0.0, 4: 0.125})
    assert [item for item, _ in convex(dense, sparse, weight=0.5)] == [2, 1, 4, 3]


def test_convex_with_one_leg_keeps_its_order() -> None:
    leg = [(7, 3.0), (5, 2.0), (6, 1.0)]
    assert [item for item, _ in convex(leg, [], weight=0.4)] == [7, 5, 6]
    assert [item for item, _ in convex([], leg, weight=0.4)] == [7, 5, 6]
    assert convex([], [], weight=0.4) == []


def test_convex_gives_a_lone_hit_the_whole_of_its_leg() -> None:
    assert dict(convex([(1, -0.2)], [(1, 0.1)], weight=0.4)) == pytest.approx({1: 1.0})


def test_convex_keeps_the_dense_order_among_equals() -> None:
    assert [item for item, _ in convex([(3, 0.5), (1, 0.5), (2, 0.5)], [], weight=1.0)] == [3, 1, 2]


def test_reciprocal_rank_adds_one_over_sixty_plus_rank() -> None:
    fused = reciprocal_rank([(1, 0.9), (2, 0.8)], [(2, 5.0), (3, 4.0)])
    assert [item for item, _ in fused] == [2, 1, 3]
    assert dict(fused) == pytest.approx({2: 1 / 62 + 1 / 61, 1: 1 / 61, 3: 1 / 62})


def test_weights_follow_the_language() -> None:
    assert dense_weight("en", ["en"]) > dense_weight("fr", ["en"]) > 0
    assert rerank_weight("en", ["en"]) > rerank_weight("fr", ["en"]) >= 0


class _Letters:
    """Token vectors that can be worked out by hand: one axis for each of a, b and c, one token for each letter."""

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode_tokens(self, texts: Sequence[str]) -> list[Vectors]:
        self.encoded += texts
        return [np.eye(3, dtype=np.float32)[["abc".index(letter) for letter in text]].reshape(-1, 3) for text in texts]


def test_maxsim_is_the_mean_over_query_tokens_of_the_best_cosine() -> None:
    assert MaxSim(_Letters()).score("ab", ["a", "ba", "c", "", "aaab"]) == [0.5, 1.0, 0.0, 0.0, 1.0]
    assert MaxSim(_Letters()).score("", ["a", "b"]) == [0.0, 0.0]
    assert MaxSim(_Letters()).score("a", []) == []


def test_maxsim_encodes_a_text_it_remembers_only_once() -> None:
    letters = _Letters()
    reranker = MaxSim(letters)
    assert reranker.score("a", ["ab", "c", "ab"]) == reranker.score("a", ["ab", "c", "ab"])
    assert letters.encoded == ["a", "ab", "c", "a"]


def test_maxsim_forgets_the_least_recently_used_beyond_its_limit() -> None:
    letters = _Letters()
    reranker = MaxSim(letters, cache_bytes=2 * 3 * 2)  # two tokens of three float16
    reranker.score("a", ["b"])
    reranker.score("a", ["c"])
    reranker.score("a", ["b"])
    reranker.score("a", ["a"])
    letters.encoded.clear()
    reranker.score("a", ["b", "a"])
    assert letters.encoded == ["a"]
    reranker.score("a", ["c"])
    assert letters.encoded == ["a", "a", "c"]


def test_a_text_larger_than_the_cache_is_scored_all_the_same() -> None:
    assert MaxSim(_Letters(), cache_bytes=0).score("ab", ["ab", "a"]) == [1.0, 0.5]


def test_blend_scales_the_rerank_and_adds_it_by_weight() -> None:
    blended = blend([(1, 0.9), (2, 0.8), (3, 0.1)], [2.0, 6.0, 1.0], weight=0.5)
    assert [item for item, _ in blended] == [2, 1, 3]
    assert dict(blended) == pytest.approx({1: 0.45 + 0.1, 2: 0.4 + 0.5, 3: 0.05})


def test_blend_keeps_the_fused_order_where_the_rerank_cannot_tell() -> None:
    assert [item for item, _ in blend([(1, 0.9), (2, 0.8)], [0.5, 0.5], weight=0.9)] == [1, 2]
    assert blend([], [], weight=0.5) == []
