"""What `unstructured`, LibreOffice and pandoc make of the formats left to them; what is refused; that they are quiet and walled in."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from assistant.errors import EmptyFile, EncryptedFile, FileTooLarge, ParseError, UnsupportedFormat
from assistant.types import ParsedDocument
from ingestion.parsers import attachments, parse
from ingestion.parsers.other_types import OTHER_FORMATS, NeedsPrograms
from ingestion.reading import read
from ingestion.sandbox import Limits, Sandbox
from tests.test_sandbox import processes_of
from tests.test_silence import addresses, watched

ROOT = Path(__file__).parent.parent.parent
FILES = Path(__file__).parent / "files"
pytest.importorskip("unstructured", reason="footnote[unstructured] is not installed")

# (kind, page, level, heading path, text) and, for a table, its header.
Golden = list[tuple[str, int, int, str, str] | tuple[str, int, int, str, str, str]]

DEED: Golden = [
    ("heading", 1, 1, "Deed of the quay", "Deed of the quay"),
    ("paragraph", 1, 0, "Deed of the quay", "The eastern quay belongs to the harbour."),
    ("heading", 1, 2, "Deed of the quay > Dues", "Dues"),
    ("list_item", 1, 0, "Deed of the quay > Dues", "Brigs"),
    ("list_item", 1, 0, "Deed of the quay > Dues", "Schooners"),
    ("table", 1, 0, "Deed of the quay > Dues", "Ship\tTons\tDue\nHeron\t120\t9\nPlover\t95\t4", "Ship\tTons\tDue"),
    ("paragraph", 1, 0, "Deed of the quay > Dues", "Signed at Café Fernhill, in the year 1902."),
]
SHIPS: Golden = [
    ("heading", 1, 1, "Ships in port", "Ships in port"),
    ("list_item", 1, 0, "Ships in port", "Brigs"),
    ("list_item", 1, 0, "Ships in port", "Schooners"),
    ("paragraph", 1, 0, "Ships in port", "The Plover sails at dawn."),
    ("heading", 2, 1, "Crews", "Crews"),
    ("table", 2, 0, "Crews", "Ship\tCrew\nHeron\t9\nPlover\t5", "Ship\tCrew"),
]
ACCOUNTS: Golden = [
    (
        "paragraph",
        1,
        0,
        "",
        'Subject: Café accounts, spring\nFrom: "Zoë Müller" <zoe@example.org>\n'
        "To: Ada <ada@example.org>, Bo <bo@example.org>\nCc: Eve <eve@example.org>\nDate: 2026-03-02 09:30:00+00:00",
    ),
    ("heading", 1, 2, "Accounts", "Accounts"),
    ("paragraph", 1, 0, "Accounts", "Dear Ada,"),
    ("paragraph", 1, 0, "Accounts", "the rent is €900."),
    ("table", 1, 0, "Accounts", "Month\tRent\nApril\t900", "Month\tRent"),
    ("list_item", 1, 0, "Accounts", "Ink"),
    ("list_item", 1, 0, "Accounts", "Paper"),
]
_FEES = "Harbour handbook > Fees"
_WINTER = f"{_FEES} > Winter fees"
HARBOUR: Golden = [
    ("heading", 1, 1, "Harbour handbook", "Harbour handbook"),
    ("paragraph", 1, 0, "Harbour handbook", "Ada Quay"),
    (
        "paragraph",
        1,
        0,
        "Harbour handbook",
        "Ships are met at the eastern quay. The keeper counts forty barrels before dawn.",
    ),
    ("heading", 1, 2, _FEES, "Fees"),
    ("list_item", 1, 0, _FEES, "Brigs pay nine crowns"),
    ("list_item", 1, 0, _FEES, "Schooners pay four"),
    ("list_item", 1, 0, _FEES, "unless they carry salt"),
    ("list_item", 1, 0, _FEES, "First, ring the bell."),
    ("list_item", 1, 0, _FEES, "Then wait."),
    ("paragraph", 1, 0, _FEES, "Note"),
    ("paragraph", 1, 0, _FEES, "The quay is closed on Sundays."),
    ("heading", 1, 3, _WINTER, "Winter fees"),
    ("table", 1, 0, _WINTER, "Ship\tTons\tFee\nHeron\t120\t9\nPlover\t95\t4", "Ship\tTons\tFee"),
    ("paragraph", 1, 0, _WINTER, "Run this:"),
    ("code", 1, 0, _WINTER, "ring --bell twice\n  --slowly"),
    ("code", 1, 0, _WINTER, "def fee(tons):\n    return tons / 10"),
    ("paragraph", 1, 0, _WINTER, "The quay at dawn"),
    ("paragraph", 1, 0, _WINTER, "A footnote stands here1, and a link."),
    ("paragraph", 1, 0, _WINTER, "Term"),
    ("list_item", 1, 0, _WINTER, "What it means."),
    ("list_item", 1, 0, _WINTER, "Counted by hand in 1902."),
]
_OIL = "Lamp log > Oil"
_DELIVERIES = f"{_OIL} > DONE Deliveries oil"
LAMPS: Golden = [
    ("heading", 1, 1, "Lamp log", "Lamp log"),
    ("paragraph", 1, 0, "Lamp log", "Zoë Müller"),
    ("heading", 1, 2, _OIL, "Oil"),
    ("paragraph", 1, 0, _OIL, "The keeper counted forty barrels of rape oil."),
    ("heading", 1, 3, _DELIVERIES, "DONE Deliveries oil"),
    ("list_item", 1, 0, _DELIVERIES, "first barrel"),
    ("list_item", 1, 0, _DELIVERIES, "second barrel"),
    ("list_item", 1, 0, _DELIVERIES, "nested item"),
    ("list_item", 1, 0, _DELIVERIES, "one"),
    ("list_item", 1, 0, _DELIVERIES, "two"),
    ("table", 1, 0, _DELIVERIES, "Month\tBarrels\nApril\t12\nMay\t9", "Month\tBarrels"),
    ("code", 1, 0, _DELIVERIES, "ring --bell\n  twice"),
    ("paragraph", 1, 0, _DELIVERIES, "The light burned till five."),
    ("heading", 1, 2, "Lamp log > Storm", "Storm"),
    ("paragraph", 1, 0, "Lamp log > Storm", "A sentence with a footnote1."),
    ("list_item", 1, 0, "Lamp log > Storm", "Café is spelled so."),
]
GOLDEN = {"deed.doc": DEED, "ships.ppt": SHIPS, "accounts.msg": ACCOUNTS, "harbour.rst": HARBOUR, "lamps.org": LAMPS}
OFFICE = ("deed.doc", "ships.ppt")


@pytest.fixture
def _office(request: pytest.FixtureRequest) -> None:
    file = request.getfixturevalue("file")
    if file in OFFICE and shutil.which("soffice") is None:
        if "CI" in os.environ:
            pytest.fail("LibreOffice is not installed: `make test-extras` installs it where it may.")
        pytest.skip("LibreOffice is not installed")


@pytest.mark.usefixtures("_office")
@pytest.mark.parametrize("file", GOLDEN)
def test_every_block_of_a_file_is_found_with_its_place(file: str) -> None:
    document = read((FILES / file).read_bytes(), file)
    assert blocks_of(document) == GOLDEN[file]
    assert document.media_type == OTHER_FORMATS[Path(file).suffix]
    assert_whole(document)


def assert_whole(document: ParsedDocument) -> None:
    """Blocks are in order, within the text and on a page of the document, and none begins or ends with white space."""
    before = 0
    for block in document.blocks:
        text = document.text[block.start : block.end]
        assert before <= block.start < block.end <= len(document.text)
        assert text == text.strip()
        assert 1 <= block.page <= len(document.pages)
        before = block.end


def blocks_of(document: ParsedDocument) -> Golden:
    found: Golden = []
    for b in document.blocks:
        row = (b.kind, b.page, b.level, " > ".join(b.heading_path), document.text[b.start : b.end])
        found.append((*row, b.header) if b.kind == "table" else row)
    return found


@pytest.mark.parametrize("file", ["harbour.rst", "lamps.org"])
def test_a_file_that_asks_for_another_one_does_not_get_it(file: str) -> None:
    assert b"/etc/passwd" in (FILES / file).read_bytes()
    assert "root:" not in read((FILES / file).read_bytes(), file).text


def test_attachments_of_a_message_are_files_of_their_own() -> None:
    content = (FILES / "accounts.msg").read_bytes()
    assert attachments(content, "accounts.msg") == [
        ("prices.csv", b"Bread,Grams\nRye,1200\n"),
        ("notes.txt", "Été".encode()),
        ("notes (2).txt", b"second notes of that name"),
    ]
    assert read(content, "accounts.msg").notices == ("Attached: prices.csv, notes.txt, notes (2).txt.",)


@pytest.mark.usefixtures("_office")
@pytest.mark.parametrize("file", GOLDEN)
def test_damage_ends_in_an_error_or_in_text_and_never_in_an_empty_document(file: str) -> None:
    content = (FILES / file).read_bytes()
    chance = random.Random(7)
    cuts = [content[:length] for length in (0, 1, 8, 511, len(content) // 3, len(content) - 700)]
    flips = [_flipped(content, chance) for _ in range(4)]
    errors = 0
    for damaged in [*cuts, *flips, content[:512] + bytes(len(content) - 512)]:
        try:
            document = read(damaged, file)
        except ParseError:
            errors += 1
            continue
        assert_whole(document)
        assert document.text.strip()
    assert errors >= 1
    assert blocks_of(read(content, file)) == GOLDEN[file]


def _flipped(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(40):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


@pytest.mark.usefixtures("_office")
@pytest.mark.parametrize("file", ["deed.doc", "accounts.msg"])
def test_a_file_under_another_name_is_read_as_what_it_is(file: str) -> None:
    document = read((FILES / file).read_bytes(), "renamed.docx")
    assert blocks_of(document) == GOLDEN[file]
    assert f"{Path(file).suffix} inside" in document.notices[-1]


@pytest.mark.parametrize("file", ["deed.doc"])
def test_a_document_with_a_password_is_said_to_have_one(file: str) -> None:
    content = (FILES / file).read_bytes()
    at = content.index(b"\xec\xa5")  # the Word document's own header
    locked = content[: at + 11] + bytes([content[at + 11] | 1]) + content[at + 12 :]
    with pytest.raises(EncryptedFile, match="password"):
        read(locked, file)


def test_what_holds_no_text_is_refused() -> None:
    with pytest.raises(EmptyFile):
        read(b"..\n   a comment, which is not shown\n", "comment.rst")


def test_the_sandbox_for_other_files_passes_these_on() -> None:
    with pytest.raises(NeedsPrograms):
        parse(b"* Heading\ntext\n", "notes.org")
    with Sandbox(workers=1) as strict, pytest.raises(NeedsPrograms):
        strict.parse(b"* Heading\ntext\n", "notes.org")


@pytest.mark.usefixtures("_office")
@pytest.mark.parametrize("file", ["accounts.msg", "harbour.rst", "deed.doc"])
def test_reading_connects_to_nobody_and_says_nothing(strace: str, tmp_path: Path, file: str) -> None:
    trace = tmp_path / "trace"
    program = (
        f"from ingestion.reading import read\nread(open({str(FILES / file)!r}, 'rb').read(), {file!r})\n"
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.connect(('127.0.0.9', 9))\n"
    )
    before = set(Path(tmp_path).iterdir())
    ran = subprocess.run(
        watched(strace, trace, sys.executable, "-c", program),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert addresses(trace) == {("127.0.0.9", "9")}  # the watch was on, and saw nothing else
    assert set(Path(tmp_path).iterdir()) - before == {trace}


HOSTILE = "tests.extras.hostile_programs:parse"
LIMITS = Limits(
    memory_bytes=4_000_000_000, least_cpu_seconds=2, cpu_seconds=2, wall_seconds=6, file_bytes=10_000_000, processes=64,
    open_files=256,
)  # fmt: skip


@pytest.fixture(scope="module")
def hostile() -> Iterator[Sandbox]:
    with Sandbox(workers=1, limits=LIMITS, files_per_child=1, parse_with=HOSTILE, programs=True) as made:
        yield made


def said(sandbox: Sandbox, command: str) -> str:
    """What a shell that a file started says."""
    return sandbox.parse(command.encode(), "command.txt").text


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's walls are Linux's")
def test_a_program_may_write_in_its_folder_alone_and_nothing_stays(hostile: Sandbox, tmp_path: Path) -> None:
    assert said(hostile, "echo kept > $HOME/file; cat $HOME/file") == "kept"
    assert said(hostile, "ls -A $HOME; echo end") == "end"
    target = tmp_path / "written"
    assert "denied" in said(hostile, f"echo x > {target}") or "Read-only" in said(hostile, f"echo x > {target}")
    assert not target.exists()
    assert said(hostile, "head -c 20000000 /dev/zero > $HOME/large; stat -c %s $HOME/large").splitlines()[-1] == "10000000"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's walls are Linux's")
def test_a_program_cannot_read_the_users_files_nor_see_a_network(hostile: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("a secret")
    assert "a secret" not in said(hostile, f"cat {secret}")
    assert "lo:" in said(hostile, "cat /proc/net/dev")
    assert "eth" not in said(hostile, "cat /proc/net/dev")
    asks = "import socket; socket.socket(socket.AF_INET)"
    assert "Operation not permitted" in said(hostile, f'{sys.executable} -c "{asks}"')


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's walls are Linux's")
def test_a_program_cannot_read_the_folder_that_the_user_works_in_though_python_looks_for_modules_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    original = tmp_path / "data" / "originals" / "0a"
    original.parent.mkdir(parents=True)
    for secret in (tmp_path / ".env", original):
        secret.write_text("a secret")
    monkeypatch.setattr(sys, "path", ["", *sys.path])  # as `python -c` and `python -m` have it
    assert Path.cwd() == tmp_path
    with Sandbox(workers=1, limits=LIMITS, files_per_child=1, parse_with=HOSTILE, programs=True) as sandbox:
        for target in (tmp_path, tmp_path / ".env", original, ROOT, ROOT / "pyproject.toml"):
            answer = said(sandbox, f"ls {target} > $HOME/seen || echo hidden; cat {target}")
            assert "a secret" not in answer
            assert "Permission denied" in answer
        assert said(sandbox, f"ls {tmp_path}; ls {ROOT}").count("Permission denied") == 2
    with Sandbox(
        workers=1, files_per_child=1, parse_with="ingestion.parsers.other_formats:parse", programs=True, limits=LIMITS
    ) as s:
        assert "Fees" in s.parse((FILES / "harbour.rst").read_bytes(), "harbour.rst").text


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's walls are Linux's")
@pytest.mark.parametrize("ended", [1, 2], ids=["first", "reader"])
def test_an_end_for_want_of_memory_is_told_as_that_whichever_process_the_system_ends(ended: int) -> None:
    before = processes_of(os.getpid())
    with Sandbox(workers=1, limits=LIMITS, files_per_child=1, parse_with=HOSTILE, programs=True) as sandbox:
        assert said(sandbox, "echo warm") == "warm"
        with ThreadPoolExecutor(1) as threads:
            waits = threads.submit(said, sandbox, "sleep 30")
            inside: dict[int, int] = {}
            while 3 not in inside and not waits.done():
                time.sleep(0.05)
                inside = numbers_inside(processes_of(os.getpid()) - before)
            if ended not in inside:
                pytest.skip("the system lets nobody make a process namespace")
            os.kill(inside[ended], signal.SIGKILL)
            with pytest.raises(FileTooLarge, match="want of memory"):
                waits.result(30)


def numbers_inside(processes: set[int]) -> dict[int, int]:
    """Process ids by the number that each has in a namespace within this one."""
    found = {}
    for process in processes:
        with suppress(OSError):
            numbers = Path(f"/proc/{process}/status").read_text().split("NSpid:")[1].split("\n")[0].split()
            if len(numbers) > 1:
                found[int(numbers[-1])] = process
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's walls are Linux's")
def test_a_program_that_goes_its_own_way_ends_with_its_file(hostile: Sandbox) -> None:
    mark = "sleep 987"
    assert said(hostile, f"setsid {mark} > /dev/null 2>&1 & echo gone") == "gone"
    assert said(hostile, "echo next") == "next"
    running = subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True, check=True).stdout
    assert mark not in running.splitlines()


def test_a_program_that_hangs_is_given_up(hostile: Sandbox) -> None:
    with pytest.raises(FileTooLarge, match="given up after 6 seconds"):
        said(hostile, "sleep 60")
    assert said(hostile, "echo next") == "next"


def test_without_libreoffice_the_package_to_install_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from ingestion.parsers import other_formats

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnsupportedFormat, match="apt-get install libreoffice-writer-nogui"):
        other_formats.parse((FILES / "deed.doc").read_bytes(), "deed.doc")


@pytest.mark.parametrize(("name", "remedy"), [("talk.mp3", "Transcribe"), ("quay.heic", "JPEG")])
def test_what_would_take_a_model_is_refused_with_a_remedy(name: str, remedy: str) -> None:
    with pytest.raises(UnsupportedFormat, match=remedy):
        read(b"ID3\x04 any bytes", name)


def test_xml_loses_no_text() -> None:
    content = "<?xml version='1.0'?><log><day n='1'><p>Set <b>sail</b> at six.</p><p>Rain.</p></day><end/>after</log>"
    document = read(content.replace("<end/>after", "<day><p>Café</p></day>").encode(), "log.xml")
    assert [document.text[b.start : b.end] for b in document.blocks] == ["Set sail at six.", "Rain.", "Café"]
    assert read(content.encode(), "log.xml").text.split() == ["Set", "sail", "at", "six.Rain.after"]
    with pytest.raises(ParseError, match="whole XML"):
        read(content[:60].encode(), "log.xml")
