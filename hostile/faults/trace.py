"""A child process under ptrace: killed before a chosen system call, or told that the call has failed. Linux alone.

No tool is needed. Calls are counted on every architecture; making one fail needs registers, which are known here for x86-64.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
from collections.abc import Callable
from typing import NamedTuple

TRACEME, POKEUSER, SYSCALL, SETOPTIONS, GET_SYSCALL_INFO = 0, 6, 24, 0x4200, 0x420E
MARK_SYSTEM_CALLS, KILL_WITH_TRACER = 1, 0x100000
SYSTEM_CALL_STOP = signal.SIGTRAP | 0x80
NUMBER_AT = 24  # in struct ptrace_syscall_info
RAX, ORIGINAL_RAX = 10 * 8, 15 * 8  # in struct user of x86-64
UNEXPECTED = 70  # exit code of an action that raised

#: Calls about files, by their number on x86-64, with the errors that a file system may answer.
FILE_CALLS = {
    0: ("read", "EIO"),
    1: ("write", "ENOSPC EIO EDQUOT EINTR"),
    2: ("open", "EACCES ENOSPC EMFILE EROFS EIO"),
    3: ("close", "EIO"),
    4: ("stat", "EACCES EIO"),
    5: ("fstat", "EIO"),
    6: ("lstat", "EACCES EIO"),
    8: ("lseek", "EINVAL"),
    40: ("sendfile", "ENOSPC EIO"),
    72: ("fcntl", "EINVAL"),
    73: ("flock", "ENOLCK EIO EINTR"),
    74: ("fsync", "EIO ENOSPC EINVAL EINTR"),
    82: ("rename", "EACCES EROFS ENOSPC EIO"),
    86: ("link", "EPERM EMLINK ENOSPC EIO"),
    87: ("unlink", "EACCES EROFS EIO"),
    90: ("chmod", "EPERM EIO"),
    217: ("getdents64", "EIO"),
    257: ("openat", "EACCES ENOSPC EMFILE EROFS EIO"),
    262: ("newfstatat", "EACCES EIO"),
    263: ("unlinkat", "EACCES EROFS EIO"),
    264: ("renameat", "EACCES EROFS ENOSPC EIO"),
    265: ("linkat", "EPERM EMLINK ENOSPC EIO"),
    268: ("fchmodat", "EPERM EIO"),
    280: ("utimensat", "EPERM EIO"),
    316: ("renameat2", "EACCES EROFS ENOSPC EIO"),
    326: ("copy_file_range", "ENOSPC EIO"),
    332: ("statx", "EACCES EIO"),
}


class Ended(NamedTuple):
    """calls: the numbers of the system calls that the action began, in order. code: its exit code; None when killed."""

    calls: list[int]
    code: int | None


Action = Callable[[], int]
#: The index of a system call and its number: what shall happen to it. None: nothing; "kill"; or an errno.
Plan = Callable[[int, int], str | int | None]


def available() -> str | None:
    """Why nothing can be traced here; None where it can."""
    if sys.platform != "linux":
        return "killing at system calls needs Linux"
    try:
        return None if traced(lambda: 0, lambda index, number: None).code == 0 else "ptrace does not work here"
    except OSError as fault:
        return f"ptrace is not allowed here: {fault.strerror}"


def can_fail_calls() -> bool:
    return platform.machine() == "x86_64"


def _ptrace(request: int, pid: int, address: int, data: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    result = libc.ptrace(ctypes.c_long(request), ctypes.c_long(pid), ctypes.c_void_p(address), ctypes.c_void_p(data))
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)


def traced(action: Action, plan: Plan) -> Ended:
    """Runs `action` in a fork of this process, its exit code what it returns, each system call as `plan` says."""
    pid = os.fork()
    if pid == 0:
        code = UNEXPECTED
        try:
            _ptrace(TRACEME, 0, 0, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
            code = action()
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if not os.WIFSTOPPED(status):
        raise PermissionError(1, "the child could not ask for it")
    _ptrace(SETOPTIONS, pid, 0, MARK_SYSTEM_CALLS | KILL_WITH_TRACER)
    return _followed(pid, plan)


def _followed(pid: int, plan: Plan) -> Ended:
    calls: list[int] = []
    entering, failing, deliver = True, 0, 0
    while True:
        _ptrace(SYSCALL, pid, 0, deliver)
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status):
            return Ended(calls, os.WEXITSTATUS(status))
        if os.WIFSIGNALED(status):
            return Ended(calls, None)
        deliver = 0
        if os.WSTOPSIG(status) != SYSTEM_CALL_STOP:
            deliver = os.WSTOPSIG(status)
        elif entering:
            number = _call_number(pid)
            fate = plan(len(calls), number)
            calls.append(number)
            entering = False
            if fate == "kill":
                os.kill(pid, signal.SIGKILL)  # the call is not carried out
                os.waitpid(pid, 0)
                return Ended(calls, None)
            if isinstance(fate, int):
                failing = fate
                _ptrace(POKEUSER, pid, ORIGINAL_RAX, -1)
        else:
            entering = True
            if failing:
                _ptrace(POKEUSER, pid, RAX, -failing)
                failing = 0


def _call_number(pid: int) -> int:
    info = ctypes.create_string_buffer(128)
    _ptrace(GET_SYSCALL_INFO, pid, len(info), ctypes.addressof(info))
    return int.from_bytes(info.raw[NUMBER_AT : NUMBER_AT + 8], "little")
