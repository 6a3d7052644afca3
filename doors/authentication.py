"""Authentication: whose a request is. Every request but `/health` and `/ready` passes here before anything else looks at it, and what
comes behind finds its reader in the request's scope.

Programs send `Authorization: Bearer fn_...`; browsers HTTP Basic, with the password or with a key of that user. Where there are no
accounts and the server listens on loopback alone, whoever asks is the local owner. So is, below `/local/` and nowhere else, a command
on this machine that shows the token of the server's file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from assistant.access import OWNER
from assistant.errors import LibraryError
from doors.accounts import KEY_PREFIX, Accounts
from doors.attempts import TooManyAttempts
from doors.headers import App, Message, Receive, Send
from doors.rest.errors import refusal

_SCOPE_KEY = "footnote.reader"
_LOCAL_KEY = "footnote.local"
_OPEN_TO_ALL = ("/health", "/ready")
_LOCAL = "/local/"
# Its callers are known by what they sign with, whatever name they reach the server by.
_SIGNED = ("/slack/events",)
_CHALLENGE = 'Basic realm="Footnote", charset="UTF-8"'
# A browser sends the password with every request, and scrypt takes a good part of a second.
_REMEMBERED_SECONDS = 600.0
_MOST_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request has no reader: what to say, with which status; `wait_seconds` where it may be tried again."""

    reason: str
    status: int = 401
    wait_seconds: int = 0


class Authentication:
    """Who sends a request, by its headers. Passwords that were verified lately are remembered by a digest that only this process can
    make, and only as long as the user has that very password and is not disabled: each request looks."""

    def __init__(self, accounts: Accounts, *, login_always: bool = False, local_token: str = "") -> None:
        self._accounts, self._login_always, self._local_token = accounts, login_always, local_token
        self._remembered = _Remembered()

    def login_wanted(self) -> bool:
        """Whether a reader must be named: where there are accounts, and wherever other machines can reach the server."""
        return self._login_always or self._accounts.exist()

    def is_local(self, authorization: str) -> bool:
        """Whether this header shows the token of the server's file."""
        kind, _, given = authorization.partition(" ")
        same = hmac.compare_digest(given.strip().encode("utf-8", "surrogatepass"), self._local_token.encode())
        return bool(self._local_token) and kind.lower() == "bearer" and same

    def reader(self, authorization: str, address: str) -> str | Refused:
        """The reader that this header names. `address` is the client's. Takes as long as a password is hashed."""
        kind, _, given = authorization.partition(" ")
        if kind.lower() == "bearer":
            return self._accounts.user_of_key(given.strip()) or Refused("This key opens nothing: it is wrong, or was revoked.")
        name, colon, password = _decoded(given).partition(":") if kind.lower() == "basic" else ("", "", "")
        if not colon:
            return Refused("A login is wanted: a user's name and password, or a key as `Authorization: Bearer fn_…`.")
        if password.startswith(KEY_PREFIX):
            user = self._accounts.user_of_key(password)
            return user if user and user == name.lower() else Refused("The key is not one of this user's.")
        return self._by_password(name, password, address)

    def _by_password(self, name: str, password: str, address: str) -> str | Refused:
        wrong = Refused("The name or the password is wrong.")
        stands = self._accounts.password_hash(name)
        known = self._remembered.find(name, password, stands)
        if known is None:
            with self._remembered.one_at_a_time(name):  # a page's first requests come together
                known = self._remembered.find(name, password, stands)
                if known is None:
                    try:
                        with self._accounts.attempts.one(name, address) as attempt:
                            verified = self._accounts.verify(name, password)
                            attempt.right = known = verified is not None
                    except TooManyAttempts as error:
                        return Refused(str(error), 429, error.seconds)
                    self._remembered.keep(name, password, verified.password_hash if verified else stands, right=known)
        return name.lower() if known else wrong


class _Remembered:
    """Which names and passwords were right or wrong lately, each against the hash that was the user's then. A wrong one is remembered
    too: a page with an old password asks many times, and saying the same again is no new guess."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._locks = [threading.Lock() for _ in range(64)]
        self._entries: OrderedDict[bytes, tuple[str | None, bool, float]] = OrderedDict()

    def one_at_a_time(self, name: str) -> threading.Lock:
        return self._locks[hash(name.lower()) % len(self._locks)]

    def find(self, name: str, password: str, stands: str | None) -> bool | None:
        """Whether this was right; None where it is not known, or known of another password than the user has now."""
        with self._lock:
            entry = self._entries.get(self._digest(name, password))
        if entry is None or entry[0] != stands or time.monotonic() > entry[2]:
            return None
        return entry[1]

    def keep(self, name: str, password: str, stands: str | None, *, right: bool) -> None:
        with self._lock:
            self._entries[self._digest(name, password)] = (stands, right, time.monotonic() + _REMEMBERED_SECONDS)
            while len(self._entries) > _MOST_REMEMBERED:
                self._entries.popitem(last=False)

    def _digest(self, name: str, password: str) -> bytes:
        said = f"{name.lower()}\0{password}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, said, hashlib.sha256)


class LoginGate:
    """Lets a request through with its reader in the scope, or answers it itself. Without a login only requests to a loopback name are
    served: through a name that another site points at this machine, its page could otherwise read here."""

    def __init__(self, app: App, authentication: Authentication, is_loopback: Callable[[str], bool]) -> None:
        self._app, self._authentication, self._is_loopback = app, authentication, is_loopback

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if scope["type"] == "http" and scope.get("path") in _SIGNED:
            scope[_SCOPE_KEY] = ""  # nobody's: it may read nothing
            await self._app(scope, receive, send)
            return
        try:
            reader = await run_in_threadpool(self._reader, scope)
        except LibraryError as error:
            reader = Refused(str(error), 503)
        if isinstance(reader, str):
            scope[_SCOPE_KEY] = reader
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _refusal(reader, scope["path"])(scope, receive, send)

    def _reader(self, scope: Message) -> str | Refused:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if scope.get("path", "").startswith(_LOCAL) and _from_here(scope):
            scope[_LOCAL_KEY] = self._authentication.is_local(headers.get("authorization", ""))
            if scope[_LOCAL_KEY]:
                return OWNER
        if self._authentication.login_wanted():
            if scope.get("path") in _OPEN_TO_ALL:
                return ""  # nobody's: it may read nothing
            client = scope.get("client")
            return self._authentication.reader(headers.get("authorization", ""), client[0] if client else "")
        host = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
        if not self._is_loopback(host.strip("[]")):
            return Refused(f"This server answers on this machine only, not as '{host}'.", 403)
        return OWNER


def reader_of(request: Request) -> str:
    """For whom a request reads, as the gate found out. A request that came by another way has none, and fails."""
    reader: str = request.scope[_SCOPE_KEY]
    return reader


def is_local(request: Request) -> bool:
    """Whether the gate let a request through for the token that it shows."""
    return request.scope.get(_LOCAL_KEY) is True


def _from_here(scope: Message) -> bool:
    """Whether the client is on this machine: on loopback, or at the very address that it asked."""
    client, server = scope.get("client") or ("",), scope.get("server") or ("",)
    try:
        return ip_address(client[0]).is_loopback or client[0] == server[0]
    except ValueError:
        return False


def _refusal(refused: Refused, path: str) -> JSONResponse:
    headers: dict[str, str] = {}
    if refused.status == 401:
        headers["WWW-Authenticate"] = _CHALLENGE
    if refused.wait_seconds:
        headers["Retry-After"] = str(refused.wait_seconds)
    return refusal(path, refused.reason, refused.status, headers=headers)


def _decoded(given: str) -> str:
    try:
        return base64.b64decode(given.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""
