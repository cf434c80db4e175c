"""`predict`: sequences in, a table of labels and probabilities out."""

from __future__ import annotations

import argparse
import csv
from typing import Any

from ..errors import InputError
from ..head import load
from .terminal import add_threshold_options, output, progress, warn


def run_predict(options: argparse.Namespace) -> None:
    from ..data import read_table
    from ..encode import check_contract, check_golden, random_weights_warning

    head = load(options.artifact)
    head.threshold_in_force(options.threshold, options.assay_type)  # a bad threshold is said before any embedding
    contract = head.config.get("embedding")
    if contract is None:
        remedy = "plmhead upgrade" if head.format_version == "0" else "plmhead score with embeddings of your own"
        raise InputError(
            "ENCODER", "/embedding", "found no embedding contract, expected one that says which encoder to use", remedy
        )
    table = read_table(
        options.data, need_labels=False, sequence_column=options.sequence_column, too_long=contract["too_long"]
    )
    encoder = _encoder_of(contract, options)
    warn(random_weights_warning(contract["checkpoint"]))
    check_contract(encoder, contract)
    check_golden(encoder, head.config, head.coef, head.intercept)
    X = encoder.embed(table.sequences, options.batch_size, progress("embedding"))
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


def _encoder_of(contract: dict[str, Any], options: argparse.Namespace) -> Any:
    """The encoder that the caller names, else the one that the artifact names; that one is fetched only when allowed."""
    from ..encode import list_encoders, load_encoder

    too_long, checkpoint = contract["too_long"], contract["checkpoint"]
    if options.encoder:
        return load_encoder(options.encoder, too_long=too_long)
    if not options.model and checkpoint in {entry["name"] for entry in list_encoders()}:
        return load_encoder(checkpoint, too_long=too_long)
    from ..esm import ESMEmbeddingExtractor

    return ESMEmbeddingExtractor(
        options.model or checkpoint,
        options.device,
        options.batch_size,
        revision=options.revision or contract["revision"],
        too_long=too_long,
        allow_download=bool(options.model) or options.allow_download,
    )


def add(command: Any) -> None:
    """Declares the verb."""
    parser = command("predict", run_predict, "score sequences")
    parser.add_argument("--data", required=True, metavar="FILE", help="CSV with a column sequence, or FASTA")
    parser.add_argument("--out", metavar="FILE.csv", help="instead of standard output")
    parser.add_argument("--encoder", metavar="NAME", help="run this in onnxruntime: a shipped encoder, or an ONNX file")
    parser.add_argument("--model", metavar="NAME", help="run this in torch: a hub id or a folder")
    parser.add_argument(
        "--revision", metavar="NAME", help="its branch, tag or commit (default: what the artifact says)"
    )
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda or mps (default: the best present)")
    parser.add_argument("--allow-download", action="store_true", help="fetch the checkpoint that the artifact names")
    add_threshold_options(parser)
    parser.add_argument("--sequence-column", default="sequence", metavar="NAME")
    parser.add_argument(
        "--batch-size", type=int, default=8, metavar="N", help="sequences embedded at a time (default 8)"
    )
