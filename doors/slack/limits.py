"""Limits: when Slack asks to wait, every call of that method waits, whoever makes it; but no wait holds up the end of the bot."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_handlers import ConnectionErrorRetryHandler, ServerErrorRetryHandler
from slack_sdk.web import SlackResponse

_TIMEOUT_SECONDS = 20
_MOST_WAITS = 5
# Said of a channel; the other methods have one limit for all.
_BY_CHANNEL = ("chat.postMessage",)

_log = logging.getLogger(__name__)


class TooSoon(SlackClientError):
    """Slack has asked to wait so many seconds."""

    def __init__(self, method: str, seconds: float) -> None:
        super().__init__(f"Slack takes {method} again in {seconds:.1f} s.")
        self.seconds = seconds


class Waits:
    """Until when each method is to wait. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}

    def left(self, subject: str) -> float:
        with self._lock:
            return max(0.0, self._until.get(subject, 0.0) - time.monotonic())

    def begin(self, subject: str, seconds: float) -> None:
        with self._lock:
            self._until[subject] = max(self._until.get(subject, 0.0), time.monotonic() + seconds)


class LimitedClient(WebClient):
    """Slack's client, which waits where it is patient and raises TooSoon where it is not; also for the waits of others. Once the bot
    is `stopping`, the patient one raises it too, in the middle of a wait as well."""

    def __init__(self, token: str, api_url: str, waits: Waits, stopping: threading.Event, *, patient: bool) -> None:
        again = [ConnectionErrorRetryHandler(), ServerErrorRetryHandler()] if patient else []
        super().__init__(token, api_url, timeout=_TIMEOUT_SECONDS, logger=_log, retry_handlers=again)
        self._waits, self._stopping, self._patient = waits, stopping, patient

    def api_call(self, api_method: str, **arguments: Any) -> SlackResponse:
        given: Mapping[str, Any] = arguments.get("json") or arguments.get("params") or {}
        subject = f"{api_method} {given.get('channel')}" if api_method in _BY_CHANNEL else api_method
        for _ in range(_MOST_WAITS):
            if (left := self._waits.left(subject)) and (not self._patient or self._stopping.wait(left)):
                raise TooSoon(api_method, self._waits.left(subject))
            try:
                return super().api_call(api_method, **arguments)
            except SlackApiError as error:
                if error.response.status_code != 429:
                    raise
                self._waits.begin(subject, retry_after(error.response.headers))
        raise TooSoon(api_method, self._waits.left(subject))


def retry_after(headers: Mapping[str, Any]) -> float:
    """The seconds that Slack asks to wait; one where it does not say."""
    said = str({name.lower(): value for name, value in headers.items()}.get("retry-after", "1"))
    return float(said) if said.isdigit() else 1.0
