"""System calls that fail: each one once, every one from some moment on, a full disk, a folder that may not be written."""

from __future__ import annotations

import ast
import ctypes
import errno
import os
import resource
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from .kills import MIXTURE, WRONG, Expected, Verdict, expectation
from .scenarios import FOREIGN, REFUSED, SAVED, Scenario, State, pair_paths, state
from .trace import FILE_CALLS, Plan, traced

LEFT_BEHIND = "left behind"
#: What the removal of a file may fail with; the file then stays.
REMOVALS = ("unlink", "unlinkat")
#: An empty file that stops nobody: the lock is on it while it is open.
LOCK = ".lock"


def judged(code: int | None, name: Path, expected: Expected, failing: str = "") -> Verdict:
    """Saved and new, or refused with OUTPUT and old; nothing lies about, but what could not be removed."""
    found = state(name)
    if found.loaded is not None and found.loaded not in (expected.old, expected.new):
        return Verdict(MIXTURE, "a pair loads that nobody wrote")
    if code == SAVED:
        outcome, fits = "new and saved", found.loaded == expected.new
    elif code == REFUSED:
        outcome, fits = "old and OUTPUT", _as_before(found, name, expected)
    else:
        return Verdict(WRONG, "an error that is not ours" if code == FOREIGN else f"exit code {code}")
    if not fits:
        return Verdict(WRONG, f"{outcome} is due, and {found} is there")
    left = sorted(set(found.hidden) - set(expected.before))
    if left and all(name.endswith(LOCK) for name in left):
        return Verdict(LEFT_BEHIND)
    if left:
        return Verdict(LEFT_BEHIND if failing in REMOVALS else WRONG, f"{outcome}, and {left} is left")
    return Verdict(outcome)


def _as_before(found: State, name: Path, expected: Expected) -> bool:
    files = {path.name: path.read_bytes() for path in pair_paths(name) if path.exists()}
    return found.loaded == expected.old and files == {k: v for k, v in expected.before.items() if k[0] != "."}


def failing_once(point: int, number: int) -> Plan:
    return lambda index, _: number if index == point else None


def failing_from(point: int) -> Plan:
    """As if the disk were gone: every call about files but close fails; standard streams have nothing to do with it."""
    return lambda index, number: errno.EIO if index >= point and number in FILE_CALLS and number != 3 else None


def single_errors(scenario: Scenario, folder: Path, step: int = 1) -> Iterator[Verdict]:
    """Each call about files fails once, with each error that fits it."""
    expected = expectation(scenario, folder)
    name = scenario.prepare(folder)
    calls = traced(lambda: scenario.write(name), lambda index, number: None).calls
    for point in range(0, len(calls), step):
        called, errors = FILE_CALLS.get(calls[point], ("", ""))
        for word in errors.split():
            scenario.prepare(folder)
            code = traced(lambda: scenario.write(name), failing_once(point, getattr(errno, word))).code
            verdict = judged(code, name, expected, called)
            yield verdict._replace(detail=f"{scenario.title}, {called} ({point}) fails with {word}: {verdict.detail}")


def file_size_limits(scenario: Scenario, folder: Path, step: int = 1) -> Iterator[Verdict]:
    """No file may grow beyond a limit: each half-written temporary that a full disk or a quota can leave."""
    expected = expectation(scenario, folder)
    name = folder / pair_paths("model")[0].stem
    largest = max(path.stat().st_size for path in pair_paths(name))
    for limit in [*range(0, largest, step), largest]:
        scenario.prepare(folder)
        verdict = judged(_limited(scenario, name, limit), name, expected)
        yield verdict._replace(detail=f"{scenario.title}, files of at most {limit} bytes: {verdict.detail}")


def _limited(scenario: Scenario, name: Path, limit: int) -> int | None:
    def act() -> int:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        return scenario.write(name)

    return in_child(act)


def in_child(act: Callable[[], int]) -> int | None:
    """The exit code of a fork of this process."""
    pid = os.fork()
    if pid == 0:
        code = FOREIGN
        try:
            code = act()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


# --- a file system of one's own, for full and read-only disks

NEW_USER, NEW_MOUNTS = 0x10000000, 0x20000
READ_ONLY, REMOUNT, PRIVATE_BELOW = 1, 32, 0x44000
PAGE = 4096


def with_own_disk(act: Callable[[Path], list[Verdict]], pages: int) -> list[Verdict] | None:
    """Runs `act` in a child that has a disk of `pages` pages in memory for itself. None where the system allows none."""
    receive, send = os.pipe()
    with tempfile.TemporaryDirectory() as place:

        def acting() -> int:
            if not _mounted(place, pages):
                return REFUSED
            with open(send, "w") as file:
                file.write(repr([tuple(verdict) for verdict in act(Path(place))]))
            return SAVED

        # The answer is longer than a pipe holds, perhaps: it is read before the child is waited for.
        pid = os.fork()
        if pid == 0:
            code = FOREIGN
            try:
                os.close(receive)
                code = acting()
            finally:
                os._exit(code)
        os.close(send)
        with open(receive) as file:
            text = file.read()
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code == REFUSED:
        return None
    return (
        [Verdict(*item) for item in ast.literal_eval(text)] if code == SAVED else [Verdict(WRONG, "the child failed")]
    )


def _mounted(place: str, pages: int) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_MOUNTS if os.geteuid() == 0 else NEW_MOUNTS | NEW_USER) != 0:
        return False
    if libc.mount(b"none", b"/", None, PRIVATE_BELOW, None) != 0:
        return False
    return bool(libc.mount(b"tmpfs", place.encode(), b"tmpfs", 0, f"size={pages * PAGE}".encode()) == 0)


def full_disk(scenario: Scenario, disk: Path, pages: int) -> list[Verdict]:
    """With each number of free pages, from none to enough."""
    expected = expectation(scenario, disk / "folder")
    verdicts = []
    for free in range(pages):
        name = scenario.prepare(disk / "folder")
        with (disk / "filler").open("wb") as filler:
            filler.write(b"0" * (os.statvfs(disk).f_bavail - free) * PAGE)
        verdict = judged(in_child(lambda name=name: scenario.write(name)), name, expected)
        (disk / "filler").unlink()
        verdicts.append(verdict._replace(detail=f"{scenario.title}, {free} free pages: {verdict.detail}"))
    return verdicts


def read_only_disk(scenario: Scenario, disk: Path) -> list[Verdict]:
    """A file system that was mounted for reading alone."""
    expected = expectation(scenario, disk / "folder")
    name = scenario.prepare(disk / "folder")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mount(None, str(disk).encode(), None, REMOUNT | READ_ONLY, None)
    verdict = judged(in_child(lambda: scenario.write(name)), name, expected)
    return [verdict._replace(detail=f"{scenario.title}, a disk mounted read-only: {verdict.detail}")]


def read_only_folder(scenario: Scenario, folder: Path) -> Verdict:
    """A folder without write permission, for a user who is not root."""
    expected = expectation(scenario, folder)
    name = scenario.prepare(folder)
    folder.chmod(0o555)

    def act() -> int:
        if os.geteuid() == 0:
            os.setuid(65534)
        return scenario.write(name)

    try:
        verdict = judged(in_child(act), name, expected)
    finally:
        folder.chmod(0o755)
    return verdict._replace(detail=f"{scenario.title}, a read-only folder: {verdict.detail}")
