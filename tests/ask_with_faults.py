"""Runs `footnote ask QUESTION` once for each line of stdin, a JSON object with a name and the environment to run in, and prints what
came of each as another. All in one process: loading the models for each anew would take most of the time."""

from __future__ import annotations

import json
import os
import sys
import time

from click.testing import CliRunner

from doors.cli import main


def ask_each(question: str) -> None:
    for line in sys.stdin:
        given = json.loads(line)
        os.environ.update(given["environment"])
        started = time.monotonic()
        ran = CliRunner().invoke(main, ["ask", question])
        seen = {"stdout": ran.stdout, "stderr": ran.stderr, "status": ran.exit_code, "seconds": time.monotonic() - started}
        print(json.dumps({"name": given["name"], **seen}), flush=True)


if __name__ == "__main__":
    ask_each(sys.argv[1])
