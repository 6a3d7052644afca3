"""A real server in this process: an assistant's app on loopback, for tests that speak to it as programs do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from fastapi import FastAPI

from assistant.answering import Assistant
from doors.server import make_app


@contextmanager
def serving(assistant: Assistant, *, public_url: str = "") -> Iterator[Served]:
    app = make_app(assistant, public_url=public_url)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    app.state.stopping = lambda: server.should_exit
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    yield Served(app, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
    server.should_exit = True
    thread.join()


class Served:
    def __init__(self, app: FastAPI, url: str) -> None:
        self.app, self.url = app, url

    def client(self, key: str = "", **headers: str) -> httpx.Client:
        """A client that sends this key."""
        login = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers={**login, **headers}, timeout=60)
