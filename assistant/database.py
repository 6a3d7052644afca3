"""How the library's database is opened and written to: SQLite with all its durability switched on, or PostgreSQL by address."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Insert, MetaData, Table, create_engine, event, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from assistant.errors import LibraryError
from assistant.schema import metadata

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON", "busy_timeout=30000")


class Database:
    """A pool of connections. `reading()` sees one snapshot; `writing()` is one transaction, undone on an error."""

    def __init__(self, url: str | URL) -> None:
        shown = _without_password(url)
        try:
            self.engine = _open(url)
            self.add_tables(metadata)
        except (SQLAlchemyError, OSError, ImportError) as error:
            raise LibraryError(
                f"The library at {shown} could not be opened: {error}. Check FOOTNOTE_DATA_DIR and FOOTNOTE_LIBRARY_URL."
            ) from error

    def add_tables(self, metadata: MetaData) -> None:
        """Make the tables that are missing, and give those of an older library the columns that came since; all of these may be
        empty."""
        metadata.create_all(self.engine)
        there = inspect(self.engine)
        for table in metadata.tables.values():
            held = {column["name"] for column in there.get_columns(table.name)}
            for column in table.columns:
                if column.name not in held:
                    kind = column.type.compile(self.engine.dialect)
                    with self.writing() as connection:
                        connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with _as_library_errors(), self.engine.connect() as connection:
            if connection.dialect.name != "sqlite":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with _as_library_errors(), self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    def rewrite(self) -> None:
        """Write the file anew without what was deleted, and empty the write-ahead log."""
        sqlite_only = ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")
        statements = sqlite_only if self.engine.dialect.name == "sqlite" else ("VACUUM FULL",)
        with _as_library_errors():
            self._outside_transactions(statements)

    def copy_to(self, path: Path, *, without: Table) -> None:
        """Write a consistent copy of an SQLite database to a new file, with no row in the table that it is to be without."""
        if self.engine.dialect.name != "sqlite":
            raise LibraryError("This library lies in PostgreSQL: back it up with pg_dump.")
        with _as_library_errors():
            self._outside_transactions([f"VACUUM INTO '{str(path).replace(chr(39), chr(39) * 2)}'"])
            with closing(sqlite3.connect(path, isolation_level=None)) as copy:
                copy.execute(f"DELETE FROM {without.name}")
                copy.execute("VACUUM")

    def _outside_transactions(self, statements: Sequence[str]) -> None:
        connection = self.engine.raw_connection()
        try:
            for statement in statements:
                cursor = connection.cursor()
                cursor.execute(statement)
                cursor.fetchall() if cursor.description else None
                cursor.close()
        finally:
            connection.close()

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


def insert_missing(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows; where one with the same primary key stands, leave it."""
    if rows:
        connection.execute(_leaving(connection, table), list(rows))


def missing_inserted(connection: Connection, table: Table, row: dict[str, Any]) -> bool:
    """Insert a row; False where one with the same primary key stands, which is left."""
    return bool(connection.execute(_leaving(connection, table), row).rowcount)


def _leaving(connection: Connection, table: Table) -> Insert:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    made: Insert = dialect.insert(table).on_conflict_do_nothing()
    return made


def replace_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows; where one with the same primary key stands, write this one over it."""
    if rows:
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        statement = dialect.insert(table)
        keys = [column.name for column in table.primary_key]
        changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), list(rows))


@contextmanager
def _as_library_errors() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        reason = getattr(error, "orig", None) or error
        raise LibraryError(f"The library could not be read or written: {reason}. Check the disk's space and rights.") from error


def _without_password(url: str | URL) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return str(url)


def _open(url: str | URL) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    Path(parsed.database or "").parent.mkdir(mode=0o700, parents=True, exist_ok=True)
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
