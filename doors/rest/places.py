"""Places: how many requests of one kind are worked on at once. The rest wait a little and are then told to come again, so that the
page, which has threads of its own, goes on."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable

from doors.rest.errors import Refusal


class Places:
    """`most` places, of which one reader has at most `each`. For one event loop."""

    def __init__(self, what: str, *, most: int, each: int, wait_seconds: float) -> None:
        self._what, self._most, self._each, self._wait_seconds = what, most, each, wait_seconds
        self._all = asyncio.Semaphore(most)
        self._readers: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(each))

    async def take(self, reader: str) -> Callable[[], None]:
        """Wait for a place; what gives it back. Raises Refusal (429) where none gets free in time."""
        own = self._readers[reader]
        try:
            async with asyncio.timeout(self._wait_seconds):
                await own.acquire()
        except TimeoutError:
            raise self._refusal(f"You have {self._each} {self._what} going on") from None
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._all.acquire()
        except BaseException as error:
            own.release()
            if isinstance(error, TimeoutError):
                raise self._refusal(f"{self._most} {self._what} are going on") from None
            raise

        def give_back() -> None:
            own.release()
            self._all.release()

        return give_back

    def _refusal(self, said: str) -> Refusal:
        return Refusal(f"{said}, and no more at once. Try again in a moment.", 429, code="too_many_at_once", wait_seconds=2)
