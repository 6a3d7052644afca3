"""Damaged files through the whole pipeline: each comes to an outcome, in time, and nothing is written but the data folder, nor any
socket opened where files are read. `make campaign` gives pytest `--damaged-files 10000`; `--damage-seed` says which ones."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from assistant.answering import Assistant
from ingestion.sandbox import Limits
from tests.damage import damaged
from tests.ingest_damaged import ROOT, ingest_damaged, seeds
from tests.watch import Call, calls_in, sockets, watched, writes

_BATCH = 250
# One file may take the wall's seconds, and another that waits for its place as many again.
_MOST_SILENT_SECONDS = 2 * Limits().wall_seconds + 30
_UNFORESEEN = re.compile("foresaw|crashed|ended the process|makes no sense|seconds|memory")
_LOOPBACK = re.compile(r'inet_addr\("127\.|inet_pton\(AF_INET6, "(::1|::ffff:127\.)|sa_family=AF_(UNIX|UNSPEC|NETLINK)')


def test_the_same_seed_makes_the_same_damage_and_another_seed_another() -> None:
    whole = [("a.txt", b"one two three " * 20), ("b.csv", b"a,b\n1,2\n" * 20)]
    first, again, other = (list(damaged(whole, 60, seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert len({name for name, _ in first}) == 60
    assert sum(content not in (whole[0][1], whole[1][1]) for _, content in first) > 40


def test_each_damaged_file_comes_to_an_outcome_in_time_and_leaves_no_trace(
    assistant: Assistant, tmp_path: Path, capsys: pytest.CaptureFixture[str], damaged_files: int, damage_seed: int
) -> None:
    mix: Counter[str] = Counter()
    silent = (0.0, "")
    before = listing(ROOT / "tests" / "files")
    files = damaged(seeds(), damaged_files, damage_seed)
    number = 0
    while batch := dict(islice(files, _BATCH)):
        folder = tmp_path / f"damaged-{number:03}"
        lay_out(folder, batch)
        ingested = ingest_damaged(assistant, folder, folder.name)
        silent = max(silent, (ingested.silent_seconds, ingested.silent_after))
        # What lies in a file (a mail's attachments) may have outcomes of its own.
        own = [outcome for outcome in ingested.outcomes if outcome.source in batch]
        assert sorted(outcome.source for outcome in own) == sorted(batch)
        for outcome in ingested.outcomes:
            assert outcome.status == "added" or (outcome.status == "failed" and outcome.reason.strip()), outcome
            unforeseen = _UNFORESEEN.search(outcome.reason)
            mix[f"{outcome.status} [{outcome.reason}]" if unforeseen else outcome.status] += 1
        shutil.rmtree(folder)
        number += 1
    with capsys.disabled():
        said = ", ".join(f"{count} {outcome}" for outcome, count in mix.most_common())
        print(f"\n{damaged_files} damaged files: {said}. Longest silence: {silent[0]:.2f} s (after {silent[1]})")
    assert silent[0] < _MOST_SILENT_SECONDS, silent
    assert listing(ROOT / "tests" / "files") == before
    assert {path.name for path in tmp_path.iterdir()} == {"data"}


def test_where_files_are_read_no_file_is_written_and_no_socket_opened(
    tmp_path: Path, damaged_files: int, damage_seed: int
) -> None:
    folder, data, trace = tmp_path / "damaged", tmp_path / "data", tmp_path / "trace"
    batch = dict(damaged(seeds(), max(40, damaged_files // 20), damage_seed + 1))
    lay_out(folder, batch)
    # py3langid unpacks its own model into a nameless file before the first text.
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    program = [sys.executable, "-m", "tests.ingest_damaged", str(data), str(folder)]
    run_in = {**environment(), "TMPDIR": str(temporary)}
    outcomes = json.loads(watched(program, trace, environment=run_in, folder=tmp_path, seconds=3600))
    assert {outcome["source"] for outcome in outcomes} >= set(batch)
    calls = calls_in(trace)
    assert {call.by for call in calls} == {"reader", "fork server", "another"}, "the watch was on"
    assert [call for call in writes(calls) if not allowed(call, *([data, temporary] if call.by == "another" else []))] == []
    assert list(temporary.iterdir()) == []
    # The sandbox's own sockets are pairs that its parent made. The C library looks for a local name service as Python starts.
    assert [call for call in sockets(calls) if call.by == "reader"] == []
    assert [call for call in sockets(calls) if call.by == "fork server" and "AF_INET" in call.arguments] == []
    spoken_to = [call for call in sockets(calls) if call.name in ("connect", "bind") or "sa_family" in call.arguments]
    assert spoken_to, "Milvus Lite's own server: the watch was on"
    assert [call for call in spoken_to if not _LOOPBACK.search(call.arguments)] == []


def test_the_watch_sees_what_a_reader_without_walls_does(tmp_path: Path) -> None:
    there, new, trace = tmp_path / "there", tmp_path / "new", tmp_path / "trace"
    there.write_text("kept")
    with socket.create_server(("127.0.0.1", 0)) as server:
        deeds = [f"write {new}", f"remove {there}", f"connect {server.getsockname()[1]}", "look_up"]
        program = (
            "import sys\nfrom assistant.errors import ParseError\nfrom ingestion.sandbox import Sandbox\n"
            "with Sandbox(workers=1, parse_with='tests.hostile_parsers_without_walls:parse') as sandbox:\n"
            "    for deed in sys.argv[1:]:\n"
            "        try: sandbox.parse(deed.encode(), 'a.txt')\n"
            "        except ParseError: pass\n"
        )
        watched([sys.executable, "-c", program, *deeds], trace, environment=environment(), folder=tmp_path, seconds=120)
    calls = [call for call in calls_in(trace) if call.by == "reader"]
    touched = {(call.name, call.paths[-1]) for call in writes(calls) if not allowed(call)}
    assert touched == {("openat", str(new)), ("unlink", str(there))}
    assert "socket" in {call.name for call in sockets(calls)}


def lay_out(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in folder.rglob("*") if p.is_file()}


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def allowed(call: Call, *folders: Path) -> bool:
    """Whether a write is within these folders, to nowhere, or Python's own of a module that it compiled."""
    within = tuple(str(folder.resolve()) for folder in folders)
    return all(
        (bool(within) and path.startswith(within) and ".." not in path)
        or path == os.devnull
        or (path.startswith(str(ROOT)) and "/__pycache__" in path)
        for path in call.paths
    )
