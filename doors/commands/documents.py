"""Documents: taking them in, listing, showing and forgetting them."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from assistant.errors import InvalidRequest
from assistant.filters import Filters, nothing_passes
from doors.commands.command import FAILED, as_json_option, collection_option, command, open_assistant, opened, text
from doors.commands.filtering import filter_options
from doors.completion import collections, documents
from doors.terminal import ProgressBar, name, print_json, say

if TYPE_CHECKING:
    from ingestion import Report


@command("ingest")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option(
    "-c",
    "--collection",
    type=text,
    default="",
    shell_complete=collections,
    help="The collection to add to, made where it is missing.  [default: documents]",
)
@click.option("--sample", is_flag=True, help="Add the sample handbook (English, French, Portuguese) to try things out.")
@click.option("--watch", is_flag=True, help="Go on following the files as they change, until Ctrl+C (exit status 0).")
@as_json_option
def ingest_command(paths: tuple[str, ...], collection: str, sample: bool, watch: bool, as_json: bool) -> None:
    """Read files and folders. Unchanged ones are passed over, changed ones replaced. Exits with status 1 when every file failed. With
    --watch and --json, one object a line."""
    from doors.following import follow
    from doors.in_json import report_json
    from ingestion.sample import sample_documents

    if not paths and not sample:
        raise InvalidRequest("Nothing to read: name files or folders, or give --sample.")
    into = collection or ("sample" if sample and not paths else "documents")
    named = [*paths, *(sample_documents() if sample else ())]
    if watch:
        follow(named, collection=into, as_json=as_json, print_report=_print_report)
        return
    with opened() as operations, ProgressBar() as bar:
        try:
            report = operations.ingest(named, collection=into, on_progress=bar.update)
        except KeyboardInterrupt as stopped:
            raise KeyboardInterrupt("Stopped. What was read is kept; the same command goes on with the rest.") from stopped
    if as_json:
        print_json(report_json(report))
    else:
        _print_report(report)
        if sample:
            say('Try: footnote ask "How many days of annual leave do I get?" -c ' + into)
    if report.outcomes and report.count("failed") == len(report.outcomes):
        sys.exit(FAILED)


@command("documents")
@collection_option
@filter_options
@as_json_option
def documents_command(collection: str, filters: Filters, as_json: bool) -> None:
    """List the documents, each with its pages, its language and the date that --since and --until look at."""
    from assistant.access import OWNER
    from assistant.settings import read_settings
    from doors.in_json import document_json

    with open_assistant() as assistant:
        found = assistant.library.documents(reader=OWNER, names=[collection] if collection else [], filters=filters)
    if as_json:
        print_json({"documents": [document_json(d) for d in found]})
        return
    for d in found:
        shown = f"{name(d.collection)}  {name(d.source)}  “{name(d.title)}”"
        by_words = "" if d.embedded else ", found by its words only: the next ingest goes on"
        day = datetime.fromisoformat(d.dated_at).astimezone().date()
        say(f"{d.id}  {shown}  {d.pages} page{'s' * (d.pages != 1)}, {d.language}, {day}{by_words}")
    if not found:
        where = name(str(read_settings().data_dir.absolute()))
        none = f"No documents yet in the data folder {where}. Add some: footnote ingest PATH (or --sample)."
        say(nothing_passes(filters) if filters else none)


@command("show")
@click.argument("document", type=text, shell_complete=documents)
@click.option("-p", "--page", type=click.IntRange(1), default=None, help="Only this page.")
@as_json_option
def show_command(document: str, page: int | None, as_json: bool) -> None:
    """Print the text of a document (by id, file name or title) or of one page, as citations count it."""
    from assistant.access import OWNER
    from assistant.errors import DocumentNotFound
    from doors.in_json import page_json

    with open_assistant() as assistant:
        stored = assistant.library.stored(document, reader=OWNER)
    chosen = next((p for p in stored.pages if p.number == page), None)
    if page is not None and chosen is None:
        raise DocumentNotFound(f"'{stored.document.title}' has pages 1 to {len(stored.pages)}; there is no page {page}.")
    shown = page_json(stored.document, stored.text, chosen)
    if as_json:
        print_json(shown)
    else:
        say(shown["text"])


@command("forget")
@click.argument("document", type=text, shell_complete=documents)
@as_json_option
def forget_command(document: str, as_json: bool) -> None:
    """Take a document (by id, file name or title) out. No answer shows it from then on."""
    with opened() as operations:
        title = operations.forget(document)
    if as_json:
        print_json({"forgotten": title})
    else:
        say(f"Forgotten: {name(title)}")


def _print_report(report: Report) -> None:
    for outcome in report.outcomes:
        if outcome.reason or outcome.status in ("changed", "removed"):
            reason = f": {outcome.reason}" if outcome.reason else ""
            say(f"{'FAILED' if outcome.status == 'failed' else outcome.status}  {name(outcome.source)}{reason}")
    from ingestion.report import STATUSES

    counts = ", ".join(f"{n} {status}" for status in STATUSES if (n := report.count(status)))
    say(f"Collection {name(report.collection)}: {counts or 'no files found'} in {report.seconds:.1f} s.")
    for notice in report.notices:
        say(f"Note: {notice}")
