"""The tables of the library, for SQLite and PostgreSQL alike. What they mean to each other is in library.py."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

# SQLite hands out row ids that never come back only for INTEGER PRIMARY KEY AUTOINCREMENT. A chunk id that came back would
# give a removed chunk's vectors to a new one.
_ID = BigInteger().with_variant(Integer, "sqlite")

about = Table("about", metadata, Column("library_id", String(40), primary_key=True))  # one row

collections = Table(
    "collections",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("embedder", String(200), nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("index_name", String(200), nullable=False),
    Column("pivot_length", Float),  # fixed by the first batch: the document side of BM25 is written with it
    Column("chunks", Integer, nullable=False, default=0),  # live ones, as are their terms: kept exact in each transaction
    Column("terms", BigInteger, nullable=False, default=0),
    Column("owner", String(200), nullable=False),
    Column("readers", JSON, nullable=False),
    Column("created_at", String(40), nullable=False),
    sqlite_autoincrement=True,
)

documents = Table(
    "documents",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("collection_id", ForeignKey("collections.id"), nullable=False, index=True),
    Column("live_version_id", _ID, index=True),
    Column("added_at", String(40), nullable=False),
)

# Two files with the same bytes are one document with two places.
places = Table(
    "places",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("collection_id", ForeignKey("collections.id"), nullable=False),
    Column("document_id", ForeignKey("documents.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("place", Text, nullable=False),  # what makes it the same file again: an absolute path, or an upload's name
    Column("source", Text, nullable=False),  # what people see
    Column("stamp", String(80)),  # the file's size and times when it was read: while they stay, so does the document
    Column("modified_at", String(40)),  # when its file was last modified, as far as that is known
    UniqueConstraint("collection_id", "place"),
)

versions = Table(
    "versions",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("document_id", ForeignKey("documents.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("version", String(80), nullable=False),
    Column("digest", String(64), nullable=False, index=True),
    Column("state", String(10), nullable=False, index=True),  # pending, live, retired
    Column("embedded", Boolean, nullable=False),  # whether the index holds its vectors, or its words alone
    Column("title", Text, nullable=False),
    Column("media_type", String(120), nullable=False),
    Column("language", String(10), nullable=False),
    Column("text", Text, nullable=False),
    Column("runs", LargeBinary, nullable=False),
    Column("notices", JSON, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created_at", String(40), nullable=False),
    sqlite_autoincrement=True,
)

pages = Table(
    "pages",
    metadata,
    Column("version_id", ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
)

blocks = Table(
    "blocks",
    metadata,
    Column("version_id", ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("page", Integer, nullable=False),
    Column("level", Integer, nullable=False),
    Column("heading_path", JSON, nullable=False),
    Column("header", Text, nullable=False),
)

chunks = Table(
    "chunks",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("version_id", ForeignKey("versions.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("page", Integer, nullable=False),
    Column("heading_path", JSON, nullable=False),
    Column("header", Text, nullable=False),
    Column("term_counts", LargeBinary, nullable=False),
    Column("context_line", Text),  # NULL where none was written yet, empty where there is none to be had
    Column("line_from", String(64)),  # digest of the document's bytes as they were when it was written
    UniqueConstraint("version_id", "position"),
    sqlite_autoincrement=True,
)

# Found by their digest: chunks of the same search text have the same signs.
token_signs = Table(
    "token_signs",
    metadata,
    Column("chunk_id", ForeignKey("chunks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("digest", LargeBinary(16), nullable=False, index=True),
    Column("signs", LargeBinary, nullable=False),
)

term_counts = Table(
    "term_counts",
    metadata,
    Column("collection_id", ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True),
    Column("term", BigInteger, primary_key=True),
    Column("chunks", Integer, nullable=False),  # live chunks that hold the term
)

# Every context line that was written, so that none is asked for twice.
context_lines = Table(
    "context_lines",
    metadata,
    Column("key", String(64), primary_key=True),  # digest of the chunk, and of what wrote the line
    Column("document", String(64), primary_key=True, index=True),  # digest of the bytes that the chunk stands in
    Column("made_from", String(64), nullable=False),  # of the bytes that the model saw: those, or an earlier version's
    Column("line", Text, nullable=False),
)

# Rows that the index should drop, written in the transaction that made them useless and struck off once they are gone.
doomed_rows = Table(
    "doomed_rows",
    metadata,
    Column("index_name", String(200), primary_key=True),
    Column("chunk_id", _ID, primary_key=True, autoincrement=False),
)

Index("versions_of_state", versions.c.state, versions.c.document_id)
