"""Out of the box not one packet leaves the machine: every connection and every datagram of real runs, watched by strace."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.conftest import FILES

ROOT = Path(__file__).parent.parent
# An address of the Internet families in a system call's arguments.
_ADDRESS = re.compile(
    r'sa_family=AF_INET6?, sin6?_port=htons\((\d+)\), .*?(?:inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)")'
)
# A name look-up leaves the machine, also where a resolver on loopback takes it on its way.
_LOOK_UPS = "53"


def addresses(trace: Path) -> set[tuple[str, str]]:
    """Address and port of everything that was spoken to."""
    return {(four or six, port) for port, four, six in _ADDRESS.findall(trace.read_text(errors="replace"))}


def beyond_loopback(trace: Path) -> set[str]:
    return {a for a, port in addresses(trace) if port == _LOOK_UPS or not _is_loopback(a)}


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address in ("::1", "0.0.0.0", "::", "::ffff:127.0.0.1")


def watched(strace: str, trace: Path, *command: str) -> list[str]:
    return [strace, "-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(trace), *command]


def environment(data: Path) -> dict[str, str]:
    return {**os.environ, "FOOTNOTE_DATA_DIR": str(data), "PYTHONPATH": str(ROOT)}


def test_the_watch_sees_a_connection_and_a_name_look_up(strace: str, tmp_path: Path) -> None:
    program = (
        "import socket\n"
        "s = socket.socket(); s.settimeout(.1)\ntry:\n s.connect(('192.0.2.1', 9))\nexcept OSError: pass\n"
        "d = socket.socket(type=socket.SOCK_DGRAM)\ntry:\n d.sendto(b'x', ('192.0.2.53', 53))\nexcept OSError: pass\n"
        "d.sendto(b'x', ('127.0.0.53', 53))\nd.sendto(b'x', ('127.0.0.2', 5353))\n"
        "v6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\ntry:\n v6.sendto(b'x', ('::1', 53))\nexcept OSError: pass\n"
    )
    trace = tmp_path / "trace"
    subprocess.run(watched(strace, trace, sys.executable, "-c", program), check=True, timeout=60)
    assert beyond_loopback(trace) == {"192.0.2.1", "192.0.2.53", "127.0.0.53", "::1"}


def test_ingest_and_ask_talk_to_nobody(strace: str, tmp_path: Path) -> None:
    data, trace = tmp_path / "data", tmp_path / "trace"
    for arguments in (
        ["ingest", str(FILES / "report.pdf"), str(FILES / "guide.md"), "--sample"],
        ["ask", "How many days of leave?"],
    ):
        command = watched(strace, trace, sys.executable, "-m", "doors.cli", *arguments)
        ran = subprocess.run(command, env=environment(data), capture_output=True, text=True, timeout=240)
        assert ran.returncode == 0, ran.stderr
        assert "/footnote-" in trace.read_text(errors="replace")  # the socket of the index: the watch was on
        assert addresses(trace) == set()  # not even a port of this machine


def test_serving_the_page_talks_to_nobody(strace: str, tmp_path: Path) -> None:
    data, trace = tmp_path / "data", tmp_path / "trace"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = watched(strace, trace, sys.executable, "-m", "doors.cli", "serve", "--port", str(port))
    server = subprocess.Popen(
        command, env=environment(data), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        assert b"<html" in fetched(f"http://127.0.0.1:{port}/").lower()
        assert "version" in json.loads(fetched(f"http://127.0.0.1:{port}/config"))
        time.sleep(12)  # what a library does in the background after the start
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)
    assert beyond_loopback(trace) == set()


def fetched(url: str) -> bytes:
    for _ in range(240):
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                content: bytes = response.read()
                return content
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"{url} did not answer")
