"""The tables of links to footnotes, beside those of the library. They hold places, and no text of a document, for a year."""

from __future__ import annotations

from sqlalchemy import Column, Integer, MetaData, String, Table

metadata = MetaData()

answers = Table(
    "answers",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("reader", String(200), nullable=False),
    Column("answered_at", String(40), nullable=False),
)

footnotes = Table(
    "footnotes",
    metadata,
    Column("answer", String(16), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("document", String(64), nullable=False),
    Column("version", String(80), nullable=False),
    Column("page", Integer, nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
)

# One reader's word on one answer; the last one counts.
ratings = Table(
    "ratings",
    metadata,
    Column("answer", String(16), primary_key=True),
    Column("reader", String(200), primary_key=True),
    Column("helpful", Integer, nullable=False),  # 1 or 0
    Column("rated_at", String(40), nullable=False),
)
