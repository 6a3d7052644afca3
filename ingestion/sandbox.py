"""Reads files and draws their pages in child processes behind walls, so that no file can crash, hang, fill or misuse this one.

`sandbox_walls` holds the walls, `sandbox_child` what runs behind them, `sandbox_processes` this side's hold on it, and
`sandbox_wire` checks what comes back.
"""

from __future__ import annotations

import os
import queue
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from assistant.errors import (
    CorruptFile,
    DocumentNotFound,
    EmptyFile,
    EncryptedFile,
    FileTooLarge,
    FootnoteError,
    ParseError,
    UnsupportedFormat,
)
from assistant.types import ParsedDocument, TextRun
from ingestion.parsers.other_types import NeedsPrograms
from ingestion.sandbox_processes import Child, ForkServer, Reply, SandboxUnavailable
from ingestion.sandbox_walls import Limits
from ingestion.sandbox_wire import Nonsense, decode_boxes, decode_document, decode_files

if TYPE_CHECKING:
    from ingestion.page_pictures import Box

__all__ = ["Limits", "Sandbox", "SandboxUnavailable"]

_ERRORS: dict[str, type[FootnoteError]] = {
    error.__name__: error
    for error in (
        ParseError,
        UnsupportedFormat,
        NeedsPrograms,
        CorruptFile,
        EncryptedFile,
        EmptyFile,
        FileTooLarge,
    )
}
_ERRORS_OF_A_PAGE: dict[str, type[FootnoteError]] = {**_ERRORS, DocumentNotFound.__name__: DocumentNotFound}
_PNG = b"\x89PNG\r\n\x1a\n"
_NAME = "the document"
_USUAL_LIMITS = Limits()
_SECONDS_OF_OLD_HARM = 1.0
_Made = TypeVar("_Made")


class Sandbox:
    """Up to `workers` child processes that read files, each one file at a time.

    Nothing starts before the first file; a child is replaced after `files_per_child` files, or as soon as it had to be ended. Safe
    to use from several threads; a call waits while all children are busy. `parse_with` names the function that reads, as
    "module:function", in the form of `ingestion.parsers.parse`; a function `load_libraries` of that module runs once, before any file.
    With `programs`, it may run programs and write in a private folder (HOME and TMPDIR) that is emptied after each child: give it
    one worker, one file per child, and limits with `file_bytes` and `processes`. Close it, or use it in a `with` statement; should
    this process be killed, its children end too. Every method raises SandboxUnavailable where no process can be started, or after
    `close`.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        limits: Limits = _USUAL_LIMITS,
        files_per_child: int = 50,
        parse_with: str = "ingestion.parsers:parse",
        programs: bool = False,
    ) -> None:
        self.limits = limits
        self._files_per_child = files_per_child
        self.workers = workers
        self._fork_server = ForkServer([os.getpid(), files_per_child, parse_with, asdict(limits)], programs=programs)
        self._closed = False
        self._idle: queue.LifoQueue[Child | None] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(None)

    def parse(self, data: bytes, name: str) -> ParsedDocument:
        """As `ingestion.parsers.parse`; besides, FileTooLarge for a file that needs more time, memory or output than the limits
        allow, and CorruptFile for one that crashes its reader."""
        return self._ask({"verb": "parse", "name": name}, data, decode_document)

    def recognise(self, data: bytes, name: str, page: int, *, languages: str, tessdata: str) -> ParsedDocument:
        """As `ingestion.parsers.ocr.recognise` of a page (from one) of a PDF or a picture, with the errors of `parse`."""
        request = {"verb": "recognise", "name": name, "page": page, "languages": languages, "tessdata": tessdata}
        return self._ask(request, data, decode_document)

    def attachments(self, data: bytes, name: str) -> list[tuple[str, bytes]]:
        """As `ingestion.parsers.attachments`, with the errors of `parse`."""
        return self._ask({"verb": "attachments", "name": name}, data, decode_files)

    def boxes(self, original: bytes, runs: Sequence[TextRun], start: int, end: int) -> list[Box]:
        """As `ingestion.page_pictures.boxes`, with the errors of `parse`."""
        near = [(r.start, r.length, r.page, r.char_index, r.box) for r in runs if r.start < end and start < r.start + r.length]
        return self._ask({"verb": "boxes", "name": _NAME, "runs": near, "start": start, "end": end}, original, decode_boxes)

    def draw_page(self, original: bytes, page: int, highlights: Sequence[Box], *, width_pixels: int = 1000) -> bytes:
        """As `ingestion.page_pictures.draw_page`, with the errors of `parse`, and DocumentNotFound."""
        marks = [(b.page, b.left, b.top, b.right, b.bottom) for b in highlights if b.page == page]
        request = {"verb": "draw_page", "name": _NAME, "page": page, "highlights": marks, "width_pixels": width_pixels}
        return self._ask(request, original, _png)

    def close(self) -> None:
        """End every child, busy ones too: a call that waits for one then raises SandboxUnavailable."""
        self._closed = True
        self._fork_server.close()
        idle: list[Child | None] = []
        with suppress(queue.Empty):
            while True:
                idle.append(self._idle.get_nowait())
        for child in idle:
            if child is not None:
                child.connection.close()
            self._idle.put(None)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, request: dict[str, Any], content: bytes, decode: Callable[[memoryview], _Made]) -> _Made:
        child, fit = self._idle.get(), False
        try:
            started = time.monotonic()
            reply = self._attempt(child, request, content) if child else 0
            # A child that has read files before may have died of one of those: the next child is healthy, and its death counts. One
            # that worked on this file for a while, or took all the time that it may, died of this one; again would cost as much.
            soon = child is None or time.monotonic() - started < _SECONDS_OF_OLD_HARM
            if isinstance(reply, int) and reply & 0x7F != signal.SIGXCPU and soon:
                child = self._fork_server.fork()
                reply = self._attempt(child, request, content)
            if isinstance(reply, int):
                if self._closed:
                    raise SandboxUnavailable(f"The sandbox was closed while '{request['name']}' was read.")
                raise self._cause_of_death(reply, request, len(content))
            made = _understood(reply, request, decode)
            fit = child is not None and not (reply.leaving or self._closed) and child.files < self._files_per_child
        finally:
            if child is not None and not fit:
                self._fork_server.end(child)
            self._idle.put(child if fit else None)
        if isinstance(made, FootnoteError):
            raise made
        return made

    def _attempt(self, child: Child, request: dict[str, Any], content: bytes) -> Reply | int:
        """Its reply, or the exit status that it died with."""
        seconds = self.limits.wall_seconds
        try:
            return child.ask(request, content, seconds=seconds, most_bytes=self.limits.output_bytes)
        except TimeoutError as error:
            raise FileTooLarge(
                f"'{request['name']}' was given up after {seconds:,.0f} seconds. Split it, or save it again."
            ) from error
        except Nonsense as error:
            raise _nonsense(request["name"]) from error
        except (EOFError, OSError):
            return self._fork_server.end(child)

    def _cause_of_death(self, status: int, request: dict[str, Any], size: int) -> ParseError:
        name = request["name"]
        if not os.WIFSIGNALED(status):
            return CorruptFile(
                f"'{name}' ended the process that read it (exit {os.waitstatus_to_exitcode(status)}): it is damaged."
            )
        if os.WTERMSIG(status) == signal.SIGXCPU and request["verb"] == "recognise":
            seconds, most = self.limits.cpu_seconds_for(size), self.limits.page_cpu_seconds
            return FileTooLarge(
                f"A page of '{name}' needs more than {seconds:,.1f} seconds of processor time to be drawn, or {most:,.1f} to be "
                "recognised."
            )
        if os.WTERMSIG(status) == signal.SIGXCPU:
            seconds = self.limits.cpu_seconds_for(size)
            return FileTooLarge(
                f"'{name}' ({size:,} bytes) needs more than {seconds:,.1f} seconds of processor time, the limit for its size: it is "
                "built to do harm, or needs to be saved again."
            )
        if os.WTERMSIG(status) == signal.SIGKILL:
            return FileTooLarge(f"The system ended the process that read '{name}', as a rule for want of memory. Split it.")
        killed_by = signal.strsignal(os.WTERMSIG(status)) or "unknown"
        memory = f"{self.limits.memory_bytes / 1e6:,.0f} MB"
        return CorruptFile(f"'{name}' crashed its reader ({killed_by}): it is damaged, or needs more than {memory} of memory.")


def _understood(reply: Reply, request: dict[str, Any], decode: Callable[[memoryview], _Made]) -> _Made | FootnoteError:
    # An error that its caller does not look for would end more than the file: a whole ingest.
    errors = _ERRORS_OF_A_PAGE if request["verb"] == "draw_page" else _ERRORS
    try:
        if reply.fulfilled:
            return decode(reply.body)
        kind, _, message = str(reply.body, "utf-8").partition("\n")
        return errors[kind](message)
    except (Nonsense, UnicodeDecodeError, KeyError) as error:
        raise _nonsense(request["name"]) from error


def _nonsense(name: str) -> CorruptFile:
    return CorruptFile(
        f"What came back for '{name}' makes no sense: the file is damaged, or took over its reader. Do not trust it."
    )


def _png(received: memoryview) -> bytes:
    if received[: len(_PNG)] != _PNG:
        raise Nonsense("not a picture")
    return bytes(received)
