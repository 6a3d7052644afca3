"""A server on loopback that speaks OpenAI's language and answers by script."""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Pause:
    """The server says nothing for so long, or until the caller hangs up."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as the server got it; header names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def prompt(self) -> str:
        """All messages, one after the other."""
        return "\n".join(message["content"] for message in self.body["messages"])


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answers: a status, headers, and pieces of the body with pauses between them. The connection is closed
    after the last piece; `reset` tears it down instead, and with status 0 nothing at all is said."""

    body: Sequence[bytes | Pause]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/event-stream"})
    reset: bool = False


Script = Callable[[Sent], Reply]


def streamed(pieces: Iterable[str | Pause], finish_reason: str | None = "stop") -> Reply:
    """A streamed answer, one event a piece; without a finish reason it ends like one that was cut off."""
    steps = [piece if isinstance(piece, Pause) else event(piece) for piece in pieces]
    end = [] if finish_reason is None else [event("", finish_reason), b"data: [DONE]\n\n"]
    return Reply([*steps, *end])


def whole(text: str, finish_reason: str | None = "stop") -> Reply:
    """The same as one JSON body, from servers that do not stream."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
    return _json({"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}, 200, {})


def failure(status: int, message: str, code: str = "", headers: Mapping[str, str] | None = None) -> Reply:
    """An error as OpenAI's servers word it."""
    return _json({"error": {"message": message, "type": "invalid_request_error", "code": code}}, status, headers or {})


def event(text: str, finish_reason: str | None = None) -> bytes:
    """One server-sent event with a delta."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()


def in_turn(*replies: Reply) -> Script:
    """One reply after the other; the last one again and again."""
    left = list(replies)
    return lambda sent: left.pop(0) if len(left) > 1 else left[0]


class ScriptedEndpoint:
    """An OpenAI-compatible server on loopback that answers by script, in a `with` block. `sent` has the requests so far."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.sent: list[Sent] = []
        self._hung_up, self._stopping = threading.Event(), threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def wait_for_hang_up(self, seconds: float) -> bool:
        """Whether a caller closed its connection in the middle of an answer within so many seconds."""
        return self._hung_up.wait(seconds)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, sent: Sent, connection: socket.socket) -> None:
        """Write the scripted reply to an open connection."""
        self.sent.append(sent)
        reply = self.script(sent)
        try:
            if reply.status:
                headers = [f"{name}: {value}" for name, value in reply.headers.items()]
                lines = [f"HTTP/1.1 {reply.status} Scripted", *headers, "Connection: close", "", ""]
                connection.sendall("\r\n".join(lines).encode())
            for step in reply.body:
                if isinstance(step, bytes):
                    connection.sendall(step)
                elif self._waited(step.seconds, connection):
                    break
        except OSError:
            self._hung_up.set()
        if reply.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.close(connection.detach())

    def _waited(self, seconds: float, connection: socket.socket) -> bool:
        """Whether the pause was ended by the caller's hanging up or by the end of the test."""
        for _ in range(max(1, round(seconds / 0.02))):
            if self._stopping.is_set():
                return True
            readable, _, _ = select.select([connection], [], [], 0.02)
            if readable and not connection.recv(1, socket.MSG_PEEK):
                self._hung_up.set()
                return True
        return False


def _json(body: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> Reply:
    return Reply([json.dumps(body).encode()], status, {"Content-Type": "application/json", **headers})


def _answering(endpoint: ScriptedEndpoint) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.close_connection = True
            endpoint.answer(Sent(self.path, headers, body), self.connection)

        def log_message(self, format: str, *args: object) -> None:
            """Tests print nothing."""

    return Answering
