"""Models: the collections that a reader may ask, and `footnote`, which is all of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from assistant.errors import CollectionNotFound
from assistant.records import Collection
from doors.authentication import reader_of
from doors.rest.errors import Refusal
from doors.rest.fields import Name
from doors.rest.naming import EVERYTHING
from doors.rest.route import RestRoute, failing, json_response
from doors.rest.shapes import Model, Models

router = APIRouter(prefix="/v1", route_class=RestRoute)
_ALL = {"id": EVERYTHING, "object": "model", "created": 0, "owned_by": "footnote"}


@router.get("/models", responses={200: {"model": Models}, **failing()}, summary="List the models")
def models(request: Request, reader: str = Depends(reader_of)) -> Response:
    """`footnote`, and each collection that the reader may read. One that was emptied is left out, unless it is shared."""
    readable = request.app.state.assistant.library.readable(reader)
    return json_response({"object": "list", "data": [_ALL, *(_model(c) for c in readable if c.offered)]})


@router.get("/models/{id:path}", responses={200: {"model": Model}, **failing(404)}, summary="One model")
def model(request: Request, id: Annotated[Name, Path(description="`footnote`, or a collection's name; it may hold `/`.")],
          reader: str = Depends(reader_of)) -> Response:  # fmt: skip
    if id == EVERYTHING:
        return json_response(_ALL)
    try:
        (found,) = request.app.state.assistant.library.readable(reader, [id])
    except CollectionNotFound as error:
        raise Refusal(str(error), 404, param="model", code="model_not_found") from error
    return json_response(_model(found))


def _model(collection: Collection) -> dict[str, Any]:
    return {"id": collection.name, "object": "model", "created": 0, "owned_by": collection.owner}
