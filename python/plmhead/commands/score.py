"""`score`: embeddings in, one JSON object a row out."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .. import score
from ..errors import FormatError, InputError
from ..head import Head, load, read_file
from ..npy import PREAMBLE_BYTES, check_length, read_header
from .terminal import add_json_option, add_threshold_options, compact, output, warn

_ANY_SIZE = 2**62


def read_matrix(path: str, columns: int | None = None) -> np.ndarray[Any, np.dtype[np.floating[Any]]]:
    """A C-ordered (rows, columns) matrix of float32 or float64 from an NPY file, without numpy's own reader.

    Raises InputError at X: FILE_UNREADABLE, an NPY code, INPUT_DTYPE or INPUT_SHAPE.
    """
    try:
        data = memoryview(read_file(Path(path), "X", _ANY_SIZE))
        header = read_header(data, "X", empty_rows=True)
        if header.descr not in ("<f4", "<f8"):
            raise InputError("INPUT_DTYPE", "X", f"found {header.descr}, expected <f4 or <f8")
        if len(header.shape) != 2 or columns not in (None, header.shape[1]):
            wanted = "columns" if columns is None else columns
            raise InputError("INPUT_SHAPE", "X", f"found shape {header.shape}, expected (rows, {wanted})")
        check_length(data, header, "X")
    except FormatError as fault:
        raise InputError(fault.code, fault.where, fault.message, fault.remedy) from None
    return np.frombuffer(data[PREAMBLE_BYTES:], dtype=header.descr).reshape(header.shape)


def score_records(head: Head, x: Any, threshold: float | None, assay_type: str | None) -> Iterator[dict[str, Any]]:
    """One object a row, as docs/command-line.md says."""
    z, p, labels = head.score_all(x, threshold, assay_type)
    single = head.link == "logistic"
    for row, label in enumerate(labels.tolist()):
        decision, probability = (z[row], p[row, 1:]) if single else (z[row], p[row])
        values = [decision.tolist(), probability.tolist(), score.bits(decision), score.bits(probability)]
        decision_, probability_, decision_bits, probability_bits = [value[0] for value in values] if single else values
        yield {
            "row": row,
            "label": label,
            "decision": decision_,
            "probability": probability_,
            "decision_bits": decision_bits,
            "probability_bits": probability_bits,
        }


def run_score(options: argparse.Namespace) -> None:
    if Path(options.x).suffix.lower() == ".parquet":
        _score_parquet(options)
        return
    head = load(options.artifact)
    x = read_matrix(options.x, head.n_features_in)
    records = score_records(head, x, options.threshold, options.assay_type)
    with output(options.out) as file:
        for record in records:
            file.write(compact(record) + "\n")


def _score_parquet(options: argparse.Namespace) -> None:
    """As a stream, Parquet or CSV out; a row that cannot be scored has its error there."""
    from ..batch import open_model
    from ..batch_files import score_file

    if options.out is None:
        remedy = "name the file of the scores: --out FILE.parquet or FILE.csv"
        raise InputError("ARGUMENT", "--out", "found none, expected one for Parquet", remedy)
    model = open_model(options.artifact, sequences=False)
    done = score_file(options.x, options.out, model, threshold=options.threshold, assay_type=options.assay_type)
    if done.errors:
        warn(f"{done.errors} of {done.rows} rows have no score: the column error says why")


def add(command: Any) -> None:
    """Declares the verb."""
    parser = command("score", run_score, "score embeddings: one JSON object a row")
    parser.add_argument("x", metavar="X.npy", help="float32 or float64, shape (rows, n_features_in); or X.parquet")
    add_threshold_options(parser)
    parser.add_argument("--out", metavar="FILE", help="instead of standard output")
    add_json_option(parser, "changes nothing: the output is JSON, one object a row")
