"""A Slack workspace on loopback: its Web API, its files, its response addresses and its sockets, and the events that it sends, signed
over HTTP or in envelopes. It holds what it gets to Slack's rules, and keeps every message as people there see it."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from tests.slack_rules import Refused, check_message, chunked

BOT_TOKEN, APP_TOKEN, SECRET = "xoxb-of-the-test", "xapp-of-the-test", "a secret to sign with"
TEAM, BOT = "T1HOME", "U1BOT"
_STAMPS = itertools.count(int(time.time()))  # across workspaces of one library

_SIGNS: dict[str, dict[str, bool]] = {
    "public": {}, "private": {"is_private": True}, "group": {"is_mpim": True, "is_private": True}, "direct": {"is_im": True},
}  # fmt: skip

Call = tuple[str, dict[str, Any]]
Message = dict[str, Any]


class Workspace:
    """In a `with` block. `users` and `channels` are what users.info and conversations.info say; `messages` what people see; `faults`
    what broke a rule. `target` is where events go over HTTP; without one they go over the newest socket."""

    def __init__(self) -> None:
        self.users: dict[str, dict[str, Any]] = {}
        self.channels: dict[str, dict[str, Any]] = {}
        self.messages: list[Message] = []
        self.whispers: list[Message] = []
        self.responses: list[Message] = []
        self.reactions: list[tuple[str, str]] = []
        self.statuses: list[dict[str, Any]] = []
        self.prompts: list[dict[str, Any]] = []
        self.files: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.calls: list[Call] = []
        self.faults: list[str] = []
        self.acknowledged: dict[str, float] = {}
        self.tokens_shown: list[str] = []
        self.sockets: list[ServerConnection] = []
        self.target = ""
        self._refusals: dict[str, list[str]] = {}
        self._limits: dict[str, list[float]] = {}
        self._until: dict[str, float] = {}
        self._lock = threading.RLock()
        self._api = ThreadingHTTPServer(("127.0.0.1", 0), _answering(self))
        self._api.daemon_threads = True
        self._socket: Server = serve(self._connected, "127.0.0.1", 0)

    def __enter__(self) -> Self:
        for serving in (self._api.serve_forever, self._socket.serve_forever):
            threading.Thread(target=serving, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._api.shutdown()
        self._api.server_close()
        self._socket.shutdown()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._api.server_address[1]}"

    @property
    def api_url(self) -> str:
        return f"{self.address}/api/"

    # What the test arranges

    def add_user(self, user: str, email: str = "", **more: Any) -> str:
        self.users[user] = {"id": user, "team_id": TEAM, "profile": {"email": email} if email else {}, **more}
        return user

    def add_channel(self, kind: str = "public") -> str:
        channel = f"{'D' if kind == 'direct' else 'C'}{next(_STAMPS)}"
        self.channels[channel] = {"id": channel, **_SIGNS[kind]}
        return channel

    def turn(self, channel: str, kind: str) -> None:
        """Make a channel private, or public."""
        self.channels[channel] = {"id": channel, **_SIGNS[kind]}

    def add_file(self, name: str, content: bytes, **more: Any) -> str:
        file = f"F{next(_STAMPS)}"
        described = {"id": file, "name": name, "size": len(content), "url_private_download": f"{self.address}/files/{file}"}
        self.files[file], self.contents[file] = described | more, content
        return file

    def refuse(self, method: str, code: str, times: int = 1) -> None:
        """Refuse the next calls of a method with this code."""
        self._refusals.setdefault(method, []).extend([code] * times)

    def limit(self, method: str, seconds: float, times: int = 1) -> None:
        """Answer 429 to the next calls; one that comes before the seconds are over is a fault. `respond` are the responses."""
        self._limits.setdefault(method, []).extend([seconds] * times)

    def forgive(self) -> None:
        """Take calls again before the seconds are over."""
        self._until.clear()

    # What people do

    def say(self, channel: str, user: str, text: str, *, thread: str = "", both: bool = False, **more: Any) -> str:
        """A person writes; the stamp of the message. With `both`, it comes as a message and as a mention."""
        stamp = f"{next(_STAMPS)}.000100"
        event = {"type": "message", "channel": channel, "user": user, "text": text, "ts": stamp, **more}
        if thread:
            event["thread_ts"] = thread
        self.messages.append({**event, "by": user})
        self.send(event)
        if both:
            self.send({**event, "type": "app_mention"})
        return stamp

    def send(self, event: Mapping[str, Any], *, event_id: str = "", retry: int = 0) -> float:
        """Send an event, and wait for its acknowledgement; the seconds that it took."""
        body = {
            "type": "event_callback", "team_id": TEAM, "api_app_id": "A1", "event_id": event_id or f"Ev{next(_STAMPS)}",
            "event_time": int(time.time()), "authorizations": [{"team_id": TEAM, "user_id": BOT, "is_bot": True}],
            "event": dict(event),
        }  # fmt: skip
        return self.deliver("events_api", body, retry=retry)

    def ask(self, channel: str, user: str, text: str) -> str:
        """The command /ask; the address that its answer goes to."""
        address = f"{self.address}/respond/{next(_STAMPS)}"
        body = {
            "command": "/ask", "text": text, "user_id": user, "channel_id": channel, "team_id": TEAM, "response_url": address,
            "trigger_id": f"{next(_STAMPS)}.1", "api_app_id": "A1", "token": "t",
        }  # fmt: skip
        self.deliver("slash_commands", body)
        return address

    def press(self, message: Message, user: str, action_id: str, value: str) -> None:
        """Press a button of a message."""
        body = {
            "type": "block_actions", "user": {"id": user, "team_id": TEAM}, "team": {"id": TEAM}, "api_app_id": "A1", "token": "t",
            "container": {"type": "message", "message_ts": message["ts"], "channel_id": message["channel"]},
            "channel": {"id": message["channel"]}, "message": message, "trigger_id": f"{next(_STAMPS)}.1",
            "response_url": f"{self.address}/respond/{next(_STAMPS)}",
            "actions": [{"type": "button", "action_id": action_id, "block_id": "b", "value": value, "action_ts": "1.1"}],
        }  # fmt: skip
        self.deliver("interactive", body)

    def deliver(self, kind: str, body: Mapping[str, Any], *, retry: int = 0) -> float:
        begun = time.perf_counter()
        if self.target:
            in_json = kind == "events_api"
            packed = (
                json.dumps(body) if in_json else urlencode(body if kind == "slash_commands" else {"payload": json.dumps(body)})
            )
            status = self.post(packed, "application/json" if in_json else "application/x-www-form-urlencoded", retry=retry)
            assert status == 200, status
        else:
            envelope = f"e{next(_STAMPS)}"
            more = {"retry_attempt": retry, "retry_reason": "timeout"} if kind == "events_api" else {}
            self._to_socket({"envelope_id": envelope, "type": kind, "payload": body, "accepts_response_payload": True, **more})
            self.wait_for(lambda: envelope in self.acknowledged, "an acknowledgement")
        return time.perf_counter() - begun

    def post(self, body: str, content_type: str, *, secret: str = SECRET, age: float = 0, retry: int = 0) -> int:
        """Post as Slack does; the status of the answer."""
        stamp = str(int(time.time() - age))
        signature = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        headers = {"Content-Type": content_type, "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={signature}"}
        if retry:
            headers |= {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": "http_timeout"}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.target, body.encode(), headers), timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    # What people see

    def thread(self, channel: str, stamp: str) -> list[Message]:
        """What the bot has said in a thread."""
        with self._lock:
            return [m for m in self.messages if m["channel"] == channel and m.get("thread_ts") == stamp and m["by"] == BOT]

    def wait_for(self, holds: Callable[[], Any], what: str, seconds: float = 20) -> Any:
        until = time.monotonic() + seconds
        while not (found := holds()):
            assert time.monotonic() < until, f"Nothing came of waiting for {what}. Calls: {self.calls[-6:]}"
            time.sleep(0.01)
        return found

    def answer(self, channel: str, stamp: str, *, number: int = 1) -> Message:
        """Wait for the bot's message of this number in a thread, for the end of its stream, and for the sign to go."""

        def finished() -> Message | None:
            said = self.thread(channel, stamp)
            whole = len(said) >= number and not said[number - 1].get("draft") and not self.reactions
            return said[number - 1] if whole else None

        found: Message = self.wait_for(finished, "an answer")
        return found

    def called(self, method: str) -> list[dict[str, Any]]:
        return [arguments for name, arguments in list(self.calls) if name == method]

    # Sockets

    def _connected(self, connection: ServerConnection) -> None:
        connection.send(json.dumps({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A1"}}))
        self.sockets.append(connection)
        try:
            for said in connection:
                acknowledgement = json.loads(said)
                self.acknowledged[acknowledgement["envelope_id"]] = time.perf_counter()
                if text := (acknowledgement.get("payload") or {}).get("text"):
                    self.responses.append({"text": text, "acknowledgement": True})
        except ConnectionClosed:
            pass
        finally:
            self.sockets.remove(connection)

    def _to_socket(self, envelope: Mapping[str, Any]) -> None:
        self.wait_for(lambda: self.sockets, "a socket")
        self.sockets[-1].send(json.dumps(envelope))

    def refresh(self) -> None:
        """Tell the bot that its connection goes away, as Slack does every few hours."""
        self._to_socket({"type": "disconnect", "reason": "refresh_requested", "debug_info": {}})

    # The Web API

    def call(self, method: str, arguments: dict[str, Any], token: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers and body of what Slack answers."""
        with self._lock:
            self.calls.append((method, arguments))
            if token != (APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN):
                return 200, {}, {"ok": False, "error": "invalid_auth"}
            if limited := self._limited(method):
                return 429, limited, {"ok": False, "error": "ratelimited"}
            if self._refusals.get(method):
                return 200, {}, {"ok": False, "error": self._refusals[method].pop(0)}
            try:
                return 200, {}, {"ok": True, **self._done(method, arguments)}
            except Refused as refused:
                self.faults.append(f"{method}: {refused} {json.dumps(arguments)[:300]}")
                return 200, {}, {"ok": False, "error": str(refused).split(":")[0]}

    def respond(self, address: str, arguments: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of what a `response_url` answers."""
        with self._lock:
            self.calls.append(("respond", arguments))
            if limited := self._limited("respond"):
                return 429, limited, b"rate_limited"
            try:
                check_message("respond", arguments)
            except Refused as refused:
                self.faults.append(f"respond: {refused}")
                return 400, {}, str(refused).encode()
            self.responses.append({**arguments, "address": address})
            return 200, {}, b"ok"

    def _limited(self, method: str) -> dict[str, str]:
        """What is said with a 429; nothing where the call is taken."""
        if self._limits.get(method):
            seconds = self._limits[method].pop(0)
            self._until[method] = time.monotonic() + seconds
            return {"Retry-After": str(int(seconds))}
        if time.monotonic() < self._until.get(method, 0.0):
            self.faults.append(f"{method} came before its Retry-After was over")
        return {}

    def _done(self, method: str, a: dict[str, Any]) -> dict[str, Any]:
        if method == "auth.test":
            return {"user_id": BOT, "bot_id": "B1BOT", "team_id": TEAM, "user": "footnote", "team": "Home", "url": self.address}
        if method == "apps.connections.open":
            return {"url": f"ws://127.0.0.1:{self._socket.socket.getsockname()[1]}/link"}
        if method == "users.info":
            return {"user": _known(self.users, a["user"], "user_not_found")}
        if method == "conversations.info":
            return {"channel": _known(self.channels, a["channel"], "channel_not_found")}
        if method == "files.info":
            return {"file": _known(self.files, a["file"], "file_not_found")}
        if method == "conversations.replies":
            return {
                "messages": [m for m in self.messages if a["ts"] in (m["ts"], m.get("thread_ts"))][: int(a.get("limit", 100))]
            }
        if method == "chat.getPermalink":
            return {"permalink": f"https://home.slack.example/archives/{a['channel']}/p{a['message_ts'].replace('.', '')}"}
        if method.startswith("reactions."):
            return self._react(method, a)
        if method == "assistant.threads.setStatus":
            self.statuses.append(a)
            return {}
        if method == "assistant.threads.setSuggestedPrompts":
            self.prompts.append(a)
            return {}
        return self._written(method, a)

    def _react(self, method: str, a: dict[str, Any]) -> dict[str, Any]:
        reaction = (a["timestamp"], a["name"])
        if (reaction in self.reactions) == (method == "reactions.add"):
            raise Refused("already_reacted" if method == "reactions.add" else "no_reaction")
        (self.reactions.append if method == "reactions.add" else self.reactions.remove)(reaction)
        return {}

    def _written(self, method: str, a: dict[str, Any]) -> dict[str, Any]:
        """Messages and streams."""
        if a["channel"] not in self.channels and a["channel"] not in self.users:
            raise Refused("channel_not_found")
        if a.get("thread_ts") and all(m["ts"] != a["thread_ts"] for m in self.messages):
            raise Refused("thread_not_found")
        check_message(method, a)
        if method in ("chat.postMessage", "chat.startStream"):
            made = {**a, "ts": f"{next(_STAMPS)}.000200", "by": BOT, "streaming": method == "chat.startStream"}
            made["blocks"] = [*(a.get("blocks") or ()), *chunked(a)]
            self.messages.append(made | {"draft": made["streaming"] or _is_draft(made)})
            return {"ts": made["ts"], "channel": a["channel"]}
        if method == "chat.postEphemeral":
            self.whispers.append(a)
            return {"message_ts": f"{next(_STAMPS)}.000300"}
        message = next((m for m in self.messages if m["ts"] == a["ts"] and m["by"] == BOT), None)
        if message is None:
            raise Refused("message_not_found")
        if method == "chat.delete":
            self.messages.remove(message)
        elif method == "chat.update":
            if message["streaming"]:
                raise Refused("streaming_state_conflict")
            message |= {"text": a.get("text"), "blocks": a["blocks"], "edits": message.get("edits", 0) + 1}
        elif method in ("chat.appendStream", "chat.stopStream"):
            if not message["streaming"]:
                raise Refused("message_not_in_streaming_state")
            message["blocks"] = [*message["blocks"], *chunked(a), *(a.get("blocks") or ())]
            message["streaming"] = method == "chat.appendStream"
        else:
            raise Refused(f"unknown_method:{method}")
        if len(message["blocks"]) > 50:
            raise Refused("invalid_blocks: more than 50")
        message["draft"] = message["streaming"] or _is_draft(message)
        return {"ts": message["ts"], "channel": message["channel"]}


def _known(of: Mapping[str, dict[str, Any]], name: str, code: str) -> dict[str, Any]:
    if name not in of:
        raise Refused(code)
    return of[name]


def _is_draft(message: Message) -> bool:
    return "Still being written" in json.dumps(message.get("blocks"))


def _answering(workspace: Workspace) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            is_json = "json" in (self.headers.get("Content-Type") or "")
            arguments = json.loads(sent or "{}") if is_json else {k: v[0] for k, v in parse_qs(sent).items()}
            arguments |= {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
            path, token = urlsplit(self.path).path, (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            if path.startswith("/api/"):
                status, headers, answer = workspace.call(path.removeprefix("/api/"), arguments, token)
                self._say(status, json.dumps(answer).encode(), {"Content-Type": "application/json", **headers})
            else:
                status, headers, body = workspace.respond(workspace.address + path, arguments)
                self._say(status, body, headers)

        def do_GET(self) -> None:
            if self.path.startswith("/api/"):
                self.do_POST()
                return
            workspace.tokens_shown.append(self.headers.get("Authorization") or "")
            content = workspace.contents.get(self.path.rpartition("/")[2])
            if self.headers.get("Authorization") != f"Bearer {BOT_TOKEN}" or content is None:
                self._say(200, b"<html>Log in to Slack</html>", {"Content-Type": "text/html; charset=utf-8"})
            else:
                self._say(200, content, {"Content-Type": "application/octet-stream"})

        def _say(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    return Answering
