"""What the tests share: an assistant over an empty data folder, with the hashing embedder or the real models, and small documents."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import tests.watch
from assistant.answering import Assistant
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.wiring import make_assistant

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FILES = Path(__file__).parent / "files"
CHROMIUM = Path("/usr/bin/chromium")
WriteFile = Callable[[str, str], Path]
# Begun first, so that at the end no worker is left alone with one of them.
LONG = {
    f"test_{name}.py"
    for name in (
        "hostile_page", "faults", "kill", "watching", "page", "served", "isolation", "bombs", "every_door", "cli", "accounts",
        "slack_server", "completion", "mcp", "slack", "filters", "sandbox",
    )
}  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=20, help="how often an ingest is killed (tests/test_kill.py)")
    parser.addoption("--damaged-files", type=int, default=300, help="how many go through (tests/test_damaged_files.py)")
    parser.addoption("--damage-seed", type=int, default=20261121, help="which damaged files (tests/test_damaged_files.py)")
    parser.addoption("--hostile-answers", type=int, default=1500, help="how many go through (tests/test_hostile_answers.py)")
    parser.addoption("--hostile-seed", type=int, default=20261121, help="which hostile answers (tests/test_hostile_answers.py)")
    parser.addoption("--hostile-lists", type=Path, help="a folder with lists of hostile strings, one a line, to add to these")
    parser.addoption("--naughty-strings", type=Path, help="a JSON list of strings to add (tests/test_hostile_prompts.py)")
    parser.addoption("--bipia", type=Path, help="the folder of this benchmark (tests/test_hidden_instructions.py)")
    parser.addoption("--api-cases", type=int, default=300, help="how many requests are made up (tests/test_openapi.py)")
    parser.addoption("--isolation-questions", type=int, default=300, help="how many are asked (tests/test_isolation.py)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONG)


def _given(option: str) -> Any:
    """A fixture that is what the option was given."""

    def given(request: pytest.FixtureRequest) -> Any:
        return request.config.getoption(option)

    return pytest.fixture(given)


kills, isolation_questions, api_cases = _given("--kills"), _given("--isolation-questions"), _given("--api-cases")
damaged_files, damage_seed = _given("--damaged-files"), _given("--damage-seed")
number_of_answers, hostile_seed = _given("--hostile-answers"), _given("--hostile-seed")
hostile_lists, naughty_strings, bipia = _given("--hostile-lists"), _given("--naughty-strings"), _given("--bipia")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [n for n in os.environ if n.upper().startswith("FOOTNOTE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def assistant(settings: Settings) -> Iterator[Assistant]:
    """Everything real but the embedder, which is quick and knows words only."""
    with make_assistant(settings) as made:
        made.embedder = HashingEmbedder()
        yield made


@pytest.fixture
def write(tmp_path: Path) -> WriteFile:
    """Write a document below the folder `documents`; its path."""

    def write_file(name: str, text: str) -> Path:
        path = tmp_path / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{CHROMIUM} is missing: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started, started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"]) as launched:
        yield launched


@pytest.fixture
def strace() -> str:
    """Where strace is; the test is skipped where it is not, and fails on a build server."""
    return tests.watch.strace()
