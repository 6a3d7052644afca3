"""Knows what a process that reads strangers' files may not do, and has the kernel hold it to that. It knows nothing of files.

What each layer stops; a layer that this system does not offer is left out, and the others hold:

- resource limits: memory, processor time, open files; every write to a file ends in an error, and a crash leaves no core.
- a network namespace of its own, without a single interface: no packet leaves, whatever code runs. The user namespace around
  it takes away what power over the machine the process had as root.
- a system call filter (seccomp): only reading files, memory and time is left. No socket, program, process, thread, signal to
  others, and nothing that writes, moves or removes a file, even from native code that an attacker has taken over.
- a Python audit hook, which cannot be taken out again: the same for Python code, where the kernel has no such filter (macOS).
  Native code does not pass by it.
- the end of the parent is the end of the child.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import math
import os
import platform
import resource
import signal
import struct
import sys
from dataclasses import dataclass

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FORBIDDEN = ("socket.", "subprocess.", "shutil.", "tempfile.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system",
              "os.kill", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.chown",
              "os.truncate", "os.utime", "os.setxattr", "os.removexattr", "pty.", "signal.pthread_kill")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """What one child may use. Memory is address space, of which the libraries take up to 200 MB; the rest is per file.

    Small files that need much work are built to do harm, so processor time grows with a file's size, from `least_cpu_seconds` by
    `cpu_seconds_per_megabyte` to `cpu_seconds`. `output_bytes` bounds what comes back.
    """

    memory_bytes: int = 2_000_000_000
    cpu_seconds: int = 60
    least_cpu_seconds: float = 3
    cpu_seconds_per_megabyte: float = 20
    wall_seconds: float = 90
    output_bytes: int = 256_000_000
    open_files: int = 64

    def cpu_seconds_for(self, size_bytes: int) -> float:
        """Processor time for a file of that size."""
        return min(self.cpu_seconds, self.least_cpu_seconds + self.cpu_seconds_per_megabyte * size_bytes / 1e6)


def leave_network() -> bool:
    """Move this process, which must have one thread, and its later children to a network without interfaces. False where the
    system does not let us."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None).unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)


def confine(limits: Limits, *, files: int) -> None:
    """Put this process behind every wall but the network's, for good. `files` is how many it is to read."""
    _set_limits(limits, files)
    sys.addaudithook(_audit)
    filter_system_calls()


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent (process id) ends, or end now where that has happened already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def allow_cpu(seconds: float) -> None:
    """Let this process use `seconds` of processor time from now on, up to one more: the kernel counts in whole ones."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = math.ceil(used.ru_utime + used.ru_stime + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def filter_system_calls() -> bool:
    """Refuse this process every system call that reading needs not, from now on. False where the system cannot."""
    calls = _CALLS.get(platform.machine()) if sys.platform == "linux" else None
    if calls is None:
        return False
    architecture, numbers = calls
    program = _filter(architecture, numbers)
    instructions = ctypes.create_string_buffer(program, len(program))
    header = _Program(len(program) // 8, ctypes.addressof(instructions))
    libc = ctypes.CDLL(None)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(header), 0, 0) == 0)


def _set_limits(limits: Limits, files: int) -> None:
    lifetime = (limits.cpu_seconds + 1) * files
    wanted = {"CORE": 0, "FSIZE": 0, "NOFILE": limits.open_files, "NPROC": 0, "CPU": lifetime, "AS": limits.memory_bytes}
    for name, value in wanted.items():
        # macOS has no limit on address space that it would keep, and refuses some values.
        with contextlib.suppress(AttributeError, ValueError, OSError):
            kind = getattr(resource, f"RLIMIT_{name}")
            _, hard = resource.getrlimit(kind)
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (value, value))


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open":
        flags = arguments[2]
        if isinstance(flags, int) and flags & _WRITES:
            raise PermissionError(errno.EACCES, "a file that is being read may not write")
    elif event.startswith(_FORBIDDEN):
        raise PermissionError(errno.EACCES, f"a file that is being read may not use {event}")


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


# Instructions of the classic Berkeley packet filter, and what a filter may answer (linux/filter.h, linux/seccomp.h).
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_ARCHITECTURE_AT, _NUMBER_AT, _ARGUMENTS_AT = 4, 0, 16
# Calls younger than this get "no such call": the C library then takes the older one that the list knows.
_YOUNG = 424


def _filter(architecture: int, numbers: dict[str, int]) -> bytes:
    allow, refuse = _step(_RETURN, _ALLOW), _step(_RETURN, _REFUSE | errno.EPERM)
    program = (
        _step(_LOAD, _ARCHITECTURE_AT) + _step(_EQUAL, architecture, 1, 0) + _step(_RETURN, _KILL) + _step(_LOAD, _NUMBER_AT)
    )
    for name, number in numbers.items():
        match name:
            case "open" | "openat":
                flags = _step(_LOAD, _argument(1 if name == "open" else 2))
                then = flags + _step(_ANY_BIT, _WRITES, 1, 0) + allow + refuse
            case "tgkill":  # how the C library aborts
                then = _step(_LOAD, _argument(0)) + _step(_EQUAL, os.getpid(), 0, 1) + allow + refuse
            case "prlimit64":  # a file's own processor time, up to the limit that stands
                itself = _step(_LOAD, _argument(0)) + _step(_EQUAL, 0, 0, 3)
                then = itself + _step(_LOAD, _argument(1)) + _step(_EQUAL, resource.RLIMIT_CPU, 0, 1) + allow + refuse
            case _:
                then = allow
        program += _step(_EQUAL, number, 0, len(then) // 8) + then
    return program + _step(_AT_LEAST, _YOUNG, 0, 1) + _step(_RETURN, _REFUSE | errno.ENOSYS) + refuse


def _step(code: int, value: int, when: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, when, otherwise, value)


def _argument(place: int) -> int:
    """Where the low half of an argument lies: all three architectures below are little-endian."""
    return _ARGUMENTS_AT + 8 * place


def _numbered(table: str) -> dict[str, int]:
    words = table.split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


# What the child needs once its libraries are loaded, with the numbers of asm/unistd_64.h and asm-generic/unistd.h, busiest first.
_X86_64 = """
    read 0 write 1 futex 202 mmap 9 munmap 11 brk 12 mprotect 10 mremap 25 madvise 28 clock_gettime 228 openat 257 open 2 close 3
    fstat 5 newfstatat 262 stat 4 lstat 6 statx 332 lseek 8 pread64 17 readv 19 writev 20 getdents64 217 access 21 faccessat 269
    faccessat2 439 readlink 89 readlinkat 267 getcwd 79 ioctl 16 fcntl 72 dup 32 rt_sigaction 13 rt_sigprocmask 14 rt_sigreturn 15
    sigaltstack 131 tgkill 234 getpid 39 getppid 110 gettid 186 getuid 102 geteuid 107 getgid 104 getegid 108 uname 63 sysinfo 99
    getrusage 98 times 100 gettimeofday 96 clock_getres 229 clock_nanosleep 230 nanosleep 35 poll 7 ppoll 271 select 23 pselect6 270
    sched_yield 24 sched_getaffinity 204 getrandom 318 membarrier 324 rseq 334 set_robust_list 273 arch_prctl 158 prlimit64 302
    restart_syscall 219 exit 60 exit_group 231
"""
_AARCH64 = """
    read 63 write 64 futex 98 mmap 222 munmap 215 brk 214 mprotect 226 mremap 216 madvise 233 clock_gettime 113 openat 56 close 57
    fstat 80 newfstatat 79 statx 291 lseek 62 pread64 67 readv 65 writev 66 getdents64 61 faccessat 48 faccessat2 439 readlinkat 78
    getcwd 17 ioctl 29 fcntl 25 dup 23 rt_sigaction 134 rt_sigprocmask 135 rt_sigreturn 139 sigaltstack 132 tgkill 131 getpid 172
    getppid 173 gettid 178 getuid 174 geteuid 175 getgid 176 getegid 177 uname 160 sysinfo 179 getrusage 165 times 153
    gettimeofday 169 clock_getres 114 clock_nanosleep 115 nanosleep 101 ppoll 73 pselect6 72 sched_yield 124 sched_getaffinity 123
    getrandom 278 membarrier 283 rseq 293 set_robust_list 99 prlimit64 261 restart_syscall 128 exit 93 exit_group 94
"""
_CALLS = {"x86_64": (0xC000003E, _numbered(_X86_64)), "aarch64": (0xC00000B7, _numbered(_AARCH64))}
