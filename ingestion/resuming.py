"""Resuming: the vectors that a stopped ingest did not come to are made without waiting for the next one."""

from __future__ import annotations

import threading

from assistant.answering import Assistant
from ingestion.recovery import without_vectors
from ingestion.writing import SLICE, embed, finish, write_vectors


def resume(assistant: Assistant, stop: threading.Event) -> None:
    """Make what vectors are missing, a document at a time, so that an upload does not wait for all of them; until `stop` is set.
    Raises what library, index and embedder raise."""
    with assistant.changing:
        waiting = list(without_vectors(assistant))
    for into, version in waiting:
        with assistant.changing:
            if version.version_id not in assistant.library.versions.unembedded([into]):
                continue  # an ingest came to it, or it is gone
            for first in range(0, len(version.chunk_ids), SLICE):
                if stop.is_set():
                    return
                chunks = assistant.library.chunks.to_index(version.chunk_ids[first : first + SLICE])
                write_vectors(assistant, into, embed(assistant, into, chunks))
            finish(assistant, into, [version])
