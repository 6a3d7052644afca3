"""Damaged files through the sandbox: each comes to an outcome, in time, without a trace on the disk.

DAMAGED_FILES says how many (300), DAMAGE_SEED which ones.
"""

from __future__ import annotations

import collections
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assistant.errors import ParseError
from assistant.types import ParsedDocument
from ingestion.sandbox import Limits, Sandbox
from tests.damage import damaged

ROOT = Path(__file__).parent.parent
COUNT = int(os.environ.get("DAMAGED_FILES", "300"))
SEED = int(os.environ.get("DAMAGE_SEED", "20261121"))
LIMITS = Limits()


def seeds() -> list[tuple[str, bytes]]:
    """Our own files, and awkward ones of other projects where they lie beside this one."""
    folders = [ROOT / "tests" / "files", ROOT / "ingestion" / "sample", ROOT.parent / "shared" / "hostile" / "malformed_files"]
    paths = [p for folder in folders if folder.is_dir() for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix != ".py"]
    return [(path.name, path.read_bytes()) for path in paths if path.stat().st_size < 2_000_000]


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in folder.rglob("*") if p.is_file()}


def assert_whole(document: ParsedDocument) -> None:
    """Every span is within the text, in order and on its page."""
    assert document.blocks
    end = 0
    for block in document.blocks:
        text = document.text[block.start : block.end]
        assert text
        assert text == text.strip()
        assert block.start >= end
        page = document.pages[block.page - 1]
        assert page.start <= block.start < page.end
        end = block.end
    assert end == len(document.text)
    assert [page.number for page in document.pages] == list(range(1, len(document.pages) + 1))
    assert all(page.start <= page.end for page in document.pages)
    assert document.pages[-1].end == len(document.text)
    assert all(0 <= run.start < run.start + run.length <= len(document.text) for run in document.runs)
    assert all(1 <= run.page <= len(document.pages) for run in document.runs)


def test_the_same_seed_makes_the_same_damage_and_another_seed_another() -> None:
    whole = [("a.txt", b"one two three " * 20), ("b.csv", b"a,b\n1,2\n" * 20)]
    first, again, other = (list(damaged(whole, 60, seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert len({name for name, _ in first}) == 60
    assert sum(content not in (whole[0][1], whole[1][1]) for _, content in first) > 40


def test_each_damaged_file_comes_to_an_outcome_in_time_and_leaves_no_trace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes: collections.Counter[str] = collections.Counter()
    slowest = (0.0, "")
    lock = threading.Lock()
    before = listing(ROOT / "tests" / "files") | listing(tmp_path)
    files = damaged(seeds(), COUNT, SEED)

    def read_on(sandbox: Sandbox) -> None:
        nonlocal slowest
        while True:
            with lock:
                file = next(files, None)
            if file is None:
                return
            started = time.monotonic()
            outcome = outcome_of(sandbox, *file)
            seconds = time.monotonic() - started
            assert seconds < LIMITS.wall_seconds + 10, file[0]
            with lock:
                outcomes[outcome] += 1
                slowest = max(slowest, (seconds, file[0]))

    with Sandbox(workers=2, limits=LIMITS) as sandbox, ThreadPoolExecutor(2) as threads:
        for reading in [threads.submit(read_on, sandbox) for _ in range(2)]:
            reading.result()
    with capsys.disabled():
        mix = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
        print(f"\n{COUNT} damaged files: {mix}. Slowest: {slowest[0]:.2f} s ({slowest[1]})")
    assert outcomes.total() == COUNT
    assert listing(ROOT / "tests" / "files") | listing(tmp_path) == before


def outcome_of(sandbox: Sandbox, name: str, content: bytes) -> str:
    """ "read", or the error's class, with its reason where no parser foresaw the damage."""
    try:
        document = sandbox.parse(content, name)
    except ParseError as error:
        reason = str(error).strip()
        if not reason:
            raise AssertionError(f"{name}: no reason is given") from error
        unforeseen = any(word in reason for word in ("foresaw", "crashed", "ended", "makes no sense", "seconds", "memory"))
        return f"{type(error).__name__} [{reason}]" if unforeseen else type(error).__name__
    try:
        assert_whole(document)
    except AssertionError as error:
        raise AssertionError(f"{name}: its spans do not hold") from error
    return "read"
