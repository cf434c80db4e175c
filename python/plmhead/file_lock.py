"""A lock of the operating system on a file: it keeps other processes and threads out, and dies with its process."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from pathlib import Path

_POLL_SECONDS = 0.02
#: What a file system says that has no locks; two writers at once are then not kept apart.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def acquire(path: Path, seconds: float) -> int:
    """The descriptor of the lock file `path`, open and locked; `release` ends it.

    The lock is not the file's being there: what a killed process leaves stops nobody.
    Raises TimeoutError where another one keeps the lock for `seconds`, OSError or ValueError where the file cannot be opened.
    """
    deadline = time.monotonic() + seconds
    while True:
        descriptor = _open_lock(path)
        try:
            if _holds(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(_POLL_SECONDS)


def _open_lock(path: Path) -> int:
    flags = os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    try:
        return os.open(path, os.O_RDWR | flags, 0o666)
    except PermissionError:
        # Another user's, left in a shared folder; most file systems lock what is open for reading too.
        return os.open(path, os.O_RDONLY | flags, 0o666)


def _holds(path: Path, descriptor: int) -> bool:
    """Tries once. The writer before may have removed the file while this one opened it: then the lock is on nothing."""
    try:
        _try_lock(descriptor)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as fault:
        if fault.errno not in _NO_LOCKS:
            raise
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def release(path: Path, descriptor: int) -> None:
    """Removes the file while the lock holds, so that no other writer's is removed; Windows removes no open file."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            os.close(descriptor)
            path.unlink()
        else:
            try:
                path.unlink()
            finally:
                os.close(descriptor)
