"""A reader that runs each file as a shell's command, for trying the walls around programs."""

from __future__ import annotations

import subprocess

from assistant.types import Block, Page, ParsedDocument


def parse(data: bytes, name: str) -> ParsedDocument:
    """What the command says."""
    ran = subprocess.run(["sh", "-c", data.decode()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = ran.stdout.decode(errors="replace").strip() or f"exit {ran.returncode}"
    return ParsedDocument("t", text, [Block("paragraph", 0, len(text), 1)], [Page(1, 0, len(text))], "text/plain")
