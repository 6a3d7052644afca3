"""Working: what takes long is done in threads of its own, each with a place, never in the pool that the page's requests share."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, closing, suppress
from typing import TypeVar

from fastapi import Request

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
    give_back = await places.take(reader)
    loop = asyncio.get_running_loop()
    came: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        give_back()
        if came.cancelled():
            return
        if error is None:
            came.set_result(result)  # type: ignore[arg-type]
        else:
            came.set_exception(error)

    def run() -> None:
        try:
            result, error = job(), None
        except Exception as failed:
            result, error = None, failed
        with suppress(RuntimeError):  # the server has stopped meanwhile
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="rest", daemon=True).start()
    return await came


async def follow(places: Places, reader: str, ask: Callable[[], Iterator[Event]]) -> AsyncGenerator[Event | None, None]:
    """The events of an answer as they come, Done the last; None for each second of silence. Whoever stops listening stops the
    generator: at its next word, or when it has waited for one too long. Only then the place is free. Raises what asking raises."""
    give_back = await places.take(reader)
    loop = asyncio.get_running_loop()
    came: asyncio.Queue[Event | Exception] = asyncio.Queue()
    left = threading.Event()

    def run() -> None:
        def tell(step: Event | Exception) -> None:
            loop.call_soon_threadsafe(came.put_nowait, step)

        with suppress(RuntimeError):  # the server has stopped meanwhile
            try:
                with closing(ask()) as events:  # type: ignore[type-var]
                    for event in events:
                        if left.is_set():
                            break
                        tell(event)
            except Exception as error:
                tell(error)
            loop.call_soon_threadsafe(give_back)
            tell(AnswerCutOff("The answer ended before it was whole. Ask again."))

    threading.Thread(target=run, name="answer", daemon=True).start()
    try:
        while True:
            try:
                async with asyncio.timeout(_SILENCE_SECONDS):
                    step = await came.get()
            except TimeoutError:
                yield None
                continue
            if isinstance(step, Exception):
                raise step
            yield step
            if isinstance(step, Done):
                return
    finally:
        left.set()


async def whole(request: Request, steps: AsyncGenerator[Event | None, None]) -> Answer:
    """The answer at the end of the events. Raises HungUp where the client leaves before that."""
    async with aclosing(steps) as events, hanging_up(request) as hung_up:
        async for event in events:
            if isinstance(event, Done):
                return event.answer
            if hung_up():
                raise HungUp
    raise AnswerCutOff("The answer ended before it was whole. Ask again.")


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
