"""Quotes in the place of a language model that fails: when they step in, what is said, and when the model is left alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assistant.answering import Assistant
from assistant.errors import AnswerCutOff, EndpointError
from assistant.generators.breaker import Breaker
from assistant.generators.falling_back import FallingBack
from assistant.generators.openai_endpoint import openai_endpoint
from assistant.generators.quotes import Quotes
from assistant.settings import Settings
from assistant.testing import FAULT_ANSWER, HashingEmbedder, Pause, Reply, ScriptedEndpoint, event, failure, in_turn, streamed
from assistant.types import Chunk, Hit, Passages, Turn
from assistant.wiring import make_generator, with_fallback
from assistant.written import Written
from ingestion import ingest
from tests.conftest import Clock, WriteFile

LAMP = "The lamp is cleaned every Monday by the keeper."
SECTION = f"The lamp is from 1890. {LAMP} The lens is cleaned every Friday."
SAID = "The language model could not be used, so this answer is made of quotes. "
DOWN = failure(500, "out of memory")


@pytest.fixture
def server() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(in_turn(streamed([FAULT_ANSWER]))) as scripted:
        yield scripted


@pytest.fixture
def generator(server: ScriptedEndpoint, clock: Clock) -> FallingBack:
    model = openai_endpoint(server.base_url, "m", "k", timeout_seconds=30.0, token_timeout_seconds=5.0)
    return FallingBack(model, Quotes(HashingEmbedder()), Breaker(failures=3, cool_down_seconds=30, clock=clock))


def passage(text: str) -> Chunk:
    return Chunk(1, "d1", "Handbook", "handbook.pdf", text, 0, len(text), 3, language="en")


def written(generator: FallingBack, hit: Hit | None = None) -> Written:
    came = Written()
    list(came.follow(iter(generator.generate("When is the lamp cleaned?", [hit or Hit(passage(LAMP), 1.0)], []))))
    return came


def test_a_model_that_fails_before_its_first_word_is_answered_for_by_quotes_which_say_why(
    server: ScriptedEndpoint, generator: FallingBack
) -> None:
    server.script = in_turn(failure(404, "model 'm' not found"))
    answer = written(generator)
    assert (answer.text, answer.complete) == (f"{LAMP} [1]", True)
    (notice,) = answer.notices
    assert notice.startswith(SAID)
    assert "FOOTNOTE_OPENAI_MODEL" in notice


def test_a_model_that_answers_is_not_answered_for(generator: FallingBack) -> None:
    answer = written(generator)
    assert (answer.text, answer.complete, answer.notices) == (FAULT_ANSWER, True, ())


def test_what_a_model_has_begun_to_write_is_kept_and_not_replaced(server: ScriptedEndpoint, generator: FallingBack) -> None:
    server.script = in_turn(Reply([event("The lamp is"), Pause(0.1)], reset=True))
    answer = written(generator)
    assert (answer.text, answer.complete) == ("The lamp is", False)
    assert "broke off" in answer.notices[0]
    with pytest.raises(AnswerCutOff):
        list(generator.generate("When?", [Hit(passage(LAMP), 1.0)], []))


def test_quotes_are_taken_from_the_passage_as_it_was_found(server: ScriptedEndpoint, generator: FallingBack) -> None:
    server.script = in_turn(failure(401, "no such key"))
    assert generator.reads_sections
    wide = Hit(passage(SECTION), 1.0, narrow=passage(LAMP))
    assert written(generator, wide).text == f"{LAMP} [1]"
    assert "from 1890" in written(generator, Hit(passage(SECTION), 1.0)).text


def test_a_model_that_was_down_three_times_is_left_alone_and_then_tried_once(
    server: ScriptedEndpoint, generator: FallingBack, clock: Clock
) -> None:
    server.script = in_turn(DOWN)
    for _ in range(3):
        assert "500: out of memory" in written(generator).notices[0]
    asked = len(server.sent)
    answer = written(generator)
    assert (answer.text, answer.complete) == (f"{LAMP} [1]", True)
    assert answer.notices == (
        f"{SAID}'m' was down 3 times in a row and is not asked for 30 seconds. Ask again then, or look into its server's log.",
    )
    assert len(server.sent) == asked

    clock.seconds += 30
    assert "500: out of memory" in written(generator).notices[0]
    assert "not asked" in written(generator).notices[0]
    clock.seconds += 30
    server.script = in_turn(streamed([FAULT_ANSWER]))
    assert [written(generator).notices for _ in range(3)] == [()] * 3


@pytest.mark.parametrize(
    "reply",
    [
        failure(401, "no such key"),
        failure(404, "no such model"),
        failure(400, "too long", "context_length_exceeded"),
        failure(429, "slow down", headers={"Retry-After": "600"}),
        Reply([event("The lamp is"), b"data: {oops\n\n"]),
    ],
    ids=["key", "model", "overflow", "too many", "cut after words"],
)
def test_a_model_that_is_there_is_asked_each_time(reply: Reply, server: ScriptedEndpoint, generator: FallingBack) -> None:
    server.script = in_turn(reply)
    for times in range(1, 6):
        before = len(server.sent)
        assert "not asked" not in written(generator).notices[0], times
        assert len(server.sent) > before


def test_a_model_that_says_nothing_is_down(server: ScriptedEndpoint, clock: Clock) -> None:
    server.script = in_turn(Reply([Pause(30)]))
    model = openai_endpoint(server.base_url, "m", "k", timeout_seconds=0.3)
    generator = FallingBack(model, Quotes(HashingEmbedder()), Breaker(failures=2, clock=clock))
    assert ["time for an answer" in written(generator).notices[0] for _ in range(2)] == [True, True]
    assert "not asked" in written(generator).notices[0]


def test_a_follow_up_that_the_model_cannot_condense_stays_as_it_is_and_counts(
    server: ScriptedEndpoint, generator: FallingBack
) -> None:
    server.script = in_turn(streamed(["How often is the lamp cleaned?"]))
    assert generator.condense("And how often?", [Turn("user", "When is the lamp cleaned?")]) == "How often is the lamp cleaned?"
    server.script = in_turn(DOWN)
    for _ in range(3):
        assert generator.condense("And how often?", [Turn("user", "When is the lamp cleaned?")]) == "And how often?"
    asked = len(server.sent)
    assert generator.condense("And how often?", [Turn("user", "When is the lamp cleaned?")]) == "And how often?"
    assert "not asked" in written(generator).notices[0]
    assert len(server.sent) == asked


def test_what_is_found_out_without_asking_the_model_says_nothing_of_it(server: ScriptedEndpoint, generator: FallingBack) -> None:
    server.script = in_turn(DOWN)
    for _ in range(2):
        written(generator)
    assert generator.condense("When is it cleaned?", []) == "When is it cleaned?"
    long = "Is it so? " * 30_000
    assert "FOOTNOTE_CONTEXT_TOKENS" in next(iter(generator.generate(long, [Hit(passage(LAMP), 1.0)], []))).notice
    asked = len(server.sent)
    written(generator)
    assert len(server.sent) > asked
    assert "not asked" in written(generator).notices[0]


def test_closing_it_closes_the_connection(server: ScriptedEndpoint, generator: FallingBack) -> None:
    server.script = in_turn(streamed(["first", Pause(30), "last"]))
    pieces = generator.generate("?", [Hit(passage(LAMP), 1.0)], [])
    assert next(pieces).text == "first"
    assert not server.wait_for_hang_up(0.2)
    pieces.close()  # type: ignore[attr-defined]
    assert server.wait_for_hang_up(2)


def test_an_answer_of_quotes_in_a_models_place_has_checked_footnotes_and_its_notice(
    assistant: Assistant, write: WriteFile, server: ScriptedEndpoint
) -> None:
    server.script = in_turn(failure(401, "no such key"))
    ingest(assistant, [write("lamp.md", f"# The lamp\n\n{LAMP}\n\nIt is from 1890, and its lens is from 1904.\n")])
    settings = Settings(generator="openai", openai_base_url=server.base_url, openai_model="m")
    assistant.generator = with_fallback(settings, make_generator(settings, assistant.embedder), assistant.embedder)
    answer = assistant.ask("When is the lamp cleaned?")
    assert answer.found
    assert answer.complete
    assert [c.quote for c in answer.citations] == [LAMP]
    assert answer.notices[0].startswith(SAID)
    assert "401" in answer.notices[0]
    assert answer.supported_share is None, "quotes in the model's place are not its statements"
    assert any(isinstance(event, Passages) for event in assistant.stream("When is the lamp cleaned?"))


def test_without_a_fallback_a_failure_is_an_error(assistant: Assistant, write: WriteFile, server: ScriptedEndpoint) -> None:
    server.script = in_turn(failure(401, "no such key"))
    ingest(assistant, [write("lamp.md", f"# The lamp\n\n{LAMP}\n")])
    settings = Settings(generator="openai", openai_base_url=server.base_url, openai_model="m", fallback="none")
    assistant.generator = with_fallback(settings, make_generator(settings, assistant.embedder), assistant.embedder)
    with pytest.raises(EndpointError, match="no such key"):
        assistant.ask("When is the lamp cleaned?")


def test_quotes_need_no_fallback(settings: Settings) -> None:
    quotes = Quotes(HashingEmbedder())
    assert with_fallback(settings, quotes, HashingEmbedder()) is quotes
