"""The process that holds Milvus Lite: one program, run beside the process that asks it (`lite.py` starts it).

Milvus Lite is a database in Python. In a process of its own its memory and its merges are nobody else's, and its loops hold up no
answer. An order is a line of JSON on standard input, `["open", folder]` or `["close", folder]`; each gets one line on standard
output, `[true, address]` or `[false, reason]`. Where standard input ends the process ends, at once: whoever asked is gone, and what
was acknowledged is on the disk.
"""

import json
import logging
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

# Files are merged in memory, up to 100,000 rows: half a gigabyte for as long as that takes (milvus-lite 3.2).
_SEGMENT_ROWS = 8_192
IN_USE = "in use"


def main(sockets: Path) -> None:
    """Obey the orders on standard input. Each open database listens on a socket in the folder `sockets`."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    # Ctrl+C goes to the whole terminal, a service's end to its whole group; this one ends when who asks it has ended.
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.SIG_IGN)
    logging.disable(logging.CRITICAL)
    try:
        opened: dict[str, Any] = {}
        for number, line in enumerate(sys.stdin):
            verb, folder = json.loads(line)
            try:
                if verb == "open":
                    opened[folder], address = _opened(folder, sockets / str(number))
                    said: list[Any] = [True, address]
                else:
                    _close(*opened.pop(folder))
                    said = [True, ""]
            except Exception as error:
                said = [False, IN_USE if type(error).__name__ == "DataDirLockedError" else f"{type(error).__name__}: {error}"]
            answers.write(json.dumps(said) + "\n")
            answers.flush()
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
        os._exit(0)  # threads of requests that nobody waits for


def _opened(folder: str, socket: Path) -> tuple[Any, str]:
    from milvus_lite.adapter.grpc.server import start_server_in_thread
    from milvus_lite.engine import compaction

    compaction.MAX_SEGMENT_ROWS = _SEGMENT_ROWS
    # It joins host and port by a colon; a socket in a folder of our own is closed to the machine's other users, a port is not.
    server, database, _ = start_server_in_thread(folder, host="unix", port=str(socket))
    return (server, database), f"unix:{socket}"


def _close(server: Any, database: Any) -> None:
    server.stop(grace=2).wait()
    database.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
