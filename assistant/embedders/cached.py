"""An embedder that remembers: document vectors by the digest of their text, in one SQLite file, for measuring again."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from assistant.protocols import Embedder, TokenEmbedder, Vectors


class CachedEmbedder:
    """The given embedder, with `encode_documents` answered from the file where it can be. Vectors are kept as float32."""

    def __init__(self, embedder: Embedder, path: Path) -> None:
        self.name, self.dimension, self.max_tokens = embedder.name, embedder.dimension, embedder.max_tokens
        self.languages = embedder.languages
        if isinstance(embedder, TokenEmbedder):  # late interaction only where the embedder has it
            self.encode_tokens = embedder.encode_tokens
        self._embedder = embedder
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, check_same_thread=False)
        self._file.execute("CREATE TABLE IF NOT EXISTS vectors (digest BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID")
        self._lock = threading.Lock()

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        digests = [self._digest(text) for text in texts]
        with self._lock:
            known = {
                d: v for d in set(digests) for (v,) in self._file.execute("SELECT vector FROM vectors WHERE digest = ?", (d,))
            }
        missing = {d: text for d, text in zip(digests, texts, strict=True) if d not in known}
        if missing:
            made = self._embedder.encode_documents(list(missing.values()))
            fresh = [(digest, vector.astype("<f4").tobytes()) for digest, vector in zip(missing, made, strict=True)]
            with self._lock, self._file:
                self._file.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", fresh)
            known.update(fresh)
        flat = np.frombuffer(b"".join(known[d] for d in digests), dtype="<f4")
        return flat.reshape(-1, self.dimension).astype(np.float32)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._embedder.encode_queries(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._embedder.count_tokens(texts)

    def close(self) -> None:
        self._file.close()

    def _digest(self, text: str) -> bytes:
        return hashlib.sha256(f"{self.name}\0{self.max_tokens}\0{text}".encode("utf-8", "replace")).digest()
