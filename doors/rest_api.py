"""The REST door: OpenAI's language and our own, in the server's process. Each noun has its module in doors/rest/."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute, Match

from doors.headers import App, Message, Receive, Send
from doors.page.warm_up import WarmUp
from doors.rest import chat_completions, documents, embeddings, health, metrics, models, openapi_page, questions
from doors.rest.errors import PREFIX, Problem
from doors.rest.metrics import Metrics
from doors.rest.places import Places

_NOUNS = (chat_completions, questions, models, embeddings, documents, health, metrics, openapi_page)
_METHODS = ("GET", "POST", "DELETE")


def add_rest(app: FastAPI, warm_up: WarmUp, metrics_: Metrics) -> Sequence[BaseRoute]:
    """Give the app the door's addresses: these routes. `app.state` must hold the assistant, its operations and the links already."""
    state = app.state
    state.warm_up, state.metrics = warm_up, metrics_
    state.questions = Places("questions", most=16, each=8, wait_seconds=10.0)
    state.changes = Places("uploads and removals", most=4, each=2, wait_seconds=30.0)
    documented = _documented()
    state.openapi = openapi_page.schema_of(documented.routes)
    app.include_router(documented)
    return documented.routes


def _documented() -> APIRouter:
    """Every route that the reference has."""
    router = APIRouter()
    for noun in _NOUNS:
        router.include_router(noun.router)
    return router


class Beyond:
    """Stands before the page, which is mounted at the root, and answers for the door what none of its routes took: what is not there,
    and methods that a route has not."""

    def __init__(self, page: App, routes: Sequence[BaseRoute]) -> None:
        self._page, self._routes = page, routes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        allowed = [method for method in _METHODS if self._has(scope, method)] if scope["type"] == "http" else []
        if allowed:
            said = f"{scope['method']} is not a method of {path}. It has {', '.join(allowed)}."
            answer = Problem(405, said, "method_not_allowed").response({"Allow": ", ".join(allowed)})
            await answer(scope, receive, send)
        elif scope["type"] == "http" and path.startswith(PREFIX):
            answer = Problem(404, f"There is nothing at {path}. GET /docs shows what there is.", "not_found").response()
            await answer(scope, receive, send)
        else:
            await self._page(scope, receive, send)

    def _has(self, scope: Message, method: str) -> bool:
        return any(route.matches({**scope, "method": method})[0] == Match.FULL for route in self._routes)
