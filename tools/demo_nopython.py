"""Sequences to probabilities without Python: python -m tools.demo_nopython.

A head is trained and bundled once, in Python. Then the command in Rust, Node, headless Chromium and the service predict the
same table, each with a PATH that has no Python, and their decisions are compared, with Python's too.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from pathlib import Path

from tools import nopython

JAIN = nopython.REPOSITORY.parent / "shared/data/antibodies/jain_vh_test.csv"
MOST = 1e-4


def in_python(bundle: Path, table: Path) -> nopython.Results:
    """What the bundle gives in this process."""
    from plmhead.bundle import load_bundle

    with table.open(encoding="utf-8-sig", newline="") as file:
        sequences = [row["sequence"] for row in csv.DictReader(file)]
    z, _, labels = load_bundle(bundle).score(sequences)
    return [(row, label, float(z[row, 0])) for row, label in enumerate(labels.tolist())]


def compare(one: nopython.Results, other: nopython.Results) -> tuple[float, int]:
    """The largest difference of a decision, and how many labels differ. Raises ValueError for other rows."""
    if [row for row, _, _ in one] != [row for row, _, _ in other]:
        raise ValueError(f"found {len(other)} rows, expected {len(one)} of the same numbers")
    pairs = list(zip(one, other, strict=True))
    return max(abs(a[2] - b[2]) for a, b in pairs), sum(a[1] != b[1] for a, b in pairs)


def demo(name: str, encoder: str | Path, table: Path, out: Path, path: str) -> bool:
    """Prints a line for each runtime and one for all; whether they agree."""
    print(f"training and bundling in Python, once{name}", flush=True)
    bundle = nopython.make_bundle(encoder, out)
    found = {"Python": in_python(bundle, table)}
    for runtime, predict in nopython.RUNTIMES.items():
        start = time.monotonic()
        found[runtime] = predict(bundle, table, path)
        far, _ = compare(found["Python"], found[runtime])
        print(f"  {runtime:9}{time.monotonic() - start:6.1f} s, start included; {far:.1e} from Python", flush=True)
    largest, labels = 0.0, 0
    for runtime in nopython.RUNTIMES:
        for other in found:
            far, differ = compare(found[runtime], found[other])
            largest, labels = max(largest, far), max(labels, differ)
    summary = f"{len(found['Python'])} sequences, {len(nopython.RUNTIMES)} runtimes"
    print(f"demo-nopython{name}: {summary}, max |Δdecision| {largest:.1e}, label differences {labels}", flush=True)
    return largest <= MOST and labels == 0


def main() -> int:
    parser = argparse.ArgumentParser(description="sequences to probabilities in four runtimes without Python")
    parser.add_argument("--data", type=Path, default=JAIN if JAIN.exists() else nopython.DEMO)
    parser.add_argument(
        "--shape", default="8M", help="of a published ESM-2, beside the small encoder that ships; none: ''"
    )
    options = parser.parse_args()
    cache = nopython.REPOSITORY / ".cache/nopython"
    encoders: dict[str, str | Path] = {"": nopython.TINY}
    if options.shape:
        encoders[f" ({options.shape} shape)"] = nopython.shaped_encoder(options.shape, cache)
    with tempfile.TemporaryDirectory() as folder:
        path = nopython.path_without_python(Path(folder) / "bin")
        agree = [demo(name, encoder, options.data, Path(folder) / "out", path) for name, encoder in encoders.items()]
    return 0 if all(agree) else 1


if __name__ == "__main__":
    sys.exit(main())
