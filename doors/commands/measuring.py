"""Measuring: on one's own questions and documents, and drafting such questions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from assistant.errors import EvaluationError, InvalidRequest
from doors.commands.command import FAILED, as_json_option, command, text
from doors.completion import collections
from doors.terminal import ProgressBar, name, print_json, say


@command("eval")
@click.argument("folder", type=click.Path(file_okay=False))
@click.option("--limit", type=click.IntRange(1), default=None, help="Only the first N questions.")
@click.option("--answers/--no-answers", default=True, help="Whether to answer the questions, or only to search.")
@click.option(
    "--foreign", type=click.Path(exists=True, file_okay=False), default=None,
    help="Also ask another set's questions, which should be refused.",
)  # fmt: skip
@click.option("--chart", type=click.Path(dir_okay=False), default=None, help="Also draw it into this .html file.")
@click.option(
    "--compare", nargs=2, default=None, metavar="A B",
    help="Measure two settings, and say whether they differ by more than chance. Each is NAME=VALUE[,NAME=VALUE...], as in "
    "reranker=none,fusion=rrf; or a file in the form of .env; or the word current.",
)  # fmt: skip
@click.option("--make", "making", is_flag=True, help="Draft questions into FOLDER instead, from the documents of the library.")
@click.option(
    "--from",
    "documents",
    type=click.Path(exists=True),
    default=None,
    help="With --make: from these documents, without keeping them.",
)
@click.option("--count", type=click.IntRange(1, 10_000), default=None, help="With --make: how many.  [default: 50]")
@click.option(
    "-c",
    "--collection",
    type=text,
    default="",
    shell_complete=collections,
    help="With --make: the collection; all where none is named.",
)
@as_json_option
def eval_command(
    folder: str, limit: int | None, answers: bool, foreign: str | None, chart: str | None, compare: tuple[str, str] | None,
    making: bool, documents: str | None, count: int | None, collection: str, as_json: bool,
) -> None:  # fmt: skip
    """Measure retrieval, refusal, citations and time on a folder of questions and documents.

    \b
    footnote eval FOLDER --chart chart.html
    footnote eval FOLDER --compare current reranker=none
    footnote eval --make FOLDER            then: footnote eval FOLDER

    Drafted questions are sentences with a word left out, which any search finds easily: they serve to compare settings. With
    FOOTNOTE_GENERATOR=openai the model writes real ones, one call a passage.
    """
    if compare and foreign:
        raise InvalidRequest("--compare does not ask another set's questions. Leave out --foreign.")
    _refuse_what_does_not_go_together(
        {"--limit": limit, "--foreign": foreign, "--chart": chart, "--compare": compare},
        {"--from": documents, "--count": count, "--collection": collection},
        making=making,
    )
    if making:
        _make(folder, as_json, documents=documents, collection=collection, count=count)
        return
    if not Path(folder).is_dir():
        raise click.BadParameter(f"Directory '{folder}' does not exist.", param_hint="'FOLDER'")
    if chart:
        _refuse_to_draw_into(Path(chart))
    if compare:
        _compare(folder, compare, limit=limit, answers=answers, chart=chart, as_json=as_json)
    else:
        _measure(folder, limit=limit, answers=answers, foreign=foreign, chart=chart, as_json=as_json)


@command("calibrate")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@as_json_option
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


def _measure(folder: str, *, limit: int | None, answers: bool, foreign: str | None, chart: str | None, as_json: bool) -> None:
    from assistant.settings import read_settings
    from doors.evaluate import evaluate, table
    from doors.evaluation_chart import chart as drawn

    with ProgressBar() as bar:
        measured = evaluate(folder, read_settings(), limit=limit, answers=answers, foreign=foreign, on_progress=bar.step).measured
    _print(measured, table, drawn, chart=chart, as_json=as_json)


def _compare(
    folder: str, settings: tuple[str, str], *, limit: int | None, answers: bool, chart: str | None, as_json: bool
) -> None:
    from doors.comparison import compare, table
    from doors.evaluation_chart import comparison_chart

    with ProgressBar() as bar:
        compared = compare(folder, *map(text, settings), limit=limit, answers=answers, on_progress=bar.step)
    _print(compared, table, comparison_chart, chart=chart, as_json=as_json)


def _make(folder: str, as_json: bool, *, documents: str | None, collection: str, count: int | None) -> None:
    from assistant.settings import read_settings
    from doors.question_drafts import COUNT, make

    with ProgressBar() as bar:
        made = make(
            folder, read_settings(), collection=collection, documents=documents, count=count or COUNT, on_progress=bar.step
        )
    if as_json:
        print_json(made)
    else:
        for failed in made["failed_documents"]:
            say(f"FAILED  {name(failed['source'])}: {failed['reason']}")
        say(
            f"{made['questions']} questions on {made['documents']} of {made['documents_read']} documents, {made['passages']} passages."
        )
        say(f"Read them over, then: footnote eval {name(folder)}")
        if made["stopped"]:
            say(f"footnote: Stopped early. {made['stopped']}", to_stderr=True)
    if made["stopped"]:
        sys.exit(FAILED)


def _print(
    measured: Mapping[str, Any],
    shown: Callable[[Mapping[str, Any]], str],
    drawn: Callable[[Mapping[str, Any]], str],
    *,
    chart: str | None,
    as_json: bool,
) -> None:
    if as_json:
        print_json(measured)
    else:
        say(shown(measured))
    if chart:
        try:
            Path(chart).write_text(drawn(measured), encoding="utf-8", errors="replace")
        except OSError as error:
            raise EvaluationError(f"The chart cannot be written to {chart}: {error.strerror}. Name another file.") from error
        if not as_json:
            say(f"\nDrawn: {name(chart)}")


def _refuse_what_does_not_go_together(measuring: Mapping[str, object], drafting: Mapping[str, object], *, making: bool) -> None:
    wrong = [option for option, value in (measuring if making else drafting).items() if value]
    if wrong:
        raise InvalidRequest(
            f"{wrong[0]} is for measuring; --make only drafts the questions. Measure afterwards: footnote eval FOLDER."
            if making
            else f"{wrong[0]} is for drafting questions. Give --make as well."
        )


def _refuse_to_draw_into(chart: Path) -> None:
    """Before anything is measured, which takes its time."""
    if chart.suffix.lower() not in (".html", ".htm"):
        raise InvalidRequest(f"The chart is a page of HTML; '{chart}' does not end so. Name it {chart.with_suffix('.html')}.")
    if not chart.absolute().parent.is_dir():
        raise InvalidRequest(f"There is no folder {chart.absolute().parent} for the chart. Make it, or name another.")
