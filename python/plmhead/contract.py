"""The embedding contract as code: what an encoder states, and the checks that hold it to that (SPEC.md sections 15 and 16).

Four checks, from cheap to thorough. `check_contract` compares what is stated. `check_class` compares an engine with the
reference in numpy, on short sequences, whenever a checkpoint is loaded. `check_rules` tries what golden sequences cannot
show: padding, lower case, over-long sequences. `check_golden` compares with the golden results in a config.
Where values differ, the reference is computed with each known mistake, and the error names the one that explains them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .sequences import MAX_RESIDUES, golden_sequences, token_rows

if TYPE_CHECKING:
    from .checkpoint import Checkpoint
    from .encode import BaseEncoder

#: What the format fixes for every encoder.
_FIXED = {
    "layer": "last",
    "pooling": "mean",
    "accumulate": "float32",
    "l2_normalized": False,
    "alphabet": "esm1b-33",
    "max_residues": MAX_RESIDUES,
}
#: The members of a config's `embedding` that an encoder must match; the others say how, not what, it computes.
COMPARED = ("family", "checkpoint", "weights_sha256", "dimension", *_FIXED)
#: How far values may lie apart in each class: this often 1e-4 (section 16).
SLACK = {"exact": 1.0, "fast": 100.0}
#: Independence of the other sequences of a batch (M5), for values of size one.
_SAME = {"exact": 1e-5, "fast": 3e-2}
#: What rounding to bfloat16 may do to an embedding of 20 residues, as a share of its length; every breach does more.
_FAST_NOISE = 0.03


# --- what is stated ---------------------------------------------------------------------------------------------------


def embedding_contract(
    origin: str, family: str, checkpoint: str, dimension: int, *, revision: str | None = None,
    weights_sha256: str | None = None, too_long: str = "error", dtype: str = "float32", accuracy: str = "exact",
) -> dict[str, Any]:  # fmt: skip
    """The `embedding` object of a config (SPEC.md section 6), members in the order of its table."""
    return {
        "origin": origin,
        "family": family,
        "checkpoint": checkpoint,
        "revision": revision,
        "weights_sha256": weights_sha256,
        "dimension": dimension,
        **_FIXED,
        "too_long": too_long,
        "dtype": dtype,
        "accuracy": accuracy,
    }


def declared_contract(family: str, checkpoint: str, revision: str | None, dimension: int) -> dict[str, Any]:
    """The `embedding` object for embeddings whose encoder is not at hand: its owner says that they follow the contract."""
    commit = revision if revision and re.fullmatch(r"[0-9a-f]{40}", revision) else None
    return embedding_contract("declared", family, checkpoint, dimension, revision=commit)


def family_of(model: str) -> str | None:
    """The family that a model's name tells: "esm1b", "esm1v", "esm2", or None."""
    match = re.search(r"esm-?(1b|1v|2)", re.split(r"[/\\]", model.rstrip("/\\"))[-1].lower())
    return match and f"esm{match.group(1)}"


def check_contract(encoder: BaseEncoder, config_embedding: dict[str, Any] | None) -> None:
    """Raise InputError ENCODER, at /embedding/NAME, where the encoder is not the one that a head was trained on.

    `config_embedding` is the `embedding` object of a config. A `weights_sha256` that is null on either side is not
    compared. `too_long` belongs to the caller: see `load_encoder`.
    """
    if config_embedding is None:
        raise InputError("ENCODER", "/embedding", "found null: the head takes vectors, no encoder belongs to it")
    own = encoder.contract
    for member in COMPARED:
        wanted = config_embedding[member]
        if member == "weights_sha256" and None in (wanted, own[member]):
            continue
        if own[member] != wanted:
            message = f"found {member} {own[member]!r} in the encoder {encoder.name}, expected {wanted!r}"
            raise InputError("ENCODER", f"/embedding/{member}", message, "use the encoder that the head was trained on")


# --- what is computed: the golden results -----------------------------------------------------------------------------


def golden_embeddings(encoder: BaseEncoder) -> np.ndarray:
    """Return the embeddings of the six golden sequences, float32 of shape (6, dimension)."""
    # Not `embed`: an encoder whose caller set a shorter limit for sequences of his own still proves itself on all six.
    return encoder._embed(golden_sequences())


def check_golden(encoder: BaseEncoder, config: dict[str, Any], coef: np.ndarray, intercept: np.ndarray) -> float | None:
    """Compare the encoder with the golden results in a config (SPEC.md section 16).

    `coef` has shape (rows, dimension), `intercept` (rows,). The tolerance is that of the wider of the two accuracy
    classes, the config's and the encoder's. Returns the largest absolute difference between decisions, or None when the
    config has no golden results.

    Raises InputError GOLDEN at /golden/j: the first sequence whose embedding values or decisions differ too much, with
    the likely breach where one of `breaches` explains it. Before that, what `check_contract` raises.
    """
    if config["golden"] is None:
        return None
    check_contract(encoder, config["embedding"])
    slack = max(SLACK[config["embedding"]["accuracy"]], SLACK[encoder.accuracy])
    own = golden_embeddings(encoder).astype(np.float64)
    terms = own[:, np.newaxis, :] * coef.astype(np.float64)  # (6, rows, dimension)
    # A plain sum: its order matters only to the 1e-15, the tolerance is 1e-4.
    decisions = terms.sum(axis=2) + intercept.astype(np.float64)
    largest = 0.0
    for j, record in enumerate(config["golden"]):
        values = np.array(record["embedding"], dtype=np.float64)
        wanted = np.array(record["decision"], dtype=np.float64)
        tolerance = slack * 1e-4 * np.maximum(1.0, np.abs(terms[j]).sum(axis=1))
        far = _far("embedding value", own[j, : len(values)], values, slack * (1e-4 + 1e-4 * np.abs(values)))
        far = far or _far("decision", decisions[j], wanted, tolerance)
        if far:
            stored = [np.array(entry["embedding"], dtype=np.float64) for entry in config["golden"]]
            raise _golden_error(encoder, j, far, own, stored)
        largest = max(largest, float(np.abs(decisions[j] - wanted).max()))
    return largest


def _far(what: str, found: np.ndarray, wanted: np.ndarray, tolerance: np.ndarray) -> str | None:
    """What differs by more than the tolerance, in words; None where nothing does."""
    far = ~(np.abs(found - wanted) <= tolerance)  # written so that NaN is far
    if not far.any():
        return None
    i = int(far.argmax())
    return f"found {what} {i} = {found[i]:.9g}, expected {wanted[i]:.9g} within {tolerance[i]:.2g}"


def _golden_error(encoder: BaseEncoder, j: int, far: str, own: np.ndarray, stored: list[np.ndarray]) -> InputError:
    from .breaches import explain

    cause = explain(encoder, own, stored)
    return InputError("GOLDEN", f"/golden/{j}", far if cause is None else f"{far}; {cause}")


# --- what is computed: engines ----------------------------------------------------------------------------------------


def check_class(encoder: BaseEncoder, checkpoint: Checkpoint) -> None:
    """Compare the encoder's engine with the reference in numpy, on two short sequences.

    Raises InputError ENCODER where it lies outside the accuracy class that it states, with the likely breach.
    """
    from .breaches import closest_breach
    from .reference import reference_embedding

    accuracy = encoder.accuracy
    probes = golden_sequences()[1:3]
    own = dict(zip(probes, encoder._embed(probes).astype(np.float64), strict=True))
    for text, row in own.items():
        wanted = reference_embedding(checkpoint, text).astype(np.float64)
        if accuracy == "exact":
            far = _far("embedding value", row, wanted, 1e-4 + 1e-4 * np.abs(wanted))
        else:
            share = np.linalg.norm(row - wanted) / np.linalg.norm(wanted)
            far = None if share <= _FAST_NOISE else f"found an embedding that is off by {share:.2g} of its length"
        if far:
            breach = closest_breach(checkpoint, own)
            message = f"{far}, which is outside the class {accuracy!r} that it states"
            remedy = "use another backend or device"
            raise InputError("ENCODER", encoder.name, f"{message}: {breach}" if breach else message, remedy)


def check_rules(encoder: BaseEncoder, thorough: bool = False) -> None:
    """Try the rules of section 15 that golden sequences cannot show; `thorough` tries over-long sequences too.

    Raises InputError ENCODER that names the breach.
    """
    same = _SAME[encoder.accuracy]
    _check_text(encoder, same)
    _check_padding(encoder, same)
    if thorough:
        _check_long(encoder, same)


def _breach(encoder: BaseEncoder, words: str) -> InputError:
    return InputError("ENCODER", encoder.name, f"breaks the embedding contract: {words}")


def _distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.abs(one - other).max() / max(1.0, float(np.abs(other).max())))


def _check_text(encoder: BaseEncoder, same: float) -> None:
    """M1: white space, lower case, and letters that are no residue."""
    plain, lower = encoder.embed(["M"]), encoder.embed([" m\n"])
    if _distance(lower, plain) > same:
        raise _breach(encoder, "lower case or white space changes an embedding (M1)")
    for foreign in ("M*", "M-", "B", "\u017f"):
        try:
            encoder.embed([foreign])
        except InputError:
            continue
        raise _breach(encoder, f"{foreign!r} is embedded, expected SEQUENCE_LETTER (M1)")


def _check_padding(encoder: BaseEncoder, same: float) -> None:
    """M4 and M5: an engine's padding and neighbours do not count, and embeddings are not scaled to unit length."""
    short, long = golden_sequences()[1][:7], golden_sequences()[2]
    alone = encoder.engine.start(token_rows([short], 1, len(short) + 2))()
    beside = encoder.engine.start(token_rows([long, short], 3, len(long) + 10))()
    if _distance(beside[1:2], alone) > same:
        raise _breach(encoder, "an embedding depends on padding or on the other sequences of its batch (M4, M5)")
    lengths = np.linalg.norm(beside.astype(np.float64), axis=1)
    if (np.abs(lengths - 1.0) < same).all():
        raise _breach(encoder, "embeddings are scaled to unit length (M4)")


def _check_long(encoder: BaseEncoder, same: float) -> None:
    """M3: past 1,022 residues an error, or the first 1,022 and the end token."""
    longest = golden_sequences()[5]
    if encoder.too_long == "truncate":
        whole, cut = encoder.embed([longest]), encoder.embed([longest + longest[:40]])
        if _distance(cut, whole) > same:
            raise _breach(
                encoder, "a sequence that is cut is not embedded as its first 1,022 residues with the end token (M3)"
            )
        return
    try:
        encoder.embed([longest + "M"])
    except InputError as fault:
        if fault.code == "SEQUENCE_LENGTH":
            return
        raise
    raise _breach(encoder, "1,023 residues are embedded, expected SEQUENCE_LENGTH (M3)")
