"""Reading: bytes of files that nobody vouches for, in child processes that this process shares and starts at the first file."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.types import ParsedDocument, TextRun
from ingestion.recognition import with_recognised

if TYPE_CHECKING:
    from ingestion.page_pictures import Box
    from ingestion.sandbox import Sandbox

_lock = threading.Lock()
_sandboxes: dict[str, Sandbox] = {}


def read(data: bytes, name: str, ocr_languages: str = "eng") -> ParsedDocument:
    """As `ingestion.parsers.parse`, in a sandbox, with the text of pages that are pictures recognised in these languages (`eng+fra`);
    never without any text. Raises ParseError, and SandboxUnavailable where no process can be started."""
    from ingestion.parsers.other_types import NeedsPrograms

    sandbox = _sandbox("files")
    try:
        document = sandbox.parse(data, name)
    except NeedsPrograms:
        return _sandbox("programs").parse(data, name)
    return with_recognised(
        document,
        name,
        lambda page, tessdata: sandbox.recognise(data, name, page, languages=ocr_languages, tessdata=tessdata),
        languages=ocr_languages,
        seconds=sandbox.limits.recognition_seconds_for(len(data)),
        workers=sandbox.workers,
    )


def attachments(data: bytes, name: str) -> list[tuple[str, bytes]]:
    """As `ingestion.parsers.attachments`, in a sandbox, with the errors of `read`."""
    return _sandbox("files").attachments(data, name)


def give_up() -> None:
    """End what is being read now, so that nobody waits for it: those who do get SandboxUnavailable."""
    with _lock:
        given_up = [_sandboxes.pop(purpose, None) for purpose in ("files", "programs")]
    for sandbox in given_up:
        if sandbox is not None:
            sandbox.close()
            atexit.unregister(sandbox.close)


def boxes(original: bytes, runs: Sequence[TextRun], start: int, end: int) -> list[Box]:
    """As `ingestion.page_pictures.boxes`, in a sandbox, with the errors of `draw`."""
    return _sandbox("pictures").boxes(original, runs, start, end)


def draw(original: bytes, page: int, runs: Sequence[TextRun], start: int, end: int, *, width_pixels: int) -> bytes:
    """A page of a PDF or a picture as PNG, [start, end) of the document's text highlighted. It has a process of its own, so that it
    does not wait for an ingest. Raises DocumentNotFound for a page that is not there, ParseError, SandboxUnavailable."""
    sandbox = _sandbox("pictures")
    return sandbox.draw_page(original, page, sandbox.boxes(original, runs, start, end), width_pixels=width_pixels)


def _sandbox(purpose: str) -> Sandbox:
    from ingestion.sandbox import Sandbox

    with _lock:
        if purpose not in _sandboxes:
            _sandboxes[purpose] = (
                _sandbox_for_programs() if purpose == "programs" else Sandbox(workers=2 if purpose == "files" else 1)
            )
            atexit.register(_sandboxes[purpose].close)
        return _sandboxes[purpose]


def _sandbox_for_programs() -> Sandbox:
    from ingestion.sandbox import Limits, Sandbox

    limits = Limits(
        memory_bytes=4_000_000_000, least_cpu_seconds=30, cpu_seconds=120, wall_seconds=150, open_files=256,
        file_bytes=500_000_000, processes=256,
    )  # fmt: skip
    return Sandbox(workers=1, limits=limits, files_per_child=1, parse_with="ingestion.parsers.other_formats:parse", programs=True)
