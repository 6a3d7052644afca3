"""The doctor: compares library and index, and says what is wrong and which command mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.records import Collection
from ingestion.advice import language_advice
from ingestion.lining import lacking_lines
from ingestion.preparing import Versions

# How far the mean length of chunks may drift from the pivot before the ranking is worth renewing.
_WORTH_RENEWING = 0.25


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found in one collection. `missing` chunks are in the library but not in the index, `stale` ones the other way
    round; `by_words_only` documents have no vectors yet, `without_line` chunks lack the context line that they are to have.
    `pivot_drift` is mean length over pivot length, less one."""

    collection: str
    documents: int
    chunks: int
    missing: int
    stale: int
    by_words_only: int
    without_line: int
    pivot_length: float | None
    mean_length: float
    pivot_drift: float
    advice: Sequence[str]


def examine(assistant: Assistant, *, reader: str = OWNER) -> list[Examination]:
    """Every collection that the reader may read, by name."""
    return [_examined(assistant, collection, reader) for collection in assistant.library.readable(reader)]


def _examined(assistant: Assistant, collection: Collection, reader: str) -> Examination:
    live = assistant.library.chunks.ids_of(collection)
    indexed = assistant.index.ids(collection.index_name)
    pivot, mean = collection.pivot_length, collection.mean_length
    drift = mean / pivot - 1 if pivot and mean else 0.0
    by_words_only = len(assistant.library.versions.unembedded([collection]))
    without_line = len(lacking_lines(assistant, collection, Versions(assistant)))
    advice = []
    if by_words_only:
        advice.append(
            f"{_are(by_words_only, 'document')} found by words only, since an ingest was stopped: the next one goes on."
        )
    if without_line:
        advice.append(
            f"{_are(without_line, 'chunk')} without a context line, since the language model gave none: the next ingest asks again, "
            f"and so does `footnote reindex {quote(collection.name)}`."
        )
    if live - indexed:
        advice.append(f"{_are(len(live - indexed), 'chunk')} not in the index: run `footnote reindex {quote(collection.name)}`.")
    if indexed - live:
        advice.append(
            f"{_are(len(indexed - live), 'row')} left over in the index, and never shown: "
            f"`footnote reindex {quote(collection.name)}` drops what is left over."
        )
    if abs(drift) > _WORTH_RENEWING:
        advice.append(
            f"Chunks are {abs(drift):.0%} {'longer' if drift > 0 else 'shorter'} than when the word search was set to their length: "
            f"`footnote reindex {quote(collection.name)}` sets it anew."
        )
    advice += language_advice(assistant, collection)
    documents = len(assistant.library.documents(reader=reader, names=[collection.name]))
    return Examination(
        collection.name,
        documents,
        len(live),
        len(live - indexed),
        len(indexed - live),
        by_words_only,
        without_line,
        pivot,
        round(mean, 2),
        round(drift, 4),
        advice,
    )


def _are(count: int, what: str) -> str:
    return f"{count} {what} is" if count == 1 else f"{count} {what}s are"
