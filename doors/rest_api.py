"""The REST door: OpenAI's language and our own, in the server's process. Each noun has its module in doors/rest/."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute, Match, Route

from doors.headers import Message, Receive, Send
from doors.page.warm_up import WarmUp
from doors.rest import chat_completions, documents, embeddings, health, metrics, models, openapi_page, questions
from doors.rest.errors import Problem
from doors.rest.metrics import Metrics
from doors.rest.places import Places

_NOUNS = (chat_completions, questions, models, embeddings, documents, health, metrics, openapi_page)
_METHODS = ("GET", "POST", "DELETE")


def add_rest(app: FastAPI, warm_up: WarmUp, metrics_: Metrics) -> None:
    """Give the app the door's addresses. `app.state` must hold the assistant, its operations and the links already."""
    state = app.state
    state.warm_up, state.metrics = warm_up, metrics_
    state.questions = Places("questions", most=16, each=8, wait_seconds=10.0)
    state.changes = Places("uploads and removals", most=4, each=2, wait_seconds=30.0)
    documented = _documented()
    state.openapi = openapi_page.schema_of(documented.routes)
    app.include_router(documented)
    # Else the page, which is mounted at the root, would answer.
    beyond = _Beyond(documented.routes)
    app.router.routes += [Route(path, beyond) for path in ("/v1/{path:path}", "/health", "/ready", "/metrics", "/docs")]


def _documented() -> APIRouter:
    """Every route that the reference has."""
    router = APIRouter()
    for noun in _NOUNS:
        router.include_router(noun.router)
    return router


class _Beyond:
    """Answers what is no route of the door, and methods that a route has not."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._routes = routes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        asked, path = scope["method"], scope["path"]
        allowed = [method for method in _METHODS if self._has({**scope, "method": method})]
        if allowed:
            said = Problem(405, f"{asked} is not a method of {path}. It has {', '.join(allowed)}.", "method_not_allowed")
        else:
            said = Problem(404, f"There is nothing at {path}. GET /docs shows what there is.", "not_found")
        await said.response({"Allow": ", ".join(allowed)} if allowed else {})(scope, receive, send)

    def _has(self, scope: Message) -> bool:
        return any(route.matches(scope)[0] == Match.FULL for route in self._routes)
