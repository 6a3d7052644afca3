"""The process that tests/test_kill.py kills: it forks itself with everything imported, and each fork does one thing to a data folder.

An order is a line of JSON on standard input, [deed, data folder, document folder]. What a fork does is said line by line on standard
output, as soon as it is so: its process id, `begin`, each file's outcome as JSON, `end`; at last, by the process itself, `gone`.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from assistant.errors import LibraryError
from assistant.protocols import Vectors
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.wiring import make_assistant
from ingestion.pipeline import ingest
from ingestion.purging import purge
from ingestion.reading import read
from ingestion.reindexing import reindex
from ingestion.report import Progress


class SlowEmbedder(HashingEmbedder):
    """As slow as a small model, so that a kill can come between words and vectors."""

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        time.sleep(0.004 * len(texts))
        return super().encode_documents(texts)


def main() -> None:
    import_module("pymilvus")  # once, for all forks
    for line in sys.stdin:
        deed, data, folder = json.loads(line)
        pid = os.fork()
        if pid == 0:
            try:
                _do(deed, Path(data), folder)
            except LibraryError:
                pass  # the index's process was killed; what that leaves is looked at
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        _say("gone")


def _do(deed: str, data: Path, folder: str) -> None:
    _say(os.getpid())
    with make_assistant(Settings(data_dir=data)) as assistant:
        assistant.embedder = SlowEmbedder()
        assistant.index.names("")
        if deed == "ingest":
            read(b"So that its processes have started.", "warm.txt")
        _say("begin")
        match deed:
            case "ingest":
                ingest(assistant, [folder], on_progress=_tell)
            case "reindex":
                reindex(assistant, "documents")
            case "purge":
                purge(assistant)
        _say("end")


def _tell(progress: Progress) -> None:
    if progress.outcome is not None:
        _say([progress.outcome.status, progress.outcome.source])


def _say(what: object) -> None:
    # One write each: what was said before a kill was said whole.
    os.write(1, f"{what if isinstance(what, str) else json.dumps(what)}\n".encode())


if __name__ == "__main__":
    main()
