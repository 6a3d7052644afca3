"""The server's file: in it a running server says, in its data folder, where it is and by which token this machine's owner gets in."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address
from pathlib import Path

NAME = "server.json"


@dataclass(frozen=True, slots=True)
class ServerFile:
    """What the file says. A command asks the server at `address` who it is, and shows `token`, by which the server lets it in as the
    local owner; the answer must show `proof`. Only then it asks for more: a stranger who listens where a server once did hears of the
    token alone, which opens nothing elsewhere and is made anew with each start."""

    address: str
    pid: int
    token: str = field(default_factory=secrets.token_urlsafe, repr=False)
    proof: str = field(default_factory=secrets.token_urlsafe, repr=False)


def read(data_dir: Path) -> ServerFile | None:
    """What the file of a data folder says; None where there is none, or none that can be understood."""
    try:
        said = json.loads((data_dir / NAME).read_text(encoding="utf-8"))
        found = ServerFile(**said)
    except (OSError, ValueError, TypeError):
        return None
    texts = (found.address, found.token, found.proof)
    return found if all(isinstance(text, str) and text for text in texts) else None


@contextmanager
def announced(data_dir: Path, listening: socket.socket) -> Iterator[ServerFile]:
    """Write the file, for this user's eyes alone, for as long as the server runs that listens at this socket."""
    file = ServerFile(address_of(listening), os.getpid())
    path, partial = data_dir / NAME, data_dir / f".{NAME}.{os.getpid()}"
    partial.unlink(missing_ok=True)  # of a killed process that had our number
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        json.dump(asdict(file), opened)
    partial.replace(path)
    try:
        yield file
    finally:
        with suppress(OSError):
            if read(data_dir) == file:  # not that of a server that came after
                path.unlink()


def address_of(listening: socket.socket) -> str:
    """Where this machine reaches the socket: a loopback address where it listens on all."""
    host, port = listening.getsockname()[:2]
    if ip_address(host.partition("%")[0]).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
