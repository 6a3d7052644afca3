"""Asking: a question, and the answer with its footnotes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated

import anyio.to_thread
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult

from assistant.asynchronous import in_thread
from assistant.errors import AnswerCutOff, FootnoteError
from assistant.types import Answer, Done, Event, Passages, Searching, Text
from doors.in_json import citation_json
from doors.mcp.door import ANSWERS, Door, refused
from doors.mcp.passage_ids import PassageId
from doors.mcp.shapes import Answered, Collections, Footnote, History, Only, Question, filters_of, given, turns_of
from prompts.invisible import visible

_PROGRESS_SECONDS = 0.5


@dataclass(frozen=True)
class Asking:
    """The tool that answers. Its docstring is what a model is told of it."""

    door: Door

    async def ask(
        self,
        context: Context,
        question: Question,
        collections: Collections = [],  # noqa: B006 (read, never written)
        filters: Only | None = None,
        history: History = [],  # noqa: B006
    ) -> Annotated[CallToolResult, Answered]:
        """Answer a question from the documents alone. Each statement ends in the number of a footnote, [n]; each footnote has the
        exact quote, its page and offsets, and a link to show to a person. Where the documents do not say, `found` is false. Keep the
        numbers and give the sources when you pass the answer on."""
        try:
            reader = self.door.reader(context)
            answer = await self._answer(context, question, collections, filters, history, reader)
            answer_id = await anyio.to_thread.run_sync(lambda: self.door.links.keep(answer, reader=reader))
        except FootnoteError as error:
            return refused(error)
        answered = self._answered(answer, answer_id, context)
        return given(answered, _to_read(answered))

    async def _answer(
        self, context: Context, question: str, collections: Collections, filters: Only | None, history: History, reader: str
    ) -> Answer:
        """Whoever cancels the call closes the stream, and with it the generator."""
        only, turns = filters_of(filters), turns_of(history)
        progress = _Progress(context)

        def stream() -> Iterator[Event]:
            return self.door.operations.stream(question, collections=collections, filters=only, reader=reader, history=turns)

        async with ANSWERS, aclosing(in_thread(stream)) as events:
            async for event in events:
                if isinstance(event, Done):
                    return event.answer
                await progress.tell(event)
        raise AnswerCutOff

    def _answered(self, answer: Answer, answer_id: str, context: Context) -> Answered:
        at = self.door.address(context)
        footnotes = [
            Footnote(
                **{**citation_json(c), "title": visible(c.title), "source": visible(c.source)},
                id=str(PassageId(c.document_id, c.version, c.start, c.end)),
                url=self.door.links.of_footnote(answer_id, c.number, at=at),
            )
            for c in answer.citations
        ]
        nearest = [] if answer.found else [self.door.passage(hit, context) for hit in answer.hits]
        return Answered(
            visible(answer.text), answer.found, answer.complete, round(answer.confidence, 4), footnotes,
            [visible(sentence) for sentence in answer.unsupported], [visible(notice) for notice in answer.notices], nearest,
            visible(answer.query),
        )  # fmt: skip


class _Progress:
    """Tells the client how far an answer is, where it asked to be told."""

    def __init__(self, context: Context) -> None:
        self._context, self._steps, self._characters, self._told = context, 0, 0, 0.0

    async def tell(self, event: Searching | Passages | Text) -> None:
        if isinstance(event, Text):
            self._characters += len(event.text)
            if time.monotonic() - self._told < _PROGRESS_SECONDS:
                return
        self._steps, self._told = self._steps + 1, time.monotonic()
        await self._context.report_progress(self._steps, message=self._words(event))

    def _words(self, event: Searching | Passages | Text) -> str:
        if isinstance(event, Searching):
            return f"Searching: {visible(event.query)}"
        if isinstance(event, Passages):
            return f"Reading {len(event.hits)} passages."
        return f"Writing: {self._characters} characters so far."


def _to_read(answer: Answered) -> str:
    """The answer as text with its sources below."""
    lines = [answer.text]
    if not answer.complete:
        lines += ["", "This answer was cut off and is not complete."]
    if answer.citations:
        lines += ["", "Sources:"]
    for c in answer.citations:
        lines.append(f"[{c.number}] {c.title}, page {c.page}: “{_one_line(c.quote)}” {c.url}")
    if answer.nearest:
        lines += ["", "What comes nearest:"]
    for passage in answer.nearest:
        lines.append(f"- {passage.title}, page {passage.page}: {_one_line(passage.text)[:300]} {passage.url} (id {passage.id})")
    lines += ["", *(f"No quote bears this out: {sentence}" for sentence in answer.unsupported)] if answer.unsupported else []
    return "\n".join([*lines, *(f"Note: {notice}" for notice in answer.notices)])


def _one_line(text: str) -> str:
    return " ".join(visible(text).split())
