"""Asks the tokenizer of each language every case: `python -m conformance.tokenizer.run`.

A testee is a program that answers `{"sequences": [...], "too_long": "error" | "truncate"}`, a line of ASCII, by
`{"input_ids": [[...]], "attention_mask": [[...]]}` or by `{"error": {"code", "where": "/ROW", "position"}}`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
REPOSITORY = FOLDER.parents[1]
CRATE = REPOSITORY / "rust-loader"
TESTEES = {
    "Python": [sys.executable, "-m", "conformance.tokenizer.testee"],
    "Rust": [str(CRATE / "target/release/examples/tokenize")],
    "JavaScript": ["node", str(FOLDER / "testee.js")],
}
BUILD = ["cargo", "build", "--quiet", "--release", "--locked", "--example", "tokenize"]
BUILD += ["--manifest-path", str(CRATE / "Cargo.toml")]


def cases() -> list[dict[str, Any]]:
    """All cases of `cases.json`."""
    listed: list[dict[str, Any]] = json.loads((FOLDER / "cases.json").read_text(encoding="utf-8"))["cases"]
    return listed


class Testee:
    """A running testee."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, sequences: list[str], too_long: str) -> dict[str, Any]:
        """Its answer. Raises EOFError where it ended instead."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"sequences": sequences, "too_long": too_long}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise EOFError("the testee ended without an answer")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def started(command: list[str]) -> Iterator[Testee]:
    """A testee, ended at the end."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe, text=True, encoding="utf-8") as process:
        try:
            yield Testee(process)
        finally:
            assert process.stdin
            process.stdin.close()


def failures(testee: Testee, listed: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each case that the testee answers otherwise."""
    for case in listed:
        found = testee.ask(case["sequences"], case["too_long"])
        if found != case["expect"]:
            yield f"{case['id']} {case['why']}: found {json.dumps(found)[:200]}, expected {json.dumps(case['expect'])[:200]}"


def main() -> int:
    subprocess.run(BUILD, check=True)
    listed, failed = cases(), 0
    for language, command in TESTEES.items():
        with started(command) as testee:
            for line in failures(testee, listed):
                print(f"{language}: {line}")
                failed += 1
    print(f"tokenizer: {len(listed)} cases, {len(TESTEES)} languages, {failed} failures")
    return 1 if failed or not listed else 0


if __name__ == "__main__":
    sys.exit(main())
