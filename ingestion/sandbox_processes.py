"""Knows how to start, ask and end the sandbox's processes, from this side: the fork server and the children that it starts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import Any

from assistant.errors import FootnoteError
from ingestion.sandbox_programs import PROGRAM_FOLDERS
from ingestion.sandbox_wire import ORDER, REPLY, REQUEST, Nonsense

_SECONDS_TO_START = 60
_SECONDS_TO_END = 20
_MOST_ERROR_BYTES = 20_000
# To libraries that would tell their makers of every use, or advertise.
_SILENCE = {"DO_NOT_TRACK": "1", "UNSTRUCTURED_DISABLE_NOTICE": "1", "LC_ALL": "C.UTF-8"}


class SandboxUnavailable(FootnoteError):
    """The processes that read files cannot be started, or were closed."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a child said: whether it is what was asked for (else an error), whether the child leaves now, and the bytes."""

    fulfilled: bool
    leaving: bool
    body: memoryview


@dataclass(slots=True)
class Child:
    """One process that reads files: its id, this side of its socket, how many files it was given, and how it ended."""

    pid: int
    connection: socket.socket
    files: int = 0
    exit_status: int | None = None

    def ask(self, request: dict[str, Any], content: bytes, *, seconds: float, most_bytes: int) -> Reply:
        """Its reply. Raises TimeoutError, EOFError or ConnectionError when it died, Nonsense for a reply of the wrong form."""
        self.files += 1
        deadline = time.monotonic() + seconds
        about = json.dumps(request).encode()
        self._send(REQUEST.pack(len(about), len(content)) + about, deadline)
        self._send(content, deadline)
        sort, leaving, size = REPLY.unpack(self._receive(REPLY.size, deadline))
        if sort not in (b"O", b"E") or size > (most_bytes if sort == b"O" else _MOST_ERROR_BYTES):
            raise Nonsense(f"{size} bytes of sort {sort!r}")
        return Reply(sort == b"O", leaving, self._receive(size, deadline))

    def _send(self, content: bytes, deadline: float) -> None:
        self.connection.settimeout(_left(deadline))
        self.connection.sendall(content)

    def _receive(self, size: int, deadline: float) -> memoryview:
        received = memoryview(bytearray(size))
        at = 0
        while at < size:
            self.connection.settimeout(_left(deadline))
            count = self.connection.recv_into(received[at:])
            if not count:
                raise EOFError
            at += count
        return received.toreadonly()


class ForkServer:
    """The process with the parsers loaded, from which each child is forked in milliseconds. It is started at the first `fork`, and
    again if it was lost. `setup` is what `sandbox_child.main` expects, without the folder that its children may write in: that is made
    here, where they may run `programs`. Safe to use from several threads."""

    def __init__(self, setup: list[Any], *, programs: bool = False) -> None:
        self._setup = setup
        self._programs = programs
        self._folder = ""
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._closed = False

    def fork(self) -> Child:
        """A new child. Raises SandboxUnavailable."""
        with self._lock:
            if self._control is not None:
                try:
                    return self._forked(self._control)
                except (OSError, EOFError):
                    self._stop()
            if self._closed:
                raise SandboxUnavailable("The sandbox is closed. Open another to read more files.")
            self._control = self._started()
            try:
                return self._forked(self._control)
            except (OSError, EOFError) as error:
                self._stop()
                raise SandboxUnavailable(f"No process could be started to read files in: {error}.") from error

    def end(self, child: Child) -> int:
        """End a child if it still runs; its exit status as `os.waitpid` gives it."""
        child.connection.close()
        with self._lock:
            if child.exit_status is None:
                child.exit_status = int(signal.SIGKILL)  # children end with their fork server
                if self._control is not None:
                    try:
                        child.exit_status = self._ordered(self._control, b"E", child.pid)
                    except (OSError, EOFError):
                        self._stop()
            return child.exit_status

    def close(self) -> None:
        """End every process. No more can be started."""
        with self._lock:
            self._closed = True
            self._stop()

    def _started(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        # Nothing of the environment: keys and tokens are in it. No threads of numpy's, which a fork would lose, nor of a Tesseract
        # built with OpenMP, which the walls forbid.
        path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
        environment = {"PYTHONPATH": path, "PYTHONUTF8": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"}
        if self._programs:
            self._folder = tempfile.mkdtemp(prefix="footnote-")
            environment |= {
                "PATH": os.pathsep.join(PROGRAM_FOLDERS),
                **dict.fromkeys(("HOME", "TMPDIR"), self._folder),
                **_SILENCE,
            }
        setup = json.dumps([*self._setup, self._folder]).encode()
        with theirs:
            # A session of its own: an interrupt from the keyboard is for this process to act on.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "ingestion.sandbox_child"], stdin=theirs.fileno(), stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, env=environment, start_new_session=True,
            )  # fmt: skip
        ours.settimeout(_SECONDS_TO_START)
        try:
            ours.sendall(ORDER.pack(b"S", len(setup)) + setup)
            verb, size = ORDER.unpack(_exactly(ours, ORDER.size))
            complaint = "" if verb == b"R" else _exactly(ours, size).decode(errors="replace")
        except (OSError, EOFError) as error:
            complaint = f"it ended at once ({error or 'no answer'})"
        if complaint:
            ours.close()
            self._stop()
            raise SandboxUnavailable(f"The process that reads files could not start: {complaint}. Check the installation.")
        ours.settimeout(_SECONDS_TO_END)
        return ours

    def _forked(self, control: socket.socket) -> Child:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(control, [ORDER.pack(b"F", 0)], [theirs.fileno()])
            return Child(ORDER.unpack(_exactly(control, ORDER.size))[1], ours)
        except (OSError, EOFError):
            ours.close()
            raise

    def _ordered(self, control: socket.socket, verb: bytes, number: int) -> int:
        control.sendall(ORDER.pack(verb, number))
        return int(ORDER.unpack(_exactly(control, ORDER.size))[1])

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _exactly(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        piece = connection.recv(size - len(received))
        if not piece:
            raise EOFError
        received += piece
    return received
