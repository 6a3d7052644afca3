"""Operations: what every door asks for, whichever process holds the index. A door that runs by itself (Slack, MCP, the shell) and one
inside the server call the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.filters import EVERYTHING, Filters
from assistant.types import Answer, Done, Event, Retrieval, Turn
from doors.slack.conversations import Threads
from doors.uploading import upload
from ingestion import Progress, Report, forget, ingest
from ingestion.backup import back_up
from ingestion.doctor import Examination, examine
from ingestion.purging import Purged, purge
from ingestion.reindexing import reindex

OnProgress = Callable[[Progress], None]


class Operations(Protocol):
    """Each raises what the assistant and the pipeline raise. Safe to call from several threads."""

    def stream(
        self,
        question: str,
        *,
        collections: Sequence[str] = (),
        filters: Filters = EVERYTHING,
        reader: str = OWNER,
        history: Sequence[Turn] = (),
    ) -> Iterator[Event]: ...

    def search(
        self, query: str, *, collections: Sequence[str] = (), filters: Filters = EVERYTHING, reader: str = OWNER, k: int = 10
    ) -> Retrieval: ...

    def upload(
        self, files: Mapping[str, Path], *, collection: str = "", reader: str = OWNER, on_progress: OnProgress = lambda _: None
    ) -> Report: ...

    def ingest(
        self,
        paths: Sequence[str | os.PathLike[str]],
        *,
        collection: str = "documents",
        reader: str = OWNER,
        on_progress: OnProgress = lambda _: None,
    ) -> Report: ...

    def forget(self, document: str, *, reader: str = OWNER) -> str: ...

    def reindex(self, collection: str, *, reader: str = OWNER, on_progress: Callable[[int], None] = lambda _: None) -> int: ...

    def purge(self, *, reader: str = OWNER) -> Purged: ...

    def examine(self, *, reader: str = OWNER) -> list[Examination]: ...

    def back_up(self, file: Path) -> int: ...


class OwnOperations:
    """By an assistant of this process. `on_answer` hears of each answer that is whole."""

    def __init__(self, assistant: Assistant, *, on_answer: Callable[[Answer], None] = lambda _: None) -> None:
        self._assistant, self._on_answer = assistant, on_answer

    def stream(
        self,
        question: str,
        *,
        collections: Sequence[str] = (),
        filters: Filters = EVERYTHING,
        reader: str = OWNER,
        history: Sequence[Turn] = (),
    ) -> Iterator[Event]:
        stream = self._assistant.stream(question, collections=collections, filters=filters, reader=reader, history=history)
        with closing(stream) as events:  # type: ignore[type-var]
            for event in events:
                if isinstance(event, Done):
                    self._on_answer(event.answer)
                yield event

    def search(
        self, query: str, *, collections: Sequence[str] = (), filters: Filters = EVERYTHING, reader: str = OWNER, k: int = 10
    ) -> Retrieval:
        return self._assistant.search(query, collections=collections, filters=filters, reader=reader, k=k)

    def upload(
        self, files: Mapping[str, Path], *, collection: str = "", reader: str = OWNER, on_progress: OnProgress = lambda _: None
    ) -> Report:
        return upload(self._assistant, files, collection=collection, reader=reader, on_progress=on_progress)

    def ingest(
        self,
        paths: Sequence[str | os.PathLike[str]],
        *,
        collection: str = "documents",
        reader: str = OWNER,
        on_progress: OnProgress = lambda _: None,
    ) -> Report:
        return ingest(self._assistant, paths, collection=collection, reader=reader, on_progress=on_progress)

    def forget(self, document: str, *, reader: str = OWNER) -> str:
        return forget(self._assistant, document, reader=reader)

    def reindex(self, collection: str, *, reader: str = OWNER, on_progress: Callable[[int], None] = lambda _: None) -> int:
        return reindex(self._assistant, collection, reader=reader, on_progress=on_progress)

    def purge(self, *, reader: str = OWNER) -> Purged:
        """What was answered in Slack goes too: it repeats what stood in documents. Before the rest, which rewrites the library."""
        if reader == OWNER:
            Threads(self._assistant.library.database).forget_answers()
        return purge(self._assistant, reader=reader)

    def examine(self, *, reader: str = OWNER) -> list[Examination]:
        return examine(self._assistant, reader=reader)

    def back_up(self, file: Path) -> int:
        return back_up(self._assistant, file)
