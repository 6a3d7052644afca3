"""What every command has: how its errors end, the options that most take, and the assistant that it opens."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

import click

from assistant.errors import FootnoteError
from doors.completion import collections
from doors.terminal import print_error, say

if TYPE_CHECKING:
    from assistant.answering import Assistant
    from doors.operations import Operations

FAILED = 1
NOT_FOUND = 3
INTERRUPTED = 130
P = ParamSpec("P")


def text(words: str) -> str:
    """Words of the command line. Bytes that are not UTF-8 become U+FFFD, as they do in the names of documents."""
    return os.fsencode(words).decode("utf-8", "replace")


as_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
collection_option = click.option(
    "-c",
    "--collection",
    type=text,
    default="",
    shell_complete=collections,
    help="The collection; all of them where none is named.",
)


def command(called: str) -> Callable[[Callable[P, None]], click.Command]:
    """A command whose own errors are one line on stderr (with --json an object on stdout) and exit status 1; Ctrl+C is 130."""

    def made(function: Callable[P, None]) -> click.Command:
        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                function(*args, **kwargs)
            except FootnoteError as error:
                print_error(str(error), type(error).__name__, as_json=bool(kwargs.get("as_json")))
                sys.exit(FAILED)
            except KeyboardInterrupt as stopped:
                print_error(str(stopped) or "Stopped.", "KeyboardInterrupt", as_json=bool(kwargs.get("as_json")))
                sys.exit(INTERRUPTED)

        return click.command(called)(run)

    return made


def open_assistant() -> Assistant:
    """By the settings of the environment."""
    from assistant.answering import Assistant

    return Assistant.open()


@contextmanager
def opened() -> Iterator[Operations]:
    """What carries out the command, by the settings of the environment: the server of the data folder where one runs, which works by
    its own settings; where those differ, a note on stderr says so. Else this process."""
    from assistant.answering import Assistant
    from assistant.settings import read_settings
    from doors.served import ServedOperations, operations_for

    settings = read_settings()
    with Assistant.open(settings) as assistant:
        operations = operations_for(assistant, settings)
        if isinstance(operations, ServedOperations) and operations.differing:
            names = ", ".join(operations.differing)
            say(f"Note: the server at {operations.address} does this, by its own settings. Not as here: {names}.", to_stderr=True)
        yield operations
