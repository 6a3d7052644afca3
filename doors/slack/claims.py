"""Claims: what the bot has taken on. Slack tells of one thing several times: again where it missed the answer, as a message and as a
mention, and anew after a reconnect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select, update

from assistant.database import Database, missing_inserted
from doors.slack.tables import claims, metadata

# Slack repeats an event for up to an hour.
_KEPT = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A thread in which something was taken on and never settled."""

    channel: str
    thread: str


class Claims:
    """Safe to call from several threads and processes: of those who claim a subject at once, one gets it."""

    def __init__(self, database: Database) -> None:
        database.add_tables(metadata)
        self._database = database

    def claim(self, subject: str, *, channel: str = "", thread: str = "") -> bool:
        """Whether nobody had this subject before. One with a thread is to be settled; others are settled at once."""
        row = {"subject": subject, "channel": channel, "thread": thread, "settled": not thread, "claimed_at": _now()}
        with self._database.writing() as connection:
            return missing_inserted(connection, claims, row)

    def settle(self, subject: str) -> None:
        with self._database.writing() as connection:
            connection.execute(update(claims).where(claims.c.subject == subject).values(settled=True))

    def release(self, subject: str) -> None:
        """Let the subject be claimed again: what was to be done with it failed."""
        with self._database.writing() as connection:
            connection.execute(delete(claims).where(claims.c.subject == subject))

    def interrupted(self) -> list[Interrupted]:
        """The threads of what was not settled, each once; it counts as settled from now on. Old claims are forgotten."""
        left = claims.c.settled.is_(False)
        query = select(claims.c.channel, claims.c.thread).where(left).distinct().order_by(claims.c.channel, claims.c.thread)
        with self._database.writing() as connection:
            connection.execute(delete(claims).where(claims.c.claimed_at < (datetime.now(UTC) - _KEPT).isoformat()))
            found = [Interrupted(*row) for row in connection.execute(query)]
            connection.execute(update(claims).where(left).values(settled=True))
        return found


def _now() -> str:
    return datetime.now(UTC).isoformat()
