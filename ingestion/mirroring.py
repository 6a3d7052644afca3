"""Mirroring: documents follow their files. One whose file is gone goes, one whose file moved is known at its new place."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.records import Collection
from ingestion.report import Outcome
from ingestion.sources import still_there
from ingestion.writing import drop_doomed


def join_twin(assistant: Assistant, into: Collection, document_id: str, *, place: str, source: str) -> Outcome:
    """Make a place whose bytes are a document's one more place of it; the document moved, where its other files are gone. Nothing
    changes where the place is one of its own already."""
    before = assistant.library.find_document(document_id, reader=OWNER)
    others = assistant.library.places.of(document_id)
    if place in others:
        return Outcome(source, "unchanged", document_id=document_id)
    assistant.library.places.add(into, document_id, place=place, source=source)
    if not any(still_there(other) for other in others):
        for other in others:
            assistant.library.places.leave(into, other)
        return Outcome(source, "moved", f"It was {before.source}.", document_id)
    return Outcome(source, "added", f"Its bytes are those of {before.source}: one document.", document_id)


def let_go(
    assistant: Assistant,
    into: Collection,
    *,
    folders: Sequence[str],
    present: set[str],
    attached: Mapping[str, frozenset[str]],
) -> Iterator[Outcome]:
    """Let go of the places whose files are gone: below these folders, all that are not present, and of each e-mail that was looked
    into, what is no longer attached to it (its place -> places of what is, those of e-mails within it apart), with all below that. A
    folder that is suddenly empty is more likely not mounted than emptied: nothing is removed then."""
    places = assistant.library.places.all(into)
    holders = {place: _holder(place, present) for place in places}
    gone = [place for place in places if _is_taken_off(place, attached)]
    for folder in folders:
        below = [place for place in places if place.startswith(folder)]
        lost = [place for place in below if place not in present and not holders[place]]
        if lost and len(lost) == len(below) and not any(place.startswith(folder) for place in present):
            reason = (
                f"The folder is empty, and {len(lost)} of its files are in the library. They were kept, since a disk may only be "
                "missing; `footnote forget` removes a document."
            )
            yield Outcome(folder, "failed", reason)
        else:
            gone += lost
    leaving = dict.fromkeys(gone)
    for place in leaving:
        document = assistant.library.places.known(into, place)
        left = [p for p in assistant.library.places.of(document.document_id) if p not in leaving] if document else []
        assistant.library.places.leave(into, place)
        reason = f"The same bytes are still at {places[left[0]]}: their document stays." if left else ""
        yield Outcome(places[place], "removed", reason, document.document_id if document and left else "")
    drop_doomed(assistant)


def _is_taken_off(place: str, attached: Mapping[str, frozenset[str]]) -> bool:
    """Whether an e-mail that was looked into no longer has this place, or what this lies within."""
    path = PurePath(place)
    within = itertools.pairwise([path, *path.parents])
    return any(str(outer) in attached and str(inner) not in attached[str(outer)] for inner, outer in within)


def _holder(place: str, present: set[str]) -> str:
    """The file that this place is an attachment of, at any depth; empty where there is none."""
    return next((str(parent) for parent in PurePath(place).parents if str(parent) in present), "")
