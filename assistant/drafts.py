"""Drafts: documents as ingestion has prepared them, and the rows of the library that they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert

from assistant.packing import pack_counts, pack_runs
from assistant.schema import blocks, chunks, pages, versions
from assistant.types import ChunkSpan, ParsedDocument


@dataclass(frozen=True, slots=True)
class Draft:
    """A document as ingestion has prepared it: parsed, cut and counted, with one span and one count of terms a chunk."""

    place: str
    source: str
    digest: str
    version: str
    size_bytes: int
    language: str
    parsed: ParsedDocument
    spans: Sequence[ChunkSpan]
    counts: Sequence[Mapping[int, int]]


def insert_draft(connection: Connection, document_id: str, draft: Draft, *, created_at: str) -> int:
    """Write a draft as a pending version with its pages, blocks and chunks; the version's id."""
    row = _version_row(document_id, draft, created_at)
    version_id: int = connection.execute(insert(versions).values(row)).inserted_primary_key[0]  # type: ignore[index]
    _insert_parts(connection, version_id, draft)
    return version_id


def _version_row(document_id: str, draft: Draft, created_at: str) -> dict[str, Any]:
    return {
        "document_id": document_id, "version": draft.version, "digest": draft.digest, "state": "pending", "embedded": False,
        "title": draft.parsed.title, "media_type": draft.parsed.media_type, "language": draft.language, "text": draft.parsed.text,
        "runs": pack_runs(draft.parsed.runs), "notices": list(draft.parsed.notices), "size_bytes": draft.size_bytes,
        "created_at": created_at,
    }  # fmt: skip


def _insert_parts(connection: Connection, version_id: int, draft: Draft) -> None:
    parsed = draft.parsed
    connection.execute(
        insert(pages), [{"version_id": version_id, "number": p.number, "start": p.start, "end": p.end} for p in parsed.pages]
    )
    connection.execute(
        insert(blocks),
        [
            {
                "version_id": version_id, "position": position, "kind": b.kind, "start": b.start, "end": b.end, "page": b.page,
                "level": b.level, "heading_path": list(b.heading_path), "header": b.header,
            }
            for position, b in enumerate(parsed.blocks)
        ],
    )  # fmt: skip
    connection.execute(
        insert(chunks),
        [
            {
                "version_id": version_id, "position": position, "start": s.start, "end": s.end, "page": s.page,
                "heading_path": list(s.heading_path), "header": s.header, "term_counts": pack_counts(counts),
            }
            for position, (s, counts) in enumerate(zip(draft.spans, draft.counts, strict=True))
        ],
    )  # fmt: skip
