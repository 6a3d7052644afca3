"""Calls to Slack's API. Every message goes out here: without unfurling, and with nothing in it parsed for mentions or links."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_handlers import ConnectionErrorRetryHandler
from slack_sdk.webhook import WebhookClient

from doors.slack.limits import LimitedClient, TooSoon, Waits, retry_after
from doors.slack.messages import Message, own_words

_TIMEOUT_SECONDS = 20
_MOST_WAITS = 5
# What a call can end in besides SlackApiError: no connection, a body that is no JSON, nonsense where an address should be.
FAILED = (SlackClientError, OSError, ValueError)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the bot is: its user, as a bot, its workspace, and the organisation of that, where there is one."""

    user: str
    bot: str
    team: str
    enterprise: str


class Slack:
    """One workspace. `patient` waits where Slack asks for that, until the bot is `stopping`; `quick` raises TooSoon. Safe to call from
    several threads."""

    def __init__(self, token: str, api_url: str, stopping: threading.Event) -> None:
        waits = Waits()
        self.api_url, self.stopping = api_url, stopping
        self.patient = LimitedClient(token, api_url, waits, stopping, patient=True)
        self.quick = LimitedClient(token, api_url, waits, stopping, patient=False)

    @cached_property
    def identity(self) -> Identity:
        """Raises SlackApiError where the token is refused."""
        found = self.patient.auth_test()
        return Identity(found["user_id"], found["bot_id"], found["team_id"], found.get("enterprise_id") or "")

    def post(self, message: Message, channel: str, thread: str = "", *, client: WebClient | None = None) -> str:
        """Say something in a thread, in the channel where none is named; the stamp of the message."""
        posted = (client or self.patient).chat_postMessage(
            channel=channel, thread_ts=thread or None, text=message.text, blocks=message.blocks, unfurl_links=False,
            unfurl_media=False, parse="none", link_names=False, mrkdwn=False,
        )  # fmt: skip
        return str(posted["ts"])

    def post_all(self, messages: Sequence[Message], channel: str, thread: str) -> None:
        """Say something in a thread. What Slack refuses is told there in our own words."""
        for message in messages:
            try:
                self.post(message, channel, thread)
            except SlackApiError as error:
                _log.error("Slack refused a message in %s: %s", channel, error.response.get("error"))
                self.post(refused(error), channel, thread)
                return

    def update(self, message: Message, channel: str, stamp: str, *, client: WebClient | None = None) -> None:
        (client or self.patient).chat_update(
            channel=channel, ts=stamp, text=message.text, blocks=message.blocks, parse="none", link_names=False
        )

    def whisper(self, message: Message, channel: str, user: str, thread: str = "") -> None:
        """Say something that this user alone sees."""
        self.patient.chat_postEphemeral(
            channel=channel, user=user, thread_ts=thread or None, text=message.text, blocks=message.blocks, parse="none",
            link_names=False,
        )  # fmt: skip

    def respond(self, address: str, message: Message) -> None:
        """Answer at a `response_url`, which the user alone sees. Raises SlackClientError; TooSoon where Slack asks to wait again and
        again, or the bot is stopping."""
        client = WebhookClient(address, timeout=_TIMEOUT_SECONDS, logger=_log, retry_handlers=[ConnectionErrorRetryHandler()])
        for left in reversed(range(_MOST_WAITS)):
            sent = client.send(
                text=message.text, blocks=message.blocks, response_type="ephemeral", replace_original=False, unfurl_links=False,
                unfurl_media=False,
            )  # fmt: skip
            if sent.status_code != 429 or not left or self.stopping.wait(retry_after(sent.headers)):
                break
        if sent.status_code == 429:
            raise TooSoon("a response", retry_after(sent.headers))
        if sent.status_code != 200:
            raise SlackClientError(f"Slack answered {sent.status_code} to a response: {sent.body[:200]}")


def refused(error: SlackApiError) -> Message:
    return own_words(f"I have an answer, and Slack did not take it ({_code(error)}). Ask for less at once.")


def attempted(call: Callable[..., object], *arguments: object, **named: object) -> bool:
    """Whether a call that nothing depends on went well. That it did not is logged."""
    try:
        call(*arguments, **named)
    except FAILED as error:
        _log.info("Slack: %s", error)
        return False
    return True


def _code(error: SlackApiError) -> str:
    return str(error.response.get("error") or error.response.status_code)
