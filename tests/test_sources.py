"""Sources: what makes a file the same one again, and whether it is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assistant.access import OWNER
from assistant.answering import Assistant
from ingestion import ingest
from ingestion.sources import place_of, still_there


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A file in a folder, the names of both not in UTF-8."""
    path = Path(os.fsdecode(os.fsencode(tmp_path.resolve()) + b"/caf\xe9s/caf\xe9 \xff.txt"))
    try:
        path.parent.mkdir()
    except OSError:
        pytest.skip("this file system has no such names")
    path.write_text("Coffee is at ten.")
    return path


def test_a_file_whose_name_is_not_utf_8_is_there_until_it_is_removed(written: Path) -> None:
    place = place_of(written)
    assert still_there(place)
    assert still_there(f"{place}/inner.eml/notes.txt"), "an attachment, as long as its e-mail"
    written.unlink()
    assert not still_there(place)


def test_a_name_that_only_looks_escaped_is_there_too(tmp_path: Path) -> None:
    path = tmp_path.resolve() / "caf\\xe9.txt"
    assert not still_there(place_of(path))
    path.write_text("Coffee is at ten.")
    assert still_there(place_of(path))


def test_a_copy_of_a_file_whose_name_is_not_utf_8_is_one_more_place_and_no_move(assistant: Assistant, written: Path) -> None:
    ingest(assistant, [written.parent])
    (written.parent / "z.txt").write_bytes(written.read_bytes())
    assert sorted(o.status for o in ingest(assistant, [written.parent]).outcomes) == ["added", "unchanged"]
    (document,) = assistant.library.documents(reader=OWNER)
    assert len(document.sources) == 2
