"""`predict`: sequences in, a table of labels and probabilities out."""

from __future__ import annotations

import argparse
import csv
from typing import TYPE_CHECKING, Any

from ..head import Head, load
from .encoding import add_encoder_options, contract_of, embed
from .score import score_records
from .terminal import add_json_option, add_threshold_options, compact, output

if TYPE_CHECKING:
    from ..data import Table


def run_predict(options: argparse.Namespace) -> None:
    from ..data import read_table

    head = load(options.artifact)
    head.threshold_in_force(options.threshold, options.assay_type)  # a bad threshold is said before any embedding
    too_long = contract_of(head)["too_long"]
    table = read_table(options.data, need_labels=False, sequence_column=options.sequence_column, too_long=too_long)
    X = embed(head, table.sequences, options)
    if options.json:
        _write_json(head, table, X, options)
        return
    z, p, labels = head.score_all(X, options.threshold, options.assay_type)
    single = head.link == "logistic"
    names = [] if single else [f"_{label}" for label in head.classes.tolist()]
    header = (
        ["probability", "decision"]
        if single
        else [f"{part}{name}" for part in ("probability", "decision") for name in names]
    )
    with output(options.out) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*(["id"] if table.ids else []), "sequence", "predicted_label", *header])
        for row, (sequence, label) in enumerate(zip(table.sequences, labels.tolist(), strict=True)):
            values = [p[row, 1], z[row, 0]] if single else [*p[row], *z[row]]
            writer.writerow(
                [*([table.ids[row]] if table.ids else []), sequence, label, *(repr(float(value)) for value in values)]
            )


def _write_json(head: Head, table: Table, X: Any, options: argparse.Namespace) -> None:
    records = score_records(head, X, options.threshold, options.assay_type)
    with output(options.out) as file:
        for row, record in enumerate(records):
            about = {"row": row, "id": table.ids[row] if table.ids else None, "sequence": table.sequences[row]}
            file.write(compact({**about, **record}) + "\n")


def add(command: Any) -> None:
    """Declares the verb."""
    parser = command("predict", run_predict, "score sequences, embedded by the encoder that the head names")
    parser.add_argument("--data", required=True, metavar="FILE", help="CSV with a column sequence, or FASTA")
    parser.add_argument("--out", metavar="FILE.csv", help="instead of standard output")
    add_encoder_options(parser)
    add_threshold_options(parser)
    parser.add_argument("--sequence-column", default="sequence", metavar="NAME")
    add_json_option(parser, "one JSON object a row instead of CSV")
