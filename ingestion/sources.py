"""Sources: which files an ingest is about, what makes a file the same one again, and which are refused before they are opened."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from assistant.errors import CorruptFile, FileTooLarge, PathNotFound

# What a data folder holds, known by the library's file or the index's folder. Kept text must not come back as documents.
_LIBRARY, _INDEX, _ORIGINALS = "library.sqlite3", "index.db", "originals"
_ORIGINAL = re.compile(r"[0-9a-f]{64}")

_ESCAPED = re.compile(rb"\\x([89a-f][0-9a-f])")

# The times of some file systems are as coarse as this.
_RACY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be read. `place` (its absolute path) makes it the same file again; `name` is what people see: the file's name, or
    its path below the folder that was given. `refusal` says why it cannot be read, where that is known already; `stamp` changes when
    the file does, and is empty where it changed so lately that it could do so again unnoticed. `modified_at` is ISO 8601, UTC, to the
    second; empty where it is not known."""

    path: Path
    place: str
    name: str
    refusal: str = ""
    size_bytes: int = 0
    stamp: str = ""
    modified_at: str = ""


def find_sources(paths: Sequence[str | os.PathLike[str]]) -> list[Source]:
    """Every file that these files and folders hold, each once, in the order given, folders by name. Hidden files and folders (whose
    names begin with a dot) and what Footnote keeps in a data folder are passed over; links out of a folder, devices and folders that
    may not be read are refused. Raises PathNotFound."""
    found = {source.place: source for path in given_paths(paths) for source in _below(path)}
    return list(found.values())


def given_paths(paths: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """The paths, each of which is there. Raises PathNotFound."""
    given = [Path(p) for p in paths]
    for path, as_given in zip(given, paths, strict=True):
        if not os.fspath(as_given):
            raise PathNotFound("An empty path names no file or folder. To read the current folder, write a dot.")
        if not path.exists():
            raise PathNotFound(f"There is no file or folder '{readable_name(path)}'. Check the path.")
    return given


def place_of(path: Path) -> str:
    """The place of a file whose path is absolute and free of links."""
    # Not every file name is text. Escaped, each still has a place of its own.
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def folders_of(paths: Sequence[str | os.PathLike[str]]) -> list[str]:
    """The places of those paths that are folders, each ended so that only what lies below begins with it."""
    return [place_of(Path(p).resolve()).rstrip(os.sep) + os.sep for p in paths if Path(p).is_dir()]


def read_source(source: Source, max_bytes: int) -> bytes:
    """The file's bytes. Raises FileTooLarge, CorruptFile for what was refused, and OSError as the system gives it."""
    if source.refusal:
        raise CorruptFile(source.refusal)
    size = source.path.stat().st_size
    if size > max_bytes:
        raise FileTooLarge(
            f"{source.name} has {size / 1e6:,.1f} MB; the limit is {max_bytes / 1e6:,.0f} MB. "
            "Raise FOOTNOTE_MAX_FILE_MEGABYTES to read it."
        )
    return source.path.read_bytes()


def still_there(place: str) -> bool:
    """Whether the file of a place is there; that of what is attached to an e-mail is the e-mail. Places that are no paths (uploads)
    are there until they are forgotten."""
    if not os.path.isabs(place):
        return True
    # A name may also hold, as text, what looks like a byte escaped by `place_of`.
    read_as = (Path(place), Path(os.fsdecode(_ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), place.encode()))))
    return any(os.path.lexists(path) or any(map(os.path.isfile, path.parents)) for path in read_as)


def digest_of(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def readable_name(path: str | os.PathLike[str]) -> str:
    """A path as people can read it: bytes that are not UTF-8, and characters that do not print, become U+FFFD."""
    text = os.fsencode(path).decode("utf-8", "replace")
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


def _below(path: Path) -> Iterator[Source]:
    root = path.resolve()
    if not root.is_dir():
        yield _source(root, readable_name(root.name), root.parent)
        return
    refused: list[OSError] = []
    for folder, folders, files in os.walk(root, onerror=refused.append):
        linked = [f for f in folders if os.path.islink(os.path.join(folder, f))]
        passed_over = _passed_over(folder, folders, files)
        folders[:] = sorted(f for f in folders if f not in passed_over and f not in linked)
        for name in sorted(f for f in [*files, *linked] if f not in passed_over):
            file = Path(folder, name)
            yield _source(file, readable_name(file.relative_to(root)), root)
    for error in refused:
        blocked = Path(error.filename)
        yield Source(blocked, place_of(blocked), readable_name(blocked.name), f"The folder cannot be read: {error.strerror}.")


def _passed_over(folder: str, folders: Sequence[str], files: Sequence[str]) -> set[str]:
    """Of the names in a folder, the hidden ones, those by which Office marks an open file, and those of a data folder: the user's own
    files may lie beside these."""
    names = {name for name in (*folders, *files) if name.startswith((".", "~$"))}
    if _LIBRARY in files or _INDEX in folders:
        names |= {name for name in folders if name in (_INDEX, _ORIGINALS)}
        names |= {name for name in files if name.startswith(_LIBRARY)}
    above = Path(folder)
    if above.parent.name == _ORIGINALS:  # where library and index are on servers, or this folder alone was given
        names |= {name for name in files if _ORIGINAL.fullmatch(name) and name.startswith(above.name)}
    return names


def _source(file: Path, name: str, root: Path) -> Source:
    try:
        status = file.stat()
    except OSError as error:
        return Source(file, place_of(file), name, f"It cannot be read: {error.strerror}.")
    stamp = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}" if time.time() - status.st_mtime > _RACY_SECONDS else ""
    refusal = _refusal(file, root, status.st_mode)
    return Source(file, place_of(file), name, refusal, status.st_size, stamp, _in_words(status.st_mtime))


def _in_words(modified: float) -> str:
    try:
        return datetime.fromtimestamp(modified, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):  # a file may bear any time
        return ""


def _refusal(file: Path, root: Path, mode: int) -> str:
    """Why a file is not opened; empty where it may be."""
    if file.is_symlink() and not file.resolve().is_relative_to(root):
        return "It is a link that leads out of the folder. Name the file itself to read it."
    if stat.S_ISDIR(mode):
        return "It is a link to a folder, and such links are not followed."
    return "" if stat.S_ISREG(mode) else "It is not a file: a device, a pipe or a socket."
