"""Upkeep: what a bot does now and then for as long as it runs. It gives a sign of life, tells what others left unanswered, and forgets
what is old."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from slack_sdk.errors import SlackApiError

from doors.slack.answering import LEFT_UNANSWERED
from doors.slack.calls import FAILED, Slack
from doors.slack.claims import LEASE, Claims, Interrupted
from doors.slack.conversations import Threads
from doors.slack.messages import own_words
from doors.slack.work import Work

# Half a minute of the lease is left for a write that has to wait for another.
KEPT_UP_SECONDS = LEASE.total_seconds() / 3
_FORGETS_EVERY = timedelta(hours=1)

_log = logging.getLogger(__name__)


class Upkeep:
    """To be done every KEPT_UP_SECONDS, by one thread. `clock` says what time it is, in UTC."""

    def __init__(self, slack: Slack, work: Work, claims: Claims, threads: Threads, clock: Callable[[], datetime]) -> None:
        self._slack, self._work, self._claims, self._threads, self._clock = slack, work, claims, threads, clock
        self._forgets_at = clock()

    def keep_up(self) -> None:
        """Renew the leases; say so in each thread that a bot left unanswered when it was stopped or died; once an hour, forget what is
        old."""
        self._claims.renew()
        for left in self._claims.interrupted():
            if not self._work.add(f"{left.channel} {left.thread}", partial(self._tell, left)):
                self._claims.give_up(left.subjects)
        if self._clock() >= self._forgets_at:
            self._forgets_at = self._clock() + _FORGETS_EVERY
            self._claims.forget_old()
            self._threads.forget_old()

    def _tell(self, left: Interrupted) -> None:
        """Say in a thread that it was left unanswered; another time where Slack is not to be reached or asks to wait too long."""
        try:
            self._slack.post(own_words(LEFT_UNANSWERED), left.channel, left.thread)
        except FAILED as error:
            _log.info("Slack did not take a note on what was left unanswered: %s", error)
            refused = isinstance(error, SlackApiError) and error.response.status_code == 200  # as for a channel that is gone
            if not refused:
                self._claims.give_up(left.subjects)
                return
        self._claims.settle(*left.subjects)
