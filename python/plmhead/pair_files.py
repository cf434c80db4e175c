"""The two files of a pair on disk, written so that nothing that stops a writer loses them (docs/saving.md).

A writer locks the pair, writes both files beside their targets and flushes them, links what is there as backups, flushes
the folder, renames the NPZ and then the config into place, flushes the folder and removes the backups. An error on the
way puts the backups back. A kill on the way leaves a pair that loads, or one that loaders refuse by digest and `repair`
completes.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from .config import MAX_CONFIG_BYTES, parse_config
from .errors import FormatError, InputError
from .file_lock import acquire, release
from .head import read_file
from .whole_file import as_readable_as, beside, flush_folder, new_token, opened_folder

#: How long a writer waits for another one of the same pair, in seconds.
LOCK_SECONDS = 30.0


def write_pair(npz_path: Path, config_path: Path, npz: bytes, config: bytes) -> None:
    """Replaces the pair, or makes it. `npz` and `config` are a checked pair: they are not judged again.

    Raises InputError OUTPUT; the earlier files are then as they were.
    """
    with locked(npz_path):
        replace_pair(npz_path, config_path, npz, config)


@contextlib.contextmanager
def locked(npz_path: Path) -> Iterator[None]:
    """Keeps other writers of the pair out; a lock dies with its process.

    The lock is on the open file `.NAME.lock`, not its being there: what a killed writer leaves stops nobody.
    Raises InputError OUTPUT where the folder cannot be written, or another writer keeps the lock for LOCK_SECONDS.
    """
    if not npz_path.stem or npz_path.name == ".npz":
        raise InputError("OUTPUT", str(npz_path), "found a folder, expected PATH/NAME")
    path = npz_path.with_name(f".{npz_path.stem}.lock")
    try:
        descriptor = acquire(path, LOCK_SECONDS)
    except TimeoutError:
        found = f"found another writer at work for {LOCK_SECONDS:g} seconds, expected it to end (it holds {path.name})"
        raise InputError("OUTPUT", str(npz_path), found, "wait for it, or end it") from None
    except (OSError, ValueError) as fault:  # ValueError: a path with U+0000
        raise output_error(npz_path, fault) from None
    try:
        yield
    finally:
        release(path, descriptor)


class _Step(NamedTuple):
    """One of the two replacements."""

    target: Path
    temporary: Path
    backup: Path
    existed: bool


def replace_pair(npz_path: Path, config_path: Path, npz: bytes, config: bytes) -> None:
    """As `write_pair`, for a caller who holds the lock."""
    token = new_token()
    extra = [beside(path, token, kind) for path in (npz_path, config_path) for kind in ("tmp", "old")]
    try:
        steps = [
            _Step(path, beside(path, token, "tmp"), beside(path, token, "old"), exists(path))
            for path in (npz_path, config_path)
        ]
        with opened_folder(npz_path.parent) as folder:
            for step, data in zip(steps, (npz, config), strict=True):
                _write_whole(step.temporary, data, step.target)
            for step in steps:
                if step.existed:
                    _back_up(step.target, step.backup)
            flush_folder(folder)  # a rename must not reach the disk before the names of the backups
            _replace(steps[::-1] if _takes_any_npz(config_path) else steps, folder)
    except _NotPutBackError as fault:
        reason = f"cannot be written, and the earlier files cannot be put back ({fault}); they are in {extra[1]}"
        raise InputError("OUTPUT", str(npz_path), reason, f"plmhead repair {npz_path.with_suffix('')}") from None
    except BaseException as fault:
        remove(extra)
        if isinstance(fault, OSError):
            raise output_error(npz_path, fault) from None
        raise
    remove(extra)


def leftovers(path: Path) -> dict[tuple[str, str], Path]:
    """What writers of `path` have left `beside` it: temporaries (`tmp`) and backups (`old`), by token and kind.

    Alive ones are kept out by the lock.
    """
    pattern = re.compile(rf"\.{re.escape(path.name)}\.([0-9a-f]{{16}})\.(tmp|old)")
    matches = [(pattern.fullmatch(other.name), other) for other in sorted(path.parent.iterdir())]
    return {(match[1], match[2]): other for match, other in matches if match}


def left_by_a_save(npz_path: Path, config_path: Path) -> list[Path]:
    """What writers of the pair have left, or have there at this moment; nothing where the folder cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        return [*leftovers(npz_path).values(), *leftovers(config_path).values()]
    return []


def remove(paths: Iterable[Path]) -> None:
    """Removes what can be removed; what cannot stays, and does no harm."""
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def output_error(npz_path: Path, fault: Exception) -> InputError:
    """The error of a writer whom the system hinders."""
    reason = getattr(fault, "strerror", None) or fault
    return InputError("OUTPUT", str(npz_path), f"cannot be written ({reason}); expected a writable folder")


def _write_whole(path: Path, data: bytes, target: Path) -> None:
    with open(path, "xb", opener=as_readable_as(target)) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _back_up(path: Path, backup: Path) -> None:
    try:
        os.link(path, backup)
    except OSError:  # a file system without hard links
        shutil.copy2(path, backup)
        with backup.open("rb+") as file:
            os.fsync(file.fileno())


def _takes_any_npz(config_path: Path) -> bool:
    """Whether loaders would take any NPZ with the config that is there: a version 0 config names no digest.

    It has to go first then, so that a reader between the two steps meets the new config, which names one.
    """
    try:
        return parse_config(read_file(config_path, "config", MAX_CONFIG_BYTES)).version[0] == 0
    except FormatError:
        return False


class _NotPutBackError(Exception):
    """The replacement failed, and so did putting the earlier files back."""


def _replace(steps: list[_Step], folder: int | None) -> None:
    """All steps or none, whatever interrupts; what a kill interrupts is for `repair`."""
    try:
        for step in steps:
            os.replace(step.temporary, step.target)
        flush_folder(folder)
    except BaseException:
        faults = [fault for step in reversed(steps) if (fault := _put_back(step))]
        if faults:
            raise _NotPutBackError(str(faults[0])) from None
        with contextlib.suppress(OSError):
            flush_folder(folder)
        raise


def _put_back(step: _Step) -> OSError | None:
    """The earlier file, where the new one has taken its place; what hinders it, if anything does."""
    try:
        if exists(step.temporary):
            return None
        if step.existed:
            os.replace(step.backup, step.target)
        else:
            step.target.unlink(missing_ok=True)
    except OSError as fault:
        return fault
    return None


def exists(path: Path) -> bool:
    """Whether there is such a file; a link counts itself. Raises OSError where it cannot be told, which os.path.lexists takes for no."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True
