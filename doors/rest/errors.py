"""Errors as REST says them: each with its status, in OpenAI's form. What one may not read has the words of what does not exist."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from assistant import errors
from doors.headers import App, Message, Receive, Send
from prompts.invisible import visible

PREFIX = "/v1/"
_OURS = ("/docs", "/metrics")
_MOST_CHARACTERS = 2000
_RETRY_SECONDS = 5

# The nearest class that an error has stands for it.
_STATUSES: Mapping[type[Exception], tuple[int, str]] = {
    errors.FootnoteError: (503, "unavailable"),
    errors.SettingsError: (400, "invalid_request"),
    errors.InvalidRequest: (400, "invalid_request"),
    errors.PathNotFound: (404, "not_found"),
    errors.BackupError: (500, "internal_error"),
    errors.EvaluationError: (400, "invalid_request"),
    errors.AccountError: (400, "invalid_request"),
    errors.NotPermitted: (403, "not_permitted"),
    errors.LibraryError: (503, "library_unavailable"),
    errors.DocumentNotFound: (404, "document_not_found"),
    errors.CollectionNotFound: (404, "collection_not_found"),
    errors.CollectionMismatch: (409, "collection_mismatch"),
    errors.DataFolderInUse: (503, "library_unavailable"),
    errors.ParseError: (400, "unreadable_file"),
    errors.FileTooLarge: (413, "too_large"),
    errors.ModelError: (502, "model_failed"),
    errors.ModelUnavailable: (503, "model_unavailable"),
    errors.EndpointError: (502, "model_failed"),
    errors.EndpointDown: (503, "model_unavailable"),
    errors.ContextOverflow: (400, "context_length_exceeded"),
    errors.AnswerCutOff: (502, "answer_cut_off"),
}
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_CODES = {400: "invalid_request", 401: "invalid_key", 403: "not_permitted", 404: "not_found", 405: "method_not_allowed",
          409: "conflict", 413: "too_large", 429: "too_many_requests", 503: "unavailable"}  # fmt: skip


class Refusal(Exception):
    """A request that is refused with this status. `param` names the field that it is about."""

    def __init__(
        self, message: str, status: int = 400, *, param: str | None = None, code: str = "", wait_seconds: int = 0
    ) -> None:
        super().__init__(message)
        self.status, self.param, self.code, self.wait_seconds = status, param, code or _CODES.get(status, ""), wait_seconds


@dataclass(frozen=True, slots=True)
class Problem:
    """What is said of an error, and with which status; `wait_seconds` where the same request may do better by then."""

    status: int
    message: str
    code: str
    param: str | None = None
    wait_seconds: int = 0

    def json(self) -> dict[str, Any]:
        kind = _TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        message = visible(self.message)[:_MOST_CHARACTERS]
        param = None if self.param is None else visible(self.param)[:_MOST_CHARACTERS]
        return {"error": {"message": message, "type": kind, "param": param, "code": self.code}}

    def response(self, headers: Mapping[str, str] | None = None) -> JSONResponse:
        more = {"Retry-After": str(self.wait_seconds)} if self.wait_seconds else {}
        return JSONResponse(self.json(), self.status, {"Cache-Control": "no-store", **more, **(headers or {})})


class ErrorDetail(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """An error in OpenAI's form."""

    error: ErrorDetail


def problem(error: Exception) -> Problem:
    """What an exception comes to. One that nobody meant is logged, and only its kind is told."""
    if isinstance(error, Refusal):
        return Problem(error.status, str(error), error.code, error.param, error.wait_seconds)
    if isinstance(error, errors.FootnoteError):
        status, code = next(_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)
        return Problem(status, str(error), code, wait_seconds=_RETRY_SECONDS if status == 503 else 0)
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return Problem(error.status_code, str(error.detail), _CODES.get(error.status_code, ""))
    logging.getLogger(__name__).error("A request failed.", exc_info=error)
    said = f"Something failed inside Footnote ({type(error).__name__}). The terminal where it runs says more."
    return Problem(500, said, "internal_error")


def refusal(path: str, reason: str, status: int, *, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """How a request is refused before any route has it: in the language of the door that the path leads to."""
    if _is_ours(path):
        # No browser's dialog for programs.
        challenge = {"WWW-Authenticate": 'Bearer realm="Footnote"'} if status == 401 and path not in _OURS else {}
        return Problem(status, reason, _CODES.get(status, "")).response({**(headers or {}), **challenge})
    return JSONResponse({"error": reason}, status, {"Cache-Control": "no-store", **(headers or {})})


class FailureAnswered:
    """An ASGI app that answers what fails in another before that has begun to answer: in the language of the door that the path leads
    to. Starlette would answer it too, but outside all middleware, and so without the strict headers."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        begun = scope["type"] != "http"

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            if begun:
                raise
            found = problem(error)
            answer = found.response() if _is_ours(scope["path"]) else refusal(scope["path"], found.message, found.status)
            await answer(scope, receive, send)


def _is_ours(path: str) -> bool:
    return path.startswith(PREFIX) or path in _OURS


def _invalid(error: RequestValidationError) -> Problem:
    first = error.errors()[0]
    where = [str(part) for part in first["loc"][1:]]
    if first["type"] == "json_invalid":
        return Problem(400, f"The body is not JSON: {first['ctx']['error']}.", "invalid_json")
    said = first["msg"].removeprefix("Value error, ").rstrip(".")
    if first["type"] == "extra_forbidden":
        said = "there is no such field here. GET /docs shows those that there are"
    field = ".".join(where)
    return Problem(400, f"{field or first['loc'][0]}: {said}.", "invalid_request", field or None)
