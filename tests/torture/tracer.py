"""Lets the n-th system call of a child fail, or kills the child there: ptrace(2), so neither root nor a tool is needed.

What strace's `-e inject` does, without a start of strace and of Python for each case: a case is a fork of a warm process.
Linux on x86-64 only, for the registers have other names elsewhere.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

IS_POSSIBLE = sys.platform == "linux" and platform.machine() == "x86_64"

# Numbers of asm/unistd_64.h.
CALLS = {
    "read": 0, "write": 1, "open": 2, "close": 3, "fstat": 5, "lseek": 8, "pread64": 17, "pwrite64": 18, "fcntl": 72,
    "flock": 73, "fsync": 74, "fdatasync": 75, "ftruncate": 77, "rename": 82, "unlink": 87, "openat": 257,
    "renameat": 264, "newfstatat": 262, "fallocate": 285,
}  # fmt: skip
CHANGING = ("open", "openat", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "unlink", "fallocate")
SYNCING = ("fsync", "fdatasync")
BY_PATH = ("open", "openat", "rename", "unlink", "renameat", "newfstatat")
FAULTS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "KILL": 0}

_NAMES = {number: name for name, number in CALLS.items()}
_TRACEME, _POKEUSER, _PEEKUSER, _CONT, _SYSCALL, _SETOPTIONS = 0, 6, 3, 7, 24, 0x4200
_SYSGOOD, _EXITKILL = 1, 0x100000
_RAX, _RDI, _ORIG_RAX = 10 * 8, 14 * 8, 15 * 8  # offsets in struct user of sys/user.h

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


@dataclass(frozen=True)
class Call:
    """A system call and the file that it is about; empty where it names the file by a path."""

    name: str
    file: Path


@dataclass(frozen=True)
class Fault:
    """The `number`-th traced call (from 0), which is `call`, gets `kind`: EIO, ENOSPC or KILL."""

    number: int
    call: Call
    kind: str

    def __str__(self) -> str:
        return f"{self.kind} at call {self.number}, {self.call.name} {self.call.file.name}"


@dataclass(frozen=True)
class Traced:
    """What a child did: its traced calls, and how it ended (exit code, or minus the signal)."""

    calls: tuple[Call, ...]
    ended: int


def run(work: Callable[[Callable[[], None]], int], watched: Collection[str], fault: Fault | None = None) -> Traced:
    """Run `work` in a fork; it calls what it is given once the calls from there on count, and returns the exit code.

    The child ends without tidying up, as the machine would. Call it from a process without threads.
    """
    child = os.fork()
    if child == 0:
        try:
            _ptrace(_TRACEME, 0, 0, 0)
            os._exit(work(lambda: os.kill(os.getpid(), signal.SIGSTOP)))
        except BaseException:  # a child that goes on as its parent would run the parent's tests
            sys.excepthook(*sys.exc_info())
            os._exit(99)
    return _follow(child, {CALLS[name] for name in watched}, fault)


def _follow(child: int, watched: Collection[int], fault: Fault | None) -> Traced:
    calls: list[Call] = []
    _, status = os.waitpid(child, 0)
    if not os.WIFSTOPPED(status):
        return Traced((), os.waitstatus_to_exitcode(status))
    _ptrace(_SETOPTIONS, child, 0, _SYSGOOD | _EXITKILL)
    is_entry, answer = True, 0
    _ptrace(_SYSCALL, child, 0, 0)
    while True:
        _, status = os.waitpid(child, 0)
        if not os.WIFSTOPPED(status):
            return Traced(tuple(calls), os.waitstatus_to_exitcode(status))
        if os.WSTOPSIG(status) != signal.SIGTRAP | 0x80:
            _ptrace(_SYSCALL, child, 0, os.WSTOPSIG(status))
            continue
        if is_entry:
            number = _ptrace(_PEEKUSER, child, _ORIG_RAX, 0)
            if number in watched:
                if fault is not None and fault.number == len(calls):
                    assert fault.call.name == _NAMES[number], f"{fault} met {_NAMES[number]}: two runs differ"
                    if fault.kind == "KILL":
                        os.kill(child, signal.SIGKILL)
                        continue
                    _ptrace(_POKEUSER, child, _ORIG_RAX, -1)  # no such call: the kernel does nothing
                    answer = -FAULTS[fault.kind]
                calls.append(Call(_NAMES[number], _file(child, number)))
        elif answer:
            _ptrace(_POKEUSER, child, _RAX, answer)
            answer = 0
        is_entry = not is_entry
        _ptrace(_SYSCALL, child, 0, 0)


def _file(child: int, number: int) -> Path:
    """Return the file behind the descriptor that is the first argument of the call."""
    if _NAMES[number] in BY_PATH:
        return Path()
    try:
        return Path(f"/proc/{child}/fd/{_ptrace(_PEEKUSER, child, _RDI, 0)}").readlink()
    except OSError:
        return Path()


def _ptrace(request: int, pid: int, address: int, data: int) -> int:
    if request == _PEEKUSER:  # the C library's wrapper returns the word, and -1 may be one
        ctypes.set_errno(0)
    answer = int(_libc.ptrace(request, pid, address, data))
    if answer == -1 and ctypes.get_errno():
        if ctypes.get_errno() == errno.ESRCH:  # killed meanwhile; waitpid tells
            return -1
        raise OSError(ctypes.get_errno(), f"ptrace({request})")
    return answer
