"""Which known breach of the embedding contract explains values that differ: the list, and the comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .checkpoint import Checkpoint
from .errors import InputError
from .reference import CONTRACT, Behaviour, reference_embedding
from .sequences import MAX_RESIDUES, golden_sequences

if TYPE_CHECKING:
    from .encode import BaseEncoder

_SHORT = 200
_END = "the end token is included in the mean"
_BATCH = MAX_RESIDUES + 2  # what golden sequences are padded to beside the longest of them

#: What goes wrong in the field, in words that follow "likely" (research notes name where each was met).
BREACHES: tuple[tuple[str, Behaviour], ...] = (
    ("the token embeddings are not scaled by 0.88", Behaviour(token_scale=1.0)),
    (_END, Behaviour(pooled=("residues", "end"))),
    ("the begin token is included in the mean", Behaviour(pooled=("begin", "residues"))),
    ("the begin and the end token are included in the mean", Behaviour(pooled=("begin", "residues", "end"))),
    ("the begin token is taken in place of the mean", Behaviour(pooled=("begin",))),
    ("the end token is taken in place of the mean", Behaviour(pooled=("end",))),
    ("embeddings are taken before the final layer norm", Behaviour(final_norm=False)),
    ("embeddings are taken from the last but one layer", Behaviour(layers_less=1, final_norm=False)),
    ("embeddings are taken from the last but one layer, with the final layer norm", Behaviour(layers_less=1)),
    ("embeddings are scaled to unit length", Behaviour(unit_length=True)),
    ("the rotary tables are computed in bfloat16", Behaviour(frequencies="bfloat16 tables")),
    ("the rotary frequencies are rounded to bfloat16", Behaviour(frequencies="bfloat16")),
    ("the rotary frequencies are computed anew, not those of the checkpoint", Behaviour(frequencies="anew")),
    ("there are no rotary positions", Behaviour(frequencies="none")),
    ("learned positions are counted from 0, expected 2", Behaviour(first_position=0)),
    ("learned positions are counted from 1, expected 2", Behaviour(first_position=1)),
    ("the epsilon of the layer norms is 1e-12, expected 1e-5", Behaviour(epsilon=1e-12)),
    ("GELU is the one by tanh, expected by erf", Behaviour(gelu="tanh")),
    ("the end token is left out of the input", Behaviour(end_token=False)),
    ("the begin token is left out of the input", Behaviour(begin_token=False)),
    ("begin and end token are left out of the input", Behaviour(begin_token=False, end_token=False)),
    ("padding tokens are attended to", Behaviour(padded_to=_BATCH, padding_is_attended=True)),
    ("padding tokens are included in the mean", Behaviour(padded_to=_BATCH, pooled=("residues", "padding"))),
    (
        "begin, end and padding tokens are included in the mean",
        Behaviour(padded_to=_BATCH, pooled=("begin", "residues", "end", "padding")),
    ),
)


def explain(encoder: BaseEncoder, own: NDArray[np.float64], stored: list[NDArray[np.float64]]) -> str | None:
    """Which side breaches the contract, and how, in words; None where nothing known explains it.

    `own` (6, dimension) are the encoder's golden embeddings, `stored` the first values of those in a config.
    """
    sides = (("the encoder that made the golden results", stored), ("this encoder", list(own)))
    try:
        checkpoint = encoder.checkpoint()
    except (ImportError, InputError):
        checkpoint = None
    if checkpoint is None:  # an ONNX file of somebody's own
        scaled = _scaled_to_unit_length(own, stored)
        return f"likely in {sides[scaled][0]}: embeddings are scaled to unit length" if scaled is not None else None
    for side, values in sides:
        breach = closest_breach(checkpoint, dict(zip(golden_sequences(), values, strict=True)))
        if breach:
            return f"likely in {side}: {breach}"
    return None


def closest_breach(checkpoint: Checkpoint, embeddings: Mapping[str, NDArray[np.floating]]) -> str | None:
    """The breach that explains embeddings (of normalised sequences, the first values of each are enough).

    None where they follow the contract, or no breach of the list brings the reference at least ten times closer to them.
    The reference runs with each breach on the two short sequences that differ most, on longer ones only where these alone
    differ.
    """
    short = [text for text in embeddings if len(text) <= _SHORT]
    long = [text for text in embeddings if len(text) > _SHORT]
    for texts in (short, long):
        apart = {text: _distance(checkpoint, [text], embeddings, CONTRACT) for text in texts}
        worst = sorted((text for text in texts if apart[text] > 1e-4), key=lambda text: -apart[text])[:2]
        if not worst:
            continue
        breach = _closest(checkpoint, worst, embeddings, 0.1 * apart[worst[0]])
        if breach is None:
            return None
        if texts is short and long and breach == _END and _distance(checkpoint, long, embeddings, CONTRACT) <= 1e-3:
            return f"{breach}, of all sequences but the longest of a batch"
        return breach
    return None


def _closest(
    checkpoint: Checkpoint, texts: list[str], embeddings: Mapping[str, NDArray[np.floating]], within: float
) -> str | None:
    """The breach that comes closest; those with a thousand padding tokens are tried last, on one sequence."""
    for padded, some in ((False, texts), (True, texts[:1])):
        distances = {
            words: _distance(checkpoint, some, embeddings, how)
            for words, how in BREACHES
            if bool(how.padded_to) == padded
        }
        breach = min(distances, key=lambda words: distances[words])
        if distances[breach] <= within:
            return breach
    return None


def _distance(
    checkpoint: Checkpoint, texts: list[str], embeddings: Mapping[str, NDArray[np.floating]], behaviour: Behaviour
) -> float:
    """The largest difference between the embeddings and the reference with this behaviour."""
    largest = 0.0
    for text in texts:
        values = embeddings[text]
        found = reference_embedding(checkpoint, text, behaviour)[: len(values)]
        largest = max(largest, float(np.abs(found - values).max()))
    return largest


def _scaled_to_unit_length(own: NDArray[np.float64], stored: list[NDArray[np.float64]]) -> int | None:
    """The side whose embeddings are the other's, divided by their length: 0 for the stored ones, 1 for our own."""
    if (np.abs(np.linalg.norm(own, axis=1) - 1.0) < 1e-3).all():
        return 1
    scaled = own / np.linalg.norm(own, axis=1, keepdims=True)
    same = [np.abs(row[: len(values)] - values).max() < 1e-3 for row, values in zip(scaled, stored, strict=True)]
    return 0 if all(same) else None
