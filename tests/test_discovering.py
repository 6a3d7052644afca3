"""Language models that run on this machine: offered by name, asked nothing but their models, and only where nothing else is set."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from assistant.generators.discovering import servers_at
from assistant.settings import Settings, read_settings
from assistant.wiring import endpoint_trouble, running_servers


@contextmanager
def serving(body: bytes, status: int = 200, pause_seconds: float = 0.0) -> Iterator[tuple[int, list[str]]]:
    """A port of this machine where every GET is answered so, and what was asked there."""
    asked: list[str] = []

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path}")
            time.sleep(pause_seconds)
            with suppress(OSError):  # whoever asked may be gone
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Tests print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads, server.block_on_close = True, False
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        server.server_close()


def models(*names: object) -> bytes:
    return json.dumps({"object": "list", "data": [{"id": name, "object": "model"} for name in names]}).encode()


def nobody() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def test_what_runs_is_offered_by_name_with_the_settings_to_copy() -> None:
    with serving(models("llama3.2:3b", "qwen3")) as (port, asked), serving(models("org/model-7B")) as (other, _):
        ports = {"Ollama": port, "llama.cpp": nobody(), "vLLM": other}
        first, second = servers_at(ports, timeout_seconds=3.0)
    assert first.offer == (
        "Ollama is running here with llama3.2:3b, qwen3. To have it write answers: FOOTNOTE_GENERATOR=openai "
        f"FOOTNOTE_OPENAI_BASE_URL=http://127.0.0.1:{port}/v1 FOOTNOTE_OPENAI_MODEL=llama3.2:3b"
    )
    assert (second.name, second.models) == ("vLLM", ["org/model-7B"])
    assert asked == ["GET /v1/models"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, ""), (404, ""), (501, ""), (302, ""), (401, "refused the key (401). Set FOOTNOTE_OPENAI_API_KEY"),
        (503, "fails with status 503. Look into its server's log"),
    ],
)  # fmt: skip
def test_a_configured_endpoint_is_asked_for_its_models_alone_and_need_not_list_them(status: int, said: str) -> None:
    with serving(b"not even JSON", status) as (port, asked):
        trouble = endpoint_trouble(Settings(**written_by(f"http://127.0.0.1:{port}/v1/")))
    assert trouble.startswith(f"http://127.0.0.1:{port}/v1 {said}") if said else trouble == ""
    assert asked == ["GET /v1/models"]


def test_a_configured_endpoint_that_is_down_or_incomplete_is_told_with_what_to_do() -> None:
    address = f"http://127.0.0.1:{nobody()}/v1"
    down = endpoint_trouble(Settings(**written_by(address)))
    assert down.startswith(f"{address} cannot be reached (")
    assert down.endswith("). Start its server, or correct FOOTNOTE_OPENAI_BASE_URL.")
    assert "FOOTNOTE_OPENAI_BASE_URL" in endpoint_trouble(Settings(generator="openai"))
    assert "Write an address such as" in endpoint_trouble(Settings(**written_by("http://[::1/v1")))
    assert endpoint_trouble(Settings(**{**written_by(address), "generator": "quotes"})) == ""


def written_by(address: str) -> dict[str, Any]:
    return {"generator": "openai", "openai_base_url": address, "openai_model": "m"}


NO_MODELS = [
    ("no models", models(), 200),
    ("a web page", b"<html>Welcome</html>", 200),
    ("another interface", b'{"data": {"id": "x"}}', 200),
    ("a list", b"[1, 2]", 200),
    ("a list of words", b'{"data": ["x"]}', 200),
    ("a refusal", models("x"), 401),
    ("a name that a shell would obey", models("x; rm -rf ~", "$(id)", "a b", "", 7, None), 200),
]


@pytest.mark.parametrize(("body", "status"), [case[1:] for case in NO_MODELS], ids=[case[0] for case in NO_MODELS])
def test_what_else_listens_there_is_no_offer(body: bytes, status: int) -> None:
    with serving(body, status) as (port, asked):
        assert servers_at({"Ollama": port}, timeout_seconds=3.0) == []
        assert asked == ["GET /v1/models"]


def test_a_server_that_says_nothing_holds_nobody_up_and_hides_no_other() -> None:
    with ExitStack() as servers:
        silent = [servers.enter_context(serving(models("x"), pause_seconds=4.0))[0] for _ in range(3)]
        quick, _ = servers.enter_context(serving(models("qwen3")))
        started = time.monotonic()
        found = servers_at({**{f"silent {n}": port for n, port in enumerate(silent)}, "quick": quick}, timeout_seconds=1.0)
        assert time.monotonic() - started < 3.0
    assert [server.name for server in found] == ["quick"]


def test_a_server_that_drips_its_answer_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with suppress(OSError):
                for sign in b"HTTP/1.1 200 OK\r\n" + b"X" * 200:
                    connection.sendall(bytes([sign]))
                    time.sleep(0.1)

        threading.Thread(target=drip, daemon=True).start()
        started = time.monotonic()
        assert servers_at({"Ollama": server.getsockname()[1]}, timeout_seconds=0.5) == []
        assert time.monotonic() - started < 5.0


def test_nobody_is_asked_where_the_settings_say_what_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(models("qwen3")) as (port, asked):
        ports = {"Ollama": port}
        monkeypatch.setenv("FOOTNOTE_GENERATOR", "quotes")
        assert running_servers(read_settings(), ports) == ()
        assert running_servers(Settings(generator="openai"), ports) == ()
        assert asked == []
        monkeypatch.delenv("FOOTNOTE_GENERATOR")
        running_servers(read_settings(), ports)
        assert asked == ["GET /v1/models"]
