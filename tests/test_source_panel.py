"""The source panel: the quoted text is shown whatever became of the original and of the processes that open it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.settings import Settings
from doors.page.source_panel import passage_html
from ingestion import ingest
from tests.conftest import FILES


def keep(_: Path) -> None:
    pass


def lose(original: Path) -> None:
    original.unlink()


def damage(original: Path) -> None:
    original.write_bytes(b"%PDF-1.7, and nothing else")


@pytest.mark.parametrize(("befall", "top"), [(keep, "0.1691"), (lose, "0.0000"), (damage, "0.0000")])
def test_the_quoted_text_is_shown_whatever_became_of_the_original(
    assistant: Assistant, settings: Settings, befall: Callable[[Path], None], top: str
) -> None:
    ingest(assistant, [FILES / "report.pdf"])
    (document,) = assistant.library.documents(reader=OWNER)
    quote = "The eastern quay"
    start = assistant.library.stored(document.id, reader=OWNER).text.index(quote)
    (original,) = (settings.data_dir / "originals").glob("??/*")
    befall(original)
    shown = passage_html(assistant, document.id, start, start + len(quote), version=document.version, reader=OWNER)
    assert f"<mark>{quote}</mark>" in shown
    assert f'data-top="{top}' in shown
    assert f"/page/{document.id}/" in shown
