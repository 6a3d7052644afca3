"""What an ingest says: how far it is, and what became of each file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["added", "changed", "moved", "unchanged", "removed", "failed"]
STATUSES: tuple[Status, ...] = ("added", "changed", "moved", "unchanged", "removed", "failed")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file. `reason` says why it failed, or what a reader should know of it."""

    source: str
    status: Status
    reason: str = ""
    document_id: str = ""
    pages: int = 0
    chunks: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What became of every file of an ingest, in the order in which that was known."""

    collection: str
    outcomes: Sequence[Outcome]
    seconds: float

    def count(self, status: Status) -> int:
        return sum(o.status == status for o in self.outcomes)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest is: files whose outcome is known, of all; the pages and chunks that they came to; and how many chunks have
    their vectors, of those read so far. `last` is the file that the newest step was about."""

    files: int
    files_total: int
    pages: int
    chunks: int
    embedded: int
    chunks_read: int
    seconds: float
    last: str
