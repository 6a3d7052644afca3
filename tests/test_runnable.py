"""The assistant in LangChain: a runnable in chains, whole, streamed, in batches and asynchronously; and the retriever's async way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel

from assistant.answering import Assistant
from assistant.errors import CollectionNotFound, InvalidRequest
from assistant.langchain_runnable import answering
from assistant.protocols import Vectors
from assistant.testing import HashingEmbedder
from assistant.types import Answer, Done, Event, Turn
from ingestion import ingest
from tests.conftest import WriteFile

LAMP = "# The lamp\n\nThe lamp is cleaned every Monday by the keeper.\n"
BELL = "# The bell\n\nThe bell is rung at noon by the sexton.\n"
QUESTION = "When is the lamp cleaned?"
SAID = "The lamp is cleaned every Monday by the keeper. [1]"


@pytest.fixture
def papers(assistant: Assistant, write: WriteFile) -> Assistant:
    ingest(assistant, [write("lamp.md", LAMP), write("bell.md", BELL)], collection="papers")
    assistant.warm_up()
    return assistant


def test_a_question_comes_out_as_its_answer(papers: Assistant) -> None:
    answered = papers.as_runnable("papers").invoke(QUESTION)
    assert set(answered) == {"text", "found", "complete", "confidence", "citations", "answer"}
    assert (answered["text"], answered["found"], answered["complete"]) == (SAID, True, True)
    assert answered["citations"][0].quote == "The lamp is cleaned every Monday by the keeper."
    assert isinstance(answered["answer"], Answer)


def test_streamed_it_comes_in_pieces_whose_sum_is_what_invoke_gives(papers: Assistant) -> None:
    runnable = papers.as_runnable("papers")

    async def later() -> list[dict[str, Any]]:
        return [chunk async for chunk in runnable.astream(QUESTION)]

    for chunks in (list(runnable.stream(QUESTION)), asyncio.run(later())):
        assert [set(chunk) for chunk in chunks[:-1]] == [{"piece"}]
        assert chunks[0]["piece"].startswith("The lamp is cleaned")
        whole = reduce(add, chunks)
        assert set(whole) == set(runnable.invoke(QUESTION))
        assert whole["text"] == SAID
    assert asyncio.run(runnable.ainvoke(QUESTION))["text"] == SAID


def test_it_takes_its_place_in_a_chain(papers: Assistant) -> None:
    prompt = PromptTemplate.from_template("When is the {thing} {done}?")
    chain = prompt | papers.as_runnable("papers") | RunnableLambda(lambda answered: answered["text"])
    lamp = {"thing": "lamp", "done": "cleaned"}
    assert chain.invoke(lamp) == SAID
    assert list(chain.stream(lamp)) == [SAID]
    assert chain.batch([lamp, {"thing": "bell", "done": "rung"}]) == [SAID, "The bell is rung at noon by the sexton. [1]"]
    assert asyncio.run(chain.abatch([lamp] * 3)) == [SAID] * 3
    beside = RunnableParallel(answered=papers.as_runnable("papers"), asked=RunnableLambda(str))
    assert beside.invoke(QUESTION)["asked"] == QUESTION
    into = papers.as_runnable("papers") | PromptTemplate.from_template("Translate: {text}")
    assert into.invoke(QUESTION).to_string() == f"Translate: {SAID}"


@pytest.mark.parametrize(
    "given",
    [
        {"question": "Who cleans it?", "history": [Turn("user", QUESTION), Turn("assistant", "Every Monday.")]},
        {"question": "Who cleans it?", "history": [("human", QUESTION), ("ai", "Every Monday.")]},
        [SystemMessage("Answer in verse."), HumanMessage(QUESTION), AIMessage("Every Monday."), HumanMessage("Who cleans it?")],
        [
            {"role": "user", "content": QUESTION},
            {"role": "assistant", "content": "Every Monday."},
            {"role": "user", "content": "Who cleans it?"},
        ],
        ChatPromptTemplate([("human", QUESTION), ("ai", "Every Monday."), ("human", "Who cleans it?")]).invoke({}),
    ],
)
def test_a_conversation_in_any_of_its_forms_is_the_questions_history(given: Any) -> None:
    heard = []

    def ask(question: str, history: Sequence[Turn]) -> Iterator[Event]:
        heard.append((question, list(history)))
        yield Done(Answer(question, question, "The keeper.", found=True, complete=True, confidence=1.0))

    assert answering(ask).invoke(given)["text"] == "The keeper."
    assert heard == [("Who cleans it?", [Turn("user", QUESTION), Turn("assistant", "Every Monday.")])]


def test_a_follow_up_is_understood_by_what_was_asked_before(papers: Assistant) -> None:
    answer = papers.as_runnable("papers").invoke([HumanMessage(QUESTION), HumanMessage("Who cleans it?")])["answer"]
    assert answer.question == "Who cleans it?"
    assert "lamp" in answer.query


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"input": QUESTION}, "A question was expected under 'question', among 'input'"),
        ({"question": QUESTION, "history": "none"}, "Turns or messages were expected, and this is str"),
        ({"question": QUESTION, "history": [7]}, "This is neither a Turn nor a message: 7"),
        ([HumanMessage(QUESTION), AIMessage("Every Monday.")], "The last message is not a person's"),
        ([], "The last message is not a person's"),
        (7, "Turns or messages were expected, and this is int"),
        (" ", "The question is empty"),
    ],
)
def test_what_is_no_question_is_refused_in_plain_words(papers: Assistant, given: Any, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        papers.as_runnable().invoke(given)
    with pytest.raises(InvalidRequest, match=words):
        asyncio.run(papers.as_runnable().ainvoke(given))


def test_it_reads_for_its_reader_alone(papers: Assistant) -> None:
    with pytest.raises(CollectionNotFound):
        papers.as_runnable("papers", reader="bob").invoke(QUESTION)
    assert papers.as_runnable(reader="bob").invoke(QUESTION)["found"] is False


class WhereItRuns(HashingEmbedder):
    """Knows in which threads queries were encoded."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[threading.Thread] = set()

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        self.threads.add(threading.current_thread())
        return super().encode_queries(texts)


def test_the_retriever_gives_the_same_asynchronously_in_a_thread_beside(assistant: Assistant, write: WriteFile) -> None:
    assistant.embedder = embedder = WhereItRuns()
    ingest(assistant, [write("lamp.md", LAMP), write("bell.md", BELL)], collection="papers")
    retriever = assistant.as_retriever("papers", k=2)
    whole = retriever.invoke(QUESTION)
    assert whole[0].metadata["source"].endswith("lamp.md")
    embedder.threads.clear()
    assert asyncio.run(retriever.ainvoke(QUESTION)) == whole
    assert embedder.threads
    assert threading.main_thread() not in embedder.threads
