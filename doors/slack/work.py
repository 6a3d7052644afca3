"""Work: what is answered while Slack already has its acknowledgement, on a few threads, one thing at a time in each conversation."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

Job = Callable[[], None]

_THREADS = 4
_MOST_WAITING = 500

_log = logging.getLogger(__name__)


class Work:
    """Jobs by the conversation that they belong to; those of one are done in order. Once the bot is `stopping` none is begun, and a
    job looks at it to end early."""

    def __init__(self, stopping: threading.Event, threads: int = _THREADS, most_waiting: int = _MOST_WAITING) -> None:
        self._stopping = stopping
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="slack")
        self._most_waiting = most_waiting
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Job]] = {}

    def add(self, conversation: str, job: Job) -> bool:
        """Whether there was room for one more job."""
        with self._lock:
            if self._stopping.is_set() or sum(len(jobs) + 1 for jobs in self._waiting.values()) >= self._most_waiting:
                return False
            if conversation in self._waiting:
                self._waiting[conversation].append(job)
                return True
            self._waiting[conversation] = deque()
            self._pool.submit(self._run, conversation, job)
        return True

    def close(self) -> None:
        """Wait for the jobs under way, which are told to stop; those that wait are not begun."""
        self._stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, conversation: str, job: Job) -> None:
        try:
            if not self._stopping.is_set():
                job()
        except Exception:
            _log.exception("Something failed that was to be told in Slack.")
        with self._lock:
            following = self._waiting[conversation]
            if following and not self._stopping.is_set():
                self._pool.submit(self._run, conversation, following.popleft())
            else:
                del self._waiting[conversation]
