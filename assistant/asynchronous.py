"""Asynchronous: an iterator that blocks, for callers that may not. It runs in a thread of its own, one step for each item that is
asked for; whatever it iterates over is written once."""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import closing, suppress
from typing import TypeVar

T = TypeVar("T")


async def in_thread(make: Callable[[], Iterator[T]]) -> AsyncGenerator[T]:
    """The items of the iterator that `make` makes; what it raises comes out as it is. Closing, or cancelling the task that waits for
    an item, closes the iterator in its thread: at once where it stands between two items, else when its next one has come."""
    loop = asyncio.get_running_loop()
    wishes: queue.SimpleQueue[asyncio.Future[list[T]] | None] = queue.SimpleQueue()
    threading.Thread(target=_answer, args=(wishes, make, loop), name="iterator", daemon=True).start()
    try:
        while True:
            wish: asyncio.Future[list[T]] = loop.create_future()
            wishes.put(wish)
            if not (item := await wish):
                return
            yield item[0]
    finally:
        wishes.put(None)


def _answer(
    wishes: queue.SimpleQueue[asyncio.Future[list[T]] | None], make: Callable[[], Iterator[T]], loop: asyncio.AbstractEventLoop
) -> None:
    """Answer each wish with a list of one item, or of none at the end, until None is wished for."""
    with closing(_items(make)) as items:
        while (wish := wishes.get()) is not None:
            item: list[T] = []
            error: Exception | None = None
            try:
                item = list(itertools.islice(items, 1))
            except Exception as raised:  # handed to the task that waits, which raises it
                error = raised
            with suppress(RuntimeError):  # its loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, wish, item, error)


def _items(make: Callable[[], Iterator[T]]) -> Generator[T]:
    yield from make()


def _settle(wish: asyncio.Future[list[T]], item: list[T], error: Exception | None) -> None:
    if wish.done():  # cancelled
        return
    if error is not None:
        wish.set_exception(error)
    else:
        wish.set_result(item)
