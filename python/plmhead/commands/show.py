"""`inspect`: what an artifact holds."""

from __future__ import annotations

import argparse
from typing import Any

from ..head import Head, load, pair_paths
from .terminal import show

VERSION_0_WARNING = (
    "version 0: no digests and no self-test; trained with the field's pooling, which counts the end token of every sequence "
    "shorter than its batch's longest"
)
UPGRADED_WARNING = (
    "upgraded from version 0: trained with the field's pooling, which counts the end token of every sequence "
    "shorter than its batch's longest"
)


def description(artifact: str, head: Head) -> dict[str, Any]:
    """The object of `inspect`."""
    config = head.config
    origin = "version-0" if head.format_version == "0" else (config["embedding"] or {}).get("origin")
    warnings = []
    if head.format_version == "0":
        warnings.append(VERSION_0_WARNING)
    elif origin == "version-0":
        warnings.append(UPGRADED_WARNING)
    return {
        "name": pair_paths(artifact)[0].stem,
        "format_version": head.format_version,
        "verified": head.verified,
        "model_type": config["model_type"],
        "link": head.link,
        "n_features_in": head.n_features_in,
        "classes": head.classes.tolist(),
        "n_iter": head.n_iter.tolist(),
        "threshold": head.threshold,
        "assay_thresholds": head.assay_thresholds,
        **{name: config[name] for name in ("sklearn_version", "C", "penalty", "solver", "esm_model", "esm_revision")},
        "embedding_origin": origin,
        "npz_sha256": head.npz_sha256,
        "warnings": warnings,
    }


def run_inspect(options: argparse.Namespace) -> None:
    show(description(options.artifact, load(options.artifact)), options.json)


def add(command: Any) -> None:
    """Declares the verb."""
    parser = command("inspect", run_inspect, "show what an artifact holds")
    parser.add_argument("--json", action="store_true", help="one line, one object")
