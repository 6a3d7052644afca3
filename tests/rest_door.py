"""An assistant's whole app on loopback, and clients of its REST door with a key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from fastapi import FastAPI

from assistant.answering import Assistant
from doors.server import make_app
from tests.serving import serving


@dataclass(frozen=True)
class Served:
    app: FastAPI
    url: str

    def client(self, key: str = "") -> httpx.Client:
        login = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=login, timeout=60)


@contextmanager
def served_rest(assistant: Assistant, *, public_url: str = "") -> Iterator[Served]:
    app = make_app(assistant, public_url=public_url)
    with serving(app) as url:
        yield Served(app, url)
