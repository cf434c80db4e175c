"""From a fitted estimator to the bytes of a pair: built, checked by the strict loader and proved in memory. pair_files.py writes them."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import score
from .config import ROOT_FIELDS
from .errors import InputError
from .fitted import Fitted, read_estimator
from .head import Head, from_bytes, pair_paths, self_test_records
from .json import parse
from .metadata import check_json
from .npy import write_array
from .pair_files import write_pair
from .prove import Proof, prove
from .rules import Context, record
from .zip import write_members

FORMAT_VERSION = "1.0"


class Saved(NamedTuple):
    """The paths of the pair, and what the writer proved."""

    npz: Path
    config: Path
    proof: Proof


class ArtifactBytes(NamedTuple):
    npz: bytes
    config: bytes
    head: Head


def save(
    estimator: Any,
    name: str | os.PathLike[str],
    *,
    embedding: Mapping[str, Any] | None = None,
    golden_embeddings: NDArray[np.float32] | None = None,
    esm_revision: str | None = None,
    batch_size: int | None = None,
    device: str | None = None,
    threshold: float | None = None,
    assay_thresholds: Mapping[str, float] | None = None,
    metrics: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    extensions: Mapping[str, Any] | None = None,
    quiet: bool = False,
) -> Saved:
    """Writes `NAME.npz` and `NAME_config.json`; the bytes are a function of the arguments alone.

    estimator: a fitted LogisticRegression, LogisticRegressionCV, or Pipeline of StandardScaler and one of them.
    embedding: the embedding contract (SPEC section 6), or None for a head on other features.
    threshold: the stored decision threshold, 0.5 unless given; assay_thresholds: by assay name. Two classes only.
    golden_embeddings: float32 (6, n_features_in), the encoder's vectors of the golden sequences, or None.
    Prints to standard error what it proved, unless `quiet`.

    Raises InputError: ESTIMATOR or LABELS for what the format cannot hold, PROOF where the artifact, the formula and scikit-learn
    disagree; FormatError for metadata that the format does not allow. Earlier files stay as they are when it raises.
    """
    saved = save_fitted(
        read_estimator(estimator),
        estimator,
        name,
        golden_embeddings,
        embedding=embedding,
        esm_revision=esm_revision,
        batch_size=batch_size,
        device=device,
        threshold=threshold,
        assay_thresholds=assay_thresholds,
        metrics=metrics,
        training=training,
        extensions=extensions,
    )
    if not quiet:
        wrote = f"wrote {saved.npz} and {saved.config.name}"
        print(f"plmhead: {wrote}; proved against scikit-learn on {saved.proof}", file=sys.stderr)
    return saved


def save_fitted(
    fitted: Fitted,
    estimator: Any,
    name: str | os.PathLike[str],
    golden_embeddings: NDArray[np.float32] | None = None,
    **arguments: Any,
) -> Saved:
    """As `save`, with its other arguments, for what was read elsewhere; estimator: None where scikit-learn is not asked."""
    members = _members(fitted, **arguments)
    built = build(members, *fitted.folded_parameters(), fitted.classes, fitted.n_iter, golden_embeddings)
    proof = prove(built.head, fitted, estimator)
    npz_path, config_path = pair_paths(name)
    write_pair(npz_path, config_path, built.npz, built.config)
    return Saved(npz_path, config_path, proof)


def _decision(
    link: str, threshold: float | None, assay_thresholds: Mapping[str, float] | None
) -> dict[str, Any] | None:
    if assay_thresholds is not None and not isinstance(assay_thresholds, Mapping):
        found = f"found {type(assay_thresholds).__name__}"
        raise InputError("METADATA", "assay_thresholds", f"{found}, expected thresholds by assay name")
    if link == "logistic":
        return {"threshold": 0.5 if threshold is None else threshold, "assay_thresholds": dict(assay_thresholds or {})}
    if threshold is not None:
        raise InputError(
            "THRESHOLD", "threshold", "found a threshold, expected none: this model has more than two classes"
        )
    if assay_thresholds:
        raise InputError(
            "ASSAY_TYPE", "assay_thresholds", "found thresholds, expected none: this model has more than two classes"
        )
    return None


def head_of(estimator: Any, **arguments: Any) -> Head:
    """The head that `save` would write with these arguments (without `golden_embeddings`), in memory and without a proof.

    Raises InputError and FormatError as `save`.
    """
    fitted = read_estimator(estimator)
    return build(_members(fitted, **arguments), *fitted.folded_parameters(), fitted.classes, fitted.n_iter).head


def _members(
    fitted: Fitted,
    *,
    embedding: Mapping[str, Any] | None = None,
    threshold: float | None = None,
    assay_thresholds: Mapping[str, float] | None = None,
    training: Mapping[str, Any] | None = None,
    **given: Any,
) -> dict[str, Any]:
    """The config's members from the arguments of `save`."""
    free = {name: given.get(name) for name in ("metrics", "extensions")}
    for word, value in {"embedding": embedding, "training": training, **free}.items():
        if value is not None and not isinstance(value, Mapping):
            raise InputError("METADATA", word, f"found {type(value).__name__}, expected a mapping or None")
    return {
        **fitted.parameters,
        "esm_model": None if embedding is None else embedding.get("checkpoint"),
        **{name: given.get(name) for name in ("esm_revision", "batch_size", "device")},
        "link": fitted.link,
        "decision": _decision(fitted.link, threshold, assay_thresholds),
        "embedding": None if embedding is None else dict(embedding),
        "training": _training(training, fitted),
        **free,
    }


def _training(training: Mapping[str, Any] | None, fitted: Fitted) -> dict[str, Any] | None:
    merged = {**(training or {}), **({"folded": fitted.folded} if fitted.folded else {})}
    return merged or None


def build(
    members: Mapping[str, Any],
    coef: NDArray[np.floating],
    intercept: NDArray[np.floating],
    classes: NDArray[Any],
    n_iter: NDArray[np.integer],
    golden_embeddings: NDArray[np.float32] | None = None,
    golden: list[dict[str, list[float]]] | None = None,
) -> ArtifactBytes:
    """The bytes of a pair, sealed, and the head that the strict loader makes of them.

    `members` are the config's members without format, versions, golden, self_test and digests. `golden` is
    taken as it is; else it is computed from `golden_embeddings`. Raises FormatError, InputError METADATA at a member's pointer.
    """
    npz = write_members(
        {
            "coef": write_array(coef),
            "intercept": write_array(intercept),
            "classes": write_array(classes),
            "n_features_in": write_array(np.array([coef.shape[1]], dtype=np.int64)),
            "n_iter": write_array(n_iter),
        }
    )
    link = members["link"]
    bound = {
        **members,
        "format_version": FORMAT_VERSION,
        "min_reader": FORMAT_VERSION,
        "golden": golden if golden is not None else _golden(golden_embeddings, coef, intercept, link),
        "npz_sha256": hashlib.sha256(npz).hexdigest(),
    }
    _check(bound)
    records = self_test_records(coef, intercept, bound)
    if any(word[1:3] == "ff" and word[0] in "7f" for record in records for word in record["decision"]):
        raise InputError(
            "ESTIMATOR",
            "estimator",
            "found coefficients so large that the self-test overflows, expected smaller ones; scale the features",
        )
    config = seal({**bound, "format": "plmhead", "self_test": records})
    return ArtifactBytes(npz, config, from_bytes(npz, config))


def _check(members: Mapping[str, Any]) -> None:
    """By the rules of the config, before the self-test is made, which takes them as kept."""
    check_json(dict(members))
    root = parse(seal(members), compact=True)
    record(*_GIVEN)(root, "", Context(root, ignore_unknown=True))


#: What the members of a config are before format and self-test are added.
_GIVEN = [field for field in ROOT_FIELDS if field.name not in ("format", "self_test")]


def _golden(
    embeddings: NDArray[np.float32] | None, coef: NDArray[np.floating], intercept: NDArray[np.floating], link: str
) -> list[dict[str, list[float]]] | None:
    if embeddings is None:
        return None
    embeddings = np.asarray(embeddings)
    if embeddings.shape != (6, coef.shape[1]) or embeddings.dtype.kind != "f" or not np.isfinite(embeddings).all():
        found = f"found {embeddings.dtype} of shape {embeddings.shape}"
        raise InputError(
            "METADATA", "golden_embeddings", f"{found}, expected finite floats of shape (6, {coef.shape[1]})"
        )
    z = score.decisions(embeddings, coef.astype(np.float64), intercept.astype(np.float64))
    p = score.probabilities(z, link)
    return [
        {"embedding": [float(v) for v in e[:16]], "decision": d.tolist(), "probability": q.tolist()}
        for e, d, q in zip(embeddings, z, p, strict=True)
    ]


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _member_text(value: Any) -> str:
    """One line a value; a list of objects or an object of the config one line an entry."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n    " + ",\n    ".join(map(_text, value)) + "\n  ]"
    if isinstance(value, dict) and value:
        return "{\n    " + ",\n    ".join(f"{_text(name)}: {_text(item)}" for name, item in value.items()) + "\n  }"
    return _text(value)


def seal(members: Mapping[str, Any]) -> bytes:
    """A config's bytes in table order, ending with its digest (SPEC section 5). Optional members that are None are left out.

    Raises InputError METADATA where a value is not JSON.
    """
    known = [field.name for field in ROOT_FIELDS if field.required or members.get(field.name) is not None]
    ordered = [name for name in known if name in members] + [
        name for name in members if name not in {field.name for field in ROOT_FIELDS}
    ]
    ordered = [name for name in ordered if name != "config_sha256"]
    try:
        lines = [f"  {_text(name)}: {_member_text(members[name])},\n" for name in ordered]
        head = ("{\n" + "".join(lines) + "  ").encode("utf-8")
    except (TypeError, ValueError, RecursionError) as fault:
        raise InputError(
            "METADATA", "config", f"found a value that JSON cannot hold ({fault}), expected JSON"
        ) from None
    return head + b'"config_sha256": "' + hashlib.sha256(head).hexdigest().encode() + b'"\n}\n'
