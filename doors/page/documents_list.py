"""The documents list: removing, the sample, and how documents and the outcomes of an upload look."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path

from assistant.access import OWNER, own_name
from assistant.answering import Assistant
from assistant.errors import CollectionNotFound, FootnoteError
from assistant.filters import EVERYTHING, Filters
from assistant.records import Collection
from assistant.types import Document
from doors.output_gate import plain_html
from doors.page.filter_bar import Choice, choices
from doors.page.source_panel import passage_address
from doors.terminal import duration
from doors.uploading import told_apart, upload
from ingestion import Outcome, Progress, Report, forget, ingest
from ingestion.sample import sample_documents

SAMPLE = "sample"
_SAID = {
    "added": "added",
    "changed": "replaced",
    "moved": "moved",
    "unchanged": "already here",
    "removed": "removed",
    "failed": "failed",
}


class DocumentsDoor:
    """What the page does with documents: list, take in, remove."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant

    def collections(self, *, reader: str = OWNER) -> list[tuple[str, int]]:
        """The collections that hold documents, with how many."""
        listed = self._assistant.library.documents(reader=reader)
        return [(name, len(list(group))) for name, group in groupby(listed, key=lambda d: d.collection)]

    def called(self, collection: str, *, reader: str = OWNER) -> str:
        """The whole name of what the reader calls so; empty where there is none."""
        return next((c.name for c in self._of(collection, reader)), "") if collection else ""

    def documents(self, collection: str, *, filters: Filters = EVERYTHING, reader: str = OWNER) -> list[Document]:
        """The documents of a collection that pass; of all that the reader may read where it is empty. None of one that is not there,
        which is still to be made by an upload. Raises DocumentNotFound and InvalidRequest."""
        if not self._of(collection, reader):
            return []
        return self._assistant.library.documents(reader=reader, names=[collection] if collection else [], filters=filters)

    def choices(self, collection: str, *, reader: str = OWNER) -> list[list[Choice]]:
        """What the documents of a collection (of all, where it is empty) can be filtered by."""
        library = self._assistant.library
        of = self._of(collection, reader)
        return choices(self.documents(collection, reader=reader), [place for c in of for place in library.places.all(c)])

    def upload(
        self, paths: Sequence[str], collection: str, *, reader: str = OWNER
    ) -> Iterator[tuple[Progress | Report, list[Outcome]]]:
        """Take uploaded files in, deleting each: how far it is (the report at the end) and the outcomes so far. Whoever stops
        listening does not stop the work. Raises FootnoteError."""
        steps: queue.SimpleQueue[Progress | Report | FootnoteError] = queue.SimpleQueue()

        def take_in() -> None:
            end: Report | FootnoteError = FootnoteError("The upload stopped.")
            try:
                end = upload(self._assistant, told_apart(paths), collection=collection, reader=reader, on_progress=steps.put)
            except FootnoteError as error:
                end = error
            except Exception as error:
                end = FootnoteError(f"The upload stopped: {error!r}.")
                raise
            finally:
                for left in paths:
                    Path(left).unlink(missing_ok=True)
                steps.put(end)

        threading.Thread(target=take_in, name="upload", daemon=True).start()
        outcomes: list[Outcome] = []
        while isinstance(step := steps.get(), Progress):
            outcomes += [step.outcome] if step.outcome else []
            if steps.empty():
                yield step, outcomes
        if isinstance(step, FootnoteError):
            raise step
        yield step, outcomes

    def add_sample(self, *, reader: str = OWNER) -> Report:
        """Ingest the sample collection. Raises FootnoteError."""
        return ingest(self._assistant, sample_documents(), collection=own_name(SAMPLE, reader), reader=reader)

    def forget(self, document_id: str, *, reader: str = OWNER) -> str:
        """Take a document out; its title. Raises DocumentNotFound."""
        return forget(self._assistant, document_id, reader=reader)

    def _of(self, collection: str, reader: str) -> list[Collection]:
        """The collection of this name, or all, where it is empty. None of one that is still to be made by an upload."""
        with suppress(CollectionNotFound):
            return self._assistant.library.readable(reader, [collection] if collection else [])
        return []


def documents_html(documents: Sequence[Document], *, group: bool, none: str = "No documents yet.") -> str:
    """The list, each document with a button that opens it and one that removes it; under its collection's name where `group`.
    `none` is said where there are none."""
    if not documents:
        return f'<p class="none">{plain_html(none)}</p>'
    out = []
    for collection, members in groupby(documents, key=lambda d: d.collection):
        rows = "".join(_row(d) for d in members)
        heading = f"<h3>{plain_html(collection)}</h3>" if group else ""
        out.append(f'{heading}<ul class="documents">{rows}</ul>')
    return "".join(out)


def upload_html(at: Progress | Report, outcomes: Sequence[Outcome]) -> str:
    """How far it is, or what is to be known at the end, and the outcomes so far, each with its reason."""
    lines = []
    for o in outcomes:
        pages = f", {o.pages} page{'s' * (o.pages != 1)}" if o.pages else ""
        reason = f'<span class="reason">{plain_html(o.reason)}</span>' if o.reason else ""
        lines.append(_line(o.status, o.source, _SAID[o.status] + pages, reason))
    if isinstance(at, Report):
        lines += [f'<li><span class="reason">{plain_html(notice)}</span></li>' for notice in at.notices]
    else:
        reading = at.files < at.files_total
        done = f"{at.files} of {at.files_total} files read" if reading else "indexing what they mean"
        embedded = f"{at.embedded:,} of {at.chunks:,} passages" if at.chunks else ""
        left = f"{duration(at.seconds_left)} left" if at.seconds_left is not None else ""
        lines.insert(0, _line("reading", at.last, ", ".join(filter(None, (done, embedded, left))) + "…"))
    return f'<ul class="outcomes" role="status">{"".join(lines)}</ul>' if lines else ""


def message_html(message: str) -> str:
    return f'<p class="trouble" role="alert">{plain_html(message)}</p>'


def _line(status: str, name: str, said: str, reason: str = "") -> str:
    return f'<li class="{status}"><span class="name">{plain_html(name)}</span><span class="said">{said}</span>{reason}</li>'


def _row(d: Document) -> str:
    meta = f"{d.pages} page{'s' * (d.pages != 1)}, {plain_html(d.source)}"
    address = plain_html(passage_address(d.id, 0, 0, d.version))
    return (
        f'<li class="document" data-document="{plain_html(d.id)}">'
        f'<a class="open" href="#document" data-passage="{address}" data-quote="" data-headings="">'
        f'<span class="title">{plain_html(d.title)}</span><span class="meta">{meta}</span></a>'
        f'<button type="button" class="remove" aria-label="Remove {plain_html(d.title)}" title="Remove">×</button>'
        f'<span class="sure" hidden><span>Remove it from all answers?</span>'
        f'<button type="button" class="yes">Remove</button><button type="button" class="no">Keep</button></span></li>'
    )
