"""Answering: what every door calls. A question is condensed, searched for and answered; each step is another module's."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from assistant.access import OWNER
from assistant.composing import Composer, nothing_there, shown, unsearched
from assistant.deciding import Rule
from assistant.errors import AnswerCutOff, InvalidRequest, LibraryError
from assistant.filters import EVERYTHING, Filters, nothing_passes
from assistant.generators.condensing import standing_alone
from assistant.library import Library, refuse_other_models
from assistant.limits import Limits
from assistant.originals import Originals
from assistant.passages import HITS_FOR_A_PASSAGE
from assistant.protocols import Embedder, Generator, Index, SparseEmbedder
from assistant.records import Collection
from assistant.retrieval import Retriever, without_unreadable
from assistant.stage_clock import StageClock
from assistant.types import Answer, Done, Event, Hit, Retrieval, Searching, Turn

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import Runnable

    from assistant.generators.line_writer import LineWriter
    from assistant.settings import Settings


class Assistant:
    """One library with its index and models: everything a door calls. Index and models are opened at their first use;
    `close()` (or leaving the `with`) gives them back. Safe to call from several threads after `warm_up()`."""

    def __init__(
        self,
        *,
        library: Library,
        originals: Originals,
        limits: Limits,
        open_index: Callable[[], Index],
        open_embedder: Callable[[], Embedder],
        make_retriever: Callable[[Library, Index, Embedder, SparseEmbedder | None], Retriever],
        make_generator: Callable[[Embedder], Generator],
        open_sparse: Callable[[Embedder], SparseEmbedder | None] = lambda _: None,
        keeps_token_signs: bool = False,
        make_line_writer: Callable[[], LineWriter | None] = lambda: None,
        rule: Rule | None = None,
        give_back: Callable[[], None] = lambda: None,
    ) -> None:
        self.library = library
        self.originals = originals
        self.limits = limits
        self._open_index = open_index
        self._open_embedder = open_embedder
        self._open_sparse = open_sparse
        self._make_retriever = make_retriever
        self._make_generator = make_generator
        self.keeps_token_signs = keeps_token_signs
        """Whether ingestion keeps what late interaction reranks by."""
        self._make_line_writer = make_line_writer
        self._give_back = give_back
        self.rule = rule
        """What decides, where it was fitted to the user's own questions; else the built-in rules do."""
        self.changing = threading.RLock()
        """Held by whoever changes library and index together, one at a time."""

    @classmethod
    def open(cls, settings: Settings | None = None, *, embedder: object = None, generator: object = None) -> Self:
        """An assistant by these settings; by the environment's where none are given. `embedder` takes the place of the one that they
        name: any Embedder, LangChain `Embeddings` or function of pymilvus.model. So does `generator`: any Generator or LangChain chat
        model. Raises SettingsError, LibraryError."""
        from assistant.settings import read_settings
        from assistant.wiring import make_assistant

        assistant = make_assistant(settings or read_settings(), embedder, generator)
        assert isinstance(assistant, cls)
        return assistant

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop what is being written, and give the index and the library back, so that another process may open them."""
        self._give_back()
        self.lend_index()
        for opened in ("generator", "line_writer"):
            self.__dict__.pop(opened, None)
        self.library.close()

    def lend_index(self) -> None:
        """Give the index alone back until it is used again, so that another process may open it meanwhile."""
        if "index" in self.__dict__:
            self.index.close()
        for opened in ("index", "retriever"):
            self.__dict__.pop(opened, None)

    def warm_up(self) -> None:
        """Open everything now, and run each collection's first search, which is the slow one."""
        for collection in self.library.readable(OWNER):
            if collection.chunks:
                self.retriever.search("warm up", [collection], k=1)
        _ = self.retriever, self.generator

    @cached_property
    def index(self) -> Index:
        return self._open_index()

    @cached_property
    def embedder(self) -> Embedder:
        return self._open_embedder()

    @cached_property
    def sparse(self) -> SparseEmbedder | None:
        """The model that weighs words; None where BM25 does."""
        return self._open_sparse(self.embedder)

    @property
    def models(self) -> str:
        """What a collection remembers: the embedder, and the model that weighs words where there is one."""
        return self.embedder.name if self.sparse is None else f"{self.embedder.name} + {self.sparse.name}"

    @cached_property
    def retriever(self) -> Retriever:
        return self._make_retriever(self.library, self.index, self.embedder, self.sparse)

    @cached_property
    def generator(self) -> Generator:
        return self._make_generator(self.embedder)

    @cached_property
    def line_writer(self) -> LineWriter | None:
        """What writes a context line for each chunk; None where none are wanted."""
        return self._make_line_writer()

    def retrieve(
        self,
        question: str,
        *,
        collection: str = "",
        collections: Sequence[str] = (),
        filters: Filters = EVERYTHING,
        reader: str = OWNER,
        k: int = 10,
    ) -> list[Hit]:
        """The k best passages, best first, of the documents that pass the filters. Raises CollectionNotFound; InvalidRequest for an
        empty question; DocumentNotFound and InvalidRequest for filters that name what is not there."""
        found = self.search(question, collection=collection, collections=collections, filters=filters, reader=reader, k=k)
        return list(found.hits)

    def search(
        self,
        question: str,
        *,
        collection: str = "",
        collections: Sequence[str] = (),
        filters: Filters = EVERYTHING,
        reader: str = OWNER,
        k: int = 10,
    ) -> Retrieval:
        """As `retrieve`, with the order of every stage and the time that it took. Where no document passes, a notice says so."""
        if not question.strip():
            raise InvalidRequest("The query is empty. Write what to look for.")
        return self._searched(question, [collection] if collection else collections, reader, k, filters)

    def ask(
        self,
        question: str,
        *,
        collection: str = "",
        collections: Sequence[str] = (),
        filters: Filters = EVERYTHING,
        reader: str = OWNER,
        history: Sequence[Turn] = (),
    ) -> Answer:
        """The answer to a question; `found` is False where the documents that pass the filters hold none. Raises as `retrieve` does,
        and ModelError."""
        *_, last = self.stream(
            question, collection=collection, collections=collections, filters=filters, reader=reader, history=history
        )
        assert isinstance(last, Done)
        return last.answer

    def stream(
        self,
        question: str,
        *,
        collection: str = "",
        collections: Sequence[str] = (),
        filters: Filters = EVERYTHING,
        reader: str = OWNER,
        history: Sequence[Turn] = (),
    ) -> Iterator[Event]:
        """The answer as it comes: Searching, Passages, Text pieces, then Done with the whole. Closing the iterator stops the
        generator. A generator that fails after its first words gives an answer that is marked as not complete."""
        if not question.strip():
            raise InvalidRequest("The question is empty. Write what you want to know.")
        started = time.perf_counter()
        names = [collection] if collection else collections
        of = self.library.readable(reader, names)
        if not any(c.chunks for c in of):
            yield nothing_there(question)
            return
        clock = StageClock()
        with clock.measure("load"):
            _ = self.retriever, self.generator
        with clock.measure("condense"):
            query, carried = standing_alone(self.generator, question, history)
        yield Searching(shown(query, carried))
        found = self._searched(query, names, reader, HITS_FOR_A_PASSAGE * self.limits.answer_passages, filters, carried)
        if filters and not found.searched:
            took = {**clock.milliseconds, **found.milliseconds, "total": _milliseconds_since(started)}
            yield unsearched(question, shown(query, carried), nothing_passes(filters), took)
            return
        for event in self.answer_from(found, question=question, history=history):
            if isinstance(event, Done):
                milliseconds = {**clock.milliseconds, **event.answer.milliseconds, "total": _milliseconds_since(started)}
                notices = (*event.answer.notices, *self._unfinished(of))
                if filters and not event.answer.found:
                    notices = (*notices, f"Only documents that pass these filters were searched: {filters}.")
                event = Done(replace(event.answer, milliseconds=milliseconds, notices=notices))
            yield event

    async def aask(
        self,
        question: str,
        *,
        collection: str = "",
        collections: Sequence[str] = (),
        filters: Filters = EVERYTHING,
        reader: str = OWNER,
        history: Sequence[Turn] = (),
    ) -> Answer:
        """As `ask`, in a thread, for a task that may not block. Cancelling it stops the generator."""
        events = self.astream(
            question, collection=collection, collections=collections, filters=filters, reader=reader, history=history
        )
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Done):
                    return event.answer
        raise AnswerCutOff

    def astream(
        self,
        question: str,
        *,
        collection: str = "",
        collections: Sequence[str] = (),
        filters: Filters = EVERYTHING,
        reader: str = OWNER,
        history: Sequence[Turn] = (),
    ) -> AsyncGenerator[Event]:
        """As `stream`, in a thread, for a task that may not block. Closing it, or cancelling the task, stops the generator: where a
        piece is being waited for, as soon as that has come."""
        from assistant.asynchronous import in_thread

        return in_thread(
            lambda: self.stream(
                question, collection=collection, collections=collections, filters=filters, reader=reader, history=history
            )
        )

    def as_retriever(
        self, collection: str = "", *, k: int = 8, filters: Filters = EVERYTHING, reader: str = OWNER
    ) -> BaseRetriever:
        """A LangChain retriever over a collection (all that the reader may read, where none is named)."""
        from assistant.langchain_retriever import FootnoteRetriever

        return FootnoteRetriever(assistant=self, collection=collection, k=k, filters=filters, reader=reader)

    def as_runnable(
        self, collection: str = "", *, filters: Filters = EVERYTHING, reader: str = OWNER
    ) -> Runnable[Any, dict[str, Any]]:
        """A LangChain runnable that answers from a collection (all that the reader may read, where none is named). It takes a
        question, a mapping with `question` and perhaps `history`, or messages, and gives `text`, `found`, `complete`, `confidence`,
        `citations` and the whole `answer`; streamed, each `piece` of the text before."""
        from assistant.langchain_runnable import answering

        return answering(
            lambda question, history: self.stream(
                question, collection=collection, filters=filters, reader=reader, history=history
            )
        )

    def answer_from(self, found: Retrieval, *, question: str, history: Sequence[Turn] = ()) -> Iterator[Event]:
        """The rest of a stream once the hits are there: Passages, Text pieces, then Done."""
        composer = Composer(self.library, self.embedder, self.generator, self.rule, self.limits.answer_passages)
        return composer.compose(found, question=question, history=history)

    def _unfinished(self, of: Sequence[Collection]) -> list[str]:
        waiting = len(self.library.versions.unembedded(of))
        return [f"{waiting} new documents are still being embedded; until then only their words are searched."] if waiting else []

    def _searched(self, query: str, names: Sequence[str], reader: str, k: int, filters: Filters, carried: str = "") -> Retrieval:
        of = self.library.readable(reader, names)
        if not any(c.chunks for c in of):
            return Retrieval(query, (), {}, {}, 0)
        refuse_other_models([c for c in of if c.chunks], self.models, self.embedder.dimension)
        try:
            found = self.retriever.search(query, of, k=k, carried=carried, filters=filters)
        except LibraryError:
            again = self.library.readable(reader, names)
            if [c.index_name for c in again] == [c.index_name for c in of]:
                raise
            # A reindex had put another index in the old one's place.
            found = self.retriever.search(query, again, k=k, carried=carried, filters=filters)
        return without_unreadable(found, self.library, reader)


def _milliseconds_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)
