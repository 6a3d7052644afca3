"""The conversation in a terminal: lines in, questions answered with what was said before, and the few commands that begin with "/"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from typing import Protocol

from assistant.errors import CollectionNotFound, FootnoteError, InvalidRequest
from assistant.filters import EVERYTHING, Filters
from assistant.types import Answer, Chunk, Citation, Done, Event, Text, Turn
from doors.operations import Operations

FAILED = 1
NOT_FOUND = 3
HELP = """\
Type a question; one that follows on another may lean on it.
  /source N         the passage of footnote N, its quote marked
  /collection NAME  ask of this collection alone; without a name, of all
  /new              forget what was said
  /quit             leave, as Ctrl+D does; Ctrl+C stops an answer"""
_COMMAND = re.compile(r"/([a-z]+)(?:\s+(.*))?", re.DOTALL)


class Screen(Protocol):
    """How a conversation is shown."""

    def next_line(self) -> str:
        """What is typed next. Raises EOFError at the end, and KeyboardInterrupt."""

    def coming(self) -> AbstractContextManager[Callable[[Event], None]]:
        """Shows an answer as it comes. Nothing in it is checked yet, and nothing of it stays."""

    def answer(self, answer: Answer) -> None: ...

    def passage(self, citation: Citation, chunk: Chunk) -> None: ...

    def stopped(self, words: str) -> None:
        """After Ctrl+C. Raises KeyboardInterrupt where that ends the conversation."""

    def say(self, words: str) -> None: ...

    def trouble(self, words: str) -> None: ...


@dataclass
class Chat:
    """A conversation. `operations` gives what carries out each question; `collections` names those that there are. `status` is the
    exit status that `footnote ask` would have had for the last question, or 1 where the last command was wrong."""

    operations: Callable[[], Operations]
    collections: Callable[[], Sequence[str]]
    collection: str = ""
    filters: Filters = EVERYTHING
    turns: list[Turn] = field(default_factory=list)
    last: Answer | None = None
    status: int = 0

    def go_on(self, screen: Screen) -> None:
        """Talk until the last line, or "/quit"."""
        while True:
            try:
                line = screen.next_line().strip()
            except KeyboardInterrupt:
                screen.stopped("Ctrl+D leaves.")
                continue
            except EOFError:
                return
            if line == "/quit":
                return
            command = _COMMAND.fullmatch(line)
            try:
                if command:
                    self._obey(command[1], (command[2] or "").strip(), screen)
                elif line:
                    self._ask(line, screen)
            except FootnoteError as error:
                self.status = FAILED
                screen.trouble(str(error))

    def _ask(self, question: str, screen: Screen) -> None:
        written, answer = "", None
        try:
            with closing(self._stream(question)) as events, screen.coming() as show:  # type: ignore[type-var]
                for event in events:
                    show(event)
                    written += event.text if isinstance(event, Text) else ""
                    answer = event.answer if isinstance(event, Done) else None
        except KeyboardInterrupt:
            self.status = FAILED
            self._remember(question, written)
            screen.stopped(f"{written}\n[Stopped. Nothing of this was checked.]" if written else "[Stopped.]")
            return
        assert answer is not None
        self.last = answer
        self.status = 0 if answer.found and answer.complete else FAILED if answer.found else NOT_FOUND
        self._remember(question, answer.text)
        screen.answer(answer)

    def _stream(self, question: str) -> Iterator[Event]:
        collections = [self.collection] if self.collection else []
        return self.operations().stream(question, collections=collections, filters=self.filters, history=tuple(self.turns))

    def _remember(self, question: str, said: str) -> None:
        if said:
            self.turns += [Turn("user", question), Turn("assistant", said)]

    def _obey(self, command: str, words: str, screen: Screen) -> None:
        if command == "help":
            screen.say(HELP)
        elif command == "new":
            self.turns, self.last = [], None
            screen.say("What was said is forgotten.")
        elif command == "collection":
            self._choose(words, screen)
        elif command == "source":
            self._open(words, screen)
        else:
            raise InvalidRequest(f"There is no /{command}. /help shows what there is.")

    def _choose(self, collection: str, screen: Screen) -> None:
        there = self.collections()
        if collection and collection not in there:
            raise CollectionNotFound(f"There is no collection '{collection}'. Collections: {', '.join(there) or 'none yet'}.")
        self.collection = collection
        of = f"the collection {collection}" if collection else f"all collections: {', '.join(there) or 'none yet'}"
        screen.say(f"Questions are put to {of}.")

    def _open(self, words: str, screen: Screen) -> None:
        citations = self.last.citations if self.last else ()
        found = next((c for c in citations if str(c.number) == words.strip("[]")), None)
        if found is None or self.last is None:
            numbers = ", ".join(str(c.number) for c in citations)
            raise InvalidRequest(f"The last answer has no footnote '{words}'. It has: {numbers or 'none'}.")
        passages = [hit.chunk for hit in self.last.hits if _holds(hit.chunk, found)]
        screen.passage(found, passages[0] if passages else _quote_alone(found))


def _holds(chunk: Chunk, citation: Citation) -> bool:
    return chunk.document_id == citation.document_id and chunk.start <= citation.start and citation.end <= chunk.end


def _quote_alone(c: Citation) -> Chunk:
    return Chunk(0, c.document_id, c.title, c.source, c.quote, c.start, c.end, c.page)
