"""Answering: a question from Slack to the answer in its thread, with what went wrong said there as well."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import cast

from assistant.access import EVERYONE
from assistant.errors import FootnoteError
from assistant.library import Library
from assistant.types import Answer, Done, Event, Text, Turn
from doors.answer_links import AnswerLinks
from doors.operations import Operations
from doors.slack.calls import Slack
from doors.slack.channels import Channel, reader_of_channel
from doors.slack.conversations import Threads
from doors.slack.drafts import FRAME_SECONDS, Draft, To
from doors.slack.messages import Message, answer_messages, documents_message, own_words
from doors.slack.readers import Readers

STOPPED = "I was stopped before I could answer. Ask again, please."
"""In an answer that was begun."""
LEFT_UNANSWERED = (
    "I was stopped before I could answer, or Slack did not take my answer in time. Ask again, please. Files that came with it may "
    "be in: `documents` lists them."
)
"""In a thread that nothing was answered in."""
FAILURE = "Something went wrong here, and whoever runs Footnote finds it in the log. Ask again, please."
_NOTHING_SHARED = (
    "There is nothing here that I may search for you. Whoever runs Footnote shares a collection with everybody by "
    "`footnote share NAME --all`"
)
_NO_ACCOUNT = ", or makes you an account with your e-mail address: `footnote users add NAME --email ADDRESS`"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, for whom it is asked, and what has been said before."""

    question: str
    reader: str
    collections: Sequence[str] = ()
    history: Sequence[Turn] = ()


class Stopped(FootnoteError):
    """The bot is being stopped."""


class Answering:
    def __init__(
        self, slack: Slack, operations: Operations, library: Library, links: AnswerLinks, readers: Readers, threads: Threads,
        stopping: threading.Event, frame_seconds: float = FRAME_SECONDS,
    ) -> None:  # fmt: skip
        self._slack, self._operations, self._library, self._links = slack, operations, library, links
        self._readers, self._threads, self._stopping, self._frame_seconds = readers, threads, stopping, frame_seconds

    def in_thread(self, question: str, to: To, channel: Channel, before: Sequence[Turn]) -> None:
        """Answer in a thread, with the whole thread as the conversation; `before` is what was said there before we were part of it."""
        reader = self._readers.reader(to.channel, to.user)
        history = [*before, *self._threads.turns(to.channel, to.thread)]
        asked = Asked(question, reader, self._searched_in(channel, reader), history)
        draft = Draft(self._slack, to, self._frame_seconds)
        messages, answer = self._answered(asked, draft.write)
        said = [*before, Turn("user", question), *([Turn("assistant", answer.text)] if answer else [])]
        self._threads.add(to.channel, to.thread, said)
        draft.finish(messages)

    def list_documents(self, to: To, channel: Channel) -> None:
        """Say what may be asked about here."""
        reader = self._readers.reader(to.channel, to.user)
        found = self._library.documents(reader=reader, names=self._searched_in(channel, reader))
        titles = sorted({document.title for document in found}, key=str.casefold)
        said = documents_message(titles) if titles else own_words(_NOTHING_SHARED + ".")
        self._slack.post_all([said], to.channel, to.thread)

    def in_private(self, question: str, user: str, address: str) -> None:
        """Answer to this user alone, at a `response_url`, which takes five messages."""
        asked = Asked(question, self._readers.account(user) or EVERYONE)
        messages, _ = self._answered(asked, lambda _: None)
        for message in messages[:4]:
            self._slack.respond(address, message)
        if len(messages) > 4:
            self._slack.respond(address, own_words("The answer is longer than Slack takes here. Ask in a direct message."))

    def _answered(self, asked: Asked, write: Callable[[str], None]) -> tuple[list[Message], Answer | None]:
        """What to say, and the answer, where there is one. Never nothing: an error is said too."""
        try:
            if not any(c.chunks for c in self._library.readable(asked.reader, asked.collections)):
                return [own_words(_NOTHING_SHARED + (_NO_ACCOUNT if asked.reader == EVERYONE else "") + ".")], None
            answer = self._asked(asked, write)
            answer_id = self._links.keep(answer, reader=asked.reader)
            address_of = partial(self._links.of_footnote, answer_id) if self._links.public else (lambda _: "")
            return answer_messages(answer, answer_id=answer_id, address_of=address_of), answer
        except FootnoteError as error:
            return [own_words(str(error))], None
        except Exception:
            _log.exception("The question %r from Slack failed.", asked.question)
            return [own_words(FAILURE)], None

    def _asked(self, asked: Asked, write: Callable[[str], None]) -> Answer:
        events = self._operations.stream(
            asked.question, collections=asked.collections, reader=asked.reader, history=asked.history
        )
        with closing(cast("Generator[Event]", events)):  # gives the model free where the bot is stopped
            for event in events:
                if self._stopping.is_set():
                    raise Stopped(STOPPED)
                if isinstance(event, Text):
                    write(event.text)
                elif isinstance(event, Done):
                    return event.answer
        raise RuntimeError("The stream of an answer ended without the answer.")

    def _searched_in(self, channel: Channel, reader: str) -> Sequence[str]:
        """The collections set for a channel, and with them what was shared in it. None are all that the reader may read."""
        if not channel.collections:
            return ()
        own = reader_of_channel(channel.id)
        return [*channel.collections, *(c.name for c in self._library.readable(reader) if c.owner == own)]
