"""Retrieval over the real index: stages, several collections, stale rows, limits."""

from __future__ import annotations

import pytest

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.retrieval import Retriever
from ingestion import ingest
from tests.conftest import WriteFile


def test_every_hit_keeps_its_rank_and_score_at_each_stage(assistant: Assistant, write: WriteFile) -> None:
    ingest(
        assistant, [write(f"{i}.txt", f"Document {i} speaks of {word}.") for i, word in enumerate(["apples", "pears", "plums"])]
    )
    found = assistant.search("pears", k=2)
    assert next(h.chunk.text for h in found.hits) == "Document 1 speaks of pears."
    best = found.hits[0]
    assert best.ranks == {"bm25": 1, "dense": 1, "fused": 1, "reranked": 1}
    assert set(best.scores) == {*best.ranks, "maxsim"}
    assert set(found.milliseconds) == {"language", "embed", "dense", "bm25", "fuse", "rerank"}
    assert len(found.hits) == 2
    assert "bm25" not in found.hits[1].ranks


def test_several_collections_are_ranked_as_one_would_be(assistant: Assistant, write: WriteFile) -> None:
    texts = [f"{fruit} number {i} grows in the {place}" for i, (fruit, place) in enumerate(
        [("apple", "north"), ("pear", "south"), ("apple", "south"), ("plum", "east"), ("apple", "west"), ("pear", "west")]
    )]  # fmt: skip
    paths = [write(f"{i}.txt", text) for i, text in enumerate(texts)]
    ingest(assistant, paths, collection="all")
    ingest(assistant, paths[:3], collection="left")
    ingest(assistant, paths[3:], collection="right")
    together = assistant.search("apple in the west", collection="all")
    apart = assistant.search("apple in the west", collections=["left", "right"])
    assert [(h.chunk.text, h.ranks) for h in together.hits] == [(h.chunk.text, h.ranks) for h in apart.hits]
    assert len(together.hits) == 6


def test_rows_of_retired_versions_do_not_crowd_out_live_ones(assistant: Assistant, write: WriteFile) -> None:
    paths = [write(f"{i}.txt", f"This is the apple of all the apples that the apple tree has, number {i}.") for i in range(90)]
    ingest(
        assistant,
        [
            *paths,
            write("live.txt", "Here is only one apple, among many other words that are in this longer text about the garden."),
        ],
    )
    for document in assistant.library.documents(reader=OWNER):
        if document.source != "live.txt":
            assistant.library.remove(document.id, reader=OWNER)  # the index keeps its rows
    assert [h.chunk.source for h in assistant.retrieve("apple")] == ["live.txt"]


def test_words_that_stand_together_as_asked_decide_between_passages_of_the_same_words(
    assistant: Assistant, write: WriteFile
) -> None:
    apart = write("y.txt", "The engine stood in the yard until noon, red with rust; nobody there had seen a fire.")
    together = write("z.txt", "Until noon the red fire engine stood there in the yard; nobody had seen a rust with.")
    ingest(assistant, [apart, together])
    retriever = Retriever(assistant.library, assistant.index, assistant.embedder, None)
    found = retriever.search("red fire engine", assistant.library.readable(OWNER), k=2)
    assert [h.chunk.source for h in found.hits] == ["z.txt", "y.txt"]
    assert found.hits[0].scores["bm25"] == found.hits[1].scores["bm25"]
    assert found.stages["fused"][0] == found.hits[0].chunk.id


def test_what_is_looked_at_more_closely_does_not_depend_on_how_many_are_wanted(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write(f"{n}.txt", f"Fire came to a house that was red: number {n}.") for n in range(5)])
    ingest(assistant, [write("long.txt", "A red fire came to a house of the number six, by night and by day.")])
    retriever = Retriever(assistant.library, assistant.index, assistant.embedder, None, rerank_depth=2)
    of = assistant.library.readable(OWNER)
    few, many = (retriever.search("red fire", of, k=k) for k in (1, 6))
    assert few.stages["fused"] == many.stages["fused"]
    assert many.hits[-1].chunk.source == "long.txt"


def test_reciprocal_rank_fusion_and_no_rerank_can_be_chosen(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write("a.txt", "Apples are red."), write("b.txt", "Pears are green.")])
    retriever = Retriever(assistant.library, assistant.index, assistant.embedder, None, fusion="rrf")
    found = retriever.search("apples", assistant.library.readable(OWNER), k=5)
    assert found.hits[0].scores["fused"] == pytest.approx(1 / 61 + 1 / 61, abs=1e-6)
    assert "reranked" not in found.stages


def test_a_question_of_nothing_but_stop_words_still_has_the_dense_leg(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write("a.txt", "To be or not to be, that is the question of the prince in this long English play.")])
    found = assistant.search("the of and")
    assert found.stages["bm25"] == []
    assert len(found.hits) == 1


def test_an_empty_library_finds_nothing_and_k_must_be_positive(assistant: Assistant, write: WriteFile) -> None:
    assert assistant.retrieve("anything") == []
    ingest(assistant, [write("a.txt", "Text.")])
    with pytest.raises(ValueError, match="k is 0"):
        assistant.retrieve("anything", k=0)


def test_langchain_gets_documents_with_their_places(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write("a.md", "# Leave\n\nTwenty-eight days.")])
    (document,) = assistant.as_retriever("documents", k=3).invoke("leave")
    assert document.page_content == "Leave\n\nTwenty-eight days."
    assert document.metadata["source"] == "a.md"
    assert (document.metadata["page"], document.metadata["start"], document.metadata["end"]) == (1, 0, 25)
