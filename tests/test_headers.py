"""The strict headers: what each response carries, and that only the page's own inline scripts get its nonce."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from doors.headers import StrictHeaders, with_nonce

PAGE = (
    "<html><head><title>&lt;script></title><script>one = '<script>'</script><SCRIPT type=module>two</SCRIPT>"
    '<script src="/own/page.js"></script></head><body><script>three</script></body></html>'
)


async def _page(request: Request) -> Response:
    headers = {"Content-Security-Policy": "default-src *", "X-Offered": request.headers.get("accept-encoding", "")}
    return HTMLResponse(PAGE, headers=headers)


async def _other(_: Request) -> Response:
    return JSONResponse({})


APP = StrictHeaders(Starlette(routes=[Route("/", _page), Route("/other", _other)]))


def get(path: str) -> tuple[dict[str, list[str]], str]:
    """The headers, each name with all its values, and the body."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [(b"accept-encoding", b"br")]}
    asyncio.run(APP(scope, receive, send))
    headers: dict[str, list[str]] = {}
    for name, value in sent[0]["headers"]:
        headers.setdefault(name.decode().lower(), []).append(value.decode())
    return headers, b"".join(message.get("body", b"") for message in sent[1:]).decode()


def test_the_page_names_a_nonce_of_its_own_and_gives_it_to_the_inline_scripts_of_its_head() -> None:
    headers, body = get("/")
    (policy,) = headers["content-security-policy"]
    script_policy = next(part for part in policy.split("; ") if part.startswith("script-src"))
    nonce = re.fullmatch(r"script-src 'self' 'nonce-([\w-]{24})' 'unsafe-eval'", script_policy)
    assert nonce, script_policy
    signed = f' nonce="{nonce[1]}"'
    assert body == PAGE.replace("<script>one", f"<script{signed}>one").replace("<SCRIPT type", f"<SCRIPT{signed} type")
    assert headers["content-length"] == [str(len(body))]
    assert headers["x-offered"] == [""]  # into a compressed page no nonce could be written
    assert get("/")[0]["content-security-policy"] != headers["content-security-policy"]


def test_whatever_is_not_the_page_may_load_nothing_and_is_shut_in_a_sandbox() -> None:
    for path in ("/other", "/none"):
        (policy,) = get(path)[0]["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert policy.endswith("; sandbox")
        assert "script" not in policy


def test_every_response_forbids_guessing_types_referring_and_framing() -> None:
    for path in ("/", "/other", "/none"):
        headers = get(path)[0]
        assert headers["x-content-type-options"] == ["nosniff"]
        assert headers["referrer-policy"] == ["no-referrer"]
        assert headers["x-frame-options"] == ["DENY"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"][0]


def test_a_tag_that_a_script_only_writes_gets_no_nonce() -> None:
    html = b"<head><script>a = '<script>b</scr' + 'ipt>'</script><script defer src=x></script></head>"
    assert with_nonce(html, "n") == html.replace(b"<script>a", b'<script nonce="n">a')
