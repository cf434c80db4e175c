"""Gives every spoiled bundle to the reader of each language: `python -m conformance.bundle.run`.

Rust needs `make encode`, JavaScript the runtime that `npm ci` brings.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from conformance.bundle.cases import CASES, REPOSITORY, Case, copy

#: (code, where) of an error; Nones where there is none.
Answer = tuple[str | None, str | None]
#: All answers of a language to a folder: JavaScript opens it in several ways.
Reader = Callable[[Path], list[Answer]]

RUST = REPOSITORY / "rust-loader/target/encode/release/plmhead"
TESTEE = Path(__file__).resolve().parent / "testee.js"


def python(folder: Path) -> list[Answer]:
    from plmhead.bundle import load_bundle
    from plmhead.errors import FormatError, InputError

    try:
        load_bundle(folder)
    except (FormatError, InputError) as fault:
        return [(fault.code, fault.where)]
    return [(None, None)]


def rust(program: Path = RUST) -> Reader:
    def read(folder: Path) -> list[Answer]:
        done = subprocess.run([program, "predict", folder, "-"], input=">a\nMKL\n", capture_output=True, text=True)
        if done.returncode == 0:
            return [(None, None)]
        found = re.search(r"^plmhead: ([A-Z_]+) \((.*?)\): ", done.stderr, re.MULTILINE)
        return [(found[1], found[2]) if found else ("?", done.stderr)]

    return read


class JavaScript:
    """A reader that runs as a program of its own, until it is closed."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(["node", str(TESTEE)], stdin=pipe, stdout=pipe, text=True, encoding="utf-8")

    def __call__(self, folder: Path) -> list[Answer]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{folder}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise EOFError("the testee ended without an answer")
        return [(code, where) for code, where in json.loads(line)]

    def close(self) -> None:
        self._process.communicate()


def failures(reader: Reader, spoiled: list[tuple[Case, Path]]) -> Iterator[str]:
    """A line for each case that is answered otherwise."""
    for case, folder in spoiled:
        due = (case.code, case.where)
        for found in reader(folder):
            if found != due:
                yield f"{case.id}: found {found}, expected {due}"


def spoil_all(folder: Path) -> list[tuple[Case, Path]]:
    """Each case's bundle, in a folder of its own."""
    spoiled = []
    for number, case in enumerate(CASES):
        own = copy(folder / str(number))
        case.spoil(own)
        spoiled.append((case, own))
    return spoiled


def main() -> int:
    failed = 0
    javascript = JavaScript()
    readers: dict[str, Reader] = {"Python": python, "Rust": rust(), "JavaScript": javascript}
    with tempfile.TemporaryDirectory() as name:
        spoiled = spoil_all(Path(name))
        for language, reader in readers.items():
            for line in failures(reader, spoiled):
                print(f"{language}: {line}")
                failed += 1
    javascript.close()
    print(f"bundle: {len(CASES)} cases, {len(readers)} languages, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
