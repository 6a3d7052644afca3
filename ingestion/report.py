"""What an ingest says: how far it is, and what became of each file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["added", "changed", "moved", "unchanged", "removed", "failed"]
STATUSES: tuple[Status, ...] = ("added", "changed", "moved", "unchanged", "removed", "failed")
# Before that, how fast things go cannot be told.
_KNOWN_AFTER_SECONDS = 1.0


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
    """What became of every file of an ingest, in the order in which that was known. `notices` say what would let more be found in the
    collection."""

    collection: str
    outcomes: Sequence[Outcome]
    seconds: float
    notices: Sequence[str] = ()

    def count(self, status: Status) -> int:
        return sum(o.status == status for o in self.outcomes)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest is.

    `files` of `files_total` have been read, and `bytes_read` of `bytes_total` where that is known; they came to so many pages and
    chunks, of which `embedded` have their vectors. `last` is the file that the newest step was about, `outcome` what became of it
    where this step made that known.
    """

    files: int = 0
    files_total: int = 0
    bytes_read: int = 0
    bytes_total: int = 0
    pages: int = 0
    chunks: int = 0
    embedded: int = 0
    seconds: float = 0.0
    last: str = ""
    outcome: Outcome | None = None

    @property
    def chunks_per_second(self) -> float:
        """Chunks that got their vectors, a second."""
        return self.embedded / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long it will take from here, if the files to come are like those before; None while that cannot be told."""
        read = self._share_read
        if not read or self.seconds < _KNOWN_AFTER_SECONDS:
            return None
        reading = self.seconds * (1 - read) / read
        if not self.chunks:
            return reading
        if not self.embedded:
            return None
        return max(reading, (self.chunks / read - self.embedded) / self.chunks_per_second)

    @property
    def _share_read(self) -> float:
        if self.bytes_total:
            return min(1.0, self.bytes_read / self.bytes_total)
        return min(1.0, self.files / self.files_total) if self.files_total else 1.0
