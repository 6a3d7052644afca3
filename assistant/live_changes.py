"""Live changes: how often it changed, since the library was opened, which chunks are live or what terms they have."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

from assistant.records import Collection


class LiveChanges:
    """Counted by collection, from nought. Safe to call from several threads."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._recounted: dict[int, dict[int, int]] = {}
        self._counting = threading.Lock()

    def count(self, collection: Collection, recounted: Sequence[int] = ()) -> None:
        """To be called once the change is committed, and before anyone hears of it; with the chunks that have got other terms."""
        with self._counting:
            self._counts[collection.id] += 1
            if recounted:
                change = self._counts[collection.id]
                self._recounted.setdefault(collection.id, {}).update(dict.fromkeys(recounted, change))

    def of(self, collection: Collection) -> int:
        return self._counts[collection.id]

    def recounted_since(self, collection: Collection, changes: int) -> set[int]:
        """The chunks that have got other terms since there were so many changes."""
        with self._counting:
            return {chunk_id for chunk_id, change in self._recounted.get(collection.id, {}).items() if change > changes}
