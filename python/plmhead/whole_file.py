"""One file on disk, written so that it is under its name complete or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

#: What a file system says that flushes no folders.
_NO_FLUSH = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF}


def beside(path: Path, token: str, kind: str) -> Path:
    """The name of a file that helps to write `path`."""
    return path.with_name(f".{path.name}.{token}.{kind}")


def new_token() -> str:
    """16 hexadecimal digits that nobody can guess: no two writers meet, and no link lies in wait."""
    return secrets.token_hex(8)


@contextlib.contextmanager
def replaced(target: Path, binary: bool = True, *, durable: bool = False) -> Iterator[IO[Any]]:
    """A new file, which takes the place of `target` at the end; after an error or an interrupt `target` is as it was.

    The new file has the permissions of the earlier one. Text is UTF-8 and keeps its ends of lines.
    `durable` has the file and then its name on the disk before it returns.
    Raises OSError.
    """
    temporary = beside(target, new_token(), "tmp")
    encoding, newline = (None, None) if binary else ("utf-8", "")
    file = open(temporary, "xb" if binary else "x", encoding=encoding, newline=newline, opener=as_readable_as(target))  # noqa: SIM115
    try:
        with file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, target)
        if durable:
            with opened_folder(target.parent) as folder:
                flush_folder(folder)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def as_readable_as(target: Path) -> Callable[[str, int], int] | None:
    """How `open` makes a file that takes the place of `target`: with its permissions. None, the process's own, where it is not there.

    Raises OSError.
    """
    try:
        mode = stat.S_IMODE(os.stat(target).st_mode) & 0o777
    except FileNotFoundError:
        return None
    if os.name != "posix":
        return None

    def opener(path: str, flags: int) -> int:
        descriptor = os.open(path, flags, mode)
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:  # the process's mask took some
            with contextlib.suppress(OSError):  # narrower than it was does no harm
                os.fchmod(descriptor, mode)
        return descriptor

    return opener


@contextlib.contextmanager
def opened_folder(folder: Path) -> Iterator[int | None]:
    """A descriptor to flush the folder by; None where the platform opens none, or this user may not read it."""
    descriptor = None
    if hasattr(os, "O_DIRECTORY"):
        with contextlib.suppress(PermissionError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def flush_folder(descriptor: int | None) -> None:
    """Has the names in a folder on the disk; does nothing where the platform flushes no folders. Raises OSError."""
    if descriptor is None:
        return
    try:
        os.fsync(descriptor)
    except OSError as fault:
        if fault.errno not in _NO_FLUSH:
            raise
