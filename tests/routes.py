"""Every route of the server, and who may use it, for tests/test_routes.py. A route that is missing here fails that test."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

# open: whoever asks. login: every reader. own: readers of what it names; for others it is not there. closed: nobody, though the route
# is there. elsewhere: nobody who comes with a login or a key, since it asks for a secret of its own.
Access = Literal["open", "login", "own", "closed", "elsewhere"]


@dataclass(frozen=True, slots=True)
class Declared:
    """Who may use a route. `address` is the route's with its parameters filled in, by the names of World's `ids`; `sent` what a
    request carries besides, as httpx takes it."""

    access: Access
    address: str = ""
    sent: Mapping[str, Any] | None = None


GRADIO_USED = re.compile(
    r"/|/config/?|/(?:static|assets|svelte)/\{path:path\}|/(?:favicon\.ico|theme\.css|robots\.txt|manifest\.json)"
    r"|/gradio_api/(?:user/?|info/?|reset/?|heartbeat/\{session_hash\}|run/\{api_name\}/?|queue/join|cancel|queue/data|upload_progress"
    r"|upload|startup-events|theme\.css)"
)

_PLANS = {"collections": ["ann/plans"]}
_LIST_OVER_MCP: Mapping[str, Any] = {
    "json": {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_documents", "arguments": {}}},
    "headers": {"Accept": "application/json, text/event-stream"},
}

ROUTES: Mapping[str, Declared] = {
    "GET /health": Declared("open"),
    "GET /own/{name}": Declared("login", "/own/page.css"),
    "GET /passage/{document}": Declared("own", "/passage/{document}"),
    "GET /page/{document}/{number}.png": Declared("own", "/page/{document}/1.png"),
    "GET /cite/{answer}/{number}": Declared("own", "/cite/{answer}/1"),
    "GET /show/{document}/{number}": Declared("own", "/show/{document}/1"),
    "GET /ready": Declared("open"),
    "GET /metrics": Declared("login"),
    "GET /docs": Declared("login"),
    "GET /v1/openapi.json": Declared("login"),
    "POST /v1/chat/completions": Declared(
        "own", sent={"json": {"model": "ann/plans", "messages": [{"role": "user", "content": "What stands at the water?"}]}}
    ),
    "POST /v1/ask": Declared("own", sent={"json": {"question": "What stands at the water?", **_PLANS}}),
    "POST /v1/search": Declared("own", sent={"json": {"query": "water", **_PLANS}}),
    "GET /v1/models": Declared("login"),
    "GET /v1/models/{id:path}": Declared("own", "/v1/models/ann/plans"),
    "POST /v1/embeddings": Declared("login", sent={"json": {"model": "footnote", "input": "water"}}),
    "GET /v1/documents": Declared("own", sent={"params": {"collection": "ann/plans"}}),
    "POST /v1/documents": Declared("own", sent={"files": {"files": ("tea.txt", b"Tea.")}, "data": {"collection": "ann/plans"}}),
    "GET /v1/documents/{id}": Declared("own", "/v1/documents/{document}"),
    "GET /v1/documents/{id}/text": Declared("own", "/v1/documents/{document}/text"),
    "GET /v1/documents/{id}/pages/{number}": Declared("own", "/v1/documents/{document}/pages/1"),
    "DELETE /v1/documents/{id}": Declared("own", "/v1/documents/{spare}"),
    "GET /local/status": Declared("elsewhere"),
    "POST /local/{operation}": Declared("elsewhere", "/local/search", {"json": {"query": "water"}}),
    "POST /slack/events": Declared("elsewhere", sent={"json": {"type": "url_verification", "challenge": "water"}}),
    "* /mcp": Declared("login", sent=_LIST_OVER_MCP),
    "* /mcp/": Declared("login", sent=_LIST_OVER_MCP),
}


def routes_of(app: FastAPI) -> Iterator[tuple[str, bool]]:
    """Method and path of every route, and whether it is one of Gradio's."""
    yield from ((route, False) for route in _listed(app.routes))
    for mount in app.routes:
        if isinstance(mount, Mount) and mount.path == "":
            yield from ((route, True) for route in _listed(mount.routes))


def _listed(routes: Sequence[Any]) -> Iterator[str]:
    for route in iter_route_contexts(routes):
        if isinstance(route.original_route, Mount):
            if route.original_route.path:
                yield f"* {route.original_route.path}"
        else:
            # A route without methods answers whatever it is asked.
            yield from (f"{method} {route.path}" for method in sorted(route.methods or {"*"}))
