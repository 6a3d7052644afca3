"""What native libraries write straight to the process's stderr, kept apart from what Python writes there."""

from __future__ import annotations

import faulthandler
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2
# faiss, through Milvus Lite, of every segment with fewer than 39 rows a cell. Every cell is searched, so it does not matter.
_NEEDLESS = b"WARNING clustering"


@contextmanager
def native_lines_last() -> Iterator[None]:
    """Python's stderr goes on as ever; native lines are held back, and passed on at the end without the ones that are known to be
    needless. A crash of native code is still reported at once."""
    try:
        shown = os.dup(_STDERR)
    except OSError:  # a process without a stderr has nothing to hold back
        yield
        return
    python_stderr, sys.stderr = sys.stderr, os.fdopen(shown, "w", buffering=1)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), _STDERR)
        faulthandler.enable(sys.stderr)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(shown, _STDERR)
            held.seek(0)
            for line in held:
                if not line.startswith(_NEEDLESS):
                    os.write(_STDERR, line)
            faulthandler.disable()
            sys.stderr = python_stderr
