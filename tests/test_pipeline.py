"""The pipeline: what becomes of files, new, unchanged, changed, broken and forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.answering import Assistant
from assistant.errors import CollectionMismatch, DocumentNotFound
from assistant.library import OWNER
from assistant.testing import HashingEmbedder
from ingestion import forget, ingest
from ingestion.doctor import examine
from ingestion.reindexing import reindex
from ingestion.sources import PathNotFound
from tests.conftest import FILES, WriteFile


def statuses(assistant: Assistant, *paths: Path) -> list[tuple[str, str]]:
    return [(o.source, o.status) for o in ingest(assistant, paths).outcomes]


def found(assistant: Assistant, query: str) -> list[str]:
    return [hit.chunk.text for hit in assistant.retrieve(query)]


def healthy(assistant: Assistant) -> bool:
    return not any(e.missing or e.stale for e in examine(assistant))


def test_a_folder_is_read_once_and_passed_over_the_second_time(assistant: Assistant, write: WriteFile) -> None:
    folder = write("a.md", "# Leave\n\nTwenty-eight days.").parent
    write("deep/b.txt", "Tea is at four.")
    assert statuses(assistant, folder) == [("a.md", "added"), ("deep/b.txt", "added")]
    assert statuses(assistant, folder) == [("a.md", "unchanged"), ("deep/b.txt", "unchanged")]
    assert healthy(assistant)


def test_a_changed_file_replaces_its_old_text(assistant: Assistant, write: WriteFile) -> None:
    path = write("a.txt", "The gate closes at seven.")
    first = ingest(assistant, [path]).outcomes[0].document_id
    write("a.txt", "The gate closes at nine.")
    (outcome,) = ingest(assistant, [path]).outcomes
    assert (outcome.status, outcome.document_id) == ("changed", first)
    assert found(assistant, "gate closes") == ["The gate closes at nine."]
    assert healthy(assistant)


def test_every_file_has_an_outcome_and_a_broken_one_does_not_stop_the_rest(assistant: Assistant, write: WriteFile) -> None:
    folder = write("a.txt", "Readable.").parent
    (folder / "b.pdf").write_bytes((FILES / "truncated.pdf").read_bytes())
    (folder / "c.pdf").write_bytes((FILES / "encrypted.pdf").read_bytes())
    (folder / "d.xyz").write_bytes(b"\x00\x01")
    (folder / "e.txt").write_bytes(b"")
    write("f.txt", "Readable too.")
    report = ingest(assistant, [folder])
    assert [o.status for o in report.outcomes if o.source in ("a.txt", "f.txt")] == ["added", "added"]
    failed = {o.source: o.reason for o in report.outcomes if o.status == "failed"}
    assert sorted(failed) == ["b.pdf", "c.pdf", "d.xyz", "e.txt"]
    assert all(reason.endswith(".") and len(reason) > 20 for reason in failed.values())


def test_a_changed_file_that_cannot_be_read_keeps_its_old_text(assistant: Assistant, write: WriteFile) -> None:
    path = write("a.txt", "Still here.")
    ingest(assistant, [path])
    path.write_bytes(b"")
    assert statuses(assistant, path) == [("a.txt", "failed")]
    assert found(assistant, "still here") == ["Still here."]


def test_a_path_that_is_not_there_is_refused_before_anything_is_read(assistant: Assistant, write: WriteFile) -> None:
    path = write("a.txt", "Text.")
    with pytest.raises(PathNotFound, match="nowhere"):
        ingest(assistant, [path, "nowhere.txt"])
    assert assistant.library.documents(reader=OWNER) == []


def test_a_file_over_the_limit_is_refused_with_both_sizes(assistant: Assistant, write: WriteFile) -> None:
    object.__setattr__(assistant.limits, "max_file_bytes", 1_000_000)
    (outcome,) = ingest(assistant, [write("a.txt", "x" * 2_000_000)]).outcomes
    assert outcome.status == "failed"
    assert "2 MB" in outcome.reason
    assert "1 MB" in outcome.reason


def test_a_forgotten_document_is_gone_from_answers_index_and_originals(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write("a.txt", "The password is swordfish."), write("b.txt", "The gate closes at nine.")])
    (doomed,) = [d for d in assistant.library.documents(reader=OWNER) if d.source == "a.txt"]
    digest = assistant.library.stored(doomed.id, reader=OWNER).digest
    assert assistant.originals.get(digest) == b"The password is swordfish."
    assert forget(assistant, doomed.id) == doomed.title
    assert all("swordfish" not in text for text in found(assistant, "the password is swordfish"))
    assert healthy(assistant)
    with pytest.raises(DocumentNotFound):
        assistant.library.stored(doomed.id, reader=OWNER)
    with pytest.raises(Exception, match="cannot be read"):
        assistant.originals.get(digest)


def test_what_a_stopped_ingest_left_pending_is_undone_by_the_next(assistant: Assistant, write: WriteFile) -> None:
    class Stop(Exception):
        pass

    class StopsOnce(HashingEmbedder):
        stopped = False

        def encode_documents(self, texts):  # type: ignore[no-untyped-def]
            if not self.stopped:
                self.stopped = True
                raise Stop
            return super().encode_documents(texts)

    assistant.embedder = StopsOnce()
    path = write("a.txt", "Half way.")
    with pytest.raises(Stop):
        ingest(assistant, [path])
    assert assistant.library.documents(reader=OWNER) == []
    assert statuses(assistant, path) == [("a.txt", "added")]
    assert found(assistant, "half way") == ["Half way."]
    assert assistant.library.discard_pending() == []
    assert healthy(assistant)


def test_a_collection_refuses_another_embedder_and_names_the_remedy(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write("a.txt", "Text of a document.")])
    other = HashingEmbedder()
    other.name = "other"
    assistant.embedder = other
    with pytest.raises(CollectionMismatch, match="footnote reindex documents"):
        ingest(assistant, [write("b.txt", "More text.")])
    reindex(assistant, "documents")
    assert statuses(assistant, write("b.txt", "More text.")) == [("b.txt", "added")]


def test_a_reindex_renews_the_pivot_and_finds_the_same(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write("a.txt", "Short one.")])
    ingest(assistant, [write("b.txt", "A much longer one about apples, pears, plums, cherries and other fruit of the garden.")])
    before = found(assistant, "plums")
    assert reindex(assistant, "documents") == 2
    assert found(assistant, "plums") == before
    (examined,) = examine(assistant)
    assert examined.pivot_drift == 0
    assert healthy(assistant)


def test_the_doctor_sees_a_row_that_is_missing_and_one_that_is_stale(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write("a.txt", "First."), write("b.txt", "Second.")])
    collection = assistant.library.readable(OWNER)[0]
    (first, _), (_second, _) = assistant.library.every_chunk(collection)
    assistant.index.delete(collection.index_name, [first.id])
    (examined,) = examine(assistant)
    assert (examined.missing, examined.stale) == (1, 0)
    reindex(assistant, "documents")
    doomed = assistant.library.documents(reader=OWNER)[0]
    assistant.library.remove(doomed.id, reader=OWNER)
    (examined,) = examine(assistant)
    assert (examined.missing, examined.stale) == (0, 1)


def test_hidden_files_and_links_out_of_the_folder_are_passed_over(assistant: Assistant, write: WriteFile, tmp_path: Path) -> None:
    folder = write("a.txt", "Text.").parent
    write(".hidden/secret.txt", "Secret.")
    secret = tmp_path / "outside.txt"
    secret.write_text("Outside.")
    (folder / "link.txt").symlink_to(secret)
    assert statuses(assistant, folder) == [("a.txt", "added")]
