"""Filters: which documents are searched. Each leg finds the best of these, as if no others were there."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Sequence, Set
from contextlib import closing
from datetime import date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.drafts import Draft
from assistant.errors import DocumentNotFound, InvalidRequest
from assistant.filters import Filters, read_since, read_until
from assistant.lexical import document_vector, term_counts
from assistant.protocols import IndexRow
from assistant.query_weights import query_weights
from assistant.retrieval import Retriever
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.types import Block, Chunk, ChunkSpan, Done, Page, ParsedDocument
from assistant.wiring import make_assistant
from assistant.word_index import WordIndex
from ingestion import ingest
from ingestion.pipeline import ingest_documents
from ingestion.preparing import prepare_file
from tests.conftest import WriteFile

GATE = "The north gate closes at nine in the evening, and it opens again at six in the morning."
PORTAIL = "Le portail nord ferme à neuf heures du soir, et il rouvre à six heures du matin."


@pytest.fixture
def several(assistant: Assistant, write: WriteFile) -> Path:
    """Documents of a folder, of several folders, types, languages and dates; the folder's path."""
    for name, text, modified in (
        ("hr/gate.md", GATE, "2023-05-05T12:00"),
        ("hr/2024/gate.txt", GATE + " So it was decided.", "2024-06-30T23:59:59"),
        ("hr-old/gate.MD", GATE + " So it was.", "2022-01-01T00:00"),
        ("portail.md", PORTAIL, "2025-02-28T08:00"),
    ):
        when = datetime.fromisoformat(modified).timestamp()
        os.utime(write(name, text), (when, when))
    folder = write("portail.md", PORTAIL).parent
    when = datetime(2025, 2, 28, 8).timestamp()
    os.utime(folder / "portail.md", (when, when))
    ingest(assistant, [folder])
    return folder


def passing(assistant: Assistant, **filters: Any) -> set[str]:
    """The sources of the documents that pass; a search must find in these and no others."""
    chosen = Filters(**filters)
    listed = {d.source for d in assistant.library.documents(reader=OWNER, filters=chosen)}
    assert {hit.chunk.source for hit in assistant.retrieve("When does the north gate close?", filters=chosen)} == listed
    return listed


def test_documents_are_chosen_by_id_name_title_or_path(assistant: Assistant, several: Path) -> None:
    (portail,) = (d for d in assistant.library.documents(reader=OWNER) if d.language == "fr")
    for name in (portail.id, "portail.md", "portail", str(several / "portail.md")):
        assert passing(assistant, documents=[name]) == {"portail.md"}
    assert passing(assistant, documents=["portail", "hr/gate.md"]) == {"portail.md", "hr/gate.md"}


def test_a_folder_is_one_by_its_path_or_by_names_and_holds_what_lies_below(
    assistant: Assistant, several: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = {"hr/gate.md", "hr/2024/gate.txt"}
    for folder in ("hr", "hr/", str(several / "hr"), f"{several}/../documents/hr"):
        assert passing(assistant, folders=[folder]) == below
    monkeypatch.chdir(several.parent)
    assert passing(assistant, folders=["documents/hr"]) == below
    assert len(passing(assistant, folders=["documents"])) == 4
    assert passing(assistant, folders=["hr/2024", "hr-old"]) == {"hr/2024/gate.txt", "hr-old/gate.MD"}
    with pytest.raises(InvalidRequest, match="below the folder 'HR'"):
        passing(assistant, folders=["HR"])


def test_a_type_is_the_end_of_a_name_or_a_media_type(assistant: Assistant, several: Path) -> None:
    assert passing(assistant, types=["txt"]) == passing(assistant, types=["text/plain"]) == {"hr/2024/gate.txt"}
    for kind in ("md", ".md", "MD", "*.md", "text/markdown"):
        assert passing(assistant, types=[kind]) == {"hr/gate.md", "hr-old/gate.MD", "portail.md"}
    assert len(passing(assistant, types=["md", "txt"])) == 4


def test_the_date_is_that_of_the_file_with_both_days_in_it(assistant: Assistant, several: Path) -> None:
    assert passing(assistant, since=date(2024, 6, 30)) == {"hr/2024/gate.txt", "portail.md"}
    assert passing(assistant, until=date(2024, 6, 30)) == {"hr/gate.md", "hr/2024/gate.txt", "hr-old/gate.MD"}
    assert passing(assistant, since=date(2022, 1, 1), until=date(2022, 1, 1)) == {"hr-old/gate.MD"}
    assert passing(assistant, until=date(2021, 12, 31)) == set()
    assert len(passing(assistant, since=date.min, until=date.max)) == 4


def test_a_file_that_was_touched_has_its_new_date_and_an_upload_the_one_of_its_text(assistant: Assistant, several: Path) -> None:
    os.utime(several / "portail.md", (0, datetime(2019, 1, 1).timestamp()))
    assert {o.status for o in ingest(assistant, [several]).outcomes} == {"unchanged"}
    assert passing(assistant, until=date(2019, 12, 31)) == {"portail.md"}
    uploaded = prepare_file("upload:new.txt", "new.txt", f"{GATE} And so on.".encode())
    ingest_documents(assistant, [uploaded], collection="documents", total=1)
    yesterday = datetime.now().date() - timedelta(days=1)
    assert passing(assistant, since=yesterday) == {"new.txt"}


def test_what_is_attached_to_an_email_has_its_date_and_lies_below_it(assistant: Assistant, tmp_path: Path) -> None:
    inner, mail = EmailMessage(), EmailMessage()
    for message, subject in ((inner, "Inner"), (mail, "Outer")):
        message["Subject"], message["From"], message["To"] = subject, "a@example.org", "b@example.org"
        message.set_content(f"{subject}: {GATE}")
    inner.add_attachment(f"{GATE} It is so.", filename="north.txt")
    mail.add_attachment(inner, filename="inner.eml")
    path = tmp_path / "mail.eml"
    path.write_bytes(bytes(mail))
    os.utime(path, (0, datetime(2020, 3, 3).timestamp()))
    ingest(assistant, [path])
    assert len(passing(assistant, until=date(2020, 3, 3))) == 3
    assert passing(assistant, folders=["mail.eml/inner.eml"]) == {"mail.eml/inner.eml/north.txt"}


def test_a_library_of_an_older_make_has_the_dates_of_adding_until_the_next_ingest(
    assistant: Assistant, settings: Settings, several: Path
) -> None:
    assistant.close()
    with closing(sqlite3.connect(settings.data_dir / "library.sqlite3")) as file:
        file.execute("ALTER TABLE places DROP COLUMN modified_at")
    with make_assistant(settings) as again:
        again.embedder = HashingEmbedder()
        assert passing(again, until=date(2025, 12, 31)) == set()
        ingest(again, [several])
        assert len(passing(again, until=date(2025, 12, 31))) == 4


def test_a_document_passes_where_it_passes_every_filter(assistant: Assistant, several: Path) -> None:
    assert passing(assistant, languages=["fr"]) == {"portail.md"}
    assert passing(assistant, languages=["FR", "en"], types=["md"], since=date(2023, 1, 1)) == {"portail.md", "hr/gate.md"}
    assert len(passing(assistant)) == 4


def test_what_no_document_has_is_refused_and_what_is_there_is_named(assistant: Assistant, several: Path) -> None:
    for filters, complaint in (
        (Filters(documents=["lake.md"]), "no document 'lake.md'"),
        (Filters(documents=["gate"]), "3 documents are called 'gate': give one of the ids"),
        (Filters(types=["pdf"]), r"type 'pdf'. Types here: md, txt\."),
        (Filters(languages=["xx"]), r"language 'xx'. .*: en, fr\."),
        (Filters(folders=["hr/2023"]), "below the folder 'hr/2023'"),
    ):
        for call in (assistant.ask, assistant.retrieve):
            with pytest.raises((DocumentNotFound, InvalidRequest), match=complaint):
                call("When does the gate close?", filters=filters)


def test_a_filter_that_cannot_be_meant_is_refused() -> None:
    for values, complaint in (
        ({"documents": "a.md"}, r"Give a list, such as \['a.md'\]"),
        ({"types": ["pdf", " "]}, "types holds an empty name"),
        ({"since": "2024-01-01"}, r"Give a datetime\.date"),
        ({"since": date(2024, 1, 2), "until": date(2024, 1, 1)}, "since 2024-01-02 and until 2024-01-01"),
    ):
        with pytest.raises(InvalidRequest, match=complaint):
            Filters(**values)
    assert not Filters()
    assert Filters(until=date(2024, 1, 1))


def test_dates_are_read_as_people_write_them() -> None:
    assert (read_since("2024"), read_until("2024")) == (date(2024, 1, 1), date(2024, 12, 31))
    assert (read_since("2024-2"), read_until("2024-02")) == (date(2024, 2, 1), date(2024, 2, 29))
    assert (read_since("2024-12"), read_until("2024-12")) == (date(2024, 12, 1), date(2024, 12, 31))
    assert read_since(" 2024-06-30 ") == read_until("2024-06-30") == date(2024, 6, 30)
    for text in ("2024-02-30", "2024-13", "yesterday", "", "30.06.2024", "0000", "9999-12-31-1"):
        with pytest.raises(InvalidRequest, match="is no date"):
            read_since(text)
    assert read_until("9999") == date.max


def test_where_no_document_passes_the_answer_says_so(assistant: Assistant, several: Path) -> None:
    filters = Filters(types=["txt"], languages=["fr"])
    said = "No document passes these filters: type txt; language fr."
    answer = assistant.ask("When does the north gate close?", filters=filters)
    assert not answer.found
    assert answer.text.startswith(said)
    found = assistant.search("When does the north gate close?", filters=filters)
    assert (found.hits, found.searched) == ((), 0)
    assert found.notices[0].startswith(said)


def test_an_answer_rests_on_what_passes_and_where_it_is_not_there_says_what_was_searched(
    assistant: Assistant, several: Path
) -> None:
    *_, last = assistant.stream("When does the north gate close?", filters=Filters(folders=["hr-old"]))
    assert isinstance(last, Done)
    assert {c.source for c in last.answer.citations} == {"hr-old/gate.MD"}
    answer = assistant.ask("Who painted the Mona Lisa?", filters=Filters(languages=["en"]))
    assert not answer.found
    assert "Only documents that pass these filters were searched: language en." in answer.notices


def test_langchain_gets_what_passes(assistant: Assistant, several: Path) -> None:
    found = assistant.as_retriever("documents", filters=Filters(languages=["fr"])).invoke("north gate")
    assert [document.metadata["source"] for document in found] == ["portail.md"]


def test_a_document_that_the_reader_may_not_read_is_not_there_for_a_filter(assistant: Assistant, several: Path) -> None:
    ingest(assistant, [several / "hr" / "gate.md"], collection="shared")
    assistant.library.share("shared", ["bob"])
    (portail,) = (d for d in assistant.library.documents(reader=OWNER) if d.language == "fr")
    with pytest.raises(DocumentNotFound):
        assistant.retrieve("north gate", reader="bob", filters=Filters(documents=[portail.id]))
    with pytest.raises(InvalidRequest, match="by their codes: en"):
        assistant.retrieve("north gate", reader="bob", filters=Filters(languages=["fr"]))


WORDS = [f"word{n}" for n in range(400)]
QUERY = "word1 word2 word3 word4"
CHUNKS = 100
DOCUMENTS = 50


@pytest.fixture
def many(assistant: Assistant) -> Assistant:
    """5,001 chunks of chance words: 50 documents of 100, and one with a single chunk."""
    chance, library, embedder = random.Random(3), assistant.library, assistant.embedder
    collection = library.create_collection("c", embedder=assistant.models, dimension=embedder.dimension)
    assistant.index.create(collection.index_name, embedder.dimension)
    collection = library.fix_pivot(collection, 20.0)
    for number in range(DOCUMENTS + 1):
        texts = [" ".join(chance.choices(WORDS, k=chance.randint(5, 40))) for _ in range(CHUNKS if number else 1)]
        ends = np.cumsum([len(text) + 1 for text in texts]).tolist()
        spans = [ChunkSpan(end - len(text) - 1, end - 1, 1) for text, end in zip(texts, ends, strict=True)]
        blocks = [Block("paragraph", span.start, span.end, 1) for span in spans]
        parsed = ParsedDocument(f"{number}", " ".join(texts), blocks, [Page(1, 0, ends[-1] - 1)], "text/plain")
        counts = [term_counts(text, "en") for text in texts]
        name = f"{'even' if number % 2 == 0 else 'odd'}/{number}.txt"
        draft = Draft(f"/{name}", name, "0" * 64, f"v{number}", 1, "en", parsed, spans, counts)
        pending = library.versions.add_pending(collection, draft)
        library.versions.make_live(collection, [pending.version_id])
        vectors, pivot = embedder.encode_documents(texts), collection.pivot_length or 0.0
        each = zip(pending.chunk_ids, vectors, counts, strict=True)
        assistant.index.upsert(collection.index_name, [IndexRow(i, vector, document_vector(c, pivot)) for i, vector, c in each])
    return assistant


def by_brute_force(assistant: Assistant, allowed: Set[str]) -> dict[str, dict[int, float]]:
    """What each chunk of these documents scores in each leg, worked out one by one."""
    (collection,) = assistant.library.readable(OWNER)
    chunks: list[tuple[Chunk, dict[int, int]]] = [
        (chunk, counts) for chunk, counts in assistant.library.chunks.every(collection) if chunk.source in allowed
    ]
    query = assistant.embedder.encode_queries([QUERY])[0]
    cosines = assistant.embedder.encode_documents([chunk.text for chunk, _ in chunks]) @ query
    weights = query_weights(QUERY, "en", ["en"], lambda terms: assistant.library.chunks.counts([collection], terms)).found
    words = {}
    for chunk, counts in chunks:
        own = document_vector(counts, collection.pivot_length or 0.0)
        if score := sum(weight * own.get(term, 0.0) for term, weight in weights.items()):
            words[chunk.id] = score
    return {"dense": {c.id: float(s) for (c, _), s in zip(chunks, cosines, strict=True)}, "bm25": words}


def assert_best(found: Sequence[int], scores: dict[int, float], depth: int) -> None:
    assert set(found) <= set(scores)
    assert len(set(found)) == min(depth, len(scores))
    assert [scores[i] for i in found] == pytest.approx(sorted(scores.values(), reverse=True)[:depth], abs=1e-5)


def test_each_leg_finds_its_full_depth_of_the_best_that_pass_however_few_or_many(many: Assistant) -> None:
    everything = {d.source for d in many.library.documents(reader=OWNER)}
    assert sum(d.chunks for d in many.library.documents(reader=OWNER)) == 5_001
    all_but_one = sorted(everything - {"odd/7.txt"})
    of = many.library.readable(OWNER)
    for words in (WordIndex(many.library), None):  # BM25 in memory, and in the index
        retriever = Retriever(many.library, many.index, many.embedder, None, words=words)
        for filters, allowed in (
            (Filters(documents=["even/0.txt"]), {"even/0.txt"}),
            (Filters(documents=["odd/7.txt"]), {"odd/7.txt"}),
            (Filters(documents=["odd/7.txt", "even/8.txt"]), {"odd/7.txt", "even/8.txt"}),
            (Filters(folders=["even"]), {name for name in everything if name.startswith("even/")}),
            (Filters(documents=all_but_one), set(all_but_one)),
            (Filters(types=["txt"]), everything),
        ):
            found = retriever.search(QUERY, of, k=10, filters=filters)
            scores = by_brute_force(many, allowed)
            assert_best(found.stages["dense"], scores["dense"], retriever.depth)
            assert_best(found.stages["bm25"], scores["bm25"], retriever.depth)
            assert found.searched == len(scores["dense"])
        assert found.stages == retriever.search(QUERY, of, k=10).stages  # where all pass, as without a filter
