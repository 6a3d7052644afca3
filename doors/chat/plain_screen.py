"""The plain screen: for pipes and files. A line in is a question, and each answer is printed as `footnote ask` prints it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from assistant.types import Answer, Chunk, Citation, Event
from doors.terminal import harmless, place_of, print_answer, print_error, say


class PlainScreen:
    def next_line(self) -> str:
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

    @contextmanager
    def coming(self) -> Iterator[Callable[[Event], None]]:
        yield lambda _: None

    def answer(self, answer: Answer) -> None:
        print_answer(answer)
        say("")

    def passage(self, citation: Citation, chunk: Chunk) -> None:
        before, after = chunk.text[: citation.start - chunk.start], chunk.text[citation.end - chunk.start :]
        say(f"[{citation.number}] {place_of(citation)}")
        say(f"{before}>>{citation.quote}<<{after}\n")

    def stopped(self, words: str) -> None:
        raise KeyboardInterrupt

    def say(self, words: str) -> None:
        say(f"{harmless(words)}\n")

    def trouble(self, words: str) -> None:
        print_error(words, "", as_json=False)
