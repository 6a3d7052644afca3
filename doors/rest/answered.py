"""An answered question as the routes hand it out: kept, so that each footnote has an address, and in the JSON of the contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from assistant.filters import EVERYTHING, Filters
from assistant.types import Answer, Event, Hit, Turn
from doors.in_json import answer_json, citation_json, hit_json


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with all that it is put to."""

    question: str
    collections: Sequence[str]
    reader: str
    filters: Filters = EVERYTHING
    history: Sequence[Turn] = ()

    def events(self, request: Request) -> Iterator[Event]:
        """Once the models are open, whatever asking gives, and raises."""
        state = request.app.state
        state.warm_up.wait()
        events: Iterator[Event] = state.operations.stream(
            self.question, collections=self.collections, filters=self.filters, reader=self.reader, history=self.history
        )
        return events


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer under the id that its links have. `at` is where they begin."""

    answer: Answer
    id: str
    links: Any
    at: str

    def address(self, number: int) -> str:
        address: str = self.links.of_footnote(self.id, number, at=self.at)
        return address

    def citations(self) -> list[dict[str, Any]]:
        return [{**citation_json(c), "url": self.address(c.number)} for c in self.answer.citations]

    def json(self) -> dict[str, Any]:
        """The answer of the contract, with its id and the address of each citation."""
        return {"answer": self.id, **answer_json(self.answer), "citations": self.citations()}


def keep(request: Request, answer: Answer, reader: str) -> Kept:
    """Remember where the answer's footnotes lead."""
    links = request.app.state.links
    return Kept(answer, links.keep(answer, reader=reader), links, here(request))


def here(request: Request) -> str:
    """Where links begin: nothing where the public address says it, else the address that the client itself used."""
    return "" if request.app.state.links.public else str(request.base_url)


def hit_with_address(request: Request, hit: Hit) -> dict[str, Any]:
    chunk, links = hit.chunk, request.app.state.links
    address = links.of_page(
        chunk.document_id, chunk.page, start=chunk.start, end=chunk.end, version=chunk.version, at=here(request)
    )
    return {**hit_json(hit), "url": address}
