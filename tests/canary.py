"""A server that nobody should ever ask anything."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class Canary:
    """It listens in a `with` block. `asked` has the paths that somebody did ask for, `connections` counts who knocked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.connections = 0
        bird = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                bird.asked.append(self.path)
                self.send_response(204)
                self.end_headers()

            do_POST = do_HEAD = do_OPTIONS = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Counting(ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self) -> tuple[socket.socket, Any]:
                connection, client = super().get_request()
                bird.connections += 1
                return connection, client

        self._server = Counting(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
