"""The tables of the Slack door, beside those of the library, for SQLite and PostgreSQL alike."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

_ID = BigInteger().with_variant(Integer, "sqlite")

# What has been taken on, so that nothing is answered twice. One that is not settled and whose lease has run out was interrupted.
claims = Table(
    "slack_claims",
    metadata,
    Column("subject", String(200), primary_key=True),
    Column("channel", String(40), nullable=False),
    Column("thread", String(40), nullable=False),
    Column("settled", Boolean, nullable=False),
    Column("claimed_at", String(40), nullable=False),
    Column("owner", String(16)),
    Column("leased_until", String(40)),
)

# The turns of the threads that the bot is part of. Answers repeat documents: `footnote purge` takes them out.
turns = Table(
    "slack_turns",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("channel", String(40), nullable=False),
    Column("thread", String(40), nullable=False),
    Column("role", String(10), nullable=False),
    Column("text", Text, nullable=False),
    Column("said_at", String(40), nullable=False),
    Index("slack_turns_by_thread", "channel", "thread"),
)

channels = Table(
    "slack_channels",
    metadata,
    Column("channel", String(40), primary_key=True),
    Column("collections", JSON, nullable=False),
    Column("mentions_only", Boolean, nullable=False),
    Column("allowed", JSON, nullable=False),
    Column("off", Boolean, nullable=False),
    Column("person", String(40), nullable=False),
)
