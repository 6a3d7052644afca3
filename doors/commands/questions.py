"""Questions: answers with footnotes, and the passages alone."""

from __future__ import annotations

import sys

import click

from assistant.filters import Filters
from assistant.types import Done
from doors.commands.command import FAILED, NOT_FOUND, as_json_option, collection_option, command, opened, text
from doors.commands.filtering import filter_options
from doors.terminal import name, print_answer, print_json, say, shortened
from doors.why import confidence, table

_why_option = click.option(
    "--why",
    is_flag=True,
    help="Also show the rank and score of each passage in every stage, and the time. --json has them anyway.",
)


@command("ask")
@click.argument("question", type=text)
@collection_option
@filter_options
@_why_option
@as_json_option
def ask_command(question: str, collection: str, filters: Filters, why: bool, as_json: bool) -> None:
    """Answer a question with footnotes. Exits with status 3 when the documents do not say, with 1 when the answer was cut off."""
    from doors.in_json import answer_json

    with opened() as operations:
        *_, last = operations.stream(question, collections=[collection] if collection else [], filters=filters)
    assert isinstance(last, Done)
    answer = last.answer
    if as_json:
        print_json(answer_json(answer))
    else:
        print_answer(answer)
    if why and not as_json:
        say("\n" + table(answer.hits, answer.milliseconds, searched=answer.searched, citations=answer.citations))
        say(confidence(answer))
    if not answer.found:
        sys.exit(NOT_FOUND)
    if not answer.complete:
        sys.exit(FAILED)


@command("search")
@click.argument("query", type=text)
@click.option("-k", default=10, show_default=True, type=click.IntRange(1, 100), help="How many passages.")
@collection_option
@filter_options
@_why_option
@as_json_option
def search_command(query: str, k: int, collection: str, filters: Filters, why: bool, as_json: bool) -> None:
    """List the passages nearest to a query, with their rank in each leg."""
    from doors.in_json import retrieval_json

    with opened() as operations:
        found = operations.search(query, collections=[collection] if collection else [], filters=filters, k=k)
    if as_json:
        print_json(retrieval_json(found))
        return
    for rank, hit in enumerate(found.hits, 1):
        ranks = ", ".join(f"{stage} {place}" for stage, place in hit.ranks.items())
        say(f"{rank:>2}. {name(hit.chunk.title)}, page {hit.chunk.page}  ({ranks})")
        say(f"    {shortened(hit.chunk.text)}")
    if not found.hits:
        say("Nothing found.")
    if why:
        say("\n" + table(found.hits, found.milliseconds, searched=found.searched))
    for notice in found.notices:
        say(f"Note: {notice}", to_stderr=True)
