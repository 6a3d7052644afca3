"""One completion read in a thread of its own, so that its limits hold whatever the model does; thoughts in its text are taken out."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

from assistant.errors import AnswerCutOff

CHARACTERS_A_TOKEN = 16
"""What a token has at most, for `most_characters`."""

_THOUGHTS_BEGIN, _THOUGHTS_END = "<think>", "</think>"


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """`deadline` is a reading of time.monotonic(). The gap limit runs from the first piece on: until then a model reads the
    prompt, which on a laptop takes as long as it takes, and the deadline alone holds."""

    deadline: float
    gap_seconds: float
    most_characters: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Text as it came, and the model's own finish reason ("" before the end). Both empty: a reasoning model at work."""

    text: str
    finish_reason: str = ""


class LimitedStream:
    """What `read` gives, piece by piece. `read` runs in a thread of its own, which is left behind where the model blocks; `interrupt`
    is called to wake it when nobody listens any more.

    Iterating raises AnswerCutOff at a limit or when the pieces end without a finish reason, and what `read` raises as it is.
    `close` ends it at once, from any thread."""

    def __init__(
        self, read: Callable[[], Generator[Piece]], limits: StreamLimits, interrupt: Callable[[], None] = lambda: None
    ) -> None:
        self._read, self._limits, self._interrupt = read, limits, interrupt
        self._arrived: queue.SimpleQueue[tuple[float, Piece | Exception | None]] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._fill, name="completion", daemon=True)

    def __iter__(self) -> Iterator[Piece]:
        self._reader.start()
        try:
            yield from self._pieces()
        finally:
            self.close()

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    def close(self) -> None:
        self._closed.set()
        self._interrupt()
        # Whoever still waits for a piece from a model that blocks is told at once.
        self._arrived.put((time.monotonic(), None))

    def _pieces(self) -> Iterator[Piece]:
        """Judged by when a piece arrived, so that a slow caller is not taken for a stalled model."""
        limits, last, characters = self._limits, float("inf"), 0
        while True:
            until = min(limits.deadline, last + limits.gap_seconds)
            try:
                arrived, piece = self._arrived.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                arrived, piece = float("inf"), None
            if arrived > until:
                raise AnswerCutOff(_limit_message(limits, until))
            if isinstance(piece, Exception):
                raise piece
            if piece is None:
                raise AnswerCutOff("The model's stream ended without a finish reason, so the answer may be cut off. Ask again.")
            last, characters = arrived, characters + len(piece.text)
            if characters > limits.most_characters:
                raise AnswerCutOff(f"The model wrote more than {limits.most_characters} characters and did not stop. Ask again.")
            yield piece
            if piece.finish_reason:
                return

    def _fill(self) -> None:
        last: Exception | None = None
        thoughts = _Thoughts()
        try:
            with contextlib.closing(self._read()) as pieces:
                for piece in pieces:
                    if self.closed:
                        return
                    shown = thoughts.taken_out(piece.text, last=bool(piece.finish_reason))
                    self._arrived.put((time.monotonic(), Piece(shown, piece.finish_reason)))
        except Exception as error:  # handed to the caller's thread, which raises it
            last = error
        self._arrived.put((time.monotonic(), last))


class Closable(Protocol):
    def close(self) -> None:
        """End it at once, from any thread."""


class OpenStreams:
    """The streams in which one model writes, so that all of them can be ended, from any thread and for good."""

    def __init__(self) -> None:
        self._streams: set[Closable] = set()
        self._closed = threading.Event()

    @contextmanager
    def holding(self, stream: Closable) -> Iterator[None]:
        """Closes the stream at the end of the block. What is raised in it once all were closed comes out as AnswerCutOff."""
        self._streams.add(stream)
        try:
            if self._closed.is_set():
                raise _closed()
            yield
        except Exception as error:
            if self._closed.is_set():
                raise _closed() from error
            raise
        finally:
            self._streams.discard(stream)
            stream.close()

    def wait(self, seconds: float) -> None:
        """Let so much time pass. Raises AnswerCutOff where all are closed before."""
        if self._closed.wait(seconds):
            raise _closed()

    def close(self) -> None:
        self._closed.set()
        for stream in list(self._streams):
            stream.close()


def _closed() -> AnswerCutOff:
    return AnswerCutOff("The model was closed while it wrote. Ask again.")


class _Thoughts:
    """Takes a block <think>...</think> at the beginning out of a text that comes in pieces. Servers that know their model send its
    thoughts apart from the answer; others send them like this."""

    def __init__(self) -> None:
        self._held = ""
        self._state: Literal["beginning", "thinking", "answering"] = "beginning"

    def taken_out(self, text: str, *, last: bool) -> str:
        """What may be shown now. The beginning of a tag is held back until the next piece tells what it is."""
        self._held += text
        if self._state == "beginning":
            begun = self._held.lstrip()
            if begun.startswith(_THOUGHTS_BEGIN):
                self._state, self._held = "thinking", begun.removeprefix(_THOUGHTS_BEGIN)
            elif last or not _THOUGHTS_BEGIN.startswith(begun):
                self._state = "answering"
        if self._state == "thinking":
            _, end, after = self._held.partition(_THOUGHTS_END)
            self._state, self._held = ("answering", after.lstrip()) if end else ("thinking", self._held[1 - len(_THOUGHTS_END) :])
        shown = self._held if self._state == "answering" else ""
        self._held = "" if shown else self._held
        return shown


def _limit_message(limits: StreamLimits, until: float) -> str:
    if until >= limits.deadline:
        return "The model did not finish within the time for an answer. Ask again, or raise FOOTNOTE_ANSWER_TIMEOUT_SECONDS."
    return (
        f"The model's stream stalled: nothing new for {limits.gap_seconds:g} seconds. Ask again, or raise "
        "FOOTNOTE_TOKEN_TIMEOUT_SECONDS."
    )
