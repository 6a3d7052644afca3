"""Bombs: files built to fill the memory or to take for ever are refused within five seconds, with this process as small as before.

The seconds are processor time that the kernel allows the process which reads, so that no other load on the machine can lengthen them.
"""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from assistant.errors import FootnoteError, ParseError
from ingestion.sandbox import Limits, Sandbox
from tests.bombs import BOMBS, PICTURE_BOMBS
from tests.test_sandbox import LINUX, memory_stays, reads_on

MOST_SECONDS = 5
# Linear in what they hold, and read; the others are refused.
READ = {
    "span.docx",
    "merged.xlsx", "spaces.odt", "repeated.odt", "laughs.epub", "uses.html", "tables.html", "attributes.html", "nested.md",
    "brackets.md", "emphasis.md", "ticks.md", "groups.rtf", "nested.json", "wide.json", "digits.json", "headers.eml", "columns.csv",
    "rows.csv", "glyphs.pdf",
}  # fmt: skip
# Refused before anything is unpacked, with these words; the first is too large for the kernel to end it in time.
AT_SIGHT = {
    "entries.docx": "holds 10002 entries",
    "zeros.docx": "built like a zip bomb",
    "overlapping.epub": "built like a zip bomb",
    "chapters.epub": "built like a zip bomb",
}
pytestmark = LINUX


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(workers=1) as made:
        yield made


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_or_read_soon_with_this_process_as_small_as_before(
    sandbox: Sandbox, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content = BOMBS[name]()
    came_to = came_to_soon(lambda: sandbox.parse(content, name).text, name, content, capsys)
    assert isinstance(came_to, str if name in READ else ParseError)
    assert came_to or name not in READ, "no text was made of it"
    assert AT_SIGHT.get(name, "") in str(came_to)
    assert reads_on(sandbox)


@pytest.mark.parametrize("name", PICTURE_BOMBS)
def test_a_page_that_is_a_bomb_is_refused_or_drawn_soon(sandbox: Sandbox, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    content = PICTURE_BOMBS[name]()
    came_to_soon(lambda: sandbox.draw_page(content, 1, []), name, content, capsys)
    assert reads_on(sandbox)


@pytest.mark.parametrize("name", ["paragraphs.docx", "forms.pdf", "flate.pdf"])
def test_the_kernel_keeps_a_reader_to_its_seconds_also_where_it_is_asked_again(name: str) -> None:
    content = BOMBS[name]()
    idle, used = (cpu_seconds_of_a_sandbox(read) for read in (b"text", content))
    assert used - idle < MOST_SECONDS


def came_to_soon(
    read: Callable[[], str | bytes], name: str, content: bytes, capsys: pytest.CaptureFixture[str]
) -> str | bytes | FootnoteError:
    """What reading gives or raises, held to its limits; what it took is printed."""
    came_to: str | bytes | FootnoteError
    # The kernel ends the process in the second in which its allowance runs out.
    assert name == "entries.docx" or math.ceil(Limits().cpu_seconds_for(len(content)) + 0.5) <= MOST_SECONDS, (
        "small enough for the kernel to end it in time"
    )
    started = time.monotonic()
    with memory_stays():
        try:
            came_to = read()
        except FootnoteError as error:
            came_to = error
    seconds = time.monotonic() - started
    said = f"{type(came_to).__name__}: {came_to}" if isinstance(came_to, FootnoteError) else f"{len(came_to):,} made of it"
    with capsys.disabled():
        print(f"\n{name} ({len(content):,} bytes), {seconds:.1f} s: {said[:140]}", end="")
    return came_to


def cpu_seconds_of_a_sandbox(content: bytes) -> float:
    """Processor time of all its processes for that file, between two harmless ones."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with Sandbox(workers=1) as sandbox:
        assert reads_on(sandbox)
        with suppress(ParseError):
            sandbox.parse(content, "a.pdf")
        assert reads_on(sandbox)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
