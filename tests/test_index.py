"""The index over a real Milvus Lite: exact search in both legs, deletes, one owner."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from assistant import lite
from assistant.errors import LibraryError
from assistant.index import MilvusIndex
from assistant.protocols import IndexRow, Vectors


@pytest.fixture
def index(tmp_path: Path) -> Iterator[MilvusIndex]:
    opened = MilvusIndex(str(tmp_path / "index.db"))
    yield opened
    opened.close()


def unit_vectors(count: int, seed: int = 0) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def rows(vectors: Vectors, first_id: int = 1) -> list[IndexRow]:
    return [IndexRow(first_id + i, v, {i % 7: 1.0, 100 + i: 0.5}) for i, v in enumerate(vectors)]


def test_the_dense_leg_is_exact_over_several_batches(index: MilvusIndex) -> None:
    vectors = unit_vectors(600)
    index.create("c", 16)
    for at in range(0, 600, 200):
        index.upsert("c", rows(vectors[at : at + 200], at + 1))
    for query in unit_vectors(10, seed=1):
        found = index.search_dense("c", query, 20)
        assert [i for i, _ in found] == [int(i) + 1 for i in np.argsort(-(vectors @ query), kind="stable")[:20]]
        assert found[0][1] == pytest.approx(float((vectors @ query).max()), abs=1e-5)


def test_the_sparse_leg_gives_inner_products_of_rows_that_share_a_term(index: MilvusIndex) -> None:
    index.create("c", 16)
    vector = unit_vectors(1)[0]
    index.upsert("c", [IndexRow(1, vector, {5: 0.5, 9: 0.25}), IndexRow(2, vector, {5: 0.75}), IndexRow(3, vector, {7: 1.0})])
    assert index.search_sparse("c", {5: 2.0, 9: 4.0}, 10) == [(1, 2.0), (2, 1.5)]
    assert index.search_sparse("c", {}, 10) == []


def test_a_chunk_without_terms_can_be_indexed_and_no_query_finds_it_by_words(index: MilvusIndex) -> None:
    index.create("c", 16)
    index.upsert("c", [IndexRow(1, unit_vectors(1)[0], {})])
    assert index.ids("c") == {1}
    assert index.search_sparse("c", {3: 1.0}, 5) == []


def test_writing_twice_changes_nothing_and_deleting_takes_out(index: MilvusIndex) -> None:
    index.create("c", 16)
    written = rows(unit_vectors(50))
    index.upsert("c", written)
    index.upsert("c", written)
    assert index.ids("c") == set(range(1, 51))
    index.delete("c", [3, 4, 999])
    assert index.ids("c") == set(range(1, 51)) - {3, 4}
    assert 3 not in {i for i, _ in index.search_dense("c", written[2].dense, 50)}


def test_what_was_written_is_there_after_closing_and_opening(tmp_path: Path) -> None:
    path = str(tmp_path / "index.db")
    first = MilvusIndex(path)
    first.create("c", 16)
    first.upsert("c", rows(unit_vectors(5)))
    first.close()
    second = MilvusIndex(path)
    assert second.ids("c") == {1, 2, 3, 4, 5}
    second.close()


def test_another_process_can_open_what_was_closed(tmp_path: Path) -> None:
    path = str(tmp_path / "index.db")
    first = MilvusIndex(path)
    first.create("c", 16)
    first.close()
    program = f"from assistant.index import MilvusIndex\nindex = MilvusIndex({path!r})\nprint(index.names('c'))\nindex.close()"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    assert ran.stdout == "['c']\n"


def test_a_second_process_is_told_who_owns_the_data_folder(index: MilvusIndex, tmp_path: Path) -> None:
    index.create("c", 16)
    program = (
        "from assistant.index import MilvusIndex\nfrom assistant.errors import DataFolderInUse\n"
        f"try:\n    MilvusIndex({str(tmp_path / 'index.db')!r})\nexcept DataFolderInUse as error:\n    print(error)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    assert "another footnote process" in ran.stdout


def test_a_collection_that_a_killed_process_had_begun_to_make_is_made_anew(tmp_path: Path) -> None:
    first = MilvusIndex(str(tmp_path / "index.db"))
    first.create("other", 16)
    first.close()
    (tmp_path / "index.db" / "collections" / "c").mkdir()  # its folder, and no manifest yet
    again = MilvusIndex(str(tmp_path / "index.db"))
    again.create("c", 16)
    assert again.names("") == ["c", "other"]
    assert again.ids("c") == set()
    again.close()


def test_where_milvus_lites_process_was_killed_a_call_says_so_and_the_next_starts_another(tmp_path: Path) -> None:
    one, other = MilvusIndex(str(tmp_path / "one.db")), MilvusIndex(str(tmp_path / "other.db"))
    for index in (one, other):
        index.create("c", 16)
        index.upsert("c", rows(unit_vectors(5)))
    killed = lite.process_id()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    for index in (one, other):  # the other's process was another one as well, though one runs by now
        with pytest.raises(LibraryError, match="ended"):
            index.search_dense("c", unit_vectors(1)[0], 3)
        assert index.ids("c") == {1, 2, 3, 4, 5}
        assert len(index.search_dense("c", unit_vectors(1)[0], 3)) == 3
    one.close()
    other.close()


def test_milvus_lites_process_ends_with_the_one_that_asks_and_leaves_no_socket(tmp_path: Path) -> None:
    program = (
        "from assistant import lite\n"
        f"address = lite.open_folder({str(tmp_path / 'index.db')!r})\nprint(lite.process_id(), address, flush=True)\ninput()"
    )
    asking = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    assert asking.stdout is not None
    process, address = asking.stdout.readline().split()
    sockets = Path(address.removeprefix("unix:")).parent
    assert stat.S_IMODE(os.stat(sockets).st_mode) == 0o700
    assert Path("/proc", process).is_dir()
    asking.kill()
    asking.communicate()
    again = MilvusIndex(str(tmp_path / "index.db"))
    again.close()
    for _ in range(100):
        if not Path("/proc", process).is_dir() and not sockets.exists():
            break
        time.sleep(0.05)
    assert not Path("/proc", process).is_dir()
    assert not sockets.exists()


def test_a_search_among_some_rows_finds_the_best_of_these_few_or_many_near_or_far(index: MilvusIndex) -> None:
    count = 12_000
    vectors = unit_vectors(count)
    weights = np.random.default_rng(2).permutation(count) / 2**14 + 0.5
    index.create("c", 16)
    index.upsert("c", [IndexRow(i + 1, v, {i % 7: 1.0, 7: float(weights[i])}) for i, v in enumerate(vectors)])
    query = unit_vectors(1, seed=1)[0]
    nearest = (np.argsort(-(vectors @ query)) + 1).tolist()
    first_term = (np.argsort(-weights) + 1).tolist()
    for among, limit in (
        ({4321}, 50),
        (set(nearest[5000:5300]), 50),
        (set(range(1, 10_000)), 50),  # so many that more is asked for than is wanted
        (set(nearest[6000:9000]), 50),  # in vain, since others are nearer
        (set(nearest[1000:]), 2100),  # and more than are named at once
        (set(), 50),
    ):
        found = index.search_dense("c", query, limit, among)
        assert [i for i, _ in found] == [i for i in nearest if i in among][:limit]
        words = index.search_sparse("c", {7: 1.0}, limit, among)
        assert [i for i, _ in words] == [i for i in first_term if i in among][:limit]
