"""`footnote chat`: through pipes, and at a real pseudo-terminal before a model that says what the test tells it to."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from click.testing import CliRunner, Result

from assistant.answering import Assistant
from assistant.index import MilvusIndex
from assistant.testing import KINDS, Pause, Reply, ScriptedEndpoint, Sent, streamed, whole
from doors.cli import main
from ingestion import ingest
from tests.conftest import WriteFile
from tests.test_page import ROOT

PATIENCE_SECONDS = 30.0
GATE = "The north gate closes at nine"
# What a terminal might obey: colour, clearing, moving, titles, links, the clipboard, the old eight-bit controls, turned writing, and
# what rich reads as its own markup. Colours here are others than ours.
OBEYED = (
    "\x1b[35mmagenta", "\x1b[2J", "\x1b[3;3H", "\x1b]0;title\x07", "\x1b]8;;http://evil.example/\x07here\x1b]8;;\x07",
    "\x1b]52;c;ZXZpbA==\x07", "\x9b35m", "\x9d8;;http://evil.example/\x9c", "\x90q\x9c", "\x1bc", "\x07\x08\x0b\x0c\x7f", "one\rtwo",
    "\u202egnp.exe", "\u2066x", "[link=http://evil.example/]here[/link]", "[bold red]red[/bold red]", "[@click=app.bell]x[/]",
    ":bomb:",
)  # fmt: skip
_OWN_SGR = {"0", "1", "2", "31", "1;36", "1;7", "7"}
_SGR = re.compile(r"\x1b\[([0-9;]*)m")
# Up, home in the line, clear the line, hide and show the cursor; readline's own for pasting and for the end of the line.
_OWN_OTHERS = re.compile(r"\x1b\[(?:\d*A|[012]?K|\?25[lh]|\?2004[lh]|C)")


def _script(sent: Sent) -> Reply:
    question = re.split(r"(?:do not say|stands alone):", sent.body["messages"][-1]["content"])[-1].strip().split("\n")[0]
    if "You rewrite the last question" in sent.prompt:
        return whole(question) if not sent.body.get("stream") else streamed([question])
    if "slowly" in question:
        return streamed([piece for _ in range(300) for piece in (f"{GATE}. ", Pause(0.05))])
    if "hostile" in question:
        kinds = [kind("secret", "http://evil.example/") for kind in KINDS.values()]
        return streamed([f"{GATE} [1]. ", *(f"{words} \n" for words in (*OBEYED, *kinds))])
    return streamed([f"{GATE} [1]. ", "The moon is made of green cheese and old shoes [1].", Pause(0.5)])


@pytest.fixture(scope="module")
def endpoint() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(_script) as scripted:
        yield scripted


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, endpoint: ScriptedEndpoint) -> dict[str, str]:
    """Of a chat over documents that carry what a terminal might obey in text, title and name."""
    root = tmp_path_factory.mktemp("chat")
    folder = root / "files"
    folder.mkdir()
    title = "".join(OBEYED[:4]).replace("\x1b]0;", "")
    (folder / "gate\x1b[35m.md").write_text(f"# Gates {title}\n\n{GATE}.\n\nHidden: {' '.join(OBEYED)}.\n")
    (folder / "tea.md").write_text("# Tea\n\nTea is served at four in the garden room.\n")
    settings = {
        "FOOTNOTE_DATA_DIR": str(root / "data"), "FOOTNOTE_GENERATOR": "openai", "FOOTNOTE_OPENAI_BASE_URL": endpoint.base_url,
        "FOOTNOTE_OPENAI_MODEL": "m",
    }  # fmt: skip
    assert CliRunner().invoke(main, ["ingest", str(folder)], env=settings).exit_code == 0
    return settings


class Terminal:
    """The command at a terminal of its own, of 80 columns and 24 lines."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.out = ""
        outside = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), "COLUMNS": "80", "LINES": "24"}
        self._process, self._keyboard = pty.fork()
        if not self._process:
            os.execve(sys.executable, [sys.executable, "-m", "doors.cli", "chat"], {**outside, **environment})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self._keyboard)

    def type(self, keys: str, *, until: str) -> str:
        """What comes after these keys, up to what is waited for."""
        os.write(self._keyboard, keys.encode())
        return self.read(until)

    def press(self, key: str, *, until: str) -> str:
        """As somebody presses a key again who sees nothing happen: Python's readline hears a signal only while it waits for a key."""
        return self.read(until, again=key)

    def read(self, until: str, again: str = "") -> str:
        came, started, pressed = b"", time.monotonic(), 0
        while until.encode() not in came:
            waited = time.monotonic() - started
            assert waited < PATIENCE_SECONDS, came.decode(errors="replace")
            if again and waited >= pressed:
                os.write(self._keyboard, again.encode())
                pressed += 1
            if select.select([self._keyboard], [], [], 0.1)[0]:
                came += os.read(self._keyboard, 65536)
        self.out += came.decode()
        return came.decode()

    def leave(self, keys: str = "\x04") -> int:
        os.write(self._keyboard, keys.encode())
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            ended, status = os.waitpid(self._process, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            try:
                if select.select([self._keyboard], [], [], 0.1)[0]:
                    self.out += os.read(self._keyboard, 65536).decode()
            except OSError:  # its end of the terminal is closed
                continue
        pytest.fail("It did not leave.")


READY, AGAIN = "> \x1b[0m", "\n\r\n\x1b[1m> \x1b[0m"


def _in_the_end(shown: str) -> str:
    """What stands after the last thing that was taken back, without colours."""
    return _SGR.sub("", shown.rpartition("\x1b[2K")[2]).replace("\r\n", "\n")


def test_a_terminal_shows_the_checked_answer_and_obeys_nothing_that_is_said(
    environment: dict[str, str], endpoint: ScriptedEndpoint
) -> None:
    with Terminal(environment) as terminal:
        terminal.read(READY)
        first = terminal.type("When does the north gate close?\n", until=AGAIN)
        assert "Searching" in first
        assert "old shoes [1]" in " ".join(_SGR.sub("", first).split())  # as it came
        stands = _in_the_end(first)
        assert f"{GATE} [1]. The moon is made of green cheese and old shoes." in " ".join(stands.split())
        assert "1 of 2 statements are borne out" in stands
        assert " ".join(stands.split()).count(GATE) == 2  # the answer and its quote: what came unchecked is taken back
        assert f"“{GATE}.”" in " ".join(stands.split())
        assert "\x1b[1;36m[1]\x1b[0m" in first
        passage = terminal.type("/source 1\n", until=AGAIN)
        assert f"\x1b[1;7m{GATE}.\x1b[0m" in passage
        assert "Hidden: [35mmagenta" in passage  # the parser had taken the escape itself
        hostile = terminal.type("When does the north gate close, hostile as it is?\n", until=AGAIN)
        assert r"\x1b[2J" in hostile
        assert r"\x1b]8;;http://evil.example/\x07here" in hostile
        assert "[link=http://evil.example/]here[/link]" in hostile
        assert "[bold red]red[/bold red]" in hostile
        assert r"\u202egnp.exe" in hostile
        assert "When does the north gate close?" in endpoint.sent[-1].prompt
        assert "no footnote '9'. It has: 1." in terminal.type("/source 9\n", until=READY)
        assert "There is no collection 'tea'. Collections: documents." in terminal.type("/collection tea\n", until=READY)
        assert "put to the collection documents." in terminal.type("/collection documents\n", until=READY)
        assert "There is no /help-me" not in terminal.type("/help\n", until=READY)
        assert "There is no /nonsense" in terminal.type("/nonsense\n", until=READY)
        assert "forgotten" in terminal.type("/new\n", until=READY)
        terminal.type("When does the gate close?\n", until=READY)
        assert "hostile" not in endpoint.sent[-1].prompt
        assert terminal.leave("/quit\n") == 0
    assert set(_SGR.findall(terminal.out)) <= _OWN_SGR
    left = _OWN_OTHERS.sub("", _SGR.sub("", terminal.out))
    assert [c for c in left if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in "\r\n\t"] == []
    assert "\rtwo" not in left


def test_ctrl_c_stops_an_answer_and_the_conversation_goes_on(environment: dict[str, str], endpoint: ScriptedEndpoint) -> None:
    with Terminal(environment) as terminal:
        terminal.read(READY)
        terminal.type("When, slowly, does the north gate close?\n", until=GATE)
        stopped = terminal.type("\x03", until=READY)
        assert endpoint.wait_for_hang_up(5)
        assert "[Stopped. Nothing of this was checked.]" in stopped
        assert GATE in _in_the_end(stopped)
        assert "no footnote '1'" in terminal.type("/source 1\n", until=READY)
        terminal.type("half a line", until="half a line")  # the prompt is there before it listens
        terminal.press("\x03", until="Ctrl+D leaves.")
        assert "1 of 2 statements" in terminal.type("When does the north gate close?\n", until=AGAIN)
        assert "When does the north gate close?" in terminal.type("\x1b[A", until="close?")  # what was typed comes back
        assert terminal.leave("\x15\x04") == 0


def chat(environment: dict[str, str], lines: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["chat", *arguments], input=lines, env=environment)


def test_pipes_get_plain_text_and_the_exit_status_of_the_last_question(environment: dict[str, str]) -> None:
    ran = chat(environment, "When does the north gate close?\n\n/source 1\n")
    assert ran.exit_code == 0
    assert ran.stdout.startswith(f"{GATE} [1]. The moon is made of green cheese and old shoes.\n\n[1] Gates")
    assert f">>{GATE}.<<" in ran.stdout
    assert [c for c in ran.stdout if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in "\n\t"] == []
    refused = chat(environment, "When does the north gate close?\nWho won the 1998 World Cup final?")
    assert refused.exit_code == 3
    assert "Nearest passages:" in refused.stdout
    unknown = chat(environment, "When does the gate close?\n", "-c", "nowhere")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert "There is no collection 'nowhere'." in unknown.stderr
    mistyped = chat(environment, "/colection documents\n/source 1\n/quit\nWhen does the north gate close?\n")
    assert (mistyped.exit_code, mistyped.stdout) == (1, "")
    assert "There is no /colection." in mistyped.stderr
    assert chat(environment, "").exit_code == 0


def test_pipes_narrow_by_filters_and_say_what_goes_wrong(environment: dict[str, str]) -> None:
    narrowed = chat(environment, "When does the north gate close?\n", "--document", "tea.md")
    assert narrowed.exit_code == 3
    failed = chat(
        {**environment, "FOOTNOTE_FALLBACK": "none", "FOOTNOTE_OPENAI_BASE_URL": "http://127.0.0.1:9/v1"},
        "When does the north gate close?\n" * 2,
    )
    assert failed.exit_code == 1
    assert failed.stderr.count("footnote: ") == 2


def test_an_index_that_is_lent_can_be_opened_elsewhere_and_comes_back(
    assistant: Assistant, write: WriteFile, tmp_path: Path
) -> None:
    ingest(assistant, [write("gate.md", f"{GATE}.")])
    assistant.lend_index()
    path = str(tmp_path / "data" / "index.db")
    program = (
        f"from assistant.index import MilvusIndex\nindex = MilvusIndex({path!r})\nprint(len(index.names('')))\nindex.close()"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert ran.stdout == "1\n", ran.stderr
    assert assistant.retrieve("north gate")[0].chunk.source == "gate.md"
    assert isinstance(assistant.index, MilvusIndex)
