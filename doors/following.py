"""`footnote ingest --watch`: what people and programs are told while a collection follows its files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from doors.in_json import report_json
from doors.terminal import ProgressBar, name, print_error, print_json, say

if TYPE_CHECKING:
    from ingestion.report import Progress, Report
    from ingestion.watching import Trouble, Watching


def follow(
    paths: Sequence[str | os.PathLike[str]],
    *,
    collection: str,
    as_json: bool,
    print_report: Callable[[Report], None],
) -> None:
    """Ingest, then follow until Ctrl+C, which is the normal end once the first reading is done; before that KeyboardInterrupt passes.
    Changes go to stdout, one a line (as JSON one object a line), the rest to stderr. Between two events other commands may use the
    data folder, and a server may start or end: each time, what changed goes through it where it runs."""
    from assistant.answering import Assistant
    from assistant.settings import read_settings
    from doors.served import operations_for
    from ingestion.watching import watch_by

    settings = read_settings()
    assistant = Assistant.open(settings)
    bars = [ProgressBar()]

    def show(progress: Progress) -> None:
        for bar in bars:
            bar.update(progress)

    def take_up(there: Sequence[str | os.PathLike[str]]) -> Report:
        with assistant:  # to give the index back afterwards
            return operations_for(assistant, settings).ingest(there, collection=collection, on_progress=show)

    events = watch_by(take_up, paths)
    with bars[0]:
        first = next(events)
    bars.clear()
    try:
        _print_event(first, as_json, print_report)
        for event in events:
            _print_event(event, as_json, _print_changes)
    except KeyboardInterrupt:
        say("Stopped.", to_stderr=True)


def _print_event(event: Report | Watching | Trouble, as_json: bool, print_report: Callable[[Report], None]) -> None:
    from ingestion.report import Report
    from ingestion.watching import Trouble

    if isinstance(event, Trouble):
        print_error(f"{event.error} It will be tried again.", type(event.error).__name__, as_json=as_json)
    elif isinstance(event, Report):
        if as_json:
            print_json(report_json(event))
        else:
            print_report(event)
    else:
        _print_watching(event, as_json)


def _print_changes(report: Report) -> None:
    for outcome in report.outcomes:
        reason = f": {outcome.reason}" if outcome.reason else ""
        say(f"{outcome.status:<8} {name(outcome.source)}{reason}")


def _print_watching(watching: Watching, as_json: bool) -> None:
    if as_json:
        print_json({"watching": [str(path) for path in watching.paths], "missing": [str(path) for path in watching.missing]})
    for path in watching.missing:
        say(f"{name(str(path))} is gone or empty. Its documents are kept; it is followed again once it is back.", to_stderr=True)
    folders = sum(path.is_dir() for path in watching.paths)
    counted = [(folders, "folder"), (len(watching.paths) - folders, "file")]
    words = " and ".join(f"{n} {what}{'s' * (n != 1)}" for n, what in counted if n) or "nothing"
    say(f"Watching {words}. Ctrl+C ends.", to_stderr=True)
