"""The door: what each tool works with, for whom it reads, and how its errors are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec

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


def in_words(tool: Callable[P, CallToolResult]) -> Callable[P, CallToolResult]:
    """The tool, with whatever Footnote raises on purpose told as the tool's error, in its own words."""

    @wraps(tool)
    def call(*args: P.args, **kwargs: P.kwargs) -> CallToolResult:
        try:
            return tool(*args, **kwargs)
        except FootnoteError as error:
            return refused(error)

    return call


def refused(error: FootnoteError) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=visible(str(error)))], is_error=True)
