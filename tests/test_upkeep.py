"""Upkeep: what the doctor says of an ingest that was stopped, and what cannot be written or read."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from assistant.answering import Assistant
from assistant.errors import BackupError, PathNotFound
from assistant.protocols import Vectors
from assistant.testing import HashingEmbedder
from ingestion import ingest
from ingestion.backup import back_up
from ingestion.doctor import examine
from ingestion.resuming import resume
from ingestion.sources import find_sources
from tests.conftest import WriteFile


class Failing(HashingEmbedder):
    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        raise RuntimeError("stopped")


def test_the_doctor_tells_documents_that_are_found_by_their_words_only(assistant: Assistant, write: WriteFile) -> None:
    whole = assistant.embedder
    assistant.embedder = Failing()
    with pytest.raises(RuntimeError):
        ingest(assistant, [write("a.txt", "The gate closes at nine.")])
    (examined,) = examine(assistant)
    assert (examined.missing, examined.by_words_only) == (0, 1)
    assert "the next one goes on" in examined.advice[0]
    assistant.embedder = whole
    ingest(assistant, [write("b.txt", "Tea is at four.")])
    (examined,) = examine(assistant)
    assert examined.by_words_only == 0


def test_a_backup_that_cannot_be_written_says_so_and_leaves_nothing(assistant: Assistant, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"nowhere.saved\.zip cannot be written: No such file"):
        back_up(assistant, tmp_path / "nowhere" / "saved.zip")
    assert back_up(assistant, tmp_path / "saved.zip") > 0
    assert not (tmp_path / "saved.zip.partial").exists()


def test_an_empty_path_is_not_the_current_folder() -> None:
    with pytest.raises(PathNotFound, match="write a dot"):
        find_sources([""])


def test_the_marks_of_files_that_office_has_open_are_passed_over(write: WriteFile) -> None:
    folder = write("letter.txt", "Dear all.").parent
    write("~$letter.txt", "")
    assert [source.name for source in find_sources([folder])] == ["letter.txt"]


def test_missing_vectors_are_made_without_another_ingest_until_told_to_stop(assistant: Assistant, write: WriteFile) -> None:
    whole = assistant.embedder
    assistant.embedder = Failing()
    with pytest.raises(RuntimeError):
        ingest(assistant, [write("a.txt", "The gate closes at nine."), write("b.txt", "Tea is at four.")])
    assistant.embedder = whole
    stopped = threading.Event()
    stopped.set()
    resume(assistant, stopped)
    assert [e.by_words_only for e in examine(assistant)] == [2]
    resume(assistant, threading.Event())
    assert [(e.by_words_only, e.missing) for e in examine(assistant)] == [(0, 0)]
    (hit, *_) = assistant.retrieve("tea at four")
    assert "dense" in hit.ranks
