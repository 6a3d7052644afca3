"""Asynchronous: work that blocks, for callers that may not. It runs in a thread of its own and says what comes of it, one thing after
another. This is the only bridge from threads to a loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TypeVar, cast

T = TypeVar("T")


class NobodyListens(BaseException):
    """Ends work at the next thing that it says to one who has left, as Ctrl+C would in a command."""


@dataclass(frozen=True, slots=True)
class _End:
    error: Exception | None


def in_thread(make: Callable[[], Iterator[T]]) -> AsyncGenerator[T]:
    """The items of the iterator that `make` makes, each begun when it is asked for; what it raises comes out as it is. Closing, or
    cancelling the task that waits for an item, closes the iterator in its thread: at once where it stands between two items, else when
    its next one has come."""

    def work(say: Callable[[T], None]) -> None:
        say_each(make, say)

    items = heard(work, name="iterator", runs_ahead=False)
    return cast("AsyncGenerator[T]", items)  # without `silence_seconds` nothing but items comes


async def heard(
    work: Callable[[Callable[[T], None]], None], *, name: str, runs_ahead: bool = True, silence_seconds: float | None = None
) -> AsyncGenerator[T | None]:
    """What the work says, then what it raises. It runs in a thread of this name, ahead of its listener or not. With `silence_seconds`,
    None comes whenever nothing was said for so long. Once nobody listens, the next `say` raises NobodyListens in the thread."""
    loop = asyncio.get_running_loop()
    steps: asyncio.Queue[T | _End] = asyncio.Queue()
    wanted, left = threading.Semaphore(0), threading.Event()

    def pass_on(step: T | _End) -> None:
        loop.call_soon_threadsafe(steps.put_nowait, step)

    def say(item: T) -> None:
        if left.is_set():
            raise NobodyListens
        try:
            pass_on(item)
        except RuntimeError as error:  # the loop is closed
            raise NobodyListens from error
        if not runs_ahead:
            wanted.acquire()
            if left.is_set():
                raise NobodyListens

    threading.Thread(target=_run, args=(work, say, pass_on), name=name, daemon=True).start()
    try:
        while True:
            try:
                async with asyncio.timeout(silence_seconds):
                    step = await steps.get()
            except TimeoutError:
                yield None
                continue
            if isinstance(step, _End):
                if step.error is not None:
                    raise step.error
                return
            yield step
            wanted.release()
    finally:
        left.set()
        wanted.release()


def _run(work: Callable[[Callable[[T], None]], None], say: Callable[[T], None], pass_on: Callable[[T | _End], None]) -> None:
    error: Exception | None = None
    try:
        work(say)
    except NobodyListens:
        pass
    except Exception as raised:  # handed to the task that listens, which raises it
        error = raised
    except BaseException as raised:  # what would end the listener's process is no end of its work
        error = RuntimeError(f"What was asked for ended early: {raised!r}.")
    finally:
        with suppress(RuntimeError):  # its loop is closed: nobody listens any more
            pass_on(_End(error))


def say_each(make: Callable[[], Iterator[T]], say: Callable[[T], None]) -> None:
    """Say every item of the iterator that `make` makes, and close it where it can be closed."""

    def each() -> Generator[T]:
        yield from make()

    with closing(each()) as items:
        for item in items:
            say(item)
