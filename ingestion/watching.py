"""Watching: a collection that follows its files as they change. What changed is told by comparing listings (differences.py); the
system's word that something did only says when to look, since it comes late, not at all (network disks), or more often than needed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.errors import CollectionMismatch, CollectionNotFound, EndpointError, LibraryError, PathNotFound
from ingestion.differences import Differences, Folder
from ingestion.pipeline import ingest
from ingestion.report import Progress, Report

if TYPE_CHECKING:
    from watchfiles.main import FileChange

_LONGEST_PAUSE_SECONDS = 60.0
# How long one call waits for the system's word, and how long it gathers a burst.
_LISTENS_MILLISECONDS = 250
_BURST_MILLISECONDS = 500


@dataclass(frozen=True, slots=True)
class Watching:
    """Which of the given paths are followed from now on, and which are gone: the documents of these are kept, and they are followed
    again once they are back."""

    paths: Sequence[Path]
    missing: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why changes could not be taken up. They are tried again."""

    error: Exception


def watch(
    assistant: Assistant,
    paths: Sequence[str | os.PathLike[str]],
    *,
    collection: str = "documents",
    reader: str = OWNER,
    stop: threading.Event | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Iterator[Report | Watching | Trouble]:
    """Ingest files and folders, then follow them until `stop` is set. First comes the whole Report, then Watching; after that a Report
    of each burst of changes without what did not change, Watching where a path went or came back, and Trouble once for each reason.

    A file is taken up when it was left alone for a second. One that cannot be read may still be on its way: it is tried again when
    it was left alone for five, and only then reported. The documents of given folders that are gone or empty (not mounted, most
    likely) and of given files that are gone are kept. Between two events the assistant is not in use: `close()` then lends the index
    to other processes.

    Raises what `ingest` raises until the first Report is made. Later on CollectionMismatch and CollectionNotFound end it; any other
    failure of library, index, endpoint or disk is Trouble.
    """

    def take_up(there: Sequence[str | os.PathLike[str]]) -> Report:
        return ingest(assistant, there, collection=collection, reader=reader, on_progress=on_progress)

    return watch_by(take_up, paths, stop=stop)


def watch_by(
    take_up: Callable[[Sequence[str | os.PathLike[str]]], Report],
    paths: Sequence[str | os.PathLike[str]],
    *,
    stop: threading.Event | None = None,
) -> Iterator[Report | Watching | Trouble]:
    """As `watch`, with what takes the files up, as `ingest` does. Nothing else touches library or index."""
    stop = stop or threading.Event()
    differences, trouble = Differences(paths), _Trouble()
    with _Signals(stop) as signals:
        signals.listen(differences.folders())
        differences.look()
        yield differences.taken_up(take_up(paths))
        watching = Watching(differences.given)
        yield watching
        while signals.wait(rest=differences.rest_seconds, pause=differences.pause_seconds):
            differences.look()
            signals.listen(differences.folders())
            if differences.missing != watching.missing:
                watching = Watching([p for p in differences.given if p not in differences.missing], differences.missing)
                yield watching
            settled = differences.settled()
            if not settled or trouble.lasts():
                continue
            try:
                report = differences.taken_up(take_up(differences.there), settled)
            except PathNotFound:
                continue  # it went just now
            except (CollectionMismatch, CollectionNotFound):
                raise
            except (LibraryError, EndpointError, OSError) as error:
                if trouble.is_new(error):
                    yield Trouble(error)
                continue
            trouble = _Trouble()
            if report.outcomes:
                yield report


class _Trouble:
    """What goes wrong again and again, and how long to wait each time."""

    def __init__(self) -> None:
        self._said = ""
        self._pause_seconds = 1.0
        self._until = 0.0

    def is_new(self, error: Exception) -> bool:
        """Whether this has not been said yet. The next try is put off, each time for twice as long."""
        self._until = time.monotonic() + self._pause_seconds
        self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)
        before, self._said = self._said, str(error)
        return before != self._said

    def lasts(self) -> bool:
        return time.monotonic() < self._until


class _Signals:
    """The system's word that something moved in folders, gathered also while nobody waits for it."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._folders: Collection[Folder] = ()
        self._heard: list[Iterator[set[FileChange]]] = []
        self._moved = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close()

    def listen(self, folders: Collection[Folder]) -> None:
        """Listen in these folders from now on. Where the system gives no word (too many folders), there is none."""
        if folders == self._folders:
            return
        self._close()
        self._folders, self._moved = folders, True  # something may have moved before this
        for whole in (True, False):
            watched = [str(folder.path) for folder in folders if folder.whole is whole]
            if watched:
                self._start(watched, whole)

    def wait(self, *, rest: float, pause: float) -> bool:
        """Wait until something moved, but `rest` seconds at least and `pause` seconds at most. False once there is to be a stop."""
        began = time.monotonic()
        while not self._stop.is_set():
            waited = time.monotonic() - began
            if waited >= pause or (self._moved and waited >= rest):
                self._moved = False
                return True
            self._hear()
        return False

    def _hear(self) -> None:
        if not self._heard:
            self._stop.wait(_LISTENS_MILLISECONDS / 1000)
        for heard in self._heard:
            try:
                self._moved |= bool(next(heard, None))
            except (OSError, RuntimeError):  # what its own Rust side raises; the next look starts it anew
                self._close()

    def _start(self, watched: Sequence[str], whole: bool) -> None:
        import watchfiles

        def visible(_: watchfiles.Change, path: str) -> bool:
            below = next((path[len(top) :] for top in watched if path.startswith(top)), path)
            return f"{os.sep}." not in below

        heard = watchfiles.watch(
            *watched,
            watch_filter=visible,
            debounce=_BURST_MILLISECONDS,
            rust_timeout=_LISTENS_MILLISECONDS,
            yield_on_timeout=True,
            stop_event=self._stop,
            recursive=whole,
            ignore_permission_denied=True,
        )
        try:
            next(heard, None)  # it starts with this
        except (OSError, RuntimeError):
            return
        self._heard.append(heard)

    def _close(self) -> None:
        for heard in self._heard:
            with closing(heard):  # type: ignore[type-var]
                pass
        self._heard, self._folders = [], ()
