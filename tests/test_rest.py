"""REST over a real server on loopback: OpenAI's own client asks, whole and streamed; what is refused, and how."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from markdown_it import MarkdownIt
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assistant.answering import Assistant
from assistant.settings import Settings
from assistant.testing import HashingEmbedder, Pause, Reply, ScriptedEndpoint, event, failure, streamed
from assistant.types import Searching
from assistant.wiring import make_assistant
from doors.accounts import Accounts, Cost
from doors.rest.errors import Refusal
from doors.rest.message_text import inert
from doors.rest.places import Places
from doors.rest.working import follow
from ingestion import ingest
from tests.hostile import foreign, hostile_answers
from tests.rest_door import Served, served_rest

LAMP = "# The lamp\n\nThe lamp is cleaned every Monday by the keeper.\n\nIt burns with oil from the village.\n"
HORN = "# The horn\n\nThe horn is blown in fog only.\n"
QUESTION = "When is the lamp cleaned?"
PASSWORD = "a password for the test"


def added(assistant: Assistant, folder: Path, collection: str, reader: str = "owner", **texts: str) -> None:
    for name, text in texts.items():
        path = folder / collection / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        assert ingest(assistant, [path], collection=collection, reader=reader).count("added") == 1


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Without accounts and without a language model: two collections of a document each."""
    folder = tmp_path_factory.mktemp("rest")
    with make_assistant(Settings(data_dir=folder / "data")) as assistant:
        assistant.embedder = HashingEmbedder()
        added(assistant, folder, "tower", lamp=LAMP)
        added(assistant, folder, "sounds/fog", horn=HORN)
        with served_rest(assistant) as served:
            yield served


@pytest.fixture(scope="module")
def endpoint() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(lambda sent: streamed(["The lamp is cleaned every Monday [1]."])) as scripted:
        yield scripted


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, endpoint: ScriptedEndpoint) -> Iterator[Served]:
    """With a language model that says what the test tells it to, and nothing to fall back on."""
    folder = tmp_path_factory.mktemp("written")
    settings = Settings(
        data_dir=folder / "data", generator="openai", openai_base_url=endpoint.base_url, openai_model="m", fallback="none"
    )
    with make_assistant(settings) as assistant:
        assistant.embedder = HashingEmbedder()
        added(assistant, folder, "tower", lamp=LAMP)
        with served_rest(assistant, public_url="https://footnote.example") as served:
            yield served


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, dict[str, str]]]:
    """Ann and bob with a document and a key each, and carol, who is no user any more."""
    folder = tmp_path_factory.mktemp("people")
    with make_assistant(Settings(data_dir=folder / "data")) as assistant:
        assistant.embedder = HashingEmbedder()
        accounts = Accounts(assistant.library.database, Cost(n=2**10, r=8, p=1))
        for name in ("ann", "bob", "carol"):
            accounts.add_user(name, PASSWORD)
        keys = {name: accounts.add_key(name, "test") for name in ("ann", "bob", "carol")}
        accounts.remove_user("carol")
        added(assistant, folder, "notes", "ann", lamp=LAMP)
        added(assistant, folder, "papers", "bob", horn=HORN)
        with served_rest(assistant) as served:
            yield served, keys


def client(served: Served, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key=key, max_retries=0, timeout=60)


def asked(served: Served, question: str = QUESTION, *, model: str = "footnote", **more: Any) -> Any:
    return client(served).chat.completions.create(model=model, messages=[{"role": "user", "content": question}], **more)


def streamed_chunks(served: Served, **more: Any) -> list[Any]:
    return list(asked(served, stream=True, **more))


def text_of(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def refused(call: Callable[[], Any], status: int) -> dict[str, Any]:
    """The error in OpenAI's form that the call is answered with."""
    with pytest.raises(openai.APIStatusError) as error:
        call()
    assert error.value.status_code == status
    body: dict[str, Any] = error.value.response.json()["error"]
    assert set(body) == {"message", "type", "param", "code"}
    return body


# Chat


def test_an_answer_has_marks_annotations_and_citations_whose_quotes_stand_in_the_document(rest: Served) -> None:
    answer = asked(rest)
    message, citation = answer.choices[0].message, answer.citations[0]
    assert message.content == "The lamp is cleaned every Monday by the keeper. [1]"
    assert answer.choices[0].finish_reason == "stop"
    (annotation,) = message.annotations
    cited = annotation.url_citation
    assert message.content[cited.start_index : cited.end_index] == "[1]"
    assert (cited.title, cited.url) == ("The lamp", citation["url"])
    with rest.client() as http:
        text = http.get(f"/v1/documents/{citation['document']}/text").json()["text"]
        assert text[citation["start"] : citation["end"]] == citation["quote"] == "The lamp is cleaned every Monday by the keeper."
        opened = http.get(citation["url"])
    assert "<mark>The lamp is cleaned every Monday by the keeper.</mark>" in opened.text
    facts = answer.footnote
    assert (facts["found"], facts["complete"], facts["unsupported"], facts["nearest"]) == (True, True, [], [])
    assert citation["url"].endswith(f"/cite/{facts['answer']}/1")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 10


def test_a_stream_is_the_same_answer_in_pieces(rest: Served) -> None:
    whole, chunks = asked(rest), streamed_chunks(rest, stream_options={"include_usage": True})
    assert text_of(chunks) == whole.choices[0].message.content
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[0].choices[0].delta.role == "assistant"
    *_, last, usage = chunks
    assert (usage.choices, usage.usage) == ([], whole.usage)
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1] if chunk.choices[0].finish_reason] == ["stop"]
    assert last.choices[0].delta.annotations[0]["url_citation"]["start_index"] == 48
    assert [{**c, "url": ""} for c in last.citations] == [{**c, "url": ""} for c in whole.citations]
    assert last.footnote["found"]


def test_what_the_documents_do_not_say_is_said_so_with_the_nearest_passages(rest: Served) -> None:
    for answer in (asked(rest, "Who won the football world cup in 1998?"),):
        assert answer.choices[0].message.content == "The documents do not say."
        assert (answer.citations, answer.choices[0].message.annotations) == ([], [])
        assert (answer.footnote["found"], answer.footnote["complete"], len(answer.footnote["nearest"])) == (False, True, 2)
        assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("model", "collections", "searched"),
    [("footnote", [], 2), ("tower", [], 1), ("sounds/fog", [], 1), ("tower,sounds/fog", [], 2), ("tower, sounds/fog", [], 2),
     ("footnote", ["tower"], 1), ("sounds/fog", ["tower"], 2), ("tower+sources", [], 1), ("footnote+sources", [], 2)],
)  # fmt: skip
def test_the_model_names_what_is_asked(rest: Served, model: str, collections: list[str], searched: int) -> None:
    answer = asked(rest, model=model, extra_body={"collections": collections})
    assert answer.footnote["searched"] == searched
    assert answer.model == model


@pytest.mark.parametrize("model", ["gpt-4o", ",", "tower,", "tower,nothing", "nothing+sources", "+sources"])
def test_a_model_that_is_not_there_is_not_taken_for_all(rest: Served, model: str) -> None:
    error = refused(lambda: asked(rest, model=model), 404)
    assert (error["code"], error["param"], error["type"]) == ("model_not_found", "model", "invalid_request_error")
    assert "Collections: sounds/fog, tower" in error["message"]


def test_a_list_of_sources_ends_the_text_where_it_is_asked_for(rest: Served) -> None:
    by_name, by_option = asked(rest, model="tower+sources"), asked(rest, extra_body={"footnote": {"sources": True}})
    for answer in (by_name, by_option):
        text, _, sources = answer.choices[0].message.content.partition("\n\nSources:\n")
        assert text == "The lamp is cleaned every Monday by the keeper. [1]"
        url = answer.citations[0]["url"]
        assert sources == f"[1] The lamp, page 1: “The lamp is cleaned every Monday by the keeper.” {url}"
        assert len(answer.choices[0].message.annotations) == 1


def test_a_list_of_sources_that_comes_back_is_not_read_as_conversation(written: Served, endpoint: ScriptedEndpoint) -> None:
    endpoint.script = lambda sent: streamed(["The lamp is cleaned every Monday [1]."])
    said = asked(written, model="tower+sources").choices[0].message.content
    assert "Sources:" in said
    messages: list[Any] = [("user", QUESTION), ("assistant", said), ("user", "And with what does it burn?")]
    before = len(endpoint.sent)
    client(written).chat.completions.create(model="tower", messages=[{"role": role, "content": text} for role, text in messages])
    prompts = [sent.prompt for sent in endpoint.sent[before:]]
    assert any("assistant: The lamp is cleaned every Monday" in prompt for prompt in prompts)
    assert not any("Sources:" in prompt for prompt in prompts)


def test_content_may_come_in_parts_and_a_system_message_is_told_to_be_unread(rest: Served) -> None:
    messages: list[Any] = [
        {"role": "system", "content": "Answer in rhymes."},
        {"role": "user", "content": [{"type": "text", "text": "When is"}, {"type": "text", "text": "the lamp cleaned?"}]},
    ]
    answer: Any = client(rest).chat.completions.create(model="footnote", messages=messages, temperature=0.2, seed=7, max_tokens=5)
    assert answer.choices[0].message.content == "The lamp is cleaned every Monday by the keeper. [1]"
    assert any("system message was not read" in notice for notice in answer.footnote["notices"])


def test_filters_choose_the_documents(rest: Served) -> None:
    found = asked(rest, extra_body={"filters": {"document": ["horn.md"], "type": ["md"], "since": "2020"}})
    assert found.footnote["searched"] == 1
    assert not found.footnote["found"]
    assert refused(lambda: asked(rest, extra_body={"filters": {"document": ["no.md"]}}), 404)["code"] == "document_not_found"
    assert "2024-02-31" in refused(lambda: asked(rest, extra_body={"filters": {"since": "2024-02-31"}}), 400)["message"]
    assert refused(lambda: asked(rest, extra_body={"filters": {"since": "soon"}}), 400)["param"] == "filters.since"


@pytest.mark.parametrize(
    ("more", "param"),
    [({"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}, "tools"), ({"n": 2}, "n"),
     ({"response_format": {"type": "json_object"}}, "response_format"), ({"stop": ["."]}, "stop"), ({"logprobs": True}, "logprobs"),
     ({"modalities": ["audio", "text"]}, "modalities"), ({"web_search_options": {}}, "web_search_options"),
     ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]}, "messages"),
     ({"messages": [{"role": "user", "content": "Hm?"}, {"role": "assistant", "content": "Well"}]}, "messages"),
     ({"messages": [{"role": "system", "content": "Hm?"}]}, "messages"),
     ({"messages": [{"role": "user", "content": " "}]}, "messages"),
     ({"messages": [{"role": "user", "content": "x" * 8001}]}, "messages"), ({"messages": []}, "messages"),
     ({"stream": "yes"}, "stream"), ({"footnote": {"sources": "yes"}}, "footnote.sources")],
)  # fmt: skip
def test_what_would_change_the_meaning_of_an_answer_is_refused(rest: Served, more: dict[str, Any], param: str) -> None:
    body = {"model": "footnote", "messages": [{"role": "user", "content": QUESTION}], **more}
    with rest.client() as http:
        answer = http.post("/v1/chat/completions", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert error["param"].startswith(param)


def test_harmless_parameters_of_every_client_are_accepted(rest: Served) -> None:
    more = {"n": 1, "tools": [], "tool_choice": "none", "response_format": {"type": "text"}, "stop": None, "top_p": 0.9, "user": "u",
            "presence_penalty": 1, "logit_bias": {"5": 1}, "metadata": {"a": "b"}, "store": False, "parallel_tool_calls": True,
            "reasoning_effort": "low", "logprobs": False, "something_new": [1]}  # fmt: skip
    body = {"model": "footnote", "messages": [{"role": "user", "content": QUESTION}], **more}
    with rest.client() as http:
        assert http.post("/v1/chat/completions", json=body).status_code == 200


# What is not checked, and what is cut off


def test_no_word_is_streamed_that_is_not_in_the_checked_answer(written: Served, endpoint: ScriptedEndpoint) -> None:
    endpoint.script = lambda sent: streamed(
        ["The lamp is cleaned every Monday [1]. ", "It was built on Mars [1]. ", "See [7] and ![x](http://evil.example/p)."]
    )
    whole, chunks = asked(written), streamed_chunks(written)
    with written.client() as http:
        raw = http.post(
            "/v1/chat/completions",
            json={"model": "footnote", "stream": True, "messages": [{"role": "user", "content": QUESTION}]},
        ).text
    text = whole.choices[0].message.content
    assert text_of(chunks) == text
    assert "[7]" not in raw
    assert "![x](" not in text
    assert "! [x] (http://evil.example/p)" in text
    assert whole.footnote["unsupported"]
    assert whole.citations[0]["url"].startswith("https://footnote.example/cite/")
    assert raw.rstrip().endswith("data: [DONE]")
    assert "\n: writing\n" in raw


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_was_cut_off_never_looks_finished(written: Served, endpoint: ScriptedEndpoint, stream: bool) -> None:
    for reason in ("length", None):
        endpoint.script = lambda sent, reason=reason: streamed(["The lamp is cleaned every Monday [1]. ", "And every"], reason)  # type: ignore[misc]
        said: Any = [chunk for chunk in streamed_chunks(written) if chunk.choices][-1] if stream else asked(written)
        assert said.choices[0].finish_reason == "length"
        assert said.footnote["complete"] is False
        assert said.footnote["notices"]


@pytest.mark.parametrize(("status", "ours"), [(500, 503), (401, 502), (400, 502)])
@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_fails_before_its_first_word_gives_a_status(
    written: Served, endpoint: ScriptedEndpoint, status: int, ours: int, stream: bool
) -> None:
    endpoint.script = lambda sent: failure(status, "no")
    error = refused(lambda: asked(written, stream=stream), ours)
    assert error["type"] == "server_error"
    endpoint.script = lambda sent: streamed(["The lamp is cleaned every Monday [1]."])
    asked(written)  # the failures before do not count on


def test_a_model_that_fails_later_gives_an_error_in_the_stream_and_no_end(written: Served, endpoint: ScriptedEndpoint) -> None:
    endpoint.script = lambda sent: Reply([Pause(6.5)])
    body = {"model": "footnote", "stream": True, "messages": [{"role": "user", "content": QUESTION}]}
    by_client: list[Exception] = []

    def ask() -> None:
        with pytest.raises(openai.APIError) as error:
            streamed_chunks(written)
        by_client.append(error.value)

    beside = threading.Thread(target=ask)
    beside.start()
    with written.client() as http:
        raw = http.post("/v1/chat/completions", json=body)
    beside.join()
    assert len(by_client) == 1
    assert raw.status_code == 200
    assert raw.text.count("still at it") >= 3
    assert '"finish_reason": "' not in raw.text
    assert "[DONE]" not in raw.text
    assert json.loads(raw.text.rstrip().rpartition("data: ")[2])["error"]["type"] == "server_error"


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_stops_the_model(tmp_path: Path, stream: bool) -> None:
    pieces = [step for number in range(300) for step in (event(f"The lamp is cleaned {number} "), Pause(0.1))]
    with ScriptedEndpoint(lambda sent: Reply(pieces)) as endpoint:
        settings = Settings(data_dir=tmp_path / "data", generator="openai", openai_base_url=endpoint.base_url, openai_model="m")
        with make_assistant(settings) as assistant:
            assistant.embedder = HashingEmbedder()
            added(assistant, tmp_path, "tower", lamp=LAMP)
            with served_rest(assistant) as served:
                body = {"model": "footnote", "stream": stream, "messages": [{"role": "user", "content": QUESTION}]}
                with served.client() as http, suppress(httpx.ReadTimeout):
                    timeout = httpx.Timeout(30, read=30 if stream else 2)
                    with http.stream("POST", "/v1/chat/completions", json=body, timeout=timeout) as answer:
                        assert next(answer.iter_lines()).startswith("data: ")
                assert endpoint.sent
                assert endpoint.wait_for_hang_up(5)


# Many at once


def test_more_questions_than_places_wait_and_are_then_told_to_come_again() -> None:
    async def crowd() -> list[str]:
        places = Places("questions", most=3, each=2, wait_seconds=0.2)
        held = [await places.take("ann"), await places.take("ann")]
        said = [await _refusal(places, "ann")]
        held.append(await places.take("bob"))
        said.append(await _refusal(places, "bob"))
        for give_back in held:
            give_back()
        for name in ("ann", "bob", "bob"):
            await places.take(name)
        return said

    own, all_ = asyncio.run(crowd())
    assert own == "You have 2 questions going on, and no more at once. Try again in a moment."
    assert all_ == "3 questions are going on, and no more at once. Try again in a moment."


def test_a_place_is_free_only_when_what_was_left_has_stopped() -> None:
    go = threading.Event()

    def slowly() -> Iterator[Searching]:
        yield Searching("first")
        go.wait(30)
        yield Searching("second")

    async def leave() -> None:
        places = Places("questions", most=1, each=1, wait_seconds=0.1)
        events = follow(places, "ann", slowly)
        assert await anext(events) == Searching("first")
        await events.aclose()
        await _refusal(places, "ann")
        go.set()
        async with asyncio.timeout(10):
            while True:
                with suppress(Refusal):
                    await places.take("ann")
                    return

    asyncio.run(leave())


async def _refusal(places: Places, reader: str) -> str:
    with pytest.raises(Refusal) as error:
        await places.take(reader)
    assert (error.value.status, error.value.wait_seconds) == (429, 2)
    return str(error.value)


def test_while_all_places_are_taken_the_rest_of_the_server_answers(written: Served, endpoint: ScriptedEndpoint) -> None:
    go = threading.Event()

    def slowly(_: object) -> Reply:
        go.wait(60)
        return streamed(["The lamp is cleaned every Monday [1]."])

    endpoint.script = slowly
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(asked(written))) for _ in range(12)]
    before = len(endpoint.sent)
    for thread in threads:
        thread.start()
    latest = time.monotonic() + 20
    while len(endpoint.sent) < before + 8 and time.monotonic() < latest:
        time.sleep(0.02)
    time.sleep(0.5)
    assert len(endpoint.sent) == before + 8  # the others wait
    with written.client() as http:
        for address in ("/health", "/v1/models", "/v1/documents", "/"):
            started = time.perf_counter()
            assert http.get(address).status_code == 200
            assert time.perf_counter() - started < 2
    go.set()
    for thread in threads:
        thread.join()
    assert {answer.choices[0].finish_reason for answer in answers} == {"stop"}
    assert len(answers) == 12


# Hostile answers


def test_nothing_that_an_answer_says_is_active_where_a_client_renders_it(hostile_seed: int) -> None:
    believing = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table")
    believing.validateLink = lambda _: True  # type: ignore[method-assign, assignment]
    plain_tags = re.compile(r"<h\d>|<t[dh] style='text-align:\w+'>")  # a renderer's own
    active = [
        name
        for name, text in hostile_answers(600, hostile_seed)
        for found in [*foreign(believing.render(inert(text))), *foreign(inert(text))]
        if not plain_tags.fullmatch(found)
    ]
    assert active == []
    assert inert("```html\n<p>\n```") == "```\n< p>\n```"
    plain = "28 days [1][2], a < b, 3 <4, wow! [note] (see 5): f(x)[0]"
    assert inert(plain) == plain


# Models, embeddings, search


def test_models_are_the_collections_and_all_of_them(rest: Served) -> None:
    models = client(rest).models
    assert [model.id for model in models.list()] == ["footnote", "sounds/fog", "tower"]
    assert models.retrieve("sounds/fog").object == "model"
    assert models.retrieve("footnote").id == "footnote"
    assert refused(lambda: models.retrieve("nothing"), 404)["code"] == "model_not_found"


def test_embeddings_are_those_of_the_documents_embedder(rest: Served) -> None:
    made = client(rest).embeddings
    texts = ["The lamp", "oil from the village"]
    expected = HashingEmbedder().encode_documents(texts)
    as_base64 = made.create(model="footnote", input=texts)  # the client asks for base64, and decodes it
    as_floats = made.create(model="hashing-64", input=texts, encoding_format="float", dimensions=64)
    for answer in (as_base64, as_floats):
        np.testing.assert_allclose([each.embedding for each in answer.data], expected, rtol=1e-6)
        assert (answer.usage.prompt_tokens, answer.model) == (6, "hashing-64")
    one = made.create(model="footnote", input="The lamp", extra_body={"input_type": "query"})
    np.testing.assert_allclose(one.data[0].embedding, expected[0], rtol=1e-6)
    with rest.client() as http:
        raw = http.post("/v1/embeddings", json={"model": "footnote", "input": "The lamp", "encoding_format": "base64"}).json()
    np.testing.assert_allclose(np.frombuffer(base64.b64decode(raw["data"][0]["embedding"]), "<f4"), expected[0], rtol=1e-6)


def test_embeddings_refuse_what_would_be_cut_or_means_nothing(rest: Served) -> None:
    made = client(rest).embeddings
    assert refused(lambda: made.create(model="footnote", input="word " * 257), 400)["code"] == "context_length_exceeded"
    assert refused(lambda: made.create(model="footnote", input=[1, 2, 3]), 400)["param"].startswith("input")
    assert refused(lambda: made.create(model="footnote", input=["x"] * 257), 400)["param"].startswith("input")
    assert refused(lambda: made.create(model="footnote", input="x", dimensions=8), 400)["param"] == "dimensions"
    assert refused(lambda: made.create(model="text-embedding-3-small", input="x"), 404)["code"] == "model_not_found"


def test_search_and_ask_give_the_json_of_the_contract_with_addresses(rest: Served) -> None:
    with rest.client() as http:
        found = http.post("/v1/search", json={"query": "lamp oil", "k": 1, "collections": ["tower"]}).json()
        (hit,) = found["hits"]
        assert {"document", "title", "page", "start", "end", "text", "score", "ranks", "url"} <= set(hit)
        assert "<mark>" in http.get(hit["url"]).text
        history = [{"role": "user", "text": QUESTION}, {"role": "assistant", "text": "Every Monday [1]."}]
        answer = http.post("/v1/ask", json={"question": "With what does it burn?", "history": history}).json()
        assert "lamp" in answer["query"]
        assert answer["found"]
        assert {"text", "found", "complete", "confidence", "citations", "milliseconds", "answer"} <= set(answer)
        assert "<mark>" in http.get(answer["citations"][0]["url"]).text
        nothing = http.post("/v1/search", json={"query": "lamp", "collections": ["nothing"]})
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (404, "collection_not_found")


# Refusals


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"", 400), (b"[]", 400), (b'{"query": "\\ud800"}', 400), (b'{"query": "a\\u0000b"}', 400), (b'{"query": ""}', 400),
     (b'{"query": "x", "k": 101}', 400), (b'{"query": "x", "k": "5"}', 400), (b'{"query": "x", "k": NaN}', 400), (b"[" * 100_000, 400),
     (b'{"query": "x", "k": ' + b"9" * 5000 + b"}", 400), (b'{"query": "x", "other": 1}', 400), (b"\xff\xfe", 400),
     (b'{"query": "' + b"x" * 2_000_001 + b'"}', 413), (b'{"query": "x", "collections": ["' + b"c" * 401 + b'"]}', 400)],
)  # fmt: skip
def test_bad_bodies_are_refused_in_openais_form(rest: Served, body: bytes, status: int) -> None:
    with rest.client() as http:
        for content in (
            body,
            (body[at : at + 500_000] for at in range(0, max(1, len(body)), 500_000)),
        ):  # with and without a length
            answer = http.post("/v1/search", content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code == status
            assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
            assert "Traceback" not in answer.text


def test_only_uploads_may_be_large(rest: Served) -> None:
    with rest.client() as http:
        for kind in ("multipart/form-data; boundary=x", "application/json"):
            for address in ("/v1/search", "/v1/embeddings"):
                assert http.post(address, content=b"x" * 2_000_001, headers={"Content-Type": kind}).status_code == 413
        assert (
            http.post(
                "/v1/documents", content=b"x" * 2_000_001, headers={"Content-Type": "application/x-www-form-urlencoded"}
            ).status_code
            == 413
        )


def test_what_is_not_there_and_methods_that_are_not_are_refused_in_openais_form(rest: Served) -> None:
    with rest.client() as http:
        for address in ("/v1/nothing", "/v1/", "/v1/documents/x/y/z", "/v1/models/a%0Ab", "/v1/%0A"):
            answer = http.get(address)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
        for method in ("PUT", "PATCH", "OPTIONS", "DELETE"):
            answer = http.request(method, "/v1/documents")
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
            assert answer.json()["error"]["code"] == "method_not_allowed"
        answer = http.post("/v1/search", json={"query": "x"}, headers={"Sec-Fetch-Site": "cross-site"})
        assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error")
        answer = http.get("/v1/models", headers={"Host": "rebound.example"})
        assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error")


def test_a_failure_that_nobody_meant_tells_its_kind_and_no_more(written: Served, capfd: pytest.CaptureFixture[str]) -> None:
    class Broken:
        def search(self, *_: object, **__: object) -> None:
            raise KeyError("/secret/place")

    kept, written.app.state.operations = written.app.state.operations, Broken()
    try:
        with written.client() as http:
            answer = http.post("/v1/search", json={"query": "lamp"})
    finally:
        written.app.state.operations = kept
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "KeyError" in answer.text
    assert "secret" not in answer.text


def test_what_fails_outside_the_rest_door_is_answered_under_the_strict_headers_too(written: Served) -> None:
    async def failing(_: Request) -> Response:
        raise KeyError("/secret/place")

    routes = written.app.router.routes
    routes[:0] = [Route(path, failing) for path in ("/v1/failing", "/failing", "/")]
    try:
        with written.client() as http:
            ours, other, page = http.get("/v1/failing"), http.get("/failing"), http.get("/")
    finally:
        del routes[:3]
    for answer in (ours, other, page):
        assert answer.status_code == 500
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")
        assert "secret" not in answer.text
    assert ours.json()["error"]["code"] == "internal_error"
    assert "KeyError" in other.json()["error"]
    assert "KeyError" in page.json()["error"]


# Whose


def test_each_key_reads_what_its_user_may_and_the_rest_is_not_there(people: tuple[Served, dict[str, str]]) -> None:
    served, keys = people
    ann, bob = client(served, keys["ann"]), client(served, keys["bob"])
    assert [model.id for model in ann.models.list()] == ["footnote", "ann/notes"]
    assert [model.id for model in bob.models.list()] == ["footnote", "bob/papers"]
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    for model in ("footnote", "notes", "ann/notes"):
        answer = ann.chat.completions.create(model=model, messages=messages)
        assert "every Monday" in str(answer.choices[0].message.content)
    assert "Monday" not in str(bob.chat.completions.create(model="footnote", messages=messages))

    def said(model: str) -> str:
        return str(refused(lambda: bob.chat.completions.create(model=model, messages=messages), 404)).replace(model, "…")

    assert said("ann/notes") == said("ann/nothing")
    with served.client(keys["ann"]) as http:
        document = http.get("/v1/documents").json()["documents"][0]["document"]
        link = http.post("/v1/ask", json={"question": QUESTION}).json()["citations"][0]["url"]
    with served.client(keys["bob"]) as http:
        for method, address in [("GET", ""), ("GET", "/text"), ("GET", "/pages/1"), ("DELETE", "")]:
            theirs, nobodys = (http.request(method, f"/v1/documents/{name}{address}") for name in (document, "0123456789ab"))
            assert theirs.status_code == nobodys.status_code == 404
            assert theirs.text.replace(document, "…") == nobodys.text.replace("0123456789ab", "…")
        assert http.get(link).status_code == 404


def test_without_a_key_that_opens_nothing_is_told_but_life_and_readiness(people: tuple[Served, dict[str, str]]) -> None:
    served, keys = people
    for key in ("", "fn_wrong", keys["carol"]):
        with served.client(key) as http:
            for address in ("/v1/models", "/v1/nothing", "/v1/openapi.json", "/v1/documents"):
                answer = http.get(address)
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="Footnote"')
                assert answer.json()["error"]["type"] == "authentication_error"
            assert http.get("/metrics").status_code == http.get("/docs").status_code == 401
            assert http.get("/health").json() == {"status": "ok"}
            assert http.get("/ready").json() == {"status": "ready"}
    assert refused(lambda: client(served, "fn_wrong").models.list(), 401)["code"] == "invalid_key"


def test_the_server_is_not_ready_until_models_and_index_are_open(tmp_path: Path) -> None:
    class Slow(HashingEmbedder):
        def __init__(self, error: str = "") -> None:
            opening.wait(20)
            if error:
                raise OSError(error)
            super().__init__()

    for error, expected in (("", (200, "ready")), ("no weights", (503, "failed"))):
        opening = threading.Event()
        with make_assistant(Settings(data_dir=tmp_path / f"data{error}")) as assistant:
            assistant._open_embedder = lambda error=error: Slow(error)  # type: ignore[misc]
            with served_rest(assistant) as served, served.client() as http:
                assert (http.get("/ready").status_code, http.get("/ready").json()) == (503, {"status": "starting"})
                assert http.get("/health").status_code == 200
                opening.set()
                for address, body in (("/v1/ask", {"question": "x"}), ("/v1/search", {"query": "x"})):
                    assert http.post(address, json=body).status_code == expected[0], address  # waits for it
                ready = http.get("/ready")
                assert (ready.status_code, ready.json()["status"]) == expected
