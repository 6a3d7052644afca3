"""The embedders without torch that are extras all the same: Model2Vec, spaCy and gensim."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import spacy
from gensim.models import KeyedVectors, Word2Vec
from model2vec import StaticModel
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from assistant.embedders.gensim_vectors import GensimVectors
from assistant.embedders.model2vec_model import Model2Vec
from assistant.embedders.spacy_vectors import SpacyVectors
from assistant.errors import ModelUnavailable
from assistant.protocols import Embedder, Vectors
from assistant.settings import Settings
from assistant.wiring import make_embedder

WORDS = ["leave", "staff", "holiday", "engine", "diesel"]
ROWS = np.random.default_rng(1).standard_normal((len(WORDS), 8)).astype(np.float32)
TEXTS = ["staff leave", "Diesel engine, engine", "unheard of", "", "leave \ud800 " * 400]


def mean(*words: str) -> Vectors:
    """The direction of the mean of these words' unit vectors."""
    rows = np.stack([ROWS[WORDS.index(word)] / np.linalg.norm(ROWS[WORDS.index(word)]) for word in words])
    return np.asarray(rows.mean(axis=0) / np.linalg.norm(rows.mean(axis=0)), dtype=np.float32)


def unit(rows: object) -> Vectors:
    array = np.asarray(rows, dtype=np.float32)
    return np.asarray(array / np.maximum(np.linalg.norm(array, axis=1, keepdims=True), 1e-12), dtype=np.float32)


@pytest.fixture
def static_model(tmp_path: Path) -> Path:
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate([*WORDS, "[UNK]"])}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    rows = np.vstack([ROWS, np.zeros(8, dtype=np.float32)])
    StaticModel(vectors=rows, tokenizer=tokenizer, config={}).save_pretrained(tmp_path / "static")
    return tmp_path / "static"


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    language = spacy.blank("pt")
    for word, row in zip(WORDS, ROWS, strict=True):
        language.vocab.set_vector(word, row)
    language.to_disk(tmp_path / "pipeline")
    return tmp_path / "pipeline"


@pytest.fixture
def keyed() -> KeyedVectors:
    vectors = KeyedVectors(8)
    vectors.add_vectors(WORDS, ROWS)
    return vectors


def test_model2vec_encodes_as_the_library_does(static_model: Path) -> None:
    embedder = make_embedder(Settings(embedder=f"model2vec:{static_model}"))
    library = StaticModel.from_pretrained(static_model)
    assert isinstance(embedder, Embedder)
    assert embedder.dimension == 8
    assert np.allclose(embedder.encode_documents(TEXTS[:4]), unit(library.encode(TEXTS[:4])), atol=1e-6)
    assert embedder.encode_queries(TEXTS).shape == (5, 8)
    assert embedder.encode_queries([]).shape == (0, 8)
    assert not embedder.encode_documents(["unheard of"]).any()
    assert embedder.count_tokens(TEXTS[:4]) == [2, 3, 0, 0]
    with pytest.raises(ModelUnavailable, match="could not be loaded"):
        Model2Vec(str(static_model.parent))


def test_spacy_gives_the_mean_of_its_word_vectors_and_its_language(pipeline: Path) -> None:
    embedder = make_embedder(Settings(embedder=f"spacy:{pipeline}"))
    library = spacy.load(pipeline)
    assert (embedder.dimension, embedder.languages) == (8, ("pt",))
    assert np.allclose(embedder.encode_documents(TEXTS[:4]), unit([library(text).vector for text in TEXTS[:4]]), atol=1e-6)
    assert embedder.encode_queries(TEXTS).shape == (5, 8)
    assert embedder.encode_queries([]).shape == (0, 8)
    assert embedder.count_tokens(TEXTS[:2]) == [2, 4]


def test_a_spacy_pipeline_without_vectors_or_nowhere_says_what_to_do(tmp_path: Path) -> None:
    spacy.blank("en").to_disk(tmp_path / "none")
    with pytest.raises(ModelUnavailable, match="_md or _lg"):
        SpacyVectors(str(tmp_path / "none"))
    with pytest.raises(ModelUnavailable, match="spacy download en_core_no_md"):
        SpacyVectors("en_core_no_md")


@pytest.mark.parametrize("form", ["words.txt", "words.vec", "words.bin", "words.txt.gz", "words.kv", "words.model"])
def test_gensim_reads_each_form_and_averages_known_words(form: str, keyed: KeyedVectors, tmp_path: Path) -> None:
    path = tmp_path / form
    if form == "words.kv":
        keyed.save(str(path))
    elif form == "words.model":
        whole = Word2Vec([WORDS], vector_size=8, min_count=1)
        whole.wv.vectors[:] = [keyed[word] for word in whole.wv.index_to_key]
        whole.save(str(path))
    else:
        plain = path.with_suffix("") if path.suffix == ".gz" else path
        keyed.save_word2vec_format(str(plain), binary=plain.suffix == ".bin")
        if path.suffix == ".gz":
            path.write_bytes(gzip.compress(plain.read_bytes()))
    embedder = make_embedder(Settings(embedder=f"gensim:{path}"))
    assert isinstance(embedder, Embedder)
    vectors = embedder.encode_documents(TEXTS)
    assert np.allclose(vectors[0], mean("staff", "leave"), atol=1e-5)
    assert np.allclose(vectors[1], mean("diesel", "engine", "engine"), atol=1e-5)
    assert not vectors[2:4].any()
    assert embedder.encode_queries([]).shape == (0, 8)


def test_a_file_that_is_no_word_vectors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="There is no file"):
        GensimVectors(str(tmp_path / "missing.txt"))
    for name in ("words.txt", "words.bin", "words.kv"):
        (tmp_path / name).write_bytes(b"nothing of the kind\n")
        with pytest.raises(ModelUnavailable, match="gensim cannot read"):
            GensimVectors(str(tmp_path / name))
