"""`convert`: a pair from a pickle or an ONNX graph, of which nothing is run."""

from __future__ import annotations

import argparse
from typing import Any

from .terminal import add_json_option, assay_thresholds, compact, decimal, pair_members, printable


def run_convert(options: argparse.Namespace) -> None:
    from ..pickles import convert

    thresholds = assay_thresholds(options.assay_threshold) if options.assay_threshold else None
    saved = convert(
        options.pickle, options.out, family=options.family, threshold=options.threshold, assay_thresholds=thresholds
    )
    if options.json:
        print(compact({**pair_members(saved.npz, saved.config), "proof": saved.proof._asdict()}))
        return
    against = "scikit-learn" if saved.proof.scikit_learn else "the formula alone (scikit-learn is not installed)"
    print(printable(f"wrote {saved.npz} and {saved.config.name}; proved against {against} on {saved.proof}"))


def add(command: Any) -> None:
    """Declares the verb."""
    parser = command(
        "convert",
        run_convert,
        "write a pickled estimator, or its ONNX graph, as a pair, running nothing in it",
        artifact=False,
    )
    parser.add_argument(
        "pickle", metavar="FILE.pkl", help="a pickle or joblib dump of a fitted logistic regression, or FILE.onnx"
    )
    parser.add_argument("-o", "--out", metavar="PATH/NAME", help="the pair to write (default: the pickle's own name)")
    parser.add_argument(
        "--family", choices=("esm1b", "esm1v", "esm2", "none"), help="the encoder's, where its name does not say it"
    )
    parser.add_argument("--threshold", type=decimal, metavar="T", help="stored decision threshold (default 0.5)")
    parser.add_argument("--assay-threshold", action="append", metavar="NAME=T", help="stored threshold of an assay")
    add_json_option(parser)
