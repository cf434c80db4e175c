"""Environments of peers under .cache/bench-encode/environments: made on first use, from pinned versions.

An environment that `shares` sees plmhead's own installation of torch and transformers behind its own packages: the same kernels for
every contestant, and no second copy of gigabytes.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "bench-encode"
SECONDS = 600
OWN = "plmhead"


class AbsentError(Exception):
    """A contestant that cannot take part; the message says why."""


class Environment(NamedTuple):
    lock: str
    shares: bool


ENVIRONMENTS = {
    "sentence-transformers": Environment("requirements-sentence-transformers.txt", shares=True),
    "fair-esm": Environment("requirements-fair-esm.txt", shares=True),
    "esm-cpp": Environment("requirements-esm-cpp.txt", shares=False),
}


def python_of(name: str) -> Path:
    """The interpreter of an environment, which is made where it is missing or its lock has changed. Raises AbsentError."""
    if name == OWN:
        return Path(sys.executable)
    environment, folder = ENVIRONMENTS[name], CACHE / "environments" / name
    lock = HERE / environment.lock
    stamp, digest = folder / ".installed", hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        shutil.rmtree(folder, ignore_errors=True)
        print(f"bench-encode: installing {name} into {folder.relative_to(CACHE.parents[1])}", flush=True)
        _install(folder, lock, environment.shares)
        stamp.write_text(digest)
    return folder / "bin" / "python"


def _install(folder: Path, lock: Path, shares: bool) -> None:
    try:
        venv.create(folder, with_pip=True, symlinks=True)
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*command, "--no-deps", "-r", str(lock)], capture_output=True, text=True, timeout=SECONDS)
    except (OSError, subprocess.SubprocessError) as fault:
        raise AbsentError(f"cannot be installed: {type(fault).__name__}: {fault}") from fault
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
        raise AbsentError(f"cannot be installed: {said}")
    if shares:
        site = next((folder / "lib").glob("python*/site-packages"))
        (site / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
