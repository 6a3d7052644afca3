"""How long the page takes beside its model: `python -m benchmarks.first_words [--pause SECONDS] [--questions N] [--browser]` asks the
sample through the page's own path, of a scripted model whose first word comes after a known pause, and prints the difference."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.filters import EVERYTHING
from assistant.settings import read_settings, switch_off_telemetry
from assistant.stand_ins.scripted import Pause, Reply, ScriptedEndpoint, Sent, streamed

_CHROMIUM = "/usr/bin/chromium"
_WORDS = "The handbook says it in so many words [1]."


def main(pause_seconds: float, count: int, in_browser: bool) -> None:
    """Print one JSON object: per question the seconds to the first words on the page, and what of them was not the model's pause."""
    switch_off_telemetry()
    from ingestion import ingest
    from ingestion.sample import sample_documents, sample_questions

    asked: list[float] = []

    def script(sent: Sent) -> Reply:
        asked.append(time.perf_counter())
        return streamed([Pause(pause_seconds), *(f"{word} " for word in _WORDS.split())])

    with tempfile.TemporaryDirectory() as folder, ScriptedEndpoint(script) as endpoint:
        settings = read_settings(
            data_dir=Path(folder), generator="openai", openai_base_url=endpoint.base_url, openai_model="scripted"
        )
        with Assistant.open(settings) as assistant:
            ingest(assistant, sample_documents(), collection="sample")
            assistant.warm_up()
            questions = [q.question for q in sample_questions() if q.document][:count]
            seconds = _on_the_page(assistant, questions) if in_browser else _by_the_pages_path(assistant, questions)
    beside = sorted(taken - pause_seconds for taken in seconds)
    print(
        json.dumps(
            {
                "page": "chromium" if in_browser else "doors.page.conversation",
                "model_seconds": pause_seconds,
                "first_words_seconds": [round(taken, 3) for taken in seconds],
                "beside_the_model": {"median": round(statistics.median(beside), 3), "greatest": round(beside[-1], 3)},
                "asked_of_the_model": len(asked),
            }
        )
    )


def _by_the_pages_path(assistant: Assistant, questions: Sequence[str]) -> list[float]:
    from doors.operations import OwnOperations
    from doors.page.conversation import Conversation, follow

    operations, seconds = OwnOperations(assistant), []
    for question in questions:
        started = time.perf_counter()
        exchanges = follow(
            operations, Conversation(), question, "sample", filters=lambda: EVERYTHING, ready=lambda: None, reader=OWNER
        )
        seconds.append(next(time.perf_counter() - started for exchange in exchanges if exchange.written))
        exchanges.close()  # type: ignore[attr-defined]
    return seconds


def _on_the_page(assistant: Assistant, questions: Sequence[str]) -> list[float]:
    """From the press of Enter to the first word that can be read in the browser."""
    from playwright.sync_api import sync_playwright

    seconds = []
    with (
        _served(assistant) as address,
        sync_playwright() as started,
        started.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"]) as browser,
    ):
        for question in questions:
            page = browser.new_page()
            page.goto(address)
            box = page.locator("#question textarea")
            box.wait_for()
            box.fill(question)
            begun = time.perf_counter()
            box.press("Enter")
            page.wait_for_function("document.querySelector('#current .answer')?.textContent.trim()", polling=10)
            seconds.append(time.perf_counter() - begun)
            page.close()
    return seconds


@contextmanager
def _served(assistant: Assistant) -> Iterator[str]:
    import uvicorn

    from doors.server import make_app

    server = uvicorn.Server(uvicorn.Config(make_app(assistant), port=0, log_level="warning", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.1)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds until the model's first word")
    parser.add_argument("--questions", type=int, default=12, help="how many of the sample's twelve")
    parser.add_argument("--browser", action="store_true", help="in chromium, by the page itself")
    given = parser.parse_args()
    main(given.pause, given.questions, given.browser)
