"""The budget of a prompt: whatever the other side counts, question, instructions and what citations need are whole in each request."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

import prompts
from assistant.errors import ContextOverflow, ModelError
from assistant.generators.context import estimate_tokens, in_language, pack
from assistant.generators.openai_endpoint import openai_endpoint
from assistant.generators.writing import ModelWriter
from assistant.languages import detect_language
from assistant.testing import Reply, ScriptedEndpoint, Sent, failure, streamed
from assistant.types import Chunk, Hit, Turn
from ingestion.sample import sample_questions

QUESTION = "How many days of paid leave does somebody have who works three days a week?"
TITLE = "Handbook of the bakery cooperative at Fernhill"
PASSAGES = [
    Hit(
        Chunk(
            n, f"d{n}", TITLE, "handbook.pdf", text := f"Rule {n}. " + "Leave is granted on request; 25 % are paid. " * 25,
            0, len(text), n + 10, ("Leave", "Part-time staff"), language="en",
        ),
        1.0,
    )
    for n in range(1, 9)
]  # fmt: skip
HISTORY = [Turn("user" if n % 2 == 0 else "assistant", f"Turn {n} of the conversation, about leave. [1]") for n in range(30)]

Count = Callable[[str], int]
COUNTS: dict[str, Count] = {
    "a token a character": len,
    "three a word": lambda text: 3 * len(text.split()),
    "a token a byte and a half": lambda text: int(len(text.encode()) / 1.5),
    "few": lambda text: len(text) // 8,
    "as OpenAI's": lambda text: len(re.findall(r"\w{1,5}|\W", text)),
}
WORDINGS: dict[str, Callable[[int, int, int], str]] = {
    "OpenAI": lambda context, prompt, answer: (
        f"This model's maximum context length is {context} tokens. However, you requested {prompt + answer} tokens ({prompt} in the "
        f"messages, {answer} in the completion). Please reduce the length of the messages or completion."
    ),
    "llama.cpp": lambda context, prompt, answer: (
        f"request ({prompt} tokens) exceeds the available context size ({context} tokens), try increasing it"
    ),
    "one number": lambda context, prompt, answer: f"The prompt is too long for the context window of {context} tokens.",
    "no number": lambda context, prompt, answer: "prompt is too long",
}


def counting(count: Count, context: int, wording: Callable[[int, int, int], str]) -> Callable[[Sent], Reply]:
    """A server that counts for itself, its template's tokens included, and refuses what does not fit beside the answer."""

    def script(sent: Sent) -> Reply:
        prompt = sum(count(message["content"]) + 12 for message in sent.body["messages"]) + 30
        if prompt + sent.body["max_tokens"] > context:
            return failure(400, wording(context, prompt, sent.body["max_tokens"]), "context_length_exceeded")
        return streamed(["They have 15 days [1]."])

    return script


def outcome(endpoint: ModelWriter) -> tuple[str, ModelError | None]:
    try:
        return "".join(piece.text for piece in endpoint.generate(QUESTION, PASSAGES, HISTORY)), None
    except ModelError as error:
        return "", error


def assert_whole(sent: Sent) -> None:
    """Instructions and question stand whole, each passage with its number, page and title, and each fence is closed."""
    system, user = (message["content"] for message in sent.body["messages"])
    mark = system.split("----- ")[1].split(".")[0]
    assert system == prompts.load("answer").system.replace("{{mark}}", mark)
    assert user.rstrip().endswith(f"{QUESTION}\n\nAnswer in English.")
    headers = [line for line in user.splitlines() if line.startswith(f"----- {mark} passage")]
    assert headers == [
        f"----- {mark} passage [{n}], page {n + 10} of {TITLE} > Leave > Part-time staff" for n in range(1, len(headers) + 1)
    ]
    assert len(headers) >= 1
    assert user.count(f"----- {mark} end") == user.count(f"----- {mark} ") / 2


@pytest.mark.parametrize("context", [1500, 4000, 9000])
@pytest.mark.parametrize("wording", WORDINGS)
@pytest.mark.parametrize("counted", COUNTS)
def test_a_server_that_counts_otherwise_gets_whole_questions_and_ends_in_an_answer_or_an_overflow(
    counted: str, wording: str, context: int
) -> None:
    with ScriptedEndpoint(counting(COUNTS[counted], context, WORDINGS[wording])) as server:
        endpoint = openai_endpoint(server.base_url, "m", "", context_tokens=8192, max_answer_tokens=200)
        text, error = outcome(endpoint)
        assert text == ("They have 15 days [1]." if error is None else "")
        assert error is None or (type(error) is ContextOverflow and "FOOTNOTE_CONTEXT_TOKENS" in str(error))
        assert 1 <= len(server.sent) <= 2
        for sent in server.sent:
            assert_whole(sent)


@pytest.mark.parametrize("wording", ["OpenAI", "llama.cpp"])
@pytest.mark.parametrize("counted", ["three a word", "as OpenAI's"])
def test_what_a_server_says_of_its_count_makes_the_second_request_fit(counted: str, wording: str) -> None:
    with ScriptedEndpoint(counting(COUNTS[counted], 4000, WORDINGS[wording])) as server:
        endpoint = openai_endpoint(server.base_url, "m", "", context_tokens=8192, max_answer_tokens=200)
        assert list(endpoint.generate(QUESTION, PASSAGES * 3, HISTORY))
        first, second = (len(sent.prompt) for sent in server.sent)
    assert 0.2 * first < second < first


@pytest.mark.parametrize("counted", COUNTS)
@pytest.mark.parametrize("room", range(900, 9000, 900))
def test_a_prompt_never_has_more_tokens_than_there_is_room_for(counted: str, room: int) -> None:
    count = COUNTS[counted]
    try:
        packed = pack(QUESTION, PASSAGES, HISTORY, room_tokens=room, count_tokens=count)
    except ContextOverflow:
        assert room < 4 * count(prompts.load("answer").system)
        return
    assert count(packed.prompt.system) + count(packed.prompt.user) <= room


def test_tokens_that_only_a_whole_has_are_made_room_for() -> None:
    def count(text: str) -> int:
        return estimate_tokens(text) + text.count("end\n\n-----") * 40  # what joins two passages

    packed = pack(QUESTION, PASSAGES, [], room_tokens=3000, count_tokens=count)
    assert count(packed.prompt.system) + count(packed.prompt.user) <= 3000
    assert packed.passages >= 2


@pytest.mark.parametrize("asked", sample_questions(), ids=lambda asked: asked.question[:30])
def test_the_language_of_the_question_is_named_to_the_model_or_left_open_but_never_another(asked) -> None:  # type: ignore[no-untyped-def]
    name = {"en": "English", "fr": "French", "pt": "Portuguese"}[asked.language]
    assert in_language(asked.question) in ("", f"Answer in {name}.")
    prompt = pack(asked.question, PASSAGES, [], room_tokens=8000, count_tokens=estimate_tokens).prompt
    assert prompt.user.rstrip().endswith(in_language(asked.question) or asked.question)


def test_a_question_whose_language_is_unsure_gets_no_language() -> None:
    assert in_language("WLAN?") == ""
    assert in_language("1998") == ""
    assert detect_language("Wie viele Tage Urlaub habe ich?", least=0.9) == "de"
    assert in_language("Wie viele Tage Urlaub habe ich?") == "Answer in German."


def test_the_requests_name_language_and_question_last() -> None:
    with ScriptedEndpoint(lambda _: streamed(["15 jours [1]."])) as server:
        endpoint = openai_endpoint(server.base_url, "m", "")
        list(endpoint.generate("Combien de jours de congés payés ai-je par an ?", PASSAGES, []))
        user = server.sent[0].body["messages"][1]["content"]
    assert user.endswith("Combien de jours de congés payés ai-je par an ?\n\nAnswer in French.")
