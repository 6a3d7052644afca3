"""Conversations: the threads that the bot is part of, kept here: Slack lets many apps read a thread once a minute only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, delete, insert, select

from assistant.database import Database
from assistant.types import Turn
from doors.slack.tables import metadata, turns

_MOST_TURNS = 40
_KEPT = timedelta(days=90)


class Threads:
    """The turns of threads, each named by its channel and the stamp of its first message. `clock` says what time it is, in UTC."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        database.add_tables(metadata)
        self._database, self._clock = database, clock

    def known(self, channel: str, thread: str) -> bool:
        """Whether the bot is part of this thread."""
        with self._database.reading() as connection:
            return connection.execute(select(turns.c.id).where(*_of(channel, thread)).limit(1)).first() is not None

    def turns(self, channel: str, thread: str) -> list[Turn]:
        """The last turns of a thread, oldest first."""
        query = select(turns.c.role, turns.c.text).where(*_of(channel, thread)).order_by(turns.c.id.desc()).limit(_MOST_TURNS)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [Turn(row.role, row.text) for row in reversed(rows)]

    def add(self, channel: str, thread: str, said: Sequence[Turn]) -> None:
        now = self._clock().isoformat()
        rows = [{"channel": channel, "thread": thread, "role": t.role, "text": t.text, "said_at": now} for t in said]
        with self._database.writing() as connection:
            connection.execute(insert(turns), rows)

    def forget_old(self) -> None:
        """Forget what was said more than ninety days ago."""
        before = (self._clock() - _KEPT).isoformat()
        with self._database.writing() as connection:
            connection.execute(delete(turns).where(turns.c.said_at < before))

    def forget_answers(self) -> None:
        """Forget all that was answered; what people asked stays, and the threads go on."""
        with self._database.writing() as connection:
            connection.execute(delete(turns).where(turns.c.role == "assistant"))


def _of(channel: str, thread: str) -> tuple[ColumnElement[bool], ...]:
    return turns.c.channel == channel, turns.c.thread == thread
