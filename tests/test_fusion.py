"""Fusion, blending and late interaction, against scores worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from assistant.cosine_scale import cosine_scale
from assistant.fusion import blend, convex, dense_weight, reciprocal_rank, trained_rerank_weight
from assistant.protocols import Vectors
from assistant.rerankers.maxsim import MaxSim
from assistant.testing import HashingEmbedder
from assistant.token_signs import max_similarity, pack, signs_of, unit_vectors, unpack


def test_convex_puts_cosines_on_their_span_and_sparse_scores_on_what_was_found_and_could_be() -> None:
    dense = [(1, 0.9), (2, 0.7), (3, 0.5)]
    sparse = [(2, 4.0), (4, 1.0)]
    # The geometric mean of the greatest, 4, and the attainable, 9, is 6.
    fused = convex(dense, sparse, weight=0.5, cosine_span=0.8, attainable=9.0)
    assert dict(fused) == pytest.approx({1: 0.25, 2: 0.125 + 2 / 6, 3: 0.0, 4: 0.5 / 6})
    assert [item for item, _ in fused] == [2, 1, 4, 3]


def test_a_leg_that_cannot_tell_its_items_apart_has_little_say() -> None:
    alike, apart = [(1, 0.31), (2, 0.30)], [(1, 0.71), (2, 0.30)]
    sparse = [(2, 5.0), (1, 4.0)]
    assert [item for item, _ in convex(alike, sparse, weight=0.4, cosine_span=0.5, attainable=6.0)] == [2, 1]
    assert [item for item, _ in convex(apart, sparse, weight=0.4, cosine_span=0.5, attainable=6.0)] == [1, 2]


def test_the_dense_leg_gains_weight_where_no_text_holds_the_rare_words() -> None:
    dense, sparse = [(1, 0.5), (2, 0.3)], [(2, 4.0), (1, 2.0)]
    assert [item for item, _ in convex(dense, sparse, weight=0.4, cosine_span=0.5, attainable=4.0)] == [2, 1]
    assert [item for item, _ in convex(dense, sparse, weight=0.4, cosine_span=0.5, attainable=40.0)] == [1, 2]


def test_convex_with_one_leg_keeps_its_order() -> None:
    leg = [(7, 3.0), (5, 2.0), (6, 1.0)]
    assert [item for item, _ in convex(leg, [], weight=0.4, cosine_span=1.0)] == [7, 5, 6]
    assert [item for item, _ in convex([], leg, weight=0.4, cosine_span=1.0)] == [7, 5, 6]
    assert convex([], [], weight=0.4, cosine_span=1.0) == []


def test_convex_keeps_the_dense_order_among_equals() -> None:
    assert [item for item, _ in convex([(3, 0.5), (1, 0.5), (2, 0.5)], [], weight=1.0, cosine_span=0.5)] == [3, 1, 2]


def test_the_scale_of_cosines_is_what_the_embedder_gives_the_others_and_its_own_pairs_beyond_them() -> None:
    class Pairs:
        def encode_queries(self, texts: Sequence[str]) -> Vectors:
            return np.eye(len(texts), dtype=np.float32)

        def encode_documents(self, texts: Sequence[str]) -> Vectors:
            return np.eye(len(texts), dtype=np.float32) * 0.6 + 0.3

    scale = cosine_scale(Pairs())  # type: ignore[arg-type]
    assert [scale.unrelated, scale.span] == pytest.approx([0.3, 0.6])
    assert [scale.place(0.3), scale.place(0.9)] == pytest.approx([0, 1], abs=1e-6)
    assert 0 < cosine_scale(HashingEmbedder()).span < 1


def test_an_embedder_that_cannot_tell_the_pairs_apart_gets_no_greater_say_for_it() -> None:
    class Confused:
        def encode_queries(self, texts: Sequence[str]) -> Vectors:
            return np.eye(len(texts), dtype=np.float32)

        def encode_documents(self, texts: Sequence[str]) -> Vectors:
            return np.array([[(row * column) % 2 for row in range(len(texts))] for column in range(len(texts))], dtype=np.float32)

    assert cosine_scale(Confused()).span > 0.5  # type: ignore[arg-type]


def test_reciprocal_rank_adds_one_over_sixty_plus_rank() -> None:
    fused = reciprocal_rank([(1, 0.9), (2, 0.8)], [(2, 5.0), (3, 4.0)])
    assert [item for item, _ in fused] == [2, 1, 3]
    assert dict(fused) == pytest.approx({2: 1 / 62 + 1 / 61, 1: 1 / 61, 3: 1 / 62})


def test_weights_follow_the_language() -> None:
    assert dense_weight("en", ["en"]) > dense_weight("fr", ["en"]) > 0
    assert trained_rerank_weight("en", ["en"]) == trained_rerank_weight("fr", []) > trained_rerank_weight("fr", ["en"]) >= 0


class _Letters:
    """Token vectors that can be worked out by hand: one axis for each of a, b and c, one token for each letter."""

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode_tokens(self, texts: Sequence[str]) -> list[Vectors]:
        self.encoded += texts
        return [np.eye(3, dtype=np.float32)[["abc".index(letter) for letter in text]].reshape(-1, 3) for text in texts]

    def encode_documents_and_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        return np.zeros((len(texts), 3), dtype=np.float32), self.encode_tokens(texts)


ONE = math.sqrt(math.pi / 2) / math.sqrt(3)
"""What the signs of an axis say of its cosine to itself, in three dimensions; to another axis they say less that."""


def test_maxsim_is_the_mean_over_query_tokens_of_the_best_cosine_to_signs() -> None:
    assert MaxSim(_Letters()).score("ab", ["a", "ba", "c", "", "aaab"]) == pytest.approx([0, ONE, -ONE, 0, ONE])
    assert MaxSim(_Letters()).score("", ["a", "b"]) == [0.0, 0.0]
    assert MaxSim(_Letters()).score("a", []) == []


def test_maxsim_encodes_a_text_it_remembers_only_once() -> None:
    letters = _Letters()
    reranker = MaxSim(letters)
    assert reranker.score("a", ["ab", "c", "ab"]) == reranker.score("a", ["ab", "c", "ab"])
    assert letters.encoded == ["a", "ab", "c", "a"]


def test_maxsim_encodes_no_text_whose_signs_are_stored() -> None:
    letters = _Letters()
    stored = {"c": signs_of(np.eye(3, dtype=np.float32)[[0]])}  # those of "a", so that it shows
    reranker = MaxSim(letters, stored=lambda texts: {text: stored[text] for text in texts if text in stored})
    assert reranker.score("a", ["c", "b"]) == pytest.approx([ONE, -ONE])
    assert letters.encoded == ["a", "b"]


def test_maxsim_forgets_the_least_recently_used_beyond_its_limit() -> None:
    letters = _Letters()
    reranker = MaxSim(letters, cache_bytes=2)  # two tokens of three bits, each in a byte of its own
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
    assert MaxSim(_Letters(), cache_bytes=0).score("ab", ["ab", "a"]) == pytest.approx([ONE, 0])


def test_signs_come_back_as_they_were_packed_whatever_the_dimension() -> None:
    vectors = np.random.default_rng(0).normal(size=(5, 20)).astype(np.float32)
    signs = unpack(pack(signs_of(vectors)), 20)
    assert (np.sign(unit_vectors(signs, 20)) == np.sign(vectors)).all()
    assert np.linalg.norm(unit_vectors(signs, 20), axis=1) == pytest.approx(1)
    assert max_similarity(vectors[:1] / np.linalg.norm(vectors[0]), signs) == pytest.approx(
        np.abs(vectors[0]).sum() / np.linalg.norm(vectors[0]) / math.sqrt(20) * math.sqrt(math.pi / 2)
    )


def test_blend_scales_the_rerank_and_adds_it_by_weight() -> None:
    blended = blend([(1, 0.9), (2, 0.8), (3, 0.1)], [2.0, 6.0, 1.0], weight=0.5)
    assert [item for item, _ in blended] == [2, 1, 3]
    assert dict(blended) == pytest.approx({1: 0.45 + 0.1, 2: 0.4 + 0.5, 3: 0.05})


def test_a_rerank_whose_span_is_known_has_as_much_say_as_it_tells_the_texts_apart() -> None:
    fused = [(1, 0.9), (2, 0.8)]
    assert dict(blend(fused, [0.2, 0.5], weight=0.5, span=0.6)) == pytest.approx({1: 0.45, 2: 0.4 + 0.25})
    assert [item for item, _ in blend(fused, [0.50, 0.52], weight=0.5, span=0.6)] == [1, 2]
    assert [item for item, _ in blend(fused, [0.50, 0.52], weight=0.5)] == [2, 1]


def test_blend_keeps_the_fused_order_where_the_rerank_cannot_tell() -> None:
    assert [item for item, _ in blend([(1, 0.9), (2, 0.8)], [0.5, 0.5], weight=0.9)] == [1, 2]
    assert blend([], [], weight=0.5) == []
