"""Originals: the bytes of every document, each once, by digest, in the data folder."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from assistant.errors import LibraryError

_DIGEST_LENGTH = 64


class Originals:
    """A folder of files named by their SHA-256. What `put` returned from is on the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, digest: str, content: bytes) -> None:
        """Keep these bytes; nothing happens where they are kept already."""
        path = self._path(digest)
        if path.exists():
            return
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            _sync_folder(self._folder)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def get(self, digest: str) -> bytes:
        """The bytes of this digest. Raises LibraryError where they are gone."""
        try:
            return self._path(digest).read_bytes()
        except OSError as error:
            raise LibraryError(
                f"The original {digest[:12]} cannot be read ({error.strerror}). Ingest the file again to put it back."
            ) from error

    def holds(self, digest: str) -> bool:
        """Whether these bytes are kept."""
        return self._path(digest).exists()

    def digests(self) -> set[str]:
        """Every digest that is kept."""
        return {path.name for path in self._folder.glob("??/*") if len(path.name) == _DIGEST_LENGTH}

    def discard(self, digest: str) -> None:
        """Remove these bytes; nothing happens where they are gone."""
        self._path(digest).unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest


def _sync_folder(folder: Path) -> None:
    # A new name is on the disk only once its folder is.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
