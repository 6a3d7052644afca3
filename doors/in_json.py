"""The JSON of the contract: how an answer, a hit, a document and a page look from outside. The same for every door."""

from __future__ import annotations

from typing import Any

from assistant.types import Answer, Citation, Document, Hit, Page, Retrieval
from doors.why import footnotes
from ingestion import Report
from ingestion.report import STATUSES


def answer_json(answer: Answer) -> dict[str, Any]:
    return {
        "text": answer.text,
        "found": answer.found,
        "complete": answer.complete,
        "confidence": round(answer.confidence, 4),
        "citations": [citation_json(c) for c in answer.citations],
        "unsupported": list(answer.unsupported),
        "supported_share": None if answer.supported_share is None else round(answer.supported_share, 4),
        "notices": list(answer.notices),
        "nearest": [] if answer.found else [hit_json(hit) for hit in answer.hits],
        "passages": [{**hit_json(hit), "footnotes": footnotes(hit, answer.citations)} for hit in answer.hits],
        "searched": answer.searched,
        "query": answer.query,
        "milliseconds": dict(answer.milliseconds),
    }


def citation_json(citation: Citation) -> dict[str, Any]:
    return {
        "number": citation.number,
        "document": citation.document_id,
        "title": citation.title,
        "source": citation.source,
        "version": citation.version,
        "page": citation.page,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
        "score": round(citation.score, 4),
    }


def hit_json(hit: Hit) -> dict[str, Any]:
    chunk = hit.chunk
    return {
        "document": chunk.document_id,
        "title": chunk.title,
        "source": chunk.source,
        "page": chunk.page,
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
        "headings": list(chunk.heading_path),
        "score": round(hit.score, 6),
        "ranks": dict(hit.ranks),
        "scores": dict(hit.scores),
    }


def retrieval_json(found: Retrieval) -> dict[str, Any]:
    return {
        "hits": [hit_json(hit) for hit in found.hits],
        "searched": found.searched,
        "notices": list(found.notices),
        "milliseconds": dict(found.milliseconds),
    }


def document_json(document: Document) -> dict[str, Any]:
    return {
        "document": document.id,
        "collection": document.collection,
        "title": document.title,
        "source": document.source,
        "sources": list(document.sources),
        "embedded": document.embedded,
        "version": document.version,
        "media_type": document.media_type,
        "language": document.language,
        "pages": document.pages,
        "chunks": document.chunks,
        "size_bytes": document.size_bytes,
        "added_at": document.added_at,
        "dated_at": document.dated_at,
    }


def page_json(document: Document, text: str, page: Page | None) -> dict[str, Any]:
    """One page of a document, or all of it where `page` is None; `start` and `end` are offsets in the whole text."""
    start, end = (page.start, page.end) if page else (0, len(text))
    return {
        "document": document.id,
        "title": document.title,
        "source": document.source,
        "version": document.version,
        "pages": document.pages,
        "page": page.number if page else None,
        "start": start,
        "end": end,
        "text": text[start:end],
    }


def report_json(report: Report) -> dict[str, Any]:
    return {
        "collection": report.collection,
        "seconds": round(report.seconds, 3),
        "counts": {status: report.count(status) for status in STATUSES},
        "pages": sum(o.pages for o in report.outcomes),
        "chunks": sum(o.chunks for o in report.outcomes),
        "notices": list(report.notices),
        "files": [
            {
                "source": o.source,
                "status": o.status,
                "reason": o.reason,
                "document": o.document_id or None,
                "pages": o.pages,
                "chunks": o.chunks,
            }
            for o in report.outcomes
        ],
    }
