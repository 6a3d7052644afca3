"""Counts how often in a row something that others lean on was down, and then keeps it from being tried for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Breaker:
    """Closed at first: everybody may try. After `failures` in a row it is open: for `cool_down_seconds` nobody may, then one caller,
    and one more after each further cool-down, until one of them is served. Safe to call from several threads."""

    def __init__(
        self, *, failures: int = 3, cool_down_seconds: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.failures, self.cool_down_seconds, self._clock = failures, cool_down_seconds, clock
        self._lock = threading.Lock()
        self._failed, self._next_trial = 0, 0.0

    def admit(self) -> float:
        """0.0 where the caller may try, who should then tell how it went; else the seconds until somebody may. A trial that nobody
        tells of counts as none: the next one is let in after another cool-down."""
        with self._lock:
            if self._failed < self.failures:
                return 0.0
            now = self._clock()
            if now < self._next_trial:
                return self._next_trial - now
            self._next_trial = now + self.cool_down_seconds
            return 0.0

    def served(self) -> None:
        with self._lock:
            self._failed = 0

    def failed(self) -> None:
        with self._lock:
            self._failed += 1
            self._next_trial = self._clock() + self.cool_down_seconds
