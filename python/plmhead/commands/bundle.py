"""`bundle`: a head, its encoder and golden results in one folder, for runtimes without Python."""

from __future__ import annotations

import argparse
from typing import Any

from .terminal import add_json_option, show, warn


def run_bundle(options: argparse.Namespace) -> None:
    from ..bundle_writer import write_bundle
    from ..encode import random_weights_warning

    bundle = write_bundle(options.artifact, options.encoder, options.out)
    manifest = bundle.manifest
    warn(random_weights_warning(manifest["encoder"]["name"]))
    files = manifest["files"]
    show(
        {
            "name": manifest["name"],
            "bundle": options.out,
            "encoder": manifest["encoder"]["name"],
            "npz_sha256": bundle.head.npz_sha256,
            "files": {entry["name"]: entry["size"] for entry in files},
            "bytes": sum(entry["size"] for entry in files),
        },
        options.json,
    )


def add(command: Any) -> None:
    """Declares the verb."""
    parser = command("bundle", run_bundle, "put a head and its encoder into one folder, for runtimes without Python")
    parser.add_argument(
        "--encoder", required=True, metavar="NAME", help="a shipped encoder, or an ONNX file with its JSON beside it"
    )
    parser.add_argument("--out", required=True, metavar="FOLDER", help="the folder to make")
    add_json_option(parser)
