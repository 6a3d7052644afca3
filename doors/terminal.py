"""How commands print: for people, without anything that a terminal would obey, or as one JSON object."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from assistant.types import Answer, Citation
    from ingestion.report import Progress

# Control characters, marks that turn the direction of writing, and what stands for bytes that are no UTF-8 in a file's name.
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

# Where we say ourselves how fast it goes and how long it will take.
_OWN_WORDS = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"


def say(text: str, *, to_stderr: bool = False) -> None:
    """Print for people, as `harmless` text."""
    click.echo(harmless(text), err=to_stderr)


def harmless(text: str) -> str:
    """What no terminal obeys. Tabs and line ends stay; other control characters become escapes."""
    return _OBEYED.sub(lambda found: found[0] if found[0] in "\t\n" else _escape(found[0]), text)


def name(text: str) -> str:
    """A file's name or a title, which is one line whatever is in it."""
    return _OBEYED.sub(lambda found: _escape(found[0]), text)


def shortened(text: str, most: int = 160) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def print_json(value: object) -> None:
    """One line. Characters that stdout cannot take are escaped as JSON has it."""
    line = json.dumps(value, ensure_ascii=False)
    try:
        line.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        line = json.dumps(value)
    click.echo(line)


def progress_line(progress: Progress) -> str:
    """Pages, chunks, rate and time left of an ingest, in a few words."""
    words = [f"{progress.pages:,} pages, {progress.chunks:,} chunks"]
    if progress.embedded:
        words.append(f"{progress.chunks_per_second:,.1f} chunks a second")
    if progress.seconds_left is not None:
        words.append(f"{duration(progress.seconds_left)} left")
    return ", ".join(words)


def duration(seconds: float) -> str:
    """A time as people say it: "40 s", "7 min", "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def print_error(message: str, kind: str, *, as_json: bool) -> None:
    """One line on stderr; with --json an object on stdout as well."""
    if as_json:
        print_json({"error": message, "kind": kind})
    say(f"footnote: {message}", to_stderr=True)


def borne_out(answer: Answer) -> str:
    """How much of a written answer the documents bear out: "4 of 5 statements are borne out by the documents"."""
    borne = answer.stated - len(answer.unsupported)
    are = "statement is" if answer.stated == 1 else "statements are"
    return f"{borne} of {answer.stated} {are} borne out by the documents"


def print_answer(answer: Answer) -> None:
    for line in (answer.text, *below_answer(answer)):
        say(line)
    for notice in answer.notices:
        say(f"Note: {name(notice)}", to_stderr=True)


def below_answer(answer: Answer) -> Iterator[str]:
    """The lines that stand below an answer's text: its footnotes, and what it lacks."""
    if not answer.complete:
        yield "[This answer was cut off.]"
    if answer.citations:
        yield ""
    for c in answer.citations:
        yield f"[{c.number}] {place_of(c)}: “{shortened(c.quote, 300)}”"
    if answer.stated:
        yield f"\n{borne_out(answer)}."
    elif answer.unsupported:
        yield ""
    for sentence in answer.unsupported:
        yield f"Not borne out by the documents: {shortened(sentence, 300)}"
    if not answer.found and answer.hits:
        yield "\nNearest passages:"
        for hit in answer.hits:
            yield f"  {name(hit.chunk.title)}, page {hit.chunk.page}: {shortened(hit.chunk.text)}"


def place_of(citation: Citation) -> str:
    """Where a footnote leads, in words."""
    return f"{name(citation.title)}, page {citation.page} ({name(citation.source)})"


class ProgressBar:
    """A bar on stderr that appears at the first step."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._read = 0

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, progress: Progress) -> None:
        """First the files that are read, then the chunks that still have to get their vectors."""
        if min(self._read, progress.files) < progress.files_total:  # with the step that read the last, so that the bar ends full
            self.step("Reading", progress.files, progress.files_total, progress_line(progress))
        elif progress.chunks:
            self.step("Embedding", progress.embedded, progress.chunks, progress_line(progress))
        self._read = progress.files

    def step(self, what: str, done: int, total: int, note: str = "") -> None:
        from tqdm import tqdm

        if self._bar is None or self._bar.desc.rstrip(": ") != what:
            if self._bar is not None:
                self._bar.close()
            self._bar = tqdm(total=total, desc=what, file=sys.stderr, dynamic_ncols=True, bar_format=_OWN_WORDS if note else None)
        self._bar.total = total
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(done - self._bar.n)


def _escape(character: str) -> str:
    return ascii(character)[1:-1]
