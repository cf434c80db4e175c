"""What `evaluate`, `compare` and `card` share: labelled rows from files, as sequences or as embeddings."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..head import Head
from .encoding import add_encoder_options, contract_of, embed
from .score import read_matrix


class Rows(NamedTuple):
    """The rows of a data file: `sequences` or `embeddings` (m, n); labels as (line number, text); groups by name."""

    file: str
    sha256: str
    sequences: list[str] | None
    embeddings: NDArray[np.floating] | None
    labels: list[tuple[int, str]] | None
    groups: list[str] | None

    def described(self) -> dict[str, Any]:
        """The member `data` of the verbs' JSON."""
        of = "embeddings" if self.sequences is None else "sequences"
        return {"file": self.file, "sha256": self.sha256, "rows_of": of}


def read_rows(head: Head, options: argparse.Namespace, *, need_labels: bool = True) -> Rows:
    """The rows that the options name, checked before anything is embedded.

    Raises InputError ARGUMENT, DATA, ENCODER where sequences are given to a head without a contract, and of `X` as `score`.
    """
    if bool(options.data) == bool(options.embeddings):
        found = "found both" if options.data else "found neither"
        raise InputError("ARGUMENT", "--data", f"{found}, expected --data FILE.csv or --embeddings X.npy")
    if options.labels and not options.embeddings:
        raise InputError("ARGUMENT", "--labels", "found it beside --data, expected it beside --embeddings")
    if options.embeddings and not options.labels and (need_labels or options.group_column):
        raise InputError("ARGUMENT", "--labels", "found none, expected the CSV that goes with --embeddings")
    return _of_sequences(head, options, need_labels) if options.data else _of_embeddings(head, options)


def _of_sequences(head: Head, options: argparse.Namespace, need_labels: bool) -> Rows:
    from ..data import read_table

    too_long = contract_of(head)["too_long"]
    table = read_table(options.data, need_labels=False, sequence_column=options.sequence_column, too_long=too_long)
    labels, groups = _columns(Path(options.data), options, need_labels)
    return Rows(Path(options.data).name, _sha256(options.data), table.sequences, None, labels, groups)


def _of_embeddings(head: Head, options: argparse.Namespace) -> Rows:
    X = read_matrix(options.embeddings, head.n_features_in)
    if not len(X):
        raise InputError("DATA", Path(options.embeddings).name, "found no rows, expected at least one")
    labels, groups = _columns(Path(options.labels), options, True) if options.labels else (None, None)
    for found in (labels, groups):
        if found is not None and len(found) != len(X):
            message = f"found {len(found)} rows for {len(X)} embeddings, expected as many"
            raise InputError("DATA", Path(options.labels).name, message)
    return Rows(Path(options.embeddings).name, _sha256(options.embeddings), None, X, labels, groups)


def _columns(
    path: Path, options: argparse.Namespace, need_labels: bool
) -> tuple[list[tuple[int, str]] | None, list[str] | None]:
    from ..data import read_column

    labels = read_column(path, options.label_column) if need_labels else None
    groups = None
    if options.group_column is not None:
        groups = [text.strip() for _, text in read_column(path, options.group_column, member="group")]
    return labels, groups


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def features(head: Head, rows: Rows, options: argparse.Namespace) -> NDArray[np.floating]:
    """The embeddings of the rows, made by the head's encoder where they are sequences."""
    if rows.sequences is None:
        assert rows.embeddings is not None
        return rows.embeddings
    return embed(head, rows.sequences, options)


def add_data_options(parser: Any, *, groups: bool = True) -> None:
    """The options that name the rows, and the encoder for sequences."""
    parser.add_argument("--data", metavar="FILE.csv", help="columns sequence and label")
    parser.add_argument("--embeddings", metavar="X.npy", help="embeddings made elsewhere, instead of --data")
    parser.add_argument("--labels", metavar="FILE.csv", help="with --embeddings: a column label, one row an embedding")
    parser.add_argument("--sequence-column", default="sequence", metavar="NAME")
    parser.add_argument("--label-column", default="label", metavar="NAME")
    if groups:
        parser.add_argument("--group-column", metavar="NAME", help="also the scores of each group of rows")
    else:
        parser.set_defaults(group_column=None)
    add_encoder_options(parser)


def add_bootstrap_options(parser: Any) -> None:
    """The options of the intervals."""
    parser.add_argument("--resamples", type=int, default=1000, metavar="N", help="of the bootstrap (default 1000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the bootstrap (default 0)")
    parser.add_argument("--confidence", type=float, default=0.95, metavar="C", help="of the intervals (default 0.95)")
