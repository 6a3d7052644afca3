"""Chat completions: questions in OpenAI's language. `[n]` in the text is a footnote; `annotations` lead to it, `citations` hold it.

A stream holds only what is checked. While an answer is written its marks and sentences are not: some are dropped in the end, and what
was sent cannot be taken back. So the words that a model writes are not passed on; a comment of the stream says what goes on, which
clients pass over, and the checked text follows at once when it is whole. The deltas put together are the text of the whole answer, to
the character. The status waits for the first words, for some seconds, so that most failures still have one of their own; later ones
are an `error` event. Without `finish_reason` and `[DONE]` no answer is over, and one that was cut off says "length", never "stop".
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from assistant.errors import AnswerCutOff
from assistant.generators.context import estimate_tokens
from assistant.types import Done, Event, Passages, Searching, Text
from doors.authentication import reader_of
from doors.rest.answered import Asked, Kept, hit_with_address, keep
from doors.rest.chat_request import SYSTEM_NOTICE, ChatRequest, Conversation, conversation
from doors.rest.errors import ErrorBody, problem
from doors.rest.fields import filters_of
from doors.rest.message_text import MessageText, message_text
from doors.rest.naming import named
from doors.rest.route import RestRoute, failing, json_response
from doors.rest.shapes import ChatCompletion, ChatCompletionChunk
from doors.rest.working import HungUp, follow, hanging_up, whole

router = APIRouter(prefix="/v1", route_class=RestRoute)
_STATUS_SECONDS = 5.0
_PIECE = re.compile(r"\S{1,200}\s*(?:\S{1,40}\s*){0,5}|\s+")
_SAID_IN_EVENT = {"anyOf": [{"$ref": f"#/components/schemas/{shape.__name__}"} for shape in (ChatCompletionChunk, ErrorBody)]}
_DATA = {
    "anyOf": [{"type": "string", "contentMediaType": "application/json", "contentSchema": _SAID_IN_EVENT}, {"const": "[DONE]"}]
}
_STREAMED = {"text/event-stream": {"schema": {"type": "object", "required": ["data"], "properties": {"data": _DATA}}}}
_ANSWERED: dict[int | str, dict[str, Any]] = {
    200: {"model": ChatCompletion, "description": "The answer; a stream of chunks where `stream` is true.", "content": _STREAMED}
}


@dataclass(frozen=True, slots=True)
class _Chat:
    """One request on its way: what it asked, and the head that all its answers and chunks share."""

    http: Request
    given: ChatRequest
    said: Conversation
    reader: str
    sources: bool
    head: dict[str, Any]


@router.post("/chat/completions", responses={**_ANSWERED, **failing(404, 409, 429, 502)}, summary="Ask, in OpenAI's language")
async def chat_completions(request: Request, given: ChatRequest, reader: str = Depends(reader_of)) -> Response:
    """Answers the last message with footnotes. The answer is made of what the documents say, or says that they do not."""
    said = conversation(given)
    state = request.app.state
    means = await run_in_threadpool(named, state.assistant.library, given.model, given.collections, reader)
    asked = Asked(said.question, means.collections, reader, filters_of(given.filters), said.history)
    head = {"id": f"chatcmpl-{secrets.token_urlsafe(12)}", "created": int(time.time()), "model": given.model}
    chat = _Chat(request, given, said, reader, given.sources or means.sources, head)
    steps = follow(state.questions, reader, lambda: asked.events(request))
    if not given.stream:
        answer = await whole(request, steps)
        kept = await run_in_threadpool(keep, request, answer, reader)
        return json_response(await run_in_threadpool(_completion, chat, kept))
    begun = await _begun(request, steps)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_stream(chat, begun, steps), media_type="text/event-stream", headers=headers)


async def _begun(request: Request, steps: AsyncGenerator[Event | None, None]) -> list[Event | None]:
    """The first events, up to the first words. Raises what asking raises by then."""
    begun: list[Event | None] = []
    clock = asyncio.get_running_loop().time
    latest = clock() + _STATUS_SECONDS
    async with hanging_up(request) as hung_up:
        async for event in steps:
            begun.append(event)
            if hung_up():
                await steps.aclose()
                raise HungUp
            if isinstance(event, Text | Done) or clock() > latest:
                break
    return begun


async def _stream(chat: _Chat, begun: list[Event | None], steps: AsyncGenerator[Event | None, None]) -> AsyncIterator[str]:
    yield _chunk(chat, delta={"role": "assistant", "content": ""})
    try:
        async with aclosing(steps) as events:
            for event in begun:
                yield _comment(event)
            last = begun[-1] if begun else None
            if not isinstance(last, Done):
                async for last in events:
                    yield _comment(last)
        if not isinstance(last, Done):
            raise AnswerCutOff
        kept = await run_in_threadpool(keep, chat.http, last.answer, chat.reader)
        for chunk in await run_in_threadpool(lambda: list(_answer_chunks(chat, kept))):
            yield chunk
    except Exception as error:
        yield _event(problem(error).json())
        return
    yield "data: [DONE]\n\n"


def _answer_chunks(chat: _Chat, kept: Kept) -> Iterator[str]:
    shown = message_text(kept.answer, kept.address, sources=chat.sources)
    for piece in _PIECE.findall(shown.text):
        yield _chunk(chat, delta={"content": piece})
    more = {"citations": kept.citations(), "footnote": _footnote(chat, kept)}
    yield _chunk(chat, delta={"annotations": shown.annotations}, finish_reason=_finish_reason(kept), **more)
    if chat.given.usage_in_stream:
        yield _event({**chat.head, "object": "chat.completion.chunk", "choices": [], "usage": _usage(chat, shown)})


def _completion(chat: _Chat, kept: Kept) -> dict[str, Any]:
    shown = message_text(kept.answer, kept.address, sources=chat.sources)
    message = {"role": "assistant", "content": shown.text, "refusal": None, "annotations": shown.annotations}
    return {
        **chat.head,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(kept)}],
        "usage": _usage(chat, shown),
        "citations": kept.citations(),
        "footnote": _footnote(chat, kept),
    }


def _finish_reason(kept: Kept) -> str:
    return "stop" if kept.answer.complete else "length"


def _footnote(chat: _Chat, kept: Kept) -> dict[str, Any]:
    answer, whole_ = kept.answer, kept.json()
    same = ("answer", "found", "complete", "confidence", "unsupported", "supported_share", "searched", "query", "milliseconds")
    return {
        **{name: whole_[name] for name in same},
        "notices": [*answer.notices, *([SYSTEM_NOTICE] if chat.said.system else [])],
        "nearest": [] if answer.found else [hit_with_address(chat.http, hit) for hit in answer.hits],
    }


def _usage(chat: _Chat, shown: MessageText) -> dict[str, int]:
    """Estimates: what was asked and what is shown, not what a language model behind it read and wrote."""
    asked = sum(estimate_tokens(text) for text in (chat.said.question, *(turn.text for turn in chat.said.history)))
    said = estimate_tokens(shown.text)
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def _chunk(chat: _Chat, *, delta: dict[str, Any], finish_reason: str | None = None, **more: Any) -> str:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _event({**chat.head, "object": "chat.completion.chunk", "choices": [choice], **more})


def _event(content: dict[str, Any]) -> str:
    return f"data: {json.dumps(content)}\n\n"  # in ASCII: some clients take U+2028 for the end of a line


def _comment(event: Event | None) -> str:
    """What goes on, without a word of what is not checked."""
    kinds = {Searching: "searching", Passages: "reading the passages", Text: "writing"}
    return f": {kinds.get(type(event), 'still at it')}\n\n"
