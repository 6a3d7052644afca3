"""The sandbox: whatever a file does, this process goes on, its memory stays, and the next file is read."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from assistant.errors import CorruptFile, DocumentNotFound, FileTooLarge, ParseError
from assistant.types import Block, Page, ParsedDocument, TextRun
from ingestion import reading
from ingestion.page_pictures import boxes, draw_page
from ingestion.parsers import parse
from ingestion.sample import sample_documents
from ingestion.sandbox import Limits, Sandbox, SandboxUnavailable
from ingestion.sandbox_wire import Nonsense, decode_document, encode_document
from tests.conftest import FILES

ROOT = Path(__file__).parent.parent
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's walls are Linux's")
# The kernel counts processor time, which no other load on the machine uses up. Wall time must not run out before it.
LIMITS = Limits(cpu_seconds=2, least_cpu_seconds=2, wall_seconds=90)
IMPATIENT = Limits(cpu_seconds=2, least_cpu_seconds=2, wall_seconds=5)
HOSTILE = "tests.hostile_parsers:parse"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(workers=1) as made:
        yield made


@pytest.fixture(scope="module")
def hostile() -> Iterator[Sandbox]:
    with Sandbox(workers=1, limits=LIMITS, parse_with=HOSTILE) as made:
        made.parse(b"warm up", "a.txt")
        yield made


@pytest.fixture(scope="module")
def impatient() -> Iterator[Sandbox]:
    with Sandbox(workers=1, limits=IMPATIENT, parse_with=HOSTILE) as made:
        made.parse(b"warm up", "a.txt")
        yield made


def reads_on(sandbox: Sandbox) -> bool:
    return sandbox.parse(b"the next file", "next.txt").text == "the next file"


def processes_of(pid: int) -> set[int]:
    """Process ids below `pid`, zombies left out."""
    rows = subprocess.run(["ps", "-eo", "pid=,ppid=,stat=,comm="], capture_output=True, text=True, check=True).stdout.split("\n")
    parents = {
        int(p): int(pp) for p, pp, stat, name in (row.split(None, 3) for row in rows if row) if stat[0] != "Z" and name != "ps"
    }
    found: set[int] = set()
    while more := {p for p, pp in parents.items() if pp in found | {pid}} - found:
        found |= more
    return found


@pytest.mark.parametrize("path", [*sorted(FILES.iterdir()), *sample_documents()], ids=lambda path: path.name)
def test_the_sandbox_gives_what_the_parser_gives(sandbox: Sandbox, path: Path) -> None:
    content = path.read_bytes()
    assert outcome(sandbox.parse, content, path.name) == outcome(parse, content, path.name)


def outcome(
    read: Callable[[bytes, str], ParsedDocument], content: bytes, name: str
) -> ParsedDocument | tuple[type[ParseError], str]:
    try:
        return read(content, name)
    except ParseError as error:
        return type(error), str(error)


def test_pages_and_boxes_come_from_the_child_as_they_are(sandbox: Sandbox) -> None:
    original = (FILES / "report.pdf").read_bytes()
    document = sandbox.parse(original, "report.pdf")
    start = document.text.index("The eastern quay")
    found = sandbox.boxes(original, document.runs, start, start + 60)
    assert found
    assert found == boxes(original, document.runs, start, start + 60)
    assert sandbox.draw_page(original, 1, found, width_pixels=300) == draw_page(original, 1, found, width_pixels=300)
    with pytest.raises(DocumentNotFound, match="no page 9"):
        sandbox.draw_page(original, 9, [])
    with pytest.raises(CorruptFile, match="PDF"):
        sandbox.boxes(b"not a PDF", document.runs, start, start + 60)


@pytest.mark.parametrize(
    ("deed", "error", "says"),
    [
        ("spin", FileTooLarge, "2.0 seconds of processor time, the limit for its size"),
        ("exit", CorruptFile, "exit 3"),
        ("leave", CorruptFile, "exit 1"),
        ("crash", CorruptFile, "Segmentation fault"),
        ("abort", CorruptFile, "Aborted"),
        ("allocate", FileTooLarge, "2,000 MB of memory"),
        ("allocate_in_c", ParseError, "memory"),
        ("recurse", CorruptFile, "RecursionError"),
        ("odd_error", CorruptFile, "KeyError"),
        ("own_error", CorruptFile, "^as the parser says$"),
        ("no_such_document", CorruptFile, "contradicts itself.*no page 7"),
        ("much", FileTooLarge, "300 MB of text; the limit is 256 MB"),
        ("lie_about_the_length", CorruptFile, "no sense"),
        ("answer_with_noise", CorruptFile, "no sense"),
        ("answer_with_another_error", CorruptFile, "no sense"),
        ("answer_that_it_is_not_there", CorruptFile, "no sense"),
        *((form, CorruptFile, "no sense") for form in ("beyond_the_end", "backwards", "overlapping", "no_such_page", "no_pages")),
        *((form, CorruptFile, "no sense") for form in ("page_beyond", "run_beyond")),
        *((form, CorruptFile, "foresaw") for form in ("negative", "no_such_kind", "none")),
    ],
)
def test_whatever_a_parser_does_ends_as_a_reason_and_the_next_file_is_read(
    hostile: Sandbox, deed: str, error: type[ParseError], says: str
) -> None:
    with memory_stays(), pytest.raises(error, match=says) as raised:
        hostile.parse(deed.encode(), "report.pdf")
    assert deed == "own_error" or "'report.pdf'" in str(raised.value)
    assert len(str(raised.value)) < 3_000
    assert reads_on(hostile)


@pytest.mark.parametrize("deed", ["hang", "trickle"])
def test_a_reader_that_never_comes_to_an_end_is_given_up_and_the_next_file_is_read(impatient: Sandbox, deed: str) -> None:
    with memory_stays(), pytest.raises(FileTooLarge, match=r"'report\.pdf' was given up after 5 seconds"):
        impatient.parse(deed.encode(), "report.pdf")
    assert reads_on(impatient)


@LINUX
def test_nothing_leaves_by_the_network(hostile: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        with pytest.raises(CorruptFile, match="PermissionError"):
            hostile.parse(f"connect {port}".encode(), "a.txt")
        with pytest.raises(CorruptFile, match="PermissionError"):
            hostile.parse(b"look_up", "a.txt")
        assert hostile.parse(f"connect_in_c {port}".encode(), "a.txt").text == "socket -1, connect -1"
        with pytest.raises(TimeoutError):
            server.accept()
    assert reads_on(hostile)


@LINUX
def test_no_file_is_written_moved_or_removed(hostile: Sandbox, tmp_path: Path) -> None:
    new, there = tmp_path / "new", tmp_path / "there"
    there.write_text("kept")
    for deed in (f"write {new}", f"run {new}", f"write {there}", f"remove {there}"):
        with pytest.raises(CorruptFile, match="PermissionError"):
            hostile.parse(deed.encode(), "a.txt")
    assert hostile.parse(f"write_in_c {new}".encode(), "a.txt").text == "[-1, -1, -1] -1 -1"
    assert hostile.parse(f"remove_in_c {there}".encode(), "a.txt").text == "-1 -1 -1"
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert there.read_text() == "kept"


@LINUX
def test_no_process_is_started_and_none_is_signalled(hostile: Sandbox) -> None:
    before = processes_of(os.getpid())
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as victim:
        with pytest.raises(CorruptFile, match="PermissionError"):
            hostile.parse(b"fork", "a.txt")
        assert hostile.parse(b"fork_in_c", "a.txt").text == "[-1, -1]"
        with pytest.raises(CorruptFile, match="PermissionError"):
            hostile.parse(f"kill_the_parent {victim.pid}".encode(), "a.txt")
        assert hostile.parse(f"kill_the_parent_in_c {victim.pid}".encode(), "a.txt").text == "-1 -1"
        assert victim.poll() is None
        victim.kill()
    assert len(processes_of(os.getpid())) <= len(before)


@LINUX
def test_the_child_has_no_network_no_secrets_and_no_file_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_OPENAI_API_KEY", "a secret")
    with Sandbox(workers=1, parse_with=HOSTILE) as sandbox:
        said = json.loads(sandbox.parse(b"tell", "a.txt").text)
    assert set(said["environment"]) <= {"PYTHONPATH", "PYTHONUTF8", "OPENBLAS_NUM_THREADS", "OMP_THREAD_LIMIT", "LC_CTYPE"}
    assert len(said["descriptors"]) == 5, "three of nothing, the socket, and the one that lists them"
    allowed = subprocess.run(
        [sys.executable, "-c", "import ctypes; raise SystemExit(ctypes.CDLL(None).unshare(0x50000000) != 0)"], check=False
    )
    if allowed.returncode == 0:
        assert said["network"] != os.readlink("/proc/self/ns/net")
        assert said["routes"] <= 1, "a heading at most"


def test_python_code_is_held_back_without_the_kernel_too(tmp_path: Path) -> None:
    program = (
        "import sys, socket, subprocess, os\n"
        "from ingestion import sandbox_walls as walls\n"
        "walls.filter_system_calls = lambda: False\n"
        "walls._set_limits = lambda *_: None\n"
        "walls.confine(walls.Limits(), files=1)\n"
        f"new = {str(tmp_path / 'new')!r}\n"
        "deeds = [lambda: socket.socket(), lambda: subprocess.run(['true']), lambda: os.fork(), lambda: open(new, 'w'),\n"
        "         lambda: os.open(new, os.O_CREAT | os.O_WRONLY), lambda: os.mkdir(new), lambda: os.system('true')]\n"
        "for deed in deeds:\n"
        "    try:\n        deed()\n        sys.exit('not held back')\n"
        "    except PermissionError: pass\n"
        "open(walls.__file__).read()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert not list(tmp_path.iterdir())


@LINUX
def test_the_kernel_holds_back_native_code_without_the_audit_hook(tmp_path: Path) -> None:
    program = (
        "import socket\n"
        "from ingestion.sandbox_walls import filter_system_calls\n"
        "assert filter_system_calls()\n"
        "for deed in (socket.socket, lambda: open('new', 'w')):\n"
        "    try:\n        deed()\n        raise SystemExit('not held back')\n"
        "    except PermissionError: pass\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_two_threads_have_two_files_read_at_once_and_a_third_waits() -> None:
    limits = Limits(wall_seconds=4)
    ended: list[float] = []

    def read() -> str:
        came_to = str(outcome(two.parse, b"hang", "a.txt"))
        ended.append(time.monotonic())
        return came_to

    with Sandbox(workers=2, limits=limits, parse_with=HOSTILE) as two, ThreadPoolExecutor(3) as threads:
        two.parse(b"warm up", "a.txt")
        before = len(processes_of(os.getpid()))
        waits = [threads.submit(read) for _ in range(3)]
        most = 0
        while not ended:
            most = max(most, len(processes_of(os.getpid())) - before)
            time.sleep(0.05)
        assert most == 1, "the second child, and no third"
        assert [wait.result().count("given up after 4 seconds") for wait in waits] == [1, 1, 1]
        assert max(ended) - min(ended) > limits.wall_seconds / 2, "the third began when another had ended"


def test_a_child_is_used_again_and_replaced_after_its_files_or_once_it_has_grown() -> None:
    def pid(sandbox: Sandbox) -> int:
        return int(json.loads(sandbox.parse(b"tell", "a.txt").text)["pid"])

    with Sandbox(workers=1, files_per_child=3, parse_with=HOSTILE) as sandbox:
        pids = [pid(sandbox) for _ in range(6)]
        assert pids[0] == pids[1] == pids[2] != pids[3] == pids[4] == pids[5]
    with Sandbox(workers=1, parse_with=HOSTILE) as sandbox:
        before = pid(sandbox)
        with pytest.raises(FileTooLarge):
            sandbox.parse(b"much", "a.txt")
        assert pid(sandbox) != before


def test_a_child_or_fork_server_that_the_system_ended_costs_no_file() -> None:
    before = processes_of(os.getpid())
    with Sandbox(workers=1, parse_with=HOSTILE) as sandbox:
        child = int(json.loads(sandbox.parse(b"tell", "a.txt").text)["pid"])
        (fork_server,) = processes_of(os.getpid()) - before - {child}
        for ended in (child, fork_server):
            os.kill(ended, signal.SIGKILL)
            assert reads_on(sandbox)


def test_a_crash_or_a_hang_costs_one_child_and_not_the_fork_server() -> None:
    before = processes_of(os.getpid())
    with Sandbox(workers=1, limits=Limits(wall_seconds=3), parse_with=HOSTILE) as sandbox:
        sandbox.parse(b"warm up", "a.txt")
        fork_server = min(processes_of(os.getpid()) - before)
        for deed in (b"crash", b"exit", b"hang", b"answer_with_noise"):
            with pytest.raises(ParseError):
                sandbox.parse(deed, "a.txt")
            assert reads_on(sandbox)
            now = processes_of(os.getpid()) - before
            assert len(now) == 2
            assert fork_server in now


def test_close_ends_every_process_and_those_who_wait_hear_of_it() -> None:
    before = processes_of(os.getpid())
    sandbox = Sandbox(workers=2, parse_with=HOSTILE)
    assert processes_of(os.getpid()) == before, "nothing starts before the first file"
    heard: list[BaseException] = []

    def wait() -> None:
        with pytest.raises(SandboxUnavailable, match="closed") as raised:
            sandbox.parse(b"hang", "a.txt")
        heard.append(raised.value)

    waiting = [threading.Thread(target=wait) for _ in range(3)]
    for thread in waiting:
        thread.start()
    while len(processes_of(os.getpid()) - before) < 3:
        time.sleep(0.05)
    sandbox.close()
    for thread in waiting:
        thread.join(10)
    assert len(heard) == 3
    assert processes_of(os.getpid()) <= before
    with pytest.raises(SandboxUnavailable, match="closed"):
        sandbox.parse(b"text", "a.txt")


@LINUX
def test_close_leaves_no_connection_open() -> None:
    def connections() -> int:
        return sum(name.startswith("socket:") for name in map(_target, Path("/proc/self/fd").iterdir()))

    before = connections()
    sandbox = Sandbox(workers=2, parse_with=HOSTILE)
    with ThreadPoolExecutor(2) as threads:
        assert [document.text for document in threads.map(sandbox.parse, [b"nap"] * 2, ["a.txt"] * 2)] == ["nap"] * 2
    assert connections() == before + 3, "the fork server's and two children's"
    sandbox.close()
    assert connections() == before


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:  # that of the listing itself
        return ""


def test_what_was_given_up_is_not_kept_until_the_end_of_the_program() -> None:
    def kept() -> int:
        gc.collect()
        return sum(isinstance(thing, Sandbox) for thing in gc.get_objects())

    reading.give_up()
    before = kept()
    assert reading.read(b"some text", "a.txt").text == "some text"
    assert kept() == before + 1
    reading.give_up()
    assert kept() == before


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, pytest.param(None, id="with its fork server")])
def test_when_this_process_is_killed_no_child_is_left(how: signal.Signals | None) -> None:
    program = (
        "import threading, time\nfrom ingestion.sandbox import Sandbox\n"
        f"s = Sandbox(workers=2, parse_with={HOSTILE!r})\n"
        "s.parse(b'warm up', 'a.txt')\n"
        "threading.Thread(target=s.parse, args=(b'hang', 'a.txt'), daemon=True).start()\n"
        "time.sleep(.3)\nprint('ready', flush=True)\ntime.sleep(60)\n"
    )
    ran = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert ran.stdout is not None
    assert ran.stdout.readline() == b"ready\n"
    children = processes_of(ran.pid)
    assert len(children) == 2
    if how is None:
        os.kill(min(children), signal.SIGKILL)
    ran.send_signal(how or signal.SIGKILL)
    ran.wait(20)
    ran.stdout.close()
    deadline = time.monotonic() + 10
    while (left := children & processes_of(1)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def test_a_script_without_a_main_guard_is_not_run_again(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        "print('once')\nfrom ingestion.sandbox import Sandbox\n"
        "with Sandbox() as s:\n    print(s.parse(b'some text', 'a.txt').text)\n"
    )
    ran = subprocess.run([sys.executable, script], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert ran.stdout == "once\nsome text\n", ran.stderr


def test_the_sandbox_loads_no_parser_here_and_nothing_heavy_there() -> None:
    program = (
        "import sys\nfrom ingestion.sandbox import Sandbox\n"
        "with Sandbox() as s: s.parse(open(sys.argv[1], 'rb').read(), 'report.pdf')\n"
        "print(sorted({'pypdfium2', 'lxml', 'selectolax', 'PIL', 'multiprocessing'} & set(sys.modules)))\n"
        "import ingestion.sandbox_child as far\nfar._load('ingestion.parsers:parse')\n"
        "print(sorted({'pymilvus', 'onnxruntime', 'gradio', 'torch', 'openai', 'langchain_core'} & set(sys.modules)))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(FILES / "report.pdf")],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout == "[]\n[]\n"


def test_a_parser_that_cannot_be_loaded_is_named() -> None:
    with Sandbox(parse_with="no.such:parser") as sandbox, pytest.raises(SandboxUnavailable, match="No module named 'no'"):
        sandbox.parse(b"text", "a.txt")


def test_no_cut_and_no_flipped_byte_of_what_came_back_gives_spans_that_do_not_hold() -> None:
    blocks = [Block("heading", 0, 3, 1, ("One",), 1), Block("table", 5, 8, 2, ("One",), 0, "a\tb")]
    document = ParsedDocument(
        "t", "One\n\ntwo", blocks, [Page(1, 0, 3), Page(2, 5, 8)], "text/plain", [TextRun(0, 3, 1, 7)], ["n"]
    )
    encoded = encode_document(document)
    again = decode_document(memoryview(encoded))
    assert (list(again.blocks), list(again.pages), list(again.runs), list(again.notices)) == (
        document.blocks, document.pages, document.runs, document.notices,
    )  # fmt: skip
    for length in range(len(encoded)):
        with pytest.raises(Nonsense):
            decode_document(memoryview(encoded[:length]))
    refused = 0
    for at in range(len(encoded)):
        for value in (0, 1, 127, 255):
            changed = encoded[:at] + bytes([value]) + encoded[at + 1 :]
            try:
                got = decode_document(memoryview(changed))
            except Nonsense:
                refused += 1
                continue
            assert all(0 <= b.start < b.end <= len(got.text) and 1 <= b.page <= len(got.pages) for b in got.blocks)
            assert all(r.start + r.length <= len(got.text) and 1 <= r.page <= len(got.pages) for r in got.runs)
    assert refused > len(encoded)


@contextmanager
def memory_stays() -> Iterator[None]:
    """Within this block, this process's memory does not rise by 64 MB, not even for a moment."""
    before = _memory("VmRSS")
    if before:
        Path("/proc/self/clear_refs").write_text("5")
    yield
    risen = _memory("VmHWM") - before
    assert risen < 64_000_000, f"{risen / 1e6:.0f} MB more"


def _memory(row: str) -> int:
    status = Path("/proc/self/status")
    return 1024 * int(status.read_text().split(f"{row}:")[1].split()[0]) if status.exists() else 0
