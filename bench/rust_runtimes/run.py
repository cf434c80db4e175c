"""Measures ONNX runtimes that a Rust program can use, against onnxruntime in Python: `python -m bench.rust_runtimes.run GRAPH...`.

Each of rten, tract and ort is a program of its own, built here (`--target-dir` keeps what is built). Both sides get the same
batches: five golden sequences one by one, then 64 of heavy-chain length in batches of 8, each runtime with its own choice of
threads. For each graph and runtime it prints the largest difference to onnxruntime in Python over all pooled values, the speed
(the fastest round, which other programs disturbed least), and what loading takes; for each program its size, and the time of
its build where it was not built before.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from plmhead.sequences import RESIDUES, golden_sequences, tokenize

FOLDER = Path(__file__).resolve().parent
ENCODERS = FOLDER.parents[1] / "python/plmhead/encoders"
RUNTIMES = ("ort", "rten", "tract")


def batches() -> list[tuple[np.ndarray, np.ndarray]]:
    """The golden sequences but the longest, one a batch, and 64 random ones of 110 to 130 residues."""
    rng = np.random.default_rng(9)
    random = ["".join(rng.choice(list(RESIDUES), length)) for length in sorted(rng.integers(110, 131, 64))]
    return [tokenize([text]) for text in golden_sequences()[:5]] + [
        tokenize(random[start : start + 8]) for start in range(0, 64, 8)
    ]


def as_bytes(listed: list[tuple[np.ndarray, np.ndarray]]) -> bytes:
    """The form that `common.rs` reads."""
    parts = [np.array([len(listed)])]
    for ids, mask in listed:
        parts += [np.array(ids.shape), ids.ravel(), mask.ravel()]
    return np.concatenate(parts).astype("<i8").tobytes()


def build(name: str, target: Path) -> Path:
    """The program of a runtime."""
    start = time.monotonic()
    manifest = str(FOLDER / name / "Cargo.toml")
    command = [
        "cargo",
        "build",
        "--release",
        "--quiet",
        "--manifest-path",
        manifest,
        "--target-dir",
        str(target / name),
    ]
    subprocess.run(command, check=True)
    program = target / name / "release" / f"runtime-{name}"
    print(f"{name}: program of {program.stat().st_size / 1e6:.1f} MB, build {time.monotonic() - start:.0f} s")
    return program


def python(graph: str, listed: list[tuple[np.ndarray, np.ndarray]], rounds: int) -> tuple[np.ndarray, dict[str, Any]]:
    """The pooled values and times of onnxruntime in this process."""
    import onnxruntime

    start = time.monotonic()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    loading, times, first = time.monotonic() - start, [], []
    for number in range(rounds):
        start = time.monotonic()
        values = [session.run(["pooled"], {"input_ids": ids, "attention_mask": mask})[0] for ids, mask in listed]
        times.append(time.monotonic() - start)
        first = first if number else values
    return np.concatenate([value.ravel() for value in first]), {"load": loading, "rounds": times}


def rust(program: Path, graph: str, folder: Path, rounds: int) -> tuple[np.ndarray, dict[str, Any]]:
    """The same of a program."""
    out = folder / "pooled"
    command = [program, graph, folder / "batches", out, str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    if done.returncode:
        raise RuntimeError(
            done.stderr.strip().splitlines()[0][:300] if done.stderr.strip() else f"exit {done.returncode}"
        )
    return np.frombuffer(out.read_bytes(), dtype="<f4"), json.loads(done.stdout)


def environment() -> dict[str, str]:
    """With the library that the Python package brings, for ort."""
    import onnxruntime

    library = next((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so*"))
    return {"ORT_DYLIB_PATH": str(library), **os.environ}


def report(graph: str, programs: dict[str, Path], rounds: int, turns: int) -> Iterator[str]:
    """A line a runtime. They take turns, so that a busy moment of the machine is nobody's alone."""
    listed = batches()
    sequences = sum(len(ids) for ids, _ in listed)
    seconds: dict[str, list[float]] = {name: [] for name in ("Python", *programs)}
    loads: dict[str, float] = {}
    differences: dict[str, float] = {}
    failures: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "batches").write_bytes(as_bytes(listed))
        for _ in range(turns):
            expected, taken = python(graph, listed, rounds)
            seconds["Python"] += taken["rounds"]
            loads["Python"] = taken["load"]
            for runtime, program in programs.items():
                try:
                    found, taken = rust(program, graph, folder, rounds)
                except RuntimeError as fault:
                    failures[runtime] = str(fault)
                    continue
                seconds[runtime] += taken["rounds"]
                loads[runtime] = taken["load"]
                differences[runtime] = float(np.abs(found - expected).max())
    reference = min(seconds["Python"])
    yield f"{Path(graph).name}: Python onnxruntime {sequences / reference:.1f} sequences/s, load {loads['Python']:.2f} s"
    for runtime in programs:
        if runtime in failures:
            yield f"  {runtime:5}  fails: {failures[runtime]}"
            continue
        best = min(seconds[runtime])
        speed = f"{sequences / best:.1f} sequences/s, {reference / best:.2f} of Python's"
        yield f"  {runtime:5}  max |difference| {differences[runtime]:.1e}, {speed}, load {loads[runtime]:.2f} s"


def main() -> int:
    parser = argparse.ArgumentParser(description="measure rten, tract and ort against onnxruntime in Python")
    parser.add_argument("graphs", nargs="*", help="ONNX files (default: the two shipped encoders)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--target-dir", type=Path, default=FOLDER / "target")
    parser.add_argument("--runtime", action="append", choices=RUNTIMES)
    options = parser.parse_args()
    programs = {name: build(name, options.target_dir) for name in options.runtime or RUNTIMES}
    for graph in options.graphs or sorted(map(str, ENCODERS.glob("*.onnx"))):
        for line in report(graph, programs, options.rounds, options.turns):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
