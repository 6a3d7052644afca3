"""A route of REST: whatever fails in it is answered as errors.py says, and no body is longer than the door allows."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, MutableMapping
from typing import Any

from fastapi import HTTPException, Request, params
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute

from doors.rest.errors import ErrorBody, problem

MOST_BYTES = 2_000_000
"""Of a body of JSON."""
# Beside the file itself an upload holds the names of its fields.
_FORM_BYTES = 1_000_000
_SAID = {
    400: "The request cannot be meant: a field is missing, wrong, or not supported.",
    401: "No key, or one that opens nothing.",
    403: "What this reader may not do, or a host under which this server does not answer.",
    404: "There is no such thing, or none that this reader may read.",
    405: "The method is not one of this address.",
    409: "The collection was built with another embedder than the settings name.",
    413: "The body is too large.",
    429: "Too many requests at once. `Retry-After` says when to try again.",
    500: "Something failed inside Footnote.",
    502: "The language model failed.",
    503: "Not ready, or a model or the library cannot be reached.",
}


class RestRoute(APIRoute):
    """FastAPI's route, whose failures become answers: the caller's faults are told, ours are logged."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        takes_files = self.body_field is not None and isinstance(self.body_field.field_info, params.File)

        async def answered(request: Request) -> Response:
            try:
                return await answer(Request(request.scope, _limited(request, takes_files), request._send))
            except Exception as error:
                return problem(error).response()

        return answered


def failing(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route declares of the statuses that it can fail with, beside those that each has."""
    every = (400, 401, 403, 413, 500, 503)
    return {status: {"model": ErrorBody, "description": _SAID[status]} for status in sorted({*every, *statuses})}


def json_response(content: Mapping[str, Any], status: int = 200) -> JSONResponse:
    return JSONResponse(content, status, {"Cache-Control": "no-store"})


def _limited(request: Request, takes_files: bool) -> Callable[[], Coroutine[Any, Any, MutableMapping[str, Any]]]:
    """What comes from the client, until it is more than the door allows."""
    is_form = request.headers.get("content-type", "").lower().startswith("multipart/")
    on_disk = takes_files and is_form
    most = request.app.state.assistant.limits.max_file_bytes + _FORM_BYTES if on_disk else MOST_BYTES
    told = request.headers.get("content-length", "")
    came = 0

    async def receive() -> MutableMapping[str, Any]:
        nonlocal came
        if told.isdecimal() and int(told[:20]) > most:
            raise _too_large(most)
        message = await request.receive()
        came += len(message.get("body", b""))
        if came > most:
            raise _too_large(most)
        return message

    return receive


def _too_large(most: int) -> HTTPException:
    return HTTPException(413, f"The body is larger than {most / 1e6:.0f} MB. Send less at once.")
