"""From hits to the passages that an answer rests on, over real documents: neighbours joined, sections, repeats left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.deciding import confidence
from assistant.passages import passages_from, widened
from assistant.settings import Settings
from assistant.testing import HashingEmbedder, ScriptedEndpoint, in_turn, streamed
from assistant.types import Chunk, Hit
from assistant.wiring import make_assistant, make_generator
from ingestion import ingest
from ingestion.sample import sample_documents
from tests.conftest import FILES, WriteFile

# With 200 words each, of the 256 that a chunk may have, a paragraph is a chunk.
FILLING = "The baker keeps the oven warm and the flour dry, and looks after both. " * 14
LEAVE = [f"{said} {FILLING}".strip() for said in (
    "Leave is asked for in writing.", "Unused leave is lost in June.", "Leave is never paid out.", "Leave ends with notice.",
    "Leave is shared among parents.",
)]  # fmt: skip
HANDBOOK = "# Handbook\n\n## Leave\n\n" + "\n\n".join(LEAVE) + f"\n\n## Pay\n\nPay comes on the 27th. {FILLING}\n"


def chunks_of(assistant: Assistant, source: str, collection: str = "documents") -> list[Chunk]:
    (into,) = assistant.library.readable(OWNER, [collection])
    return [chunk for chunk, _ in assistant.library.chunks.every(into) if chunk.source == source]


def hits(chunks: Sequence[Chunk]) -> list[Hit]:
    """As a search would have found them, in this order."""
    return [Hit(chunk, 1 / place, {"fused": place}) for place, chunk in enumerate(chunks, 1)]


def spans(passages: Sequence[Hit]) -> list[tuple[int, int]]:
    return [(hit.chunk.start, hit.chunk.end) for hit in passages]


@pytest.fixture
def handbook(assistant: Assistant, write: WriteFile) -> list[Chunk]:
    """The chunks of a handbook: five on leave, one on pay."""
    ingest(assistant, [write("handbook.md", HANDBOOK)])
    chunks = chunks_of(assistant, "handbook.md")
    assert [chunk.heading_path[-1] for chunk in chunks] == ["Leave"] * 5 + ["Pay"]
    return chunks


def test_neighbours_become_one_passage_in_the_place_of_the_better(assistant: Assistant, handbook: list[Chunk]) -> None:
    found = passages_from(hits([handbook[5], handbook[2], handbook[0], handbook[1]]), assistant.library, count=4)
    assert spans(found) == [(handbook[5].start, handbook[5].end), (handbook[0].start, handbook[2].end)]
    joined = found[1]
    assert (joined.score, joined.ranks, joined.chunk.id) == (1 / 2, {"fused": 2}, handbook[2].id)
    text = assistant.library.stored(joined.chunk.document_id, reader=OWNER).text
    assert joined.chunk.text == text[joined.chunk.start : joined.chunk.end]
    assert [paragraph in joined.chunk.text for paragraph in LEAVE] == [True, True, True, False, False]


def test_a_passage_stays_within_three_chunks_and_one_section(assistant: Assistant, handbook: list[Chunk]) -> None:
    found = passages_from(hits(handbook), assistant.library, count=6)
    assert spans(found) == [
        (handbook[0].start, handbook[2].end), (handbook[3].start, handbook[4].end), (handbook[5].start, handbook[5].end),
    ]  # fmt: skip


def test_neighbours_that_are_joined_make_no_room_for_worse_hits(assistant: Assistant, handbook: list[Chunk]) -> None:
    found = passages_from(hits([handbook[0], handbook[1], handbook[5]]), assistant.library, count=2)
    assert spans(found) == [(handbook[0].start, handbook[1].end)]


def test_chunks_of_two_documents_are_no_neighbours(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write("a.md", f"Flour. {FILLING}"), write("b.md", f"Butter. {FILLING}")])
    found = passages_from(hits([*chunks_of(assistant, "a.md"), *chunks_of(assistant, "b.md")]), assistant.library, count=6)
    assert [hit.chunk.source for hit in found] == ["a.md", "b.md"]


def test_a_table_that_goes_on_is_joined_under_its_own_header(assistant: Assistant, write: WriteFile) -> None:
    rows = "".join(f"| {place} | loaf number {place} of the bakery by the river | {place * 3} |\n" for place in range(90))
    ingest(assistant, [write("prices.md", f"# Prices\n\n| Place | Loaf | Price |\n|---|---|---|\n{rows}")])
    chunks = chunks_of(assistant, "prices.md")
    assert len(chunks) >= 5
    assert [bool(chunk.header) for chunk in chunks] == [False] * 2 + [True] * (len(chunks) - 2)
    first, later = (passages_from(hits(pair), assistant.library, count=2) for pair in ([chunks[2], chunks[1]], chunks[3:5]))
    assert len(first) == len(later) == 1
    assert (first[0].chunk.header, first[0].chunk.text.count("Price\n")) == ("", 1)
    assert later[0].chunk.header == chunks[3].header


def test_a_passage_is_widened_within_its_section_and_never_into_another(assistant: Assistant, handbook: list[Chunk]) -> None:
    alone = widened(hits([handbook[1]]), assistant.library)
    assert spans(alone) == [(handbook[0].start, handbook[2].end)]
    assert alone[0].narrow == handbook[1]
    assert spans(widened(hits([handbook[4]]), assistant.library)) == [(handbook[2].start, handbook[4].end)]
    assert widened(hits([handbook[5]]), assistant.library) == hits([handbook[5]])
    two = widened(hits([handbook[1], handbook[3]]), assistant.library)
    assert spans(two) == [(handbook[0].start, handbook[2].end), (handbook[3].start, handbook[4].end)]


def test_a_document_that_was_removed_meanwhile_leaves_its_hits_as_they_are(assistant: Assistant, handbook: list[Chunk]) -> None:
    assistant.library.remove(handbook[0].document_id, reader=OWNER)
    found = passages_from(hits(handbook[:2]), assistant.library, count=2)
    assert widened(found, assistant.library) == found == hits(handbook[:2])


def test_a_document_that_was_changed_meanwhile_shows_no_more_of_its_old_version(
    assistant: Assistant, handbook: list[Chunk], write: WriteFile
) -> None:
    ingest(assistant, [write("handbook.md", HANDBOOK.replace("27th", "28th"))])
    assert widened(hits([handbook[1]]), assistant.library) == hits([handbook[1]])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    """Every file of the corpus and the sample, in small chunks."""
    with make_assistant(Settings(data_dir=tmp_path_factory.mktemp("data"), chunk_tokens=64)) as assistant:
        assistant.embedder = HashingEmbedder()
        ingest(assistant, [FILES, *sample_documents()])
        yield assistant


def test_every_passage_is_verbatim_and_on_its_pages_in_every_format(corpus: Assistant) -> None:
    joined = wider = over_pages = 0
    for document in corpus.library.documents(reader=OWNER):
        stored = corpus.library.stored(document.id, reader=OWNER)
        chunks = [chunk for chunk in chunks_of(corpus, document.source) if chunk.document_id == document.id]
        for found in (hits(chunks), hits(chunks[::-1]), hits(chunks[::2]), *(hits([chunk]) for chunk in chunks)):
            small = passages_from(found, corpus.library, count=6)
            wide = widened(small, corpus.library)
            for passages in (small, wide):
                for hit in passages:
                    chunk = hit.chunk
                    assert stored.text[chunk.start : chunk.end] == chunk.text != ""
                    assert chunk.pages == tuple(p for p in stored.pages if p.start < chunk.end and p.end > chunk.start)
                    assert stored.pages[chunk.page - 1].start <= chunk.start < stored.pages[chunk.page - 1].end
                    assert chunk.page_at(chunk.end - 1) == chunk.pages[-1].number
                    over_pages += len(chunk.pages) > 1
                assert_apart(passages)
            for hit, grown in zip(small, wide, strict=True):
                assert grown.chunk.start <= hit.chunk.start < hit.chunk.end <= grown.chunk.end
                assert grown.narrow in (None, hit.chunk)
                wider += grown.narrow is not None
            joined += len(small) < min(6, len(found))
    assert joined > 10
    assert wider > 50
    assert over_pages > 5


def assert_apart(passages: Sequence[Hit]) -> None:
    at = 0
    for start, end in sorted(spans(passages)):
        assert at <= start, "passages overlap"
        at = end


REPORT = "# Report {year}\n\n## Results\n\nSales of bread rose in the {quarter} quarter of {year} by {percent} %. " + FILLING


def test_a_report_that_was_saved_twice_is_one_passage_and_the_next_hit_takes_the_place(
    assistant: Assistant, write: WriteFile
) -> None:
    report = REPORT.format(year=2024, quarter="first", percent=5)
    ingest(assistant, [
        write("report.md", report), write("copy.html", f"<h1>Report 2024</h1><h2>Results</h2><p>{report.splitlines()[-1]}</p>"),
        write("pay.md", f"# Pay\n\nBread is paid for on the 27th. {FILLING}"),
    ])  # fmt: skip
    found = assistant.retrieve("How far did sales of bread rise?", k=3)
    assert {hit.chunk.source for hit in found[:2]} == {"report.md", "copy.html"}
    one, other = passages_from(found, assistant.library, count=2)
    assert (one.chunk, [chunk.source for chunk in one.same_as]) == (found[0].chunk, [found[1].chunk.source])
    assert other.chunk.source == "pay.md"
    answer = assistant.ask("By how much did sales of bread rise in the first quarter?")
    assert any(f"stands in {found[1].chunk.source}" in notice for notice in answer.notices), answer


def test_reports_that_differ_in_their_figures_alone_are_both_kept(assistant: Assistant, write: WriteFile) -> None:
    for name, quarter, percent in [("q1.md", "first", 5), ("q2.md", "second", 5), ("q3.md", "first", 6)]:
        ingest(assistant, [write(name, REPORT.format(year=2024, quarter=quarter, percent=percent))])
    found = passages_from(assistant.retrieve("How far did sales of bread rise?", k=3), assistant.library, count=3)
    assert {hit.chunk.source for hit in found} == {"q1.md", "q2.md", "q3.md"}
    assert all(hit.same_as == () for hit in found)


def test_deciding_still_sees_the_single_hits(assistant: Assistant, handbook: list[Chunk]) -> None:
    question = "When is unused leave lost, and is leave paid out?"
    found = assistant.search(question, k=assistant.limits.answer_passages)
    alone = confidence(found, found.hits, embedder=assistant.embedder)
    answer = assistant.ask(question)
    assert answer.found
    assert len(answer.hits) < len(found.hits)
    assert answer.confidence == alone


QUESTION = "When is unused leave lost?"


def test_a_written_answer_may_rest_on_what_stands_around_a_passage(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write("handbook.md", HANDBOOK)])
    chunks = chunks_of(assistant, "handbook.md")
    script = in_turn(streamed(["Unused leave is lost in June [1]. ", "Leave is asked for in writing [1]."]))
    with ScriptedEndpoint(script) as endpoint:
        settings = Settings(generator="openai", openai_base_url=endpoint.base_url, openai_model="m")
        assistant.generator = make_generator(settings, assistant.embedder)
        found = assistant.search(QUESTION, k=1)
        assert found.hits[0].chunk == chunks[1]
        *_, done = assistant.answer_from(found, question=QUESTION)
    (sent,) = endpoint.sent
    assert [paragraph in sent.prompt for paragraph in LEAVE] == [True, True, True, False, False]
    first, around = done.answer.citations  # type: ignore[union-attr]
    assert first.quote == "Unused leave is lost in June."
    assert around.quote == "Leave is asked for in writing."
    assert around.end <= chunks[1].start
    stored = assistant.library.stored(around.document_id, reader=OWNER)
    assert stored.text[around.start : around.end] == around.quote
    assert (around.page, around.version) == (1, chunks[1].version)


def test_an_answer_of_quotes_rests_on_the_passages_as_they_were_found(assistant: Assistant, handbook: list[Chunk]) -> None:
    *_, done = assistant.answer_from(assistant.search(QUESTION, k=1), question=QUESTION)
    assert [hit.chunk for hit in done.answer.hits] == [handbook[1]]  # type: ignore[union-attr]
