"""The asynchronous door: the same events and errors as the synchronous one, beside other tasks, and stopped when nobody listens."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from assistant.answering import Assistant
from assistant.asynchronous import heard, in_thread, say_each
from assistant.errors import CollectionNotFound, InvalidRequest
from assistant.settings import Settings
from assistant.testing import HashingEmbedder, Pause, ScriptedEndpoint, streamed
from assistant.types import Answer, Done, Event, Passages, Searching, Text, Turn
from assistant.wiring import make_assistant
from ingestion import ingest
from tests.conftest import WriteFile

LAMP = "# The lamp\n\nThe lamp is cleaned every Monday by the keeper.\n"
QUESTION = "When is the lamp cleaned?"


@pytest.fixture
def lamp(assistant: Assistant, write: WriteFile) -> Assistant:
    ingest(assistant, [write("lamp.md", LAMP)], collection="papers")
    return assistant


def untimed(answer: Answer) -> Answer:
    return replace(answer, milliseconds={})


def test_aask_gives_what_ask_gives(lamp: Assistant) -> None:
    history = [Turn("user", "Who is the keeper?"), Turn("assistant", "Ann.")]
    answer = asyncio.run(lamp.aask(QUESTION, collection="papers", history=history))
    assert answer.citations[0].quote == "The lamp is cleaned every Monday by the keeper."
    assert untimed(answer) == untimed(lamp.ask(QUESTION, collection="papers", history=history))


def test_astream_gives_the_events_of_stream(lamp: Assistant) -> None:
    async def events() -> list[Event]:
        return [event async for event in lamp.astream(QUESTION)]

    def shown(event: Event) -> Event:
        return Done(untimed(event.answer)) if isinstance(event, Done) else event

    come = asyncio.run(events())
    assert [type(event) for event in come] == [Searching, Passages, Text, Done]
    assert [shown(event) for event in come] == [shown(event) for event in lamp.stream(QUESTION)]


def test_errors_come_out_as_they_are(lamp: Assistant) -> None:
    with pytest.raises(InvalidRequest, match="The question is empty"):
        asyncio.run(lamp.aask(" "))
    with pytest.raises(CollectionNotFound, match="There is no collection 'none'"):
        asyncio.run(lamp.aask(QUESTION, collection="none"))
    with pytest.raises(CollectionNotFound, match="There is no collection 'papers'"):
        asyncio.run(lamp.aask(QUESTION, collection="papers", reader="bob"))


def test_several_are_answered_side_by_side_while_the_loop_goes_on(lamp: Assistant) -> None:
    lamp.warm_up()

    async def ask() -> tuple[list[Answer], int]:
        beats, asking = 0, asyncio.gather(*(lamp.aask(QUESTION) for _ in range(8)))
        while not asking.done():
            beats += 1
            await asyncio.sleep(0.001)
        return await asking, beats

    answers, beats = asyncio.run(ask())
    assert len({answer.text for answer in answers}) == 1
    assert beats > 8


class Counting:
    """An iterator of numbers that knows whether it was closed, and in which thread it ran. Each number takes so many seconds."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.closed, self.threads, self.given = seconds, threading.Event(), set[str](), 0

    def numbers(self) -> Iterator[int]:
        try:
            while True:
                time.sleep(self.seconds)
                self.threads.add(threading.current_thread().name)
                self.given += 1
                yield self.given
        finally:
            self.closed.set()


def test_nothing_runs_ahead_and_closing_closes_the_iterator_in_its_own_thread() -> None:
    counting = Counting()

    async def two() -> list[int]:
        numbers = in_thread(counting.numbers)
        taken = [await anext(numbers), await anext(numbers)]
        await asyncio.sleep(0.05)
        await numbers.aclose()
        return taken

    assert asyncio.run(two()) == [1, 2]
    assert counting.given == 2
    assert counting.closed.wait(5)
    assert counting.threads == {"iterator"}


def test_an_iterator_that_cannot_be_closed_is_heard_to_its_end() -> None:
    async def hear() -> list[int]:
        return [item async for item in in_thread(lambda: iter([1, 2]))]

    assert asyncio.run(hear()) == [1, 2]


def test_work_that_would_end_the_process_is_heard_as_a_failure() -> None:
    def work(say: Callable[[int], None]) -> None:
        say(1)
        raise SystemExit(3)

    async def hear() -> None:
        items = heard(work, name="work")
        assert await anext(items) == 1
        with pytest.raises(RuntimeError, match="SystemExit"):
            await anext(items)

    asyncio.run(hear())


def test_a_task_that_is_cancelled_goes_on_at_once_and_the_iterator_is_closed_after_its_next_item() -> None:
    counting = Counting(seconds=0.5)

    async def cancelled() -> float:
        async def endless() -> None:
            async for _ in in_thread(counting.numbers):
                pass

        task = asyncio.create_task(endless())
        await asyncio.sleep(0.1)
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - started

    assert asyncio.run(cancelled()) < 0.3
    assert counting.closed.wait(5)
    assert counting.given == 1


def test_work_that_runs_ahead_is_ended_by_the_next_thing_that_it_says_once_nobody_listens() -> None:
    counting, said, left = Counting(), threading.Event(), threading.Event()

    def count(say: Callable[[int], None]) -> None:
        with closing(counting.numbers()) as numbers:  # type: ignore[type-var]
            for number in numbers:
                say(number)
                if number == 3:
                    said.set()
                    left.wait(5)

    async def one() -> int | None:
        numbers = heard(count, name="counting")
        first = await anext(numbers)
        assert await asyncio.to_thread(said.wait, 5)
        await numbers.aclose()
        left.set()
        return first

    assert asyncio.run(one()) == 1
    assert counting.closed.wait(5)
    assert counting.given == 4


def test_silence_is_told_and_nothing_is_lost_to_it() -> None:
    go = threading.Event()

    def waiting() -> Iterator[int]:
        yield 1
        go.wait(5)
        yield 2

    async def listen() -> list[int | None]:
        told: list[int | None] = []
        async for step in heard(partial(say_each, waiting), name="waiting", silence_seconds=0.01):
            told.append(step)
            if told.count(None) == 3:
                go.set()
        return told

    told = asyncio.run(listen())
    assert told[0] == 1
    assert told.count(None) >= 3
    assert told[-1] == 2


def test_whoever_leaves_an_answer_stops_the_model(tmp_path: Path, write: WriteFile) -> None:
    pieces = [piece for _ in range(300) for piece in ("The lamp ", Pause(0.1))]

    async def first_word(assistant: Assistant) -> None:
        events = assistant.astream(QUESTION)
        async for event in events:
            if isinstance(event, Text):
                break
        await events.aclose()

    with ScriptedEndpoint(lambda sent: streamed(pieces)) as endpoint:
        settings = Settings(
            data_dir=tmp_path / "data", generator="openai", openai_base_url=endpoint.base_url, openai_model="scripted"
        )
        with make_assistant(settings) as assistant:
            assistant.embedder = HashingEmbedder()
            ingest(assistant, [write("lamp.md", LAMP)])
            asyncio.run(first_word(assistant))
            assert endpoint.wait_for_hang_up(5)
