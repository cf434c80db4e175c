"""Heads scored with the accelerator and without it, `python -m tools.accelerator_bits [ROWS]`: how many bits differ.

Exit 0 only when there is an accelerator and no bit differs.
"""

from __future__ import annotations

import copy
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

import plmhead
from plmhead import accelerator

#: Features, classes and type of each head: widths of ESM-2, and some that are no multiple of eight.
SHAPES = (
    *((320, 2, "f4"), (1280, 2, "f4"), (1280, 2, "f8"), (1283, 2, "f4")),
    *((7, 2, "f8"), (33, 3, "f4"), (480, 4, "f8"), (1280, 5, "f4")),
)
ROWS_AT_ONCE = 5_000


def main(rows: int) -> int:
    presence = accelerator.look()
    if presence.state != "on":
        print(f"accelerator: {presence.state} {presence.note or ''}: make accelerator; PYTHONPATH=.cache/accelerator")
        return 1
    rng = np.random.default_rng(10)
    scored = differing = 0
    while scored < rows:
        for shape in SHAPES:
            with tempfile.TemporaryDirectory() as folder:
                on, off = twins(rng, Path(folder) / "head", *shape)
            x = batch(rng, min(ROWS_AT_ONCE, rows - scored), shape[0])
            differing += sum(bits(a, b) for a, b in zip(on.score_all(x)[:2], off.score_all(x)[:2], strict=True))
            scored += len(x)
        print(f"accelerator: {scored:,} rows", file=sys.stderr, flush=True)
    print(f"accelerator on and off: {scored:,} rows, {differing} bits differ")
    return int(differing > 0)


def twins(rng: np.random.Generator, path: Path, features: int, classes: int, dtype: str) -> tuple[plmhead.Head, ...]:
    """A fitted head of random coefficients of every size, with the accelerator and without."""
    y = np.arange(4 * classes) % classes
    estimator = LogisticRegression(C=1e-6).fit(rng.normal(size=(len(y), features)).astype(dtype), y)
    scale = 10.0 ** rng.uniform(-3, 0, estimator.coef_.shape)
    estimator.coef_ = (rng.normal(size=scale.shape) * scale).astype(dtype)
    plmhead.save(estimator, path, quiet=True)
    on = plmhead.load(path)
    off = copy.copy(on)
    off.__dict__["_accelerated"] = None
    return on, off


def batch(rng: np.random.Generator, rows: int, features: int) -> np.ndarray:
    """Rows of float32 or float64, small and large, some of them all zero or subnormal."""
    x = rng.normal(size=(rows, features)) * 10.0 ** rng.uniform(-4, 2, (rows, 1))
    x[::97] = 0.0
    x[1::101] *= 1e-309
    return x.astype(rng.choice(["f4", "f8"]))


def bits(a: np.ndarray, b: np.ndarray) -> int:
    """How many bits differ."""
    differing = np.ascontiguousarray(a).view(np.uint64) ^ np.ascontiguousarray(b).view(np.uint64)
    return int(np.unpackbits(differing.view(np.uint8)).sum())


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
