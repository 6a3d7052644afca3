"""The library: exact counts, visibility in one step, readers."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.drafts import Draft
from assistant.errors import CollectionNotFound, DocumentNotFound, LibraryError
from assistant.lexical import document_vector, term_counts
from assistant.library import Library
from assistant.packing import pack_runs, unpack_runs
from assistant.protocols import IndexRow
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.types import Block, ChunkSpan, Page, ParsedDocument, TextRun
from assistant.wiring import make_assistant
from ingestion import forget, ingest
from tests.conftest import WriteFile


def counted(assistant: Assistant) -> tuple[dict[int, int], int]:
    """The counts as the library keeps them, for every term that any document ever had."""
    return assistant.library.chunks.counts(assistant.library.readable(OWNER), list(TERMS))


TERMS = sorted(term_counts("apple pear plum gate closes nine seven swordfish", "und"))


def recounted(assistant: Assistant) -> tuple[dict[int, int], int]:
    """The same counts, made anew from the live chunks."""
    holding: Counter[int] = Counter()
    total = 0
    for collection in assistant.library.readable(OWNER):
        for _, counts in assistant.library.chunks.every(collection):
            holding.update(set(counts) & set(TERMS))
            total += 1
    return dict(holding), total


def test_term_counts_stay_exact_through_adding_changing_and_forgetting(assistant: Assistant, write: WriteFile) -> None:
    paths = [write("a.txt", "apple pear"), write("b.txt", "apple plum gate"), write("c.txt", "swordfish")]
    ingest(assistant, paths)
    assert counted(assistant) == recounted(assistant)
    assert counted(assistant)[1] == 3
    write("a.txt", "plum plum closes nine")
    ingest(assistant, paths)
    assert counted(assistant) == recounted(assistant)
    for document in assistant.library.documents(reader=OWNER):
        forget(assistant, document.id)
        assert counted(assistant) == recounted(assistant)
    assert counted(assistant) == ({}, 0)


def test_a_reader_sees_the_collections_that_name_them_and_nothing_else(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write("a.txt", "The owner's apple.")], collection="mine")
    ingest(assistant, [write("b.txt", "Ann's pear.")], collection="hers", reader="ann")
    assert [c.name for c in assistant.library.readable("ann")] == ["ann/hers"]
    assert [c.name for c in assistant.library.readable("bob")] == []
    assert {h.chunk.text for h in assistant.retrieve("apple pear", reader="ann")} == {"Ann's pear."}
    with pytest.raises(CollectionNotFound):
        assistant.retrieve("apple", collection="mine", reader="ann")
    (document,) = assistant.library.documents(reader=OWNER, names=["mine"])
    with pytest.raises(DocumentNotFound):
        assistant.library.stored(document.id, reader="ann")
    with pytest.raises(DocumentNotFound):
        forget(assistant, document.id, reader="ann")
    with pytest.raises(CollectionNotFound):
        assistant.library.share("mine", ["ann"], owner="ann")


def test_a_collection_that_is_shared_keeps_its_name_beside_ones_own_of_that_name(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write("a.txt", "The owner's apple.")], collection="papers")
    assistant.library.share("papers", ["ann"])
    with pytest.raises(CollectionNotFound, match="no collection 'papers' that ann may change"):
        ingest(assistant, [write("b.txt", "Ann's pear.")], collection="papers", reader="ann")
    ingest(assistant, [write("b.txt", "Ann's pear.")], collection="ann/papers", reader="ann")
    assert [c.name for c in assistant.library.readable("ann")] == ["ann/papers", "papers"]
    assert [h.chunk.text for h in assistant.retrieve("apple pear", collection="papers", reader="ann")] == ["The owner's apple."]
    assert [h.chunk.text for h in assistant.retrieve("apple pear", collection="ann/papers", reader="ann")] == ["Ann's pear."]
    assert assistant.library.readable("") == []


def test_a_document_is_found_by_id_source_or_title_and_a_double_name_lists_the_ids(
    assistant: Assistant, write: WriteFile
) -> None:
    ingest(assistant, [write("one/a.md", "# Apples\n\nRed."), write("two/a.md", "# Pears\n\nGreen.")])
    by_title = assistant.library.find_document("Apples", reader=OWNER)
    assert assistant.library.find_document(by_title.id, reader=OWNER) == by_title
    with pytest.raises(DocumentNotFound, match=by_title.id):
        assistant.library.find_document("a.md", reader=OWNER)
    with pytest.raises(DocumentNotFound, match="footnote documents"):
        assistant.library.find_document("b.md", reader=OWNER)


def test_chunks_of_a_version_that_is_not_live_are_never_shown(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write("a.txt", "The gate closes at nine.")])
    (collection,) = assistant.library.readable(OWNER)
    (chunk, _) = next(assistant.library.chunks.every(collection))
    rows = [(i, s) for i, s in assistant.index.search_sparse(collection.index_name, {TERMS[0]: 1.0}, 5)]
    assert assistant.library.chunks.live_ids([collection], [chunk.id, 10_000]) == {chunk.id}
    assistant.library.remove(chunk.document_id, reader=OWNER)
    # The index still holds the row: what is shown is the library's to say.
    assert assistant.index.ids(collection.index_name) == {chunk.id}
    assert assistant.library.chunks.live_ids([collection], [chunk.id, *(i for i, _ in rows)]) == set()
    ingest(assistant, [write("b.txt", "Something else entirely.")])
    assert {h.chunk.text for h in assistant.retrieve("gate closes nine")} == {"Something else entirely."}


def test_a_retired_version_is_never_shown_though_the_index_still_holds_its_rows(assistant: Assistant, write: WriteFile) -> None:
    path = write("a.txt", "The gate closes at seven.")
    ingest(assistant, [path])
    (collection,) = assistant.library.readable(OWNER)
    (old, counts) = next(assistant.library.chunks.every(collection))
    write("a.txt", "The gate closes at nine.")
    ingest(assistant, [path])
    vector = assistant.embedder.encode_documents([old.search_text])[0]
    assistant.index.upsert(collection.index_name, [IndexRow(old.id, vector, document_vector(counts, 10.0))])
    assert old.id in {i for i, _ in assistant.index.search_dense(collection.index_name, vector, 5)}
    assert assistant.library.chunks.live_ids([collection], [old.id]) == set()
    assert {h.chunk.text for h in assistant.retrieve("gate closes at seven")} == {"The gate closes at nine."}


def test_chunk_ids_never_come_back(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write("a.txt", "First.")])
    (collection,) = assistant.library.readable(OWNER)
    first = {chunk.id for chunk, _ in assistant.library.chunks.every(collection)}
    forget(assistant, "a.txt")
    ingest(assistant, [write("b.txt", "Second.")])
    assert first.isdisjoint({chunk.id for chunk, _ in assistant.library.chunks.every(collection)})


def test_text_beyond_the_basic_plane_keeps_its_offsets(assistant: Assistant, write: WriteFile) -> None:
    text = "Bees 🐝🐝 make honey. " * 30 + "The 𝒬ueen 👑 reigns."
    ingest(assistant, [write("a.txt", text)])
    for hit in assistant.retrieve("queen reigns"):
        stored = assistant.library.stored(hit.chunk.document_id, reader=OWNER)
        assert stored.text[hit.chunk.start : hit.chunk.end] == hit.chunk.text
        assert "🐝" in hit.chunk.text


def test_a_library_that_cannot_be_opened_says_which_setting_to_check(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(LibraryError, match="FOOTNOTE_LIBRARY_URL"):
        Library(f"sqlite:///{tmp_path / 'file'}")


def test_runs_come_back_as_they_were_packed() -> None:
    runs = (TextRun(0, 80, 1, 0), TextRun(81, 2_000_000, 999, 70_000))
    assert unpack_runs(pack_runs(runs)) == runs
    assert unpack_runs(pack_runs(())) == ()


def test_a_library_of_an_older_make_gets_the_columns_that_came_since(
    assistant: Assistant, settings: Settings, write: WriteFile
) -> None:
    path = write("a.txt", "The gate closes at nine.")
    ingest(assistant, [path])
    assistant.close()
    with closing(sqlite3.connect(settings.data_dir / "library.sqlite3")) as file:
        file.execute("ALTER TABLE places DROP COLUMN stamp")
    with make_assistant(settings) as again:
        again.embedder = HashingEmbedder()
        assert [o.status for o in ingest(again, [path]).outcomes] == ["unchanged"]


USUAL_MOST_VARIABLES = 32_766  # of a statement, in SQLite as it is built by its makers


@pytest.fixture
def _usual_sqlite() -> Iterator[None]:
    def limit(connection: Any, _record: object) -> None:
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, USUAL_MOST_VARIABLES)

    event.listen(Engine, "connect", limit)
    yield
    event.remove(Engine, "connect", limit)


@pytest.mark.usefixtures("_usual_sqlite")
def test_no_list_of_ids_is_too_long_for_a_statement(tmp_path: Path) -> None:
    count = USUAL_MOST_VARIABLES + 100
    parsed = ParsedDocument("t", "x" * count, [Block("paragraph", 0, count, 1)], [Page(1, 0, count)], "text/plain")
    spans = [ChunkSpan(n, n + 1, 1) for n in range(count)]
    draft = Draft("/a", "a", "0" * 64, "v", count, "en", parsed, spans, [{}] * count)
    with closing(Library(f"sqlite:///{tmp_path / 'library.sqlite3'}")) as library:
        collection = library.create_collection("c", embedder="e", dimension=4)
        pending = library.versions.add_pending(collection, draft)
        assert [chunk.start for chunk, _ in library.chunks.to_index(pending.chunk_ids)] == list(range(count))
        library.versions.make_live(collection, [pending.version_id], embedded=False)
        assert library.chunks.live_ids([collection], pending.chunk_ids) == set(pending.chunk_ids)
        assert library.chunks.live([collection], pending.chunk_ids).keys() == set(pending.chunk_ids)
        assert len(library.chunks.packed_counts(pending.chunk_ids)) == count
        assert sum(1 for _ in library.chunks.every(collection)) == count
        library.versions.mark_embedded([*range(10_000, 10_000 + count), pending.version_id])
        assert library.versions.unembedded([collection]) == []
        library.remove(pending.document_id, reader=OWNER)
        (doomed,) = library.indexes.doomed().values()
        library.indexes.strike_off(collection.index_name, doomed)
        assert library.indexes.doomed() == {}


def test_a_document_is_found_by_its_file_name_alone_where_no_other_has_it(assistant: Assistant, write: WriteFile) -> None:
    for name in ("shop/Leave.md", "shop/hours.md", "depot/hours.md"):
        write(name, f"# About {name}\n\nThe gate closes at nine.")
    ingest(assistant, [write("shop/pay.md", "Wages are paid on Fridays.").parent.parent])
    assert assistant.library.find_document("leave.md", reader=OWNER).title == "About shop/Leave.md"
    with pytest.raises(DocumentNotFound, match=r"2 documents are called 'hours.md'"):
        assistant.library.find_document("hours.md", reader=OWNER)
    with pytest.raises(DocumentNotFound, match=r"no document 'laeve.md'\. Did you mean .*Leave.md\? `footnote documents`"):
        assistant.library.find_document("laeve.md", reader=OWNER)
    with pytest.raises(DocumentNotFound, match=r"no document 'zebra'\. `footnote documents` lists them"):
        assistant.library.find_document("zebra", reader=OWNER)
