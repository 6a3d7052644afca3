"""The tally: in how many live chunks each term of a collection occurs, kept exact in the transaction that changes what is live."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, func, select, update

from assistant.database import insert_or_add
from assistant.packing import pack_counts, unpack_counts
from assistant.schema import chunks, collections, documents, term_counts


def count_version(connection: Connection, collection_id: int, version_id: int, *, sign: int) -> list[int]:
    """Add a version's chunks to the collection's counts (sign 1), or take them out (-1); the ids of the chunks."""
    rows = connection.execute(select(chunks.c.id, chunks.c.term_counts).where(chunks.c.version_id == version_id)).all()
    holding: Counter[int] = Counter()
    length = 0
    for row in rows:
        counts = unpack_counts(row.term_counts)
        holding.update(counts.keys())
        length += sum(counts.values())
    _add(connection, collection_id, {term: sign * n for term, n in holding.items()}, sign * len(rows), sign * length)
    return [row.id for row in rows]


def recount(connection: Connection, collection_id: int, counts: Mapping[int, Mapping[int, int]]) -> None:
    """Let these chunks have other terms than before (chunk id -> how often each occurs). Only live ones are in the tally."""
    rows = connection.execute(
        select(chunks.c.id, chunks.c.term_counts, documents.c.id.label("live_in"))
        .outerjoin(documents, documents.c.live_version_id == chunks.c.version_id)
        .where(chunks.c.id.in_(list(counts)))
    ).all()
    holding: Counter[int] = Counter()
    length = 0
    for row in rows:
        if row.live_in is not None:
            before, after = unpack_counts(row.term_counts), counts[row.id]
            holding.update(after.keys())
            holding.subtract(before.keys())
            length += sum(after.values()) - sum(before.values())
        connection.execute(update(chunks).where(chunks.c.id == row.id).values(term_counts=pack_counts(counts[row.id])))
    _add(connection, collection_id, holding, 0, length)


def counts_of(connection: Connection, collection_ids: Sequence[int], terms: Sequence[int]) -> tuple[dict[int, int], int]:
    """In how many live chunks of these collections each term occurs, and how many live chunks there are."""
    total = connection.scalar(select(func.sum(collections.c.chunks)).where(collections.c.id.in_(collection_ids))) or 0
    found = connection.execute(
        select(term_counts.c.term, func.sum(term_counts.c.chunks))
        .where(term_counts.c.collection_id.in_(collection_ids), term_counts.c.term.in_(terms))
        .group_by(term_counts.c.term)
    )
    return {term: int(count) for term, count in found}, int(total)


def _add(connection: Connection, collection_id: int, holding: Mapping[int, int], chunks_more: int, terms_more: int) -> None:
    changed = {term: n for term, n in holding.items() if n}
    insert_or_add(
        connection,
        term_counts,
        [{"collection_id": collection_id, "term": term, "chunks": n} for term, n in changed.items()],
        keys=("collection_id", "term"),
        count="chunks",
    )
    if any(n < 0 for n in changed.values()):
        connection.execute(delete(term_counts).where(term_counts.c.collection_id == collection_id, term_counts.c.chunks <= 0))
    connection.execute(
        update(collections)
        .where(collections.c.id == collection_id)
        .values(chunks=collections.c.chunks + chunks_more, terms=collections.c.terms + terms_more)
    )
