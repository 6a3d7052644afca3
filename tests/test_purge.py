"""Purge and backup: what was removed is nowhere in the data folder; what was kept comes back."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.errors import BackupError
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.wiring import make_assistant
from ingestion import forget, ingest
from ingestion.backup import back_up, rebuild, unpack
from ingestion.doctor import examine
from ingestion.purging import purge
from tests.conftest import WriteFile

COUNT = 120


def sentence(number: int) -> str:
    return f"The keeper of lamp {number} wrote in ledger {number * 7919} that oil was short."


def in_folder(folder: Path, wanted: str) -> list[str]:
    """The files whose bytes hold this text, in UTF-8 or as UTF-16."""
    needles = [wanted.encode(), wanted.encode("utf-16-le")]
    return [str(p) for p in folder.rglob("*") if p.is_file() and any(needle in p.read_bytes() for needle in needles)]


def filled(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write(f"{n}.txt", sentence(n)) for n in range(COUNT)])


def test_after_a_purge_no_removed_sentence_is_in_the_data_folder(
    assistant: Assistant, write: WriteFile, settings: Settings
) -> None:
    filled(assistant, write)
    changed = write("changed.txt", "The first wording of the rule was green.")
    ingest(assistant, [changed])
    write("changed.txt", "The second wording of the rule is blue.")
    ingest(assistant, [changed])
    assert in_folder(settings.data_dir, sentence(5))
    assert in_folder(settings.data_dir, "first wording")
    kept = {f"{n}.txt" for n in range(0, COUNT, 10)} | {"changed.txt"}
    for document in assistant.library.documents(reader=OWNER):
        if document.source not in kept:
            forget(assistant, document.id)
    purged = purge(assistant)
    assert purged.versions == 1
    for n in range(COUNT):
        assert bool(in_folder(settings.data_dir, sentence(n))) == (f"{n}.txt" in kept)
    assert in_folder(settings.data_dir, "first wording") == []
    (examined,) = examine(assistant)
    assert (examined.missing, examined.stale, examined.documents) == (0, 0, len(kept))
    assert assistant.retrieve(sentence(10))[0].chunk.text == sentence(10)
    assert assistant.retrieve(sentence(10))[0].ranks["dense"] == 1


def test_a_backup_restored_elsewhere_answers_as_before(assistant: Assistant, write: WriteFile, tmp_path: Path) -> None:
    filled(assistant, write)
    saved = tmp_path / "saved.zip"
    assert back_up(assistant, saved) == saved.stat().st_size > 0
    before = [h.chunk.text for h in assistant.retrieve(sentence(7))]
    elsewhere = Settings(data_dir=tmp_path / "elsewhere")
    unpack(saved, elsewhere.data_dir)
    with make_assistant(elsewhere) as restored:
        restored.embedder = HashingEmbedder()
        assert rebuild(restored) == COUNT
        assert [h.chunk.text for h in restored.retrieve(sentence(7))] == before
        assert restored.originals.digests() == assistant.originals.digests()
        (examined,) = examine(restored)
        assert (examined.missing, examined.stale) == (0, 0)


def test_a_backup_overwrites_nothing_and_takes_nothing_foreign(assistant: Assistant, write: WriteFile, tmp_path: Path) -> None:
    filled(assistant, write)
    saved = tmp_path / "saved.zip"
    back_up(assistant, saved)
    with pytest.raises(BackupError, match="there already"):
        back_up(assistant, saved)
    with pytest.raises(BackupError, match="holds a library already"):
        unpack(saved, tmp_path / "data")
    foreign = tmp_path / "foreign.zip"
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("library.sqlite3", b"")
        archive.writestr("originals/../../escaped", b"x")
    with pytest.raises(BackupError, match="escaped"):
        unpack(foreign, tmp_path / "new")
    assert not (tmp_path / "escaped").exists()
    foreign.write_bytes(b"not a zip")
    with pytest.raises(BackupError, match="cannot be read"):
        unpack(foreign, tmp_path / "newer")
