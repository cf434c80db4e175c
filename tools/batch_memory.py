"""Peak memory of scoring streamed Parquet: python -m tools.batch_memory; make batch-memory.

Random embeddings are written a row group at a time and scored by a process of their own: 100,000 and 10,000,000 rows of 32
features, then 50,000 and 500,000 of 1,280. The peak must not grow with the rows. At most 2.6 GB of disk, one file at a time.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from sklearn.linear_model import LogisticRegression
from tools.embed_test import MEASURE

import plmhead

#: Features -> numbers of rows; the first is what the last is held to.
SIZES = {32: (100_000, 10_000_000), 1280: (50_000, 500_000)}
#: What more rows may add to the peak, as a share: the noise of allocators, not room for an input.
GROWTH = 0.1
GROUP_VALUES = 2**20

SCORE = """
import sys
from plmhead.batch import open_model
from plmhead.batch_files import score_file
print(score_file(sys.argv[2], sys.argv[3], open_model(sys.argv[1], sequences=False)).rows)
"""


def write(path: Path, rows: int, features: int) -> Path:
    kind = pa.list_(pa.float32(), features)
    schema = pa.schema([("id", pa.int64()), ("embedding", kind)])
    rng = np.random.default_rng(5)
    group = GROUP_VALUES // features
    with parquet.ParquetWriter(path, schema, use_dictionary=False, compression="none") as writer:
        for start in range(0, rows, group):
            count = min(group, rows - start)
            values = pa.FixedSizeListArray.from_arrays(
                pa.array(rng.random(count * features, dtype=np.float32)), type=kind
            )
            writer.write_batch(pa.record_batch([pa.array(np.arange(start, start + count)), values], schema=schema))
    return path


def head(folder: Path, features: int) -> Path:
    X = np.random.default_rng(6).normal(size=(200, features)).astype(np.float32)
    plmhead.save(LogisticRegression(C=0.01).fit(X, X[:, 0] > 0), folder / f"head{features}", quiet=True)
    return folder / f"head{features}"


def peak(folder: Path, rows: int, features: int) -> float:
    """The most memory that the process had, in MiB."""
    source, out = write(folder / "x.parquet", rows, features), folder / "scores.parquet"
    words = [sys.executable, "-c", MEASURE, sys.executable, "-c", SCORE, head(folder, features), source, out]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    if done.returncode or int(done.stdout) != rows:
        sys.exit(f"batch-memory: ended with {done.returncode}\n{done.stdout}{done.stderr}")
    scored = parquet.read_metadata(out).num_rows
    assert scored == rows, scored
    source.unlink()
    out.unlink()
    return int(done.stderr.split()[-1]) / 1024


def main(scale: float) -> int:
    grown = False
    for features, counts in SIZES.items():
        found = []
        for count in counts:
            with tempfile.TemporaryDirectory(prefix="batch-memory-") as name:
                found.append(peak(Path(name), max(1, int(count * scale)), features))
            print(
                f"batch-memory: {int(count * scale):,} rows of {features:,} features: peak {found[-1]:.0f} MiB",
                flush=True,
            )
        grown |= found[-1] > found[0] * (1 + GROWTH)
    print(
        f"batch-memory: {'GROWS with' if grown else 'does not grow with'} the rows (more than {GROWTH:.0%} counts as growth)"
    )
    return int(grown)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0))
