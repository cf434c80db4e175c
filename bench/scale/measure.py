"""The rates of each step on this machine, one process: python -m bench.scale --measure writes measured.json."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from bench.encode import machine
from bench.encode.sequences import sequences
from bench.encode.shapes import SHAPES, checkpoint
from plmhead import score
from plmhead.batch import COLUMNS, Model, open_model
from plmhead.batch_files import read_batches, score_file
from plmhead.embed.output import ParquetOutput
from plmhead.encode import load_encoder
from plmhead.sequences import normalise, token_rows

HEAD = Path(__file__).resolve().parents[2] / "examples" / "head"
ROWS, ENCODED, ROUNDS = 50_000, 2_000, 3


class _Free:
    """An encoder that costs nothing: what is left is all that stands around one."""

    name, too_long = "none", "error"

    def __init__(self, dimension: int) -> None:
        self.vectors = np.random.default_rng(0).normal(size=(ROWS, dimension)).astype(np.float32)

    def embed(self, sequences: list[str]) -> np.ndarray:
        return self.vectors[: len(sequences)]


def measure() -> dict[str, Any]:
    texts = sequences("vh", ROWS)
    model = open_model(HEAD)
    free = Model(model.head, _Free(model.head.n_features_in))
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as name:
        source, out = Path(name) / "in.parquet", Path(name) / "out.parquet"
        table = pa.table({"id": [f"clone-{row:09}" for row in range(ROWS)], "sequence": texts})
        parquet.write_table(table, source, compression="zstd", row_group_size=ROWS)
        steps = {
            "read": _rate(ROWS, lambda: sum(batch.num_rows for batch in read_batches(source))),
            "check": _rate(ROWS, lambda: [normalise(text) for text in texts]),
            "tokens": _rate(ROWS, lambda: [token_rows(texts[i : i + 64], 64, 160) for i in range(0, ROWS - 64, 64)]),
            "encode_tiny": _rate(ENCODED, lambda: model.encoder.embed(texts[:ENCODED])),
            "encode_8M": _encoder_rate(Path(name), texts),
            "around": _rate(ROWS, lambda: score_file(source, out, free, columns=COLUMNS)),
        }
        for width in (320, 1280):
            steps[f"score_{width}"] = _score_rate(width)
            steps[f"write_{width}"] = _write_rate(Path(name), width)
        bytes_in, bytes_out = source.stat().st_size / ROWS, out.stat().st_size / ROWS
    about = machine.describe("cpu", [0])
    kept = ("name", "system", "python", "versions", "busy_share")
    return {
        "format": "plmhead-bench-scale-1",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": {member: about[member] for member in kept},
        "rows": ROWS,
        "rows_per_second": steps,
        "bytes_per_row": {"sequences": bytes_in, "scores": bytes_out},
    }


def _encoder_rate(folder: Path, texts: list[str]) -> float:
    """ESM-2 of the size of 8M with random weights, exact, in OpenVINO."""
    encoder = load_encoder(str(checkpoint(SHAPES["8M"], folder)), backend="openvino", device="cpu")
    return _rate(64, lambda: encoder.embed(texts[:64]))


def _score_rate(width: int) -> float:
    x = np.random.default_rng(0).normal(size=(5000, width)).astype(np.float32)
    weights, intercept = x[:1].copy(), np.zeros(1)
    return _rate(len(x), lambda: score.probabilities(score.decisions(x, weights, intercept), "logistic"))


def _write_rate(folder: Path, width: int) -> float:
    x = np.random.default_rng(0).normal(size=(5000, width)).astype(np.float32)
    names, present = [str(row) for row in range(len(x))], np.ones(len(x), bool)

    def write() -> None:
        with ParquetOutput(folder, folder / "x.parquet", len(x), width, {}) as output:
            output.write(names, x, present)
            output.complete()

    return _rate(len(x), write)


def _rate(rows: int, work: Callable[[], object]) -> float:
    """Rows a second of processor time of this process, the best of some rounds: what others do on the machine counts little."""
    work()
    best = 0.0
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        best = max(best, rows / (time.process_time() - started))
    return round(best, 1)
