"""The pipeline: files to library and index. It adds what is new, replaces what changed, follows what moved or went, passes over what
did not change, and says what became of every file.

Reading (drafting.py) and embedding (embedding.py) go on beside each other; only this thread writes. A document is reported once the
library has committed it, with context lines once these were asked for. What was stopped before that is undone by the next ingest;
vectors that are still missing are made then, and lines after all else.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from typing import Any

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.drafts import Draft
from assistant.errors import ParseError
from assistant.records import Collection
from ingestion.advice import language_advice
from ingestion.drafting import Drafted, Drafting, SameBytes, Step
from ingestion.embedding import Embedding
from ingestion.lining import Lining, fill, lacking_lines
from ingestion.mirroring import join_twin, let_go
from ingestion.preparing import Prepared, Versions, prepare_file
from ingestion.quotas import Quotas
from ingestion.recovery import settle, without_vectors
from ingestion.report import Outcome, Progress, Report, Status
from ingestion.sources import Source, find_sources, folders_of, read_source
from ingestion.writing import embed, finish, write_vectors, write_words

OnProgress = Callable[[Progress], None]
# Documents are shown in batches, so that ten thousand small ones are not ten thousand commits, but none waits for long.
_BATCH_CHUNKS = 256
_BATCH_SECONDS = 1.0


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
    with assistant.changing:
        sources = find_sources(paths)  # not before: what another ingest adds meanwhile would be missing here, and be removed
        at = Progress(files_total=len(sources), bytes_total=sum(source.size_bytes for source in sources))
        run = _Run(assistant, collection, reader, at, on_progress)
        run.go(map(run.prepared, sources))
        run.mirror(folders_of(paths), {source.place for source in sources})
        run.keep_stamps(sources)
        return run.report()


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
        run = _Run(assistant, collection, reader, Progress(files_total=total), on_progress)
        run.go(documents)
        run.mirror([], set())
        return run.report()


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

    def __init__(self, assistant: Assistant, collection: str, reader: str, at: Progress, on_progress: OnProgress) -> None:
        assistant.index.names("")  # refused here where another process owns the index, before anything is written
        settle(assistant)
        self._assistant, self._reader, self._at, self._on_progress = assistant, reader, at, on_progress
        self._into = assistant.library.create_collection(
            collection, embedder=assistant.models, dimension=assistant.embedder.dimension, owner=reader
        )
        assistant.index.create(self._into.index_name, self._into.dimension)
        self._quotas = Quotas(assistant, self._into)
        self._versions = Versions(assistant)
        self._lining = Lining(assistant)
        self._batch: dict[str, Draft] = {}  # by place
        self._finishing: dict[int, tuple[str, Outcome]] = {}  # what is to be said of a version once it has its vectors
        self._coming: set[str] = set()  # versions of the batch, and those that are written and not shown yet
        self._present: set[str] = set()
        self._failed: set[str] = set()  # places of which, or below which, something could not be taken in
        self._attached: dict[str, frozenset[str]] = {}
        self._started = self._written = time.perf_counter()
        self.outcomes: list[Outcome] = []

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._started

    def report(self) -> Report:
        return Report(self._into.name, tuple(self.outcomes), self.seconds, language_advice(self._assistant, self._into))

    def go(self, documents: Iterable[Prepared | Outcome]) -> None:
        """Take in all documents, reading some while others are written and embedded. First come the vectors that an ingest before did
        not come to."""
        drafting = Drafting(self._assistant, self._into, documents, self._versions)
        with drafting as self._drafting, Embedding(self._assistant, self._lining) as self._embedding:
            for into, left in without_vectors(self._assistant):
                self._embedding.add(into, left)
                if self._shows(into):
                    self._at = replace(self._at, chunks=self._at.chunks + len(left.chunk_ids))
            while awaited := self._awaited():
                wait(awaited, timeout=_BATCH_SECONDS if self._batch else None, return_when=FIRST_COMPLETED)
                for step in self._drafting.take():
                    self._take(step)
                if self._due():
                    self._write()
                if self._embedding.next and self._embedding.next.done():
                    self._finish_slice()
            self._fill_lines()

    def prepared(self, source: Source) -> Prepared | Outcome:
        """A file as `go` takes it. One whose stamp is still the one that was kept is not read again."""
        library, originals = self._assistant.library, self._assistant.originals
        known = library.places.known(self._into, source.place) if source.stamp else None
        stamp = self._versions.stamp(source.stamp, source.name)
        same = known and known.stamp == stamp and known.version == self._versions.of(known.digest, source.name)
        if known and same and originals.holds(known.digest):
            self._pass_over(source)
            return Outcome(source.name, "unchanged", document_id=known.document_id)
        try:
            content = read_source(source, self._assistant.limits.max_file_bytes)
        except (OSError, ParseError) as error:
            self._failed.add(source.place)
            self._pass_over(source)
            reason = f"It cannot be read: {error.strerror}." if isinstance(error, OSError) else str(error)
            return Outcome(source.name, "failed", reason)
        return prepare_file(source.place, source.name, content, ocr_languages=self._assistant.limits.ocr_languages)

    def _pass_over(self, source: Source) -> None:
        """A file that is not read takes no time: its bytes tell nothing of how long the others will take."""
        self._at = replace(self._at, bytes_total=self._at.bytes_total - source.size_bytes)

    def keep_stamps(self, sources: Sequence[Source]) -> None:
        """Keep the stamps of the files that were read, once all is written: a run that was stopped reads them again. None is kept
        where something failed, in the file or attached to it: that is tried again. Their dates are kept too; what is attached to an
        e-mail has the e-mail's."""
        stamps = {source.place: self._versions.stamp(source.stamp, source.name) for source in sources}
        stamps.update(dict.fromkeys(self._failed, ""))
        self._assistant.library.places.stamp(self._into, stamps)
        dates = {source.place: source.modified_at for source in sources if source.modified_at}
        for mail, attached in self._attached.items():  # an e-mail stands before those within it
            dates.update(dict.fromkeys(attached, dates[mail]) if mail in dates else {})
        self._assistant.library.places.date(self._into, dates)

    def mirror(self, folders: Sequence[str], present: set[str]) -> None:
        """Follow what went from these folders, and from e-mails that were looked into."""
        for outcome in let_go(
            self._assistant, self._into, folders=folders, present=present | self._present, attached=self._attached
        ):
            self._known(outcome)

    def _awaited(self) -> list[Future[Any]]:
        return [future for future in (self._drafting.next, self._embedding.next) if future]

    def _take(self, step: Step) -> None:
        self._present.add(step.place)
        self._attached.update(step.attached)
        told = len(self.outcomes)
        for drafted in step.drafted:
            self._take_in(drafted)
        if any(outcome.status == "failed" for outcome in self.outcomes[told:]):
            self._failed.add(step.place)
        self._report(files=self._at.files + 1, bytes_read=self._at.bytes_read + step.size_bytes, last=step.source)

    def _take_in(self, drafted: Drafted) -> None:
        """Know the outcome where it can be known at once; put the rest into the batch."""
        if isinstance(drafted, Outcome):
            self._known(drafted)
            return
        same = drafted.document if isinstance(drafted, SameBytes) else drafted
        if drafted.version in self._coming or same.place in self._batch:
            self._write()
        while drafted.version in self._coming:  # wait until it is shown, and be one document with it
            self._finish_slice()
        if twin := self._assistant.library.places.twin(self._into, drafted.version):
            self._known(join_twin(self._assistant, self._into, twin.document_id, place=same.place, source=same.source))
        elif isinstance(drafted, SameBytes):  # what had these bytes has others since
            self._take_in(self._drafting.draft(drafted.document))
        elif refusal := self._quotas.refusal(drafted):
            self._known(Outcome(drafted.source, "failed", refusal))
        else:
            self._batch[drafted.place] = drafted
            self._coming.add(drafted.version)

    def _due(self) -> bool:
        """Whether the batch should be written. The first one of a collection fixes its pivot length and is better large."""
        if not self._batch or self._drafting.next is None:
            return bool(self._batch)
        many = sum(len(draft.spans) for draft in self._batch.values()) >= _BATCH_CHUNKS
        return many or (self._into.pivot_length is not None and time.perf_counter() - self._written > _BATCH_SECONDS)

    def _write(self) -> None:
        """Write the batch: its new documents are known then, the changed ones, and all that are to have lines, once they have their
        vectors."""
        batch, self._batch = list(self._batch.values()), {}
        if not batch:
            return
        lengths = [sum(counts.values()) for draft in batch for counts in draft.counts]
        self._into = self._assistant.library.fix_pivot(self._into, max(1.0, sum(lengths) / max(1, len(lengths))))
        known = {draft.place for draft in batch if self._assistant.library.places.known(self._into, draft.place)}
        for draft, pending in zip(batch, write_words(self._assistant, self._into, batch), strict=True):
            status: Status = "changed" if draft.place in known else "added"
            pages, chunks = len(draft.parsed.pages), len(draft.spans)
            outcome = Outcome(draft.source, status, " ".join(draft.parsed.notices), pending.document_id, pages, chunks)
            self._report(pages=self._at.pages + pages, chunks=self._at.chunks + chunks, last=draft.source)
            if not pending.replaces:
                self._coming.discard(draft.version)
            if pending.replaces or self._lining.wanted:
                self._finishing[pending.version_id] = (draft.version, outcome)
            else:
                self._known(outcome)
            self._embedding.add(self._into, pending)
        self._written = time.perf_counter()

    def _finish_slice(self) -> None:
        """Write the next slice of vectors; waits for it."""
        made = self._embedding.take()
        self._assistant.library.context_lines.keep(made.into, made.lined)
        write_vectors(self._assistant, made.into, made.embedded)
        finish(self._assistant, made.into, made.completed)
        if self._shows(made.into):
            self._report(embedded=self._at.embedded + made.chunks)
        for pending in made.completed:
            if pending.version_id in self._finishing:
                version, outcome = self._finishing.pop(pending.version_id)
                self._coming.discard(version)
                notices = (outcome.reason, self._lining.notice(pending.version_id, outcome.chunks))
                self._known(replace(outcome, reason=" ".join(filter(None, notices))))

    def _shows(self, into: Collection) -> bool:
        """Whether what is done for a collection counts in what is reported: how much others left to do is not a user's to know."""
        return self._reader == OWNER or into.id == self._into.id

    def _fill_lines(self) -> None:
        """Ask again for the lines that an earlier ingest did not get; nothing else waits for them by now."""
        if self._lining.trouble:
            return
        lacking = [i for i in lacking_lines(self._assistant, self._into, self._versions) if not self._lining.failed(i)]
        self._report(chunks=self._at.chunks + len(lacking))
        for asked, lined in fill(self._lining, self._assistant, self._into, lacking):
            write_vectors(self._assistant, self._into, embed(self._assistant, self._into, lined))
            self._report(embedded=self._at.embedded + asked)

    def _known(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._report(last=outcome.source, outcome=outcome)

    def _report(self, **changes: int | str | Outcome) -> None:
        self._at = replace(self._at, seconds=self.seconds, **changes)  # type: ignore[arg-type]
        self._on_progress(self._at)
        self._at = replace(self._at, outcome=None)
