"""Runs `footnote ask QUESTION` once for each address that comes on stdin, in one process, and prints what came of each as a line of
JSON. Loading the models for each anew would take most of the time."""

from __future__ import annotations

import json
import os
import sys
import time

from click.testing import CliRunner

from doors.cli import main


def ask_each(question: str) -> None:
    for line in sys.stdin:
        os.environ["FOOTNOTE_OPENAI_BASE_URL"] = line.strip()
        started = time.monotonic()
        ran = CliRunner().invoke(main, ["ask", question])
        seen = {"stdout": ran.stdout, "stderr": ran.stderr, "status": ran.exit_code, "seconds": time.monotonic() - started}
        print(json.dumps({"address": line.strip(), **seen}), flush=True)


if __name__ == "__main__":
    ask_each(sys.argv[1])
