"""LangChain's chat models as generators: what comes, when it counts as ended, and which limits hold though a model blocks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.exceptions import ContextOverflowError
from langchain_core.language_models import BaseChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import SecretStr

from assistant.answering import Assistant
from assistant.errors import AnswerCutOff, ContextOverflow, EndpointDown, EndpointError, ModelError, SettingsError
from assistant.generators.given import as_generator
from assistant.generators.langchain_chat import LangChainChat
from assistant.generators.quotes import Quotes
from assistant.generators.writing import Budget, ModelWriter
from assistant.protocols import Generated
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.types import Turn
from assistant.wiring import make_generator
from tests.test_generator import PASSAGES, THOUGHTS, passage

Step = str | float | Exception | list[Any] | Mapping[str, Any]


class Scripted(BaseChatModel):
    """Streams text and content blocks as they stand, sleeps for numbers, raises exceptions, and gives mappings as metadata."""

    steps: Callable[[Sequence[BaseMessage]], Sequence[Any]]
    key: SecretStr = SecretStr("sk-secret-1")
    asked: list[Sequence[BaseMessage]] = []  # noqa: RUF012 (pydantic copies it)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        self.asked.append(messages)
        for step in self.steps(messages):
            if isinstance(step, float):
                time.sleep(step)
            elif isinstance(step, Exception):
                raise step
            elif isinstance(step, Mapping):
                yield ChatGenerationChunk(message=AIMessageChunk(content="", response_metadata=dict(step)))
            else:
                yield ChatGenerationChunk(message=AIMessageChunk(content=step))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError


class Whole(Scripted):
    """Answers in one message, as models do that cannot stream."""

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text, reason = self.steps(messages)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text, response_metadata=reason))])

    _stream = BaseChatModel._stream


STOP = {"finish_reason": "stop"}


def writer(*steps: Step, seconds: float = 30.0, gap: float = 10.0) -> ModelWriter:
    model = LangChainChat(Scripted(steps=lambda _: steps), token_timeout_seconds=gap)
    return ModelWriter(model, Budget(), timeout_seconds=seconds)


def outcome(generator: ModelWriter) -> tuple[str, Generated | None, ModelError | None, float]:
    """The text that came, the last piece, the error that ended it, and the seconds that it took."""
    came: list[Generated] = []
    started = time.monotonic()
    try:
        came.extend(generator.generate("How much leave?", PASSAGES, []))
    except ModelError as error:
        return "".join(p.text for p in came), None, error, time.monotonic() - started
    return "".join(p.text for p in came), came[-1], None, time.monotonic() - started


REASONS = [
    ({"finish_reason": "stop"}, "stop"),
    ({"finish_reason": "STOP"}, "stop"),
    ({"finish_reason": "length"}, "length"),
    ({"finish_reason": "MAX_TOKENS"}, "length"),
    ({"stop_reason": "end_turn"}, "stop"),
    ({"stop_reason": "max_tokens"}, "length"),
    ({"stop_reason": "refusal"}, "content_filter"),
    ({"done_reason": "stop"}, "stop"),
    ({"stopReason": "end_turn"}, "stop"),
    ({"finish_reason": "COMPLETE"}, "stop"),
    ({"status": "completed"}, "stop"),
    ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
    ({"finish_reason": "SAFETY"}, "content_filter"),
]


@pytest.mark.parametrize(("metadata", "meant"), REASONS, ids=[str(reason) for reason, _ in REASONS])
def test_an_answer_ends_as_its_model_says_that_it_ended(metadata: Mapping[str, Any], meant: str) -> None:
    text, last, error, _ = outcome(writer("25 ", "days [1].", metadata))
    assert (text, last, error) == ("25 days [1].", Generated("", meant), None)  # type: ignore[arg-type]


def test_a_model_that_cannot_stream_is_taken_as_a_whole() -> None:
    model = Whole(steps=lambda _: ("25 days [1].", {"stop_reason": "end_turn"}))
    assert outcome(ModelWriter(LangChainChat(model), Budget()))[:2] == ("25 days [1].", Generated("", "stop"))


def test_without_a_reason_an_answer_is_given_and_said_to_be_perhaps_cut_off() -> None:
    # LangChain marks the last chunk of any stream, and GenericFakeChatModel its own: neither says that the answer is whole.
    for model in (Scripted(steps=lambda _: ["25 days [1]."]), GenericFakeChatModel(messages=iter(["25 days [1]."]))):
        text, last, error, _ = outcome(ModelWriter(LangChainChat(model), Budget()))
        assert (text, last) == ("25 days [1].", None)
        assert isinstance(error, AnswerCutOff)
        assert "states_end=False" in str(error)


def test_of_a_model_that_never_gives_a_reason_the_end_may_be_taken_for_one() -> None:
    model = GenericFakeChatModel(messages=iter(["25 days [1]."]))
    assert outcome(ModelWriter(LangChainChat(model, states_end=False), Budget()))[:2] == ("25 days [1].", Generated("", "stop"))
    broken = Scripted(steps=lambda _: ["25 days", ConnectionError("reset")])
    assert isinstance(outcome(ModelWriter(LangChainChat(broken, states_end=False), Budget()))[2], AnswerCutOff)


def test_a_reason_that_comes_with_every_chunk_ends_nothing() -> None:
    early = [AIMessageChunk(content="25 ", response_metadata=STOP), AIMessageChunk(content="days [1].", response_metadata=STOP)]

    class Repeating(Scripted):
        def _stream(self, messages: Any, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
            yield from (ChatGenerationChunk(message=chunk) for chunk in early)

    assert outcome(ModelWriter(LangChainChat(Repeating(steps=lambda _: [])), Budget()))[0] == "25 days [1]."


def test_the_time_for_an_answer_holds_though_the_model_blocks() -> None:
    text, _, error, seconds = outcome(writer(6.0, "late", STOP, seconds=1.0))
    assert text == ""
    assert isinstance(error, AnswerCutOff)
    assert "FOOTNOTE_ANSWER_TIMEOUT_SECONDS" in str(error)
    assert 0.9 < seconds < 4.5


def test_a_model_that_stalls_after_its_first_words_is_given_up() -> None:
    text, _, error, seconds = outcome(writer("25 days", 6.0, " of leave", STOP, seconds=30.0, gap=0.7))
    assert text == "25 days"
    assert isinstance(error, AnswerCutOff)
    assert "FOOTNOTE_TOKEN_TIMEOUT_SECONDS" in str(error)
    assert seconds < 4.5


def test_a_model_that_repeats_itself_for_ever_is_stopped() -> None:
    model = Scripted(steps=lambda _: ["again " * 50] * 200)
    text, _, error, _ = outcome(ModelWriter(LangChainChat(model), Budget(max_answer_tokens=100)))
    assert isinstance(error, AnswerCutOff)
    assert len(text) <= 1600


def test_thoughts_are_no_part_of_the_answer() -> None:
    blocks = [{"type": "reasoning", "reasoning": "Is it 24?"}, {"type": "text", "text": "25 days [1]."}]
    assert outcome(writer(blocks, STOP))[0] == "25 days [1]."
    assert outcome(writer(*THOUGHTS, "25 days [1].", STOP))[0] == "25 days [1]."


def test_closing_the_iterator_stops_the_model_at_its_next_piece() -> None:
    stopped, wrote = threading.Event(), threading.Event()

    class Watched(Scripted):
        def _stream(self, messages: Any, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
            try:
                while True:
                    yield ChatGenerationChunk(message=AIMessageChunk(content="word "))
                    wrote.set()
                    time.sleep(0.02)
            finally:
                stopped.set()

    generator = ModelWriter(LangChainChat(Watched(steps=lambda _: [])), Budget())
    pieces = generator.generate("?", PASSAGES, [])
    assert next(iter(pieces)).text == "word "
    assert wrote.wait(5)
    assert not stopped.is_set()
    pieces.close()  # type: ignore[attr-defined]
    assert stopped.wait(5)


def test_closing_the_writer_ends_an_answer_that_waits_for_a_model_that_blocks() -> None:
    generator = writer("25 days", 8.0, STOP, seconds=60, gap=60)
    pieces = iter(generator.generate("?", PASSAGES, []))
    assert next(pieces).text == "25 days"
    threading.Timer(0.3, generator.close).start()
    started = time.monotonic()
    with pytest.raises(AnswerCutOff, match="closed"):
        list(pieces)
    assert time.monotonic() - started < 5


FAILURES = [
    (ValueError("no such deployment"), EndpointError, "no such deployment"),
    (ConnectionRefusedError("connection refused"), EndpointDown, "connection refused"),
    (ContextOverflowError("too much"), ContextOverflow, "FOOTNOTE_CONTEXT_TOKENS"),
    (RuntimeError("This model's maximum context length is 900 tokens"), ContextOverflow, "FOOTNOTE_CONTEXT_TOKENS"),
]


@pytest.mark.parametrize(("failure", "kind", "words"), FAILURES, ids=[type(f).__name__ for f, _, _ in FAILURES])
def test_what_a_model_raises_comes_out_as_our_own_error(failure: Exception, kind: type[ModelError], words: str) -> None:
    text, _, error, _ = outcome(writer(failure))
    assert (text, type(error)) == ("", kind)
    assert words in str(error)
    assert type(outcome(writer("25 days", failure))[2]) is AnswerCutOff


def test_a_models_key_never_stands_in_a_message() -> None:
    assert "sk-secret" not in str(outcome(writer(ValueError("Incorrect API key sk-secret-1 provided")))[2])


def test_an_overflow_is_tried_once_more_with_fewer_passages() -> None:
    passages = [passage(n, f"Rule {n}. " + "Leave is granted by the department on request. " * 20) for n in range(1, 13)]
    asked: list[str] = []

    def steps(messages: Sequence[BaseMessage]) -> Sequence[Any]:
        asked.append(str(messages[1].content))
        return [ContextOverflowError("context length exceeded")] if len(asked) == 1 else ["25 days [1].", STOP]

    generator = ModelWriter(LangChainChat(Scripted(steps=steps)), Budget(6000, 300))
    assert "".join(p.text for p in generator.generate("How much leave?", passages, [])) == "25 days [1]."
    assert len(asked[1]) < len(asked[0]) * 0.7
    assert "How much leave?" in asked[1]


def test_the_model_gets_a_system_and_a_user_message_and_condenses_follow_ups() -> None:
    model = Scripted(steps=lambda _: ["How much leave do part-time staff have?", STOP])
    generator = ModelWriter(LangChainChat(model), Budget())
    history = [Turn("user", "How much leave do I have?"), Turn("assistant", "25 days [1].")]
    assert generator.condense("And part-time?", history) == "How much leave do part-time staff have?"
    (messages,) = model.asked
    assert [message.type for message in messages] == ["system", "human"]
    assert "And part-time?" not in str(messages[0].content)
    assert "And part-time?" in str(messages[1].content)


def test_what_a_program_hands_over_takes_the_place_of_the_settings(settings: Settings) -> None:
    model = Scripted(steps=lambda _: ["25 days [1].", STOP])
    embedder = HashingEmbedder()
    assert make_generator(settings, embedder, model).name == "langchain:Scripted"
    ours = Quotes(embedder)
    assert make_generator(settings, embedder, ours) is ours
    with pytest.raises(SettingsError, match="A dict is no generator"):
        make_generator(settings, embedder, {})
    with Assistant.open(settings, embedder=embedder, generator=model) as assistant:
        assert assistant.generator.name == "langchain:Scripted"


def test_limits_of_a_model_that_is_handed_over_are_those_of_the_settings(settings: Settings) -> None:
    chosen = settings.model_copy(update={"answer_timeout_seconds": 1.0})
    model = Scripted(steps=lambda _: [6.0, "late", STOP])
    started = time.monotonic()
    with pytest.raises(AnswerCutOff, match="FOOTNOTE_ANSWER_TIMEOUT_SECONDS"):
        list(make_generator(chosen, HashingEmbedder(), model).generate("?", PASSAGES, []))
    assert time.monotonic() - started < 4.5
    with pytest.raises(SettingsError, match="FOOTNOTE_MAX_ANSWER_TOKENS"):
        as_generator(model, Budget(800, 800), timeout_seconds=1, token_timeout_seconds=1)
