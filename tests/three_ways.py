"""What the three ways to run a model share: the sample, a reader that answers from the passages of its prompt, and what must hold of
every answer whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Callable

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.protocols import Generator
from assistant.types import Answer

FALSE = "Every member of staff receives a yacht."


def with_generator(sample: Assistant, make_generator: Callable[[], Generator]) -> Assistant:
    """The sample's library and index with another generator."""
    return Assistant(
        library=sample.library, originals=sample.originals, limits=sample.limits,
        open_index=lambda: sample.index, open_embedder=lambda: sample.embedder,
        make_retriever=lambda *_: sample.retriever, make_generator=lambda _: make_generator(),
    )  # fmt: skip


def read_and_answer(user: str) -> str:
    """The sentence of the prompt's passages that shares most words with the question, and its mark; then a falsehood with the same."""
    *_, asked = user.rsplit("where they do not say:\n\n", 1)
    wanted = set(re.findall(r"\w{3,}", asked.casefold()))
    passages = re.findall(r"^----- \w+ passage \[(\d+)\][^\n]*\n(.*?)\n----- \w+ end$", user, re.DOTALL | re.MULTILINE)
    sentences = [(n, line) for n, text in passages for line in re.split(r"(?<=[.!?])\s+|\n", text) if len(line.split()) > 3]
    number, best = max(sentences, key=lambda entry: len(wanted.intersection(re.findall(r"\w{3,}", entry[1].casefold()))))
    return f"{best.rstrip('.')} [{number}]. {FALSE} [{number}]."


def assert_proven(sample: Assistant, answer: Answer) -> None:
    """Whatever an answer cites stands in its document, character for character, on the page that it names; one that was cut off says
    so."""
    assert answer.complete or answer.notices
    for citation in answer.citations:
        document = sample.library.stored(citation.document_id, reader=OWNER)
        assert document.text[citation.start : citation.end] == citation.quote
        page = document.pages[citation.page - 1]
        assert page.start <= citation.start <= page.end
        assert f"[{citation.number}]" in answer.text
