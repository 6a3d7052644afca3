"""Take the README's picture of the page: `python -m benchmarks.screenshot [FILE]` serves the sample and drives chromium."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path

from assistant.settings import read_settings, switch_off_telemetry

_CHROMIUM = "/usr/bin/chromium"
_FILE = Path(__file__).parent.parent / "docs" / "page.png"
_QUESTION = "How many days of paid annual leave do full-time staff have?"


def main(file: Path) -> None:
    """Write the picture, 1280 by 800 at twice the resolution, of an answer with its source open."""
    switch_off_telemetry()
    import uvicorn

    from assistant.answering import Assistant
    from doors.server import make_app
    from ingestion import ingest
    from ingestion.sample import sample_documents

    with tempfile.TemporaryDirectory() as folder, Assistant.open(read_settings(data_dir=Path(folder))) as assistant:
        ingest(assistant, sample_documents(), collection="sample")
        server = uvicorn.Server(uvicorn.Config(make_app(assistant), port=0, log_level="warning", timeout_graceful_shutdown=2))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            while not server.started:
                time.sleep(0.1)
            _take(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", file)
        finally:
            server.should_exit = True
            thread.join()


def _take(address: str, file: Path) -> None:
    from playwright.sync_api import sync_playwright

    file.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as started, started.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"]) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800}, device_scale_factor=2)
        page.goto(address)
        page.get_by_role("button", name=_QUESTION).click()
        page.locator("#current a.cite").first.click()
        page.wait_for_function("document.querySelector('.picture img')?.naturalWidth > 0")
        page.mouse.move(700, 600)
        page.wait_for_timeout(600)
        page.screenshot(path=str(file))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else _FILE)
