"""Watches a process and all that it starts, by strace: what they write, and which sockets they open. The sandbox's
processes are told apart from the rest."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

SANDBOX = "ingestion.sandbox_child"
_WRITERS = (
    "open,openat,openat2,creat,truncate,mkdir,mkdirat,rmdir,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,"
    "mknod,mknodat,chmod,fchmodat,chown,fchownat,lchown,utimensat,setxattr,lsetxattr,removexattr"
)
_NETWORK = "socket,socketpair,connect,bind,listen,sendto,sendmsg,sendmmsg"
_FORKS = ("fork", "vfork", "clone", "clone3")
# "123 openat(AT_FDCWD, "/a/b", O_RDONLY) = 3"; a call that another thread interrupted is written in two lines.
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+|\?)")
_UNFINISHED = re.compile(r"^(\d+) +(\w+\(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")
_PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')
_TO_WRITE = re.compile(r"\bO_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)\b")


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that did what it was asked for: its process, name and arguments, and which process it was: one that reads files,
    the fork server that starts those and never sees a byte of a file, or another."""

    pid: int
    name: str
    arguments: str
    by: Literal["reader", "fork server", "another"]

    @property
    def paths(self) -> list[str]:
        return [bytes(found, "latin-1").decode("unicode_escape") for found in _PATH.findall(self.arguments)]


def strace() -> str:
    """Where strace is; skips the test where it is not, and fails it on a build server."""
    found = shutil.which("strace")
    if found is None:
        if "CI" in os.environ:
            pytest.fail("strace is not installed: `make test` installs it where it may.")
        pytest.skip("strace is not installed")
    return found


def watched(command: Sequence[str], trace: Path, *, environment: Mapping[str, str], folder: Path, seconds: float) -> str:
    """Run a command in a folder under strace's eyes; its standard output. Read the trace with `calls_in`."""
    traced = ",".join([_WRITERS, _NETWORK, "execve", "execveat", *_FORKS])
    watch = [strace(), "-f", "--seccomp-bpf", "-qq", "-s", "4096", "-e", "signal=none", "-e", f"trace={traced}", "-o", str(trace)]
    ran = subprocess.run([*watch, *command], env=environment, cwd=folder, capture_output=True, text=True, timeout=seconds)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def calls_in(trace: Path) -> list[Call]:
    """Every call that succeeded, in the order of their ends."""
    whole = list(_whole_calls(trace))
    parents = {outcome: pid for pid, name, _, outcome in whole if name in _FORKS and outcome > 0}
    servers = {
        pid for pid, name, arguments, outcome in whole if name.startswith("exec") and outcome == 0 and SANDBOX in arguments
    }
    readers: set[int] = set()
    while more := {pid for pid, parent in parents.items() if parent in servers | readers} - readers:
        readers |= more
    return [
        Call(pid, name, arguments, "reader" if pid in readers else "fork server" if pid in servers else "another")
        for pid, name, arguments, outcome in whole
        if outcome >= 0
    ]


def writes(calls: Sequence[Call]) -> list[Call]:
    """Those that make, change, move or remove a file."""
    return [
        call
        for call in calls
        if call.name in _WRITERS.split(",") and (not call.name.startswith("open") or _TO_WRITE.search(call.arguments))
    ]


def sockets(calls: Sequence[Call]) -> list[Call]:
    """Those that have to do with the network, or look as if."""
    return [call for call in calls if call.name in _NETWORK.split(",")]


def _whole_calls(trace: Path) -> Iterator[tuple[int, str, str, int]]:
    begun: dict[str, str] = {}
    for line in trace.read_text(errors="replace").splitlines():
        if unfinished := _UNFINISHED.match(line):
            begun[unfinished[1]] = unfinished[2]
            continue
        if resumed := _RESUMED.match(line):
            line = f"{resumed[1]} {begun.pop(resumed[1], '')}{resumed[2]}"
        if call := _CALL.match(line):
            yield int(call[1]), call[2], call[3], -1 if call[4] == "?" else int(call[4])
