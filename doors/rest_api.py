"""The REST door: OpenAI's language and our own, in the server's process. Each noun has its module in doors/rest/."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response
from starlette.routing import Match

from doors.page.warm_up import WarmUp
from doors.rest import chat_completions, documents, embeddings, health, metrics, models, openapi_page, questions
from doors.rest.errors import Problem
from doors.rest.metrics import Metrics
from doors.rest.places import Places
from doors.rest.route import RestRoute

_NOUNS = (chat_completions, questions, models, embeddings, documents, health, metrics, openapi_page)
_ANY_METHOD = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def add_rest(app: FastAPI, warm_up: WarmUp, metrics_: Metrics) -> None:
    """Give the app the door's addresses. `app.state` must hold the assistant, its operations and the links already."""
    state = app.state
    state.warm_up, state.metrics = warm_up, metrics_
    state.questions = Places("questions", most=16, each=8, wait_seconds=10.0)
    state.changes = Places("uploads and removals", most=4, each=2, wait_seconds=30.0)
    documented = _documented()
    state.openapi = openapi_page.schema_of(documented.routes)
    app.include_router(documented)
    app.include_router(_rest_of(documented.routes))


def _documented() -> APIRouter:
    """Every route that the reference has."""
    router = APIRouter()
    for noun in _NOUNS:
        router.include_router(noun.router)
    return router


def _rest_of(routes: Sequence[object]) -> APIRouter:
    """What is below /v1 and no route: else the page, which is mounted at the root, would answer."""
    router = APIRouter(route_class=RestRoute, include_in_schema=False)

    @router.api_route("/v1/{path:path}", methods=list(_ANY_METHOD))
    def nothing(request: Request, path: str) -> Response:
        allowed = [method for method in ("GET", "POST", "DELETE") if _matches(routes, {**request.scope, "method": method})]
        if allowed:
            said = f"{request.method} is not a method of /v1/{path}. It has {', '.join(allowed)}."
            return Problem(405, said, "method_not_allowed").response({"Allow": ", ".join(allowed)})
        return Problem(404, f"There is nothing at /v1/{path}. GET /docs shows what there is.", "not_found").response()

    return router


def _matches(routes: Sequence[object], scope: dict[str, object]) -> bool:
    return any(route.matches(scope)[0] == Match.FULL for route in routes)  # type: ignore[attr-defined]
