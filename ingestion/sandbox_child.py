"""What runs on the far side of the sandbox: a fork server with the parsers loaded, and its children, which read files.

The fork server never sees a byte of a file. It obeys five-byte orders: F with a socket starts a child that serves it, E with a
process id ends that child and tells its exit status. multiprocessing's own fork server is not used: it runs the user's main
module again in every child, unpickles, and stays until the interpreter ends.
"""

from __future__ import annotations

import gc
import io
import json
import os
import pkgutil
import resource
import select
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from assistant.errors import CorruptFile, DocumentNotFound, FileTooLarge, ParseError
from assistant.types import ParsedDocument, TextRun
from ingestion.sandbox_programs import become_some_user, enter_small_world, keep_to
from ingestion.sandbox_walls import Limits, allow_cpu, confine, confine_with_programs, die_with_parent, leave_network
from ingestion.sandbox_wire import ORDER, REPLY, REQUEST, encode_boxes, encode_document, encode_files

# A child that has grown gives its memory back by ending.
_MOST_KEPT_BYTES = 400_000_000
_LONGEST_MESSAGE = 2_000

Parse = Callable[[bytes, str], Any]


def main() -> None:
    """Serve as fork server on standard input, a socket, until it is closed or the parent process ends."""
    control = socket.socket(fileno=os.dup(0))
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent, files, parse_with, limits, folder = json.loads(
        _read_exactly(control.fileno(), ORDER.unpack(control.recv(ORDER.size))[1])
    )
    user, group = os.getuid(), os.getgid()
    if leave_network() and folder:
        become_some_user(user, group)
    try:
        parse = _load(parse_with)
    except Exception as error:
        said = f"{type(error).__name__}: {error}".encode()
        control.sendall(ORDER.pack(b"X", len(said)) + said)
        os._exit(1)
    gc.collect()
    gc.freeze()
    control.sendall(ORDER.pack(b"R", os.getpid()))
    children: set[int] = set()
    try:
        _obey(control, parent, children, folder, lambda connection: _serve(connection, parse, Limits(**limits), files, folder))
    finally:
        for child in children:
            _end(child, folder)
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)


def _load(parse_with: str) -> Parse:
    for parser in pkgutil.iter_modules(import_module("ingestion.parsers").__path__, "ingestion.parsers."):
        with suppress(ImportError):  # an extra that is not installed: its parser says so when it is asked
            import_module(parser.name)
    import_module("ingestion.page_pictures")
    module, _, function = parse_with.partition(":")
    parse: Parse = getattr(import_module(module), function)
    getattr(import_module(module), "load_libraries", lambda: None)()
    return parse


def _obey(control: socket.socket, parent: int, children: set[int], folder: str, serve: Callable[[int], None]) -> None:
    waiting = select.poll()
    waiting.register(control, select.POLLIN)
    parent_ended = os.pidfd_open(parent) if hasattr(os, "pidfd_open") else -1
    if parent_ended >= 0:
        waiting.register(parent_ended, select.POLLIN)
    while parent_ended not in dict(waiting.poll()):
        order, connections, _, _ = socket.recv_fds(control, ORDER.size, 1)
        if len(order) < ORDER.size:
            return
        verb, number = ORDER.unpack(order)
        if verb == b"F":
            here = os.getpid()
            number = os.fork()
            if number == 0:
                die_with_parent(here)
                control.close()
                if parent_ended >= 0:
                    os.close(parent_ended)
                serve(connections[0])
            if folder:
                os.setpgid(number, number)
            children.add(number)
            os.close(connections[0])
        elif verb == b"E" and number in children:
            children.discard(number)
            number = _end(number, folder)
        control.sendall(ORDER.pack(verb, number))


def _end(child: int, folder: str) -> int:
    """End a child, with the programs that it runs and the files that they wrote; its exit status."""
    with suppress(ProcessLookupError):
        (os.killpg if folder else os.kill)(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            os.makedirs(folder, mode=0o700)
    return status


def _serve(connection: int, parse: Parse, limits: Limits, files: int, folder: str) -> None:
    """Answer requests on a socket until it is closed. Never returns."""
    code = 1
    with suppress(BaseException):
        if folder:
            inside = enter_small_world(folder, size_bytes=2 * limits.file_bytes)
            keep_to(folder, in_small_world=inside)
            confine_with_programs(limits)
        else:
            confine(limits, files=files)
        leaving = False
        while not leaving:
            request, content = _received(connection)
            allow_cpu(limits.cpu_seconds_for(len(content)))
            sort, body, leaving = _answer(request, content, parse, limits)
            del content
            leaving = leaving or _grown()
            _write_all(connection, REPLY.pack(sort, leaving, len(body)))
            _write_all(connection, body)
        code = 0
    os._exit(code)


def _answer(request: dict[str, Any], content: bytes, parse: Parse, limits: Limits) -> tuple[bytes, bytes, bool]:
    """(sort of reply, its body, whether this process is no longer fit for another file)"""
    name = request["name"]
    # Made beforehand: once memory has run out, there may be none for the message.
    no_memory = _error(
        FileTooLarge(f"'{name}' needs more than {limits.memory_bytes / 1e6:,.0f} MB of memory to be read. Split it.")
    )
    try:
        body = _made(request, content, parse, limits)
    except MemoryError:
        return b"E", no_memory, True
    except ParseError as error:
        return b"E", _error(error), False
    except DocumentNotFound as error:
        asked_for = request["verb"] == "draw_page"  # else the file itself named the page
        return b"E", _error(error if asked_for else CorruptFile(f"'{name}' contradicts itself, so it is damaged: {error}")), False
    except Exception as error:
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        return b"E", _error(CorruptFile(f"'{name}' cannot be read: it is damaged in a way that nobody foresaw ({what}).")), False
    if len(body) > limits.output_bytes:
        size, most = len(body) / 1e6, limits.output_bytes / 1e6
        return (
            b"E",
            _error(FileTooLarge(f"'{name}' comes to {size:,.0f} MB of text; the limit is {most:,.0f} MB. Split it.")),
            False,
        )
    return b"O", body, False


def _made(request: dict[str, Any], content: bytes, parse: Parse, limits: Limits) -> bytes:
    match request["verb"]:
        case "parse":
            return encode_document(parse(content, request["name"]))
        case "attachments":
            from ingestion.parsers import attachments

            return encode_files(attachments(content, request["name"]))
        case "recognise":
            return encode_document(_recognised(request, content, limits))
        case "boxes":
            from ingestion.page_pictures import boxes

            runs = [TextRun(*place, tuple(box) if box else None) for *place, box in request["runs"]]  # type: ignore[call-arg]
            return encode_boxes(boxes(content, runs, request["start"], request["end"]))
        case _:
            from ingestion.page_pictures import Box, draw_page

            marks = [Box(*box) for box in request["highlights"]]
            return draw_page(content, request["page"], marks, width_pixels=request["width_pixels"])


def _recognised(request: dict[str, Any], content: bytes, limits: Limits) -> ParsedDocument:
    try:
        from ingestion.parsers.ocr import picture_of_page, recognise
    except ImportError as error:
        raise ParseError(
            f"Text recognition (OCR) cannot be loaded: {error}. Reinstall it: `pip install 'footnote[ocr]'`."
        ) from error
    picture = picture_of_page(content, request["name"], request["page"])
    # Drawing it is no more work than for people to look at.
    allow_cpu(limits.page_cpu_seconds)
    return recognise(picture, languages=request["languages"], tessdata=request["tessdata"])


def _error(error: Exception) -> bytes:
    return f"{type(error).__name__}\n{str(error)[:_LONGEST_MESSAGE]}".encode(errors="replace")


def _grown() -> bool:
    # macOS counts in bytes, Linux in units of 1,024.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit > _MOST_KEPT_BYTES


def _received(connection: int) -> tuple[dict[str, Any], bytes]:
    about, size = REQUEST.unpack(_read_exactly(connection, REQUEST.size))
    return json.loads(_read_exactly(connection, about)), _read_exactly(connection, size)


def _read_exactly(descriptor: int, size: int) -> bytes:
    received = io.BytesIO()
    while received.tell() < size:
        piece = os.read(descriptor, min(size - received.tell(), 1 << 20))
        if not piece:
            raise EOFError
        received.write(piece)
    return received.getvalue()


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


if __name__ == "__main__":
    main()
