"""Tabs: whose a tab of the page is, and whose a file on its way in. Gradio takes a tab's session hash, and the path of an upload, from
whoever names them; here each answers to its own reader alone, and what of Gradio the page does not use is closed."""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import JSONResponse

from doors.authentication import reader_of
from doors.headers import App, Message, Receive, Send

# What the page asks of Gradio (6.31). Any reader could else fetch an upload by its path, or read another tab's pictures and sounds.
_API = "/gradio_api/"
_USED = re.compile(
    r"/|/config/?|/(?:assets|static|svelte)/.*|/(?:favicon\.ico|theme\.css|robots\.txt|manifest\.json)"
    rf"|{_API}(?:queue/(?:join|data)|run/predict|upload|upload_progress|heartbeat/[^/]+|cancel|reset|startup-events|theme\.css|info|user)/?"
)
# What is said of an address where there is nothing, and where there is something for others.
NOTHING = "There is nothing here."
_MOST_BODY_BYTES = 1_000_000
_MOST_KEPT = 100_000


class Tabs:
    """The readers of sessions and uploads, in memory; of the many the oldest are forgotten. Safe to use from several threads."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, str] = OrderedDict()
        self._uploads: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()

    def claim(self, session: str, reader: str) -> bool:
        """Whether a session is the reader's. It is whose it was first."""
        with self._lock:
            first = self._sessions.setdefault(session, reader)
            self._sessions.move_to_end(session)
            while len(self._sessions) > _MOST_KEPT:
                self._sessions.popitem(last=False)
        return first == reader

    def keep_uploads(self, reader: str, paths: Sequence[str]) -> None:
        """Know that the reader uploaded these files. Two readers may upload the same bytes to one path."""
        with self._lock:
            self._uploads.update({(reader, path): None for path in paths})
            while len(self._uploads) > _MOST_KEPT:
                self._uploads.popitem(last=False)

    def uploaded_by(self, reader: str, paths: Sequence[str]) -> list[str]:
        """Those of the paths that the reader uploaded; each is given out once."""
        with self._lock:
            own = [path for path in dict.fromkeys(paths) if (reader, path) in self._uploads]
            for path in own:
                del self._uploads[reader, path]
        return own


class PageGate:
    """Refuses what of Gradio the page does not use, and requests that name another reader's session. Both get the words of what does
    not exist."""

    def __init__(self, app: App, tabs: Tabs) -> None:
        self._app, self._tabs = app, tabs

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope.get("path", "")
        asked = path.removeprefix(_API)
        reader = reader_of(Request(scope))
        sessions = _in_address(scope, asked)
        if asked.startswith("upload") and scope["method"] == "POST":
            send = self._keeping(reader, send)
        elif scope["method"] not in ("GET", "HEAD"):
            body, receive = await _read(receive)
            sessions += _in_body(body)
        refused = [session for session in sessions if session is None or not self._tabs.claim(session, reader)]
        app = _not_there if refused or _USED.fullmatch(path) is None else self._app
        await app(scope, receive, send)

    def _keeping(self, reader: str, send: Send) -> Send:
        """The answer to an upload, whose paths are kept as the reader's before the browser has them."""
        told = bytearray()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.body":
                told.extend(message.get("body", b""))
                if not message.get("more_body"):
                    self._tabs.keep_uploads(reader, _paths(bytes(told)))
            await send(message)

        return keep


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """The body, as far as it may go, and a way to receive it once more."""
    body, message = bytearray(), await receive()
    while True:
        body.extend(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body") or len(body) > _MOST_BODY_BYTES:
            break
        message = await receive()
    again = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def receive_again() -> Message:
        return again.pop() if again else await receive()

    return bytes(body), receive_again


def _in_address(scope: Message, asked: str) -> list[str | None]:
    query = parse_qsl(scope.get("query_string", b"").decode("latin-1"))
    within = [value for name, value in query if name in ("session_hash", "upload_id")]
    return [*within, *([asked.split("/")[1]] if asked.startswith("heartbeat/") else [])]


def _in_body(body: bytes) -> list[str | None]:
    """The session that a body names; None for one that is too long to tell."""
    if len(body) > _MOST_BODY_BYTES:
        return [None]
    try:
        said = json.loads(body) if body else None
    except ValueError:
        return []
    session = said.get("session_hash") if isinstance(said, dict) else None
    return [session] if isinstance(session, str) else []


def _paths(body: bytes) -> list[str]:
    try:
        said = json.loads(body)
    except ValueError:
        return []
    return [path for path in said if isinstance(path, str)] if isinstance(said, list) else []


async def _not_there(scope: Message, receive: Receive, send: Send) -> None:
    await JSONResponse({"error": NOTHING}, status_code=404)(scope, receive, send)
