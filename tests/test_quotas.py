"""Quotas: what does not fit is refused with both numbers and the setting, and what is there stays."""

from __future__ import annotations

from dataclasses import replace

from assistant.access import OWNER
from assistant.answering import Assistant
from ingestion import ingest
from tests.conftest import WriteFile


def sources(assistant: Assistant) -> list[str]:
    return [d.source for d in assistant.library.documents(reader=OWNER)]


def test_a_collection_that_is_full_takes_changes_and_no_new_documents(assistant: Assistant, write: WriteFile) -> None:
    assistant.limits = replace(assistant.limits, collection_files=2)
    folder = write("a.txt", "First.").parent
    write("b.txt", "Second.")
    write("c.txt", "Third.")
    report = ingest(assistant, [folder])
    (refused,) = [o for o in report.outcomes if o.status == "failed"]
    assert refused.source == "c.txt"
    assert "may hold 2 documents" in refused.reason
    assert "FOOTNOTE_MAX_COLLECTION_FILES" in refused.reason
    assert report.count("added") == 2
    write("a.txt", "First, and changed.")
    assert ingest(assistant, [folder]).count("changed") == 1
    (folder / "b.txt").unlink()
    ingest(assistant, [folder])  # what is gone goes at the end, so that a renamed file is not read again
    ingest(assistant, [folder])
    assert sources(assistant) == ["a.txt", "c.txt"]
    assert ingest(assistant, [write("d.txt", "In another.")], collection="other").count("added") == 1


def test_pages_are_counted_and_a_changed_document_counts_once(assistant: Assistant, write: WriteFile) -> None:
    assistant.limits = replace(assistant.limits, collection_pages=3)
    path = write("a.txt", "One.\fTwo.")
    write("b.txt", "One.\fTwo.\fThree.")
    report = ingest(assistant, [path, path.parent / "b.txt"])
    assert {o.source: o.status for o in report.outcomes} == {"a.txt": "added", "b.txt": "failed"}
    (refused,) = [o for o in report.outcomes if o.status == "failed"]
    assert "may hold 3 pages, and this makes 5" in refused.reason
    write("a.txt", "One.\fTwo.\fAnd three.")
    assert ingest(assistant, [path]).count("changed") == 1


def test_the_library_as_a_whole_has_a_limit(assistant: Assistant, write: WriteFile) -> None:
    assistant.limits = replace(assistant.limits, total_bytes=3_000_000)
    first = write("a.txt", "Tea is at four. " * 125_000)
    assert ingest(assistant, [first], collection="one").count("added") == 1
    second = write("b.txt", "The gate closes at nine. " * 60_000)
    (refused,) = ingest(assistant, [second], collection="two").outcomes
    assert "may hold 3 MB" in refused.reason
    assert "FOOTNOTE_MAX_LIBRARY_MEGABYTES" in refused.reason
    assert sources(assistant) == ["a.txt"]
