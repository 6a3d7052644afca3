"""The pipeline: files to library and index. It adds what is new, replaces what changed, passes over what did not, and says what
became of every file.

A batch of documents is written to the library as pending, embedded, written to the index and then made live in one transaction.
Only then is a document reported; what was stopped before that is undone at the next ingest.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from assistant.answering import Assistant
from assistant.drafts import Draft
from assistant.errors import ParseError
from assistant.languages import detect_language
from assistant.lexical import ANALYSIS_VERSION, document_vector, term_counts
from assistant.library import OWNER
from assistant.protocols import IndexRow
from assistant.records import Collection
from assistant.types import ChunkSpan, ParsedDocument, search_text
from ingestion.chunking import CHUNKER_VERSION, chunk_spans
from ingestion.parsers import PARSER_VERSION, parse
from ingestion.sources import Source, digest_of, find_sources, read_source

Status = Literal["added", "changed", "unchanged", "failed"]
_BATCH_CHUNKS = 256


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file. `reason` says why it failed, or what a reader should know of it."""

    source: str
    status: Status
    reason: str = ""
    document_id: str = ""
    pages: int = 0
    chunks: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What became of every file of an ingest, in the order in which that was known."""

    collection: str
    outcomes: Sequence[Outcome]
    seconds: float

    def count(self, status: Status) -> int:
        return sum(o.status == status for o in self.outcomes)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest is: files done of files found, and the pages and chunks that they came to."""

    files: int
    files_total: int
    pages: int
    chunks: int
    last: str


@dataclass
class _Batch:
    drafts: list[tuple[Draft, Status]] = field(default_factory=list)

    @property
    def chunks(self) -> int:
        return sum(len(draft.spans) for draft, _ in self.drafts)


def ingest(
    assistant: Assistant,
    paths: Sequence[str | os.PathLike[str]],
    *,
    collection: str = "documents",
    reader: str = OWNER,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Report:
    """Read files and folders into a collection, which is made where it is missing. A file that cannot be read is reported with its
    reason and the rest goes on. Raises PathNotFound before anything is read, CollectionMismatch for a collection of another
    embedder."""
    sources = list(find_sources(paths))
    return ingest_documents(
        assistant,
        (_prepared(assistant, source) for source in sources),
        collection=collection, reader=reader, total=len(sources), on_progress=on_progress,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document ready for the pipeline: its name and place, its bytes, and how to parse them where that is needed."""

    place: str
    name: str
    content: bytes
    parse: Callable[[], ParsedDocument]


def ingest_documents(
    assistant: Assistant,
    documents: Iterable[Prepared | Outcome],
    *,
    collection: str,
    reader: str = OWNER,
    total: int,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Report:
    """As `ingest`, for documents that are already at hand. An Outcome among them is passed on as it is."""
    started = time.perf_counter()
    settle_interrupted(assistant)
    into = assistant.library.create_collection(
        collection, embedder=assistant.embedder.name, dimension=assistant.embedder.dimension, owner=reader
    )
    assistant.index.create(into.index_name, into.dimension)
    outcomes: list[Outcome] = []
    for outcome in _ingested(assistant, into, documents):
        outcomes.append(outcome)
        pages, chunks = sum(o.pages for o in outcomes), sum(o.chunks for o in outcomes)
        on_progress(Progress(len(outcomes), total, pages, chunks, outcome.source))
    return Report(collection, tuple(outcomes), time.perf_counter() - started)


def settle_interrupted(assistant: Assistant) -> None:
    """Undo what an ingest that was stopped left half done."""
    for index_name, chunk_ids in assistant.library.discard_pending():
        assistant.index.delete(index_name, chunk_ids)


def _prepared(assistant: Assistant, source: Source) -> Prepared | Outcome:
    try:
        content = read_source(source, assistant.limits.max_file_bytes)
    except (OSError, ParseError) as error:
        return Outcome(source.name, "failed", _reason(error))
    return Prepared(source.place, source.name, content, lambda: parse(content, source.name))


def _ingested(assistant: Assistant, into: Collection, documents: Iterable[Prepared | Outcome]) -> Iterator[Outcome]:
    batch = _Batch()
    for document in documents:
        drafted = document if isinstance(document, Outcome) else _draft(assistant, into, document)
        if isinstance(drafted, Outcome):
            yield drafted
            continue
        batch.drafts.append(drafted)
        if batch.chunks >= _BATCH_CHUNKS:
            yield from _written(assistant, into, batch)
            batch = _Batch()
    yield from _written(assistant, into, batch)


def _draft(assistant: Assistant, into: Collection, document: Prepared) -> tuple[Draft, Status] | Outcome:
    digest = digest_of(document.content)
    version = _version(digest, assistant)
    there = assistant.library.live_version(into, document.place)
    if there and there[1] == version:
        return Outcome(document.name, "unchanged", document_id=there[0])
    try:
        parsed = document.parse()
    except ParseError as error:
        return Outcome(document.name, "failed", _reason(error))
    language = detect_language(parsed.text)
    spans = chunk_spans(
        parsed, language=language, max_tokens=assistant.limits.chunk_tokens, count_tokens=assistant.embedder.count_tokens
    )
    assistant.originals.put(digest, document.content)
    counts = [term_counts(_search_text(parsed, span), language) for span in spans]
    draft = Draft(document.place, document.name, digest, version, len(document.content), language, parsed, spans, counts)
    return draft, "changed" if there else "added"


def _version(digest: str, assistant: Assistant) -> str:
    """The digest of the bytes with the versions of everything that made chunks of them."""
    made_by = f"{PARSER_VERSION}.{CHUNKER_VERSION}.{ANALYSIS_VERSION}.{assistant.limits.chunk_tokens}"
    return digest_of(f"{digest} {made_by}".encode())[:16]


def _search_text(parsed: ParsedDocument, span: ChunkSpan) -> str:
    return search_text(parsed.title, span.heading_path, span.header, parsed.text[span.start : span.end])


def _written(assistant: Assistant, into: Collection, batch: _Batch) -> Iterator[Outcome]:
    if not batch.drafts:
        return
    drafts = [draft for draft, _ in batch.drafts]
    lengths = [sum(counts.values()) for draft in drafts for counts in draft.counts]
    into = assistant.library.fix_pivot(into, max(1.0, sum(lengths) / max(1, len(lengths))))
    written = [assistant.library.add_pending(into, draft) for draft in drafts]
    texts = [_search_text(draft.parsed, span) for draft in drafts for span in draft.spans]
    vectors = assistant.embedder.encode_documents(texts)
    ids = [chunk_id for pending in written for chunk_id in pending.chunk_ids]
    counts = [c for draft in drafts for c in draft.counts]
    assert into.pivot_length is not None
    assistant.index.upsert(
        into.index_name,
        [
            IndexRow(chunk_id, vector, document_vector(c, into.pivot_length))
            for chunk_id, vector, c in zip(ids, vectors, counts, strict=True)
        ],
    )
    retired = assistant.library.make_live(into, [pending.version_id for pending in written])
    assistant.index.delete(into.index_name, retired)
    for (draft, status), pending in zip(batch.drafts, written, strict=True):
        notice = " ".join(draft.parsed.notices)
        yield Outcome(draft.source, status, notice, pending.document_id, len(draft.parsed.pages), len(draft.spans))


def _reason(error: OSError | ParseError) -> str:
    return f"It cannot be read: {error.strerror}." if isinstance(error, OSError) else str(error)


def forget(assistant: Assistant, document: str, *, reader: str = OWNER) -> str:
    """Take a document out of its collection; from then on no answer shows it. Its title. Raises DocumentNotFound."""
    title = assistant.library.find_document(document, reader=reader).title
    collection, chunk_ids, digests = assistant.library.remove(document, reader=reader)
    assistant.index.delete(collection.index_name, chunk_ids)
    for digest in digests:
        assistant.originals.discard(digest)
    return title
