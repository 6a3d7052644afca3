"""How the library's database is opened and written to: SQLite with all its durability switched on, or PostgreSQL by address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from assistant.errors import LibraryError
from assistant.schema import metadata

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON", "busy_timeout=30000")


class Database:
    """A pool of connections. `reading()` sees one snapshot; `writing()` is one transaction, undone on an error."""

    def __init__(self, url: str) -> None:
        try:
            self.engine = _open(url)
            metadata.create_all(self.engine)
        except SQLAlchemyError as error:
            shown = make_url(url).render_as_string(hide_password=True)
            raise LibraryError(f"The library at {shown} could not be opened: {error}. Check FOOTNOTE_LIBRARY_URL.") from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    def close(self) -> None:
        self.engine.dispose()


def insert_or_add(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]], *, keys: Sequence[str], count: str
) -> None:
    """Insert rows; where a row with these keys stands, add to its `count` instead."""
    if not rows:
        return
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table)
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(keys), set_={count: table.c[count] + statement.excluded[count]}),
        list(rows),
    )


def _open(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    Path(parsed.database or "").parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # sqlite3 would open its transactions late; the next listener opens them
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes its lock at once: a read transaction that turns into a write fails when another wrote in between.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")

    return engine
