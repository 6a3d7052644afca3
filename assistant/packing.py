"""How the library packs long lists of numbers into one column: text runs and term counts, as integers under zlib."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from assistant.types import TextRun

# Stands for a character index where the next row is a box.
_BOXED = 0x7FFFFFFF

Row = tuple[int, int, int, int]


def run_rows(runs: Sequence[TextRun]) -> Iterator[Row]:
    """A row of four numbers for each run, and after that of a recognised word one for its box."""
    for run in runs:
        yield run.start, run.length, run.page, run.char_index if run.box is None else _BOXED
        if run.box is not None:
            yield run.box


def runs_of(rows: Iterable[Row]) -> Iterator[TextRun]:
    """The runs of `run_rows`. Raises ValueError where the last box is missing."""
    left = iter(rows)
    for start, length, page, index in left:
        if index != _BOXED:
            yield TextRun(start, length, page, index)
            continue
        box = next(left, None)
        if box is None:
            raise ValueError("a run's box is missing")
        yield TextRun(start, length, page, box=box)


def pack_runs(runs: Sequence[TextRun]) -> bytes:
    table = np.array(list(run_rows(runs)), dtype="<i4").reshape(-1, 4)
    return zlib.compress(table.T.tobytes())


def unpack_runs(packed: bytes) -> tuple[TextRun, ...]:
    table = np.frombuffer(zlib.decompress(packed), dtype="<i4").reshape(4, -1).T
    return tuple(runs_of(map(tuple, table.tolist())))


def pack_counts(counts: Mapping[int, int]) -> bytes:
    """Term ids (32 bits) and how often each occurs."""
    return zlib.compress(np.array([list(counts.keys()), list(counts.values())], dtype="<u4").tobytes(), level=1)


def unpack_counts(packed: bytes) -> dict[int, int]:
    terms, counts = unpack_count_arrays(packed)
    return dict(zip(terms.tolist(), counts.tolist(), strict=True))


def unpack_count_arrays(packed: bytes) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Term ids, and how often each occurs."""
    terms, counts = np.frombuffer(zlib.decompress(packed), dtype="<u4").reshape(2, -1)
    return terms, counts
