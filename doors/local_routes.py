"""Local routes: the operations of this server for the commands of its own machine, which show the token in the server's file. An
internal protocol of the program with itself (wire.py); to everybody else these addresses are not there."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any, cast

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, StreamingResponse

from assistant.answering import Assistant
from assistant.asynchronous import heard, say_each
from assistant.errors import DocumentNotFound, LibraryError
from doors.authentication import is_local
from doors.operations import Operations
from doors.page.tabs import NOTHING
from doors.server_file import ServerFile
from doors.wire import OPERATIONS, arguments_of, encoded, error_in_words, reports_progress

_CHANGING = ("upload", "ingest", "forget", "reindex", "purge", "back_up")
_LOOKS_SECONDS = 0.2

Say = Callable[[str, object], None]


def _only_local(request: Request) -> None:
    if not is_local(request):
        raise DocumentNotFound(NOTHING)


local_router = APIRouter(prefix="/local", include_in_schema=False, dependencies=[Depends(_only_local)])


@dataclass(frozen=True, slots=True)
class LocalDoor:
    """How the commands of this machine get in, and by which settings they are served, as text."""

    file: ServerFile
    settings: Mapping[str, str]


@local_router.get("/status")
def status(request: Request) -> JSONResponse:
    """Who this is: nobody else knows the proof."""
    state = request.app.state
    said = {"proof": state.local.file.proof, "library": state.assistant.library.id, "settings": dict(state.local.settings)}
    return JSONResponse(said, headers={"Cache-Control": "no-store"})


@local_router.post("/{operation}")
async def operate(request: Request, operation: str) -> StreamingResponse:
    """An operation, its answer line by line. It is stopped when the client goes away."""
    if operation not in OPERATIONS:
        raise DocumentNotFound(NOTHING)
    given, state = await request.json(), request.app.state

    def work(say: Say) -> None:
        _operate(state.local_operations, state.assistant, operation, given, say)

    return StreamingResponse(_lines(work), media_type="application/x-ndjson", headers={"Cache-Control": "no-store"})


def _operate(operations: Operations, assistant: Assistant, operation: str, given: Mapping[str, Any], say: Say) -> None:
    try:
        arguments = arguments_of(operation, given)
    except ValueError as error:
        raise LibraryError(f"The running server does not understand this command: {error}. Start both of one version.") from error
    if operation == "stream":
        say_each(lambda: operations.stream(**arguments), lambda event: say("event", event))
        say("value", None)
        return
    if reports_progress(operation):
        arguments["on_progress"] = lambda step: say("progress", step)
    with _in_turn(assistant, operation, say):
        value = getattr(operations, operation)(**arguments)
    say("value", value)


@contextmanager
def _in_turn(assistant: Assistant, operation: str, say: Say) -> Iterator[None]:
    """Whoever changes something waits for others; but not for a client that is not there any more."""
    if operation not in _CHANGING:
        yield
        return
    while not assistant.changing.acquire(timeout=_LOOKS_SECONDS):
        say("waiting", None)
    try:
        yield
    finally:
        assistant.changing.release()


async def _lines(work: Callable[[Say], None]) -> AsyncIterator[bytes]:
    """What the work says, line by line, its error the last. Once nobody reads on, the next thing that it says ends it."""

    def run(put: Callable[[bytes], None]) -> None:
        try:
            work(lambda kind, value: put(encoded({kind: value})))
        except Exception as error:
            said = error_in_words(error)
            if said["kind"] != type(error).__name__:
                logging.getLogger("footnote").exception("A command's request failed.")
            put(encoded({"error": said}))

    async with aclosing(heard(run, name="local")) as lines:
        async for line in lines:
            yield cast(bytes, line)
