"""The tables of accounts, beside those of the library, for SQLite and PostgreSQL alike."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Integer, MetaData, String, Table, Text

metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("password_hash", Text, nullable=False),  # scrypt$n$r$p$salt$hash
    Column("disabled", Boolean, nullable=False),
    Column("created_at", String(40), nullable=False),
)

emails = Table(
    "emails",
    metadata,
    Column("address", String(320), primary_key=True),  # in small letters
    Column("user", String(64), nullable=False, index=True),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("user", String(64), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("created_at", String(40), nullable=False),
    Column("used_at", String(40)),
)

# By the digest of whom it is about: a name that was only tried, or the address of a client.
attempts = Table(
    "attempts",
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("locked_until", Float, nullable=False),  # seconds since the epoch
    Column("last_at", Float, nullable=False),
)
