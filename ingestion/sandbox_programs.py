"""Knows how a process may run programs over a file that nobody vouches for, in a small world that ends with it.

Beside what `sandbox_walls` holds it to, each layer where the system offers it:

- a process namespace: when the first process in it ends, the kernel ends all others, however they tried to get away.
- a file system in memory over its private folder, of limited size and gone with the last process; all others are read only.
- Landlock: no other file may be written, and only what programs are made of may be read: no documents, no keys, nothing of the
  folder that the user works in.

It knows nothing of files' formats, nor which programs these are.
"""

from __future__ import annotations

import ctypes
import glob
import os
import signal
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ingestion.sandbox_walls import die_with_parent

PROGRAM_FOLDERS = ("/usr/local/bin", "/usr/bin", "/bin", "/opt/homebrew/bin", "/Applications/LibreOffice.app/Contents/MacOS")
"""Where programs are looked for, whatever the user's own search path says."""

_CLONE_NEWNS, _CLONE_NEWPID = 0x00020000, 0x20000000
_MS_NOSUID, _MS_NODEV, _MS_REC, _MS_PRIVATE = 2, 4, 0x4000, 0x40000
_MOUNT_SETATTR, _HERE, _RECURSIVELY, _READ_ONLY = 442, -100, 0x8000, 1
_SOME_USER = 1000
_SOCKETS = "/var/tmp"
_OFFICE = "/opt/libreoffice*"
_READ = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/proc", "/sys", "/etc/alternatives", "/etc/fonts",
    "/etc/ld.so.cache", "/etc/libreoffice", "/etc/localtime", "/etc/nsswitch.conf", "/etc/passwd", "/var/cache/fontconfig",
    "/var/lib/libreoffice", "/var/spool/libreoffice",
)  # fmt: skip
# Of an installation of Python, or an environment: not all of it, since people make one in the folder that they work in.
_OF_PYTHON = ("bin", "lib", "lib64", "share", "pyvenv.cfg")
_PACKAGES = ("site-packages", "dist-packages")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_VERSION = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_FILE, _MAKE_SOCKET = 1, 2, 4, 8, 1 << 5, 1 << 9
# All that the first version of Landlock knows; the second adds links between folders, the third cutting a file short.
_ALL, _REFER, _TRUNCATE = (1 << 13) - 1, 1 << 13, 1 << 14


def become_some_user(user: int, group: int) -> bool:
    """In a user namespace of one's own: be a user with a number, so that files can be made there, but not the one whose programs
    have every power. `user` and `group` say who it was before. False where the system does not let us."""
    try:
        Path("/proc/self/uid_map").write_text(f"{_SOME_USER} {user} 1")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"{_SOME_USER} {group} 1")
    except OSError:
        return False
    return os.getuid() == _SOME_USER


def enter_small_world(folder: str, *, size_bytes: int) -> bool:
    """Go on in a child of a child of this process, in process and mount namespaces of its own; this process waits for it, and ends as
    it does. False, and on in this process, where the system does not let us."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None)
    if libc.unshare(_CLONE_NEWNS | _CLONE_NEWPID) != 0:
        return False
    libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
    read_only = struct.pack("=QQQQ", _READ_ONLY, 0, 0, 0)
    libc.syscall(_MOUNT_SETATTR, _HERE, b"/", _RECURSIVELY, read_only, ctypes.c_size_t(len(read_only)))
    # Where LibreOffice puts the socket that it insists on, if it may not write in /tmp.
    libc.mount(b"tmpfs", os.fsencode(_SOCKETS), b"tmpfs", _MS_NOSUID | _MS_NODEV, b"size=4096,mode=700")
    os.makedirs(folder, exist_ok=True)
    options = f"size={size_bytes},mode=700".encode()
    libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", _MS_NOSUID | _MS_NODEV, options)
    # Where services of this machine listen: a namespace for the network does not hide what has a path.
    libc.mount(b"tmpfs", b"/run", b"tmpfs", _MS_NOSUID | _MS_NODEV, b"size=4096,mode=755")
    first = os.fork()
    if first:
        _end_as(os.waitpid(first, 0)[1])
    die_with_parent(0)  # the parent is out of sight
    libc.mount(b"proc", b"/proc", b"proc", _MS_NOSUID | _MS_NODEV, None)
    reader = os.fork()
    if reader:
        _reap_until(reader)
    die_with_parent(1)
    return True


def keep_to(folder: str, *, in_small_world: bool) -> bool:
    """Write below `folder` only, but for sockets, and read only there and where programs and their libraries are. Modules that are
    not among the installed packages must be loaded before. False where the kernel cannot."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    if version < 1:
        return False
    handled = _ALL | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    attributes = struct.pack("=Q", handled)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    reads = _EXECUTE | _READ_FILE | _READ_DIR
    _allow(libc, ruleset, [folder], handled)
    _allow(libc, ruleset, [*_READ, *glob.glob(_OFFICE), *_python()], reads)
    _allow(libc, ruleset, _DEVICES, _READ_FILE | _WRITE_FILE)
    # LibreOffice starts twice for a new profile, and the second time removes the socket of the first. Outside the small world others
    # have files beside it, and which of one's own these are is more than Landlock can tell.
    _allow(libc, ruleset, [_SOCKETS if in_small_world else "/tmp"], _REMOVE_FILE | _MAKE_SOCKET)
    kept = libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return bool(kept)


def _python() -> list[str]:
    """Where Python and the packages installed for it are."""
    parts = [os.path.join(prefix, part) for prefix in {sys.prefix, sys.base_prefix} for part in _OF_PYTHON]
    return [*parts, *(entry for entry in sys.path if os.path.basename(entry) in _PACKAGES)]


def _allow(libc: ctypes.CDLL, ruleset: int, paths: Iterable[str], access: int) -> None:
    for path in paths:
        with suppress(OSError):
            beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
            of_a_file = 0 if os.path.isdir(path) else _READ_DIR
            rule = struct.pack("=Qi", access & ~of_a_file, beneath)
            libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
            os.close(beneath)


def _reap_until(reader: int) -> None:
    """As the first process of its namespace: wait for all, and end with `reader`, telling how in the exit code. Never returns."""
    while True:
        ended, status = os.wait()
        if ended == reader:
            os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


def _end_as(status: int) -> None:
    """End as the first process of a namespace ended, or as the reader of which its exit code tells. Never returns."""
    code = os.waitstatus_to_exitcode(status)
    killed_by = -code if code < 0 else code - 128
    if killed_by > 0:
        signal.signal(killed_by, signal.SIG_DFL) if killed_by not in (signal.SIGKILL, signal.SIGSTOP) else None
        os.kill(os.getpid(), killed_by)
    os._exit(1 if code else 0)
