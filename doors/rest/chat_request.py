"""A chat request in OpenAI's language: its fields, and what is refused because it would change the meaning of an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from assistant.types import Turn
from doors.rest.errors import Refusal
from doors.rest.fields import MOST_QUESTION_CHARACTERS, Body, FiltersGiven, Name, Names, Words
from doors.rest.message_text import without_sources

SYSTEM_NOTICE = "The system message was not read: Footnote answers from the documents, by instructions of its own."
# Each with the values that ask for nothing.
_UNSUPPORTED: Mapping[str, Sequence[Any]] = {
    "tools": ([],), "tool_choice": ("none", "auto"), "functions": ([],), "function_call": ("none", "auto"), "n": (1,),
    "response_format": ({"type": "text"},), "modalities": (["text"],), "audio": (), "prediction": (), "logprobs": (False,),
    "top_logprobs": (0,), "stop": ([], ""), "web_search_options": (),
}  # fmt: skip


class OpenAIs(BaseModel):
    """What OpenAI's clients may send more of than we read."""

    model_config = ConfigDict(strict=True, extra="ignore")


class ContentPart(OpenAIs):
    """A part of a message. Only text can be read."""

    type: str
    text: Words = ""


class Message(OpenAIs):
    role: Literal["system", "developer", "user", "assistant"]
    content: Words | list[ContentPart] | None = None

    def text(self) -> str:
        """Raises Refusal for a picture, a sound or a file."""
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        other = [part.type for part in self.content if part.type not in ("text", "refusal")]
        if other:
            raise Refusal(f"A part of the type '{other[0]}' cannot be read here. Send text.", param="messages")
        return "\n".join(part.text for part in self.content)


class StreamOptions(OpenAIs):
    include_usage: bool | None = None


class FootnoteOptions(Body):
    """Options of Footnote's own."""

    sources: bool = Field(
        default=False, description="End the text with a plain list of the sources, for clients without another."
    )


class ChatRequest(BaseModel):
    """Harmless parameters of OpenAI's (`temperature`, `seed`, `max_tokens`, `user` …) are accepted and change nothing. `tools`, `n`
    above one, `response_format`, `stop`, `logprobs` and the like are refused."""

    model_config = ConfigDict(strict=True, extra="allow")

    model: Name = Field(
        examples=["footnote"],
        description="The collections to ask: `footnote` for all, a collection's name, or several parted by commas. "
        "`+sources` behind it asks for the list of sources as `footnote.sources` does.",
    )
    messages: list[Message] = Field(
        min_length=1, max_length=1000,
        description="The last one is the user's question; those before are the conversation. System messages are not read.",
    )  # fmt: skip
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    collections: Names = Field(default=[], description="Further collections, or in place of all where `model` is `footnote`.")
    filters: FiltersGiven | None = None
    footnote: FootnoteOptions | None = None

    @property
    def usage_in_stream(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)

    @property
    def sources(self) -> bool:
        return bool(self.footnote and self.footnote.sources)


@dataclass(frozen=True, slots=True)
class Conversation:
    """The question and what was said before it; `system` where there was a system message, which is not read."""

    question: str
    history: Sequence[Turn]
    system: bool


def conversation(request: ChatRequest) -> Conversation:
    """Raises Refusal for what is not supported, and for messages that hold no question."""
    for name, value in (request.model_extra or {}).items():
        if value is not None and name in _UNSUPPORTED and value not in _UNSUPPORTED[name]:
            raise Refusal(f"'{name}' is not supported here: it would change what an answer is. Leave it out.", param=name)
    said = [message for message in request.messages if message.role not in ("system", "developer")]
    if not said or said[-1].role != "user":
        raise Refusal("The last message is not the user's. End with the question.", param="messages")
    question = said[-1].text()
    if not question.strip():
        raise Refusal("The question is empty. Write what you want to know.", param="messages")
    if len(question) > MOST_QUESTION_CHARACTERS:
        raise Refusal(f"The question has more than {MOST_QUESTION_CHARACTERS:,} characters. Ask a shorter one.", param="messages")
    history = [turn for message in said[:-1] if (turn := _turn(message)).text.strip()]
    return Conversation(question, history, len(said) < len(request.messages))


def _turn(message: Message) -> Turn:
    if message.role == "user":
        return Turn("user", message.text())
    return Turn("assistant", without_sources(message.text()))
