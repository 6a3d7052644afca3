"""The shapes of what the tools take and give, from which clients are told a schema. Their fields are the words that all doors use."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from mcp.types import CallToolResult, TextContent
from pydantic import ConfigDict, Field

from assistant.filters import EVERYTHING, Filters, read_since, read_until
from assistant.types import Turn
from prompts.invisible import visible

MOST_CHARACTERS = 100_000
"""Of a document's text in one answer."""

Name = Annotated[str, Field(min_length=1, max_length=500)]
Names = Annotated[list[Name], Field(max_length=50)]
Question = Annotated[str, Field(min_length=1, max_length=4000)]
Collections = Annotated[list[Name], Field(max_length=50, description="Names of collections; none means all that you may read.")]


@dataclass(frozen=True)
class Only:
    """Which documents to search; a field left out lets all through."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    documents: Annotated[Names | None, Field(description="Ids, file names or titles.")] = None
    folders: Annotated[Names | None, Field(description="Folders, with all that lies below.")] = None
    types: Annotated[Names | None, Field(description="Endings of file names, such as pdf, or media types.")] = None
    languages: Annotated[Names | None, Field(description="ISO 639-1 codes, such as en.")] = None
    since: Annotated[str, Field(max_length=10, description="First day: 2024-12-31, 2024-12 or 2024.")] = ""
    until: Annotated[str, Field(max_length=10, description="Last day.")] = ""


@dataclass(frozen=True)
class Said:
    """A message of the conversation before the question."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    role: Literal["user", "assistant"]
    text: Annotated[str, Field(max_length=20_000)]


History = Annotated[list[Said], Field(max_length=100, description="The conversation before this question, oldest first.")]


@dataclass(frozen=True)
class FoundPassage:
    """A passage: `text` is the document's from offset `start` to `end`, character for character. `fetch` takes its `id`."""

    id: str
    title: str
    url: str
    text: str
    document: str
    source: str
    page: int
    start: int
    end: int
    headings: Sequence[str]
    score: float


@dataclass(frozen=True)
class SearchResults:
    """Passages, best first. `searched` counts those that there are."""

    results: Sequence[FoundPassage]
    searched: int
    notices: Sequence[str]


@dataclass(frozen=True)
class Where:
    """What the text is of: from offset `start` to `end` of `characters`, beginning on `page` of `pages`. Where more follows, `next` is
    the offset at which to go on."""

    document: str
    source: str
    version: str
    collection: str
    page: int
    pages: int
    start: int
    end: int
    characters: int
    next: int | None


@dataclass(frozen=True)
class Fetched:
    """Text of a document, character for character."""

    id: str
    title: str
    text: str
    url: str
    metadata: Where


@dataclass(frozen=True)
class Footnote:
    """What bears out a statement that ends in its number: `quote` is the document's text from offset `start` to `end`, character for
    character. `fetch` takes its `id`."""

    number: int
    id: str
    document: str
    title: str
    source: str
    version: str
    page: int
    start: int
    end: int
    quote: str
    score: float
    url: str


@dataclass(frozen=True)
class Answered:
    """An answer. `found` is false where the documents do not say; `nearest` then holds what comes nearest. `complete` is false where
    it was cut off. `unsupported` are sentences that no quote bears out."""

    text: str
    found: bool
    complete: bool
    confidence: float
    citations: Sequence[Footnote]
    unsupported: Sequence[str]
    notices: Sequence[str]
    nearest: Sequence[FoundPassage]
    query: str


@dataclass(frozen=True)
class ListedCollection:
    name: str
    documents: int
    passages: int


@dataclass(frozen=True)
class ListedCollections:
    collections: Sequence[ListedCollection]


@dataclass(frozen=True)
class ListedDocument:
    id: str
    title: str
    source: str
    collection: str
    language: str
    pages: int
    dated_at: str
    url: str


@dataclass(frozen=True)
class ListedDocuments:
    """Documents by collection and file name. Where more follow, `next` is where to go on."""

    documents: Sequence[ListedDocument]
    total: int
    next: int | None


@dataclass(frozen=True)
class Added:
    """What became of the text: it was "added", or "changed" what had its name, or was there "unchanged"."""

    id: str
    name: str
    collection: str
    status: str
    notices: Sequence[str]


@dataclass(frozen=True)
class Forgotten:
    title: str
    message: str


def filters_of(only: Only | None) -> Filters:
    """Raises InvalidRequest for what cannot be meant."""
    if only is None:
        return EVERYTHING
    return Filters(
        documents=only.documents or (), folders=only.folders or (), types=only.types or (), languages=only.languages or (),
        since=read_since(only.since) if only.since else None, until=read_until(only.until) if only.until else None,
    )  # fmt: skip


def turns_of(history: Sequence[Said]) -> list[Turn]:
    return [Turn(said.role, said.text) for said in history]


def given(structured: Any, text: str = "") -> CallToolResult:
    """What a tool gives: a shape, and beside it a text to read; without one that is the shape's JSON. The text has no invisible
    characters, in which a document may hide words from people that a model would read; in the shape they stand, since offsets count
    them."""
    content = asdict(structured)
    text = text or json.dumps(_seen(content), ensure_ascii=False)
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=content)


def _seen(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {name: _seen(each) for name, each in value.items()}
    return [_seen(each) for each in value] if isinstance(value, list | tuple) else value
