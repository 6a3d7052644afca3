"""Milvus Lite's process, from the side of whoever asks it: started when the first folder is opened, one for all folders."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from assistant import lite_process
from assistant.errors import DataFolderInUse, LibraryError

# The process of somebody who was killed ends at once, but not before the operating system has told it.
_SECONDS_FOR_ANOTHER_TO_END = 2.0
ENDED = "It starts again with the next call; if it ends again, see that memory and disk are not full."


def open_folder(folder: str) -> str:
    """Open the database in this folder, made where it is missing; the address where it answers. Raises DataFolderInUse where another
    process has it open, LibraryError where it cannot be read."""
    deadline = time.monotonic() + _SECONDS_FOR_ANOTHER_TO_END
    while True:
        done, said = _order("open", folder)
        if done:
            return said
        if said != lite_process.IN_USE:
            raise LibraryError(f"The index {folder} cannot be opened: {said}. Move it away; `footnote reindex` builds another.")
        if time.monotonic() > deadline:
            raise DataFolderInUse(
                f"The index {folder} could not be opened: another footnote process (a command, or a server that does not "
                "answer) is using this data folder. Let it end, stop it, or set FOOTNOTE_DATA_DIR to another folder."
            )
        time.sleep(0.05)


def close_folder(folder: str) -> None:
    """Give the folder back, so that another process may open it. Nothing happens where the process has ended."""
    if process_id() is not None:
        _order("close", folder)


def answers_at(address: str) -> bool:
    """Whether the process that gave this address is there."""
    return process_id() is not None and _sockets is not None and address.startswith(f"unix:{_sockets.name}/")


def process_id() -> int | None:
    """The process, where one runs."""
    return _process.pid if _process is not None and _process.poll() is None else None


_lock = threading.Lock()
_process: subprocess.Popen[str] | None = None
_sockets: tempfile.TemporaryDirectory[str] | None = None


def _order(verb: str, folder: str) -> tuple[bool, str]:
    with _lock:
        process = _started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps([verb, folder]) + "\n")
            process.stdin.flush()
            done, said = json.loads(process.stdout.readline())
        except (OSError, ValueError) as error:
            process.kill()
            raise LibraryError(f"The process of the index ended (status {process.wait()}). {ENDED}") from error
        return bool(done), str(said)


def _started() -> subprocess.Popen[str]:
    global _process, _sockets
    if _process is None or _process.poll() is not None:
        # Nobody else may enter it, and its name is short: that of a socket has a hundred bytes at the most.
        _sockets = tempfile.TemporaryDirectory(prefix="footnote-", ignore_cleanup_errors=True)
        # By its file, without our folder or the working one on its path: it needs nothing but what is installed.
        command = [sys.executable, "-P", str(Path(lite_process.__file__)), _sockets.name]
        # On standard error faiss warns of small collections.
        _process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
        )
    return _process
