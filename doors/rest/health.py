"""Whether the server lives, and whether it is ready to be asked. Both are open to all and tell nothing else."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from doors.rest.route import json_response
from doors.rest.shapes import State

router = APIRouter()
_OPEN: dict[str, Any] = {"security": []}


@router.get("/health", responses={200: {"model": State}}, summary="Whether the server lives", openapi_extra=_OPEN)
def health() -> Response:
    return json_response({"status": "ok"})


@router.get(
    "/ready",
    responses={200: {"model": State}, 503: {"model": State, "description": "Not yet, or never."}},
    summary="Whether it is ready",
    openapi_extra=_OPEN,
)
def ready(request: Request) -> Response:
    """Ready once the index and the models are open."""
    warm_up = request.app.state.warm_up
    if not warm_up.over:
        return json_response({"status": "starting"}, 503)
    return json_response({"status": "failed"}, 503) if warm_up.failed else json_response({"status": "ready"})
