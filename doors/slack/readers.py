"""Readers: for whom a question from Slack reads. A public channel reads what all may read, a private one also what is its own, and a
direct message what the account of its writer may."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, TypeVar

from assistant.access import EVERYONE
from doors.accounts import Accounts
from doors.slack.calls import FAILED, Slack
from doors.slack.channels import reader_of_channel

Kind = Literal["public", "private", "direct", "unknown"]
T = TypeVar("T")

_CHANNEL_SECONDS = 60.0
_USER_SECONDS = 300.0
_MOST_KEPT = 10_000

_log = logging.getLogger(__name__)


class Readers:
    """What Slack says of a channel is believed for a minute, of a person for five; their account is looked up each time. Where Slack
    says nothing, what all may read is read."""

    def __init__(self, slack: Slack, accounts: Accounts, clock: Callable[[], float] = time.monotonic) -> None:
        self._slack, self._accounts = slack, accounts
        self._kinds: _Lately[Kind] = _Lately(_CHANNEL_SECONDS, clock)
        self._users: _Lately[Mapping[str, Any]] = _Lately(_USER_SECONDS, clock)

    def kind(self, channel: str, *, afresh: bool = False) -> Kind:
        """What a channel is; what it is now, where it is looked up afresh."""

        def look() -> Kind:
            found = self._slack.patient.conversations_info(channel=channel)["channel"]
            if found.get("is_im"):
                return "direct"
            # A channel is public only where Slack says nothing against it.
            return "private" if found.get("is_private") or found.get("is_mpim") or found.get("is_group") else "public"

        return self._kinds.of(channel, look, afresh=afresh) or "unknown"

    def reader(self, channel: str, user: str) -> str:
        """For whom a question that this user asks here reads."""
        kind = self.kind(channel)
        if kind == "direct":
            return self.account(user) or EVERYONE
        return reader_of_channel(channel) if kind == "private" else EVERYONE

    def account(self, user: str) -> str | None:
        """The account of a member of our workspace, by the e-mail address that Slack has confirmed; None for guests, for people of
        other workspaces, and for whom there is no account."""
        found = self._user(user)
        address = (found.get("profile") or {}).get("email")
        if not address or not self.member(user) or found.get("is_email_confirmed") is False:
            return None
        return self._accounts.user_of_email(address)

    def member(self, user: str) -> bool:
        """Whether this is a full member of our workspace or organisation, as far as Slack says."""
        found, us = self._user(user), self._slack.identity
        organisation = (found.get("enterprise_user") or {}).get("enterprise_id")
        ours = found.get("team_id") == us.team or bool(us.enterprise and organisation == us.enterprise)
        less = ("is_stranger", "is_restricted", "is_ultra_restricted", "is_bot", "deleted")
        return ours and not any(found.get(sign) for sign in less)

    def _user(self, user: str) -> Mapping[str, Any]:
        return self._users.of(user, lambda: self._slack.patient.users_info(user=user)["user"]) or {}


class _Lately(Generic[T]):
    """What was looked up lately. A failure is not kept."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds, self._clock = seconds, clock
        self._kept: dict[str, tuple[float, T]] = {}

    def of(self, name: str, look: Callable[[], T], *, afresh: bool = False) -> T | None:
        kept = self._kept.get(name)
        if kept and not afresh and self._clock() < kept[0]:
            return kept[1]
        try:
            found = look()
        except (*FAILED, KeyError) as error:
            _log.warning("Slack did not say who or what %s is: %s", name, error)
            return None
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[name] = (self._clock() + self._seconds, found)
        return found
