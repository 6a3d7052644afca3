"""Reading: search, fetch, and the lists of what there is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from assistant.errors import DocumentNotFound
from assistant.records import StoredVersion
from assistant.types import page_at
from doors.mcp.door import READS, Door, in_words
from doors.mcp.passage_ids import PassageId, read_passage_id
from doors.mcp.shapes import (
    MOST_CHARACTERS,
    Collections,
    Fetched,
    ListedCollection,
    ListedCollections,
    ListedDocument,
    ListedDocuments,
    Name,
    Only,
    Question,
    SearchResults,
    Where,
    filters_of,
    given,
)
from prompts.invisible import visible

_MOST_OFFSET = 2**53


@dataclass(frozen=True)
class Reading:
    """The tools that read. Each method's docstring is what a model is told of it."""

    door: Door

    @in_words(READS)
    def search(
        self,
        context: Context,
        query: Question,
        collections: Collections = [],  # noqa: B006 (read, never written)
        filters: Only | None = None,
        k: Annotated[int, Field(ge=1, le=50, description="How many passages.")] = 10,
    ) -> Annotated[CallToolResult, SearchResults]:
        """Find the passages of the documents that are nearest to a query, best first. Search with plain words; both the words and the
        meaning count. Each result has its text with page and offsets, a link to show to a person, and an id for `fetch`."""
        found = self.door.operations.search(
            query, collections=collections, filters=filters_of(filters), reader=self.door.reader(context), k=k
        )
        results = [self.door.passage(hit, context) for hit in found.hits]
        return given(SearchResults(results, found.searched, list(found.notices)))

    @in_words(READS)
    def fetch(
        self,
        context: Context,
        id: Annotated[Name, Field(description="Of a passage or document, as other tools give it; or a document's file name.")],
        start: Annotated[int | None, Field(ge=0, le=_MOST_OFFSET, description="Offset in the document to read from.")] = None,
        characters: Annotated[int, Field(ge=1, le=MOST_CHARACTERS, description="Most characters to read.")] = 20_000,
    ) -> Annotated[CallToolResult, Fetched]:
        """Read the text of a passage or document, character for character. A passage's id gives that passage; with `start`, or with a
        document's id, the document is read from there. `metadata.next` is where to go on in a long one."""
        passage = read_passage_id(id)
        stored = self.door.library.stored(passage.document if passage else id, reader=self.door.reader(context))
        if passage and passage.version != stored.document.version:
            raise DocumentNotFound(f"'{stored.document.title}' has changed since. Search again for what it says now.")
        first, last = (passage.start, passage.end) if passage and start is None else (start or 0, len(stored.text))
        last = min(last, first + characters)
        if not 0 <= first < last <= len(stored.text) and stored.text:
            raise DocumentNotFound(f"This document has {len(stored.text)} characters; {first} to {last} are not among them.")
        return given(self._fetched(stored, first, last, context))

    @in_words(READS)
    def list_collections(self, context: Context) -> Annotated[CallToolResult, ListedCollections]:
        """List the collections of documents that you may read."""
        reader = self.door.reader(context)
        documents = Counter(document.collection for document in self.door.library.documents(reader=reader))
        readable = [c for c in self.door.library.readable(reader) if c.offered]
        return given(ListedCollections([ListedCollection(visible(c.name), documents[c.name], c.chunks) for c in readable]))

    @in_words(READS)
    def list_documents(
        self,
        context: Context,
        collections: Collections = [],  # noqa: B006 (read, never written)
        filters: Only | None = None,
        start: Annotated[int, Field(ge=0, le=_MOST_OFFSET, description="How many to pass over.")] = 0,
        count: Annotated[int, Field(ge=1, le=500, description="Most documents to list.")] = 100,
    ) -> Annotated[CallToolResult, ListedDocuments]:
        """List the documents that you may read. Each has an id for `fetch`."""
        found = self.door.library.documents(reader=self.door.reader(context), names=collections, filters=filters_of(filters))
        at = self.door.address(context)
        listed = [
            ListedDocument(
                d.id, visible(d.title), visible(d.source), visible(d.collection), d.language, d.pages, d.dated_at,
                self.door.links.of_page(d.id, 1, at=at),
            )
            for d in found[start : start + count]
        ]  # fmt: skip
        return given(ListedDocuments(listed, len(found), start + count if start + count < len(found) else None))

    def _fetched(self, stored: StoredVersion, start: int, end: int, context: Context) -> Fetched:
        document, page = stored.document, page_at(stored.pages, start)
        url = self.door.links.of_page(
            document.id, page, start=start, end=end, version=document.version, at=self.door.address(context)
        )
        where = Where(
            document.id, visible(document.source), document.version, visible(document.collection), page, document.pages, start, end,
            len(stored.text), end if end < len(stored.text) else None,
        )  # fmt: skip
        written = str(PassageId(document.id, document.version, start, end))
        return Fetched(written, visible(document.title), stored.text[start:end], url, where)
