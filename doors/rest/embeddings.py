"""Embeddings by the model that the documents are embedded with."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import Field

from doors.authentication import reader_of
from doors.rest.errors import Refusal
from doors.rest.fields import Body, Name, Words
from doors.rest.naming import EVERYTHING
from doors.rest.route import RestRoute, failing, json_response
from doors.rest.shapes import Embeddings
from doors.rest.working import work

router = APIRouter(prefix="/v1", route_class=RestRoute)
MOST_TEXTS = 256
_MOST_CHARACTERS = 32_000

Input = Annotated[Words, Field(min_length=1, max_length=_MOST_CHARACTERS)]


class EmbeddingsRequest(Body):
    input: Input | Annotated[list[Input], Field(min_length=1, max_length=MOST_TEXTS)] = Field(
        description="A text, or several. Lists of tokens are not supported: another model's mean nothing to this one."
    )
    model: Name = Field(description="`footnote`, or the name of the embedder that the settings name.")
    encoding_format: Literal["float", "base64"] = Field(default="float", description="`base64` is of little-endian float32.")
    dimensions: int | None = Field(default=None, description="The embedder's own, if any.")
    input_type: Literal["document", "query"] = Field(
        default="document", description="Whether the texts are searched, or searched for: some embedders tell these apart."
    )
    user: Words | None = Field(default=None, description="Not read.")


@router.post("/embeddings", responses={200: {"model": Embeddings}, **failing(404, 429, 502)}, summary="Embed texts")
async def embeddings(request: Request, given: EmbeddingsRequest, reader: str = Depends(reader_of)) -> Response:
    """A vector of length one for each text. A text longer than the model reads is refused: its end would count for nothing."""
    state = request.app.state
    return json_response(await work(state.questions, reader, lambda: _embedded(state, given)))


def _embedded(state: Any, given: EmbeddingsRequest) -> dict[str, Any]:
    state.warm_up.wait()
    embedder = state.assistant.embedder
    if given.model not in (EVERYTHING, embedder.name):
        said = f"There is no embedder '{given.model}' here. Take '{embedder.name}', or '{EVERYTHING}'."
        raise Refusal(said, 404, param="model", code="model_not_found")
    if given.dimensions not in (None, embedder.dimension):
        raise Refusal(f"Vectors of '{embedder.name}' have {embedder.dimension} dimensions. Leave it out.", param="dimensions")
    texts = [given.input] if isinstance(given.input, str) else given.input
    tokens = embedder.count_tokens(texts)
    if max(tokens) > embedder.max_tokens:
        said = (
            f"Text {tokens.index(max(tokens))} has {max(tokens)} tokens; '{embedder.name}' reads {embedder.max_tokens}. Split it."
        )
        raise Refusal(said, param="input", code="context_length_exceeded")
    encode = embedder.encode_queries if given.input_type == "query" else embedder.encode_documents
    rows = encode(texts).astype("<f4")
    vectors = [base64.b64encode(row.tobytes()).decode() if given.encoding_format == "base64" else row.tolist() for row in rows]
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)],
        "model": embedder.name,
        "usage": {"prompt_tokens": sum(tokens), "total_tokens": sum(tokens)},
    }
