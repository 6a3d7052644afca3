"""Backup and restore: the library and the originals in one zip file. The index is left out, since it is rebuilt from the library."""

from __future__ import annotations

import os
import tempfile
import zipfile
from pathlib import Path

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.errors import BackupError
from ingestion.reindexing import reindex

_LIBRARY = "library.sqlite3"
_ORIGINALS = "originals/"


def back_up(assistant: Assistant, path: Path) -> int:
    """Write library and originals to a new zip file, while questions are answered; its size in bytes. Raises BackupError where a file
    is there already or none can be written, and LibraryError."""
    if path.exists():
        raise BackupError(f"{path} is there already. Name a new file.")
    with assistant.changing, tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / _LIBRARY
        assistant.library.copy_to(copy)
        partial = path.with_name(path.name + ".partial")
        try:
            private = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(private, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.write(copy, _LIBRARY)
                for digest in sorted(assistant.library.versions.digests()):
                    archive.writestr(_ORIGINALS + digest, assistant.originals.get(digest))
            partial.replace(path)
        except OSError as error:
            raise BackupError(f"{path} cannot be written: {error.strerror}. Name a file in a folder that is there.") from error
        finally:
            partial.unlink(missing_ok=True)
    return path.stat().st_size


def unpack(path: Path, data_dir: Path) -> None:
    """Put library and originals of a backup into a data folder that has no library yet. Raises BackupError where it has one, or
    where the file is not a backup."""
    library = data_dir / _LIBRARY
    if library.exists():
        raise BackupError(f"{data_dir} holds a library already. Set FOOTNOTE_DATA_DIR to a new folder, or move the old one away.")
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if _LIBRARY not in names or any(n != _LIBRARY and not n.startswith(_ORIGINALS) for n in names):
                raise BackupError(f"{path} is not a backup of Footnote's. `footnote backup FILE` writes one.")
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in sorted(names - {_LIBRARY}):
                digest = name.removeprefix(_ORIGINALS)
                if not (len(digest) == 64 and all(c in "0123456789abcdef" for c in digest)):
                    raise BackupError(f"{path} holds {name!r}, which no backup of Footnote's does.")
                target = data_dir / "originals" / digest[:2] / digest
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
            library.write_bytes(archive.read(_LIBRARY))
    except (OSError, zipfile.BadZipFile) as error:
        raise BackupError(f"{path} cannot be read as a backup: {error}. Check the file.") from error


def rebuild(assistant: Assistant) -> int:
    """Build every collection's index anew, as is needed after `unpack`; how many chunks they hold."""
    return sum(reindex(assistant, collection.name) for collection in assistant.library.readable(OWNER))
