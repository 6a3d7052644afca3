"""The bot: which events it listens to, and what each of them sets going. Slack has its acknowledgement before any work begins."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from slack_bolt import Ack, App
from slack_bolt.adapter.starlette.handler import to_bolt_request, to_starlette_response
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient
from starlette.requests import Request
from starlette.responses import Response

from assistant.errors import FootnoteError
from assistant.library import Library
from assistant.types import Turn
from doors.accounts import Accounts
from doors.answer_links import AnswerLinks
from doors.operations import Operations
from doors.slack.answering import FAILURE, Answering
from doors.slack.buttons import Buttons
from doors.slack.calls import FAILED, Slack, attempted
from doors.slack.channels import Channel, Channels
from doors.slack.claims import Claims
from doors.slack.conversations import Threads
from doors.slack.drafts import FRAME_SECONDS, To
from doors.slack.incoming import Incoming, as_written, incoming
from doors.slack.limits import TooSoon
from doors.slack.messages import GREETING, HELP, PERSON, PROMPTS, RATE, own_words
from doors.slack.readers import Readers
from doors.slack.upkeep import Upkeep
from doors.slack.uploads import Uploads
from doors.slack.work import Work

_EYES = "eyes"
_MOST_TURNS_BEFORE = 15  # what Slack lets every app read at once
_TOO_MANY = "Too many questions wait for me at the moment. Ask again in a few minutes, please."

_log = logging.getLogger(__name__)


class Bot:
    """Everything behind the tokens of one workspace. `app` takes what Slack sends, over HTTP or over a socket. `clock` says what time
    it is, in UTC."""

    def __init__(
        self, slack: Slack, operations: Operations, library: Library, links: AnswerLinks, *, signing_secret: str = "",
        max_file_bytes: int, frame_seconds: float = FRAME_SECONDS, clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:  # fmt: skip
        database = library.database
        self._slack, self._work = slack, Work(slack.stopping)
        self._claims, self._threads, self._channels = Claims(database, clock), Threads(database, clock), Channels(database)
        self.upkeep = Upkeep(slack, self._work, self._claims, self._threads, clock)
        self._claiming = threading.Lock()
        readers = Readers(slack, Accounts(database))
        self._uploads = Uploads(slack, operations, library, readers, max_file_bytes)
        self._answering = Answering(slack, operations, library, links, readers, self._threads, slack.stopping, frame_seconds)
        self._buttons = Buttons(slack, links, self._channels, self._claims, readers)
        # Acknowledgements do not wait behind answers.
        self._signs = ThreadPoolExecutor(2, thread_name_prefix="slack-signs")
        self.app = App(
            name="footnote", client=WebClient(base_url=slack.api_url), authorize=lambda: self._authorized(),
            signing_secret=signing_secret,
            attaching_conversation_kwargs_enabled=False,
        )  # fmt: skip
        self.signed = bool(signing_secret)  # whether what comes over HTTP can be checked
        self._listen()

    def begin(self) -> None:
        """Do the upkeep for the first time. Raises SlackApiError where the token is refused."""
        _ = self._slack.identity
        self.upkeep.keep_up()

    def over_http(self, request: Request, body: bytes) -> Response:
        """What is to be answered to a request from Slack: that it is acknowledged, or that it is not signed. Takes no time."""
        return to_starlette_response(self.app.dispatch(to_bolt_request(request, body)))

    def close(self) -> None:
        """Stop the answers under way, each of which says so in its thread. The next bot says it where Slack asks to wait, and of what
        was not begun."""
        self._work.close()
        self._signs.shutdown()
        self._claims.give_up_all()

    def _authorized(self) -> AuthorizeResult:
        """As whom events are received: asked of Slack once, not with each of many that come together."""
        us = self._slack.identity
        return AuthorizeResult(enterprise_id=us.enterprise, team_id=us.team, bot_user_id=us.user, bot_id=us.bot)

    def _listen(self) -> None:
        for kind in ("message", "app_mention"):
            self.app.event(kind)(self._message)
        self.app.event("assistant_thread_started")(self._pane_opened)
        self.app.event("assistant_thread_context_changed")(self._pane_moved)
        self.app.event("app_home_opened")(self._home_opened)
        self.app.command("/ask")(self._command)
        self.app.action(RATE)(self._buttons.rate)
        self.app.action(PERSON)(self._buttons.ask_a_person)

    def _message(self, event: dict[str, Any], body: dict[str, Any]) -> None:
        message = incoming(event, bot=self._slack.identity.user, team=body.get("team_id") or "")
        if message is None:
            return
        try:
            self._heard(message)
        except Exception:
            _log.exception("A message from Slack was not taken on.")
            if message.mentioned or _is_direct(message):
                attempted(self._slack.post, own_words(FAILURE), message.channel, message.thread)

    def _heard(self, message: Incoming) -> None:
        """Take a message on, if it is meant for the bot, and nobody has."""
        channel = self._channels.find(message.channel)
        if not self._is_meant(message, channel):
            return
        addressed = message.mentioned or _is_direct(message)
        if reason := channel.refusal(message.user):
            if addressed and self._claims.claim(_subject(message)):
                attempted(self._slack.whisper, own_words(reason), message.channel, message.user, message.thread)
            return
        # A mention comes as two events, of which one may be without the files. Both at once must not take a part each: the files come
        # before the question about them.
        with self._claiming:
            files = bool(addressed and message.files) and self._claimed(message, "files")
            asks = bool(message.text or not message.files) and self._claimed(message)
        if files or asks:
            self._set_going(message, channel, files=files, asks=asks)

    def _claimed(self, message: Incoming, what: str = "") -> bool:
        return self._claims.claim(_subject(message, what), channel=message.channel, thread=message.thread)

    def _is_meant(self, message: Incoming, channel: Channel) -> bool:
        if message.mentioned or _is_direct(message):
            return True
        follows = message.in_thread and message.text and not message.for_others and not channel.mentions_only
        return bool(follows and self._threads.known(message.channel, message.thread))

    def _set_going(self, message: Incoming, channel: Channel, *, files: bool, asks: bool) -> None:
        sign = self._signs.submit(self._show_that_it_is_seen, message)
        if self._work.add(f"{message.channel} {message.thread}", lambda: self._take(message, channel, sign, files, asks)):
            return
        if not self._slack.stopping.is_set():
            self._signs.submit(self._slack.post, own_words(_TOO_MANY), message.channel, message.thread)
            self._claims.settle(*_subjects(message, files=files, asks=asks))

    def _take(self, message: Incoming, channel: Channel, sign: Future[bool], files: bool, asks: bool) -> None:
        """Take in the files of a message, answer its text, and take the sign off it."""
        reacted = sign.result()
        subjects = _subjects(message, files=files, asks=asks)
        if self._said(message, channel, files=files, asks=asks):
            self._claims.settle(*subjects)
        else:
            self._claims.give_up(subjects)
        if reacted:
            attempted(self._slack.quick.reactions_remove, channel=message.channel, timestamp=message.stamp, name=_EYES)

    def _said(self, message: Incoming, channel: Channel, *, files: bool, asks: bool) -> bool:
        """Whether the thread was told what became of a message; not where Slack is not to be reached or asks to wait too long."""
        try:
            if files:
                self._slack.post_all([self._uploads.take_in(message)], message.channel, message.thread)
            if asks:
                self._answer(message, channel)
        except TooSoon as error:
            _log.info("Slack did not take an answer in time: %s", error)
            return False
        except Exception as error:
            _log.exception("A message from Slack failed.")
            said = str(error) if isinstance(error, FootnoteError) else FAILURE
            return attempted(self._slack.post_all, [own_words(said)], message.channel, message.thread)
        return True

    def _answer(self, message: Incoming, channel: Channel) -> None:
        word = message.text.strip(" ?!.").lower()
        to = To(message.channel, message.thread, message.user, message.team)
        if word in ("", "help"):
            self._slack.post_all([own_words(HELP)], message.channel, message.thread)
        elif word == "documents":
            self._answering.list_documents(to, channel)
        else:
            self._answering.in_thread(message.text, to, channel, self._before(message))

    def _before(self, message: Incoming) -> Sequence[Turn]:
        """What people said in a thread that the bot is called into; nothing where Slack does not let us read it now."""
        if not message.in_thread or self._threads.known(message.channel, message.thread):
            return ()
        try:
            found = self._slack.quick.conversations_replies(
                channel=message.channel, ts=message.thread, latest=message.stamp, limit=_MOST_TURNS_BEFORE
            )
        except FAILED as error:
            _log.info("Slack did not let us read a thread: %s", error)
            return ()
        said = [incoming({**each, "channel": message.channel}, bot=self._slack.identity.user) for each in found["messages"]]
        return [Turn("user", each.text) for each in said if each and each.text and float(each.stamp) < float(message.stamp)]

    def _show_that_it_is_seen(self, message: Incoming) -> bool:
        """A status where the conversation has one, else eyes on the message; whether these are to be taken off."""
        if _is_direct(message) and attempted(
            self._slack.quick.assistant_threads_setStatus, channel_id=message.channel, thread_ts=message.thread,
            status="is looking through the documents…",
        ):  # fmt: skip
            return False
        return attempted(self._slack.quick.reactions_add, channel=message.channel, timestamp=message.stamp, name=_EYES)

    def _command(self, ack: Ack, command: dict[str, Any]) -> None:
        user, address, question = command["user_id"], command["response_url"], as_written(command.get("text") or "")
        if not question:
            ack(text="Write your question behind the command: /ask How many days of leave do I have?")
            return
        if reason := self._channels.find(command["channel_id"]).refusal(user):
            ack(text=reason)
            return
        ack(text="I am looking through the documents…")
        if self._claims.claim(f"ask {command['trigger_id']}"):
            self._set_asking(question, user, address)

    def _set_asking(self, question: str, user: str, address: str) -> None:
        def answer() -> None:
            try:
                self._answering.in_private(question, user, address)
            except TooSoon as error:
                _log.warning("Slack did not take an answer to /ask: %s", error)
            except Exception:
                _log.exception("A question from Slack failed.")
                attempted(self._slack.respond, address, own_words(FAILURE))

        if not self._work.add(f"ask {user}", answer):
            self._signs.submit(self._slack.respond, address, own_words(_TOO_MANY))

    def _pane_opened(self, event: dict[str, Any], body: dict[str, Any]) -> None:
        thread = event["assistant_thread"]
        if self._claims.claim(f"event {body['event_id']}"):
            self._slack.post(own_words(GREETING), thread["channel_id"], thread["thread_ts"])
            self._suggest(thread)

    def _pane_moved(self, event: dict[str, Any]) -> None:
        self._suggest(event["assistant_thread"])

    def _home_opened(self, event: dict[str, Any]) -> None:
        if event.get("tab") == "messages":
            self._suggest({"channel_id": event["channel"]})

    def _suggest(self, thread: Mapping[str, Any]) -> None:
        attempted(
            self._slack.quick.assistant_threads_setSuggestedPrompts, channel_id=thread["channel_id"],
            thread_ts=thread.get("thread_ts"), prompts=list(PROMPTS),
        )  # fmt: skip


def _is_direct(message: Incoming) -> bool:
    """Whether this is a direct message to the bot. Whose documents are read is decided otherwise (readers.py)."""
    return message.channel.startswith("D")


def _subjects(message: Incoming, *, files: bool, asks: bool) -> list[str]:
    """What one job has claimed of a message, and no other."""
    return [_subject(message, what) for what, claimed in (("files", files), ("", asks)) if claimed]


def _subject(message: Incoming, what: str = "") -> str:
    return f"{message.channel} {message.stamp} {what}".rstrip()
