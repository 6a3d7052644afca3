"""Embedding: vectors for what can be found by its words already, computed beside the reading of further files, and before them the
context lines, where chunks are to have some.

The backlog holds ids alone: chunks are read back from the library, a slice at a time, so that it may grow to any length.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from assistant.answering import Assistant
from assistant.context_lines import LinedChunk
from assistant.records import Collection, Pending
from ingestion.lining import LINES_AT_A_TIME, Lining
from ingestion.writing import SLICE, Embedded, embed


@dataclass(frozen=True, slots=True)
class Slice:
    """Vectors for a collection, how many chunks they come from, which of these were given a line, and the versions that are whole with
    them."""

    into: Collection
    embedded: Embedded
    chunks: int
    lined: Sequence[LinedChunk]
    completed: Sequence[Pending]


class Embedding:
    """The backlog of one ingest. One slice is computed at a time, in a thread; whoever asks for it writes it. Leaving the `with`
    waits for the slice in hand and gives the rest up."""

    def __init__(self, assistant: Assistant, lining: Lining) -> None:
        self._assistant, self._lining = assistant, lining
        self._most = LINES_AT_A_TIME if lining.wanted else SLICE
        self._backlog: deque[tuple[Collection, Pending, int]] = deque()
        self._thread = ThreadPoolExecutor(1, "footnote-embedding")
        self.next: Future[Slice] | None = None

    def __enter__(self) -> Embedding:
        return self

    def __exit__(self, *_: object) -> None:
        self._lining.stop()
        self._thread.shutdown(cancel_futures=True)

    def add(self, into: Collection, pending: Pending) -> None:
        """Put a version at the end of the backlog. `into` has its pivot length."""
        self._backlog.append((into, pending, 0))
        self._go_on()

    def take(self) -> Slice:
        """The next slice; waits for it. There must be one."""
        assert self.next is not None
        made, self.next = self.next.result(), None
        self._go_on()
        return made

    def _go_on(self) -> None:
        if self.next is None and self._backlog:
            into = self._backlog[0][0]
            ids: list[int] = []
            completed: list[Pending] = []
            while self._backlog and self._backlog[0][0].id == into.id and len(ids) < self._most:
                _, pending, done = self._backlog.popleft()
                part = pending.chunk_ids[done : done + self._most - len(ids)]
                ids += part
                if done + len(part) < len(pending.chunk_ids):
                    self._backlog.appendleft((into, pending, done + len(part)))
                else:
                    completed.append(pending)
            self.next = self._thread.submit(self._made, into, ids, completed)

    def _made(self, into: Collection, chunk_ids: Sequence[int], completed: Sequence[Pending]) -> Slice:
        chunks, lined = self._lining.lined(self._assistant.library.chunks.to_index(chunk_ids))
        return Slice(into, embed(self._assistant, into, chunks), len(chunk_ids), lined, completed)
