"""Writes the table of docs/precision.md and bench/precision/results.json: python -m bench.precision [--sequences FOLDER].

A head is trained on float32 embeddings, and then given those of the other arithmetics. FOLDER holds *train*.csv and *test*.csv with the
columns sequence and label; without it the demo data are halved.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.encode.environments import CACHE
from bench.encode.machine import processor
from bench.encode.shapes import SHAPES, checkpoint
from plmhead.data import read_table
from plmhead.train import Settings, fit
from plmhead.writer import head_of

from .compare import between_markers, moved, roc_auc, table
from .engines import ENGINES, REFERENCE, opened

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "precision.md"
RESULTS = Path(__file__).parent / "results.json"
REAL = ROOT.parent / "shared" / "data" / "antibodies"
DEMO = ROOT / "examples" / "demo_sequences.csv"
TINY = ROOT / "python" / "plmhead" / "encoders" / "random-esm2-tiny"
LIBRARIES = ("torch", "onnxruntime", "openvino", "scikit-learn")


class Set(NamedTuple):
    name: str
    role: str  # "train" or "test"
    sequences: list[str]
    labels: NDArray[np.int64]


def read_sets(folder: Path | None) -> list[Set]:
    """The set to train on, then those to test on."""
    if folder is None:
        whole = _set(DEMO, "train")
        parts = (("demo, odd rows", "train", 0), ("demo, even rows", "test", 1))
        return [Set(name, role, whole.sequences[i::2], whole.labels[i::2]) for name, role, i in parts]
    sets = [_set(path, role) for role in ("train", "test") for path in sorted(folder.glob(f"*{role}*.csv"))]
    if [one.role for one in sets].count("train") != 1 or len(sets) < 2:
        raise SystemExit(f"precision: expected one *train*.csv and one *test*.csv or more in {folder}")
    return sets


def _set(path: Path, role: str) -> Set:
    rows = read_table(path, True)
    return Set(path.stem.split("_")[0], role, rows.sequences, np.asarray(rows.labels).astype(np.int64))


def measure(name: str, folder: Path, sets: list[Set]) -> dict[str, Any]:
    """One encoder: a row of numbers for each engine, the reference first."""
    head: Any = None
    wanted: dict[str, Any] = {}
    rows = []
    for engine in ENGINES:
        say(f"{name}: {engine.name} {engine.arithmetic}")
        with opened(engine, folder) as embed:
            X = {one.name: embed(one.sequences) for one in sets if one.role == "test" or engine == REFERENCE}
        if engine == REFERENCE:
            head = head_of(fit(Settings(), X[sets[0].name], sets[0].labels), quiet=True)
            wanted = X
        tests = [one for one in sets if one.role == "test"]
        all_wanted, all_found = (np.vstack([source[one.name] for one in tests]) for source in (wanted, X))
        rows.append(
            {
                "engine": engine.name,
                "arithmetic": engine.arithmetic,
                **moved(head, all_wanted, all_found),
                "roc_auc": {one.name: roc_auc(head, X[one.name], one.labels) for one in tests},
            }
        )
    deviation = float(np.std(np.concatenate([head.decision_function(wanted[one.name]) for one in sets[1:]])))
    return {"name": name, "decision_deviation": deviation, "head_norm": float(np.linalg.norm(head.coef)), "rows": rows}


def run(sets: list[Set], encoders: dict[str, Path]) -> dict[str, Any]:
    from importlib.metadata import version

    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processor": processor(),
        "versions": {name: version(name) for name in LIBRARIES},
        "sets": [{"name": one.name, "role": one.role, "rows": len(one.sequences)} for one in sets],
        "encoders": [measure(name, folder, sets) for name, folder in encoders.items()],
    }


def say(text: str) -> None:
    print(f"precision: {text}", flush=True)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="bench.precision", description="what an encoder's arithmetic does to decisions"
    )
    known = REAL if REAL.is_dir() else None
    parser.add_argument(
        "--sequences", type=Path, default=known, help="folder with *train*.csv and *test*.csv; else the demo data"
    )
    parser.add_argument("--demo", action="store_true", help="the demo data, whatever else is at hand")
    parser.add_argument("--print", action="store_true", help="write no file")
    options = parser.parse_args(words)
    sets = read_sets(None if options.demo else options.sequences)
    encoders = {"small": TINY, "8M shape": checkpoint(SHAPES["8M"], CACHE / "models")}
    results = run(sets, encoders)
    text = table(results)
    print(text)
    if not options.print:
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        PAGE.write_text(between_markers(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")
    flips = sum(row["flips"] for encoder in results["encoders"] for row in encoder["rows"])
    rows = sum(len(encoder["rows"]) for encoder in results["encoders"])
    print(f"precision: {len(encoders)} encoders, {rows} rows, {flips} labels flipped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
