"""Claims: what the bot has taken on. Slack tells of one thing several times: again where it missed the answer, as a message and as a
mention, and anew after a reconnect."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, delete, or_, update

from assistant.database import Database, missing_inserted
from doors.slack.tables import claims, metadata

LEASE = timedelta(minutes=1)
# Slack repeats an event for up to an hour.
_KEPT = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A thread in which something was taken on by a bot that gives no sign of life any more; `subjects` are its claims there."""

    channel: str
    thread: str
    subjects: Sequence[str]


class Claims:
    """The claims of one bot, beside those of others over the same library. What it has not settled yet is leased for a minute, and is
    renewed while it lives. Safe to call from several threads and processes: of those who claim a subject at once, one gets it. `clock`
    says what time it is, in UTC; bots on several machines have to agree on it to half a minute."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        database.add_tables(metadata)
        self._database, self._clock, self._owner = database, clock, secrets.token_hex(8)

    def claim(self, subject: str, *, channel: str = "", thread: str = "") -> bool:
        """Whether nobody had this subject before. One with a thread is to be settled; others are settled at once."""
        row = {"subject": subject, "channel": channel, "thread": thread, "settled": not thread, "claimed_at": self._in()}
        with self._database.writing() as connection:
            return missing_inserted(connection, claims, {**row, "owner": self._owner, "leased_until": self._in(LEASE)})

    def settle(self, *subjects: str) -> None:
        with self._database.writing() as connection:
            connection.execute(update(claims).where(claims.c.subject.in_(subjects)).values(settled=True))

    def release(self, subject: str) -> None:
        """Let the subject be claimed again: what was to be done with it failed."""
        with self._database.writing() as connection:
            connection.execute(delete(claims).where(claims.c.subject == subject))

    def renew(self) -> None:
        """Give a sign of life: what this bot has not settled is leased anew."""
        with self._database.writing() as connection:
            connection.execute(update(claims).where(*self._under_way()).values(leased_until=self._in(LEASE)))

    def give_up(self, subjects: Sequence[str]) -> None:
        """Leave these subjects, as far as this bot has not settled them, to whoever looks next."""
        self._give_up(claims.c.subject.in_(subjects))

    def give_up_all(self) -> None:
        """Leave all that this bot has not settled."""
        self._give_up()

    def interrupted(self) -> list[Interrupted]:
        """The threads of what was given up or whose lease has run out, each once; it is this bot's to settle from now on."""
        run_out = or_(claims.c.leased_until.is_(None), claims.c.leased_until < self._in())
        others = or_(claims.c.owner.is_(None), claims.c.owner != self._owner)
        taken = update(claims).where(claims.c.settled.is_(False), others, run_out)
        mine = taken.values(owner=self._owner, leased_until=self._in(LEASE))
        threads: dict[tuple[str, str], list[str]] = {}
        with self._database.writing() as connection:
            for row in connection.execute(mine.returning(claims.c.channel, claims.c.thread, claims.c.subject)):
                threads.setdefault((row.channel, row.thread), []).append(row.subject)
        return [Interrupted(*named, subjects) for named, subjects in sorted(threads.items())]

    def forget_old(self) -> None:
        """Forget what was claimed more than two days ago."""
        with self._database.writing() as connection:
            connection.execute(delete(claims).where(claims.c.claimed_at < self._in(-_KEPT)))

    def _give_up(self, *which: ColumnElement[bool]) -> None:
        with self._database.writing() as connection:
            connection.execute(update(claims).where(*self._under_way(), *which).values(owner=None, leased_until=None))

    def _under_way(self) -> tuple[ColumnElement[bool], ...]:
        return claims.c.owner == self._owner, claims.c.settled.is_(False)

    def _in(self, time: timedelta = timedelta(0)) -> str:
        """The time in so long from now, as it is written down."""
        return (self._clock() + time).isoformat()
