"""The door: what each tool works with, for whom it reads, and how its errors are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import ParamSpec

import anyio
import anyio.to_thread
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, TextContent

from assistant.errors import FootnoteError
from assistant.library import Library
from assistant.types import Hit
from doors.answer_links import AnswerLinks
from doors.mcp.passage_ids import PassageId
from doors.mcp.shapes import FoundPassage
from doors.operations import Operations
from prompts.invisible import visible

P = ParamSpec("P")


@dataclass(frozen=True)
class Door:
    """`reader` says for whom a call reads, and `at` under which address its client reaches the server; the links' own address goes
    before that one."""

    operations: Operations
    library: Library
    links: AnswerLinks
    reader: Callable[[Context], str]
    at: Callable[[Context], str]

    def address(self, context: Context) -> str:
        return "" if self.links.public else self.at(context)

    def passage(self, hit: Hit, context: Context) -> FoundPassage:
        chunk = hit.chunk
        return FoundPassage(
            id=str(PassageId(chunk.document_id, chunk.version, chunk.start, chunk.end)),
            title=visible(chunk.title),
            url=self.links.of_page(
                chunk.document_id, chunk.page, start=chunk.start, end=chunk.end, version=chunk.version, at=self.address(context)
            ),
            text=chunk.text,
            document=chunk.document_id,
            source=visible(chunk.source),
            page=chunk.page,
            start=chunk.start,
            end=chunk.end,
            headings=[visible(heading) for heading in chunk.heading_path],
            score=round(hit.score, 6),
        )


# Each with threads of its own: those that the page's requests share must not wait for an ingest.
READS, CHANGES, ANSWERS = (anyio.CapacityLimiter(most) for most in (16, 4, 16))


def in_words(at_once: anyio.CapacityLimiter) -> Callable[[Callable[P, CallToolResult]], Callable[P, Awaitable[CallToolResult]]]:
    """The tool in a thread, as many at once as there is room for. Whatever Footnote raises on purpose is told as the tool's error, in
    its own words."""

    def made(tool: Callable[P, CallToolResult]) -> Callable[P, Awaitable[CallToolResult]]:
        @wraps(tool)
        async def call(*args: P.args, **kwargs: P.kwargs) -> CallToolResult:
            try:
                return await anyio.to_thread.run_sync(partial(tool, *args, **kwargs), limiter=at_once)
            except FootnoteError as error:
                return refused(error)

        return call

    return made


def refused(error: FootnoteError) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=visible(str(error)))], is_error=True)
