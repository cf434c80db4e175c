"""Writes examples/head.npz, its config, and examples/X.npy: what README's first scores read.

python tools/make_example.py. The head is the one that `make demo` trains, on synthetic sequences and an encoder of random weights:
for trying, not for science. The rows are two of those sequences, one of each label. Encoders differ between machines in the last
bits, and so do the files: whoever makes them anew puts the two lines that are printed then into README.md.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
#: One row with label 0 and one with label 1.
ROWS = slice(3, 5)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        embeddings = Path(folder) / "X.npy"
        plmhead = (sys.executable, "-m", "plmhead")
        train = ("train", "--data", EXAMPLES / "demo_sequences.csv", "--standardize", "--out", EXAMPLES / "head")
        subprocess.run([*plmhead, *map(str, train), "--embeddings-out", str(embeddings)], check=True)
        np.save(EXAMPLES / "X.npy", np.load(embeddings)[ROWS])
    subprocess.run([*plmhead, "score", str(EXAMPLES / "head"), str(EXAMPLES / "X.npy")], check=True)


if __name__ == "__main__":
    main()
