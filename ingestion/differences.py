"""Differences: how files differ from what was last taken up of them, and which of these differences have settled."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from assistant.errors import PathNotFound
from ingestion.report import Report
from ingestion.sources import Source, find_sources, place_of

_QUIET_SECONDS = 1.0
# A copy that pauses for longer than this looks finished.
_PATIENT_SECONDS = 5.0
# While some files never rest, the others wait this long for them.
_LONGEST_WAIT_SECONDS = 5.0
_PAUSE_SECONDS = 10.0
# A look takes a second for ten thousand files or so: looking costs a fifth of a core at most, and at rest a fiftieth.
_REST, _REST_IDLE = 4, 50


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder to listen in, with all below it or (`whole` is False) alone. Another one of the same name has another identity."""

    path: Path
    whole: bool
    identity: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Difference:
    """What a file has become (empty: gone), and since when it has been that."""

    stamp: str
    since: float


class Differences:
    """The given files and folders as they were last taken up, and what `look` saw since. `there` and `missing` are the paths that can
    be read, and those that have been gone or empty for a while; `rest_seconds` and `pause_seconds` are the shortest and the longest
    time to wait before the next look."""

    def __init__(self, paths: Sequence[str | os.PathLike[str]]) -> None:
        self.given = [Path(os.path.abspath(path)) for path in paths]
        self.there: Sequence[Path] = self.given
        self.missing: tuple[Path, ...] = ()
        self.rest_seconds = self.pause_seconds = 0.0
        self._tops: dict[Path, str] = {}
        self._absent: dict[Path, float] = {}
        self._sources: dict[str, Source] = {}
        self._taken_up: dict[str, str] = {}
        self._waiting: dict[str, _Difference] = {}
        self._doubtful: set[str] = set()

    def folders(self) -> frozenset[Folder]:
        """Where to listen. An editor replaces a file by renaming another: it is the file's folder that hears of it."""
        return frozenset(folder for path in self.there for folder in _folder(path))

    def look(self) -> None:
        """List the files, and see what differs."""
        began = time.monotonic()
        try:
            self._sources = {source.place: source for source in find_sources([p for p in self.given if p.exists()])}
        except PathNotFound:  # it went just now, as the next look will see
            self.pause_seconds = _QUIET_SECONDS / 2
            return
        stamps = {place: stamp for place, source in self._sources.items() if (stamp := _stamp(source))}
        now = time.monotonic()
        self._see_what_is_there(stamps, now)
        self._keep_what_is_out_of_sight(stamps)
        waiting = {}
        for place in stamps.keys() | self._taken_up.keys():
            stamp, before = stamps.get(place, ""), self._waiting.get(place)
            if stamp != self._taken_up.get(place):
                waiting[place] = before if before and before.stamp == stamp else _Difference(stamp, now)
        self._waiting = waiting
        cost = time.monotonic() - began
        restless = bool(waiting) or len(self._absent) > len(self.missing)
        self.rest_seconds = cost * _REST
        self.pause_seconds = max(_QUIET_SECONDS / 2, cost * _REST) if restless else max(_PAUSE_SECONDS, cost * _REST_IDLE)

    def settled(self) -> set[str]:
        """The places that differ and were left alone for long enough: none while others of the same burst are still being written,
        unless that takes too long."""
        now = time.monotonic()
        ages = {place: now - difference.since for place, difference in self._waiting.items()}
        quiet = {p for p, age in ages.items() if age >= (_PATIENT_SECONDS if p in self._doubtful else _QUIET_SECONDS)}
        others = ages.keys() - quiet - self._doubtful
        return quiet if not others or any(ages[place] >= _LONGEST_WAIT_SECONDS for place in quiet) else set()

    def taken_up(self, report: Report, places: Collection[str] | None = None) -> Report:
        """Note that these places (all that differ, the first time, where none are given) were taken up as the last look saw them. What
        there is to say: the report without files that are tried again later and, after the first time, without those that
        did not change."""
        first = places is None
        taken = set(self._waiting if places is None else places)
        failed = {outcome.source for outcome in report.outcomes if outcome.status == "failed"}
        again = {place for place in taken if self._name(place) in failed and self._may_be_on_its_way(place, first=first)}
        now = time.monotonic()
        for place in again:
            self._waiting[place] = replace(self._waiting[place], since=now)
        for place in taken - again:
            if stamp := self._waiting.pop(place).stamp:
                self._taken_up[place] = stamp
            else:
                self._taken_up.pop(place, None)
        self._doubtful = (self._doubtful - taken) | again
        # One that failed before fails whenever all files are read, and was said then.
        silent = {source.name for source in self._sources.values()} - {self._name(place) for place in taken - again}
        outcomes = [
            outcome
            for outcome in report.outcomes
            if (first or outcome.status != "unchanged") and not (outcome.status == "failed" and _is_of(outcome.source, silent))
        ]
        return replace(report, outcomes=tuple(outcomes))

    def _see_what_is_there(self, stamps: Mapping[str, str], now: float) -> None:
        there = []
        for path in self.given:
            top = place_of(path.resolve()) if path.exists() else ""
            if top and (_any_below(top, stamps) or not _any_below(top, self._taken_up)):
                self._tops[path] = top
                self._absent.pop(path, None)
                there.append(path)
            else:
                self._absent.setdefault(path, now)
        self.there = there
        self.missing = tuple(p for p in self.given if now - self._absent.get(p, now) >= _QUIET_SECONDS)

    def _keep_what_is_out_of_sight(self, stamps: dict[str, str]) -> None:
        """What lies below a path that is gone, or a folder that may not be read, is as it was for all that can be told."""
        hidden = [self._tops[path] for path in self._absent if path in self._tops]
        hidden += [place for place, source in self._sources.items() if source.refusal and not source.path.is_symlink()]
        for place, stamp in self._taken_up.items():
            if place not in stamps and any(place == top or place.startswith(_below(top)) for top in hidden):
                stamps[place] = stamp

    def _may_be_on_its_way(self, place: str, *, first: bool) -> bool:
        source = self._sources[place]
        if source.refusal or place in self._doubtful:
            return False
        try:
            return not first or time.time() - source.path.stat().st_ctime < _PATIENT_SECONDS
        except OSError:
            return True

    def _name(self, place: str) -> str:
        return self._sources[place].name if place in self._sources else ""


def _folder(path: Path) -> Iterator[Folder]:
    whole = path.is_dir()
    folder = path.resolve() if whole else path.parent.resolve()
    try:
        status = folder.stat()
    except OSError:
        return
    yield Folder(folder, whole, (status.st_dev, status.st_ino))


def _stamp(source: Source) -> str:
    """What changes when the file does; empty where it is gone. Reading it leaves the stamp as it is."""
    try:
        if source.refusal:
            source.path.lstat()
            return source.refusal
        status = source.path.stat()
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def _is_of(source: str, names: Collection[str]) -> bool:
    """Whether it is one of these files, or attached to one."""
    return source in names or any(str(parent) in names for parent in PurePath(source).parents)


def _any_below(top: str, places: Iterable[str]) -> bool:
    return any(place == top or place.startswith(_below(top)) for place in places)


def _below(folder: str) -> str:
    return folder.rstrip(os.sep) + os.sep
