"""Attempts: how often a password was guessed wrong, for a name and from an address, and how long to wait after that. It is kept in the
database, so that starting anew forgets nothing."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, delete, select, update

from assistant.database import Database, insert_or_add
from assistant.errors import AccountError
from doors.account_tables import attempts

FREE = {"name": 5, "address": 20}
"""Wrong guesses before there is a wait. People share an address; a name is one person's."""

LONGEST_SECONDS = 900.0
_FORGOTTEN_SECONDS = 86_400.0


class TooManyAttempts(AccountError):
    """Nothing is verified for this name, or from this address, for so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = max(1, round(seconds))
        super().__init__(f"Too many attempts. Try again in {self.seconds} second{'s' * (self.seconds != 1)}.")


class Attempts:
    """Wrong guesses by name and by address. After the free ones each lets the next wait twice as long, a second at first, a quarter of
    an hour at most. They are forgotten a day after the last."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock

    @contextmanager
    def one(self, name: str, address: str) -> Iterator[Attempt]:
        """One attempt. It counts as wrong from its beginning, so that many at once are not all free, until it is said to be right.
        Raises TooManyAttempts, and counts nothing, while there is a wait."""
        with self._database.writing() as connection:
            self._begin(connection, "name", name.lower())
            self._begin(connection, "address", address)
        attempt = Attempt()
        try:
            yield attempt
        finally:
            if attempt.right:
                self.forgive_name(name)
                self._take_back(address)

    def forgive_name(self, name: str) -> None:
        """Forget the wrong guesses at a name."""
        with self._database.writing() as connection:
            connection.execute(delete(attempts).where(attempts.c.subject == _subject("name", name.lower())))

    def _begin(self, connection: Connection, kind: str, whom: str) -> None:
        subject, now = _subject(kind, whom), self._clock()
        connection.execute(delete(attempts).where(attempts.c.last_at < now - _FORGOTTEN_SECONDS))
        # The row is locked by being written first: of two attempts at once the second sees what the first one counted.
        row = {"subject": subject, "failures": 1, "locked_until": 0.0, "last_at": now}
        insert_or_add(connection, attempts, [row], keys=("subject",), count="failures")
        at = connection.execute(select(attempts).where(attempts.c.subject == subject)).one()
        if at.locked_until > now:
            raise TooManyAttempts(at.locked_until - now)
        beyond = at.failures - FREE[kind]
        wait = min(LONGEST_SECONDS, 2.0 ** min(beyond, 20)) if beyond >= 0 else 0.0
        connection.execute(
            update(attempts).where(attempts.c.subject == subject).values(locked_until=now + wait if wait else 0.0, last_at=now)
        )

    def _take_back(self, address: str) -> None:
        """An address does not forget the guesses at others' names because its own was right."""
        subject = _subject("address", address)
        with self._database.writing() as connection:
            counted = update(attempts).where(attempts.c.subject == subject, attempts.c.failures > 0)
            connection.execute(counted.values(failures=attempts.c.failures - 1, locked_until=0.0))


class Attempt:
    """`right` is for whoever verifies to set."""

    right: bool = False


def _subject(kind: str, whom: str) -> str:
    return hashlib.sha256(f"{kind}\0{whom}".encode("utf-8", "surrogatepass")).hexdigest()
