"""Which language models run on this machine already. They are offered by name and never used unasked; nobody beyond loopback is
asked."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Where each listens when it is installed and started.
PORTS: Mapping[str, int] = {"Ollama": 11434, "llama.cpp": 8080, "vLLM": 8000, "LM Studio": 1234}
_HOST = "127.0.0.1"
_MOST_BYTES = 200_000
_MOST_MODELS = 50
_PLAIN = re.compile(r"[A-Za-z0-9][\w.:/@+-]{0,120}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that speaks OpenAI's language, by the name of who usually listens on its port, and the models that it has."""

    name: str
    base_url: str
    models: Sequence[str]

    @property
    def offer(self) -> str:
        """What runs, and the settings that have it write answers."""
        shown = ", ".join(self.models[:5]) + (f" and {len(self.models) - 5} more" if len(self.models) > 5 else "")
        return (
            f"{self.name} is running here with {shown}. To have it write answers: FOOTNOTE_GENERATOR=openai "
            f"FOOTNOTE_OPENAI_BASE_URL={self.base_url} FOOTNOTE_OPENAI_MODEL={self.models[0]}"
        )


def servers_at(ports: Mapping[str, int] = PORTS, *, timeout_seconds: float = 0.3) -> list[RunningServer]:
    """Those that answer, in the order of `ports`: each is asked GET /v1/models on 127.0.0.1, all at once, and nothing else. A server
    without models is left out, as is what answers anything else."""
    found: dict[str, RunningServer] = {}

    def ask(name: str, port: int) -> None:
        if models := _models(port, timeout_seconds):
            found[name] = RunningServer(name, f"http://{_HOST}:{port}/v1", models)

    threads = [threading.Thread(target=ask, args=entry, name="discovering", daemon=True) for entry in ports.items()]
    until = time.monotonic() + 2 * timeout_seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        # A server that drips its answer is not waited for.
        thread.join(max(0.0, until - time.monotonic()))
    return [found[name] for name in ports if name in found]


def _models(port: int, timeout_seconds: float) -> list[str]:
    connection = http.client.HTTPConnection(_HOST, port, timeout=timeout_seconds)
    try:
        connection.request("GET", "/v1/models", headers={"Accept": "application/json"})
        response = connection.getresponse()
        listed = json.loads(response.read(_MOST_BYTES)) if response.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError):  # nobody there, or somebody else
        return []
    finally:
        connection.close()
    entries = listed.get("data") if isinstance(listed, dict) else None
    names = [entry.get("id") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    # What is there is anybody's: it is printed in a terminal, and is to be copied into one.
    return [name for name in names if isinstance(name, str) and _PLAIN.fullmatch(name)][:_MOST_MODELS]
