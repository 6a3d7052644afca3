"""Lines that native libraries write straight to the process's stderr, and how known needless ones are kept from people."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_lock = threading.Lock()
_STDERR = 2


@contextmanager
def without_lines(beginning_with: Sequence[str]) -> Iterator[None]:
    """Hold back what is written to file descriptor 2 meanwhile, then pass it on without the lines that begin so. Nothing else is
    lost, whoever wrote it; one caller at a time."""
    unwanted = tuple(line.encode() for line in beginning_with)
    with _lock, tempfile.TemporaryFile() as held:
        try:
            kept = os.dup(_STDERR)
        except OSError:  # a process without a stderr has nothing to hold back
            yield
            return
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(kept, _STDERR)
            held.seek(0)
            for line in held:
                if not line.startswith(unwanted):
                    os.write(kept, line)
            os.close(kept)
