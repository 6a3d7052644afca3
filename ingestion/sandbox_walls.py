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
import socket
import struct
import sys
from collections.abc import Mapping
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

    Text recognition is asked for page by page, with `page_cpu_seconds` for each. How long all pages of a file may take grows with
    its size too: a scanned page has a thousand bytes at least for each second that it takes.

    `file_bytes` (the longest file that it may write) and `processes` count for a child that may run programs; each of these has the
    memory and the processor time to itself.
    """

    memory_bytes: int = 2_000_000_000
    cpu_seconds: int = 60
    least_cpu_seconds: float = 2.5
    cpu_seconds_per_megabyte: float = 10
    wall_seconds: float = 90
    output_bytes: int = 256_000_000
    open_files: int = 64
    page_cpu_seconds: float = 20
    recognition_seconds: float = 10_800
    least_recognition_seconds: float = 120
    recognition_seconds_per_megabyte: float = 1_000
    file_bytes: int = 0
    processes: int = 0

    def cpu_seconds_for(self, size_bytes: int) -> float:
        """Processor time for a file of that size."""
        return min(self.cpu_seconds, self.least_cpu_seconds + self.cpu_seconds_per_megabyte * size_bytes / 1e6)

    def recognition_seconds_for(self, size_bytes: int) -> float:
        """Wall time for the text recognition of all pages of a file of that size."""
        more = self.recognition_seconds_per_megabyte * size_bytes / 1e6
        return min(self.recognition_seconds, self.least_recognition_seconds + more)


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


def confine_with_programs(limits: Limits) -> None:
    """Put this process behind the walls that let it run programs and write files, for good. What it may read and write is for
    `sandbox_programs` to say."""
    _set_limits(limits, 1, {"FSIZE": limits.file_bytes, "NPROC": limits.processes})
    refuse_system_calls()


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
    return _install(_filter(architecture, numbers))


def refuse_system_calls() -> bool:
    """Refuse this process and the programs that it runs every system call that connects to anyone, enters or makes a namespace,
    mounts, traces others or works on the kernel. False where the system cannot."""
    calls = _REFUSED.get(platform.machine()) if sys.platform == "linux" else None
    if calls is None:
        return False
    architecture, numbers = calls
    return _install(_refusing_filter(architecture, numbers))


def _install(program: bytes) -> bool:
    instructions = ctypes.create_string_buffer(program, len(program))
    header = _Program(len(program) // 8, ctypes.addressof(instructions))
    libc = ctypes.CDLL(None)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(header), 0, 0) == 0)


def _set_limits(limits: Limits, files: int, others: Mapping[str, int] | None = None) -> None:
    lifetime = (limits.cpu_seconds + 1) * files
    wanted = {"CORE": 0, "FSIZE": 0, "NOFILE": limits.open_files, "NPROC": 0, "CPU": lifetime, "AS": limits.memory_bytes}
    wanted.update(others or {})
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
# Calls younger than the list of what is refused, and those of other ways to call (x32).
_UNKNOWN = 451
# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
_NEW_NAMESPACES = 0x7E020000


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


def _refusing_filter(architecture: int, numbers: dict[str, int]) -> bytes:
    allow, refuse = _step(_RETURN, _ALLOW), _step(_RETURN, _REFUSE | errno.EPERM)
    no_such_call = _step(_RETURN, _REFUSE | errno.ENOSYS)
    program = (
        _step(_LOAD, _ARCHITECTURE_AT) + _step(_EQUAL, architecture, 1, 0) + _step(_RETURN, _KILL) + _step(_LOAD, _NUMBER_AT)
    )
    for name, number in numbers.items():
        match name:
            case "clone":
                then = _step(_LOAD, _argument(0)) + _step(_ANY_BIT, _NEW_NAMESPACES, 0, 1) + refuse + allow
            case "socket":  # LibreOffice does not start without one that others of its kind could find it by
                then = _step(_LOAD, _argument(0)) + _step(_EQUAL, socket.AF_UNIX, 0, 1) + allow + refuse
            case "clone3":  # its flags are out of a filter's reach: the C library then takes the older call
                then = no_such_call
            case _:
                then = refuse
        program += _step(_EQUAL, number, 0, len(then) // 8) + then
    return program + _step(_AT_LEAST, _UNKNOWN, 0, 1) + no_such_call + allow


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

# What programs are refused; landlock's own calls are not among them.
_X86_64_REFUSED = """
    socket 41 connect 42 clone 56 clone3 435 unshare 272 setns 308 mount 165 umount2 166
    pivot_root 155 chroot 161 open_tree 428 move_mount 429 fsopen 430 fsconfig 431 fsmount 432 fspick 433 mount_setattr 442
    ptrace 101 process_vm_readv 310 process_vm_writev 311 pidfd_getfd 438 kcmp 312 bpf 321 perf_event_open 298 userfaultfd 323
    io_uring_setup 425 io_uring_enter 426 io_uring_register 427 keyctl 250 add_key 248 request_key 249 init_module 175
    finit_module 313 delete_module 176 kexec_load 246 kexec_file_load 320 reboot 169 swapon 167 swapoff 168 quotactl 179 acct 163
    name_to_handle_at 303 open_by_handle_at 304 fanotify_init 300 settimeofday 164 clock_settime 227 adjtimex 159 sethostname 170
"""
_AARCH64_REFUSED = """
    socket 198 connect 203 clone 220 clone3 435 unshare 97 setns 268 mount 40 umount2 39
    pivot_root 41 chroot 51 open_tree 428 move_mount 429 fsopen 430 fsconfig 431 fsmount 432 fspick 433 mount_setattr 442
    ptrace 117 process_vm_readv 270 process_vm_writev 271 pidfd_getfd 438 kcmp 272 bpf 280 perf_event_open 241 userfaultfd 282
    io_uring_setup 425 io_uring_enter 426 io_uring_register 427 keyctl 219 add_key 217 request_key 218 init_module 105
    finit_module 273 delete_module 106 kexec_load 104 kexec_file_load 294 reboot 142 swapon 224 swapoff 225 quotactl 60 acct 89
    name_to_handle_at 264 open_by_handle_at 265 fanotify_init 262 settimeofday 170 clock_settime 112 adjtimex 171 sethostname 161
"""
_REFUSED = {"x86_64": (0xC000003E, _numbered(_X86_64_REFUSED)), "aarch64": (0xC00000B7, _numbered(_AARCH64_REFUSED))}
