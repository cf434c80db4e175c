"""Runs the Python tests at both ends of what is supported: python tools/matrix.py REPORT_FOLDER.

The oldest scikit-learn and numpy on the Python that runs this, and the locked versions on the newest Python that the machine
offers. Each has an environment of its own in this folder, made once.
"""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = (3, 11)
#: A worker for each core; the tests of a file stay together, since they share what is slow to make.
PARALLEL = ("-q", "--numprocesses=auto", "--dist=loadfile")
TESTS = (
    *("head", "score", "writer", "agreement", "edit", "convert", "hostile"),
    *("sequences", "data", "encode", "training_contract", "evaluate", "compare"),
)


def newest_python() -> str:
    """The newest interpreter that starts, of those on the PATH and pyenv's; at worst the one that runs this."""
    pyenv = os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))
    found = [shutil.which(f"python3.{minor}") for minor in range(OLDEST_PYTHON[1], 30)]
    found += glob.glob(f"{pyenv}/versions/3.*/bin/python")
    versions = {}
    for path in filter(None, found):
        code = "import sys; print(*sys.version_info[:3], sys.version_info.releaselevel)"
        done = subprocess.run([path, "-c", code], capture_output=True, text=True)
        *numbers, level = done.stdout.split() or [""]
        if done.returncode == 0 and level == "final":
            versions[tuple(map(int, numbers))] = path
    return versions[max(versions)] if versions else sys.executable


def environment(name: str, python: str, lock: str) -> Path:
    """The interpreter of an environment with the locked versions and this project; made anew when the lock is newer."""
    folder, stamp = REPOSITORY / f".venv-{name}", REPOSITORY / f".venv-{name}" / ".installed"
    if not stamp.exists() or stamp.stat().st_mtime < (REPOSITORY / lock).stat().st_mtime:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", folder], check=True)
        pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", REPOSITORY / lock], check=True)
        subprocess.run([*pip, "--no-deps", "--editable", REPOSITORY], check=True)
        stamp.touch()
    return folder / "bin/python"


def main() -> int:
    reports = Path(sys.argv[1])
    ends = {
        "oldest": environment("oldest", sys.executable, "requirements-oldest.lock"),
        "newest": environment("newest", newest_python(), "requirements.lock"),
    }
    codes = []
    for name, python in ends.items():
        tests = [f"tests/test_{test}.py" for test in TESTS]
        command = [
            python,
            "-m",
            "pytest",
            *PARALLEL,
            f"--junitxml={reports / name}.xml",
            "-o",
            "cache_dir=.pytest_cache/" + name,
        ]
        codes.append(subprocess.run([*command, *tests], cwd=REPOSITORY).returncode)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
