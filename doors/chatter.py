"""What native libraries write straight to the process's stderr, freed of the lines that are known to be needless."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_STDIN, _STDOUT, _STDERR = range(3)
# faiss, through Milvus Lite, of every segment with fewer than 39 rows a cell. Every cell is searched, so it does not matter.
_NEEDLESS = b"WARNING clustering"
# How long to wait at the end for lines still on their way.
_LAST_SECONDS = 2.0


@contextmanager
def without_needless_lines() -> Iterator[None]:
    """Native lines pass through a small process of their own, which shows them at once but for the needless ones; a thread could not
    show the last words before an abort. Python's own stderr goes on as ever. Nothing is filtered where processes cannot fork."""
    if sys.stderr is None or not hasattr(os, "fork"):
        yield
        return
    shown = os.dup(_STDERR)
    reading, writing = os.pipe()
    filtering = os.fork()
    if filtering == 0:
        _filter(reading, shown)
    python_stderr = sys.stderr
    python_stderr.flush()
    sys.stderr = open(shown, "w", buffering=1, encoding=python_stderr.encoding, errors="backslashreplace")  # noqa: SIM115
    os.dup2(writing, _STDERR)
    os.close(reading)
    os.close(writing)
    faulthandler.enable(sys.stderr)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(shown, _STDERR)
        faulthandler.disable()
        sys.stderr = python_stderr
        _wait_for(filtering)


def _filter(reading: int, shown: int) -> None:
    """The child process: it ends when nobody is left who could write, and holds nothing open that another waits for."""
    try:
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)
        for to, of in ((_STDIN, reading), (_STDOUT, shown), (_STDERR, shown)):
            os.dup2(of, to)
        os.closerange(_STDERR + 1, 1024)
        held = b""
        while came := os.read(_STDIN, 65536):
            *lines, held = (held + came).split(b"\n")
            _write(b"".join(line + b"\n" for line in lines if not line.startswith(_NEEDLESS)))
        _write(held)
    finally:
        os._exit(0)


def _write(text: bytes) -> None:
    while text:
        text = text[os.write(_STDERR, text) :]


def _wait_for(process: int) -> None:
    until = time.monotonic() + _LAST_SECONDS
    while os.waitpid(process, os.WNOHANG) == (0, 0) and time.monotonic() < until:
        time.sleep(0.005)
