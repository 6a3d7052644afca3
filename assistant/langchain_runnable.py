"""The assistant as a LangChain runnable: a question in, an answer out, as a whole or as it comes. It knows LangChain's inputs and
chunks, and nothing of how an answer is made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from langchain_core.messages import BaseMessage, convert_to_messages
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableGenerator

from assistant.asynchronous import in_thread
from assistant.errors import InvalidRequest
from assistant.types import Answer, Done, Event, Text, Turn

Ask = Callable[[str, Sequence[Turn]], Iterator[Event]]


class AnswerChunk(dict[str, Any]):
    """A part of an answer. While it is written, each has a `piece` of the text, whose marks nobody has checked yet. The last has the
    whole: `text`, `found`, `complete`, `confidence`, `citations`, and all of it as the `answer`; it takes the place of the pieces
    that it is added to, so that the sum of a stream is what `invoke` gives."""

    def __add__(self, later: Mapping[str, Any]) -> AnswerChunk:
        if "answer" in later:
            return AnswerChunk(later)
        return AnswerChunk(piece=self.get("piece", "") + later.get("piece", ""))


def answering(ask: Ask) -> Runnable[Any, dict[str, Any]]:
    """A runnable over what streams the answer to a question with its history. It takes a question; a mapping with `question` and
    perhaps `history`; or messages, of which the last is the question. `history` holds Turns or messages; those of the system are left
    out, since documents are answered from by the assistant's own prompt. Raises InvalidRequest for anything else."""

    def events(given: Any) -> Iterator[Event]:
        question, history = _read(given)
        return ask(question, history)

    def chunks(inputs: Iterator[Any]) -> Iterator[dict[str, Any]]:
        whole = None
        for part in inputs:
            whole = part if whole is None else whole + part
        for event in events(whole):
            yield from _chunks(event)

    async def chunks_later(inputs: AsyncIterator[Any]) -> AsyncIterator[dict[str, Any]]:
        whole = None
        async for part in inputs:
            whole = part if whole is None else whole + part
        async with aclosing(in_thread(lambda: events(whole))) as coming:
            async for event in coming:
                for chunk in _chunks(event):
                    yield chunk

    return RunnableGenerator(chunks, chunks_later, name="Footnote")


def _chunks(event: Event) -> Iterator[AnswerChunk]:
    if isinstance(event, Text):
        yield AnswerChunk(piece=event.text)
    elif isinstance(event, Done):
        yield _whole(event.answer)


def _whole(answer: Answer) -> AnswerChunk:
    return AnswerChunk(
        text=answer.text, found=answer.found, complete=answer.complete, confidence=answer.confidence,
        citations=list(answer.citations), answer=answer,
    )  # fmt: skip


def _read(given: Any) -> tuple[str, Sequence[Turn]]:
    """The question, and the turns before it."""
    if isinstance(given, str):
        return given, ()
    if isinstance(given, Mapping):
        question = given.get("question")
        if not isinstance(question, str):
            raise InvalidRequest(f"A question was expected under 'question', among {', '.join(map(repr, given)) or 'nothing'}.")
        return question, _turns(given.get("history") or ())
    if isinstance(given, PromptValue):
        given = given.to_messages()
    turns = _turns([given] if isinstance(given, BaseMessage) else given)
    if not turns or turns[-1].role != "user":
        raise InvalidRequest("The last message is not a person's. Let the messages end with the question.")
    return turns[-1].text, turns[:-1]


def _turns(messages: Any) -> Sequence[Turn]:
    if isinstance(messages, str) or not isinstance(messages, Sequence):
        raise InvalidRequest(f"Turns or messages were expected, and this is {type(messages).__name__}. Give a list of them.")
    return [turn for message in messages for turn in _turn(message)]


def _turn(message: Any) -> Iterator[Turn]:
    if isinstance(message, Turn):
        yield message
        return
    try:
        (read,) = convert_to_messages([message])
    except (ValueError, NotImplementedError) as error:
        raise InvalidRequest(f"This is neither a Turn nor a message: {message!r:.200}.") from error
    if read.type == "human":
        yield Turn("user", str(read.text))
    elif read.type == "ai":
        yield Turn("assistant", str(read.text))
