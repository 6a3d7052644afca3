"""Access: who owns a collection, who may read it and who may change it. Each within the caller's transaction.

A collection is read by its owner, by the readers that it names and by the local owner, and changed by its owner and the local owner.
What one may not read is not there: it gets the same words as what does not exist. A collection that `ann` makes is called `ann/NAME`
(she may leave `ann/` out, where nothing that she may read is called just NAME), so that no refusal tells what others call theirs.
"""

from __future__ import annotations

from collections.abc import Collection as Container
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from assistant.errors import CollectionNotFound, InvalidRequest
from assistant.records import Collection
from assistant.schema import chunks, collections, documents, versions

OWNER = "owner"
EVERYONE = "*"
_MOST_CHARACTERS = 200
_ADD_ELSEWHERE = "Ask its owner, or take another name."


def readable(connection: Connection, reader: str, names: Sequence[str] = ()) -> list[Collection]:
    """The collections that the reader may read, by name. Raises CollectionNotFound for a name that is not among them."""
    rows = connection.execute(select(collections).order_by(collections.c.name)).all()
    allowed = {r.name: collection_of(r) for r in rows if _may_read(reader, r.owner, r.readers)}
    wanted = {name: _called(name, reader, allowed) for name in names}
    if missing := sorted(name for name, called in wanted.items() if called not in allowed):
        offered = ", ".join(name for name, c in allowed.items() if c.offered)
        raise CollectionNotFound(f"There is no collection '{missing[0]}'. Collections: {offered or 'none yet'}.")
    return [c for name, c in allowed.items() if not names or name in wanted.values()]


def still_readable(connection: Connection, reader: str, collection_ids: Container[int]) -> set[int]:
    """Those of these collections that the reader may read now, whatever was chosen before. What comes back from a search or a look-up
    passes through here once more, so that one mistake in a choice, or rights withdrawn meanwhile, let nothing out."""
    found = select(collections.c.id, collections.c.owner, collections.c.readers).where(collections.c.id.in_(list(collection_ids)))
    return {r.id for r in connection.execute(found) if _may_read(reader, r.owner, r.readers)}


def readable_chunks(connection: Connection, reader: str, chunk_ids: Sequence[int]) -> set[int]:
    """Those of these chunks whose collections the reader may read now."""
    of = (
        select(chunks.c.id, documents.c.collection_id)
        .join(versions, versions.c.id == chunks.c.version_id)
        .join(documents, documents.c.id == versions.c.document_id)
    )
    lie = {r.id: r.collection_id for r in connection.execute(of.where(chunks.c.id.in_(chunk_ids)))}
    allowed = still_readable(connection, reader, set(lie.values()))
    return {chunk_id for chunk_id, collection_id in lie.items() if collection_id in allowed}


def writable(connection: Connection, reader: str, name: str) -> Collection:
    """The collection of this name, for the reader to change. Raises CollectionNotFound."""
    (collection,) = readable(connection, reader, [name])
    refuse_unless_owner(collection, reader)
    return collection


def refuse_unless_owner(collection: Collection, reader: str, *, advice: str = "Ask its owner to do it.") -> None:
    if reader not in (collection.owner, OWNER):
        raise _not_to_change(collection.name, reader, advice)


def created(connection: Connection, name: str, *, owner: str, **others: Any) -> Collection:
    """The collection of this name, for the owner to write to; made with these other values where it is missing. Raises
    CollectionNotFound where the name is another's."""
    allowed = {c.name: c for c in readable(connection, owner)}
    called = _called(name, owner, allowed)
    if called in allowed:
        refuse_unless_owner(allowed[called], owner, advice=_ADD_ELSEWHERE)
        return allowed[called]
    called = own_name(name, owner)
    if not name.strip() or len(called) > _MOST_CHARACTERS:
        raise InvalidRequest(f"A collection's name has 1 to {_MOST_CHARACTERS} characters, and '{name[:80]}' is none.")
    at = select(collections).where(collections.c.name == called)
    if connection.execute(at).first() is not None:  # the local owner's, who called it so
        raise _not_to_change(name, owner, _ADD_ELSEWHERE)
    connection.execute(insert(collections).values(name=called, owner=owner, readers=[], chunks=0, terms=0, **others))
    return collection_of(connection.execute(at).one())


def own_name(name: str, owner: str) -> str:
    """What a collection of this owner's is called. Raises CollectionNotFound for a name that begins as another's do."""
    if owner == OWNER or name.startswith(f"{owner}/"):
        return name
    if "/" in name:
        raise _not_to_change(name, owner, _ADD_ELSEWHERE)
    return f"{owner}/{name}"


def share(connection: Connection, name: str, readers: Sequence[str], *, owner: str) -> Collection:
    """Let these readers read a collection, and no others. Raises CollectionNotFound."""
    collection = writable(connection, owner, name)
    named = sorted(set(readers) - {collection.owner, OWNER})
    connection.execute(update(collections).where(collections.c.id == collection.id).values(readers=named))
    return collection


def hand_over(connection: Connection, name: str) -> list[str]:
    """Give all that this owner has to the local owner, and let this reader read nothing: whoever is called so next inherits nothing.
    The names of what was handed over, which they keep."""
    rows = connection.execute(select(collections).order_by(collections.c.name)).all()
    for row in rows:
        if name == row.owner or name in row.readers:
            left = [reader for reader in row.readers if reader != name]
            owner = OWNER if row.owner == name else row.owner
            connection.execute(update(collections).where(collections.c.id == row.id).values(owner=owner, readers=left))
    return [row.name for row in rows if row.owner == name]


def collection_of(row: Row[tuple[Any, ...]]) -> Collection:
    return Collection(
        row.id, row.name, row.embedder, row.dimension, row.index_name, row.pivot_length, row.chunks, row.terms, row.owner,
        tuple(row.readers),
    )  # fmt: skip


def _may_read(reader: str, owner: str, readers: Sequence[str]) -> bool:
    return bool(reader) and (reader in (owner, OWNER) or reader in readers or EVERYONE in readers)


def _called(name: str, reader: str, allowed: Mapping[str, Collection]) -> str:
    """The whole name of what the reader calls so: that very name where they may read it, else with their own before it."""
    return own if name not in allowed and (own := f"{reader}/{name}") in allowed else name


def _not_to_change(name: str, reader: str, advice: str) -> CollectionNotFound:
    return CollectionNotFound(f"There is no collection '{name}' that {reader} may change. {advice}")
