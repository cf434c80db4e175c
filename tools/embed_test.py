"""Proves `plmhead embed` on many sequences: python -m tools.embed_test [COUNT]; make embed-test.

A run is killed half way and started again; another has half of the sequences, each twice, in another order and other shards,
and fills a cache; a third takes them out of it. The files, or the bits of each sequence, must be those of an undisturbed run,
and memory must not grow with the input.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ENCODER = "plmhead/random-esm2-tiny"
RESIDUES = np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY", dtype=np.uint8)
#: What ten times the sequences may add to the peak, as a share: the noise of allocators, not room for an input.
GROWTH = 0.1


def sequences(count: int) -> list[str]:
    """Distinct sequences, short ones: what is tried here is not the encoder's speed."""
    rng = np.random.default_rng(8)
    lengths = rng.integers(25, 60, size=count)
    letters = RESIDUES[rng.integers(0, 20, size=int(lengths.sum()))].tobytes().decode()
    ends = np.cumsum(lengths)
    texts = [letters[end - length : end] for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)]
    assert len(set(texts)) == count
    return texts


def write(path: Path, texts: list[str]) -> Path:
    with path.open("w") as file:
        file.writelines(f">s{row}\n{text}\n" for row, text in enumerate(texts))
    return path


def command(source: Path, out: Path, *options: object) -> list[str]:
    words = ["embed", source, "--encoder", ENCODER, "-o", out, *options]
    return [sys.executable, "-m", "plmhead", *map(str, words), "--json"]


#: Runs a command and says on the last line of standard error how much memory it had at most, in KiB. Linux counts what a
#: process inherits until its exec: one as large as this one would hide the peak.
MEASURE = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run(source: Path, out: Path, *options: object) -> tuple[dict[str, Any], float]:
    """The summary of a run to its end, and the most memory that its process had, in MiB."""
    words = command(source, out, *options)
    done = subprocess.run([sys.executable, "-c", MEASURE, *words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"embed-test: {' '.join(words)} ended with {done.returncode}\n{done.stderr}")
    summary, peak = json.loads(done.stdout), int(done.stderr.split()[-1]) / 1024
    what = ", ".join(f"{name} {summary[name]}" for name in ("records", "embedded", "cached", "shards", "resumed"))
    print(f"  {out.name}: {what}; {peak:.0f} MiB", flush=True)
    return summary, peak


def killed(source: Path, out: Path, shards: int) -> int:
    """Begins a run and kills it when half of its shards are there; how many were."""
    process = subprocess.Popen(command(source, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    partial = out.with_name(f"{out.name}.partial")
    while len(list(partial.glob("*.shard"))) < shards // 2:
        if process.poll() is not None:
            sys.exit(f"embed-test: the run to kill ended with {process.returncode}")
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return len(list(partial.glob("*.shard")))


def bits_that_differ(out: Path, texts: list[str], rows: dict[str, int], expected: np.ndarray) -> int:
    """Of the vectors in `out`, those of `texts`, against the rows of `expected`."""
    found = np.load(out, mmap_mode="r")
    if found.shape != (len(texts), expected.shape[1]):
        sys.exit(f"embed-test: {out.name} has the shape {found.shape}")
    wanted = expected[[rows[text] for text in texts]]
    return int(np.bitwise_count(found.view(np.uint32) ^ wanted.view(np.uint32)).sum())


def vectors_of(path: Path) -> np.ndarray:
    from pyarrow import parquet

    column = parquet.read_table(path, columns=["embedding"]).column("embedding").combine_chunks()
    return column.flatten().to_numpy().reshape(len(column), -1).copy()


def others(folder: Path, texts: list[str], expected: np.ndarray) -> tuple[int, float]:
    """Half of the sequences, shuffled and twice, then once more out of the cache: bits that differ, and the peak of memory."""
    rows = {text: row for row, text in enumerate(texts)}
    half = texts[: len(texts) // 2] * 2
    random.Random(8).shuffle(half)
    source, cache = write(folder / "twice.fasta", half), ("--cache", folder / "cache")
    differ, peak = 0, 0.0
    for out, options, embedded in (("twice.npy", ("--shard-size", 3000), len(half) // 2), ("cached.npy", (), 0)):
        summary, memory = run(source, folder / out, *options, *cache)
        if summary["embedded"] != embedded:
            sys.exit(f"embed-test: {out} embedded {summary['embedded']} sequences, expected {embedded}")
        differ += bits_that_differ(folder / out, half, rows, expected)
        peak = max(peak, memory)
    return differ, peak


def main(count: int) -> int:
    texts = sequences(count)
    with tempfile.TemporaryDirectory(prefix="embed-test-") as name:
        folder = Path(name)
        source, whole, stopped = write(folder / "a.fasta", texts), folder / "whole.parquet", folder / "killed.parquet"
        _, small = run(write(folder / "tenth.fasta", texts[: count // 10]), folder / "tenth.parquet")
        _, large = run(source, whole)
        at = 4096 * killed(source, stopped, -(-count // 4096))
        _, again = run(source, stopped)
        same = stopped.read_bytes() == whole.read_bytes()
        differ, other = others(folder, texts, vectors_of(whole))
    large = max(large, again, other)
    print(
        f"embed-test: {count} sequences, killed at {at}, {'same bytes' if same else 'OTHER BYTES'}; "
        f"shuffled, deduplicated, cached: {differ} bits differ; "
        f"peak memory {small:.0f} MiB for {count // 10}, {large:.0f} MiB for {count}"
    )
    return 0 if same and not differ and large <= small * (1 + GROWTH) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000))
