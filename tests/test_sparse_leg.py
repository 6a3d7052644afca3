"""The sparse leg from a model: it takes BM25's place when documents are written and when they are searched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from assistant import Assistant
from assistant.errors import CollectionMismatch
from assistant.protocols import SparseVector
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from ingestion import ingest
from ingestion.reindexing import reindex

_EXPANDED = {"holiday": 1, "leave": 1, "vacation": 1, "engine": 2, "motor": 2}


class Synonyms:
    """Weighs words by what they mean: BM25 would find nothing for another word of the same meaning."""

    name = "splade:synonyms"

    def encode_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        return [{term: 1.0 for word, term in _EXPANDED.items() if word in text.lower()} for text in texts]

    def encode_queries(self, texts: Sequence[str]) -> list[SparseVector]:
        return self.encode_documents(texts)


def opened(settings: Settings, sparse: Synonyms | None) -> Assistant:
    assistant = Assistant.open(settings, embedder=HashingEmbedder())
    assistant.sparse = sparse
    return assistant


def test_a_models_words_are_searched_in_the_place_of_bm25_and_remembered(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "leave.md").write_text("# Time off\n\nEmployees get 25 days of holiday.", encoding="utf-8")
    (tmp_path / "engine.md").write_text("# Machines\n\nThe engine burns diesel.", encoding="utf-8")
    with opened(settings, Synonyms()) as assistant:
        ingest(assistant, [tmp_path / "leave.md", tmp_path / "engine.md"])
        hit = assistant.retrieve("vacation", k=2)[0]
        assert hit.chunk.source == "leave.md"
        assert hit.ranks["bm25"] == 1
        assert assistant.library.readable("owner")[0].embedder == "hashing-64 + splade:synonyms"
    with opened(settings, None) as assistant:
        for call in (lambda: assistant.retrieve("vacation"), lambda: ingest(assistant, [tmp_path / "leave.md"])):
            with pytest.raises(
                CollectionMismatch, match=r"hashing-64 \+ splade:synonyms .*reindex.*FOOTNOTE_SPARSE=splade:synonyms"
            ):
                call()
        reindex(assistant, "documents")
        assert "bm25" not in assistant.retrieve("vacation", k=2)[0].ranks
        assert assistant.retrieve("holiday", k=2)[0].ranks["bm25"] == 1
