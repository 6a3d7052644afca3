"""Footnote's library: what a question needs. `Assistant.open()` is the way in; nothing heavy is imported until it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from assistant.filters import Filters
from assistant.types import Answer, Block, Chunk, Citation, Document, Done, Hit, Passages, Quote, Searching, Text, Turn

if TYPE_CHECKING:
    from assistant.answering import Assistant
    from assistant.settings import Settings

__all__ = [
    "Answer",
    "Assistant",
    "Block",
    "Chunk",
    "Citation",
    "Document",
    "Done",
    "Filters",
    "Hit",
    "Passages",
    "Quote",
    "Searching",
    "Settings",
    "Text",
    "Turn",
]
_LATER = {"Assistant": "assistant.answering", "Settings": "assistant.settings"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'assistant' has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
