"""The assistant's retrieval as a LangChain retriever. It knows how a hit becomes a LangChain document, and nothing else."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from assistant.filters import EVERYTHING, Filters


class FootnoteRetriever(BaseRetriever):
    """Passages of one collection, or of all that the reader may read. A document's metadata are those of the hit's chunk."""

    assistant: Any  # an Assistant: pydantic would want the class at import, which is a circle
    collection: str = ""
    k: int = 8
    filters: Filters = EVERYTHING
    reader: str

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        hits = self.assistant.retrieve(query, collection=self.collection, filters=self.filters, reader=self.reader, k=self.k)
        return [
            Document(
                id=str(hit.chunk.id),
                page_content=hit.chunk.text,
                metadata={
                    "document": hit.chunk.document_id, "title": hit.chunk.title, "source": hit.chunk.source,
                    "page": hit.chunk.page, "start": hit.chunk.start, "end": hit.chunk.end, "score": hit.score,
                },
            )
            for hit in hits
        ]  # fmt: skip
