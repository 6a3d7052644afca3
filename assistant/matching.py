"""Matching: the live documents that pass the filters, found within the caller's transaction."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import PurePath
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from assistant.errors import InvalidRequest
from assistant.filters import Filters
from assistant.queries import dated_at, find_in
from assistant.records import Collection
from assistant.schema import documents, places, versions

# Days beyond these have no time in every zone.
_FIRST, _LAST = date(1971, 1, 1), date(9998, 12, 31)
_MOST_NAMED = 12


def passing(connection: Connection, of: Sequence[Collection], filters: Filters) -> Select[Any]:
    """The ids of the live documents of these collections that pass. Raises DocumentNotFound for a document, and InvalidRequest for
    a folder, type or language, that is not among them."""
    live = _live(of)
    query = live
    if filters.documents:
        named = [find_in(connection, name, of)[0].id for name in filters.documents]
        query = query.where(documents.c.id.in_(named))
    for values, condition, missing in (
        (filters.folders, _lies_below, _no_folder),
        (filters.types, _is_of_type, _no_type),
        (filters.languages, _is_in_language, _no_language),
    ):
        for value in values:
            if connection.execute(live.where(condition(value)).limit(1)).first() is None:
                raise InvalidRequest(missing(connection, of, value))
        if values:
            query = query.where(or_(*map(condition, values)))
    if filters.since:
        query = query.where(dated_at() >= _midnight(filters.since))
    if filters.until:
        query = query.where(dated_at() < _midnight(min(filters.until, _LAST) + timedelta(days=1)))
    return query


def _live(of: Sequence[Collection], column: ColumnElement[str] = documents.c.id) -> Select[Any]:
    live = select(column).select_from(documents).join(versions, versions.c.id == documents.c.live_version_id)
    return live.where(documents.c.collection_id.in_([c.id for c in of]))


def _lies_below(folder: str) -> ColumnElement[bool]:
    """One of its places lies below the path, or its name does, which begins at the folder that was ingested."""
    path = os.path.realpath(folder).rstrip(os.sep) + os.sep
    named = folder.strip().strip(os.sep) + os.sep
    # Not LIKE, which takes no heed of capitals in SQLite.
    return _at_a_place(
        or_(func.substr(places.c.place, 1, len(path)) == path, func.substr(places.c.source, 1, len(named)) == named)
    )


def _is_of_type(kind: str) -> ColumnElement[bool]:
    kind = kind.strip().lower()
    if "/" in kind:
        return versions.c.media_type == kind
    return _at_a_place(func.lower(places.c.source).endswith(f".{kind.lstrip('*.')}", autoescape=True))


def _is_in_language(code: str) -> ColumnElement[bool]:
    return versions.c.language == code.strip().lower()


def _at_a_place(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return documents.c.id.in_(select(places.c.document_id).where(condition))


def _midnight(day: date) -> str:
    """The first moment of a day by this machine's clock, as rows keep it."""
    if day < _FIRST:
        return datetime.combine(day, time.min, UTC).isoformat(timespec="seconds")
    local = datetime.combine(day, time.min).astimezone()
    return local.astimezone(UTC).isoformat(timespec="seconds")


def _no_folder(connection: Connection, of: Sequence[Collection], folder: str) -> str:
    return (
        f"No document here lies below the folder '{folder}'. "
        "Give its path, or the beginning of names that `footnote documents` lists."
    )


def _no_type(connection: Connection, of: Sequence[Collection], kind: str) -> str:
    rows = connection.scalars(select(places.c.source).where(places.c.document_id.in_(_live(of))))
    there = {PurePath(source).suffix.lower().lstrip(".") for source in rows} - {""}
    return f"No document here is of the type '{kind}'. Types here: {_listed(there)}."


def _no_language(connection: Connection, of: Sequence[Collection], code: str) -> str:
    there = set(connection.scalars(_live(of, versions.c.language).distinct()))
    return f"No document here is in the language '{code}'. Languages here, by their codes: {_listed(there)}."


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)[:_MOST_NAMED]) + (", …" if len(names) > _MOST_NAMED else "") or "none"
