"""The screen of a terminal: what comes is drawn in place while it comes, then the checked answer stands, its marks in colour.

Of a document's words nothing is obeyed: they are cleaned as all that commands print, and never read as rich's markup. Nor is anything
kept that nobody would see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text as Styled

from assistant.types import Answer, Chunk, Citation, Event, Passages, Searching, Text
from doors.terminal import below_answer, harmless, name, place_of, shortened
from prompts.invisible import visible

_MARK = re.compile(r"\[(\d{1,3})\]")
_MARK_STYLE, _QUOTE_STYLE, _SMALL_STYLE, _TROUBLE_STYLE = "bold cyan", "bold reverse", "dim", "red"
_IDLE_SECONDS = 20.0
# What readline counts as no width stands between \1 and \2.
_PROMPT = "\1\x1b[1m\2> \1\x1b[0m\2"


class RichScreen:
    """`idle` is called, in another thread, when nothing has been typed for a while: whoever reads an answer needs no index, and
    another command may."""

    def __init__(self, idle: Callable[[], None]) -> None:
        self._idle = idle
        self._console = Console(markup=False, emoji=False, highlight=False)
        self.say("Ask your documents. /help shows the commands, Ctrl+D leaves.")

    def next_line(self) -> str:
        import readline  # noqa: F401  lines can be edited, and come back with the arrow keys

        idle = Timer(_IDLE_SECONDS, self._idle)
        idle.daemon = True
        idle.start()
        try:
            line = input(_PROMPT)
        except EOFError:
            self._console.print()
            raise
        finally:
            idle.cancel()
            idle.join()
        return line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

    @contextmanager
    def coming(self) -> Iterator[Callable[[Event], None]]:
        spinner, written = Spinner("dots", Styled("Searching…", _SMALL_STYLE)), ""
        with Live(spinner, console=self._console, transient=True, redirect_stdout=False, redirect_stderr=False) as live:

            def show(event: Event) -> None:
                nonlocal written
                if isinstance(event, Searching):
                    spinner.update(text=Styled(f"Searching: {shortened(name(event.query), 60)}", _SMALL_STYLE))
                elif isinstance(event, Passages):
                    spinner.update(text=Styled(f"Reading {len(event.hits)} passages…", _SMALL_STYLE))
                elif isinstance(event, Text):
                    written += event.text
                    live.update(self._end_of(written))

            yield show

    def answer(self, answer: Answer) -> None:
        shown = Styled(_shown(answer.text))
        cited = {c.number for c in answer.citations}
        for found in _MARK.finditer(shown.plain):
            if int(found[1]) in cited:
                shown.stylize(_MARK_STYLE, *found.span())
        self._console.print(shown)
        for line in below_answer(answer):
            self._small(line)
        for notice in answer.notices:
            self._small(f"Note: {name(notice)}")
        self._console.print()

    def passage(self, citation: Citation, chunk: Chunk) -> None:
        start, end = citation.start - chunk.start, citation.end - chunk.start
        parts = (chunk.text[:start], ""), (chunk.text[start:end], _QUOTE_STYLE), (chunk.text[end:], "")
        self._console.print(Styled(f"[{citation.number}] {_shown(place_of(citation))}", _MARK_STYLE))
        self._console.print(Styled.assemble(*((_shown(text), style) for text, style in parts)))
        self._console.print()

    def stopped(self, words: str) -> None:
        self.say(f"\n{words}")

    def say(self, words: str) -> None:
        self._console.print(Styled(_shown(words), _SMALL_STYLE))

    def trouble(self, words: str) -> None:
        self._console.print(Styled(f"footnote: {_shown(words)}", _TROUBLE_STYLE))

    def _small(self, line: str) -> None:
        shown = Styled(_shown(line), _SMALL_STYLE)
        if found := _MARK.match(line):
            shown.stylize(f"not dim {_MARK_STYLE}", *found.span())
        self._console.print(shown)

    def _end_of(self, written: str) -> Styled:
        """As much of the end as the terminal shows without rolling, which could not be taken back."""
        width, height = self._console.size
        lines = Styled(_shown(written)).wrap(self._console, width)
        return Styled("\n").join(lines[-max(1, height - 2) :])


def _shown(text: str) -> str:
    return visible(harmless(text))
