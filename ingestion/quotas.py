"""Quotas: how much a collection and the whole library may hold, counted on while an ingest goes."""

from __future__ import annotations

from dataclasses import replace

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.drafts import Draft
from assistant.records import Collection, Holdings


class Quotas:
    """What one ingest may still add to a collection."""

    def __init__(self, assistant: Assistant, into: Collection) -> None:
        self._assistant, self._into = assistant, into
        self._collection = assistant.library.holdings(into)
        self._total = assistant.library.holdings()

    def refusal(self, draft: Draft) -> str:
        """Why there is no room for a draft; empty where there is, and then it is counted."""
        before = self._replaced(draft)
        held = _with(self._collection, draft, before)
        total = _with(self._total, draft, before)
        limits, name = self._assistant.limits, self._into.name
        if held.documents > limits.collection_files and not before.documents:
            return _refusal(
                f"collection '{name}' may hold {limits.collection_files:,} documents", "FOOTNOTE_MAX_COLLECTION_FILES"
            )
        if held.pages > max(limits.collection_pages, self._collection.pages):
            more = f"collection '{name}' may hold {limits.collection_pages:,} pages, and this makes {held.pages:,}"
            return _refusal(more, "FOOTNOTE_MAX_COLLECTION_PAGES")
        if total.size_bytes > max(limits.total_bytes, self._total.size_bytes):
            more = f"the library may hold {limits.total_bytes / 1e6:,.0f} MB"
            if self._into.owner == OWNER:  # how much others have is not a user's to know
                more += f", and this makes {total.size_bytes / 1e6:,.0f} MB"
            return _refusal(more, "FOOTNOTE_MAX_LIBRARY_MEGABYTES")
        self._collection, self._total = held, total
        return ""

    def _replaced(self, draft: Draft) -> Holdings:
        there = self._assistant.library.places.known(self._into, draft.place)
        if there is None:
            return Holdings(0, 0, 0)
        document = self._assistant.library.find_document(there.document_id, reader=OWNER)
        if len(document.sources) > 1:  # it stays, for its other places
            return Holdings(0, 0, 0)
        return Holdings(1, document.pages, document.size_bytes)


def _with(held: Holdings, draft: Draft, before: Holdings) -> Holdings:
    return replace(
        held,
        documents=held.documents + 1 - before.documents,
        pages=held.pages + len(draft.parsed.pages) - before.pages,
        size_bytes=held.size_bytes + draft.size_bytes - before.size_bytes,
    )


def _refusal(what: str, setting: str) -> str:
    return f"There is no room: {what}. Forget documents that are of no more use, or raise {setting}."
