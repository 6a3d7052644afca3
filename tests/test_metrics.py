"""Metrics: what was counted, and that no label holds what a client said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from assistant.settings import Settings
from assistant.testing import HashingEmbedder, ScriptedEndpoint, streamed
from assistant.wiring import make_assistant
from tests.rest_door import Served, served_rest
from tests.test_rest import HORN, LAMP, QUESTION, added


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(lambda sent: streamed(["The lamp is cleaned every Monday [1]."])) as scripted:
        yield scripted


@pytest.fixture
def served(tmp_path: Path, endpoint: ScriptedEndpoint) -> Iterator[Served]:
    settings = Settings(data_dir=tmp_path / "data", generator="openai", openai_base_url=endpoint.base_url, openai_model="m")
    with make_assistant(settings) as assistant:
        assistant.embedder = HashingEmbedder()
        added(assistant, tmp_path, "tower", lamp=LAMP, horn=HORN)
        with served_rest(assistant) as at:
            yield at


def measured(http: httpx.Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample by its name and labels."""
    text = http.get("/metrics").text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def test_requests_answers_stages_ratings_and_holdings_are_counted(served: Served, endpoint: ScriptedEndpoint) -> None:
    with served.client() as http:
        answer = http.post("/v1/ask", json={"question": QUESTION}).json()["answer"]
        http.post("/v1/ask", json={"question": "Who won the football world cup in 1998?"})
        endpoint.script = lambda sent: streamed(["The lamp is cleaned every Monday [1]. And"], None)
        chat = {"model": "footnote", "stream": True, "messages": [{"role": "user", "content": QUESTION}]}
        http.post("/v1/chat/completions", json=chat)
        http.post("/v1/ask", json={})
        http.get("/v1/documents/no-such-document")
        served.app.state.links.rate(answer, reader="owner", helpful=True)
        now = measured(http)
    assert value(now, "footnote_requests_total", route="/v1/ask", method="POST", status="200") == 2
    assert value(now, "footnote_requests_total", route="/v1/ask", method="POST", status="400") == 1
    assert value(now, "footnote_requests_total", route="/v1/chat/completions", method="POST", status="200") == 1
    assert value(now, "footnote_requests_total", route="/v1/documents/{id}", method="GET", status="404") == 1
    assert value(now, "footnote_request_seconds_count", route="/v1/ask", method="POST") == 3
    for outcome in ("found", "not_found", "cut_off"):
        assert value(now, "footnote_answers_total", door="rest", outcome=outcome) == 1, outcome
    assert value(now, "footnote_stage_milliseconds_count", stage="total") == 3
    assert value(now, "footnote_stage_milliseconds_count", stage="generate") == 2
    assert (value(now, "footnote_documents"), value(now, "footnote_chunks")) == (2, 2)
    assert value(now, "footnote_ratings", rating="helpful") == 1
    assert value(now, "footnote_ratings", rating="not_helpful") == 0


def test_no_label_holds_what_a_client_said(served: Served) -> None:
    with served.client() as http:
        for method, address in [
            ("GET", "/v1/canary"), ("GET", "/canary"), ("CANARY", "/v1/models"), ("GET", "/v1/models/canary"), ("CANARY", "/canary"),
            ("GET", "/v1/documents/canary/pages/1"), ("GET", "/cite/canary/1"), ("GET", "/v1/documents?collection=canary"),
        ]:  # fmt: skip
            http.request(method, address)
        http.post("/v1/chat/completions", json={"model": "canary", "messages": [{"role": "user", "content": "canary"}]})
        said = http.get("/metrics").text
    assert "canary" not in said.lower()
    assert 'route="other"' in said
    assert 'route="/cite/{answer}/{number}"' in said


def test_each_app_counts_for_itself(served: Served, tmp_path: Path) -> None:
    with served.client() as http:
        http.post("/v1/ask", json={"question": QUESTION})
    with make_assistant(Settings(data_dir=tmp_path / "other")) as assistant:
        assistant.embedder = HashingEmbedder()
        with served_rest(assistant) as other, other.client() as http:
            now = measured(http)
    assert value(now, "footnote_answers_total", door="rest", outcome="found") == 0
