"""The documents list: uploading, removing, the sample, and how documents and the outcomes of an upload look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from assistant.answering import Assistant
from assistant.library import OWNER
from assistant.types import Document
from doors.output_gate import plain_html
from doors.page.source_panel import passage_address
from ingestion import Outcome, forget, ingest
from ingestion.pipeline import ingest_documents
from ingestion.preparing import Prepared
from ingestion.reading import read
from ingestion.sample import sample_documents

SAMPLE = "sample"
UPLOADS = "documents"
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

    def documents(self, collection: str, *, reader: str = OWNER) -> list[Document]:
        """The documents of a collection; of all that the reader may read where it is empty."""
        return [d for d in self._assistant.library.documents(reader=reader) if collection in ("", d.collection)]

    def upload(self, paths: Sequence[str], collection: str, *, reader: str = OWNER) -> Iterator[tuple[str, list[Outcome]]]:
        """Take uploaded files in, one by one, deleting each: the name of the file being read ("" at the end) and the outcomes
        so far. Raises FootnoteError."""
        outcomes: list[Outcome] = []
        try:
            for path in map(Path, paths):
                yield path.name, outcomes
                outcomes.append(self._take(path, collection or UPLOADS, reader))
                yield "", outcomes
        finally:
            for left in paths:
                Path(left).unlink(missing_ok=True)

    def add_sample(self) -> Sequence[Outcome]:
        """Ingest the sample collection. Raises FootnoteError."""
        return ingest(self._assistant, sample_documents(), collection=SAMPLE).outcomes

    def forget(self, document_id: str, *, reader: str = OWNER) -> str:
        """Take a document out; its title. Raises DocumentNotFound."""
        return forget(self._assistant, document_id, reader=reader)

    def _take(self, path: Path, collection: str, reader: str) -> Outcome:
        size, most = path.stat().st_size, self._assistant.limits.max_file_bytes
        if size > most:
            return Outcome(path.name, "failed", f"It has {size / 1e6:.0f} MB; the limit is {most / 1e6:.0f} MB.")
        content = path.read_bytes()
        path.unlink()
        # The same name uploaded again is the same document, changed.
        document = Prepared(f"upload:{path.name}", path.name, content, lambda: read(content, path.name))
        report = ingest_documents(self._assistant, [document], collection=collection, reader=reader, total=1)
        return report.outcomes[0]


def documents_html(documents: Sequence[Document], *, group: bool) -> str:
    """The list, each document with a button that opens it and one that removes it; under its collection's name where `group`."""
    if not documents:
        return '<p class="none">No documents yet.</p>'
    out = []
    for collection, members in groupby(documents, key=lambda d: d.collection):
        rows = "".join(_row(d) for d in members)
        heading = f"<h3>{plain_html(collection)}</h3>" if group else ""
        out.append(f'{heading}<ul class="documents">{rows}</ul>')
    return "".join(out)


def upload_html(reading: str, waiting: int, outcomes: Sequence[Outcome]) -> str:
    """The outcomes so far, each with its reason, and the file that is being read."""
    lines = []
    for o in outcomes:
        pages = f", {o.pages} page{'s' * (o.pages != 1)}" if o.pages else ""
        reason = f'<span class="reason">{plain_html(o.reason)}</span>' if o.reason else ""
        lines.append(_line(o.status, o.source, _SAID[o.status] + pages, reason))
    if reading:
        more = f", {waiting} more to come" if waiting else ""
        lines.append(_line("reading", reading, f"reading{more}…"))
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
