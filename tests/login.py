"""How tests log in: the `Authorization` headers of browsers and programs."""

from __future__ import annotations

import base64


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def bearer(key: str) -> str:
    return f"Bearer {key}"
