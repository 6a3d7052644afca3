"""What ingestion and answering keep to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Of a chunk, a file, a collection, the whole library and an answer."""

    chunk_tokens: int = 256
    max_file_bytes: int = 200_000_000
    collection_files: int = 100_000
    collection_pages: int = 1_000_000
    total_bytes: int = 100_000_000_000
    ocr_languages: str = "eng"
    answer_passages: int = 6
