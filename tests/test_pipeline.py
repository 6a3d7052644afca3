"""The pipeline: what becomes of files, new, unchanged, changed, broken and forgotten."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.errors import CollectionMismatch, CollectionNotFound, DocumentNotFound, FootnoteError, PathNotFound
from assistant.protocols import Vectors
from assistant.testing import HashingEmbedder
from assistant.types import ParsedDocument
from ingestion import Progress, forget, ingest
from ingestion.doctor import examine
from ingestion.pipeline import ingest_documents
from ingestion.preparing import Prepared, prepare_file
from ingestion.reindexing import reindex
from ingestion.report import Report
from ingestion.sandbox import SandboxUnavailable
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
    assistant.limits = replace(assistant.limits, max_file_bytes=1_000_000)
    (outcome,) = ingest(assistant, [write("a.txt", "x" * 2_000_000)]).outcomes
    assert outcome.status == "failed"
    assert "2.0 MB" in outcome.reason
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


class Stop(Exception):
    """Stands for whatever ends a process in the middle of an ingest."""


class StopsOnce(HashingEmbedder):
    stopped = False

    def encode_documents(self, texts):  # type: ignore[no-untyped-def]
        if not self.stopped:
            self.stopped = True
            raise Stop
        return super().encode_documents(texts)


def test_a_new_document_that_was_stopped_half_way_is_finished_by_the_next_ingest(assistant: Assistant, write: WriteFile) -> None:
    assistant.embedder = StopsOnce()
    path = write("a.txt", "Half way.")
    with pytest.raises(Stop):
        ingest(assistant, [path])
    assert [d.embedded for d in assistant.library.documents(reader=OWNER)] == [False]
    assert statuses(assistant, path) == [("a.txt", "unchanged")]
    assert [d.embedded for d in assistant.library.documents(reader=OWNER)] == [True]
    (hit,) = assistant.retrieve("half way")
    assert set(hit.ranks) >= {"bm25", "dense"}
    assert healthy(assistant)


def test_a_changed_document_that_was_stopped_half_way_is_undone_by_the_next_ingest(
    assistant: Assistant, write: WriteFile
) -> None:
    path = write("a.txt", "The gate closes at seven.")
    ingest(assistant, [path])
    write("a.txt", "The gate closes at nine.")
    assistant.embedder = StopsOnce()
    with pytest.raises(Stop):
        ingest(assistant, [path])
    assert found(assistant, "gate closes") == ["The gate closes at seven."]
    ingest(assistant, [write("b.txt", "Something else.")])
    assert assistant.library.indexes.doomed() == {}
    assert assistant.originals.digests() == assistant.library.versions.digests()
    assert healthy(assistant)
    assert statuses(assistant, path) == [("a.txt", "changed")]
    assert "The gate closes at nine." in found(assistant, "gate closes")


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
    (first, _), (_second, _) = assistant.library.chunks.every(collection)
    assistant.index.delete(collection.index_name, [first.id])
    (examined,) = examine(assistant)
    assert (examined.missing, examined.stale) == (1, 0)
    reindex(assistant, "documents")
    doomed = assistant.library.documents(reader=OWNER)[0]
    assistant.library.remove(doomed.id, reader=OWNER)
    (examined,) = examine(assistant)
    assert (examined.missing, examined.stale) == (0, 1)


def test_hidden_files_are_passed_over_and_links_and_pipes_are_refused(
    assistant: Assistant, write: WriteFile, tmp_path: Path
) -> None:
    folder = write("a.txt", "Text.").parent
    write(".hidden/secret.txt", "Secret.")
    secret = tmp_path / "outside.txt"
    secret.write_text("Outside.")
    (folder / "link.txt").symlink_to(secret)
    (folder / "linked").symlink_to(tmp_path)
    (folder / "broken").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    refused = [(name, "failed") for name in ("broken", "link.txt", "linked", "pipe")]
    assert sorted(statuses(assistant, folder)) == [("a.txt", "added"), *refused]


def test_a_file_whose_name_is_not_text_is_read_all_the_same(assistant: Assistant, write: WriteFile) -> None:
    folder = write("a.txt", "Text.").parent
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9\n.txt")).write_text("Coffee is at ten.")
    assert statuses(assistant, folder) == [("a.txt", "added"), ("caf\ufffd\ufffd.txt", "added")]
    assert statuses(assistant, folder) == [("a.txt", "unchanged"), ("caf\ufffd\ufffd.txt", "unchanged")]


def test_the_same_file_named_twice_is_read_once(assistant: Assistant, write: WriteFile) -> None:
    path = write("a.txt", "Text.")
    assert statuses(assistant, path, path, path.parent) == [("a.txt", "added")]


def test_two_files_with_the_same_bytes_are_one_document_with_two_places(assistant: Assistant, write: WriteFile) -> None:
    folder = write("a.txt", "The gate closes at nine.").parent
    write("b.txt", "The gate closes at nine.")
    first, second = ingest(assistant, [folder]).outcomes
    assert (first.status, second.status) == ("added", "added")
    assert second.document_id == first.document_id
    assert "a.txt" in second.reason
    (document,) = assistant.library.documents(reader=OWNER)
    assert document.sources == ("a.txt", "b.txt")
    assert len(found(assistant, "gate closes")) == 1
    # Changed in one place only, they are two.
    write("b.txt", "The gate closes at ten.")
    assert statuses(assistant, folder) == [("a.txt", "unchanged"), ("b.txt", "changed")]
    assert sorted(found(assistant, "gate closes")) == ["The gate closes at nine.", "The gate closes at ten."]
    assert healthy(assistant)


def test_a_place_that_goes_is_said_where_its_document_stays_at_another(assistant: Assistant, write: WriteFile) -> None:
    same = [write(name, "The gate closes at nine.") for name in ("a.txt", "b.txt", "c.txt")]
    folder = write("other.txt", "Tea is at four.").parent
    document = ingest(assistant, [folder]).outcomes[0].document_id
    same[1].unlink()
    (outcome,) = (o for o in ingest(assistant, [folder]).outcomes if o.status != "unchanged")
    assert (outcome.source, outcome.status, outcome.document_id) == ("b.txt", "removed", document)
    assert outcome.reason == "The same bytes are still at a.txt: their document stays."
    assert found(assistant, "gate closes") == ["The gate closes at nine.", "Tea is at four."]
    same[0].unlink()
    same[2].unlink()
    outcomes = [o for o in ingest(assistant, [folder]).outcomes if o.status != "unchanged"]
    assert [(o.source, o.status, o.reason) for o in outcomes] == [("a.txt", "removed", ""), ("c.txt", "removed", "")]
    assert found(assistant, "gate closes") == ["Tea is at four."]


def test_a_folder_is_a_mirror_of_what_was_renamed_and_deleted(assistant: Assistant, write: WriteFile) -> None:
    path = write("a.txt", "Tea is at four.")
    doomed = write("b.txt", "The gate closes at nine.")
    (first, _) = ingest(assistant, [path.parent]).outcomes
    path.rename(path.with_name("c.txt"))
    doomed.unlink()
    outcomes = ingest(assistant, [path.parent]).outcomes
    assert [(o.source, o.status) for o in outcomes] == [("c.txt", "moved"), ("b.txt", "removed")]
    assert outcomes[0].document_id == first.document_id
    assert [d.source for d in assistant.library.documents(reader=OWNER)] == ["c.txt"]
    assert found(assistant, "gate closes") == ["Tea is at four."]
    assert healthy(assistant)


def test_a_folder_that_is_suddenly_empty_keeps_its_documents_and_says_so(assistant: Assistant, write: WriteFile) -> None:
    path = write("a.txt", "Tea is at four.")
    ingest(assistant, [path.parent])
    path.unlink()
    (outcome,) = ingest(assistant, [path.parent]).outcomes
    assert outcome.status == "failed"
    assert "1 of its files" in outcome.reason
    assert found(assistant, "tea") == ["Tea is at four."]


def test_a_new_document_is_found_by_its_words_before_it_has_vectors(assistant: Assistant, write: WriteFile) -> None:
    seen: list[tuple[list[str], tuple[str, ...]]] = []

    class Watching(HashingEmbedder):
        def encode_documents(self, texts):  # type: ignore[no-untyped-def]
            if len(texts) > 1 and not seen:
                seen.append(([], ()))
                answer = assistant.ask("When does the north gate close?")
                seen[0] = (found(assistant, "north gate"), tuple(answer.notices))
            return super().encode_documents(texts)

    ingest(assistant, [write("a.txt", "Tea is at four.")])
    assistant.embedder = Watching()
    vars(assistant).pop("retriever", None)
    ingest(assistant, [write("b.md", "# Gates\n\nThe north gate closes at nine.\n\n# Doors\n\nThe door is open.")])
    ((by_words, notices),) = seen
    assert by_words[0] == "Gates\n\nThe north gate closes at nine."
    assert notices == ("1 new documents are still being embedded; until then only their words are searched.",)
    assert assistant.ask("When does the north gate close?").notices == ()


def test_a_changed_document_keeps_its_old_version_until_the_new_one_is_complete(assistant: Assistant, write: WriteFile) -> None:
    seen: list[list[str]] = []

    class Watching(HashingEmbedder):
        def encode_documents(self, texts):  # type: ignore[no-untyped-def]
            if "nine" in texts[0]:
                seen.append(found(assistant, "gate closes"))
            return super().encode_documents(texts)

    path = write("a.txt", "The gate closes at seven.")
    ingest(assistant, [path])
    write("a.txt", "The gate closes at nine.")
    assistant.embedder = Watching()
    ingest(assistant, [path])
    assert seen == [["The gate closes at seven."]]
    assert found(assistant, "gate closes") == ["The gate closes at nine."]


def test_two_ingests_at_once_both_come_to_their_end(assistant: Assistant, write: WriteFile) -> None:
    assistant.warm_up()
    left = [write(f"left/{i}.txt", f"Left text number {i}.") for i in range(20)]
    right = [write(f"right/{i}.txt", f"Right text number {i}.") for i in range(20)]
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda paths: ingest(assistant, paths), [left, right]))
    assert [r.count("added") for r in reports] == [20, 20]
    assert healthy(assistant)


def test_an_original_that_was_lost_is_put_back_by_the_next_ingest(assistant: Assistant, write: WriteFile) -> None:
    path = write("a.txt", "Text.")
    (outcome,) = ingest(assistant, [path]).outcomes
    digest = assistant.library.stored(outcome.document_id, reader=OWNER).digest
    assistant.originals.discard(digest)
    assert statuses(assistant, path) == [("a.txt", "unchanged")]
    assert assistant.originals.get(digest) == b"Text."


def test_a_reader_who_is_not_the_owner_may_not_change_a_collection(assistant: Assistant, write: WriteFile) -> None:
    (outcome,) = ingest(assistant, [write("a.txt", "Ann's text.")], collection="hers", reader="ann").outcomes
    assistant.library.share("hers", ["bob"], owner="ann")
    assert [h.chunk.text for h in assistant.retrieve("text", reader="bob")] == ["Ann's text."]
    for change in (
        lambda: forget(assistant, outcome.document_id, reader="bob"),
        lambda: reindex(assistant, "ann/hers", reader="bob"),
        lambda: ingest(assistant, [write("b.txt", "Bob's text.")], collection="ann/hers", reader="bob"),
    ):
        with pytest.raises(CollectionNotFound, match="bob may change"):
            change()


def test_an_empty_collection_that_is_reindexed_has_no_pivot_until_documents_come(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write("a.txt", "Text.")])
    forget(assistant, "a.txt")
    assert reindex(assistant, "documents") == 0
    ingest(assistant, [write("b.txt", "Ten words stand here, so that the pivot has a length to take.")])
    (examined,) = examine(assistant)
    assert examined.pivot_drift == 0
    assert examined.pivot_length is not None
    assert examined.pivot_length > 1


class Gated(HashingEmbedder):
    """Gives no vectors until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        assert self.gate.wait(30)
        return super().encode_documents(texts)


def test_every_document_is_found_by_its_words_before_the_first_vector_is_made(assistant: Assistant, write: WriteFile) -> None:
    embedder = Gated()
    assistant.embedder = embedder
    folder = write("first.txt", "The gate closes at nine.").parent
    for number in range(20):
        write(f"{number:02}.txt", f"Document {number} speaks of word{number}.")
    told: list[Progress] = []

    def listen(progress: Progress) -> None:
        told.append(progress)
        if progress.files == progress.files_total and sum(p.outcome is not None for p in told) == 21:
            embedder.gate.set()

    report = ingest(assistant, [folder], on_progress=listen)
    assert report.count("added") == 21
    before_vectors = [p for p in told if not p.embedded]
    assert sum(p.outcome is not None for p in before_vectors) == 21
    assert [d.embedded for d in assistant.library.documents(reader=OWNER)] == [True] * 21
    assert healthy(assistant)


def test_progress_counts_files_bytes_chunks_and_vectors_and_tells_each_outcome_once(
    assistant: Assistant, write: WriteFile
) -> None:
    folder = write("a.txt", "The gate closes at nine.").parent
    write("b.md", "# Tea\n\nAt four.\n\n# Gates\n\nAt nine.")
    write("c.xyz", "?")
    told: list[Progress] = []
    report = ingest(assistant, [folder], on_progress=told.append)
    last = told[-1]
    assert (last.files, last.files_total, last.pages, last.chunks, last.embedded) == (3, 3, 2, 3, 3)
    assert last.bytes_read == last.bytes_total == sum(path.stat().st_size for path in folder.iterdir())
    assert [p.outcome for p in told if p.outcome] == list(report.outcomes)
    assert all(a.seconds <= b.seconds and a.files <= b.files for a, b in itertools.pairwise(told))


@pytest.mark.parametrize(
    ("progress", "left"),
    [
        (Progress(files=1, files_total=4, seconds=0.5), None),  # too early to tell
        (Progress(files=0, files_total=4, seconds=9), None),
        (Progress(files=1, files_total=4, seconds=10), 30.0),  # nothing to embed: reading alone counts
        (Progress(files=1, files_total=4, bytes_read=50, bytes_total=100, seconds=10), 10.0),
        (Progress(files=2, files_total=4, chunks=100, embedded=50, seconds=10), 30.0),  # 200 expected, 5 a second
        (Progress(files=4, files_total=4, chunks=200, embedded=150, seconds=30), 10.0),
        (Progress(files=4, files_total=4, chunks=200, embedded=0, seconds=30), None),
    ],
)
def test_time_left_follows_what_was_read_and_what_was_embedded(progress: Progress, left: float | None) -> None:
    assert progress.seconds_left == left


def test_files_that_come_to_the_same_bytes_in_one_run_are_one_document(assistant: Assistant, write: WriteFile) -> None:
    folder = write("a.txt", "One.").parent
    write("b.txt", "Two.")
    ingest(assistant, [folder])
    for name in ("a.txt", "b.txt", "c.txt"):
        write(name, "Three.")
    report = ingest(assistant, [folder])
    assert sorted((o.source, o.status) for o in report.outcomes) == [("a.txt", "changed"), ("b.txt", "added"), ("c.txt", "added")]
    (document,) = assistant.library.documents(reader=OWNER)
    assert document.sources == ("a.txt", "b.txt", "c.txt")
    assert healthy(assistant)


def an_hour_ago(*paths: Path) -> None:
    for path in paths:
        os.utime(path, (time.time() - 3600, time.time() - 3600))


def test_a_file_that_was_not_touched_is_not_read_again(assistant: Assistant, write: WriteFile) -> None:
    folder = write("a.txt", "The gate closes at nine.").parent
    write("b.txt", "Tea is at four.")
    an_hour_ago(*folder.iterdir())
    ingest(assistant, [folder])
    told: list[Progress] = []
    report = ingest(assistant, [folder], on_progress=told.append)
    assert report.count("unchanged") == 2
    assert (told[-1].bytes_read, told[-1].bytes_total) == (0, 0)


def test_a_file_with_the_same_size_and_time_but_other_text_is_read_again(assistant: Assistant, write: WriteFile) -> None:
    path = write("a.txt", "The gate closes at nine.")
    an_hour_ago(path)
    at = path.stat().st_mtime_ns
    ingest(assistant, [path])
    path.write_text("The gate closes at four.")
    os.utime(path, ns=(at, at))
    assert statuses(assistant, path) == [("a.txt", "changed")]


def test_a_file_that_failed_is_read_again_although_nobody_touched_it(assistant: Assistant, write: WriteFile) -> None:
    path = write("a.txt", "The gate closes at nine.")
    an_hour_ago(path)
    ingest(assistant, [path])
    write("a.txt", "The gate closes at four, as it did in the old days.")
    an_hour_ago(path)
    assistant.limits = replace(assistant.limits, max_file_bytes=30)
    assert statuses(assistant, path) == [("a.txt", "failed")]
    assistant.limits = replace(assistant.limits, max_file_bytes=1000)
    assert statuses(assistant, path) == [("a.txt", "changed")]


def test_a_change_that_was_stopped_half_way_is_taken_up_although_nobody_touched_it(
    assistant: Assistant, write: WriteFile
) -> None:
    path = write("a.txt", "The gate closes at seven.")
    an_hour_ago(path)
    ingest(assistant, [path])
    write("a.txt", "The gate closes at nine.")
    an_hour_ago(path)
    assistant.embedder = StopsOnce()
    with pytest.raises(Stop):
        ingest(assistant, [path])
    assert statuses(assistant, path) == [("a.txt", "changed")]


def test_what_another_ingest_of_the_folder_added_meanwhile_stays(assistant: Assistant, write: WriteFile) -> None:
    folder = write("a.txt", "Tea is at four.").parent
    ingest(assistant, [folder])
    reports: list[Report] = []
    waiting = threading.Thread(target=lambda: reports.append(ingest(assistant, [folder])))
    with assistant.changing:
        waiting.start()
        waiting.join(0.5)  # long enough to list the folder, were it done before its turn
        write("b.txt", "The gate closes at nine.")
        ingest(assistant, [folder])
    waiting.join()
    assert [(o.source, o.status) for o in reports[0].outcomes] == [("a.txt", "unchanged"), ("b.txt", "unchanged")]
    assert len(assistant.library.documents(reader=OWNER)) == 2


def together(assistant: Assistant, *documents: tuple[str, str]) -> list[tuple[str, str]]:
    """The outcomes of documents (name and text) that come in one go."""
    prepared = [prepare_file(f"upload:{name}", name, text.encode()) for name, text in documents]
    report = ingest_documents(assistant, prepared, collection="c", total=len(prepared))
    return [(o.source, o.status) for o in report.outcomes]


def test_of_two_documents_for_one_place_the_later_replaces_the_earlier(assistant: Assistant) -> None:
    assert together(assistant, ("r.txt", "The gate closes at seven."), ("r.txt", "The gate closes at eight.")) == [
        ("r.txt", "added"),
        ("r.txt", "changed"),
    ]
    assert found(assistant, "gate closes") == ["The gate closes at eight."]
    assert healthy(assistant)


def test_the_same_document_twice_for_one_place_is_unchanged_and_the_rest_goes_on(assistant: Assistant) -> None:
    outcomes = together(assistant, ("r.txt", "The gate."), ("r.txt", "The gate."), ("z.txt", "The tower."))
    assert sorted(outcomes) == [("r.txt", "added"), ("r.txt", "unchanged"), ("z.txt", "added")]
    assert healthy(assistant)


def raising(error: FootnoteError) -> Callable[[], ParsedDocument]:
    def parse() -> ParsedDocument:
        raise error

    return parse


def test_whatever_a_reader_says_of_a_file_is_said_of_that_file_alone(assistant: Assistant) -> None:
    good = prepare_file("upload:b.txt", "b.txt", b"The gate closes at nine.")
    bad = Prepared("upload:a.txt", "a.txt", b"a", raising(DocumentNotFound("There is no page 9.")))
    failed, added = ingest_documents(assistant, [bad, good], collection="c", total=2).outcomes
    assert (failed.status, failed.reason) == ("failed", "It could not be read: There is no page 9.")
    assert added.status == "added"
    bad = replace(bad, parse=raising(SandboxUnavailable("No process could be started.")))
    with pytest.raises(SandboxUnavailable):
        ingest_documents(assistant, [bad, good], collection="c", total=2)


def test_a_new_document_with_two_places_waits_for_no_vectors(assistant: Assistant, write: WriteFile) -> None:
    embedder = Gated()
    assistant.embedder = embedder
    folder = write("a.txt", "The gate closes at nine.").parent
    write("b.txt", "The gate closes at nine.")
    write("c.txt", "Tea is at four.")
    known: list[str] = []

    def listen(progress: Progress) -> None:
        known.extend([progress.outcome.source] if progress.outcome else [])
        if len(known) == 3:
            embedder.gate.set()

    assert ingest(assistant, [folder], on_progress=listen).count("added") == 3


def test_when_an_ingest_ends_with_an_error_nothing_is_read_any_more(assistant: Assistant) -> None:
    ended = threading.Event()

    def slow() -> ParsedDocument:
        time.sleep(0.5)
        ended.set()
        raise DocumentNotFound("Too late.")

    def documents() -> Iterator[Prepared]:
        yield Prepared("upload:a.txt", "a.txt", b"a", slow)
        raise Stop

    with pytest.raises(Stop):
        ingest_documents(assistant, documents(), collection="c", total=2)
    assert ended.is_set()


class StopsAfter(HashingEmbedder):
    """Gives vectors so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        self.times -= 1
        if self.times < 0:
            raise Stop
        return super().encode_documents(texts)


def test_vectors_that_were_left_out_are_made_a_slice_at_a_time_and_told(assistant: Assistant, write: WriteFile) -> None:
    def left() -> int:
        return sum(not d.embedded for d in assistant.library.documents(reader=OWNER))

    folder = write("0.txt", "The gate closes at nine.").parent
    for number in range(1, 70):
        write(f"{number}.txt", f"Document {number} speaks of word{number}.")
    assistant.embedder = StopsAfter(0)
    with pytest.raises(Stop):
        ingest(assistant, [folder])
    assert left() == 70
    forget(assistant, "0.txt")  # makes none, since that would take long
    assert left() == 69
    assistant.embedder = StopsAfter(2)
    told: list[Progress] = []
    with pytest.raises(Stop):
        ingest(assistant, [write("new/a.txt", "Tea is at four.")], collection="other", on_progress=told.append)
    # The first chunk is not kept waiting for more; then come 64. Four are left, and what was new, if it was written by then.
    assert max(p.embedded for p in told) == 65
    assert left() in (4, 5)
    assistant.embedder = HashingEmbedder()
    ingest(assistant, [folder / "new"], collection="other")
    assert left() == 0
    assert set(assistant.retrieve("word69", k=1)[0].ranks) >= {"bm25", "dense"}
    assert healthy(assistant)


def test_a_lost_original_is_put_back_from_a_file_that_nobody_touched(assistant: Assistant, write: WriteFile) -> None:
    path = write("a.txt", "The gate closes at nine.")
    an_hour_ago(path)
    ingest(assistant, [path])
    (digest,) = assistant.library.versions.digests()
    assistant.originals.discard(digest)
    assert statuses(assistant, path) == [("a.txt", "unchanged")]
    assert assistant.originals.get(digest) == path.read_bytes()


def test_documents_in_a_language_that_the_embedder_does_not_know_bring_advice(assistant: Assistant, write: WriteFile) -> None:
    english = "The gate of the old town hall is closed every evening at nine, but on Sundays it stays open until ten."
    french = "La porte de l'ancienne mairie ferme tous les soirs à neuf heures, mais le dimanche elle reste ouverte jusqu'à dix."
    assert ingest(assistant, [write("en/a.txt", english)], collection="english").notices == ()
    folder = write("both/a.txt", english).parent
    write("both/b.txt", french)
    assert ingest(assistant, [folder]).notices == (), "it is not known which languages this embedder covers"
    assistant.embedder.languages = ("en",)
    (notice,) = ingest(assistant, [folder]).notices
    assert "1 in 'fr'" in notice
    assert "FOOTNOTE_EMBEDDER=e5" in notice
    assert "footnote reindex documents" in notice
    (spaced,) = ingest(assistant, [folder], collection="my work").notices
    assert "footnote reindex 'my work'" in spaced
    assert ingest(assistant, [folder.parent / "en"], collection="english").notices == ()
    for number in range(20):  # one in more than twenty may be a stray
        write(f"both/{number}.txt", f"{english} Number {number}.")
    assert ingest(assistant, [folder]).notices == ()
