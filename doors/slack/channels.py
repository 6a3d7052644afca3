"""Channels: what is set for each. One that nothing was set for answers everybody, from all that may be read there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import select

from assistant.database import Database, replace_rows
from doors.slack.tables import channels, metadata

# What stands for every channel and direct message where no person is set.
DEFAULT = "default"
_READER = "slack:"


@dataclass(frozen=True, slots=True)
class Channel:
    """What is set for a channel. `collections` are searched, all that may be read there where none is named; with `mentions_only` the
    bot follows no thread; only the users `allowed` may ask, everybody where none is named; `off` answers nobody. `person` is the id of
    the user or channel that questions are handed to."""

    id: str
    collections: Sequence[str] = ()
    mentions_only: bool = False
    allowed: Sequence[str] = ()
    off: bool = False
    person: str = ""

    def refusal(self, user: str) -> str:
        """Why the bot does not answer this user here; empty where it does."""
        if self.off:
            return "Footnote is switched off in this channel. Ask in a direct message."
        if self.allowed and user not in self.allowed:
            return "In this channel Footnote answers certain people only. Ask in a direct message."
        return ""


class Channels:
    """The settings of channels. Whoever runs Footnote sets them, while the bot runs too."""

    def __init__(self, database: Database) -> None:
        database.add_tables(metadata)
        self._database = database

    def all(self) -> list[Channel]:
        """Those for which something was set, by id."""
        with self._database.reading() as connection:
            rows = connection.execute(select(channels).order_by(channels.c.channel)).all()
        return [
            Channel(r.channel, tuple(r.collections), bool(r.mentions_only), tuple(r.allowed), bool(r.off), r.person) for r in rows
        ]

    def find(self, channel: str) -> Channel:
        return next((found for found in self.all() if found.id == channel), Channel(channel))

    def set(self, channel: Channel) -> None:
        row = asdict(channel)
        row["channel"] = row.pop("id")
        for name in ("collections", "allowed"):
            row[name] = list(row[name])
        with self._database.writing() as connection:
            replace_rows(connection, channels, [row])


def reader_of_channel(channel: str) -> str:
    """The reader that a channel is. No user can be called so."""
    return f"{_READER}{channel.lower()}"


def is_channel_reader(reader: str) -> bool:
    return reader.startswith(_READER) and reader[len(_READER) :].isalnum()
