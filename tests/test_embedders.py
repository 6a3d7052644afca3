"""Embedders behind an address, embedders that a program hands over, and how they are chosen. No model is needed here."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings
from pytest_httpserver import HTTPServer
from scipy.sparse import csr_array
from werkzeug import Request, Response

from assistant import Assistant
from assistant.embedders.coverage import covered_by
from assistant.embedders.given import MilvusSparseFunction, as_embedder
from assistant.embedders.jina import jina_embedder
from assistant.embedders.openai_endpoint import OpenAIEmbedder
from assistant.embedders.prefixes import prefixes_of
from assistant.errors import CollectionMismatch, EndpointError, ModelError, ModelUnavailable, SettingsError
from assistant.protocols import Embedder, SparseEmbedder, Vectors
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.wiring import make_embedder, make_reranker
from ingestion import ingest

Answer = Callable[[dict[str, Any]], Response]


def numbers(text: str) -> list[float]:
    """A vector that tells the text: its length, its first character, one."""
    return [float(len(text)), float(ord(text[0])), 1.0]


def unit(rows: Sequence[Sequence[float]]) -> Vectors:
    return np.asarray([np.asarray(row) / np.linalg.norm(row) for row in rows], dtype=np.float32)


def embeddings(body: dict[str, Any]) -> Response:
    """As OpenAI answers, but last text first: only `index` says whose a row is."""
    rows = [{"object": "embedding", "index": i, "embedding": numbers(text)} for i, text in enumerate(body["input"])]
    answer = {"object": "list", "data": rows[::-1], "model": body["model"], "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    return Response(json.dumps(answer), content_type="application/json")


def refusal(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps({"error": {"message": message}}), status, headers, content_type="application/json")


class Server:
    """An endpoint on loopback. `bodies` are what it was sent; `answers` what it says, in turn, the last one again and again."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("/v1")
        self.answers: list[Answer] = [embeddings]
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        server.expect_request("/v1/embeddings", method="POST").respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        self.bodies.append(request.get_json())
        self.headers.append(dict(request.headers))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(self.bodies[-1])


@pytest.fixture
def server(httpserver: HTTPServer) -> Server:
    return Server(httpserver)


def test_an_endpoint_is_asked_as_openai_is_and_its_rows_are_put_in_order(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-environment")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Told: secret")
    embedder = OpenAIEmbedder("m", server.url, "sesame", dimension=3)
    texts = ["a", "bb \ud800", "ccc"]
    vectors = embedder.encode_documents(texts)
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, unit([numbers("a"), numbers("bb ?"), numbers("ccc")]), atol=1e-6)
    assert server.bodies == [{"model": "m", "input": ["a", "bb ?", "ccc"], "encoding_format": "float"}]
    assert server.headers[0]["Authorization"] == "Bearer sesame"
    assert not [name for name in server.headers[0] if name.lower().startswith("x-")]
    assert (embedder.name, embedder.dimension) == ("openai:m", 3)


def test_without_a_key_none_is_sent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-environment")
    OpenAIEmbedder("m", server.url, dimension=3).encode_queries(["a"])
    assert "Authorization" not in server.headers[0]


def test_the_dimension_of_openais_own_models_is_known_and_of_others_asked(server: Server) -> None:
    known = [OpenAIEmbedder(f"text-embedding-{name}", server.url).dimension for name in ("3-small", "3-large", "ada-002")]
    assert (known, server.bodies) == ([1536, 3072, 1536], [])
    assert OpenAIEmbedder("nomic-embed-text", server.url).dimension == 3
    assert len(server.bodies) == 1


def test_requests_are_bounded_by_texts_and_by_tokens(server: Server) -> None:
    embedder = OpenAIEmbedder("m", server.url, dimension=3, count_tokens=lambda text: len(text.split()))
    texts = [f"text {number}" for number in range(70)]
    assert np.allclose(embedder.encode_documents(texts), unit([numbers(text) for text in texts]), atol=1e-6)
    assert [len(body["input"]) for body in server.bodies] == [32, 32, 6]
    server.bodies.clear()
    embedder.encode_documents(["word " * 8000] * 9)
    assert [len(body["input"]) for body in server.bodies] == [3, 3, 3]


def test_what_a_model_does_not_read_is_not_sent_and_an_empty_text_is_a_space(server: Server) -> None:
    embedder = OpenAIEmbedder("m", server.url, dimension=3, max_tokens=10, count_tokens=lambda text: len(text.split()))
    embedder.encode_documents(["word " * 1000, "", "all of this"])
    long, empty, short = server.bodies[0]["input"]
    assert 5 <= len(long.split()) <= 10
    assert (empty, short) == (" ", "all of this")
    assert embedder.count_tokens(["two words", ""]) == [2, 0]


def test_retry_after_is_kept_to(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    server.answers = [
        lambda _: refusal(429, "slow down", {"Retry-After": "7"}),
        lambda _: refusal(503, "overloaded"),
        embeddings,
    ]
    assert OpenAIEmbedder("m", server.url, dimension=3).encode_queries(["a"]).shape == (1, 3)
    assert [wait for wait in waits if wait > 0.4] == [7.0, 1.0]


def test_a_wait_beyond_the_time_for_a_request_is_an_error_at_once(server: Server) -> None:
    server.answers = [lambda _: refusal(429, "slow down", {"Retry-After": "3600"})]
    with pytest.raises(EndpointError, match=r"429: slow down.*asks to wait 3600 s"):
        OpenAIEmbedder("m", server.url, dimension=3).encode_queries(["a"])
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda _: refusal(401, "no such key: sesame"), r"401: no such key: \*\*\*.*FOOTNOTE_EMBEDDER_API_KEY"),
        (lambda _: refusal(404, "model m not found"), r"404: model m not found.*'m'.*FOOTNOTE_EMBEDDER"),
        (lambda _: refusal(400, "maximum context length is 8192 tokens"), r"longer than 'm' reads.*FOOTNOTE_CHUNK_TOKENS"),
        (lambda _: Response("", 302, {"Location": "http://elsewhere.example/"}), r"redirects to http://elsewhere"),
        (lambda _: Response("<html>Welcome</html>", content_type="text/html"), r"0 embeddings for 1 texts"),
        (lambda _: Response('{"data": []}', content_type="application/json"), r"0 embeddings for 1 texts"),
        (lambda _: Response('{"data": [{', content_type="application/json"), r"cannot be read"),
        (lambda _: row([1.0, 2.0]), r"shape \(1, 2\).*\(1, 3\) was expected"),
        (lambda _: row([1.0, float("nan"), 2.0]), r"not finite"),
        (lambda _: row(None), r"nonsense"),
        (lambda _: row("AAAA"), r"nonsense"),
    ],
)
def test_a_wrong_answer_is_an_error_of_ours_that_says_what_to_do(server: Server, answer: Answer, message: str) -> None:
    server.answers = [answer]
    with pytest.raises(EndpointError, match=message):
        OpenAIEmbedder("m", server.url, "sesame", dimension=3).encode_queries(["a"])


def row(embedding: object) -> Response:
    return Response(json.dumps({"data": [{"index": 0, "embedding": embedding}]}), content_type="application/json")


def test_an_endpoint_that_is_not_there_and_an_address_that_is_none() -> None:
    with pytest.raises(EndpointError, match="cannot be reached"):
        OpenAIEmbedder("m", "http://127.0.0.1:1/v1", dimension=3, timeout_seconds=0.2).encode_queries(["a"])
    with pytest.raises(SettingsError, match="FOOTNOTE_EMBEDDER_BASE_URL") as refused:
        OpenAIEmbedder("m", "http://me:secret@127.0.0.1/v1")
    assert "secret" not in str(refused.value)
    with pytest.raises(SettingsError, match="FOOTNOTE_EMBEDDER_API_KEY"):
        OpenAIEmbedder("m", api_key="two words")


def test_jina_is_told_what_a_text_is_for(server: Server) -> None:
    embedder = jina_embedder("jina-embeddings-v9", server.url, "sesame")
    embedder.encode_documents(["a"])
    embedder.encode_queries(["b"])
    assert [(body["input"], body["task"]) for body in server.bodies[1:]] == [
        (["a"], "retrieval.passage"),
        (["b"], "retrieval.query"),
    ]
    assert (embedder.name, embedder.dimension) == ("jina:jina-embeddings-v9", 3)
    assert jina_embedder("jina-embeddings-v3", server.url).dimension == 1024


class Lengths(Embeddings):
    """A LangChain embedding that tells queries from documents. It fails on the text "fail"."""

    model = "lengths-en"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        if "fail" in texts:
            raise RuntimeError("no credit")
        assert len(texts) <= 32
        return [numbers(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return [1.0, *numbers(text)[1:]]


def test_langchain_embeddings_are_an_embedder() -> None:
    embedder = as_embedder(Lengths())
    assert isinstance(embedder, Embedder)
    texts = [f"number {number}" for number in range(70)]
    assert np.allclose(embedder.encode_documents(texts), unit([numbers(text) for text in texts]), atol=1e-6)
    assert np.allclose(embedder.encode_queries(["abc"]), unit([[1.0, 97.0, 1.0]]), atol=1e-6)
    assert (embedder.name, embedder.dimension, embedder.languages) == ("langchain:Lengths:lengths-en", 3, ("en",))
    assert embedder.encode_documents([]).shape == (0, 3)
    with pytest.raises(ModelError, match=r"langchain:Lengths.*RuntimeError: no credit"):
        embedder.encode_documents(["fail"])


class Milvus:
    """What functions of pymilvus.model give: a list of arrays, an array, or a mapping with both kinds of vectors."""

    model_name = "two-legs"

    def __init__(self, form: str) -> None:
        self.form = form

    def encode_documents(self, documents: list[str]) -> Any:
        rows = [np.asarray(numbers(text)) for text in documents]
        return {
            "list": rows,
            "array": np.stack(rows),
            "mapping": {"dense": rows, "sparse": csr_array([[0.0, 0.5, len(text)] for text in documents])},
        }[self.form]

    def encode_queries(self, queries: list[str]) -> Any:
        return self.encode_documents(queries)


@pytest.mark.parametrize("form", ["list", "array", "mapping"])
def test_a_function_of_pymilvus_is_an_embedder_whatever_form_its_vectors_have(form: str) -> None:
    embedder = as_embedder(Milvus(form))
    assert isinstance(embedder, Embedder)
    assert (embedder.name, embedder.dimension) == ("pymilvus:Milvus:two-legs", 3)
    texts = [f"number {number}" for number in range(40)]
    assert np.allclose(embedder.encode_documents(texts), unit([numbers(text) for text in texts]), atol=1e-6)


def test_the_sparse_side_of_such_a_function_is_a_sparse_leg() -> None:
    sparse = MilvusSparseFunction(Milvus("mapping"))
    assert isinstance(sparse, SparseEmbedder)
    assert sparse.encode_documents(["abc"]) == [{1: 0.5, 2: 3.0}]
    assert len(sparse.encode_queries(["word"] * 70)) == 70
    with pytest.raises(ModelError, match=r"dense, .*|no sparse"):
        MilvusSparseFunction(Both()).encode_queries(["a"])


class Both:
    def encode_queries(self, texts: list[str]) -> dict[str, Any]:
        return {"dense": texts}


def test_what_is_no_embedder_is_refused() -> None:
    with pytest.raises(SettingsError, match="A dict is no embedder"):
        as_embedder({})


def test_an_assistant_is_opened_with_any_of_them(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "leave.md").write_text("# Leave\n\nEmployees get 25 days of holiday.", encoding="utf-8")
    with Assistant.open(settings, embedder=Milvus("list")) as assistant:
        ingest(assistant, [tmp_path / "leave.md"])
        assert assistant.retrieve("holiday")[0].chunk.source == "leave.md"
    with (
        Assistant.open(settings, embedder=HashingEmbedder()) as assistant,
        pytest.raises(CollectionMismatch, match=r"pymilvus:Milvus:two-legs \(3 dimensions\).*hashing-64 \(64\).*reindex"),
    ):
        ingest(assistant, [tmp_path / "leave.md"])


def test_the_settings_choose_an_endpoint_with_its_key_and_languages(server: Server) -> None:
    settings = Settings(embedder="openai:m", embedder_base_url=server.url, embedder_api_key="sesame", embedder_languages="fr, pt")
    embedder = make_embedder(settings)
    assert (embedder.name, embedder.dimension, embedder.languages) == ("openai:m", 3, ("fr", "pt"))
    assert server.headers[0]["Authorization"] == "Bearer sesame"
    assert "sesame" not in repr(settings)


@pytest.mark.parametrize("name", ["", "e6", "minilm:x", "openai", "openai:", "spacy"])
def test_a_name_of_no_embedder_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(SettingsError, match=r"sentence-transformers:MODEL.*gensim:MODEL"):
        Settings(embedder=name)
    with pytest.raises(SettingsError, match=r"bm25, bge-m3, .*splade:MODEL"):
        Settings(sparse="splade")


def test_the_default_rerank_needs_token_vectors_only_where_it_is_asked_for() -> None:
    embedder = as_embedder(Lengths())
    assert make_reranker(Settings(), embedder) is None
    with pytest.raises(SettingsError, match=r"maxsim needs token vectors, which langchain:Lengths:lengths-en"):
        make_reranker(Settings(reranker="maxsim"), embedder)


@pytest.mark.parametrize(
    ("model", "languages", "prefixes"),
    [
        ("intfloat/multilingual-e5-small", ("en", "zh", "es"), ("query: ", "passage: ")),
        ("intfloat/multilingual-e5-large-instruct", ("en", "zh", "es"), ("", "")),
        ("BAAI/bge-small-en-v1.5", ("en",), ("Represent this sentence for searching relevant passages: ", "")),
        ("all-mpnet-base-v2", ("en",), ("", "")),
        ("dangvantuan/sentence-camembert-base-fr", ("fr",), ("", "")),
        ("somebody/model", (), ("", "")),
    ],
)
def test_languages_and_prefixes_follow_the_models_name(model: str, languages: Sequence[str], prefixes: tuple[str, str]) -> None:
    assert tuple(covered_by(model))[:3] == languages
    assert prefixes_of(model) == prefixes


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("sentence-transformers:m", "sentence-transformers"),
        ("transformers:m", "transformers"),
        ("model2vec:m", "model2vec"),
        ("bge-m3", "bge"),
        ("spacy:en_core_web_md", "spacy"),
        ("gensim:words.txt", "gensim"),
    ],
)
def test_a_model_whose_library_is_missing_names_the_extra(name: str, extra: str, without_extras: None) -> None:
    with pytest.raises(ModelUnavailable, match=rf"pip install 'footnote\[{extra}\]'"):
        make_embedder(Settings(embedder=name))


@pytest.fixture
def without_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python refuses to import a module that is None in sys.modules, installed or not."""
    for library in ("sentence_transformers", "transformers", "torch", "FlagEmbedding", "model2vec", "spacy", "gensim.models"):
        monkeypatch.setitem(sys.modules, library, None)
