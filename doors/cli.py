"""The command `footnote`: arguments in, text or one JSON object out. Assistant and pipeline do the work."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

import click

from assistant.errors import FootnoteError, InvalidRequest
from doors.chatter import without_needless_lines
from doors.terminal import ProgressBar, name, print_answer, print_error, print_json, say, shortened

if TYPE_CHECKING:
    from assistant.answering import Assistant
    from ingestion import Report

FAILED = 1
NOT_FOUND = 3
INTERRUPTED = 130
P = ParamSpec("P")


class _Group(click.Group):
    """Commands in the order in which a newcomer meets them, not by the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="footnote")
def main() -> None:
    """Ask your own documents. Every statement of an answer carries a footnote that leads to the exact quote on its page."""


def text(words: str) -> str:
    """Words of the command line. Bytes that are not UTF-8 become U+FFFD, as they do in the names of documents."""
    return os.fsencode(words).decode("utf-8", "replace")


_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
_collection = click.option("-c", "--collection", type=text, default="", help="The collection; all of them where none is named.")


def _command(called: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """A command whose own errors are one line on stderr (with --json an object on stdout) and exit status 1; Ctrl+C is 130."""

    def register(function: Callable[P, None]) -> Callable[P, None]:
        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                function(*args, **kwargs)
            except FootnoteError as error:
                print_error(str(error), type(error).__name__, as_json=bool(kwargs.get("as_json")))
                sys.exit(FAILED)
            except KeyboardInterrupt:
                print_error("Stopped.", "KeyboardInterrupt", as_json=bool(kwargs.get("as_json")))
                sys.exit(INTERRUPTED)

        main.command(called)(run)
        return run

    return register


@_command("ingest")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option(
    "-c", "--collection", type=text, default="", help="The collection to add to, made where it is missing.  [default: documents]"
)
@click.option("--sample", is_flag=True, help="Add the sample handbook (English, French, Portuguese) to try things out.")
@click.option("--watch", is_flag=True, help="Go on following the files as they change, until Ctrl+C (exit status 0).")
@_as_json
def ingest_command(paths: tuple[str, ...], collection: str, sample: bool, watch: bool, as_json: bool) -> None:
    """Read files and folders. Unchanged ones are passed over, changed ones replaced. Exits with status 1 when every file failed. With
    --watch and --json, one object a line."""
    from doors.following import follow
    from doors.in_json import report_json
    from ingestion import ingest
    from ingestion.sample import sample_documents

    if not paths and not sample:
        raise InvalidRequest("Nothing to read: name files or folders, or give --sample.")
    into = collection or ("sample" if sample and not paths else "documents")
    named = [*paths, *(sample_documents() if sample else ())]
    if watch:
        with _assistant() as assistant:
            follow(assistant, named, collection=into, as_json=as_json, print_report=_print_report)
        return
    with _assistant() as assistant, ProgressBar() as bar:
        report = ingest(assistant, named, collection=into, on_progress=bar.update)
    if as_json:
        print_json(report_json(report))
    else:
        _print_report(report)
        if sample:
            say('Try: footnote ask "How many days of annual leave do I get?" -c ' + into)
    if report.outcomes and report.count("failed") == len(report.outcomes):
        sys.exit(FAILED)


@_command("ask")
@click.argument("question", type=text)
@_collection
@_as_json
def ask_command(question: str, collection: str, as_json: bool) -> None:
    """Answer a question with footnotes. Exits with status 3 when the documents do not say, with 1 when the answer was cut off."""
    from doors.in_json import answer_json

    with _assistant() as assistant:
        answer = assistant.ask(question, collection=collection)
    if as_json:
        print_json(answer_json(answer))
    else:
        print_answer(answer)
    if not answer.found:
        sys.exit(NOT_FOUND)
    if not answer.complete:
        sys.exit(FAILED)


@_command("search")
@click.argument("query", type=text)
@click.option("-k", default=10, show_default=True, type=click.IntRange(1, 100), help="How many passages.")
@_collection
@_as_json
def search_command(query: str, k: int, collection: str, as_json: bool) -> None:
    """List the passages nearest to a query, with their rank in each leg."""
    from doors.in_json import retrieval_json

    with _assistant() as assistant:
        found = assistant.search(query, collection=collection, k=k)
    if as_json:
        print_json(retrieval_json(found))
        return
    for rank, hit in enumerate(found.hits, 1):
        ranks = ", ".join(f"{stage} {place}" for stage, place in hit.ranks.items())
        say(f"{rank:>2}. {name(hit.chunk.title)}, page {hit.chunk.page}  ({ranks})")
        say(f"    {shortened(hit.chunk.text)}")
    if not found.hits:
        say("Nothing found.")


@_command("documents")
@_collection
@_as_json
def documents_command(collection: str, as_json: bool) -> None:
    """List the documents."""
    from assistant.library import OWNER
    from doors.in_json import document_json

    with _assistant() as assistant:
        found = assistant.library.documents(reader=OWNER, names=[collection] if collection else [])
    if as_json:
        print_json({"documents": [document_json(d) for d in found]})
        return
    for d in found:
        shown = f"{name(d.collection)}  {name(d.source)}  “{name(d.title)}”"
        say(f"{d.id}  {shown}  {d.pages} page{'s' * (d.pages != 1)}, {d.language}")
    if not found:
        say("No documents yet. Add some: footnote ingest PATH (or --sample).")


@_command("show")
@click.argument("document", type=text)
@click.option("-p", "--page", type=click.IntRange(1), default=None, help="Only this page.")
@_as_json
def show_command(document: str, page: int | None, as_json: bool) -> None:
    """Print the text of a document (by id, file name or title) or of one page, as citations count it."""
    from assistant.errors import DocumentNotFound
    from assistant.library import OWNER
    from doors.in_json import page_json

    with _assistant() as assistant:
        stored = assistant.library.stored(document, reader=OWNER)
    chosen = next((p for p in stored.pages if p.number == page), None)
    if page is not None and chosen is None:
        raise DocumentNotFound(f"'{stored.document.title}' has pages 1 to {len(stored.pages)}; there is no page {page}.")
    shown = page_json(stored.document, stored.text, chosen)
    if as_json:
        print_json(shown)
    else:
        say(shown["text"])


@_command("forget")
@click.argument("document", type=text)
@_as_json
def forget_command(document: str, as_json: bool) -> None:
    """Take a document (by id, file name or title) out. No answer shows it from then on."""
    from ingestion import forget

    with _assistant() as assistant:
        title = forget(assistant, document)
    if as_json:
        print_json({"forgotten": title})
    else:
        say(f"Forgotten: {name(title)}")


@_command("reindex")
@click.argument("collection", type=text)
@_as_json
def reindex_command(collection: str, as_json: bool) -> None:
    """Build a collection's index anew from the library."""
    from ingestion.reindexing import reindex

    with _assistant() as assistant:
        written = reindex(assistant, collection)
    if as_json:
        print_json({"collection": collection, "chunks": written})
    else:
        say(f"Collection {name(collection)}: {written} chunks indexed anew.")


@_command("doctor")
@_as_json
def doctor_command(as_json: bool) -> None:
    """Compare library and index. Exits with status 1 where something needs mending."""
    from ingestion.doctor import examine

    with _assistant() as assistant:
        found = examine(assistant)
    healthy = not any(e.missing or e.stale for e in found)
    if as_json:
        print_json({"healthy": healthy, "collections": [asdict(e) for e in found]})
    else:
        for e in found:
            pivot = f"pivot length {e.pivot_length:.1f}, drift {e.pivot_drift:+.1%}" if e.pivot_length else "no pivot length yet"
            say(f"{name(e.collection)}: {e.documents} documents, {e.chunks} chunks, {pivot}")
            for line in e.advice:
                say(f"  {line}")
        say("All is well." if healthy else "Something needs mending.")
    if not healthy:
        sys.exit(1)


@_command("purge")
@_as_json
def purge_command(as_json: bool) -> None:
    """Leave no byte of what was forgotten or replaced in the data folder."""
    from ingestion.purging import purge

    with _assistant() as assistant:
        purged = purge(assistant)
    if as_json:
        print_json(asdict(purged))
    else:
        say(f"Purged: {purged.versions} old versions, {purged.originals} originals; library and index are written anew.")


@_command("backup")
@click.argument("file", type=click.Path(dir_okay=False))
@_as_json
def backup_command(file: str, as_json: bool) -> None:
    """Write library and originals to a new zip file."""
    from ingestion.backup import back_up

    with _assistant() as assistant:
        size = back_up(assistant, Path(file))
    if as_json:
        print_json({"file": file, "size_bytes": size})
    else:
        say(f"Written: {name(file)}, {size / 1e6:.1f} MB.")


@_command("restore")
@click.argument("file", type=click.Path(dir_okay=False))
@_as_json
def restore_command(file: str, as_json: bool) -> None:
    """Put a backup into an empty data folder and build its index."""
    from assistant.settings import read_settings
    from ingestion.backup import rebuild, unpack

    unpack(Path(file), read_settings().data_dir)
    with _assistant() as assistant:
        chunks = rebuild(assistant)
    if as_json:
        print_json({"chunks": chunks})
    else:
        say(f"Restored: {chunks} chunks indexed.")


@_command("eval")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--limit", type=click.IntRange(1), default=None, help="Only the first N questions.")
@click.option("--answers/--no-answers", default=True, help="Whether to answer the questions, or only to search.")
@click.option(
    "--foreign", type=click.Path(exists=True, file_okay=False), default=None,
    help="Also ask another set's questions, which should be refused.",
)  # fmt: skip
@_as_json
def eval_command(folder: str, limit: int | None, answers: bool, foreign: str | None, as_json: bool) -> None:
    """Measure retrieval, refusal, citations and time on a folder of questions and documents."""
    from assistant.settings import read_settings
    from doors.evaluate import evaluate, table

    with ProgressBar() as bar:
        measured = evaluate(folder, read_settings(), limit=limit, answers=answers, foreign=foreign, on_progress=bar.step)
    if as_json:
        print_json(measured)
    else:
        say(table(measured))


@_command("calibrate")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@_as_json
def calibrate_command(folder: str, as_json: bool) -> None:
    """Fit the decision when not to answer to a folder of your own questions and documents, as `footnote eval` reads it."""
    from assistant.settings import read_settings
    from doors.calibrate import calibrate, lines

    with ProgressBar() as bar:
        found = calibrate(folder, read_settings(), on_progress=bar.step)
    if as_json:
        print_json(found)
    else:
        say(lines(found))


@_command("serve")
@click.option("--host", default=None, help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="Port to listen on.  [default: 7860]")
def serve_command(host: str | None, port: int | None) -> None:
    """Serve the page in the browser."""
    from assistant.settings import read_settings
    from doors.server import serve

    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    serve(read_settings(**given))


def _print_report(report: Report) -> None:
    for outcome in report.outcomes:
        if outcome.reason:
            say(f"{'FAILED' if outcome.status == 'failed' else 'note'}  {name(outcome.source)}: {outcome.reason}")
    from ingestion.report import STATUSES

    counts = ", ".join(f"{n} {status}" for status in STATUSES if (n := report.count(status)))
    say(f"Collection {name(report.collection)}: {counts or 'no files found'} in {report.seconds:.1f} s.")


def _assistant() -> Assistant:
    from assistant.answering import Assistant

    return Assistant.open()


def run() -> None:
    """The command's entry point."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    with without_needless_lines():
        try:
            sys.exit(main(prog_name="footnote", standalone_mode=False))
        except click.ClickException as error:
            if "--json" in sys.argv:
                print_json({"error": error.format_message(), "kind": type(error).__name__})
            error.show()
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            print_error("Stopped.", "KeyboardInterrupt", as_json="--json" in sys.argv)
            sys.exit(INTERRUPTED)


if __name__ == "__main__":
    run()
