"""Metrics for Prometheus: what the server was asked, how long it took and what came of it. No label holds a client's words."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from assistant.types import Answer
from doors.authentication import reader_of
from doors.headers import App, Message, Receive, Send
from doors.rest.route import RestRoute, failing

router = APIRouter(route_class=RestRoute)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_MILLISECONDS = (1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0, 30000.0, 60000.0)
_TEXT = {CONTENT_TYPE_LATEST: {"schema": {"type": "string"}}}


class Metrics:
    """The counts of one app, since it was made."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "footnote_requests", "Requests by route, method and status.", ["route", "method", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "footnote_request_seconds", "Time from a request to the end of its answer.", ["route", "method"], registry=self.registry,
            buckets=_SECONDS,
        )  # fmt: skip
        self._answers = Counter(
            "footnote_answers", "Answers by door and by what they came to.", ["door", "outcome"], registry=self.registry
        )
        self._stages = Histogram(
            "footnote_stage_milliseconds", "Time of each stage of an answer.", ["stage"], registry=self.registry,
            buckets=_MILLISECONDS,
        )  # fmt: skip
        for door in ("page", "rest", "mcp", "slack", "local"):
            for outcome in ("found", "not_found", "cut_off"):
                self._answers.labels(door, outcome)

    def answered(self, answer: Answer, *, door: str) -> None:
        """Count an answer by the door that it was asked at; "local" are commands of this machine, and doors that run by themselves."""
        self._answers.labels(door, "cut_off" if not answer.complete else "found" if answer.found else "not_found").inc()
        for stage, milliseconds in answer.milliseconds.items():
            self._stages.labels(stage).observe(milliseconds)

    def served(self, route: str, method: str, status: int, seconds: float) -> None:
        method = method if method in _METHODS else "other"
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route, method).observe(seconds)


class Measured:
    """An ASGI app that counts the requests of another. What has no route of ours is "other": the page's own addresses, and what was
    refused before it came to a route."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 499  # that of a client which left before it was answered

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, counted)
        except Exception:
            status = 500
            raise
        finally:
            self._metrics.served(_template(scope), scope["method"], status, time.perf_counter() - started)


@router.get(
    "/metrics", responses={200: {"content": _TEXT, "description": "Prometheus's text format."}, **failing()}, summary="Metrics",
    response_class=Response,
)  # fmt: skip
def metrics(request: Request, reader: str = Depends(reader_of)) -> Response:
    """Counts of all requests and answers since the start, ratings, and what the collections hold that this reader may read."""
    state = request.app.state
    held = _held(state.assistant.library, state.links, reader)
    return Response(generate_latest(state.metrics.registry) + generate_latest(held), media_type=CONTENT_TYPE_LATEST)


def _held(library: Any, links: Any, reader: str) -> CollectorRegistry:
    """As it stands now. How much others have is not a reader's to know."""
    registry = CollectorRegistry()
    readable = library.readable(reader)
    documents = sum(library.holdings(collection).documents for collection in readable)
    Gauge("footnote_documents", "Documents that the asking reader may read.", registry=registry).set(documents)
    Gauge("footnote_chunks", "Their chunks.", registry=registry).set(sum(collection.chunks for collection in readable))
    ratings = Gauge("footnote_ratings", "Ratings of answers.", ["rating"], registry=registry)
    helpful, unhelpful = links.rated()
    ratings.labels("helpful").set(helpful)
    ratings.labels("not_helpful").set(unhelpful)
    return registry


def _template(scope: Message) -> str:
    """The route as it was declared, its parameters not filled in."""
    path = getattr(scope.get("route"), "path", "")
    return path if isinstance(path, str) and path else "other"
