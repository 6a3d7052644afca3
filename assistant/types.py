"""The nouns of Footnote: frozen values that every other module passes around. They know no library and hold no connection.

Offsets count Unicode code points in a document's canonical text, half open: `text[start:end]`. Pages count from one; a format
without pages is one page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

BlockKind = Literal["heading", "paragraph", "list_item", "table", "code", "caption"]
Role = Literal["user", "assistant"]

# A hyphen that a line end put into a word: "inter-\nnational". Canonical text keeps it, as the page shows it.
LINE_END_HYPHEN = re.compile(r"(?<=\w)[-\u00ad\u2010]\n(?=\w)")

# The width or height of a page, in the units of the boxes of runs.
WHOLE_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """One page's span in the canonical text. A page without text has start == end."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TextRun:
    """Where characters of the canonical text stand on a page of the original.

    `text[start:start + length]` are the `length` characters of `page` that begin at the page's own character index
    `char_index` (PDFium's counting). Text that no run covers (a space between two joined lines) was put there by the parser.
    A word that was recognised in a picture has no such index (-1) but a `box`: its left, top, right and bottom edge in
    ten-thousandths of the page's width and height (0 to WHOLE_PAGE), counted from the top left corner.
    """

    start: int
    length: int
    page: int
    char_index: int = -1
    box: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph, list item, table, code or caption: `text[start:end]`, never empty, without white space at its ends.

    `heading_path` names the headings above it, outermost first; a heading's own path ends with itself. `level` is a
    heading's depth from one, and zero for the rest. A table has one row a line, cells parted by a tab; `header` repeats its
    header rows, so that a piece of a long table can be read alone.
    """

    kind: BlockKind
    start: int
    end: int
    page: int
    heading_path: tuple[str, ...] = ()
    level: int = 0
    header: str = ""


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What a parser makes of a file: one canonical text, and blocks and pages as spans of it, in reading order.

    `runs` is empty for formats that have no page picture. `notices` says what a reader should know, such as a guessed encoding.
    `pictures` numbers the pages that show something and hold no text, and were left to text recognition.
    """

    title: str
    text: str
    blocks: Sequence[Block]
    pages: Sequence[Page]
    media_type: str
    runs: Sequence[TextRun] = ()
    notices: Sequence[str] = ()
    pictures: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class ChunkSpan:
    """A chunk before it is stored: a span of the canonical text with what is searched alongside it."""

    start: int
    end: int
    page: int
    heading_path: tuple[str, ...] = ()
    header: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A document as the library lists it. `source` is the file name or address that it came from; `sources` are all of them, where
    several files hold the same bytes. `embedded` is False while it can be found by its words only. `dated_at` is the date that filters
    mean (ISO 8601, UTC): when its file was last modified, or when its present text was added, where that is not known."""

    id: str
    collection: str
    title: str
    source: str
    version: str
    media_type: str
    language: str
    pages: int
    chunks: int
    size_bytes: int
    added_at: str
    sources: tuple[str, ...] = ()
    embedded: bool = True
    dated_at: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A searchable piece of a document: `document.text[start:end] == text`, beginning on `page`. `version` is the version whose
    text it is, `pages` the pages that it touches. `context_line` was written by a language model, to be searched
    with the text: it is no part of the document, never shown and never quoted. None where none was written yet, empty where there is
    none to be had."""

    id: int
    document_id: str
    title: str
    source: str
    text: str
    start: int
    end: int
    page: int
    heading_path: tuple[str, ...] = ()
    header: str = ""
    language: str = ""
    version: str = ""
    pages: tuple[Page, ...] = ()
    context_line: str | None = None

    @property
    def search_text(self) -> str:
        """What both legs index: `search_text(...)` of this chunk."""
        return search_text(self.title, self.heading_path, self.header, self.text, self.context_line or "")

    def page_at(self, offset: int) -> int:
        """The page of an offset of the document's text that lies in this chunk."""
        return page_at(self.pages, offset, self.page)


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that a search found. `ranks` and `scores` are keyed by stage: "bm25", "dense", "fused", "reranked"; ranks count
    from one. A leg that did not find the chunk has no entry. `scores` also holds the reranker's own, under its name ("maxsim").

    A passage that an answer rests on is a hit whose chunk may span several: `narrow` is then the chunk before it was widened to its
    section, and `same_as` are the chunks left out because they only repeat it.
    """

    chunk: Chunk
    score: float
    ranks: Mapping[str, int] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    narrow: Chunk | None = None
    same_as: tuple[Chunk, ...] = ()


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What one search came to: the hits as delivered, and of every stage on the way its order (chunk ids, best first) and time.
    `searched` counts the chunks that were there to be found; `carried` holds the earlier questions that were searched with. `notices`
    say what the reader should know (a rerank that was left out).
    """

    query: str
    hits: Sequence[Hit]
    stages: Mapping[str, Sequence[int]]
    milliseconds: Mapping[str, float]
    searched: int
    carried: str = ""
    notices: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Quote:
    """Text of a document, character for character: `document.text[start:end] == text`, beginning on `page`. `support` in 0 to 1
    says how well it bears out the statement that it stands under."""

    text: str
    start: int
    end: int
    page: int
    support: float = 1.0


@dataclass(frozen=True, slots=True)
class Citation:
    """A footnote: the number in the answer's text, and the quote that it opens. `version` is the version that was quoted."""

    number: int
    document_id: str
    title: str
    source: str
    version: str
    page: int
    start: int
    end: int
    quote: str
    score: float


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question came to.

    `found` is False when the documents do not answer; `hits` then hold the nearest passages. `complete` is False when the
    generator was cut off. `confidence` in 0 to 1 is the score that decided. `unsupported` lists the sentences of a written answer
    that no quote bears out, of the `stated` ones that a language model wrote. `notices` say what the reader should know (a model that
    was down, a document that changed). `searched` counts the passages that were there to be found.
    """

    question: str
    query: str
    text: str
    found: bool
    complete: bool
    confidence: float
    citations: Sequence[Citation] = ()
    hits: Sequence[Hit] = ()
    unsupported: Sequence[str] = ()
    notices: Sequence[str] = ()
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    searched: int = 0
    stated: int = 0

    @property
    def supported_share(self) -> float | None:
        """Share of the sentences of a written answer that quotes bear out; None where no language model wrote it."""
        return 1 - len(self.unsupported) / self.stated if self.stated else None


@dataclass(frozen=True, slots=True)
class Searching:
    """First event of a stream: the query that is searched for, after a follow-up was condensed."""

    query: str


@dataclass(frozen=True, slots=True)
class Passages:
    """Second event of a stream: the passages that the answer will rest on."""

    hits: Sequence[Hit]


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer as it is generated. Marks in it are not yet checked."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """Last event of a stream: the whole answer, its citations checked."""

    answer: Answer


Event = Searching | Passages | Text | Done


def page_at(pages: Sequence[Page], offset: int, otherwise: int = 1) -> int:
    """The number of the last of these pages (in order) that begins at or before the offset."""
    return next((page.number for page in reversed(pages) if page.start <= offset), otherwise)


def pages_touched(pages: Sequence[Page], start: int, end: int) -> tuple[Page, ...]:
    """Those of the pages that a span of the text touches."""
    return tuple(page for page in pages if page.start < end and page.end > start)


def search_text(title: str, heading_path: Sequence[str], header: str, text: str, context_line: str = "") -> str:
    """Title, heading path, context line and table header above the text, one a line, each left out where the text begins with it.
    Words that a line end had hyphenated lose the line end; the analysis finds them joined and in parts."""
    above = [line for line in (title, " > ".join(heading_path), context_line, header) if line and not text.startswith(line)]
    return LINE_END_HYPHEN.sub("-", "\n".join([*above, text]))
