"""How the library packs long lists of numbers into one column: text runs and term counts, as integers under zlib."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from assistant.types import TextRun


def pack_runs(runs: Sequence[TextRun]) -> bytes:
    table = np.array([(r.start, r.length, r.page, r.char_index) for r in runs], dtype="<i4").reshape(-1, 4)
    return zlib.compress(table.T.tobytes())


def unpack_runs(packed: bytes) -> tuple[TextRun, ...]:
    table = np.frombuffer(zlib.decompress(packed), dtype="<i4").reshape(4, -1).T
    return tuple(TextRun(*row) for row in table.tolist())


def pack_counts(counts: Mapping[int, int]) -> bytes:
    """Term ids (32 bits) and how often each occurs."""
    return zlib.compress(np.array([list(counts.keys()), list(counts.values())], dtype="<u4").tobytes(), level=1)


def unpack_counts(packed: bytes) -> dict[int, int]:
    terms, counts = np.frombuffer(zlib.decompress(packed), dtype="<u4").reshape(2, -1)
    return dict(zip(terms.tolist(), counts.tolist(), strict=True))
