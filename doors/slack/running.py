"""Running: the bot from its settings, over a socket that it opens itself (Socket Mode) or over HTTP, where Slack calls us."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk.errors import SlackApiError

from assistant.errors import SettingsError
from assistant.library import Library
from doors.answer_links import AnswerLinks
from doors.operations import Operations
from doors.slack.bot import Bot
from doors.slack.calls import FAILED, Slack
from doors.slack.drafts import FRAME_SECONDS
from doors.slack.upkeep import KEPT_UP_SECONDS

if TYPE_CHECKING:
    from assistant.settings import Settings

_MOST_SECONDS_BETWEEN = 30.0
_PING_SECONDS = 5.0  # a connection that broke is noticed so late

_log = logging.getLogger(__name__)


@contextmanager
def slack_running(
    settings: Settings,
    operations: Operations,
    library: Library,
    links: AnswerLinks,
    *,
    max_file_bytes: int,
    frame_seconds: float = FRAME_SECONDS,
    kept_up_seconds: float = KEPT_UP_SECONDS,
) -> Iterator[Bot | None]:
    """The bot, for as long as the block lasts; None where no token is set. What it cannot do at once, since Slack is not to be reached
    or refuses a token, it says on stderr, and tries again. Raises SettingsError where a token or the secret is missing."""
    if not _is_wanted(settings):
        yield None
        return
    slack = Slack(settings.slack_bot_token.get_secret_value(), settings.slack_api_url, threading.Event())
    # Over a socket nobody signs, so what comes to /slack/events without a secret is refused.
    secret, app_token = settings.slack_signing_secret.get_secret_value(), settings.slack_app_token.get_secret_value()
    bot = Bot(
        slack, operations, library, links, signing_secret=secret, max_file_bytes=max_file_bytes, frame_seconds=frame_seconds
    )
    # Its own client would sleep for as long as Slack asks to wait; with this one it tries again later.
    socket = SocketModeHandler(bot.app, app_token, web_client=slack.quick, ping_interval=_PING_SECONDS) if app_token else None
    running = threading.Thread(target=_run, args=(bot, socket, slack.stopping, kept_up_seconds), name="slack", daemon=True)
    running.start()
    try:
        yield bot
    finally:
        slack.stopping.set()
        running.join(timeout=5)
        if socket is not None:
            socket.close()  # type: ignore[no-untyped-call]
        bot.close()


def _is_wanted(settings: Settings) -> bool:
    """Whether any token is set. Raises SettingsError where another is missing."""
    token, app_token = settings.slack_bot_token.get_secret_value(), settings.slack_app_token.get_secret_value()
    secret = settings.slack_signing_secret.get_secret_value()
    if (app_token or secret) and not token:
        raise SettingsError("FOOTNOTE_SLACK_BOT_TOKEN is missing: the token xoxb-… under OAuth & Permissions of your Slack app.")
    if token and not app_token and not secret:
        raise SettingsError(
            "Slack needs one setting more: FOOTNOTE_SLACK_APP_TOKEN (xapp-…, Socket Mode), or FOOTNOTE_SLACK_SIGNING_SECRET for "
            "events that Slack sends to /slack/events."
        )
    return bool(token)


def _run(bot: Bot, socket: SocketModeHandler | None, stopping: threading.Event, kept_up_seconds: float) -> None:
    """Begin, and keep up until the end."""
    _begin(bot, socket, stopping)
    while not stopping.wait(kept_up_seconds):
        try:
            bot.upkeep.keep_up()
        except Exception:  # as when the disk is full
            _log.exception("The upkeep of the Slack door failed, and is tried again.")


def _begin(bot: Bot, socket: SocketModeHandler | None, stopping: threading.Event) -> None:
    """Begin, and go on trying until it works."""
    seconds = 1.0
    while not stopping.is_set():
        try:
            bot.begin()
            if socket is not None:
                socket.connect()  # type: ignore[no-untyped-call]
            print(f"Footnote answers in Slack, {'by its socket' if socket else 'at /slack/events'}.", file=sys.stderr, flush=True)
            return
        except Exception as error:  # whatever it is, the other doors stay open
            if not stopping.is_set():
                _say_why(error)
        stopping.wait(seconds)
        seconds = min(2 * seconds, _MOST_SECONDS_BETWEEN)


def _say_why(error: Exception) -> None:
    if isinstance(error, SlackApiError):
        said = f"Slack refused the token ({error.response.get('error')}). Compare FOOTNOTE_SLACK_* with your app's pages"
    elif isinstance(error, FAILED):
        said = f"Slack is not to be reached: {str(error).rstrip('.')}"
    else:
        _log.exception("The Slack door did not open.")
        said = f"the Slack door did not open: {error}"
    print(f"footnote: {said}. I try again.", file=sys.stderr, flush=True)
