"""An embedder that remembers: document vectors by the digest of their text, in one SQLite file, for measuring again."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from assistant.protocols import Embedder, TokenEmbedder, Vectors
from assistant.token_signs import pack, signs_of, unit_vectors, unpack


class CachedEmbedder:
    """The given embedder, with the documents' side answered from the file where it can be. Vectors are kept as float32, those of
    tokens by their signs."""

    def __init__(self, embedder: Embedder, path: Path) -> None:
        self.name, self.dimension, self.max_tokens = embedder.name, embedder.dimension, embedder.max_tokens
        self.languages = embedder.languages
        if isinstance(embedder, TokenEmbedder):  # late interaction only where the embedder has it
            self._token_embedder = embedder
            self.encode_tokens = embedder.encode_tokens
            self.encode_documents_and_tokens = self._encoded_with_tokens
        self._embedder = embedder
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, check_same_thread=False)
        for kept in ("vectors", "vectors_and_signs"):
            self._file.execute(f"CREATE TABLE IF NOT EXISTS {kept} (digest BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID")
        self._lock = threading.Lock()

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        def made(missing: Sequence[str]) -> list[bytes]:
            return [vector.astype("<f4").tobytes() for vector in self._embedder.encode_documents(missing)]

        return self._vectors(self._remembered("vectors", texts, made))

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._embedder.encode_queries(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._embedder.count_tokens(texts)

    def close(self) -> None:
        self._file.close()

    def _encoded_with_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        def made(missing: Sequence[str]) -> list[bytes]:
            vectors, tokens = self._token_embedder.encode_documents_and_tokens(missing)
            return [vector.astype("<f4").tobytes() + pack(signs_of(each)) for vector, each in zip(vectors, tokens, strict=True)]

        size = 4 * self.dimension
        remembered = self._remembered("vectors_and_signs", texts, made)
        signs = [unpack(kept[size:], self.dimension) for kept in remembered]
        return self._vectors([kept[:size] for kept in remembered]), [unit_vectors(each, self.dimension) for each in signs]

    def _vectors(self, kept: Sequence[bytes]) -> Vectors:
        return np.frombuffer(b"".join(kept), dtype="<f4").reshape(-1, self.dimension).astype(np.float32)

    def _remembered(self, table: str, texts: Sequence[str], made: Callable[[Sequence[str]], list[bytes]]) -> list[bytes]:
        """What the table holds of each text; what it lacks is made, and written there."""
        digests = [self._digest(text) for text in texts]
        query = f"SELECT vector FROM {table} WHERE digest = ?"
        with self._lock:
            known = {digest: kept for digest in set(digests) for (kept,) in self._file.execute(query, (digest,))}
        missing = {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in known}
        if missing:
            fresh = dict(zip(missing, made(list(missing.values())), strict=True))
            with self._lock, self._file:
                self._file.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", fresh.items())
            known |= fresh
        return [known[digest] for digest in digests]

    def _digest(self, text: str) -> bytes:
        return hashlib.sha256(f"{self.name}\0{self.max_tokens}\0{text}".encode("utf-8", "replace")).digest()
