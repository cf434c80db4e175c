"""ESM in numpy, as its papers describe it, one sequence at a time, with every known way to get it wrong.

Slow and plain: what engines are compared with, and what says which mistake explains values that differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .checkpoint import FIRST_POSITION, MAX_TOKENS, Checkpoint, rotary_table
from .sequences import END, PAD, token_rows

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Behaviour:
    """How the embedding is made. The defaults are the contract (SPEC.md section 15); anything else breaches it."""

    token_scale: float = 0.88
    #: Which tokens the mean is over: any of "begin", "residues", "end", "padding".
    pooled: tuple[str, ...] = ("residues",)
    #: How many layers are left out at the end.
    layers_less: int = 0
    final_norm: bool = True
    unit_length: bool = False
    #: The rotary frequencies: the "checkpoint"'s; "anew", computed; "bfloat16", rounded; "bfloat16 tables", with angles
    #: and cosines rounded too; "none".
    frequencies: str = "checkpoint"
    first_position: int = FIRST_POSITION
    epsilon: float = 1e-5
    gelu: str = "erf"
    begin_token: bool = True
    end_token: bool = True
    #: The number of tokens that the sequence is padded to; 0 for no padding.
    padded_to: int = 0
    padding_is_attended: bool = False


CONTRACT = Behaviour()


def reference_embedding(checkpoint: Checkpoint, sequence: str, behaviour: Behaviour = CONTRACT) -> Array:
    """Return the embedding of one normalised sequence, float32 of shape (dimension,)."""
    ids = _ids(sequence, behaviour)
    x = _hidden(checkpoint, ids, behaviour)
    kinds = {"begin": ids == 0, "residues": ids > END, "end": ids == END, "padding": ids == PAD}
    counted = np.any([kinds[kind] for kind in behaviour.pooled], axis=0)
    mean: Array = x[counted].mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean / np.linalg.norm(mean) if behaviour.unit_length else mean


def _ids(sequence: str, behaviour: Behaviour) -> NDArray[np.uint8]:
    ids: NDArray[np.uint8] = token_rows([sequence], 1, len(sequence) + 2)[0]
    ids = ids[0 if behaviour.begin_token else 1 : None if behaviour.end_token else -1]
    return np.pad(ids, (0, max(0, behaviour.padded_to - len(ids))), constant_values=PAD)


def _hidden(checkpoint: Checkpoint, ids: NDArray[np.uint8], behaviour: Behaviour) -> Array:
    """The hidden vectors (tokens, dimension) of the layer that the behaviour asks for."""
    tensors = checkpoint.tensors
    x: Array = tensors["embeddings.word_embeddings.weight"][ids] * np.float32(behaviour.token_scale)
    if "embeddings.position_embeddings.weight" in tensors:
        x = x + tensors["embeddings.position_embeddings.weight"][np.arange(len(ids)) + behaviour.first_position]
    if "embeddings.layer_norm.weight" in tensors:
        x = _norm(checkpoint, "embeddings.layer_norm", x, behaviour.epsilon)
    x[ids == PAD] = 0.0
    keys = np.full(len(ids), True) if behaviour.padding_is_attended else ids != PAD
    table = _table(checkpoint, len(ids), behaviour.frequencies)
    for layer in range(checkpoint.layers - behaviour.layers_less):
        inner = _norm(checkpoint, f"encoder.layer.{layer}.attention.LayerNorm", x, behaviour.epsilon)
        x = x + _attention(checkpoint, layer, inner, table, keys)
        inner = _norm(checkpoint, f"encoder.layer.{layer}.LayerNorm", x, behaviour.epsilon)
        inner = _GELU[behaviour.gelu](_linear(checkpoint, layer, "intermediate.dense", inner))
        x = x + _linear(checkpoint, layer, "output.dense", inner)
    return _norm(checkpoint, "encoder.emb_layer_norm_after", x, behaviour.epsilon) if behaviour.final_norm else x


def _linear(checkpoint: Checkpoint, layer: int, part: str, x: Array) -> Array:
    weight, bias = checkpoint.layer(layer, part)
    product: Array = x @ weight.T + bias
    return product


def _norm(checkpoint: Checkpoint, name: str, x: Array, epsilon: float) -> Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(epsilon))
    normed: Array = scaled * checkpoint.tensors[f"{name}.weight"] + checkpoint.tensors[f"{name}.bias"]
    return normed


def _attention(
    checkpoint: Checkpoint, layer: int, x: Array, table: tuple[Array, Array] | None, keys: NDArray[np.bool_]
) -> Array:
    heads = checkpoint.heads
    q, k, v = (
        _linear(checkpoint, layer, f"attention.self.{part}", x).reshape(len(x), heads, -1).transpose(1, 0, 2)
        for part in ("query", "key", "value")
    )
    if table is not None:
        q, k = _turned(q, table), _turned(k, table)
    scores = q @ k.transpose(0, 2, 1) * np.float32(checkpoint.head_size**-0.5)
    scores = np.where(keys, scores, np.float32(-np.inf))
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    found = weights / weights.sum(axis=-1, keepdims=True) @ v
    return _linear(checkpoint, layer, "attention.output.dense", found.transpose(1, 0, 2).reshape(len(x), -1))


def _turned(x: Array, table: tuple[Array, Array]) -> Array:
    cosines, sines = table
    first, second = np.split(x, 2, axis=-1)
    return np.concatenate([first * cosines - second * sines, second * cosines + first * sines], axis=-1)


def _table(checkpoint: Checkpoint, length: int, frequencies: str) -> tuple[Array, Array] | None:
    """Cosines and sines (length, head_size / 2); None where positions are learned, or left out."""
    own = checkpoint.rotary(max(length, MAX_TOKENS))
    if own is None or frequencies == "none":
        return None
    if frequencies == "checkpoint":
        return own[0][:length], own[1][:length]
    half = checkpoint.head_size // 2
    if frequencies == "anew":
        return rotary_table((10000.0 ** (-np.arange(half) / half)).astype(np.float32), length)
    name = "encoder.layer.0.attention.self.rotary_embeddings.inv_freq"
    rounded = _bfloat16(checkpoint.tensors[name])
    if frequencies == "bfloat16":
        return rotary_table(rounded, length)
    angles = _bfloat16(np.multiply.outer(_bfloat16(np.arange(length, dtype=np.float32)), rounded))
    return _bfloat16(np.cos(angles)), _bfloat16(np.sin(angles))


def _bfloat16(values: Array) -> Array:
    """The nearest bfloat16 (ties to even) of finite values, as float32."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return rounded.astype(np.uint32).view(np.float32)


def _erf(x: Array) -> Array:
    """The error function within 1.5e-7: formula 7.1.26 of Abramowitz and Stegun, which numpy has none of."""
    t = 1.0 / (1.0 + np.float32(0.3275911) * np.abs(x))
    series = np.zeros_like(x)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + np.float32(factor)) * t
    found: Array = np.copysign(1.0 - series * np.exp(-x * x), x).astype(np.float32)
    return found


_GELU = {
    "erf": lambda x: x * 0.5 * (1.0 + _erf(x / np.float32(np.sqrt(2.0)))),
    "tanh": lambda x: x * 0.5 * (1.0 + np.tanh(np.float32(np.sqrt(2.0 / np.pi)) * (x + 0.044715 * x**3))),
}
