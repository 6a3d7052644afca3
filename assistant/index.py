"""The index: dense and sparse vectors by chunk id in Milvus, and no text. Milvus Lite in a folder, or a server by address."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence, Set
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from assistant import lite
from assistant.errors import LibraryError
from assistant.protocols import IndexRow, SparseVector, Vectors

_BATCH = 1000
# Rows can be found and survive the end of the process without a flush, which makes a file, and files are merged: a flush of every
# 64 rows took twice the processor time. But Lite searches what was not flushed row by row, 2,000 of them in 40 ms, so that fewer are
# left for a search.
_FLUSH_ROWS = 2000
_FLUSH_ROWS_BEFORE_SEARCH = 200
_MOST_HITS = 16_384  # what Milvus gives at the most
# A search among some chunks names them to Milvus, which then takes 16 µs longer for each (milvus-lite 3.2). Where they are more than
# these, it is asked for more hits than are wanted (50 µs each), and others are dropped; only where that was in vain are they named.
_FEW = 2_000
_MOST_DROPPED = 4_000
_NAMED_AT_ONCE = 10_000
_CELLS = 128
# Measured on Milvus Lite 3.2: IVF_FLAT with every cell probed is exact, builds in 3 s at 100k rows (HNSW: 66 s) and loses no
# rows. Lite reads index parameters only where they are nested.
_DENSE_INDEX = {"index_type": "IVF_FLAT", "metric_type": "COSINE", "params": {"params": {"nlist": _CELLS}, "nlist": _CELLS}}
_DENSE_SEARCH = {"metric_type": "COSINE", "params": {"nprobe": _CELLS}}
# Milvus refuses an empty sparse vector: a chunk of nothing but stop words holds one term that next to no query has.
_NO_WORDS = {2**32 - 2: 1e-9}
_SPARSE_INDEX = {"index_type": "SPARSE_INVERTED_INDEX", "metric_type": "IP"}
_SPARSE_SEARCH = {"metric_type": "IP", "params": {}}


def is_lite(uri: str) -> bool:
    """Whether an address is that of a Milvus Lite folder, not of a server."""
    return uri.endswith(".db")


class MilvusIndex:
    """An `Index` (see protocols.py) over pymilvus. A folder is opened by Milvus Lite's process (lite.py), and by no other until
    `close()`. Raises DataFolderInUse then, LibraryError for other failures."""

    def __init__(self, uri: str, token: str = "") -> None:
        from pymilvus import DataType, MilvusException

        # Failures are reported once, by what is raised.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        self._address, self._token = uri, token
        self._folder = Path(uri).absolute() if is_lite(uri) else None
        self._types = DataType
        self._exception = MilvusException
        self._loaded: set[str] = set()
        self._unflushed: Counter[str] = Counter()
        self._lock = threading.Lock()
        # Milvus Lite has one writer to a collection, and a flush is one. Whoever holds this takes no other lock.
        self._writing = threading.Lock()
        self._connection: Any = self._connected()

    def create(self, name: str, dimension: int) -> None:
        with self._failures():
            if self._client.has_collection(name):
                return
            if self._folder:  # what a killed process had begun to make stands in its way (milvus-lite 3.2)
                shutil.rmtree(self._folder / "collections" / name, ignore_errors=True)
            schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("id", self._types.INT64, is_primary=True)
            schema.add_field("dense", self._types.FLOAT_VECTOR, dim=dimension)
            schema.add_field("sparse", self._types.SPARSE_FLOAT_VECTOR)
            indexes = self._client.prepare_index_params()
            indexes.add_index("dense", **_DENSE_INDEX)
            if not self._folder:  # Lite's is a dictionary of Python tuples, 25 kB a chunk; `WordIndex` searches there
                indexes.add_index("sparse", **_SPARSE_INDEX)
            self._client.create_collection(name, schema=schema, index_params=indexes)
            self._client.release_collection(name)  # an ingest needs no search structures; the first search loads it

    def upsert(self, name: str, rows: Sequence[IndexRow]) -> None:
        with self._failures():
            rest, client = iter(rows), self._client
            while batch := list(islice(rest, _BATCH)):
                with self._writing:
                    client.upsert(name, [_row(r) for r in batch])
                    self._unflushed[name] += len(batch)
            self._flush(name, _FLUSH_ROWS)

    def delete(self, name: str, chunk_ids: Sequence[int]) -> None:
        with self._failures():
            rest, client = iter(chunk_ids), self._client
            while batch := list(islice(rest, _BATCH)):
                with self._writing:
                    client.delete(name, ids=batch)

    def search_dense(self, name: str, vector: Vectors, limit: int, among: Set[int] | None = None) -> list[tuple[int, float]]:
        return self._search(name, "dense", vector, _DENSE_SEARCH, limit, among)

    def search_sparse(
        self, name: str, vector: SparseVector, limit: int, among: Set[int] | None = None
    ) -> list[tuple[int, float]]:
        if not vector:
            return []
        found = self._search(name, "sparse", dict(vector), _SPARSE_SEARCH, limit, among)
        return [(key, score) for key, score in found if score > 0]

    def names(self, prefix: str) -> list[str]:
        with self._failures():
            return sorted(name for name in self._client.list_collections() if name.startswith(prefix))

    def ids(self, name: str) -> set[int]:
        with self._failures():
            if not self._client.has_collection(name):
                return set()
            self._load(name)
            found: set[int] = set()
            pages = self._client.query_iterator(name, batch_size=_BATCH, output_fields=["id"])
            while page := pages.next():
                found.update(row["id"] for row in page)
            pages.close()
            return found

    def copy(self, name: str, to: str, chunk_ids: Collection[int]) -> None:
        with self._failures():
            self._load(name)
            wanted, client = sorted(chunk_ids), self._client
            for at in range(0, len(wanted), _BATCH):
                rows = client.get(name, ids=wanted[at : at + _BATCH], output_fields=["id", "dense", "sparse"])
                with self._writing:
                    client.upsert(to, [{field: row[field] for field in ("id", "dense", "sparse")} for row in rows])
            with self._writing:
                client.flush(to)

    def drop(self, name: str) -> None:
        with self._failures():
            self._client.drop_collection(name)
        self._loaded.discard(name)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._folder:
            lite.close_folder(str(self._folder))

    def _search(
        self, name: str, field: str, vector: Any, parameters: dict[str, Any], limit: int, among: Set[int] | None
    ) -> list[tuple[int, float]]:
        def best(most: int, where: str = "") -> list[tuple[int, float]]:
            with self._failures():
                self._load(name)
                if self._folder:
                    self._flush(name, _FLUSH_ROWS_BEFORE_SEARCH)
                found = self._client.search(
                    name, data=[vector], anns_field=field, limit=min(most, _MOST_HITS), filter=where, search_params=parameters,
                    output_fields=["id"],
                )  # fmt: skip
            return [(int(row["id"]), float(row["distance"])) for row in found[0]]

        return best(limit) if among is None else _best_among(among, limit, best)

    @property
    def _client(self) -> Any:
        with self._lock:
            if self._connection is None:
                self._connection = self._connected()
            return self._connection

    def _connected(self) -> Any:
        from pymilvus import MilvusClient

        if self._folder:
            self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._address = lite.open_folder(str(self._folder))
        try:
            return MilvusClient(self._address, token=self._token)
        except self._exception as error:
            if self._folder:
                lite.close_folder(str(self._folder))
            raise LibraryError(
                f"No Milvus answers at {self._address}: {error}. Check FOOTNOTE_MILVUS_URI and FOOTNOTE_MILVUS_TOKEN."
            ) from error

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except self._exception as error:
            if self._has_lost_its_process():
                raise LibraryError(
                    f"The process of the index ended, and what was asked of it may not be done. {lite.ENDED}"
                ) from error
            raise LibraryError(
                f"The index failed: {error}. Run `footnote doctor`; `footnote reindex COLLECTION` builds it anew from the library."
            ) from error

    def _has_lost_its_process(self) -> bool:
        """Whether Milvus Lite's process is not there any more; the next call then starts another."""
        if self._folder is None:
            return False
        time.sleep(0.1)  # the operating system tells of its end a little later than its sockets do
        if lite.answers_at(self._address):
            return False
        with self._lock:
            if lite.answers_at(self._address):  # another thread has connected anew
                return True
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            self._loaded.clear()
        return True

    def _flush(self, name: str, least: int) -> None:
        """Flush what was written, where that is so many rows or more."""
        client = self._client
        with self._writing:
            if self._unflushed[name] >= least:
                client.flush(name)
                self._unflushed[name] = 0

    def _load(self, name: str) -> None:
        client = self._client
        if self._folder and name not in self._loaded:
            with self._writing:
                client.flush(name)  # what an earlier process had left
        with self._lock:
            if name not in self._loaded:
                client.load_collection(name)
                self._loaded.add(name)


def _best_among(among: Set[int], limit: int, best: Callable[[int, str], list[tuple[int, float]]]) -> list[tuple[int, float]]:
    """The best of these chunks, where `best` gives the best of those that a condition lets through."""
    asked = 2 * limit
    while len(among) > _FEW and asked <= _MOST_DROPPED:
        found = best(asked, "")
        kept = [hit for hit in found if hit[0] in among]
        if len(kept) >= limit or len(found) < asked:
            return kept[:limit]
        asked *= 4
    ids = sorted(among)
    named = [ids[at : at + _NAMED_AT_ONCE] for at in range(0, len(ids), _NAMED_AT_ONCE)]
    found = [hit for some in named for hit in best(limit, f"id in [{','.join(map(str, some))}]")]
    return sorted(found, key=lambda hit: -hit[1])[:limit]


def _row(row: IndexRow) -> dict[str, Any]:
    return {"id": row.chunk_id, "dense": row.dense, "sparse": dict(row.sparse) or _NO_WORDS}
