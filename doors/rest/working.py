"""Working: what takes long is done in threads of its own, each with a place, never in the pool that the page's requests share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, contextmanager, suppress
from typing import TypeVar, cast

from fastapi import Request

from assistant.asynchronous import heard, say_each
from assistant.errors import AnswerCutOff
from assistant.types import Answer, Done, Event
from doors.rest.errors import Refusal
from doors.rest.places import Places

T = TypeVar("T")
_SILENCE_SECONDS = 1.0


class HungUp(Refusal):
    """The client is gone. Nobody reads what it is answered; 499 is nginx's word for it."""

    def __init__(self) -> None:
        super().__init__("The client closed the connection.", 499)


async def work(places: Places, reader: str, job: Callable[[], T]) -> T:
    """What the job gives. Raises what it raises, and Refusal where there is no place."""
    place = await _place(places, reader)

    def run(say: Callable[[T], None]) -> None:
        with place():
            result = job()
        say(result)

    async with aclosing(heard(run, name="rest")) as results:
        return cast(T, await anext(results))


async def follow(places: Places, reader: str, ask: Callable[[], Iterator[Event]]) -> AsyncGenerator[Event | None, None]:
    """The events of an answer as they come, Done the last; None for each second of silence. Whoever stops listening stops the
    generator: at its next word, or when it has waited for one too long. Only then the place is free. Raises what asking raises."""
    place = await _place(places, reader)

    def run(say: Callable[[Event], None]) -> None:
        with place():
            say_each(ask, say)

    async with aclosing(heard(run, name="answer", silence_seconds=_SILENCE_SECONDS)) as events:
        async for event in events:
            yield event
            if isinstance(event, Done):
                return
    raise AnswerCutOff


async def _place(places: Places, reader: str) -> Callable[[], AbstractContextManager[None]]:
    """Take a place, which is given back at the end of the context, in whatever thread that is."""
    give_back = await places.take(reader)
    loop = asyncio.get_running_loop()

    @contextmanager
    def held() -> Iterator[None]:
        try:
            yield
        finally:
            with suppress(RuntimeError):  # the server has stopped meanwhile
                loop.call_soon_threadsafe(give_back)

    return held


async def whole(request: Request, steps: AsyncGenerator[Event | None, None]) -> Answer:
    """The answer at the end of the events. Raises HungUp where the client leaves before that."""
    async with aclosing(steps) as events, hanging_up(request) as hung_up:
        async for event in events:
            if isinstance(event, Done):
                return event.answer
            if hung_up():
                raise HungUp
    raise AnswerCutOff


@asynccontextmanager
async def hanging_up(request: Request) -> AsyncIterator[Callable[[], bool]]:
    """Whether the client has left, watched for meanwhile. The request's body must have been read."""

    async def wait() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    waiting = asyncio.ensure_future(wait())
    try:
        yield waiting.done
    finally:
        waiting.cancel()
