"""Reading: bytes of files that nobody vouches for, in child processes that this process shares and starts at the first file."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.types import ParsedDocument, TextRun

if TYPE_CHECKING:
    from ingestion.sandbox import Sandbox

_lock = threading.Lock()
_sandboxes: dict[str, Sandbox] = {}


def read(data: bytes, name: str) -> ParsedDocument:
    """As `ingestion.parsers.parse`, in a sandbox. Raises ParseError, and SandboxUnavailable where no process can be started."""
    return _sandbox("files").parse(data, name)


def draw(original: bytes, page: int, runs: Sequence[TextRun], start: int, end: int, *, width_pixels: int) -> bytes:
    """A page of a PDF as PNG, [start, end) of the document's text highlighted. It has a process of its own, so that a picture does
    not wait for an ingest. Raises DocumentNotFound for a page that is not there, ParseError, SandboxUnavailable."""
    sandbox = _sandbox("pictures")
    return sandbox.draw_page(original, page, sandbox.boxes(original, runs, start, end), width_pixels=width_pixels)


def _sandbox(purpose: str) -> Sandbox:
    from ingestion.sandbox import Sandbox

    with _lock:
        if purpose not in _sandboxes:
            _sandboxes[purpose] = Sandbox(workers=2 if purpose == "files" else 1)
            atexit.register(_sandboxes[purpose].close)
        return _sandboxes[purpose]
