"""Artifacts made or changed by other hands than `save`: amend a config, seal a pair made by hand, upgrade version 0."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from . import json
from .config import MAX_CONFIG_BYTES, class_key, parse_config
from .encode import declared_contract, family_of
from .errors import FormatError, InputError, mismatch
from .fitted import normalise_labels
from .head import Head, from_bytes, load, pair_paths, read_file, self_test_records
from .npy import Arrays, read_arrays
from .pair_files import locked, replace_pair
from .rules import type_name
from .writer import ArtifactBytes, build, seal
from .zip import MAX_NPZ_BYTES, read_members

# What scikit-learn's LogisticRegression takes when nothing is said; a pair sealed by hand starts from these.
_SEAL_DEFAULTS: dict[str, Any] = {
    "model_type": "LogisticRegression",
    "sklearn_version": None,
    "C": 1.0,
    "penalty": "l2",
    "l1_ratio": None,
    "solver": "lbfgs",
    "class_weight": None,
    "max_iter": 100,
    "random_state": None,
    "esm_model": None,
    "esm_revision": None,
    "batch_size": None,
    "device": None,
    "embedding": None,
}
_WRITTEN_BY_SEAL = ("format", "format_version", "min_reader", "self_test", "golden", "npz_sha256", "config_sha256")


def amend(artifact: str | os.PathLike[str], changes: Iterable[tuple[str, str | None]] = ()) -> Head:
    """Applies (JSON pointer, JSON text or None to remove) to the config, seals it again and writes it.

    Without changes it seals a config that was edited by hand. The NPZ must be the one the config was written for.
    Raises FormatError where the result is not a valid artifact (nothing is written then), InputError for a bad change.
    """
    npz_path, config_path = pair_paths(artifact)
    with locked(npz_path):
        root = _object(read_file(config_path, "config", MAX_CONFIG_BYTES))
        for where, text in changes:
            _change(root, where, text)
        npz = read_file(npz_path, "npz", MAX_NPZ_BYTES)
        parsed = parse_config(seal(root))
        digest = hashlib.sha256(npz).hexdigest()
        if digest != root["npz_sha256"]:
            raise mismatch("NPZ_DIGEST", "/npz_sha256", digest, root["npz_sha256"])
        arrays = read_arrays(read_members(npz), parsed.link, parsed.version[0])
        # What scores may have been changed: the records are bound to it (SPEC section 12).
        root["self_test"] = self_test_records(arrays.coef, arrays.intercept, root)
        config = seal(root)
        head = from_bytes(npz, config, require_verified=True)
        replace_pair(npz_path, config_path, npz, config)
    return head


def _object(data: bytes) -> dict[str, Any]:
    root = json.parse(data)
    if not isinstance(root, dict):
        raise mismatch("FIELD_TYPE", "", type_name(root), "object")
    return root


def _change(root: dict[str, Any], where: str, text: str | None) -> None:
    names = [part.replace("~1", "/").replace("~0", "~") for part in where.split("/")[1:]]
    if not where.startswith("/") or not names[-1]:
        raise InputError("METADATA", where, "found no JSON pointer of a member, expected one such as /training/dataset")
    parent: Any = root
    for name in names[:-1]:
        parent = _member(parent, name, where, make=text is not None)
    if text is None:
        _member(parent, names[-1], where, make=False)
        del parent[names[-1]]
        return
    if not isinstance(parent, dict):
        raise InputError("METADATA", where, f"found {type_name(parent)} on the way, expected objects")
    try:
        parent[names[-1]] = json.parse(text.encode("utf-8", "surrogateescape"))
    except FormatError as fault:
        raise InputError(
            "METADATA", where, f"found {text!r}, expected JSON ({fault.message}); quote strings: '\"text\"'"
        ) from None


def _member(parent: Any, name: str, where: str, make: bool) -> Any:
    if not isinstance(parent, dict):
        raise InputError("METADATA", where, f"found {type_name(parent)} on the way, expected objects")
    if make:
        return parent.setdefault(name, {})
    if name not in parent:
        raise InputError("METADATA", where, f"found no member {name!r}, expected one to remove")
    return parent[name]


def seal_pair(artifact: str | os.PathLike[str]) -> Head:
    """Makes a valid version 1 artifact, in place, of an NPZ written by `numpy.savez` and a minimal config.

    The config needs `link` alone; whatever else it holds is kept, and the rest takes scikit-learn's defaults.
    Raises FormatError where the arrays or the members do not fit the format, InputError METADATA without a link.
    """
    npz_path, config_path = pair_paths(artifact)
    with locked(npz_path):
        built = _sealed(npz_path, config_path)
        replace_pair(npz_path, config_path, built.npz, built.config)
    return built.head


def _sealed(npz_path: Path, config_path: Path) -> ArtifactBytes:
    given = _object(read_file(config_path, "config", MAX_CONFIG_BYTES))
    if "format" in given:
        # Sealing it again would bless whatever happened to the NPZ since.
        raise InputError("METADATA", "/format", "found an artifact, expected a pair made by hand", "plmhead amend")
    if given.get("link") not in ("logistic", "softmax"):
        raise InputError(
            "METADATA",
            "/link",
            f'found {given.get("link")!r}, expected "logistic" (2 classes) or "softmax" (3 or more)',
        )
    members = {
        **_SEAL_DEFAULTS,
        "decision": None,
        **{name: value for name, value in given.items() if name not in _WRITTEN_BY_SEAL},
    }
    if members["link"] == "logistic" and members["decision"] is None:
        members["decision"] = {"threshold": 0.5, "assay_thresholds": {}}
    # Integers of any width and a scalar intercept, as version 0 takes them: hand-made arrays have them.
    arrays = read_arrays(read_members(read_file(npz_path, "npz", MAX_NPZ_BYTES)), members["link"], 0)
    return _build(members, arrays)


def upgrade(artifact: str | os.PathLike[str], output: str | os.PathLike[str], family: str | None = None) -> Head:
    """Writes a version 0 pair as version 1. Same coefficients, same scores; the embedding contract is marked `version-0`.

    `family` (esm1b, esm1v, esm2) is taken from the model's name where it can be.
    Raises FormatError for an invalid pair, InputError METADATA where the family is unknown or the pair is not version 0.
    """
    npz_path, config_path = pair_paths(output)
    with locked(npz_path):  # OUTPUT may be the pair itself
        head = load(artifact)
        if head.format_version != "0":
            raise InputError("METADATA", "/format_version", f"found version {head.format_version}, expected version 0")
        built = _build(version_1_members(head, family), head)
        replace_pair(npz_path, config_path, built.npz, built.config)
    return built.head


def version_1_members(head: Head, family: str | None = None) -> dict[str, Any]:
    """The members that a version 0 head has in version 1. Raises InputError METADATA where that cannot be told."""
    old = head.config
    embedding = field_contract(old["esm_model"], old["esm_revision"], head.n_features_in, family)
    if old["penalty"] == "elasticnet":
        raise InputError(
            "METADATA", "/penalty", "found 'elasticnet', whose l1_ratio version 0 does not hold, expected another"
        )
    members = {
        **_SEAL_DEFAULTS,
        **{key: old.get(key) for key in _SEAL_DEFAULTS if key not in ("l1_ratio", "embedding")},
        "sklearn_version": old["sklearn_version"] or None,
        "batch_size": old["batch_size"] if old["batch_size"] > 0 else None,
        # "none" was scikit-learn's word for null; "deprecated" is 1.8's default, which is l2.
        "penalty": {"l1": "l1", "none": None, None: None}.get(old["penalty"], "l2"),
        "esm_model": embedding["checkpoint"],
        "link": "logistic",
        "decision": {"threshold": head.threshold, "assay_thresholds": head.assay_thresholds},
        "embedding": embedding,
    }
    members["class_weight"] = _ordered_weights(old["class_weight"], head)
    return members


def checkpoint_name(model: str) -> str:
    """A hub id as it is, for it has two parts; anything longer was a path of the machine that trained."""
    parts = re.split(r"[/\\]", model)
    return model if len(parts) == 2 and parts[0] not in ("", ".", "..", "~") else parts[-1]


def field_contract(model: str, revision: str | None, dimension: int, family: str | None = None) -> dict[str, Any]:
    """The embedding contract of a head that the training code in the field made, marked `version-0`.

    model: a hub id or a folder. Raises InputError METADATA where neither `family` nor the model's name says the family.
    """
    family = family or family_of(model)
    if family is None:
        found = f"found {model!r}, whose family is not in its name"
        raise InputError("METADATA", "/esm_model", f"{found}, expected --family esm1b, esm1v or esm2")
    contract = declared_contract(family, checkpoint_name(model), revision, dimension)
    # The training code in the field cuts long sequences.
    return {**contract, "origin": "version-0", "too_long": "truncate"}


def _ordered_weights(weights: Any, head: Head) -> Any:
    if not isinstance(weights, dict):
        return weights
    keys = [class_key(label) for label in head.classes.tolist()]
    return {key: weights[key] for key in keys if key in weights}


def _build(members: dict[str, Any], arrays: Arrays | Head) -> ArtifactBytes:
    n_iter = arrays.n_iter
    counts = n_iter if n_iter.dtype in (np.int32, np.int64) else n_iter.astype(np.int64)
    return build(members, arrays.coef, arrays.intercept, normalise_labels(arrays.classes), counts)
