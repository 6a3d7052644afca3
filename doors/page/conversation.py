"""The conversation: questions with what has come of them so far, and how they look. It knows nothing of Gradio."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from html import escape
from queue import Empty, Queue

from assistant.errors import AnswerCutOff, FootnoteError
from assistant.filters import Filters
from assistant.types import Answer, Citation, Event, Hit, Passages, Searching, Text, Turn
from doors.operations import Operations
from doors.output_gate import answer_html, plain_html
from doors.page.source_panel import passage_address, passage_link
from doors.page.why_panel import why_html
from doors.terminal import borne_out
from prompts.invisible import visible

# Redrawing more often than the eye follows only costs the browser time.
_REDRAW_SECONDS = 0.05


@dataclass
class Exchange:
    """One question, and what has come of it: a status while it is worked on, then an answer or an error."""

    number: int
    question: str
    status: str = "Searching…"
    written: str = ""
    answer: Answer | None = None
    error: str = ""
    stopped: bool = False

    @property
    def over(self) -> bool:
        return self.answer is not None or bool(self.error) or self.stopped


@dataclass
class Conversation:
    """The exchanges of one tab, oldest first."""

    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def busy(self) -> bool:
        return bool(self.exchanges) and not self.exchanges[-1].over

    def turns(self) -> list[Turn]:
        """The conversation as a follow-up needs it. Questions that ended in an error are left out."""
        turns = []
        for exchange in self.exchanges:
            text = exchange.answer.text if exchange.answer else exchange.written
            if exchange.over and text:
                turns += [Turn("user", exchange.question), Turn("assistant", text)]
        return turns

    def stop(self) -> None:
        """Leave the last answer as far as it has come."""
        if self.busy:
            self.exchanges[-1].stopped = True


def follow(
    operations: Operations,
    conversation: Conversation,
    question: str,
    collection: str,
    *,
    reader: str,
    filters: Callable[[], Filters],
    ready: Callable[[], None],
) -> Iterator[Exchange]:
    """Ask once `ready` returns, of the documents that pass `filters()`, and give the exchange when there is something new to see, and
    every second, so that whoever draws it may leave. An error ends in its `error`; once it is stopped, nothing is added to it any
    more."""
    history = conversation.turns()
    exchange = Exchange(len(conversation.exchanges) + 1, question)
    conversation.exchanges.append(exchange)
    yield exchange
    came: Queue[Event | Exception | None] = Queue()

    def read() -> None:
        try:
            ready()
            named = [collection] if collection else []
            stream = operations.stream(question, collections=named, filters=filters(), reader=reader, history=history)
            with closing(stream) as events:  # type: ignore[type-var]
                for event in events:
                    if exchange.stopped:
                        break
                    came.put(event)
        except Exception as error:
            came.put(error)
        came.put(None)

    # What comes while the page is drawn is drawn together, and a model that says nothing holds nobody up.
    threading.Thread(target=read, name="answer", daemon=True).start()
    try:
        while not exchange.over:
            for step in _at_hand(came):
                _take(exchange, step)
            yield exchange
            time.sleep(_REDRAW_SECONDS)
    finally:
        exchange.stopped = exchange.answer is None and not exchange.error


def _at_hand(came: Queue[Event | Exception | None]) -> Iterator[Event | Exception | None]:
    """All that has come; the first is waited for, for a second."""
    with suppress(Empty):
        yield came.get(timeout=1.0)
        while True:
            yield came.get_nowait()


def _take(exchange: Exchange, event: Event | Exception | None) -> None:
    if exchange.over:
        return
    if event is None:
        exchange.error = str(AnswerCutOff())
    elif isinstance(event, (FootnoteError, ValueError)):
        exchange.error = str(event)
    elif isinstance(event, Exception):
        logging.getLogger(__name__).error("The question %r failed.", exchange.question, exc_info=event)
        exchange.error = f"Something failed inside Footnote ({type(event).__name__}). The terminal where it runs says more."
    elif isinstance(event, Searching):
        asked_anew = visible(event.query).strip() != visible(exchange.question).strip()
        exchange.status = f"Searching for “{event.query}”…" if asked_anew else "Searching…"
    elif isinstance(event, Passages):
        count = len(event.hits)
        exchange.status = f"Reading {count} passage{'s' * (count != 1)}…"
    elif isinstance(event, Text):
        exchange.written += event.text
    else:
        exchange.answer = event.answer


def conversation_html(exchanges: Sequence[Exchange]) -> str:
    return "".join(exchange_html(exchange) for exchange in exchanges)


def exchange_html(exchange: Exchange) -> str:
    """The question, and below it the answer with its sources, the words so far, or the reason why there is none."""
    body = _unfinished(exchange) if exchange.answer is None else _answer(exchange, exchange.answer)
    question = f'<h2 class="question">{plain_html(exchange.question)}</h2>'
    return f'<article class="exchange" id="answer-{exchange.number}">{question}{body}</article>'


def _unfinished(exchange: Exchange) -> str:
    parts = []
    if exchange.written:
        words = answer_html(exchange.written, answer=exchange.number, cited=(), unfinished=True)
        parts.append(f'<div class="answer{"" if exchange.over else " writing"}">{words}</div>')
    if exchange.error:
        parts.append(f'<div class="trouble" role="alert"><strong>No answer.</strong> {plain_html(exchange.error)}</div>')
    elif exchange.stopped:
        parts.append('<p class="cut-off">Stopped. This answer is not complete, and its footnotes are not checked.</p>')
    elif not exchange.written:
        parts.append(f'<p class="status" role="status"><span class="dot"></span>{plain_html(exchange.status)}</p>')
    return "".join(parts)


def _answer(exchange: Exchange, answer: Answer) -> str:
    number = exchange.number
    parts = [f'<div class="answer">{answer_html(answer.text, answer=number, cited=[c.number for c in answer.citations])}</div>']
    if not answer.complete:
        parts.append('<p class="cut-off">This answer was cut off. What you see is not complete.</p>')
    parts += [f'<p class="note">{plain_html(notice)}</p>' for notice in answer.notices]
    if answer.unsupported:
        said = "".join(f"<li>{plain_html(sentence)}</li>" for sentence in answer.unsupported)
        parts.append(f'<div class="note"><p>No passage bears this out:</p><ul>{said}</ul></div>')
    if answer.citations:
        entries = "".join(_source(number, c, _headings(c, answer.hits)) for c in answer.citations)
        parts.append(f'<ol class="sources" aria-label="Sources">{entries}</ol>')
    if not answer.found and answer.hits:
        entries = "".join(_nearest(number, place, hit) for place, hit in enumerate(answer.hits, 1))
        parts.append(f'<p class="label">The nearest passages</p><ul class="nearest">{entries}</ul>')
    parts += [_tools(answer), why_html(number, answer)]
    kind = "found" if answer.found else "not-found"
    return f'<div class="{kind}">{"".join(parts)}</div>'


def _source(answer: int, citation: Citation, headings: Sequence[str]) -> str:
    address = passage_address(citation.document_id, citation.start, citation.end, citation.version)
    link = passage_link(f"cite-{answer}.{citation.number}", "source", address, citation.quote, headings)
    return (
        f'<li>{link}<span class="number">{citation.number}</span><span class="title">{plain_html(citation.title)}</span>'
        f'<span class="page">page {citation.page}</span></a></li>'
    )


def _nearest(answer: int, place: int, hit: Hit) -> str:
    chunk = hit.chunk
    address = passage_address(chunk.document_id, chunk.start, chunk.end)
    link = passage_link(f"near-{answer}.{place}", "near", address, chunk.text, chunk.heading_path)
    return (
        f'<li>{link}<span class="title">{plain_html(chunk.title)}</span><span class="page">page {chunk.page}</span>'
        f'<span class="snippet">{plain_html(_shortened(chunk.text))}</span></a></li>'
    )


def _headings(citation: Citation, hits: Sequence[Hit]) -> Sequence[str]:
    chunks = (hit.chunk for hit in hits)
    return next(
        (c.heading_path for c in chunks if c.document_id == citation.document_id and c.start <= citation.start < c.end), ()
    )


def _tools(answer: Answer) -> str:
    lines = [visible(answer.text)]
    if answer.citations:
        lines += ["", *(f"[{c.number}] {visible(c.title)}, page {c.page}: “{visible(c.quote)}”" for c in answer.citations)]
    seconds = answer.milliseconds.get("total", 0.0) / 1000
    took = f'<span class="took">{seconds:.1f} s</span>' if seconds else ""
    if answer.stated:
        took += f'<span class="took">{borne_out(answer)}</span>'
    copied = escape(json.dumps("\n".join(lines)), quote=True)
    return f'<div class="tools"><button type="button" class="quiet" data-copy="{copied}">Copy</button>{took}</div>'


def _shortened(text: str, most: int = 150) -> str:
    line = " ".join(text.replace("\t", " · ").split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"
