"""Keeps what an endpoint sends within bounds before anybody reads it: a body ends at a number of bytes, and is never unpacked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from assistant.errors import EndpointError

if TYPE_CHECKING:
    import httpx2

_PACKED = "packed"


def bound(response: httpx2.Response, most_bytes: int) -> None:
    """Of a response whose body has not been read: reading more than `most_bytes` of it raises EndpointError, and a packed body is
    read as it came."""
    import httpx2

    assert isinstance(response.stream, httpx2.SyncByteStream)
    body: httpx2.SyncByteStream = response.stream

    class Bounded(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            came = 0
            for piece in body:
                came += len(piece)
                if came > most_bytes:
                    raise EndpointError(
                        f"{response.url} sent more than {most_bytes / 1e6:g} MB, which is no answer. Check the address, or its log."
                    )
                yield piece

        def close(self) -> None:
            body.close()

    response.stream = Bounded()
    response.extensions[_PACKED] = response.headers.pop("content-encoding", "")


def packed(response: httpx2.Response) -> str:
    """How the body of a bounded response is packed ("gzip"); empty where it is not."""
    name = str(response.extensions.get(_PACKED, "")).strip().lower()
    return "" if name == "identity" else name
