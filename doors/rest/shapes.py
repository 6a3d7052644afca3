"""What the routes answer, written down for the reference: the JSON of the contract, field by field. Nothing is made from these; tests
hold the answers to them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Citation(Shape):
    """A footnote: `text[start:end] == quote` in that version of the document; `url` opens it."""

    number: int
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


class Hit(Shape):
    """A passage that a search found, with its rank and score in each stage."""

    document: str
    title: str
    source: str
    page: int
    start: int
    end: int
    text: str
    headings: list[str]
    score: float
    ranks: dict[str, int]
    scores: dict[str, float]
    url: str


class PassageHit(Hit):
    """A passage that an answer rests on, with the numbers of the footnotes that quote it."""

    footnotes: list[int]


class Answer(Shape):
    """`found` is false where the documents do not say, `complete` where the answer was cut off."""

    answer: str = Field(description="The id of the answer, under which its footnotes have their addresses.")
    text: str
    found: bool
    complete: bool
    confidence: float
    citations: list[Citation]
    unsupported: list[str]
    supported_share: float | None
    notices: list[str]
    nearest: list[Hit]
    passages: list[PassageHit]
    searched: int
    query: str
    milliseconds: dict[str, float]


class Retrieval(Shape):
    hits: list[Hit]
    searched: int
    notices: list[str]
    milliseconds: dict[str, float]


class Document(Shape):
    """`embedded` is false, and `state` "embedding", while the document can be found by its words only."""

    document: str
    collection: str
    title: str
    source: str
    sources: list[str]
    embedded: bool
    version: str
    media_type: str
    language: str
    pages: int
    chunks: int
    size_bytes: int
    added_at: str
    dated_at: str
    state: Literal["ready", "embedding"]


class Documents(Shape):
    documents: list[Document]
    total: int = Field(description="How many there are, beyond `limit` and `offset`.")


class Page(Shape):
    """A page, or the whole text where `page` is null; `start` and `end` are offsets in the whole."""

    document: str
    title: str
    source: str
    version: str
    pages: int
    page: int | None
    start: int
    end: int
    text: str


class FileOutcome(Shape):
    source: str
    status: Literal["added", "changed", "moved", "unchanged", "removed", "failed"]
    reason: str
    document: str | None
    pages: int
    chunks: int


class Uploaded(Shape):
    """What became of each file."""

    collection: str
    seconds: float
    counts: dict[str, int]
    pages: int
    chunks: int
    notices: list[str]
    files: list[FileOutcome]


class Deleted(Shape):
    id: str
    object: Literal["document"]
    deleted: Literal[True]
    title: str


class Model(Shape):
    """A collection, as a model that can be asked."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class Models(Shape):
    object: Literal["list"]
    data: list[Model]


class Embedding(Shape):
    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingsUsage(Shape):
    prompt_tokens: int
    total_tokens: int


class Embeddings(Shape):
    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: EmbeddingsUsage


class UrlCitation(Shape):
    url: str
    title: str
    start_index: int
    end_index: int


class Annotation(Shape):
    type: Literal["url_citation"]
    url_citation: UrlCitation


class ChatMessage(Shape):
    role: Literal["assistant"]
    content: str
    refusal: None
    annotations: list[Annotation]


class Choice(Shape):
    index: Literal[0]
    message: ChatMessage
    logprobs: None
    finish_reason: Literal["stop", "length"] = Field(description="`length` where the answer was cut off, for whatever reason.")


class Usage(Shape):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class AnswerFacts(Shape):
    """What Footnote says of an answer beside its text and citations."""

    answer: str
    found: bool
    complete: bool
    confidence: float
    unsupported: list[str]
    supported_share: float | None
    notices: list[str]
    nearest: list[Hit]
    searched: int
    query: str
    milliseconds: dict[str, float]


class ChatCompletion(Shape):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice] = Field(min_length=1, max_length=1)
    usage: Usage
    citations: list[Citation]
    footnote: AnswerFacts


class ChunkChoice(Shape):
    index: Literal[0]
    delta: dict[str, Any]
    logprobs: None
    finish_reason: Literal["stop", "length"] | None


class ChatCompletionChunk(Shape):
    """One event of a stream. The one with a `finish_reason` has the citations and what is said of the answer."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: Usage | None = None
    citations: list[Citation] | None = None
    footnote: AnswerFacts | None = None


class State(Shape):
    status: Literal["ok", "ready", "starting", "failed"]
