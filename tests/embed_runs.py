"""What the tests of `plmhead embed` share: sequences by a seed, files of them, and runs."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
from pathlib import Path

from plmhead.sequences import RESIDUES

TINY = "plmhead/random-esm2-tiny"


def sequences(count: int, seed: int = 1, shortest: int = 5, longest: int = 60) -> list[str]:
    """Sequences whose lengths spread over several buckets."""
    draw = random.Random(seed)
    return ["".join(draw.choices(RESIDUES, k=draw.randint(shortest, longest))) for _ in range(count)]


def write_fasta(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(f">s{row} of a test\n{text}\n" for row, text in enumerate(texts)))
    return path


def write_csv(path: Path, texts: list[str]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "sequence"], *([f"s{row}", text] for row, text in enumerate(texts))])
    return path


def command(source: object, out: Path, *options: object) -> list[str]:
    words = [source, "--encoder", TINY, "-o", out, *options]
    return [sys.executable, "-m", "plmhead", "embed", *map(str, words)]


def embed(source: object, out: Path, *options: object, **more: object) -> dict:
    """The summary of a run that succeeds."""
    words = command(source, out, *options, "--json")
    done = subprocess.run(words, capture_output=True, check=False, **more)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a folder and of those in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
