"""Rerankers held to a time, rerankers that cannot be had, and Jina's over HTTP. No model is needed here."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from click.testing import CliRunner
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from assistant.answering import Assistant
from assistant.errors import EndpointError, ModelError, ModelUnavailable, SettingsError
from assistant.protocols import Reranker
from assistant.rerankers.bounded import Bounded
from assistant.rerankers.jina import JinaReranker
from assistant.settings import Settings
from assistant.testing import HashingEmbedder, LongestFirst
from assistant.wiring import make_reranker
from doors.cli import main
from ingestion import ingest
from tests.conftest import WriteFile

TEXTS = ["a", "bb", "ccc", "dddd", "eeeee"]


@dataclass
class Clock:
    """A clock that goes on when it is told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    def go_on(self, seconds: float) -> None:
        self.now += seconds


def failing(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def test_texts_are_scored_in_bounded_batches() -> None:
    reranker = LongestFirst(batch=2)
    reranked = Bounded("longest", lambda: reranker, seconds=5).score("q", TEXTS, "en")
    assert (reranked.scores, reranked.weight, reranked.notice) == ([1, 2, 3, 4, 5], 1.0, "")
    assert reranker.asked == [["a", "bb"], ["ccc", "dddd"], ["eeeee"]]


@pytest.mark.parametrize(
    ("seconds_a_batch", "scored", "said"),
    [
        (1.0, 5, ""),
        (1.9, 4, "only the first 4 of 5 passages"),  # a third batch would end at 5.7
        (2.6, 2, "only the first 2 of 5 passages"),  # a second one at 5.2
        (60.0, 2, "only the first 2 of 5 passages"),
    ],
)
def test_no_batch_is_begun_that_would_end_after_the_time(seconds_a_batch: float, scored: int, said: str) -> None:
    clock = Clock()
    reranker = LongestFirst(batch=2, pause=lambda: clock.go_on(seconds_a_batch))
    reranked = Bounded("longest", lambda: reranker, seconds=5, clock=clock).score("q", TEXTS, "en")
    assert len(reranked.scores) == scored
    assert said in reranked.notice
    assert bool(reranked.notice) == (scored < 5)


def test_loading_happens_once_and_does_not_count() -> None:
    clock, loads = Clock(), []

    def load() -> Reranker:
        clock.go_on(60)
        loads.append(1)
        return LongestFirst()

    bounded = Bounded("longest", load, seconds=5, clock=clock)
    assert not loads
    assert len(bounded.score("q", TEXTS, "en").scores) == 5
    assert len(bounded.score("q", TEXTS, "en").scores) == 5
    assert len(loads) == 1


def test_threads_share_one_load_and_do_not_wait_for_it_beyond_the_time() -> None:
    begun, go, loads = threading.Event(), threading.Event(), []

    def load() -> Reranker:
        loads.append(1)
        begun.set()
        assert go.wait(30)
        return LongestFirst()

    bounded = Bounded("longest", load, seconds=0.05)
    first = threading.Thread(target=bounded.score, args=("q", TEXTS, "en"))
    first.start()
    assert begun.wait(30)
    assert "still being loaded" in bounded.score("q", TEXTS, "en").notice
    go.set()
    first.join()
    assert bounded.score("q", TEXTS, "en").notice == ""
    assert len(loads) == 1


def test_a_model_for_one_thread_is_waited_for_no_longer_than_the_time() -> None:
    begun, go = threading.Event(), threading.Event()

    def pause() -> None:
        begun.set()
        assert go.wait(30)

    reranker = LongestFirst(pause=pause)
    bounded = Bounded("longest", lambda: reranker, seconds=0.05, alone=True)
    first = threading.Thread(target=bounded.score, args=("q", TEXTS, "en"))
    first.start()
    assert begun.wait(30)
    late = bounded.score("q", TEXTS, "en")
    go.set()
    first.join()
    assert (late.scores, len(reranker.asked)) == ([], 1)
    assert "longer than 0.05 s: it was left out" in late.notice
    assert "FOOTNOTE_RERANK_SECONDS" in late.notice


@pytest.mark.parametrize(("error", "seconds"), [(ModelUnavailable("No hub."), 300), (EndpointError("It is down."), 30)])
def test_a_failure_is_remembered_for_a_while(error: ModelError, seconds: float) -> None:
    clock, failures = Clock(), [error]
    reranker = LongestFirst(pause=lambda: failing(failures.pop())() if failures else None)
    bounded = Bounded("longest", lambda: reranker, seconds=5, clock=clock)
    for _ in range(2):
        reranked = bounded.score("q", TEXTS, "en")
        assert (reranked.scores, reranked.notice) == ((), f"The rerank (longest) was left out. {error}")
    assert len(reranker.asked) == 1
    clock.go_on(seconds - 1)
    assert bounded.score("q", TEXTS, "en").notice
    clock.go_on(2)
    assert len(bounded.score("q", TEXTS, "en").scores) == 5


@pytest.fixture
def fruits(assistant: Assistant, write: WriteFile) -> Assistant:
    ingest(assistant, [write(f"{n}.txt", f"The orchard grows apples{' and pears' * n}.") for n in range(5)])
    return assistant


def rerank_with(assistant: Assistant, reranker: Bounded | None) -> None:
    assistant.retriever = replace(assistant.retriever, reranker=reranker)


def texts_of(assistant: Assistant) -> list[str]:
    return [hit.chunk.text for hit in assistant.search("apples orchard").hits]


def test_the_reranker_orders_the_head(fruits: Assistant) -> None:
    rerank_with(fruits, Bounded("longest", LongestFirst, seconds=5))
    assert texts_of(fruits) == sorted(texts_of(fruits), key=len, reverse=True)
    assert {"reranked", "longest"} <= {*fruits.search("apples orchard").hits[0].scores}


def test_hits_that_there_was_no_time_for_keep_their_place_and_the_answer_says_so(fruits: Assistant) -> None:
    rerank_with(fruits, None)
    fused = texts_of(fruits)
    assert fused == sorted(fused, key=len)
    clock = Clock()
    rerank_with(fruits, Bounded("longest", lambda: LongestFirst(2, lambda: clock.go_on(60)), seconds=5, clock=clock))
    assert texts_of(fruits) == [fused[1], fused[0], *fused[2:]]
    found = fruits.search("apples orchard")
    assert ["longest" in hit.scores for hit in found.hits] == [True, True, False, False, False]
    assert "only the first 2 of 5 passages were reranked" in found.notices[0]
    for question in ("What does the orchard grow?", "Who won the chess match?"):
        answer = fruits.ask(question)
        assert "were reranked" in answer.notices[0]


def test_an_answer_without_its_reranker_stands_on_the_fused_order_and_names_the_remedy(
    fruits: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    rerank_with(fruits, None)
    fused = texts_of(fruits)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    for name, extra in (("bge", "bge"), ("cross-encoder:some/model", "sentence-transformers")):
        rerank_with(fruits, make_reranker(Settings(reranker=name), fruits.embedder))
        assert texts_of(fruits) == fused
        answer = fruits.ask("What does the orchard grow?")
        assert answer.found
        assert f"pip install 'footnote[{extra}]'" in answer.notices[0]
        assert "reranked" not in fruits.search("apples").stages


def test_search_says_it_in_the_terminal_and_in_json(
    write: WriteFile, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("FOOTNOTE_RERANKER", "jina:m")
    CliRunner().invoke(main, ["ingest", str(write("orchard.txt", "The orchard grows apples and pears."))])
    monkeypatch.setenv("FOOTNOTE_RERANKER_BASE_URL", "http://127.0.0.1:9/v1")
    for command, key in (("search", "hits"), ("ask", "citations")):
        said = json.loads(CliRunner().invoke(main, [command, "What does the orchard grow?", "--json"]).stdout)
        assert said[key]
        assert "127.0.0.1:9/v1 cannot be reached" in said["notices"][0]
        assert "Note: The rerank (jina) was left out." in CliRunner().invoke(main, [command, "Which orchard?"]).stderr


Answer = Callable[[dict[str, Any]], Response]


def lengths(body: dict[str, Any]) -> Response:
    """As Jina answers: best first, each with its place in what was sent."""
    rows = [{"index": n, "relevance_score": len(text) / 100} for n, text in enumerate(body["documents"])]
    answer = {"model": body["model"], "usage": {"total_tokens": 1}, "results": rows[::-1]}
    return Response(json.dumps(answer), content_type="application/json")


def said(text: str, status: int = 200) -> Answer:
    return lambda _: Response(text, status, content_type="application/json")


class Server:
    """Jina's endpoint on loopback. `bodies` and `keys` are what it was sent."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("/v1")
        self.answer: Answer = lengths
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        server.expect_request("/v1/rerank", method="POST").respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        self.bodies.append(request.get_json())
        self.keys.append(request.headers.get("Authorization"))
        return self.answer(self.bodies[-1])


@pytest.fixture
def server(httpserver: HTTPServer) -> Server:
    return Server(httpserver)


def test_jina_is_asked_once_for_all_texts_and_its_scores_are_put_in_order(server: Server) -> None:
    settings = Settings(reranker="jina:jina-reranker-v2", reranker_base_url=server.url, reranker_api_key="sesame")
    reranker = make_reranker(settings, HashingEmbedder())
    assert reranker is not None
    assert reranker.score("why \ud800", TEXTS, "en").scores == [0.01, 0.02, 0.03, 0.04, 0.05]
    assert server.bodies == [
        {"model": "jina-reranker-v2", "query": "why ?", "documents": TEXTS, "top_n": 5, "return_documents": False}
    ]
    assert server.keys == ["Bearer sesame"]
    assert "sesame" not in repr(settings)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (said('{"detail": "no"}', 401), r"refused \(401.*Correct FOOTNOTE_RERANKER_API_KEY"),
        (said('{"detail": "slow down"}', 429), r"429"),
        (said('{"results": [{"index": 0, "relevance_score": 1}]}'), r"1 results for 5 texts.*FOOTNOTE_RERANKER_BASE_URL"),
        (said('{"results": [' + ", ".join(['{"index": 0, "relevance_score": 1}'] * 5) + "]}"), r"no reranking.*KeyError"),
        (said('{"results": [' + ", ".join(f'{{"index": {n}, "relevance_score": null}}' for n in range(5)) + "]}"), r"TypeError"),
        (said('{"results": [' + ", ".join(f'{{"index": {n}, "relevance_score": NaN}}' for n in range(5)) + "]}"), r"nan"),
        (said('{"data": []}'), r"0 results for 5 texts"),
        (said("[{"), r"cannot be read"),
    ],
)
def test_what_goes_wrong_at_the_endpoint_is_said_at_once(server: Server, answer: Answer, message: str) -> None:
    server.answer = answer
    with pytest.raises(EndpointError, match=message):
        JinaReranker("m", server.url).score("q", TEXTS)
    assert len(server.bodies) == 1


def test_a_silent_endpoint_is_left_after_the_time_for_a_rerank(server: Server) -> None:
    over = threading.Event()

    def silent(body: dict[str, Any]) -> Response:
        over.wait(30)
        return lengths(body)

    server.answer = silent
    settings = Settings(reranker="jina:m", reranker_base_url=server.url, rerank_seconds=0.2)
    reranker = make_reranker(settings, HashingEmbedder())
    assert reranker is not None
    try:
        assert "did not answer within 0.2 s" in reranker.score("q", TEXTS, "en").notice
    finally:
        over.set()


@pytest.mark.parametrize("name", ["", "bert", "maxsim:x", "none:x", "jina", "cross-encoder:"])
def test_a_name_of_no_reranker_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(SettingsError, match=r"maxsim, none, bge, bge:MODEL, cross-encoder:MODEL, jina:MODEL"):
        Settings(reranker=name)


def test_an_address_or_key_that_cannot_be_is_refused_at_the_start() -> None:
    with pytest.raises(SettingsError, match="FOOTNOTE_RERANKER_BASE_URL"):
        make_reranker(Settings(reranker="jina:m", reranker_base_url="nowhere"), HashingEmbedder())
    with pytest.raises(SettingsError, match="FOOTNOTE_RERANKER_API_KEY"):
        make_reranker(Settings(reranker="jina:m", reranker_api_key="two words"), HashingEmbedder())


@pytest.mark.parametrize(
    ("model", "language", "weight"),
    [
        ("jina-reranker-v2-base-multilingual", "fr", 1.0),
        ("jina-reranker-v1-turbo-en", "en", 1.0),
        ("jina-reranker-v1-turbo-en", "fr", 0.2),
        ("somebodys", "fr", 1.0),
        ("cross-encoder/ms-marco-MiniLM-L6-v2", "fr", 0.2),
        ("BAAI/bge-reranker-v2-m3", "fr", 1.0),
    ],
)
def test_a_trained_reranker_decides_alone_in_the_languages_that_it_knows(model: str, language: str, weight: float) -> None:
    assert JinaReranker(model).weight(language) == weight
