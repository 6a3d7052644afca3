"""What the library reads, each within the caller's transaction, and the values that rows become."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, FromClause, Row, ScalarSelect, Select, func, select

from assistant.access import readable, still_readable
from assistant.errors import DocumentNotFound
from assistant.packing import unpack_runs
from assistant.recent_texts import RecentTexts
from assistant.records import Collection, Holdings, StoredVersion, Surroundings
from assistant.schema import chunks, collections, documents, pages, places, versions
from assistant.types import Chunk, Document, Page

Rows = Row[tuple[Any, ...]]
# SQLite takes 32,766 variables in a statement; a list of ids is asked for in slices well below that.
_SLICE = 10_000
_Id = TypeVar("_Id", int, str, bytes)


def find(connection: Connection, name: str, reader: str) -> tuple[Document, Collection]:
    """As `find_in`, among all that the reader may read."""
    document, collection = find_in(connection, name, readable(connection, reader))
    if not still_readable(connection, reader, [collection.id]):
        raise _no_document(name, ())
    return document, collection


def find_in(connection: Connection, name: str, collections_: Sequence[Collection]) -> tuple[Document, Collection]:
    """The document of this id, or the only one of this place, source or title, and its collection; else the only one whose file is
    called so, whatever its folder and capitals. Raises DocumentNotFound."""
    of = {c.id: c for c in collections_}
    at = select(places.c.document_id).where((places.c.source == name) | (places.c.place == name))
    matches = (documents.c.id == name) | documents.c.id.in_(at) | (versions.c.title == name)
    among = live_documents().where(collections.c.id.in_(list(of)))
    rows = connection.execute(among.where(matches)).all()
    rows = [r for r in rows if r.id == name] or rows
    seen = [] if rows else connection.execute(_seen_places(list(of))).all()
    if called := {r.document_id for r in seen if name.casefold() in (r.source.casefold(), _file_name(r.source))}:
        rows = connection.execute(among.where(documents.c.id.in_(called))).all()
    if len(rows) > 1:
        lie = dict(connection.execute(select(places.c.document_id, places.c.place)).all())
        ids = ", ".join(sorted(f"{r.id} ({lie.get(r.id, r.collection)})" for r in rows))
        raise DocumentNotFound(f"{len(rows)} documents are called '{name}': give one of the ids {ids}.")
    if not rows:
        raise _no_document(name, [r.source for r in seen])
    return document_of(rows[0], sources(connection, [rows[0].id])[rows[0].id]), of[rows[0].collection_id]


def _seen_places(collection_ids: Sequence[int]) -> Select[Any]:
    at = documents.join(places, places.c.document_id == documents.c.id)
    live = documents.c.live_version_id.is_not(None)
    return (
        select(places.c.document_id, places.c.source).select_from(at).where(documents.c.collection_id.in_(collection_ids), live)
    )


def sources_beginning(connection: Connection, of: Sequence[Collection], beginning: str, most: int) -> list[str]:
    """What people see of the places of live documents, as far as it begins so; each once, in order, at most so many."""
    seen = _seen_places([c.id for c in of]).with_only_columns(places.c.source)
    begins = func.substr(places.c.source, 1, len(beginning)) == beginning
    return list(connection.scalars(seen.where(begins).distinct().order_by(places.c.source).limit(most)))


def _file_name(source: str) -> str:
    return source.rpartition("/")[2].casefold()


def _no_document(name: str, known: Sequence[str]) -> DocumentNotFound:
    """What to raise, with those of the known sources whose file names are nearest."""
    by_file_name = {_file_name(source): source for source in known}
    near = difflib.get_close_matches(name.rpartition("/")[2].casefold(), by_file_name, n=3)
    meant = f"Did you mean {' or '.join(by_file_name[each] for each in near)}? " if near else ""
    return DocumentNotFound(f"There is no document '{name}'. {meant}`footnote documents` lists them.")


def sources(connection: Connection, document_ids: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
    """What people see of each document's places, in the order in which they came; of all documents where none are given."""
    every = select(places.c.document_id, places.c.source).order_by(places.c.id)
    asked = [every.where(places.c.document_id.in_(ids)) for ids in slices(document_ids)] or [every]
    found: dict[str, tuple[str, ...]] = {}
    for query in asked:
        for document_id, source in connection.execute(query):
            found[document_id] = (*found.get(document_id, ()), source)
    return found


def slices(ids: Sequence[_Id]) -> Iterator[Sequence[_Id]]:
    """The ids in pieces that each fit into a statement."""
    return (ids[i : i + _SLICE] for i in range(0, len(ids), _SLICE))


def chunks_of(connection: Connection, rows: Sequence[Rows], texts: RecentTexts) -> list[Chunk]:
    """The chunks of these rows (of `chunk_rows`), in their order."""
    named = sources(connection, list({row.document_id for row in rows})) if rows else {}
    on: dict[int, list[Page]] = {}
    touched = (
        select(chunks.c.id, pages.c.number, pages.c.start, pages.c.end)
        .join(
            pages, (pages.c.version_id == chunks.c.version_id) & (pages.c.start < chunks.c.end) & (pages.c.end > chunks.c.start)
        )
        .order_by(chunks.c.id, pages.c.number)
    )
    for ids in slices([row.id for row in rows]):
        for chunk_id, number, start, end in connection.execute(touched.where(chunks.c.id.in_(ids))):
            on.setdefault(chunk_id, []).append(Page(number, start, end))

    return [
        chunk_of(
            row,
            text=texts.get(row.version_id, partial(text_of, connection)),
            source=named[row.document_id][0],
            on=tuple(on.get(row.id, ())),
        )
        for row in rows
    ]


def surroundings(connection: Connection, chunk_ids: Sequence[int], reach: int, texts: RecentTexts) -> dict[int, Surroundings]:
    """By the id of each of these chunks that is live: it and the chunks up to `reach` places before and behind it, all those of one
    version together."""
    hit = chunks.alias("hit")
    near = (hit.c.version_id == chunks.c.version_id) & chunks.c.position.between(hit.c.position - reach, hit.c.position + reach)
    query = chunk_rows().add_columns(chunks.c.position, hit.c.id.label("hit_id")).join(hit, near).order_by(chunks.c.position)
    rows = [row for ids in slices(chunk_ids) for row in connection.execute(query.where(hit.c.id.in_(ids)))]
    rows = [row for row in rows if row.version_id == row.live_version_id]
    read: dict[int, dict[int, Chunk]] = {}
    for row, chunk in zip(rows, chunks_of(connection, rows, texts), strict=True):
        read.setdefault(row.version_id, {})[row.position] = chunk
    on: dict[int, list[Page]] = {version_id: [] for version_id in read}
    for page in connection.execute(select(pages).where(pages.c.version_id.in_(read)).order_by(pages.c.number)):
        on[page.version_id].append(Page(page.number, page.start, page.end))
    found = {
        version_id: Surroundings(version_id, own, texts.get(version_id, partial(text_of, connection)), on[version_id])
        for version_id, own in read.items()
    }
    return {row.hit_id: found[row.version_id] for row in rows}


def stored(connection: Connection, name: str, reader: str, version: str) -> StoredVersion:
    """The live version of a document, or the one named. Raises DocumentNotFound."""
    document, _ = find(connection, name, reader)
    of_document = select(versions).where(versions.c.document_id == document.id)
    wanted = versions.c.version == (version or document.version)
    # A version that came back is live once and retired once.
    row = connection.execute(
        of_document.where(wanted, versions.c.state.in_(("live", "retired"))).order_by(versions.c.state)
    ).first()
    if row is None:
        raise DocumentNotFound(f"'{document.title}' has changed since, and its version '{version[:80]}' is not kept any more.")
    found = connection.execute(select(pages).where(pages.c.version_id == row.id).order_by(pages.c.number))
    spans = tuple(Page(p.number, p.start, p.end) for p in found)
    live = row.version == document.version
    if not live:
        then = {name: getattr(row, name) for name in ("title", "version", "media_type", "language", "size_bytes")}
        document = replace(document, **then, pages=len(spans))
    return StoredVersion(document, row.text, spans, unpack_runs(row.runs), row.digest, tuple(row.notices), live)


def text_of(connection: Connection, version_id: int) -> str:
    """The canonical text of a version."""
    return connection.scalar(select(versions.c.text).where(versions.c.id == version_id)) or ""


def holdings(connection: Connection, collection: Collection | None) -> Holdings:
    """What is live in a collection, or in all of them."""
    live = select(documents.c.live_version_id).where(documents.c.live_version_id.is_not(None))
    if collection is not None:
        live = live.where(documents.c.collection_id == collection.id)
    held = select(func.count(), func.coalesce(func.sum(versions.c.size_bytes), 0)).where(versions.c.id.in_(live))
    count, size_bytes = connection.execute(held).one()
    number = connection.scalar(select(func.count()).select_from(pages).where(pages.c.version_id.in_(live)))
    return Holdings(int(count), int(number or 0), int(size_bytes))


def live_documents() -> Select[Any]:
    """Each document with its live version, as `document_of` reads it."""

    def count(table: FromClause) -> ScalarSelect[int]:
        return select(func.count()).where(table.c.version_id == versions.c.id).correlate(versions).scalar_subquery()

    return (
        select(
            documents.c.id, collections.c.name.label("collection"), versions.c.title, versions.c.version, versions.c.media_type,
            versions.c.language, count(pages).label("pages"), count(chunks).label("chunks"), versions.c.size_bytes,
            documents.c.added_at, versions.c.embedded, dated_at().label("dated_at"), collections.c.id.label("collection_id"),
        )
        .select_from(documents).join(versions, versions.c.id == documents.c.live_version_id)
        .join(collections, collections.c.id == documents.c.collection_id)
    )  # fmt: skip


def dated_at() -> ColumnElement[str]:
    """The date of a document with its live version: when its file was last modified, the latest where it has several; when its text
    was added, where that is not known."""
    modified = select(func.max(places.c.modified_at)).where(places.c.document_id == documents.c.id).correlate(documents)
    return func.coalesce(modified.scalar_subquery(), versions.c.created_at)


def document_of(row: Rows, sources: tuple[str, ...]) -> Document:
    fields = {name: value for name, value in row._mapping.items() if name != "collection_id"}
    return Document(**fields, source=sources[0], sources=sources)


def chunk_rows() -> Select[Any]:
    """Chunks with their version and document, live or not, as `chunk_of` reads them. Joined by primary keys alone: whether a
    chunk is live and in which collection is compared afterwards, since the planner would else walk whole collections."""
    return (
        select(
            chunks.c.id, chunks.c.version_id, chunks.c.start, chunks.c.end, chunks.c.page, chunks.c.heading_path, chunks.c.header,
            chunks.c.context_line, versions.c.document_id, versions.c.version, versions.c.title, versions.c.language,
            documents.c.collection_id, documents.c.live_version_id,
        )
        .select_from(chunks).join(versions, versions.c.id == chunks.c.version_id)
        .join(documents, documents.c.id == versions.c.document_id)
    )  # fmt: skip


def chunk_of(row: Rows, *, text: str, source: str, on: tuple[Page, ...]) -> Chunk:
    """`text` is the whole text of the version."""
    return Chunk(
        row.id, row.document_id, row.title, source, text[row.start : row.end], row.start, row.end, row.page,
        tuple(row.heading_path), row.header, row.language, row.version, on, row.context_line,
    )  # fmt: skip
