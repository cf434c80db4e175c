"""soak_python.py NAME REFUSED X LOADS SCORES: one head under load in threads and processes, then many loads; one JSON line at the end.

NAME is a pair that loads, REFUSED one that does not, X a file of float32 rows. hostile/soak.py starts this and judges the line.
"""

from __future__ import annotations

import gc
import hashlib
import json
import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import plmhead

THREADS = 4
ROWS = 10  # a call


def resident() -> int:
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def growth(count: int, step: Callable[[int], None]) -> int:
    """The largest resident size in ten looks at `step` over that after the first tenth of the calls."""
    for i in range(count // 10):
        step(i)
    base, largest = resident(), 0
    for _ in range(9):
        for i in range(count // 10):
            step(i)
        largest = max(largest, resident() - base)
    return largest


def bits(head: plmhead.Head, X: np.ndarray) -> str:
    """A digest of decisions and probabilities of all rows, scored by tens."""
    digest = hashlib.sha256()
    parts = [head.score_all(X[start : start + ROWS])[:2] for start in range(0, len(X), ROWS)]
    for values in zip(*parts, strict=True):
        digest.update(np.concatenate(values).astype("<f8").tobytes())
    return digest.hexdigest()


def in_process(name: str, x: str) -> str:
    """Of a worker process: the digest by a head of its own."""
    head = plmhead.load(name)
    return bits(head, rows(x, head))


def rows(x: str, head: plmhead.Head) -> np.ndarray:
    return np.fromfile(x, dtype="<f4").reshape(-1, head.n_features_in)


def load(name: str, refused: str, i: int) -> None:
    """Every tenth load is one that must be refused."""
    if i % 10:
        plmhead.load(name)
        return
    try:
        plmhead.load(refused)
    except plmhead.FormatError:
        return
    raise SystemExit("the refused pair was loaded")


def main(name: str, refused: str, x: str, loads: int, scores: int) -> dict[str, object]:
    head = plmhead.load(name)
    X = rows(x, head)
    found = {bits(head, X)}
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found |= set(pool.starmap(in_process, [(name, x)] * 4))
    with ThreadPoolExecutor(THREADS) as pool:
        # One step scores all rows in each thread, with the one head.
        def step(_: int) -> None:
            found.update(pool.map(lambda _: bits(head, X), range(THREADS)))

        score_growth = growth(scores // (THREADS * len(X)), step)
    load_growth = growth(loads, lambda i: load(name, refused, i))
    return {
        "language": "python",
        "loads": loads,
        "scores": scores,
        "growth": max(score_growth, load_growth),
        "digests": sorted(found),
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:4], *map(int, sys.argv[4:6]))), flush=True)
