"""What the tests share: an assistant over an empty data folder, with the hashing embedder or the real models, and small documents."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

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


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=20, help="how often an ingest is killed (tests/test_kill.py)")
    parser.addoption("--damaged-files", type=int, default=300, help="how many go through (tests/test_damaged_files.py)")
    parser.addoption("--damage-seed", type=int, default=20261121, help="which damaged files (tests/test_damaged_files.py)")
    parser.addoption("--hostile-answers", type=int, default=1500, help="how many go through (tests/test_hostile_answers.py)")
    parser.addoption("--hostile-seed", type=int, default=20261121, help="which hostile answers (tests/test_hostile_answers.py)")
    parser.addoption("--hostile-lists", type=Path, help="a folder with lists of hostile strings, one a line, to add to these")
    parser.addoption("--naughty-strings", type=Path, help="a JSON list of strings to add (tests/test_hostile_prompts.py)")
    parser.addoption("--bipia", type=Path, help="the folder of this benchmark (tests/test_hidden_instructions.py)")
    parser.addoption("--isolation-questions", type=int, default=300, help="how many are asked (tests/test_isolation.py)")


@pytest.fixture
def isolation_questions(request: pytest.FixtureRequest) -> int:
    count: int = request.config.getoption("--isolation-questions")
    return count


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    count: int = request.config.getoption("--kills")
    return count


@pytest.fixture
def damaged_files(request: pytest.FixtureRequest) -> int:
    count: int = request.config.getoption("--damaged-files")
    return count


@pytest.fixture
def damage_seed(request: pytest.FixtureRequest) -> int:
    seed: int = request.config.getoption("--damage-seed")
    return seed


@pytest.fixture
def number_of_answers(request: pytest.FixtureRequest) -> int:
    count: int = request.config.getoption("--hostile-answers")
    return count


@pytest.fixture
def hostile_seed(request: pytest.FixtureRequest) -> int:
    seed: int = request.config.getoption("--hostile-seed")
    return seed


@pytest.fixture
def hostile_lists(request: pytest.FixtureRequest) -> Path | None:
    folder: Path | None = request.config.getoption("--hostile-lists")
    return folder


@pytest.fixture
def naughty_strings(request: pytest.FixtureRequest) -> Path | None:
    file: Path | None = request.config.getoption("--naughty-strings")
    return file


@pytest.fixture
def bipia(request: pytest.FixtureRequest) -> Path | None:
    folder: Path | None = request.config.getoption("--bipia")
    return folder


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [n for n in os.environ if n.upper().startswith("FOOTNOTE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


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
