"""The word index: the scores of the formula, whatever was added, changed and removed since it was made."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from functools import partial

import pytest

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.chunks import Chunks
from assistant.lexical import document_vector, term_counts
from assistant.library import Library
from assistant.query_weights import query_weights
from assistant.recent_texts import RecentTexts
from assistant.records import Collection
from assistant.retrieval import Retriever
from assistant.settings import Settings
from assistant.word_index import MOST_BLOCKS, WordIndex
from ingestion import forget, ingest
from ingestion.reindexing import reindex
from tests.conftest import WriteFile

WORDS = [f"word{n}" for n in range(60)]


def expected(assistant: Assistant, query: Mapping[int, float]) -> dict[int, float]:
    """The inner product of every live chunk that shares a term, by the definition."""
    (collection,) = assistant.library.readable(OWNER)
    assert collection.pivot_length is not None
    scores = {}
    for chunk, counts in assistant.library.chunks.every(collection):
        weights = document_vector(counts, collection.pivot_length)
        score = sum(weight * weights.get(term, 0.0) for term, weight in query.items())
        if score > 0:
            scores[chunk.id] = score
    return scores


def assert_exact(assistant: Assistant, words: WordIndex, text: str) -> None:
    (collection,) = assistant.library.readable(OWNER)
    languages = list(assistant.library.languages([collection]))
    counted = partial(assistant.library.chunks.counts, [collection])
    query = query_weights(text, languages[0], languages, counted).found
    wanted = expected(assistant, query)
    assert wanted
    assert dict(words.search(collection, query, 1000)) == pytest.approx(wanted, rel=1e-5)
    best = words.search(collection, query, 3)
    assert [score for _, score in best] == pytest.approx(sorted(wanted.values(), reverse=True)[:3], rel=1e-5)


def test_scores_are_those_of_the_formula_through_additions_changes_and_removals(assistant: Assistant, write: WriteFile) -> None:
    chance = random.Random(5)
    words = WordIndex(assistant.library)

    def text() -> str:
        return " ".join(chance.choice(WORDS) for _ in range(chance.randint(5, 60)))

    for round_ in range(MOST_BLOCKS + 3):  # so many that blocks are merged
        ingest(assistant, [write(f"{round_}/{n}.txt", text()) for n in range(4)])
        assert_exact(assistant, words, "word1 word2 word3 word3")
    ingest(assistant, [write("0/0.txt", text()), write("5/1.txt", text())])
    assert_exact(assistant, words, "word4 word5")
    for document in assistant.library.documents(reader=OWNER)[::3]:
        forget(assistant, document.id)
    assert_exact(assistant, words, "word6 word7 word8")
    reindex(assistant, "documents")  # takes a new pivot length
    assert_exact(assistant, words, "word9 word10")


def test_a_search_in_it_finds_what_a_search_in_the_index_finds(assistant: Assistant, write: WriteFile) -> None:
    chance = random.Random(6)
    ingest(assistant, [write(f"{n}.txt", " ".join(chance.choice(WORDS) for _ in range(30))) for n in range(30)])
    of = assistant.library.readable(OWNER)
    query = "word1 word2 word3"
    in_index = Retriever(assistant.library, assistant.index, assistant.embedder, None).search(query, of, k=10)
    in_memory = Retriever(assistant.library, assistant.index, assistant.embedder, None, words=WordIndex(assistant.library))
    assert [hit.score for hit in in_memory.search(query, of, k=10).hits] == pytest.approx([hit.score for hit in in_index.hits])


def test_nothing_is_found_in_an_empty_collection_or_for_unknown_words(assistant: Assistant, write: WriteFile) -> None:
    words = WordIndex(assistant.library)
    collection = assistant.library.create_collection("empty", embedder="e", dimension=4)
    assert words.search(collection, {7: 1.0}, 10) == []
    ingest(assistant, [write("a.txt", "The gate closes at nine.")])
    (full,) = assistant.library.readable(OWNER, ["documents"])
    assert words.search(full, {7: 1.0}, 10) == []


class Watched(Chunks):
    """The chunks of a library, with something to do once it was said which are live."""

    def __init__(self, library: Library, then: Callable[[], None]) -> None:
        super().__init__(library.database, RecentTexts())
        self._then = then

    def ids_of(self, collection: Collection) -> set[int]:
        found = super().ids_of(collection)
        self._then()
        return found


def test_documents_that_another_thread_removes_while_they_are_looked_up_are_not_found(
    assistant: Assistant, settings: Settings, write: WriteFile
) -> None:
    ingest(assistant, [write("a.txt", "The gate closes at nine."), write("b.txt", "The gate opens at six.")])

    def remove_all() -> None:
        for document in library.documents(reader=OWNER):
            library.remove(document.id, reader=OWNER)

    def in_a_thread() -> None:
        thread = threading.Thread(target=remove_all)
        thread.start()
        thread.join()

    library = Library(f"sqlite:///{settings.data_dir / 'library.sqlite3'}")
    library.chunks = Watched(library, in_a_thread)
    (collection,) = library.readable(OWNER)
    words, query = WordIndex(library), dict.fromkeys(term_counts("gate closes", "en"), 1.0)
    assert WordIndex(assistant.library).search(collection, query, 10)
    assert words.search(collection, query, 10) == []
    assert words.search(collection, query, 10) == []
    library.close()


def test_searches_go_on_while_documents_are_removed(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write(f"{n}.txt", f"The gate closes at {WORDS[n]}.") for n in range(30)])
    (collection,) = assistant.library.readable(OWNER)
    there = assistant.library.documents(reader=OWNER)
    words, query = WordIndex(assistant.library), dict.fromkeys(term_counts("gate closes", "en"), 1.0)
    removing = threading.Thread(target=lambda: [assistant.library.remove(d.id, reader=OWNER) for d in there[1:]])
    removing.start()
    counts = [len(words.search(collection, query, 100))]
    while removing.is_alive():
        counts.append(len(words.search(collection, query, 100)))
    removing.join()
    assert counts == sorted(counts, reverse=True)
    assert len(words.search(collection, query, 100)) == 1


def test_what_is_live_is_read_again_only_after_it_changed_in_that_collection(
    assistant: Assistant, settings: Settings, write: WriteFile
) -> None:
    path = write("a.txt", "The gate closes at nine.")
    ingest(assistant, [path], collection="mine")
    ingest(assistant, [write("b.txt", "The gate opens at six.")], collection="other")
    read: list[None] = []
    library = Library(f"sqlite:///{settings.data_dir / 'library.sqlite3'}")
    library.chunks = Watched(library, lambda: read.append(None))
    mine, other = library.readable(OWNER)
    words, query = WordIndex(library), dict.fromkeys(term_counts("gate", "en"), 1.0)
    (document,) = library.documents(reader=OWNER, names=["mine"])
    for change in (
        lambda: library.places.stamp(mine, {str(path): "stamp"}),
        lambda: library.versions.mark_embedded(library.versions.unembedded([mine])),
        lambda: library.places.add(mine, document.id, place="/elsewhere", source="elsewhere"),
        lambda: library.places.leave(mine, "/elsewhere"),
        lambda: library.places.leave(other, str(path.with_name("b.txt"))),
    ):
        assert len(words.search(mine, query, 10)) == 1
        change()
    assert len(words.search(mine, query, 10)) == 1
    assert len(read) == 1
    assert library.places.leave(mine, str(path))
    assert words.search(mine, query, 10) == []
    assert len(read) == 2
    library.close()
