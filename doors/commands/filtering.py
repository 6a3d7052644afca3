"""The options that filter documents, the same for every command that takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import click

from assistant.filters import Filters, read_since, read_until
from doors.commands.command import text
from doors.completion import documents

_OPTIONS = (
    click.option(
        "--document",
        "documents",
        type=text,
        multiple=True,
        shell_complete=documents,
        help="Only this document (id, file name or title).",
    ),
    click.option("--folder", "folders", type=text, multiple=True, help="Only documents below this folder."),
    click.option("--type", "types", type=text, multiple=True, help="Only files that end so (pdf), or of this media type."),
    click.option("--language", "languages", type=text, multiple=True, help="Only documents in this language (en, fr)."),
    click.option(
        "--since", type=text, metavar="DATE", help="Only files modified on this day or later (2024-12-31, 2024-12, 2024)."
    ),
    click.option("--until", type=text, metavar="DATE", help="Only files modified on this day or earlier."),
)


def filter_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options, and the `filters` that they come to. The first four may be given several times."""

    @wraps(function)
    def run(
        *args: Any, documents: Sequence[str], folders: Sequence[str], types: Sequence[str], languages: Sequence[str],
        since: str | None, until: str | None, **kwargs: Any,
    ) -> None:  # fmt: skip
        first = None if since is None else read_since(since)
        last = None if until is None else read_until(until)
        function(*args, filters=Filters(documents, folders, types, languages, first, last), **kwargs)

    made: Callable[..., None] = run
    for option in reversed(_OPTIONS):
        made = option(made)
    return made
