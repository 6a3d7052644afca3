"""The wire between a command and the server that owns its data folder: a request is one JSON object, an answer lines of JSON. Each
line names what it carries: an "event" of a stream, a "progress", the "value" that ends an answer, or the "error" that does."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from assistant import errors
from assistant.errors import FootnoteError, LibraryError
from assistant.types import Event
from doors.operations import Operations

OPERATIONS = tuple(name for name, member in vars(Operations).items() if inspect.isfunction(member) and not name.startswith("_"))
"""Their names. What each takes and gives is what `Operations` says."""


def encoded(value: object) -> bytes:
    """A line. Only ASCII, so that nothing in it ends a line, and what stands for bytes that are no UTF-8 survives."""
    return json.dumps(to_jsonable_python(value)).encode("ascii") + b"\n"


def arguments_of(operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What an operation is called with, from what came over the wire. Raises ValueError for what it does not take."""
    adapters = _parameters(operation)
    if unknown := sorted(given.keys() - adapters.keys()):
        raise ValueError(f"{operation} takes no {unknown[0]}")
    return {name: adapters[name].validate_python(value) for name, value in given.items()}


def reports_progress(operation: str) -> bool:
    return "on_progress" in _hints(operation)


def event_of(value: Any) -> Event:
    event: Event = _adapter(Event).validate_python(value)
    return event


def progress_of(operation: str, value: Any) -> Any:
    taken, _ = get_args(_hints(operation)["on_progress"])
    return _adapter(taken[0]).validate_python(value)


def value_of(operation: str, value: Any) -> Any:
    return _adapter(_hints(operation)["return"]).validate_python(value)


def error_in_words(error: Exception) -> dict[str, str]:
    """An error as it goes over the wire. One that is not of our tree becomes a LibraryError, which tells the class."""
    if isinstance(error, FootnoteError):
        return {"kind": type(error).__name__, "message": str(error)}
    return {"kind": LibraryError.__name__, "message": f"The server failed: {type(error).__name__}: {error}. See what it printed."}


def error_of(said: Mapping[str, str]) -> FootnoteError:
    """The error that was raised on the other side, of the same class where this side has it."""
    kind = getattr(errors, said["kind"], None)
    known = kind if isinstance(kind, type) and issubclass(kind, FootnoteError) else FootnoteError
    return known(said["message"])


@cache
def _hints(operation: str) -> dict[str, Any]:
    function: Callable[..., object] = getattr(Operations, operation)
    return get_type_hints(function)


@cache
def _parameters(operation: str) -> dict[str, TypeAdapter[Any]]:
    return {name: _adapter(hint) for name, hint in _hints(operation).items() if name not in ("return", "on_progress")}


@cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(hint)
