"""Sequences per second from a bundle to decisions, in each runtime: python -m tools.bench_predict.

The encoder has the shape of ESM-2 8M, the sequences the length of heavy chains. Each runtime opens the bundle once and predicts
the same table several times; they take turns, and the fastest round counts, which other programs disturbed least. Python's is
onnxruntime alone, batches of 8 of one length. Speeds are ratios to it, out of this run.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tools import nopython

from plmhead.bundle import load_bundle
from plmhead.sequences import RESIDUES

NODE_ROUNDS = nopython.REPOSITORY / "js-loader/test/support/rounds.js"
REFERENCE = "Python, onnxruntime"


def write_table(path: Path, count: int) -> list[str]:
    """Random sequences of 110 to 130 residues."""
    rng = np.random.default_rng(4)
    sequences = ["".join(rng.choice(list(RESIDUES), length)) for length in rng.integers(110, 131, count)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["id", "sequence"], *([row, sequence] for row, sequence in enumerate(sequences))])
    return sequences


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    """Seconds of each round."""
    seconds = []
    for _ in range(rounds):
        start = time.monotonic()
        work()
        seconds.append(time.monotonic() - start)
    return seconds


def in_service(bundle: Path, table: Path, rounds: int) -> list[float]:
    """Of requests to a service that runs: Rust without its start."""

    def ask() -> None:
        request = urllib.request.Request(f"{address}/v1/predict", table.read_bytes(), {"content-type": "text/csv"})
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["failed"] == 0

    with nopython.service(bundle, os.environ["PATH"]) as address:
        return timed(ask, rounds)


def in_javascript(program: list[object], rounds: int) -> list[float]:
    """Of a program that prints its rounds."""
    printed = nopython.run([nopython.node(), *program, rounds], os.environ["PATH"])
    seconds: list[float] = json.loads(printed)["seconds"]
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description="sequences per second of each runtime, from a bundle to decisions")
    parser.add_argument("--shape", default="8M")
    parser.add_argument("--sequences", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    encoder = nopython.shaped_encoder(options.shape, nopython.REPOSITORY / ".cache/nopython")
    with tempfile.TemporaryDirectory() as folder:
        bundle = nopython.make_bundle(encoder, Path(folder) / "out")
        table = Path(folder) / "table.csv"
        sequences = write_table(table, options.sequences)
        python = load_bundle(bundle)
        contestants: dict[str, Callable[[], list[float]]] = {
            REFERENCE: lambda: timed(lambda: python.score(sequences), options.rounds),
            "Rust (service)": lambda: in_service(bundle, table, options.rounds),
            "Node, onnxruntime-node": lambda: in_javascript(
                [NODE_ROUNDS, "onnxruntime-node", bundle, table], options.rounds
            ),
            "Node, WebAssembly": lambda: in_javascript([NODE_ROUNDS, "onnxruntime-web", bundle, table], options.rounds),
            "Chromium, WebAssembly": lambda: in_javascript([nopython.IN_CHROMIUM, bundle, table], options.rounds),
        }
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        for _ in range(options.turns):
            for name, rounds in contestants.items():
                seconds[name] += rounds()
    own = min(seconds[REFERENCE])
    load = os.getloadavg()[0]
    print(f"{options.shape} shape, {options.sequences} sequences, {os.cpu_count()} cores, load {load:.1f} at the end")
    print(f"| {'runtime':23} | sequences/s | of Python's |\n|{'-' * 25}|------------:|------------:|")
    for name, taken in seconds.items():
        print(f"| {name:23} | {options.sequences / min(taken):11.1f} | {own / min(taken):11.2f} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
