"""Questions and searches in the JSON of the contract, as the command line answers them."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import Field

from assistant.types import Answer as FoundAnswer
from assistant.types import Retrieval as Found
from doors.authentication import reader_of
from doors.in_json import retrieval_json
from doors.rest.answered import Asked, hit_with_address, keep
from doors.rest.fields import Body, FiltersGiven, Names, Question, TurnGiven, filters_of
from doors.rest.route import RestRoute, failing, json_response
from doors.rest.shapes import Answer, Retrieval
from doors.rest.working import follow, whole, work

router = APIRouter(prefix="/v1", route_class=RestRoute)


class AskRequest(Body):
    question: Question
    collections: Names = Field(default=[], description="All that the reader may read, where none is named.")
    filters: FiltersGiven | None = None
    history: list[TurnGiven] = Field(default=[], max_length=1000, description="The conversation so far, oldest first.")


class SearchRequest(Body):
    query: Question
    k: int = Field(default=10, ge=1, le=100, description="How many passages.")
    collections: Names = Field(default=[], description="All that the reader may read, where none is named.")
    filters: FiltersGiven | None = None


@router.post("/ask", responses={200: {"model": Answer}, **failing(404, 409, 429, 502)}, summary="Ask a question")
async def ask(request: Request, given: AskRequest, reader: str = Depends(reader_of)) -> Response:
    """The answer with its citations, each with the address that opens it, and the passages that it rests on."""
    history = [turn.turn() for turn in given.history]
    asked = Asked(given.question, given.collections, reader, filters_of(given.filters), history)
    answer = await whole(request, follow(request.app.state.questions, reader, lambda: asked.events(request)))
    return json_response(await run_in_threadpool(_answer, request, answer, reader))


@router.post("/search", responses={200: {"model": Retrieval}, **failing(404, 409, 429)}, summary="Search for passages")
async def search(request: Request, given: SearchRequest, reader: str = Depends(reader_of)) -> Response:
    """The passages nearest to a query, best first."""
    filters = filters_of(given.filters)

    def job() -> Found:
        request.app.state.warm_up.wait()
        found: Found = request.app.state.operations.search(
            given.query, collections=given.collections, filters=filters, reader=reader, k=given.k
        )
        return found

    found = await work(request.app.state.questions, reader, job)
    return json_response({**retrieval_json(found), "hits": [hit_with_address(request, hit) for hit in found.hits]})


def _answer(request: Request, answer: FoundAnswer, reader: str) -> dict[str, object]:
    shown = keep(request, answer, reader).json()
    addresses = [hit_with_address(request, hit)["url"] for hit in answer.hits]
    for hits in (shown["nearest"], shown["passages"]):  # the first is empty where an answer was found
        hits[:] = [{**hit, "url": address} for hit, address in zip(hits, addresses, strict=False)]
    return shown
