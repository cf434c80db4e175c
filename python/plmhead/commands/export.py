"""`export`: a head as an ONNX graph, for runtimes that know nothing of plmhead."""

from __future__ import annotations

import argparse
import hashlib
from typing import Any

from ..head import load, pair_paths
from .terminal import add_threshold_options, output, show


def run_export(options: argparse.Namespace) -> None:
    from ..onnx_export import to_onnx

    head = load(options.artifact)
    graph = to_onnx(head, threshold=options.threshold, assay_type=options.assay_type, input_type=options.input_type)
    with output(options.onnx, binary=True) as file:
        file.write(graph)
    threshold = None if head.threshold is None else head.threshold_in_force(options.threshold, options.assay_type)
    show(
        {
            "name": pair_paths(options.artifact)[0].stem,
            "npz_sha256": head.npz_sha256,
            "onnx": options.onnx,
            "onnx_sha256": hashlib.sha256(graph).hexdigest(),
            "input_type": options.input_type,
            "threshold": threshold,
        },
        options.json,
    )


def add(command: Any) -> None:
    """Declares the verb."""
    parser = command("export", run_export, "write a head as an ONNX graph in double precision")
    parser.add_argument("--onnx", required=True, metavar="FILE.onnx", help="the file to write")
    parser.add_argument(
        "--input-type", choices=("float64", "float32"), default="float64", help="of X (default float64)"
    )
    add_threshold_options(parser)
    parser.add_argument("--json", action="store_true", help="one line, one object")
