"""Sources: which files an ingest is about, what makes a file the same one again, and which are refused before they are opened."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import FileTooLarge, FootnoteError


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be read. `place` (its absolute path) makes it the same document again; `name` is what people see: the file's
    name, or its path below the folder that was given."""

    path: Path
    place: str
    name: str


class PathNotFound(FootnoteError):
    """A path that was given is not there."""


def find_sources(paths: Sequence[str | os.PathLike[str]]) -> Iterator[Source]:
    """Every file that these files and folders hold, in the order given, folders by name. Hidden files and folders (whose names
    begin with a dot) and links that lead out of a folder are passed over. Raises PathNotFound before the first is yielded."""
    given = [Path(p) for p in paths]
    for path in given:
        if not path.exists():
            raise PathNotFound(f"There is no file or folder '{path}'. Check the path.")
    return (source for path in given for source in _below(path))


def read_source(source: Source, max_bytes: int) -> bytes:
    """The file's bytes. Raises FileTooLarge, and OSError as the system gives it."""
    size = source.path.stat().st_size
    if size > max_bytes:
        raise FileTooLarge(
            f"{source.name} has {size / 1e6:.0f} MB; the limit is {max_bytes / 1e6:.0f} MB. "
            "Raise FOOTNOTE_MAX_FILE_MEGABYTES to read it."
        )
    return source.path.read_bytes()


def digest_of(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _below(path: Path) -> Iterator[Source]:
    root = path.resolve()
    if root.is_file():
        yield Source(root, str(root), root.name)
        return
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(f for f in files if not f.startswith(".")):
            file = Path(folder, name)
            if file.is_file() and file.resolve().is_relative_to(root):
                yield Source(file, str(file), file.relative_to(root).as_posix())
