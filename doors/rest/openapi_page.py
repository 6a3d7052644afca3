"""The reference: our own OpenAPI schema, and a page of it to read that needs no script and loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from doors.authentication import reader_of
from doors.rest.route import RestRoute, failing, json_response
from doors.rest.shapes import ChatCompletionChunk

router = APIRouter(route_class=RestRoute)
_STATIC = Path(__file__).parent.parent / "static"
_ABOUT = (
    "Answers from your own documents, each statement with a footnote that opens the exact quote. Send a key as "
    "`Authorization: Bearer fn_…`; `footnote keys add` makes one. A server without accounts, which only its own machine can reach, "
    "wants none. What a reader may not read is answered as what does not exist."
)


@router.get("/v1/openapi.json", responses=failing(), summary="This reference as OpenAPI")
def openapi(request: Request, reader: str = Depends(reader_of)) -> Response:
    return json_response(request.app.state.openapi)


@router.get(
    "/docs", responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}, **failing()}, response_class=Response,
    summary="This reference as a page",
)  # fmt: skip
def docs(request: Request, reader: str = Depends(reader_of)) -> HTMLResponse:
    return HTMLResponse(_page(request.app.state.openapi), headers={"Cache-Control": "no-store"})


def schema_of(routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """The OpenAPI schema of these routes. FastAPI's 422 is our 400."""
    schema = get_openapi(title="Footnote", version="1", description=_ABOUT, routes=routes)
    for methods in schema["paths"].values():
        for operation in methods.values():
            operation["responses"].pop("422", None)
    schemas = schema["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    chunk = ChatCompletionChunk.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= {**chunk.pop("$defs"), "ChatCompletionChunk": chunk}
    schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    schema["security"] = [{"key": []}]
    return schema


def _page(schema: Mapping[str, Any]) -> str:
    operations = [(path, method, operation) for path, methods in schema["paths"].items() for method, operation in methods.items()]
    contents = "".join(f'<li><a href="#{_anchor(path, method)}">{_name(path, method)}</a></li>' for path, method, _ in operations)
    failing = {status: said for *_, operation in operations for status, said in operation["responses"].items() if status >= "400"}
    errors = "".join(
        f"<tr><td><code>{status}</code></td><td>{_words(failing[status]['description'])}</td></tr>" for status in sorted(failing)
    )
    shapes = "".join(
        _shape(name, shape, schema) for name, shape in schema["components"]["schemas"].items() if "properties" in shape
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>REST – Footnote</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_style()}</style></head><body><main>'
        '<header><span class="wordmark">Footnote<sup>1</sup></span></header>'
        f"<h1>REST</h1><p>{_words(schema['info']['description'])}</p><ul>{contents}</ul>"
        f"{''.join(_operation(path, method, operation, schema) for path, method, operation in operations)}"
        f'<section id="errors"><h2>Errors</h2><p>In OpenAI\'s form: {_link("ErrorBody")}.</p><table>{errors}</table></section>'
        f"<h1>Shapes</h1>{shapes}</main></body></html>"
    )


def _operation(path: str, method: str, operation: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    parameters = [
        (p["name"], p["schema"], p.get("required", False), p.get("description", "")) for p in operation.get("parameters", ())
    ]
    bodies = "".join(
        f"<h3>Body, {escape(media_type)}</h3><p>{_words(_resolved(content['schema'], schema).get('description', ''))}</p>"
        f"{_table(_fields(_resolved(content['schema'], schema)), schema)}"
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items()
    )
    good = operation["responses"]["200"]
    returned = ", ".join(_returned(media_type, content, schema) for media_type, content in good.get("content", {}).items())
    failing = ", ".join(status for status in sorted(operation["responses"]) if status >= "400")
    fails = f'; <a href="#errors">fails with</a> {failing}' if failing else ""
    return (
        f'<section id="{_anchor(path, method)}"><h2>{_name(path, method)}</h2><p><b>{_words(operation["summary"])}.</b> '
        f"{_words(operation.get('description', ''))}</p>"
        f"{'<h3>Parameters</h3>' + _table(parameters, schema) if parameters else ''}{bodies}"
        f"<h3>Answer</h3><p>{returned}{fails}.</p></section>"
    )


def _returned(media_type: str, content: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    kind = f" ({_kind(content['schema'], schema)})" if content.get("schema") else ""
    return escape(media_type) + kind


def _shape(name: str, shape: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    said = _words(shape.get("description", ""))
    return f'<section id="{escape(name)}"><h2><code>{escape(name)}</code></h2><p>{said}</p>{_table(_fields(shape), schema)}</section>'


Field = tuple[str, Mapping[str, Any], bool, str]


def _fields(shape: Mapping[str, Any]) -> list[Field]:
    required = shape.get("required", ())
    return [(name, field, name in required, field.get("description", "")) for name, field in shape.get("properties", {}).items()]


def _table(rows: Sequence[Field], schema: Mapping[str, Any]) -> str:
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code>{'' if required else ' (optional)'}</td><td>{_kind(field, schema)}</td>"
        f"<td>{_words(said)}</td></tr>"
        for name, field, required, said in rows
    )
    return f"<table>{cells}</table>"


def _kind(field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """The type of a field in a few words."""
    if "$ref" in field:
        return _link(str(field["$ref"]).rpartition("/")[2])
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_kind(each, schema) for each in field["anyOf"] if each.get("type") != "null"))
    if "contentSchema" in field:
        return _kind(field["contentSchema"], schema)
    if "properties" in field:
        return ", ".join(_kind(each, schema) for each in field["properties"].values())
    if "enum" in field or "const" in field:
        return " or ".join(escape(str(value)) for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {_kind(field.get('items', {}), schema)}"
    return escape(str(field.get("type", "anything")))


def _link(shape: str) -> str:
    return f'<a href="#{escape(shape, quote=True)}"><code>{escape(shape)}</code></a>'


def _resolved(field: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schema["components"]["schemas"][field["$ref"].rpartition("/")[2]] if "$ref" in field else field
    return found


def _words(text: str) -> str:
    """Prose with its `code` marked."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))


def _name(path: str, method: str) -> str:
    return f"<code>{method.upper()} {escape(path)}</code>"


def _anchor(path: str, method: str) -> str:
    return escape(f"{method}{path.replace('/', '-').replace('{', '').replace('}', '')}", quote=True)


@cache
def _style() -> str:
    return "".join((_STATIC / name).read_text(encoding="utf-8") for name in ("linked.css", "reference.css"))
