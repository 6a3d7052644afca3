"""Sources: which files an ingest is about, what makes a file the same one again, and which are refused before they are opened."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import CorruptFile, FileTooLarge, PathNotFound


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be read. `place` (its absolute path) makes it the same file again; `name` is what people see: the file's name, or
    its path below the folder that was given. `refusal` says why it cannot be read, where that is known already."""

    path: Path
    place: str
    name: str
    refusal: str = ""


def find_sources(paths: Sequence[str | os.PathLike[str]]) -> list[Source]:
    """Every file that these files and folders hold, each once, in the order given, folders by name. Hidden files and folders (whose
    names begin with a dot) are passed over; links out of a folder, devices and folders that may not be read are refused. Raises
    PathNotFound."""
    given = [Path(p) for p in paths]
    for path in given:
        if not path.exists():
            raise PathNotFound(f"There is no file or folder '{readable_name(path)}'. Check the path.")
    found = {source.place: source for path in given for source in _below(path)}
    return list(found.values())


def folders_of(paths: Sequence[str | os.PathLike[str]]) -> list[str]:
    """The places of those paths that are folders, each ended so that only what lies below begins with it."""
    return [_place(Path(p).resolve()).rstrip(os.sep) + os.sep for p in paths if Path(p).is_dir()]


def read_source(source: Source, max_bytes: int) -> bytes:
    """The file's bytes. Raises FileTooLarge, CorruptFile for what was refused, and OSError as the system gives it."""
    if source.refusal:
        raise CorruptFile(source.refusal)
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


def readable_name(path: str | os.PathLike[str]) -> str:
    """A path as people can read it: bytes that are not UTF-8, and characters that do not print, become U+FFFD."""
    text = os.fsencode(path).decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _place(path: Path) -> str:
    # Not every file name is text. Escaped, each still has a place of its own.
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _below(path: Path) -> Iterator[Source]:
    root = path.resolve()
    if not root.is_dir():
        yield _source(root, readable_name(root.name), root.parent)
        return
    refused: list[OSError] = []
    for folder, folders, files in os.walk(root, onerror=refused.append):
        linked = [f for f in folders if os.path.islink(os.path.join(folder, f))]
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in linked)
        for name in sorted(f for f in [*files, *linked] if not f.startswith(".")):
            file = Path(folder, name)
            yield _source(file, readable_name(file.relative_to(root)), root)
    for error in refused:
        blocked = Path(error.filename)
        yield Source(blocked, _place(blocked), readable_name(blocked.name), f"The folder cannot be read: {error.strerror}.")


def _source(file: Path, name: str, root: Path) -> Source:
    return Source(file, _place(file), name, _refusal(file, root))


def _refusal(file: Path, root: Path) -> str:
    """Why a file is not opened; empty where it may be."""
    try:
        mode = file.stat().st_mode
    except OSError as error:
        return f"It cannot be read: {error.strerror}."
    if not file.resolve().is_relative_to(root):
        return "It is a link that leads out of the folder. Name the file itself to read it."
    if stat.S_ISDIR(mode):
        return "It is a link to a folder, and such links are not followed."
    return "" if stat.S_ISREG(mode) else "It is not a file: a device, a pipe or a socket."
