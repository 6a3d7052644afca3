"""Resuming: the vectors that a stopped ingest did not come to are made without waiting for the next one."""

from __future__ import annotations

import threading

from assistant.answering import Assistant
from ingestion.recovery import without_vectors
from ingestion.writing import SLICE, finish, index_rows


def resume(assistant: Assistant, stop: threading.Event) -> None:
    """Make what vectors are missing, a document at a time, so that an upload does not wait for all of them; until `stop` is set.
    Raises what library, index and embedder raise."""
    while not stop.is_set():
        with assistant.changing:
            found = next(without_vectors(assistant), None)
            if found is None:
                return
            into, version = found
            for first in range(0, len(version.chunk_ids), SLICE):
                chunks = assistant.library.chunks_to_index(version.chunk_ids[first : first + SLICE])
                assistant.index.upsert(into.index_name, index_rows(assistant, into, chunks))
                if stop.is_set():
                    return
            finish(assistant, into, [version])
