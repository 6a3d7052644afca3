"""The pipeline: files to library and index. It adds what is new, replaces what changed, follows what moved or went, passes over what
did not change, and says what became of every file.

A document is reported once the library has committed it. What was stopped before that is undone or finished by the next ingest.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from assistant.answering import Assistant
from assistant.drafts import Draft
from assistant.errors import ParseError
from assistant.library import OWNER
from assistant.records import Collection
from ingestion.preparing import Prepared, draft_of, version_of
from ingestion.reading import read
from ingestion.recovery import settle
from ingestion.report import Outcome, Progress, Report, Status
from ingestion.sources import Source, digest_of, find_sources, folders_of, read_source
from ingestion.writing import drop_doomed, write

OnProgress = Callable[[Progress], None]
# Documents are made live in batches, so that ten thousand small ones are not ten thousand commits.
_BATCH_CHUNKS = 256


def ingest(
    assistant: Assistant,
    paths: Sequence[str | os.PathLike[str]],
    *,
    collection: str = "documents",
    reader: str = OWNER,
    on_progress: OnProgress = lambda _: None,
) -> Report:
    """Read files and folders into a collection, which is made where it is missing. A file that cannot be read is reported with its
    reason and the rest goes on. A folder is a mirror: documents whose files are gone from it go too.

    Raises PathNotFound before anything is read, CollectionMismatch for a collection of another embedder, CollectionNotFound for
    one that is not the reader's to change, DataFolderInUse where another process owns the index. One ingest, removal or reindex
    runs at a time; another waits.
    """
    sources = find_sources(paths)
    documents = (_prepared(assistant, source) for source in sources)
    with assistant.changing:
        report = ingest_documents(
            assistant, documents, collection=collection, reader=reader, total=len(sources), on_progress=on_progress
        )
        gone = list(_mirrored(assistant, collection, reader, folders_of(paths), {source.place for source in sources}))
    return replace(report, outcomes=(*report.outcomes, *gone))


def ingest_documents(
    assistant: Assistant,
    documents: Iterable[Prepared | Outcome],
    *,
    collection: str,
    reader: str = OWNER,
    total: int,
    on_progress: OnProgress = lambda _: None,
) -> Report:
    """As `ingest`, for documents that are already at hand. An Outcome among them is passed on as it is."""
    with assistant.changing:
        assistant.index.names("")  # refused here where another process owns the index, before anything is written
        settle(assistant)
        into = assistant.library.create_collection(
            collection, embedder=assistant.embedder.name, dimension=assistant.embedder.dimension, owner=reader
        )
        assistant.index.create(into.index_name, into.dimension)
        run = _Run(assistant, into, total, on_progress)
        for document in documents:
            run.take(document)
        run.write()
    return Report(collection, tuple(run.outcomes), run.seconds)


def forget(assistant: Assistant, document: str, *, reader: str = OWNER) -> str:
    """Take a document out of its collection; from then on no answer shows it. Its title. Raises DocumentNotFound, CollectionNotFound
    where it is not the reader's to remove, and DataFolderInUse before anything is removed."""
    with assistant.changing:
        assistant.index.names("")
        removed = assistant.library.remove(document, reader=reader)
        settle(assistant)
    return removed.title


class _Run:
    """One ingest: the outcomes so far, the batch that is not written yet, and how far it is."""

    def __init__(self, assistant: Assistant, into: Collection, total: int, on_progress: OnProgress) -> None:
        self._assistant, self._into = assistant, into
        self._on_progress = on_progress
        self._batch: list[tuple[Draft, Status]] = []
        self._started = time.perf_counter()
        self._at = Progress(0, total, 0, 0, 0, 0, 0.0, "")
        self.outcomes: list[Outcome] = []

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._started

    def take(self, document: Prepared | Outcome) -> None:
        """Settle what can be settled at once; put the rest into the batch, and write that when it is large enough."""
        if isinstance(document, Outcome):
            self._known(document)
            return
        assistant, digest = self._assistant, digest_of(document.content)
        version = version_of(digest, assistant)
        there = assistant.library.known(self._into, document.place)
        assistant.originals.put(digest, document.content)
        if there and there.version == version:
            self._known(Outcome(document.name, "unchanged", document_id=there.document_id))
        elif twin := assistant.library.twin(self._into, version):
            self._known(_with_twin(assistant, self._into, twin.document_id, document))
        else:
            self._draft(document, digest, "changed" if there else "added")

    def write(self) -> None:
        """Write the batch, and know its outcomes."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        written = write(self._assistant, self._into, [draft for draft, _ in batch], on_embedded=self._embedded)
        for (draft, status), pending in zip(batch, written, strict=True):
            notices = " ".join(draft.parsed.notices)
            pages, chunks = len(draft.parsed.pages), len(draft.spans)
            self._known(Outcome(draft.source, status, notices, pending.document_id, pages, chunks))

    def _draft(self, document: Prepared, digest: str, status: Status) -> None:
        try:
            draft = draft_of(document, self._assistant, digest=digest)
        except ParseError as error:
            self._known(Outcome(document.name, "failed", str(error)))
            return
        if any(draft.version == waiting.version for waiting, _ in self._batch):
            self.write()
            self.take(document)  # its twin is live now
            return
        self._batch.append((draft, status))
        self._report(chunks_read=self._at.chunks_read + len(draft.spans), last=document.name)
        if sum(len(waiting.spans) for waiting, _ in self._batch) >= _BATCH_CHUNKS:
            self.write()

    def _known(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        at = self._at
        self._report(files=at.files + 1, pages=at.pages + outcome.pages, chunks=at.chunks + outcome.chunks, last=outcome.source)

    def _embedded(self, chunks: int) -> None:
        self._report(embedded=self._at.embedded + chunks)

    def _report(self, **changes: int | str) -> None:
        self._at = replace(self._at, seconds=self.seconds, **changes)  # type: ignore[arg-type]
        self._on_progress(self._at)


def _prepared(assistant: Assistant, source: Source) -> Prepared | Outcome:
    try:
        content = read_source(source, assistant.limits.max_file_bytes)
    except OSError as error:
        return Outcome(source.name, "failed", f"It cannot be read: {error.strerror}.")
    except ParseError as error:
        return Outcome(source.name, "failed", str(error))
    return Prepared(source.place, source.name, content, lambda: read(content, source.name))


def _with_twin(assistant: Assistant, into: Collection, document_id: str, document: Prepared) -> Outcome:
    """A file whose bytes are known from elsewhere is one more place of that document; it moved, where the others' files are gone."""
    before = assistant.library.find_document(document_id, reader=OWNER)
    others = assistant.library.places_of(document_id)
    assistant.library.add_place(into, document_id, place=document.place, source=document.name)
    if all(os.path.isabs(place) and not os.path.lexists(place) for place in others):
        for place in others:
            assistant.library.leave_place(into, place)
        return Outcome(document.name, "moved", f"It was {before.source}.", document_id)
    return Outcome(document.name, "added", f"Its bytes are those of {before.source}: one document.", document_id)


def _mirrored(assistant: Assistant, collection: str, reader: str, folders: Sequence[str], present: set[str]) -> Iterator[Outcome]:
    """Let go of the places below these folders whose files are gone. A folder that is suddenly empty is more likely not mounted
    than emptied: nothing is removed then."""
    into = assistant.library.writable(reader, collection)
    places = assistant.library.places(into)
    for folder in folders:
        below = {place: source for place, source in places.items() if place.startswith(folder)}
        gone = {place: source for place, source in below.items() if place not in present}
        if gone and len(gone) == len(below) and not any(place.startswith(folder) for place in present):
            reason = (
                f"The folder is empty, and {len(gone)} of its files are in the library. They were kept, since a disk may only be "
                "missing; `footnote forget` removes a document."
            )
            yield Outcome(folder, "failed", reason)
            continue
        for place, source in gone.items():
            if assistant.library.leave_place(into, place):
                yield Outcome(source, "removed")
    drop_doomed(assistant)
