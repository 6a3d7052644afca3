"""What a file could make its parser do, were there a hole in it: each function has the form of `ingestion.parsers.parse`."""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from assistant.errors import CorruptFile, DocumentNotFound
from assistant.types import Block, Page, ParsedDocument, TextRun
from ingestion.sandbox_wire import REPLY

_FORK, _KILL = (57, 62) if os.uname().machine == "x86_64" else (220, 129)


def parse(data: bytes, name: str) -> ParsedDocument:
    """Do what the file says (the name of a function below, and what it is to work on), else read the file as one paragraph."""
    word, _, target = data.decode().partition(" ")
    if word in _DEEDS:
        text = _DEEDS[word](target) or word
        return ParsedDocument("t", text, [Block("paragraph", 0, len(text), 1)], [Page(1, 0, len(text))], "text/plain")
    return _FORMS.get(word, _plain)(data.decode())


def _plain(text: str) -> ParsedDocument:
    return ParsedDocument("t", text, [Block("paragraph", 0, len(text), 1)], [Page(1, 0, len(text))], "text/plain")


def _hang(_: str) -> str:
    while True:
        time.sleep(1)


def _spin(_: str) -> str:
    while True:
        pass


def _exit(_: str) -> str:
    os._exit(3)


def _leave(_: str) -> str:
    sys.exit(0)


def _crash(_: str) -> str:
    ctypes.string_at(8)
    return ""


def _abort(_: str) -> str:
    os.abort()


def _allocate(_: str) -> str:
    return str(len(bytearray(10_000_000_000)))


def _allocate_in_c(_: str) -> str:
    kept = []
    while True:
        kept.append(mmap.mmap(-1, 100_000_000))


def _recurse(target: str) -> str:
    return _recurse(target)


def _odd_error(_: str) -> str:
    raise KeyError("x" * 1_000_000)


def _own_error(_: str) -> str:
    raise CorruptFile("as the parser says")


def _no_such_document(_: str) -> str:
    raise DocumentNotFound("There is no page 7.")


def _nap(_: str) -> str:
    time.sleep(1)
    return ""


def _much(_: str) -> str:
    return "much " * 60_000_000


def _connect(target: str) -> str:
    with socket.create_connection(("127.0.0.1", int(target)), timeout=5) as connection:
        connection.sendall(b"secret")
    return ""


def _connect_in_c(target: str) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    made = libc.socket(2, 1, 0)
    address = (2).to_bytes(2, "little") + int(target).to_bytes(2, "big") + bytes((127, 0, 0, 1)) + bytes(8)
    return f"socket {made}, connect {libc.connect(made, address, 16)}"


def _look_up(_: str) -> str:
    return str(socket.getaddrinfo("example.org", 80))


def _write(target: str) -> str:
    Path(target).write_text("written")
    return ""


def _write_in_c(target: str) -> str:
    libc = ctypes.CDLL(None)
    opened = [
        libc.open(target.encode(), flags, 0o600) for flags in (os.O_WRONLY | os.O_CREAT, os.O_RDWR | os.O_CREAT, os.O_CREAT)
    ]
    return f"{opened} {libc.creat(target.encode(), 0o600)} {libc.mkdir((target + '.d').encode(), 0o700)}"


def _remove(target: str) -> str:
    Path(target).unlink()
    return ""


def _remove_in_c(target: str) -> str:
    libc = ctypes.CDLL(None)
    path, other = target.encode(), (target + "2").encode()
    return f"{libc.unlink(path)} {libc.rename(path, other)} {libc.truncate(path, 0)}"


def _run(target: str) -> str:
    subprocess.run(["/bin/sh", "-c", f"echo > {target}"], check=True)
    return ""


def _fork(_: str) -> str:
    if os.fork() == 0:
        time.sleep(60)
    return ""


def _fork_in_c(_: str) -> str:
    libc = ctypes.CDLL(None)
    made = [libc.fork(), libc.syscall(_FORK, 17, 0, 0, 0, 0)]
    if 0 in made:
        time.sleep(60)
    return str(made)


def _kill_the_parent(target: str) -> str:
    os.kill(int(target), signal.SIGTERM)
    return ""


def _kill_the_parent_in_c(target: str) -> str:
    libc = ctypes.CDLL(None)
    return f"{libc.kill(int(target), 15)} {libc.syscall(_KILL, int(target), 15)}"


def _tell(_: str) -> str:
    """The network's name, its interfaces, the environment and the open descriptors, as JSON."""
    said = {
        "network": os.readlink("/proc/self/ns/net"),
        "routes": Path("/proc/self/net/route").read_text().count("\n"),
        "environment": dict(os.environ),
        "descriptors": sorted(int(n) for n in os.listdir("/proc/self/fd")),
        "pid": os.getpid(),
    }
    return json.dumps(said)


def _lie_about_the_length(_: str) -> str:
    os.write(_connection(), REPLY.pack(b"O", False, 1 << 50))
    return _hang("")


def _answer_with_noise(_: str) -> str:
    noise = bytes(range(256)) * 100
    os.write(_connection(), REPLY.pack(b"O", False, len(noise)) + noise)
    return _hang("")


def _answer_with_another_error(_: str) -> str:
    noise = b"SystemExit\nleave"
    os.write(_connection(), REPLY.pack(b"E", False, len(noise)) + noise)
    return _hang("")


def _answer_that_it_is_not_there(_: str) -> str:
    noise = b"DocumentNotFound\nleave"
    os.write(_connection(), REPLY.pack(b"E", False, len(noise)) + noise)
    return _hang("")


def _trickle(_: str) -> str:
    os.write(_connection(), REPLY.pack(b"O", False, 1000))
    while True:
        os.write(_connection(), b"x")
        time.sleep(0.1)


def _connection() -> int:
    return next(n for n in range(3, 64) if os.path.exists(f"/proc/self/fd/{n}"))


def _with_blocks(text: str, blocks: list[Block]) -> ParsedDocument:
    return ParsedDocument("t", text, blocks, [Page(1, 0, len(text))], "text/plain")


_DEEDS: dict[str, Callable[[str], str]] = {
    deed.__name__.strip("_"): deed
    for deed in (
        _hang, _spin, _exit, _leave, _crash, _abort, _allocate, _allocate_in_c, _recurse, _odd_error, _own_error,
        _no_such_document, _nap, _much,
        _connect, _connect_in_c, _look_up, _write, _write_in_c, _remove, _remove_in_c, _run, _fork, _fork_in_c,
        _kill_the_parent, _kill_the_parent_in_c, _tell,
        _lie_about_the_length, _answer_with_noise, _answer_with_another_error,
        _answer_that_it_is_not_there, _trickle,
    )
}  # fmt: skip

_FORMS: dict[str, Callable[[str], ParsedDocument]] = {
    "beyond_the_end": lambda text: _with_blocks(text, [Block("paragraph", 0, len(text) + 1, 1)]),
    "backwards": lambda text: _with_blocks(text, [Block("paragraph", 3, 2, 1)]),
    "overlapping": lambda text: _with_blocks(text, [Block("paragraph", 0, 4, 1), Block("paragraph", 3, 5, 1)]),
    "negative": lambda text: _with_blocks(text, [Block("paragraph", -3, 2, 1)]),
    "no_such_page": lambda text: _with_blocks(text, [Block("paragraph", 0, 2, 2)]),
    "no_such_kind": lambda text: _with_blocks(text, [Block("poem", 0, 2, 1)]),  # type: ignore[arg-type]
    "no_pages": lambda text: ParsedDocument("t", text, [Block("paragraph", 0, 2, 1)], [], "text/plain"),
    "page_beyond": lambda text: ParsedDocument("t", text, [], [Page(1, 0, len(text) + 1)], "text/plain"),
    "run_beyond": lambda text: ParsedDocument(
        "t", text, [], [Page(1, 0, len(text))], "text/plain", runs=[TextRun(0, len(text) + 1, 1, 0)]
    ),
    "none": lambda _: None,  # type: ignore[return-value,dict-item]
}
