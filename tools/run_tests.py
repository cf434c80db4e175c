"""Runs every test of every language and closes with one line of counts. Exit 0 only when all passed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

from tools.matrix import PARALLEL

REPOSITORY = Path(__file__).resolve().parents[1]


class Outcome(NamedTuple):
    passed: int
    failed: int


def stream(command: list[str], folder: Path) -> tuple[int, str]:
    """Runs a command, shows its output as it comes, and returns its exit code and that output."""
    print(f"\n$ {' '.join(command)}", flush=True)
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = []
    for line in process.stdout or ():
        print(line, end="", flush=True)
        lines.append(line)
    return process.wait(), "".join(lines)


def outcome(code: int, passed: int, failed: int) -> Outcome:
    """A command that fails without naming a failed test is itself one failure, and so is one that ran nothing."""
    return Outcome(passed, max(failed, 1) if code or not passed else failed)


def python_tests() -> Outcome:
    """The whole of it in the locked environment, then the tests of the package at both ends of the supported versions."""
    with tempfile.TemporaryDirectory() as folder:
        first, _ = stream([sys.executable, "-m", "pytest", *PARALLEL, f"--junitxml={folder}/locked.xml"], REPOSITORY)
        second, _ = stream([sys.executable, "tools/matrix.py", folder], REPOSITORY)
        results = [pytest_report(Path(folder) / f"{name}.xml") for name in ("locked", "oldest", "newest")]
    return outcome(first or second, *map(sum, zip(*results, strict=True)))


def pytest_report(path: Path) -> Outcome:
    """The counts of one run; a run that left no report, or ran no test, is a failure."""
    if not path.exists():
        return Outcome(0, 1)
    suite = next(ElementTree.parse(path).iter("testsuite"))
    failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    passed = int(suite.get("tests", 0)) - failed - int(suite.get("skipped", 0))
    return Outcome(passed, failed if passed else max(failed, 1))


def rust_tests() -> Outcome:
    """All of it as most build it, then what `encode` and `serve` add, in the folder that tests/test_bundle.py builds in."""
    first, text = stream(["cargo", "test", "--release", "--locked"], REPOSITORY / "rust-loader")
    encode = ["--features", "serve", "--lib", "--bin", "plmhead", "--test", "encode", "--target-dir", "target/encode"]
    second, more = stream(["cargo", "test", "--release", "--locked", *encode], REPOSITORY / "rust-loader")
    counts = re.findall(r"test result: \w+\. (\d+) passed; (\d+) failed", text + more)
    return outcome(first or second, sum(int(passed) for passed, _ in counts), sum(int(failed) for _, failed in counts))


def javascript_tests() -> Outcome:
    code, text = stream(["npm", "test"], REPOSITORY / "js-loader")
    counts = {
        name: int(count) for name, count in re.findall(r"^(?:#|ℹ) (pass|fail|cancelled) (\d+)", text, re.MULTILINE)
    }
    return outcome(code, counts.get("pass", 0), counts.get("fail", 0) + counts.get("cancelled", 0))


def conformance() -> Outcome:
    """The gold, then the suite; a run with a loader too few is a failure. Only the testee in Go may be left out, where there is no Go."""
    due = 4 if shutil.which("go") else 3
    code, text = stream(["make", "--no-print-directory", "conformance"], REPOSITORY)
    found = re.findall(r"^conformance: (\d+) cases, (\d+) loaders, (\d+) failures", text, re.MULTILINE)
    cases, loaders, failures = zip(*[map(int, line) for line in found], strict=True) if found else ((0,), (0,), (1,))
    complete = len(found) == 2 and set(loaders) == {due}
    return outcome(code, sum(cases) if complete else 0, sum(failures))


def differential() -> Outcome:
    """Half a minute of mutated pairs: one test, whose number of inputs depends on the machine."""
    code, text = stream([sys.executable, "-m", "hostile.differential", "--seconds", "30"], REPOSITORY)
    match = re.search(r"^differential: (\d+) inputs, \d+ accepted, 0 disagreements", text, re.MULTILINE)
    return outcome(code, int(bool(match and int(match[1]))), 0)


def main() -> int:
    results = {
        "python": python_tests(),
        "rust": rust_tests(),
        "javascript": javascript_tests(),
        "conformance": conformance(),
        "differential": differential(),
    }
    failed = sum(result.failed for result in results.values())
    counts = ", ".join(f"{name} {result.passed}" for name, result in results.items())
    print(f"\ntest: {counts} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
