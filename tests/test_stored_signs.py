"""What late interaction keeps of each chunk: written with its vectors, used instead of computing, gone with the chunk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.protocols import Vectors
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.types import Chunk
from assistant.wiring import make_assistant
from ingestion import ingest
from ingestion.backup import back_up, rebuild, unpack
from ingestion.reindexing import reindex
from tests.conftest import WriteFile


class Counting(HashingEmbedder):
    """Remembers the questions and documents whose token vectors it was asked for."""

    def __init__(self, dimension: int = 64) -> None:
        super().__init__(dimension)
        self.asked: list[str] = []

    def encode_tokens(self, texts: Sequence[str]) -> list[Vectors]:
        self.asked += texts
        return super().encode_tokens(texts)


def every_chunk(assistant: Assistant) -> list[Chunk]:
    (collection,) = assistant.library.readable(OWNER)
    return [chunk for chunk, _ in assistant.library.chunks.every(collection)]


def stored(assistant: Assistant) -> int:
    texts = [chunk.search_text for chunk in every_chunk(assistant)]
    return len(assistant.library.token_signs.find(assistant.embedder.name, assistant.embedder.dimension, texts))


@pytest.fixture
def filled(assistant: Assistant, write: WriteFile) -> Assistant:
    assistant.embedder = Counting()
    folder = write("gate.txt", "The gate closes at nine.").parent
    write("tea.txt", "Tea is served at the gate at four.")
    ingest(assistant, [folder])
    return assistant


def test_a_question_computes_token_vectors_of_itself_alone(filled: Assistant) -> None:
    assert stored(filled) == 2
    assert isinstance(filled.embedder, Counting)
    filled.embedder.asked.clear()
    hits = filled.retrieve("When does the gate close?")
    assert [set(hit.scores) >= {"maxsim"} for hit in hits] == [True, True]
    assert filled.embedder.asked == ["When does the gate close?"]


def test_a_library_without_them_computes_them_to_the_same_order_and_scores(filled: Assistant) -> None:
    before = [(hit.chunk.id, hit.scores) for hit in filled.retrieve("When does the gate close?")]
    with filled.library._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM token_signs")
    assert [(hit.chunk.id, hit.scores) for hit in filled.retrieve("When does the gate close?")] == before
    assert isinstance(filled.embedder, Counting)
    assert len(set(filled.embedder.asked)) == 3
    reindex(filled, "documents")
    assert stored(filled) == 2


def test_another_embedders_are_never_taken_for_its_own(filled: Assistant) -> None:
    texts = [chunk.search_text for chunk in every_chunk(filled)]
    assert filled.library.token_signs.find("another", 64, texts) == {}
    assert filled.library.token_signs.find(filled.embedder.name, 64, [f"{text} " for text in texts]) == {}


def test_they_go_with_their_chunk_and_never_stand_for_one_that_is_gone(filled: Assistant) -> None:
    chunk = every_chunk(filled)[0]
    signs = filled.library.token_signs.find(filled.embedder.name, 64, [chunk.search_text])[chunk.search_text]
    filled.library.remove(chunk.document_id, reader=OWNER)
    assert filled.library.token_signs.find(filled.embedder.name, 64, [chunk.search_text]) == {}
    filled.library.token_signs.keep(
        filled.embedder.name, [(chunk.id, chunk.search_text, signs)]
    )  # an embedding that came too late
    assert filled.library.token_signs.find(filled.embedder.name, 64, [chunk.search_text]) == {}


def test_nothing_is_kept_where_nothing_reranks_by_it(tmp_path: Path, write: WriteFile) -> None:
    with make_assistant(Settings(data_dir=tmp_path / "data", reranker="none")) as assistant:
        assistant.embedder = Counting()
        ingest(assistant, [write("gate.txt", "The gate closes at nine.")])
        assert stored(assistant) == 0


def test_a_backup_leaves_them_out_and_a_restore_makes_them_again(filled: Assistant, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "saved.zip")
    unpack(tmp_path / "saved.zip", tmp_path / "other")
    with make_assistant(Settings(data_dir=tmp_path / "other")) as assistant:
        assistant.embedder = Counting()
        assert len(every_chunk(assistant)) == 2
        assert stored(assistant) == 0
        rebuild(assistant)
        assert stored(assistant) == 2
    assert stored(filled) == 2
