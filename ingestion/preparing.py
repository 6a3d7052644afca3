"""Preparing: a file's bytes to a draft for the library. It parses, finds the language, cuts chunks and counts their terms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import PurePath

from assistant.answering import Assistant
from assistant.drafts import Draft
from assistant.errors import FootnoteError, ParseError
from assistant.languages import detect_language
from assistant.lexical import ANALYSIS_VERSION, term_counts
from assistant.types import ChunkSpan, ParsedDocument, search_text
from ingestion.chunking import CHUNKER_VERSION, chunk_spans
from ingestion.parsers import PARSER_VERSION, PICTURED, SUPPORTED, may_have_attachments
from ingestion.reading import attachments, read
from ingestion.recognition import ocr_version
from ingestion.report import Outcome
from ingestion.sandbox_processes import SandboxUnavailable
from ingestion.sources import digest_of

LINE_TOKENS = 48
"""What a chunk leaves of its budget for a context line, where it is to have one: an embedder reads no more than its window."""

_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document ready for the pipeline: its place, what people see of it, its bytes, and how to parse them where that is needed.
    `attached` gives the documents within it, where it may have some; their places lie below its own."""

    place: str
    source: str
    content: bytes
    parse: Callable[[], ParsedDocument]
    attached: Callable[[], Sequence[Prepared | Outcome]] | None = None


def prepare_file(place: str, source: str, content: bytes, *, ocr_languages: str = "eng", depth: int = 0) -> Prepared:
    """A file to be read in the sandbox, with what is attached to it where it is an e-mail, e-mails within e-mails included."""
    attached = partial(_attached, place, source, content, ocr_languages, depth + 1) if may_have_attachments(source) else None
    return Prepared(place, source, content, partial(read, content, source, ocr_languages), attached)


class Versions:
    """What versions bytes come to: their digest with the versions of everything that makes chunks of them. For a file that may hold
    scanned pages that is text recognition too, so that it is read again once there is one. What is installed is asked once."""

    def __init__(self, assistant: Assistant) -> None:
        self._limits = assistant.limits
        self._lines = assistant.line_writer.version if assistant.line_writer else ""

    def of(self, digest: str, source: str) -> str:
        """The version of a file with this digest and name."""
        made_by = f"{PARSER_VERSION}.{CHUNKER_VERSION}.{ANALYSIS_VERSION}.{self._limits.chunk_tokens}"
        if SUPPORTED.get(PurePath(source).suffix.lower(), "").startswith(PICTURED):
            made_by += f".{self._recognition}"
        if self._lines:
            made_by += f" {self._lines}"
        return digest_of(f"{digest} {made_by}".encode())[:16]

    def stamp(self, stamp: str, source: str) -> str:
        """A file's stamp as it is kept. That of an e-mail changes with text recognition, so that what is attached to it is looked at
        again; empty stays empty."""
        if not stamp or not may_have_attachments(source):
            return stamp
        return f"{stamp} {digest_of(self._recognition.encode())[:8]}"

    @cached_property
    def _recognition(self) -> str:
        return ocr_version(self._limits.ocr_languages)


@contextmanager
def readers_errors() -> Iterator[None]:
    """Make a ParseError of whatever a reader of files raises on purpose: it speaks of that file alone. SandboxUnavailable is about
    all files."""
    try:
        yield
    except (ParseError, SandboxUnavailable):
        raise
    except FootnoteError as error:
        raise ParseError(f"It could not be read: {error}") from error


def draft_of(document: Prepared, assistant: Assistant, *, digest: str, version: str = "") -> Draft:
    """Parse and cut a document; its version is asked for where it is not given. Raises ParseError."""
    with readers_errors():
        parsed = document.parse()
    language = detect_language(parsed.text)
    max_tokens = assistant.limits.chunk_tokens - (LINE_TOKENS if assistant.line_writer else 0)
    spans = chunk_spans(parsed, language=language, max_tokens=max_tokens, count_tokens=assistant.embedder.count_tokens)
    return Draft(
        place=document.place,
        source=document.source,
        digest=digest,
        version=version or Versions(assistant).of(digest, document.source),
        size_bytes=len(document.content),
        language=language,
        parsed=parsed,
        spans=spans,
        counts=[term_counts(span_text(parsed, span), language) for span in spans],
    )


def span_text(parsed: ParsedDocument, span: ChunkSpan) -> str:
    """What both legs index of a chunk as long as it has no context line."""
    return search_text(parsed.title, span.heading_path, span.header, parsed.text[span.start : span.end])


def _attached(place: str, source: str, content: bytes, ocr_languages: str, depth: int) -> Sequence[Prepared | Outcome]:
    inner = [(f"{place}/{name}", f"{source}/{name}", part) for name, part in attachments(content, source)]
    if depth > _DEEPEST:
        return [Outcome(own, "failed", f"It is attached {depth} e-mails deep; {_DEEPEST} are read.") for _, own, _ in inner]
    return [prepare_file(below, own, part, ocr_languages=ocr_languages, depth=depth) for below, own, part in inner]
