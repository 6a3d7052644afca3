"""The assistant's retrieval as a LangChain retriever. It knows how a hit becomes a LangChain document, and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from assistant.filters import EVERYTHING, Filters
from assistant.types import Hit


class FootnoteRetriever(BaseRetriever):
    """Passages of one collection, or of all that the reader may read. A document's metadata are those of the hit's chunk."""

    assistant: Any  # an Assistant: pydantic would want the class at import, which is a circle
    collection: str = ""
    k: int = 8
    filters: Filters = EVERYTHING
    reader: str

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return self._documents(query)

    async def _aget_relevant_documents(self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun) -> list[Document]:
        return await asyncio.to_thread(self._documents, query)

    def _documents(self, query: str) -> list[Document]:
        hits = self.assistant.retrieve(query, collection=self.collection, filters=self.filters, reader=self.reader, k=self.k)
        return [document_of(hit) for hit in hits]


def document_of(hit: Hit) -> Document:
    """The hit's chunk as a LangChain document."""
    chunk = hit.chunk
    return Document(
        id=str(chunk.id),
        page_content=chunk.text,
        metadata={
            "document": chunk.document_id, "title": chunk.title, "source": chunk.source, "page": chunk.page, "start": chunk.start,
            "end": chunk.end, "score": hit.score,
        },
    )  # fmt: skip
