"""The rerankers that need torch, each over a tiny model that the real library loads, held against that library's own output."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from FlagEmbedding import FlagReranker
from sentence_transformers import CrossEncoder

from assistant.errors import ModelError, ModelUnavailable
from assistant.rerankers.bge import BgeReranker
from assistant.rerankers.cross_encoder import CrossEncoderReranker
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.wiring import make_reranker
from tests.extras import tiny_models
from tests.extras.tiny_models import TEXTS

KNOWN = [text.encode("utf-8", "replace").decode() for text in TEXTS]
# FlagEmbedding 1.4.2 itself moves characters about that its tokenizer does not know, and leaves out an empty passage's mark.
WRITTEN = ["staff get days of holiday.", "the engine burns diesel", "leave", "holiday of the engine, staffing " * 20]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    root = tmp_path_factory.mktemp("models")
    made = (tiny_models.bert, tiny_models.cross_encoder, tiny_models.bge_reranker)
    return {make.__name__: make(root / make.__name__) for make in made}


@pytest.mark.parametrize("query", ["leave of staff", "the engine burns diesel " * 60, ""])
def test_bge_scores_as_flag_embedding_does(folders: Mapping[str, Path], query: str) -> None:
    library = FlagReranker(str(folders["bge_reranker"]), use_fp16=False, devices="cpu", max_length=128)
    theirs = library.compute_score([(query, text) for text in WRITTEN])
    ours = BgeReranker(str(folders["bge_reranker"])).score(query, WRITTEN)
    assert ours == pytest.approx(theirs, abs=1e-4)
    assert max(ours) - min(ours) > 0.01


@pytest.mark.parametrize("query", ["leave of staff", "the leave " * 8, ""])
def test_a_cross_encoder_scores_as_sentence_transformers_does(folders: Mapping[str, Path], query: str) -> None:
    library = CrossEncoder(str(folders["cross_encoder"]))
    theirs = [float(library.predict([(query, text)])[0]) for text in KNOWN]
    ours = CrossEncoderReranker(str(folders["cross_encoder"])).score(query, TEXTS)
    assert ours == pytest.approx(theirs, abs=1e-4)
    assert max(ours) - min(ours) > 0.01


@pytest.mark.parametrize("setting", ["bge:{bge_reranker}", "cross-encoder:{cross_encoder}", "cross-encoder:{bge_reranker}"])
def test_the_settings_load_it_at_its_first_use_and_threads_share_it(folders: Mapping[str, Path], setting: str) -> None:
    reranker = make_reranker(Settings(reranker=setting.format(**folders), rerank_seconds=60), HashingEmbedder())
    assert reranker is not None
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(lambda _: reranker.score("leave of staff", TEXTS * 3, "en"), range(8))
    assert (len(first.scores), first.weight, first.notice) == (15, 1.0, "")
    assert all(other.scores == pytest.approx(first.scores, abs=1e-5) for other in others)


@pytest.mark.parametrize("setting", ["bge:{}", "cross-encoder:{}"])
def test_what_cannot_be_had_is_a_notice(folders: Mapping[str, Path], setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for model, said in (("nobody/no-such-model", "nobody/no-such-model"), (folders["bert"], "is a BertModel")):
        reranker = make_reranker(Settings(reranker=setting.format(model)), HashingEmbedder())
        assert reranker is not None
        reranked = reranker.score("leave", TEXTS, "en")
        assert not reranked.scores
        assert said in reranked.notice


def test_a_model_that_fails_says_so(folders: Mapping[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["cross_encoder"], tmp_path / "model")
    reranker = CrossEncoderReranker(str(folder))
    reranker._model.model.classifier.weight.data.fill_(float("nan"))
    with pytest.raises(ModelError, match=r"cross-encoder gave \[nan"):
        reranker.score("leave", TEXTS)
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelUnavailable, match="could not be loaded"):
        CrossEncoderReranker(str(folder))
