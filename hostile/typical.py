"""The pair that tampering and soaking work on: a head fitted by scikit-learn as people fit them, every member of the config present."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
from conformance.zip_bytes import Archive, Entry, build

from plmhead.config import VERSION_0_FIELDS
from plmhead.encode import declared_contract
from plmhead.writer import save
from plmhead.zip import MEMBERS, read_members

FEATURES = 320  # of the smallest ESM-2
CHECKPOINT = "facebook/esm2_t6_8M_UR50D"

Pair = tuple[bytes, bytes]  # NPZ, config


def version_1(features: int = FEATURES) -> Pair:
    """A binary head on float32 embeddings, fitted to seeded rows; the bytes depend on the library versions alone."""
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(5)
    X = random.normal(size=(200, features)).astype(np.float32)
    y = (X[:, 0] + random.normal(size=200) > 0).astype(int)
    estimator = LogisticRegression(C=0.1, random_state=0).fit(X.astype(np.float64), y)
    with tempfile.TemporaryDirectory() as folder:
        saved = save(
            estimator,
            Path(folder, "model"),
            embedding=declared_contract("esm2", CHECKPOINT, "c731040fcd8d73dceaa04b0a8e6329b345b0f5df", features)
            | {"weights_sha256": "9f" * 32},
            golden_embeddings=X[:6],
            esm_revision="main",
            batch_size=8,
            device="cuda:0",
            threshold=0.4,
            assay_thresholds={"ELISA": 0.5, "PSR": 0.5495},
            metrics=METRICS,
            training=TRAINING,
            extensions={"org.example.note": ["a note", 1]},
            quiet=True,
        )
        return saved.npz.read_bytes(), saved.config.read_bytes()


METRICS = {
    "train": {"accuracy": 0.98},
    "cross_validation": {"folds": 10, "stratified": True, "scores": {"roc_auc": {"mean": 0.71, "std": 0.05}}},
}
TRAINING = {
    "date": "2026-01-02T03:04:05Z",
    "dataset": "sequences.csv",
    "dataset_sha256": "8e" * 32,
    "rows": 200,
    "rows_by_class": [104, 96],
    "assay_type": "ELISA",
    "fragment_type": "VH",
}


def version_0(pair: Pair) -> Pair:
    """The same head as the training code in the field writes it: np.savez's headers, the twelve fields, no digest."""
    npz, config = pair
    members = read_members(npz)
    entries = [Entry(f"{name}.npy".encode(), bytes(members[f"{name}.npy"]), zip64=True) for name in MEMBERS]
    for entry in entries:
        entry.both["version"], entry.central["external"] = 45, 0x01800000
    root = json.loads(config)
    fields = {field.name: root[field.name] for field in VERSION_0_FIELDS}
    return build(Archive(entries)), json.dumps(fields, indent=2).encode()
