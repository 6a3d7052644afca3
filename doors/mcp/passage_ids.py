"""The ids of passages: where a text stands, in a form that a program can hand back."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WRITTEN = re.compile(r"([0-9a-f]{12})\.([0-9a-f]{16})\.(\d{1,12})-(\d{1,12})")


@dataclass(frozen=True, slots=True)
class PassageId:
    """The span [start, end) of a version of a document, written "document.version.start-end"."""

    document: str
    version: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.document}.{self.version}.{self.start}-{self.end}"


def read_passage_id(written: str) -> PassageId | None:
    """None for what is no passage's: a document's id, file name or title."""
    found = _WRITTEN.fullmatch(written)
    return PassageId(found[1], found[2], int(found[3]), int(found[4])) if found else None
