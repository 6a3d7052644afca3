"""Every fault of an endpoint through every door: no answer that was cut off looks finished, none takes longer than its limit, and
each says what happened."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TypeVar

import pytest
from playwright.sync_api import Browser, Page, expect

from assistant.answering import Assistant
from assistant.settings import Settings
from assistant.testing import (
    FAULT_ANSWER,
    FAULT_DOCUMENT,
    FAULT_QUESTION,
    FAULT_WORDS,
    FAULTS,
    Fault,
    HashingEmbedder,
    ScriptedEndpoint,
    failure,
    in_turn,
    serving,
    streamed,
)
from assistant.types import Done, Text, Turn
from assistant.wiring import make_assistant, make_generator, with_fallback
from ingestion import ingest
from tests.test_page import Server

PYTHON = {"PYTHONPATH": str(Path(__file__).parent.parent), "PYTHONUTF8": "1"}
QUOTED = "The lamp of the Café Zoë is cleaned every Monday by the keeper. [1]"
FALLEN_BACK = "The language model could not be used, so this answer is made of quotes."
# Far beyond the limits, so that a busy machine is not taken for a hang.
HUNG_SECONDS = 120.0
BY_FAULT = pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
# The page sees of a fault what the library makes of it, and a browser takes its time: every other one.
ON_THE_PAGE = FAULTS[::2]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a person saw of an answer, through whichever door. `written` is what came while it was written."""

    text: str
    complete: bool
    notices: str
    seconds: float
    written: str = ""


def hold_to_the_contract(fault: Fault, seen: Seen | None) -> None:
    assert seen is not None, f"It hung: no answer after {HUNG_SECONDS} s."
    assert seen.seconds >= fault.least_seconds
    if fault.ends == "answered":
        assert (seen.text, seen.complete, seen.notices) == (FAULT_ANSWER, True, "")
    elif fault.ends == "quotes":
        assert (seen.text, seen.complete) == (QUOTED, True)
        assert FALLEN_BACK in seen.notices
        assert fault.said in seen.notices
    else:
        assert not seen.complete
        assert seen.text.startswith(FAULT_WORDS)
        assert len(seen.text) < 10_000
        assert FALLEN_BACK not in seen.notices
        assert fault.said in seen.notices


def limits(fault: Fault | None = None) -> dict[str, str]:
    """Short where the limit itself must end it. Elsewhere a busy machine must not be taken for a slow server; on the page, where all
    have the same, they are between."""
    answer, token = (10, 3) if fault is None else (4 if "time for" in fault.said else 60, 2 if fault.said == "stalled" else 30)
    return {"answer_timeout_seconds": str(answer), "token_timeout_seconds": str(token), "max_answer_tokens": "400"}


def within(seconds: float, call: Callable[[], T]) -> T | None:
    """What the call gives; None where it is not over by then. What it raises is raised."""
    came: list[T | Exception] = []

    def run() -> None:
        try:
            came.append(call())
        except Exception as error:
            came.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if came and isinstance(came[0], Exception):
        raise came[0]
    return came[0] if came else None  # type: ignore[return-value]


# Through Python


@pytest.fixture(scope="module")
def lamp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    folder = tmp_path_factory.mktemp("lamp")
    (folder / "lamp.md").write_text(FAULT_DOCUMENT, encoding="utf-8")
    with make_assistant(Settings(data_dir=folder / "data")) as made:
        made.embedder = HashingEmbedder()
        ingest(made, [folder / "lamp.md"])
        made.warm_up()
        with ScriptedEndpoint(
            in_turn(streamed([FAULT_ANSWER]))
        ) as healthy:  # the first question loads the client, within its limit
            written_by(healthy.base_url, made).ask(FAULT_QUESTION)
        yield made


def written_by(base_url: str, lamp: Assistant, fault: Fault | None = None) -> Assistant:
    """The same library and index, with the answers of the model at this address, and quotes behind it."""
    settings = Settings(generator="openai", openai_base_url=base_url, openai_model="m", **limits(fault))
    return Assistant(
        library=lamp.library, originals=lamp.originals, limits=lamp.limits,
        open_index=lambda: lamp.index, open_embedder=lambda: lamp.embedder, make_retriever=lambda *_: lamp.retriever,
        make_generator=lambda embedder: with_fallback(settings, make_generator(settings, embedder), embedder),
    )  # fmt: skip


def seen_in_python(lamp: Assistant, base_url: str, fault: Fault, history: Sequence[Turn] = ()) -> Seen:
    started = time.monotonic()
    *events, last = written_by(base_url, lamp, fault).stream(FAULT_QUESTION, history=history)
    seconds = time.monotonic() - started
    assert isinstance(last, Done)
    written = "".join(event.text for event in events if isinstance(event, Text))
    return Seen(last.answer.text, last.answer.complete, "\n".join(last.answer.notices), seconds, written)


def asked_in_python(lamp: Assistant, base_url: str, fault: Fault) -> Seen:
    started = time.monotonic()
    answer = written_by(base_url, lamp, fault).ask(FAULT_QUESTION)
    return Seen(answer.text, answer.complete, "\n".join(answer.notices), time.monotonic() - started)


@pytest.fixture(scope="module")
def in_python(lamp: Assistant) -> Mapping[str, Sequence[Seen | Exception | None]]:
    """What came of each fault, streamed and asked for. They mostly wait, so that many are put at once."""

    def put(fault: Fault) -> tuple[str, list[Seen | Exception | None]]:
        seen: list[Seen | Exception | None] = []
        for way in (seen_in_python, asked_in_python):
            with serving(fault) as base_url:
                try:
                    seen.append(within(HUNG_SECONDS, lambda way=way, url=base_url: way(lamp, url, fault)))  # type: ignore[misc]
                except Exception as error:
                    seen.append(error)
        return fault.name, seen

    with ThreadPoolExecutor(16) as pool:
        return dict(pool.map(put, FAULTS))


@BY_FAULT
def test_through_python_each_fault_ends_as_it_must(
    fault: Fault, in_python: Mapping[str, Sequence[Seen | Exception | None]]
) -> None:
    for seen in in_python[fault.name]:
        if isinstance(seen, Exception):
            raise seen
        hold_to_the_contract(fault, seen)


@BY_FAULT
def test_what_was_written_before_a_fault_is_what_stays(
    fault: Fault, in_python: Mapping[str, Sequence[Seen | Exception | None]]
) -> None:
    streamed_answer = in_python[fault.name][0]
    assert isinstance(streamed_answer, Seen)
    assert streamed_answer.text.replace(" [1]", "").rstrip() == streamed_answer.written.replace(" [1]", "").rstrip()


def test_there_are_many_faults_and_no_two_of_a_name() -> None:
    assert len(FAULTS) == len({fault.name for fault in FAULTS}) >= 60
    assert all(bool(fault.said) == (fault.ends != "answered") for fault in FAULTS)


def test_a_follow_up_to_a_silent_model_is_answered_by_quotes(lamp: Assistant) -> None:
    (silence,) = (fault for fault in FAULTS if fault.name == "silence")
    history = [Turn("user", "Who keeps the lamp?"), Turn("assistant", "The keeper. [1]")]
    with serving(silence) as base_url:
        seen = within(HUNG_SECONDS, lambda: seen_in_python(lamp, base_url, silence, history))
    hold_to_the_contract(silence, seen)


def test_a_model_that_cannot_condense_leaves_it_to_the_rule(lamp: Assistant) -> None:
    history = [Turn("user", "Who keeps the lamp?"), Turn("assistant", "The keeper. [1]")]
    with ScriptedEndpoint(in_turn(failure(401, "no such key"), streamed([FAULT_ANSWER]))) as server:
        *_, last = written_by(server.base_url, lamp).stream(FAULT_QUESTION, history=history)
    assert isinstance(last, Done)
    assert last.answer.query == f"{FAULT_QUESTION} (after: Who keeps the lamp?)"
    assert (last.answer.text, last.answer.complete, last.answer.notices) == (FAULT_ANSWER, True, ())


# Through the command line


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("command")
    (folder / "lamp.md").write_text(FAULT_DOCUMENT, encoding="utf-8")
    command([], "-m", "doors.cli", "ingest", str(folder / "lamp.md"), data=folder / "data")
    return folder / "data"


def environment(data: Path, base_url: str, fault: Fault) -> dict[str, str]:
    """The settings of a question to the server at this address."""
    ours = {"generator": "openai", "openai_base_url": base_url, "openai_model": "m", "data_dir": str(data), **limits(fault)}
    return {f"FOOTNOTE_{name.upper()}": value for name, value in ours.items()}


def command(lines: Sequence[str], *arguments: str, data: Path) -> list[str]:
    """The lines that it printed on stdout, also where it had to be killed."""
    process = subprocess.Popen(
        [sys.executable, *arguments], env={**os.environ, **PYTHON, "FOOTNOTE_DATA_DIR": str(data)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip
    try:
        out, err = process.communicate("".join(f"{line}\n" for line in lines), timeout=HUNG_SECONDS * (1 + len(lines) / 8))
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0].splitlines()
    assert process.returncode == 0, err
    return out.splitlines()


@pytest.fixture(scope="module")
def by_command(data: Path) -> Mapping[str, Seen]:
    """What came of each fault, by `footnote ask`. Three processes share the faults, each over a copy of the data folder."""

    def ask_of(part: int) -> list[str]:
        own, lines = Path(shutil.copytree(data, data.with_name(f"data{part}"))), []
        for fault in FAULTS[part::3]:
            asked = environment(own, servers.enter_context(serving(fault)), fault)
            lines.append(json.dumps({"name": fault.name, "environment": asked}))
        return command(lines, "-m", "tests.ask_with_faults", FAULT_QUESTION, data=own)

    with ExitStack() as servers, ThreadPoolExecutor(3) as pool:
        ran = [json.loads(line) for lines in pool.map(ask_of, range(3)) for line in lines]
    return {one.pop("name"): printed_for_people(**one) for one in ran}


def printed_for_people(*, stdout: str, stderr: str, status: int, seconds: float) -> Seen:
    """An answer as the terminal shows it. Marked as cut off and status 1 go together."""
    text, _, rest = stdout.partition("\n")
    cut_off = rest.startswith("[This answer was cut off.]")
    assert status == int(cut_off), (status, stdout, stderr)
    return Seen(text, not cut_off, stderr.strip(), seconds)


@BY_FAULT
def test_through_the_command_line_each_fault_ends_as_it_must(fault: Fault, by_command: Mapping[str, Seen]) -> None:
    seen = by_command.get(fault.name)
    hold_to_the_contract(fault, seen)
    assert seen is not None
    assert [line for line in seen.notices.splitlines() if not line.startswith("Note: ")] == []


@pytest.mark.parametrize("name", ["connection refused", "stall after words, with pings", "429 for 2 seconds"])
def test_the_command_in_a_process_of_its_own_ends_as_it_must(name: str, data: Path) -> None:
    (fault,) = (fault for fault in FAULTS if fault.name == name)
    with serving(fault) as base_url:
        asked = {**os.environ, **PYTHON, **environment(data, base_url, fault)}
        started = time.monotonic()
        ran = subprocess.run(
            [sys.executable, "-m", "doors.cli", "ask", FAULT_QUESTION], env=asked,
            capture_output=True, text=True, encoding="utf-8", timeout=HUNG_SECONDS,
        )  # fmt: skip
        seconds = time.monotonic() - started
    hold_to_the_contract(fault, printed_for_people(stdout=ran.stdout, stderr=ran.stderr, status=ran.returncode, seconds=seconds))


# Through the page


@pytest.fixture(scope="module")
def on_the_page(data: Path, browser: Browser) -> Mapping[str, Seen | None]:
    """What a browser shows of each fault, asked one after the other in one tab, each in a conversation of its own. Those that a
    breaker counts stand apart, so that it stays closed; that where nobody listens comes last, when the server is gone."""
    seen: dict[str, Seen | None] = {}
    (deaf,) = (fault for fault in ON_THE_PAGE if fault.make_script is None)
    with ScriptedEndpoint(in_turn(streamed([FAULT_ANSWER]))) as endpoint, ExitStack() as opened:
        settings = {**limits(), "generator": "openai", "openai_model": "m", "openai_base_url": endpoint.base_url}
        served = Server(Path(shutil.copytree(data, data.with_name("served"))), **settings)
        opened.callback(served.stop)
        page = opened.enter_context(browser.new_context()).new_page()
        page.goto(served.url)
        page.wait_for_selector("body.ready", timeout=60_000)
        asked_on_the_page(page)
        for fault in apart([fault for fault in ON_THE_PAGE if fault is not deaf]):
            assert fault.make_script is not None
            endpoint.script = fault.make_script()
            seen[fault.name] = asked_on_the_page(page)
        endpoint.__exit__(None, None, None)
        seen[deaf.name] = asked_on_the_page(page)
    return seen


def apart(faults: Sequence[Fault]) -> list[Fault]:
    """No two in a row that a breaker counts, as long as there are others."""
    down, others = ([fault for fault in faults if fault.down == kind] for kind in (True, False))
    return [fault for pair in zip_longest(down, others) for fault in pair if fault is not None]


def asked_on_the_page(page: Page) -> Seen | None:
    """None where no answer came."""
    page.get_by_role("button", name="New conversation").first.click()
    expect(page.locator(".exchange")).to_have_count(0)
    started = time.monotonic()
    page.locator("#question textarea").fill(FAULT_QUESTION)
    page.keyboard.press("Enter")
    try:
        expect(page.locator("#current :is(.tools, .trouble)")).to_be_visible(timeout=1000 * HUNG_SECONDS)
    except AssertionError:
        return None
    seconds, current = time.monotonic() - started, page.locator("#current")
    complete = current.locator(".cut-off, .trouble").count() == 0
    # Marks are links there, and numbers alone.
    text = str(current.locator(".answer").evaluate(_TEXT_WITH_MARKS))
    return Seen(text, complete, "\n".join(current.locator(".note").all_text_contents()), seconds)


_TEXT_WITH_MARKS = """answer => {
    const copy = answer.cloneNode(true);
    copy.querySelectorAll('a.cite').forEach(mark => mark.replaceWith(` [${mark.textContent}]`));
    return copy.textContent;
}"""


@pytest.mark.parametrize("fault", ON_THE_PAGE, ids=[fault.name for fault in ON_THE_PAGE])
def test_through_the_page_each_fault_ends_as_it_must(fault: Fault, on_the_page: Mapping[str, Seen | None]) -> None:
    hold_to_the_contract(fault, on_the_page[fault.name])
