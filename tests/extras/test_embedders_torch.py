"""The embedders that need torch, each over a tiny model that the real library loads, held against that library's own output."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from FlagEmbedding import BGEM3FlagModel
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

from assistant.embedders.bge_m3 import BgeM3, LexicalWeights
from assistant.embedders.choosing import make_sparse
from assistant.embedders.sentence_transformers_model import SentenceTransformersModel
from assistant.embedders.splade import Splade
from assistant.embedders.transformers_model import TransformersModel
from assistant.errors import ModelUnavailable, SettingsError
from assistant.protocols import Embedder, SparseEmbedder, Vectors
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.wiring import make_embedder
from assistant.wiring import make_sparse as sparse_of
from tests.extras import tiny_models
from tests.extras.tiny_models import TEXTS

KNOWN = [text.encode("utf-8", "replace").decode() for text in TEXTS]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    root = tmp_path_factory.mktemp("models")
    made = (tiny_models.bert, tiny_models.masked_language_model, tiny_models.bge_m3)
    return {make.__name__: make(root / make.__name__) for make in made}


def unit(rows: object) -> Vectors:
    array = np.asarray(rows, dtype=np.float32)
    return np.asarray(array / np.linalg.norm(array, axis=1, keepdims=True), dtype=np.float32)


@pytest.mark.parametrize(
    ("setting", "folder", "dimension", "max_tokens"),
    [
        ("transformers:{}", "bert", 16, 32),
        ("sentence-transformers:{}", "bert", 16, 32),
        ("bge-m3:{}", "bge_m3", 32, 128),
    ],
)
def test_the_settings_load_it_from_a_folder(
    folders: Mapping[str, Path], setting: str, folder: str, dimension: int, max_tokens: int
) -> None:
    name = setting.format(folders[folder])
    embedder = make_embedder(Settings(embedder=name))
    assert isinstance(embedder, Embedder)
    assert (embedder.dimension, embedder.max_tokens) == (dimension, max_tokens)
    vectors = embedder.encode_documents(TEXTS)
    assert vectors.shape == (len(TEXTS), dimension)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert embedder.encode_queries([]).shape == (0, dimension)
    # The name that a collection remembers is a setting that loads the same again.
    assert embedder.name.startswith(f"{name}#")
    assert make_embedder(Settings(embedder=embedder.name)).name == embedder.name


def test_another_model_in_the_same_folder_is_another_model(folders: Mapping[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["bert"], tmp_path / "model")
    before = TransformersModel(str(folder)).name
    assert TransformersModel(str(folder)).name == before
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1  # a bit of one number
    (folder / "model.safetensors").write_bytes(weights)
    assert TransformersModel(str(folder)).name != before
    with pytest.raises(SettingsError, match=r"its files have changed.*footnote reindex"):
        make_embedder(Settings(embedder=before))


def test_transformers_are_pooled_by_the_mean_of_their_tokens(folders: Mapping[str, Path]) -> None:
    tokenizer, model = AutoTokenizer.from_pretrained(folders["bert"]), AutoModel.from_pretrained(folders["bert"])
    with torch.no_grad():
        alone = [
            model(**tokenizer(text, truncation=True, max_length=32, return_tensors="pt")).last_hidden_state[0].mean(dim=0)
            for text in KNOWN
        ]
    embedder = TransformersModel(str(folders["bert"]), batch=2)
    assert np.allclose(embedder.encode_documents(TEXTS), unit(torch.stack(alone).numpy()), atol=1e-5)
    asked = TransformersModel(str(folders["bert"]), query_prefix="the ")
    assert np.allclose(asked.encode_queries(["leave"]), embedder.encode_documents(["the leave"]), atol=1e-6)


def test_a_tokenizer_without_a_limit_is_held_to_the_models_positions(folders: Mapping[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["bge_m3"], tmp_path / "model")
    stated = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**stated, "model_max_length": 10**30}))
    embedder = TransformersModel(str(folder))
    assert embedder.max_tokens == 128
    assert embedder.encode_documents(["leave " * 1000]).shape == (1, 32)


def test_sentence_transformers_encode_as_the_library_does_with_the_prompts_of_the_model(
    folders: Mapping[str, Path], tmp_path: Path
) -> None:
    SentenceTransformer(str(folders["bert"]), prompts={"query": "get the ", "document": "staff "}).save(str(tmp_path / "st"))
    library = SentenceTransformer(str(tmp_path / "st"))
    embedder = SentenceTransformersModel(str(tmp_path / "st"))
    assert np.allclose(embedder.encode_documents(TEXTS), unit(library.encode(["staff " + text for text in KNOWN])), atol=1e-5)
    assert np.allclose(embedder.encode_queries(TEXTS), unit(library.encode(["get the " + text for text in KNOWN])), atol=1e-5)


def test_a_model_that_is_known_to_want_prefixes_gets_them(folders: Mapping[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["bert"], tmp_path / "multilingual-e5-small")
    library = SentenceTransformer(str(folder))
    for embedder in (SentenceTransformersModel(str(folder)), TransformersModel(str(folder))):
        assert np.allclose(embedder.encode_queries(["leave"]), unit(library.encode(["query: leave"])), atol=1e-5)
        assert np.allclose(embedder.encode_documents(["leave"]), unit(library.encode(["passage: leave"])), atol=1e-5)
        assert "fr" in embedder.languages


def test_bge_m3_gives_what_flag_embedding_gives(folders: Mapping[str, Path]) -> None:
    library = BGEM3FlagModel(str(folders["bge_m3"]), use_fp16=False, devices="cpu")
    own = library.encode(KNOWN, batch_size=8, max_length=128, return_dense=True, return_sparse=True)
    embedder = BgeM3(str(folders["bge_m3"]), batch=2)
    assert np.allclose(embedder.encode_documents(TEXTS), unit(own["dense_vecs"]), atol=1e-5)
    for ours, theirs in zip(LexicalWeights(embedder).encode_documents(TEXTS), own["lexical_weights"], strict=True):
        assert ours == pytest.approx({int(term): float(weight) for term, weight in theirs.items()}, abs=1e-5)
    assert LexicalWeights(embedder).encode_queries([""]) == [{}]


def test_bge_m3_is_loaded_once_for_both_legs(folders: Mapping[str, Path]) -> None:
    settings = Settings(embedder=f"bge-m3:{folders['bge_m3']}", sparse=f"bge-m3:{folders['bge_m3']}")
    dense = make_embedder(settings)
    sparse = sparse_of(settings, dense)
    assert isinstance(dense, BgeM3)
    assert isinstance(sparse, SparseEmbedder)
    assert sparse.name == dense.name
    runs: list[int] = []
    dense._model.model.register_forward_hook(lambda *_: runs.append(1))
    dense.encode_documents(TEXTS[:3])
    sparse.encode_documents(TEXTS[:3])
    assert len(runs) == 1


def test_a_folder_without_the_heads_is_no_bge_m3(folders: Mapping[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["bge_m3"], tmp_path / "model")
    (folder / "sparse_linear.pt").unlink()
    with pytest.raises(ModelUnavailable, match=r"no sparse_linear\.pt"):
        BgeM3(str(folder))


def test_splade_weighs_terms_by_its_published_formula(folders: Mapping[str, Path]) -> None:
    folder = folders["masked_language_model"]
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForMaskedLM.from_pretrained(folder)
    sparse = Splade(str(folder), batch=2)
    assert isinstance(sparse, SparseEmbedder)
    for verb in (sparse.encode_documents, sparse.encode_queries):
        for text, ours in zip(KNOWN, verb(TEXTS), strict=True):
            with torch.no_grad():
                logits = model(**tokenizer(text, truncation=True, max_length=32, return_tensors="pt")).logits[0]
            weights = torch.log1p(torch.relu(logits)).max(dim=0).values
            assert ours == pytest.approx({term: w for term, w in enumerate(weights.tolist()) if w > 0}, abs=1e-4)
    assert sparse.encode_documents([]) == []


def test_the_settings_choose_the_sparse_leg(folders: Mapping[str, Path]) -> None:
    dense = HashingEmbedder()
    assert sparse_of(Settings(), dense) is None
    splade = sparse_of(Settings(sparse=f"splade:{folders['masked_language_model']}"), dense)
    assert splade is not None
    assert splade.name.startswith(f"splade:{folders['masked_language_model']}#")
    again = make_sparse(splade.name, dense)
    assert again is not None
    assert again.name == splade.name


@pytest.mark.parametrize("make", [TransformersModel, SentenceTransformersModel, BgeM3])
def test_threads_share_a_model_and_count_tokens_meanwhile(folders: Mapping[str, Path], make: Callable[[str], Embedder]) -> None:
    embedder = make(str(folders["bge_m3"]))
    whole, counts = embedder.encode_documents(KNOWN), embedder.count_tokens(KNOWN)
    with ThreadPoolExecutor(4) as pool:
        encoded = [pool.submit(embedder.encode_documents, KNOWN) for _ in range(12)]
        counted = [pool.submit(embedder.count_tokens, KNOWN) for _ in range(12)]
    assert all(np.allclose(future.result(), whole, atol=1e-6) for future in encoded)
    assert all(future.result() == counts for future in counted)
    assert counts[2:4] == [1, 0]
    assert counts[4] > embedder.max_tokens


@pytest.mark.parametrize("make", [TransformersModel, SentenceTransformersModel, BgeM3, Splade])
def test_a_model_that_is_nowhere_says_so(make: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelUnavailable, match="nobody/no-such-model"):
        make("nobody/no-such-model")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelUnavailable, match="empty"):
        make(str(tmp_path / "empty"))
