"""Pairs for the tests of the hub, and what a repository holds of one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

import plmhead

NAME = "lab/polyreactivity"
PAIR = {"model.npz", "model_config.json"}
CONTRACT = {
    "origin": "plmhead", "family": "esm2", "checkpoint": "facebook/esm2_t6_8M_UR50D", "revision": None, "weights_sha256": None,
    "dimension": 8, "layer": "last", "pooling": "mean", "accumulate": "float32", "l2_normalized": False, "alphabet": "esm1b-33",
    "max_residues": 1022, "too_long": "error", "dtype": "float32", "accuracy": "exact",
}  # fmt: skip


def make_pairs(folder: Path) -> Path:
    """Two pairs: `first`, of an ESM's embeddings, and `second`."""
    rng = np.random.default_rng(0)
    for name, contract in (("first", CONTRACT), ("second", None)):
        features = rng.normal(size=(60, 8))
        model = LogisticRegression().fit(features, (features[:, 0] > 0).astype(int))
        training = {"dataset": "assay.csv", "rows": 60}
        plmhead.save(model, folder / name, embedding=contract, training=training, quiet=True)
    return folder


def tree_of(artifact: Path, **files: bytes) -> dict[str, bytes]:
    npz, config = plmhead.head.pair_paths(artifact)
    more = {name.replace("__", "."): data for name, data in files.items()}
    return {"model.npz": npz.read_bytes(), "model_config.json": config.read_bytes(), **more}
