"""Why these passages: ranks, scores and times as people and programs see them."""

from __future__ import annotations

from dataclasses import replace

from assistant.answering import Assistant
from assistant.types import Answer, Chunk, Citation, Hit
from doors.in_json import answer_json, retrieval_json
from doors.page.conversation import Exchange, exchange_html
from doors.page.why_panel import why_html
from doors.why import footnotes, place, stages, table, times
from ingestion import ingest
from tests.conftest import WriteFile

CHUNK = Chunk(7, "d", "The gate", "gate.md", "It closes at nine.", 10, 28, 3, ("Times",), version="v")
HIT = Hit(CHUNK, 0.9, {"dense": 2, "fused": 1, "reranked": 1}, {"dense": 0.51, "fused": 0.8, "reranked": 0.9, "maxsim": 0.66})
CITATION = Citation(4, "d", "The gate", "gate.md", "v", 3, 13, 20, "closes", 1.0)
ANSWER = Answer(
    "When?", "When?", "At nine. [4]", found=True, complete=True, confidence=0.876, citations=[CITATION], hits=[HIT],
    milliseconds={"total": 1234.4, "embed": 12.2, "fuse": 0.3}, searched=1500,
)  # fmt: skip


def test_stages_stand_in_their_order_and_the_rerankers_own_scores_come_last() -> None:
    through = [("dense", "Meaning"), ("fused", "Joined"), ("reranked", "Reranked"), ("maxsim", "maxsim")]
    assert stages([HIT]) == through
    other = replace(HIT, ranks={"bm25": 1}, scores={"bm25": 3.0})
    assert stages([HIT, other]) == [("bm25", "Words"), *through]
    assert place(HIT, "dense") == ("2", "0.510")
    assert place(HIT, "maxsim") == ("", "0.660")
    assert place(HIT, "bm25") == ("", "")


def test_a_footnote_belongs_to_the_passage_that_its_quote_stands_in() -> None:
    assert footnotes(HIT, [CITATION]) == [4]
    for elsewhere in (replace(CITATION, document_id="e"), replace(CITATION, start=28), replace(CITATION, start=9)):
        assert footnotes(HIT, [elsewhere]) == []


def test_times_stand_in_the_order_of_the_stages() -> None:
    assert times(ANSWER.milliseconds) == "embed the question 12 ms, join 0 ms, in all 1,234 ms"


def test_the_table_of_a_terminal_fits_and_shows_nothing_that_it_would_obey() -> None:
    words = replace(HIT, scores={**HIT.scores, "bm25": 14.2, "a-reranker-of-a-long-name": 0.1}, ranks={**HIT.ranks, "bm25": 50})
    long = replace(HIT, chunk=replace(CHUNK, title="The \x1b[31mgate\n" * 9))
    lines = table([HIT, replace(words, scores={**words.scores, "maxsim": 1.0}), long], {}, searched=1500, citations=[CITATION])
    head, first, second, third, *_ = lines.splitlines()
    assert head.split() == [
        "Best",
        "3",
        "of",
        "1,500",
        "passages",
        "Words",
        "Meaning",
        "Joined",
        "Reranked",
        "a-reran…",
        "maxsim",
    ]
    assert first.split() == [
        "1", "The", "gate,", "page", "3", "[4]", "–", "2", "0.510", "1", "0.800", "1", "0.900", "–", "0.660",
    ]  # fmt: skip
    assert second.split()[6:8] == ["50", "14.200"]
    assert "\x1b" not in third
    assert max(map(len, table([words, HIT], {}, searched=9).splitlines()[:3])) <= 92  # six stages; five fit 80 columns
    assert max(map(len, table([replace(HIT, scores={**HIT.scores, "bm25": 1.0})], {}, searched=9).splitlines())) <= 82


def test_the_page_shows_each_passage_with_its_stages_and_nothing_active() -> None:
    hostile = replace(HIT, chunk=replace(CHUNK, title="<img src=x>", heading_path=('"><script>',), text='"><b>'))
    shown = why_html(2, replace(ANSWER, hits=[HIT, hostile]))
    assert "<td><b>2</b> 0.510</td>" in shown
    assert '<span class="cite">4</span>' in shown
    assert "The best 2 of 1,500 passages." in shown
    assert "0.88 of 1" in shown
    assert "in all 1,234 ms" in shown
    for active in ("<img", "<script", '"><b>'):
        assert active not in shown
    assert why_html(2, replace(ANSWER, hits=[])) == ""


def test_programs_get_the_stages_of_an_answer_and_of_a_search(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write("gate.md", "The north gate closes at nine."), write("lake.md", "The lake is deep.")])
    answer = answer_json(assistant.ask("When does the north gate close?"))
    first, second = answer["passages"]
    assert first["ranks"] == {"bm25": 1, "dense": 1, "fused": 1, "reranked": 1}
    assert set(first["scores"]) == {"bm25", "dense", "fused", "reranked", "maxsim"}
    assert (first["footnotes"], second["footnotes"]) == ([1], [])
    assert answer["searched"] == 2
    *stages, total = answer["milliseconds"].items()
    assert [stage for stage, _ in stages] == [
        "load", "condense", "language", "embed", "dense", "bm25", "fuse", "rerank", "decide", "passages", "generate", "cite",
    ]  # fmt: skip
    assert total[0] == "total"
    assert total[1] / 2 <= sum(milliseconds for _, milliseconds in stages) <= total[1]
    refused = answer_json(assistant.ask("Who painted the Mona Lisa?"))
    assert list(refused["milliseconds"])[-2:] == ["decide", "total"]
    assert [hit["start"] for hit in refused["passages"]] == [hit["start"] for hit in refused["nearest"]]
    assert retrieval_json(assistant.search("north gate"))["searched"] == 2


def test_the_page_says_how_many_statements_of_a_written_answer_are_borne_out() -> None:
    written = replace(ANSWER, stated=3, unsupported=["It is green."])
    said = "2 of 3 statements are borne out by the documents"
    assert said in exchange_html(Exchange(1, "When?", answer=written))
    assert (answer_json(written)["supported_share"], answer_json(ANSWER)["supported_share"]) == (0.6667, None)
    assert "borne out by the documents" not in exchange_html(Exchange(1, "When?", answer=ANSWER))
