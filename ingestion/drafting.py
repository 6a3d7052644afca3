"""Drafting: documents to drafts, several at a time and ahead of who writes them, in the order in which they came.

What the collection holds already is told by its digest, without reading it again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

from assistant.answering import Assistant
from assistant.drafts import Draft
from assistant.errors import ParseError
from assistant.records import Collection
from ingestion.preparing import Prepared, Versions, draft_of, readers_errors
from ingestion.reading import give_up
from ingestion.report import Outcome
from ingestion.sources import digest_of

# Each reader mostly waits for a process of the sandbox, which has as many.
_READERS = 2
_AHEAD_DOCUMENTS = 8
_AHEAD_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class SameBytes:
    """A document whose bytes the collection holds at another place."""

    document: Prepared
    version: str


Drafted = Draft | SameBytes | Outcome


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one document: its attachments first, then itself. `attached` has the places of what is attached to it, and to each
    e-mail within it, by the place of the e-mail; one that could not be looked into is not among them."""

    place: str
    source: str
    size_bytes: int
    drafted: tuple[Drafted, ...]
    attached: Mapping[str, frozenset[str]] = field(default_factory=dict)


class Drafting:
    """Reads ahead, up to a few documents and 64 MB beyond the one that is awaited. Leaving the `with` waits for the documents in hand
    and gives the rest up."""

    def __init__(
        self, assistant: Assistant, into: Collection, documents: Iterable[Prepared | Outcome], versions: Versions
    ) -> None:
        self._assistant, self._into, self._versions = assistant, into, versions
        self._documents = iter(documents)
        self._threads = ThreadPoolExecutor(_READERS, "footnote-reading")
        self._ahead: deque[tuple[Future[Step], int]] = deque()

    def __enter__(self) -> Drafting:
        with ExitStack() as stopped:  # the documents may come from code that raises
            stopped.push(self)
            self._fill()
            stopped.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is KeyboardInterrupt:
            give_up()
        self._threads.shutdown(cancel_futures=True)

    @property
    def next(self) -> Future[Step] | None:
        """What comes next; None at the end."""
        return self._ahead[0][0] if self._ahead else None

    def take(self) -> Iterator[Step]:
        """What has been read by now, without waiting."""
        while self._ahead and self._ahead[0][0].done():
            step, _ = self._ahead.popleft()
            self._fill()
            yield step.result()

    def draft(self, document: Prepared) -> Drafted:
        """What comes of one document, without what is attached to it."""
        assistant, digest = self._assistant, digest_of(document.content)
        version = self._versions.of(digest, document.source)
        there = assistant.library.places.known(self._into, document.place)
        drafted: Drafted
        if there and there.version == version:
            drafted = Outcome(document.source, "unchanged", document_id=there.document_id)
        elif assistant.library.places.twin(self._into, version):
            drafted = SameBytes(document, version)
        else:
            try:
                drafted = draft_of(document, assistant, digest=digest, version=version)
            except ParseError as error:
                return Outcome(document.source, "failed", str(error))
        assistant.originals.put(digest, document.content)  # also where it was lost
        return drafted

    def _fill(self) -> None:
        while len(self._ahead) < _AHEAD_DOCUMENTS and sum(size for _, size in self._ahead) < _AHEAD_BYTES:
            document = next(self._documents, None)
            if document is None:
                return
            size = len(document.content) if isinstance(document, Prepared) else 0
            self._ahead.append((self._threads.submit(self._step, document), size))

    def _step(self, document: Prepared | Outcome) -> Step:
        if isinstance(document, Outcome):
            return Step("", document.source, 0, (document,))
        drafted = self.draft(document)
        size = len(document.content)
        # One that did not change is looked into as well: not all that is attached to it may have been taken up before.
        if document.attached is None or (isinstance(drafted, Outcome) and drafted.status == "failed"):
            return Step(document.place, document.source, size, (drafted,))
        try:
            with readers_errors():
                within = document.attached()
        except ParseError as error:
            failed = Outcome(f"{document.source}/", "failed", str(error))
            return Step(document.place, document.source, size, (failed, drafted))
        steps = [self._step(inner) for inner in within]
        attached = {document.place: frozenset(inner.place for inner in within if isinstance(inner, Prepared))}
        for step in steps:
            attached.update(step.attached)
        # The document itself comes last: once it is known, all that it brought is.
        parts = tuple(part for step in steps for part in step.drafted)
        return Step(document.place, document.source, size, (*parts, drafted), attached)
