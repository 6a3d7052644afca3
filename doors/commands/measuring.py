"""Measuring: on one's own questions and documents."""

from __future__ import annotations

import click

from doors.commands.command import as_json_option, command
from doors.terminal import ProgressBar, print_json, say


@command("eval")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--limit", type=click.IntRange(1), default=None, help="Only the first N questions.")
@click.option("--answers/--no-answers", default=True, help="Whether to answer the questions, or only to search.")
@click.option(
    "--foreign", type=click.Path(exists=True, file_okay=False), default=None,
    help="Also ask another set's questions, which should be refused.",
)  # fmt: skip
@as_json_option
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
