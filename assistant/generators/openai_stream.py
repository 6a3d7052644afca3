"""One streamed request to an OpenAI-compatible endpoint, and what its answer says."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assistant.errors import EndpointError
from assistant.generators.bounded_body import bound, packed
from assistant.generators.limited_stream import LimitedStream, Piece, StreamLimits

if TYPE_CHECKING:
    import ssl

    import httpx2

# What the endpoint is told, and no more: the client would add the machine's platform and whatever OPENAI_CUSTOM_HEADERS says.
_HEADERS_SENT = frozenset({"host", "accept", "connection", "content-type", "content-length", "user-agent"})
_CONNECTED = frozenset(f"connection.{step}.complete" for step in ("connect_tcp", "connect_unix_socket", "start_tls"))
# What a server sends around each token takes 200 to 400 bytes, and a token has at most 16 characters (`most_characters`).
_LEAST_MOST_BYTES, _BYTES_A_CHARACTER = 8_000_000, 64


@dataclass(frozen=True, slots=True)
class Address:
    """Where requests go, and with which key; an empty key sends no Authorization header. Where `socket_file` is given, the server
    listens on that Unix socket, whatever host `base_url` names."""

    base_url: str
    api_key: str
    tls: ssl.SSLContext
    socket_file: str = ""


class CompletionStream:
    """The pieces of one completion. Iterating raises AnswerCutOff at a limit or when the stream ends without a finish reason,
    EndpointError for nonsense, and the client's own exceptions as they are. `close` ends the connection at once, from any
    thread."""

    def __init__(self, address: Address, request: Mapping[str, Any], limits: StreamLimits) -> None:
        self._address, self._request, self._limits = address, request, limits
        self._socket: socket.socket | None = None
        self._stream = LimitedStream(self._read, limits, self._hang_up)

    def __iter__(self) -> Iterator[Piece]:
        return iter(self._stream)

    def close(self) -> None:
        self._stream.close()

    def _hang_up(self) -> None:
        if self._socket is not None:
            # Closing a socket does not wake a thread that waits in recv; shutting it down does.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _read(self) -> Generator[Piece]:
        with self._http_client() as http:
            yield from _completion(self._address, self._request, http)

    def _http_client(self) -> httpx2.Client:
        """A client for one request. It reads no proxy, key or certificate from the environment, and follows no redirect: only
        the address that the user configured is contacted."""
        import httpx2

        left = max(0.1, self._limits.deadline - time.monotonic())
        return httpx2.Client(
            verify=self._address.tls,
            transport=httpx2.HTTPTransport(uds=self._address.socket_file) if self._address.socket_file else None,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(left, connect=min(10.0, left)),
            event_hooks={"request": [self._prepare], "response": [self._bound]},
        )

    def _prepare(self, request: httpx2.Request) -> None:
        for name in list(request.headers):
            if name.lower() not in _HEADERS_SENT:
                del request.headers[name]
        # A packed answer of a few kilobytes could unpack to gigabytes.
        request.headers["Accept-Encoding"] = "identity"
        if self._address.api_key:
            request.headers["Authorization"] = f"Bearer {self._address.api_key}"
        request.extensions["trace"] = self._keep_socket

    def _bound(self, response: httpx2.Response) -> None:
        bound(response, max(_LEAST_MOST_BYTES, _BYTES_A_CHARACTER * self._limits.most_characters))

    def _keep_socket(self, event: str, values: Mapping[str, Any]) -> None:
        if event in _CONNECTED:
            self._socket = values["return_value"].get_extra_info("socket")
            if self._stream.closed:
                self._hang_up()


def _completion(address: Address, request: Mapping[str, Any], http: httpx2.Client) -> Iterator[Piece]:
    import openai

    # Retries are the caller's, within its deadline. Without a key the client would take one from the environment.
    client = openai.OpenAI(base_url=address.base_url, api_key=address.api_key or "none", http_client=http, max_retries=0)
    with client.chat.completions.create(**request, stream=True) as stream:
        media_type = stream.response.headers.get("content-type", "").split(";")[0].strip().lower()
        if media_type in ("text/html", "application/xhtml+xml"):
            raise EndpointError(
                f"{address.base_url} answered with a web page, not with a completion. Check FOOTNOTE_OPENAI_BASE_URL; "
                "it usually ends in /v1."
            )
        if how := packed(stream.response):
            raise EndpointError(
                f"{address.base_url} answered packed ({how}), which was not asked for and is not unpacked. Switch that off in its "
                "server, or in what stands before it."
            )
        # Some servers ignore `stream` and answer whole.
        whole = media_type == "application/json"
        yield from _read_chunks([json.loads(stream.response.read())] if whole else map(_plain, stream), address)


def _plain(chunk: Any) -> object:
    return chunk.to_dict(warnings=False) if hasattr(chunk, "to_dict") else chunk


def _read_chunks(chunks: Iterable[object], address: Address) -> Iterator[Piece]:
    came, choices = 0, 0
    for chunk in chunks:
        came += 1
        if not isinstance(chunk, Mapping):
            raise EndpointError(f"{address.base_url} answered {str(chunk)[:200]!r}, which is no completion. Check the address.")
        if error := _error(chunk):
            raise EndpointError(f"{address.base_url} reported an error: {_message(error)}. Ask again, or read its log.")
        for choice in chunk.get("choices") or ():
            choices += 1
            # Servers that write several answers at once send them through each other.
            piece = None if choice.get("index") else _piece(choice)
            if piece:
                yield piece
            if piece and piece.finish_reason:
                return
    if came and not choices:
        raise EndpointError(f"{address.base_url} answered without any choice. Ask again; if it stays so, try another model.")


def _piece(choice: Mapping[str, Any]) -> Piece | None:
    """None for a delta that carries nothing: those are sent to keep a connection open and do not count as progress."""
    delta = choice.get("delta") or choice.get("message") or {}
    text, reason = delta.get("content"), choice.get("finish_reason")
    thinks = any(delta.get(name) for name in ("reasoning_content", "reasoning"))
    if not (text or reason or thinks):
        return None
    return Piece(text if isinstance(text, str) else "", str(reason or ""))


def _error(chunk: Mapping[str, Any]) -> object:
    """What a chunk reports; some servers put it into an object of its own, others beside what else they say."""
    return chunk.get("error") or (None if "choices" in chunk else chunk.get("message") or chunk.get("detail"))


def _message(error: object) -> str:
    return str(error.get("message", error) if isinstance(error, Mapping) else error)[:300]
