"""The strict headers of every response. The page gets a policy with a nonce for its own inline scripts; whatever else is opened in
a browser is shut in a sandbox."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

# Gradio compiles its HTML templates and `js_on_load` with eval, and its components write style attributes.
_PAGE_POLICY = (
    "default-src 'self'", "script-src 'self' 'nonce-{nonce}' 'unsafe-eval'", "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:", "media-src 'self' blob:", "font-src 'self' data:", "connect-src 'self'", "frame-src 'self'",
    "worker-src 'self' blob:", "form-action 'self'", "object-src 'none'", "base-uri 'self'", "frame-ancestors 'none'",
)  # fmt: skip
# Passages, pictures, uploads and answers of our programs' addresses: opened by themselves they can do nothing, not even navigate.
_OTHER_POLICY = (
    "default-src 'none'", "img-src 'self' data:", "media-src 'self'", "style-src 'unsafe-inline'", "form-action 'none'",
    "base-uri 'none'", "frame-ancestors 'none'", "sandbox",
)  # fmt: skip
_OTHERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-dns-prefetch-control", b"off"),
)
_POLICY = b"content-security-policy"
_PAGES = frozenset({"/"})
# A script's start tag with all that it holds, so that what only looks like a tag inside a script is passed over.
_SCRIPT = re.compile(rb"<script(?P<attributes>[^>]*)>.*?</script\s*>", re.IGNORECASE | re.DOTALL)
_SOURCE = re.compile(rb"\ssrc\s*=", re.IGNORECASE)


class StrictHeaders:
    """An ASGI app that puts strict headers on each response of another, in place of those that it brings."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] in _PAGES:
            await self._app(_uncompressed(scope), receive, _Page(send).send)
        else:
            policy = "; ".join(_OTHER_POLICY)

            async def send_with_headers(message: Message) -> None:
                await send(_strict(message, policy) if message["type"] == "http.response.start" else message)

            await self._app(scope, receive, send_with_headers)


class _Page:
    """Holds a page back until it is whole, and gives its inline scripts the nonce that the policy names."""

    def __init__(self, send: Send) -> None:
        self._send, self._start, self._body = send, dict[str, Any](), bytearray()
        self._nonce = secrets.token_urlsafe(18)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = dict(message)
            return
        if message["type"] != "http.response.body":
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        body = with_nonce(bytes(self._body), self._nonce) if _is_html(self._start) else bytes(self._body)
        kept = [h for h in self._start["headers"] if h[0].lower() != b"content-length"]
        length = [h for h in self._start["headers"] if h[0].lower() == b"content-length"]
        if length and (self._body or length[0][1] == b"0"):  # what answers a HEAD has a length and no body
            kept.append((b"content-length", str(len(body)).encode()))
        policy = "; ".join(_PAGE_POLICY).format(nonce=self._nonce)
        await self._send(_strict({**self._start, "headers": kept}, policy))
        await self._send({"type": "http.response.body", "body": body, "more_body": False})


def with_nonce(html: bytes, nonce: str) -> bytes:
    """The page with the nonce on each inline script of its head. One that names a file gets none: it has to come from ourselves. Nor
    does one of the body, where documents and answers are shown; Gradio 6.31's only repeats a padding that the body has anyway."""
    given = f' nonce="{nonce}"'.encode()

    def sign(found: re.Match[bytes]) -> bytes:
        if _SOURCE.search(found["attributes"]):
            return found[0]
        after = found.start("attributes") - found.start()
        return found[0][:after] + given + found[0][after:]

    head, end, body = html.partition(b"</head")
    return _SCRIPT.sub(sign, head) + end + body


def _uncompressed(scope: Message) -> Message:
    """The request without the offer to take a compressed answer, into which no nonce could be written."""
    return {**scope, "headers": [h for h in scope["headers"] if h[0].lower() != b"accept-encoding"]}


def _is_html(start: Message) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in start["headers"])


def _strict(start: Message, policy: str) -> Message:
    headers = [(_POLICY, policy.encode()), *_OTHERS]
    ours = {name for name, _ in headers}
    return {**start, "headers": [h for h in start.get("headers", ()) if h[0].lower() not in ours] + headers}
