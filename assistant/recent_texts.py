"""The canonical texts that were read lately. A version's text never changes, so that one copy serves every chunk of it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable


class RecentTexts:
    """Texts by version id, the least recently used dropped beyond `most_characters`. Safe to use from several threads."""

    def __init__(self, most_characters: int = 20_000_000) -> None:
        self._most_characters = most_characters
        self._texts: OrderedDict[int, str] = OrderedDict()
        self._characters = 0
        self._lock = threading.Lock()

    def get(self, version_id: int, read: Callable[[int], str]) -> str:
        """The text of a version, read by `read` where it is not at hand."""
        with self._lock:
            if version_id in self._texts:
                self._texts.move_to_end(version_id)
                return self._texts[version_id]
        text = read(version_id)
        with self._lock:
            if version_id not in self._texts:
                self._texts[version_id] = text
                self._characters += len(text)
            while self._characters > self._most_characters and len(self._texts) > 1:
                self._characters -= len(self._texts.popitem(last=False)[1])
        return text

    def clear(self) -> None:
        with self._lock:
            self._texts.clear()
            self._characters = 0
