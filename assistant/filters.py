"""Filters: which documents a question is put to, as people say it. matching.py finds these documents in the library."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from assistant.errors import InvalidRequest

_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


@dataclass(frozen=True, slots=True)
class Filters:
    """Documents that are searched; a field left empty lets all through, and a document must pass every field. Of the values of one
    field it needs one. False where nothing is filtered. Raises InvalidRequest for what cannot be meant.

    `documents` are ids, sources (file names) or titles, as `footnote show` takes them; `folders` paths, or folders as they stand in
    a source, with all that lies below; `types` endings of file names ("pdf") or media types ("application/pdf"); `languages` ISO
    639-1 codes. `since` and `until`, both days included, are held against the day on which the document's file was last modified,
    by this machine's clock; where that is not known (an upload), on which its present text was added.
    """

    documents: Sequence[str] = ()
    folders: Sequence[str] = ()
    types: Sequence[str] = ()
    languages: Sequence[str] = ()
    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        for field, values in self._lists():
            if isinstance(values, str):
                raise InvalidRequest(f"The filter {field} is the text '{values}'. Give a list, such as ['{values}'].")
            if any(not value.strip() or "\0" in value for value in values):
                raise InvalidRequest(f"The filter {field} holds an empty name. Leave it out, or name what you mean.")
        for field, day in (("since", self.since), ("until", self.until)):
            if day is not None and not isinstance(day, date):
                raise InvalidRequest(f"The filter {field} is {day!r}. Give a datetime.date.")
        if self.since and self.until and self.since > self.until:
            raise InvalidRequest(f"No day is both since {self.since} and until {self.until}. Change one of the two.")

    def __bool__(self) -> bool:
        return any(values for _, values in self._lists()) or self.since is not None or self.until is not None

    def __str__(self) -> str:
        """In words: "type pdf; language en, fr; since 2024-01-01"."""
        named = [f"{field.removesuffix('s')} {', '.join(values)}" for field, values in self._lists() if values]
        days = [f"{word} {day}" for word, day in (("since", self.since), ("until", self.until)) if day]
        return "; ".join([*named, *days])

    def _lists(self) -> Iterator[tuple[str, Sequence[str]]]:
        yield from (
            ("documents", self.documents), ("folders", self.folders), ("types", self.types), ("languages", self.languages),
        )  # fmt: skip


EVERYTHING = Filters()


def read_since(text: str) -> date:
    """The first day of a date as people write it: 2024-12-31, a month (2024-12) or a year (2024). Raises InvalidRequest."""
    return _first_and_last_day(text)[0]


def read_until(text: str) -> date:
    """As `read_since`, the last day."""
    return _first_and_last_day(text)[1]


def nothing_passes(filters: Filters) -> str:
    """What is said where no document is left to search."""
    return f"No document passes these filters: {filters}. Leave one out, or widen it."


def _first_and_last_day(text: str) -> tuple[date, date]:
    found = _DATE.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError("neither a day nor a month nor a year")
        year, month, day = (int(part) if part else None for part in found.groups())
        assert year is not None
        last = date(year, month or 12, day or monthrange(year, month or 12)[1])
        return date(year, month or 1, day or 1), last
    except ValueError as error:
        raise InvalidRequest(
            f"'{text}' is no date. Write it as a day (2024-12-31), a month (2024-12) or a year (2024)."
        ) from error
