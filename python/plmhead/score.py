"""The pinned arithmetic (SPEC sections 12 and 13). Every numpy call below is one rounded IEEE operation per element.

numpy's own sum, dot, exp and expit are not used: their order or their bits depend on the build.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .errors import FormatError

Floats = NDArray[np.float64]

LANES = 8
SELF_TESTS = 8
_BLOCK_VALUES = 2**17  # binary64 values a working buffer holds: small enough for the cache
_PIECE_VALUES = 2**15  # of those that inputs and coefficients are widened to
_SELF_TEST_VALUES = 2**16
_ROWS = 512
_NARROW = 512  # sums side by side below which a call a block costs more than the arithmetic


def _constant(bits: int) -> float:
    return float(np.uint64(bits).view(np.float64))


_OVERFLOW = _constant(0x40862E42FEFA39EF)
_UNDERFLOW = _constant(0xC0874910D52D3051)
_LN2HI = _constant(0x3FE62E42FEE00000)
_LN2LO = _constant(0x3DEA39EF35793C76)
_INVLN2 = _constant(0x3FF71547652B82FE)
_P1 = _constant(0x3FC555555555553E)
_P2 = _constant(0xBF66C16C16BEBD93)
_P3 = _constant(0x3F11566AAF25DE2C)
_P4 = _constant(0xBEBBBD41C5D26BF1)
_P5 = _constant(0x3E66376972BEA4D0)


def decisions(x: NDArray[np.floating], coef: NDArray[np.floating], intercept: Floats) -> Floats:
    """P2 for a batch: x (m, n) and coef (rows, n) binary32 or binary64, intercept (rows,) -> (m, rows) float64.

    A few hundred rows at a time: numpy's own buffers, made anew in every call, then stay small.
    """
    parts = range(0, len(coef), _ROWS)
    return np.concatenate([_decisions(x, coef[i : i + _ROWS], intercept[i : i + _ROWS]) for i in parts], axis=1)


def _decisions(x: NDArray[np.floating], coef: NDArray[np.floating], intercept: Floats) -> Floats:
    """Eight lanes run side by side; features are the outer loop, so that the order of additions is the written one.

    Inputs and coefficients are widened piece by piece: a copy of the largest head would be as large as its file, or twice as large.
    """
    rows, features = coef.shape
    out = np.empty((len(x), rows))
    step = max(1, _BLOCK_VALUES // (rows * LANES))
    with np.errstate(all="ignore"):
        for start in range(0, len(x), step):
            part = x[start : start + step]
            s = np.zeros((rows, LANES, len(part)))
            width = LANES * min(-(-features // LANES), max(1, _PIECE_VALUES // (LANES * max(rows, len(part), 1))))
            # Made once: where an allocation of this size is returned at once, its pages would cost more than the arithmetic.
            weights, columns, product = np.empty((rows, width)), np.empty((width, len(part))), np.empty_like(s)
            for first in range(0, features, width):
                last = min(first + width, features)
                weights[:, : last - first] = coef[:, first:last]
                columns[: last - first] = part[:, first:last].T
                # Zero padding is harmless: a lane starts at +0 and +0 + (+0) = +0, and s + 0 = s.
                weights[:, last - first :] = 0.0
                columns[last - first :] = 0.0
                _add_products(s, columns, weights, product)
            even = (s[:, 0] + s[:, 4]) + (s[:, 2] + s[:, 6])
            odd = (s[:, 1] + s[:, 5]) + (s[:, 3] + s[:, 7])
            out[start : start + step] = ((even + odd) + intercept[:, None]).T
    return out


def _add_products(s: Floats, columns: Floats, weights: Floats, product: Floats) -> None:
    """Adds to the lanes s (rows, LANES, m) the products of columns (width, m) and weights (rows, width), block after block.

    The width is a multiple of LANES. `product` is a working buffer in the shape of s.
    """
    (rows, width), inputs = weights.shape, s.shape[2]
    blocks = width // LANES
    weights = weights.reshape(rows, blocks, LANES, 1)
    columns = columns.reshape(blocks, LANES, inputs)
    if s.size < _NARROW:
        # accumulate is defined as one addition after the other; sum is not.
        terms = np.empty((*s.shape, 1 + blocks))
        terms[..., 0] = s
        np.multiply(columns.transpose(1, 2, 0), weights.transpose(0, 2, 3, 1), out=terms[..., 1:])
        s[...] = np.add.accumulate(terms, axis=-1)[..., -1]
        return
    for block in range(blocks):
        np.multiply(columns[block], weights[:, block], out=product)
        np.add(s, product, out=s)


def exp(x: Floats) -> Floats:
    """The fdlibm exp (SPEC section 13), element by element, for finite x of any shape."""
    x = np.asarray(x, dtype=np.float64)
    with np.errstate(all="ignore"):
        high = (x.view(np.uint64) >> np.uint64(32)) & np.uint64(0x7FFFFFFF)
        negative = np.signbit(x)
        tiny = high < 0x3E300000
        # Where another branch decides, 0 goes through the polynomial so that no step meets a huge k.
        inside = np.where(tiny | (x > _OVERFLOW) | (x < _UNDERFLOW), 0.0, x)
        half = np.where(negative, -0.5, 0.5)
        k = np.where(high < 0x3FF0A2B2, np.where(negative, -1.0, 1.0), np.trunc(_INVLN2 * inside + half))
        k = np.where(high <= 0x3FD62E42, 0.0, k)
        hi = inside - k * _LN2HI
        lo = k * _LN2LO
        r = hi - lo
        t = r * r
        c = r - t * (_P1 + t * (_P2 + t * (_P3 + t * (_P4 + t * _P5))))
        unscaled = 1.0 - ((r * c) / (c - 2.0) - r)
        y = 1.0 - ((lo - (r * c) / (2.0 - c)) - hi)
        result = np.where(k == 0.0, unscaled, _scale(y, k.astype(np.int64)))
    result = np.where(tiny, 1.0 + x, result)
    result = np.where(x > _OVERFLOW, np.inf, result)
    return np.where(x < _UNDERFLOW, 0.0, result)


def _power_of_two(exponent: NDArray[np.int64]) -> Floats:
    """2^exponent for exponents of normal numbers, from the bits."""
    return ((exponent + 1023) << 52).view(np.float64)


def _scale(y: Floats, k: NDArray[np.int64]) -> Floats:
    normal: Floats = y * _power_of_two(np.clip(k, -1021, 1023))
    if not ((k < -1021) | (k == 1024)).any():
        return normal
    largest = (y * 2.0) * 2.0**1023
    subnormal = (y * _power_of_two(np.clip(k + 1000, -1021, 1023))) * 2.0**-1000
    return np.where(k == 1024, largest, np.where(k >= -1021, normal, subnormal))


def logistic(z: Floats) -> Floats:
    """P4: decisions (m,) -> probabilities (m, 2), columns p0 and p1."""
    with np.errstate(all="ignore"):
        p1 = 1.0 / (1.0 + exp(-z))
    return np.stack([1.0 - p1, p1], axis=-1)


def softmax(z: Floats) -> Floats:
    """P5: decisions (m, k) -> probabilities (m, k), summed from the first class to the last."""
    # Finite decisions can differ by more than binary64 holds; exp of -infinity is 0, as for any very negative number.
    with np.errstate(all="ignore"):
        shifted = np.maximum(z - z.max(axis=1, keepdims=True), -np.finfo(np.float64).max)
    e = exp(shifted)
    total = e[:, 0].copy()
    for column in range(1, z.shape[1]):
        total = total + e[:, column]
    return e / total[:, None]


def probabilities(z: Floats, link: str) -> Floats:
    """Decisions (m, rows) -> probabilities (m, k)."""
    if link == "logistic":
        return logistic(z[:, 0])
    return softmax(z) if len(z) else z.copy()


def self_test_inputs(features: int, seeds: Sequence[int]) -> Iterator[Floats]:
    """E3: the eight inputs from s_0 to s_7, in parts of shape (m, features): all at once, or one by one where they are large.

    Exact in binary64.
    """
    # (8i + j + s_j) K - 2^31 as a signed word is 8iK + ((j + s_j) K + 2^31) that wraps: two steps an element instead of six.
    k = 2_654_435_761
    products = np.arange(features, dtype=np.uint32) * np.uint32(8 * k % 2**32)
    words = np.array([((j + s) * k + 2**31) % 2**32 for j, s in enumerate(seeds)], dtype=np.uint32)[:, None]
    scale = 2.0 ** np.arange(-31, SELF_TESTS - 31)[:, None]
    rows = max(1, _SELF_TEST_VALUES // features)
    for first in range(0, SELF_TESTS, rows):
        part = slice(first, first + rows)
        yield (products + words[part]).view(np.int32) * scale[part]


def bits(values: Floats) -> list[str]:
    """Each value's 64 bits as 16 hexadecimal digits."""
    return [f"{word:016x}" for word in np.ascontiguousarray(values, dtype=np.float64).view(np.uint64).ravel().tolist()]


def check_environment() -> None:
    """E1, computed at run time by the same numpy that scores.

    Raises FormatError ENVIRONMENT.
    """
    ulp = math.ldexp(1.0, -52)
    with np.errstate(all="ignore"):
        halves = np.array([2.0**-1022, 5e-324]) * np.array([0.5, 1.0])
        sums = np.array([1.0, 1.0, -1.0, 1.0 + ulp]) + np.array([ulp / 2, 3 * ulp / 4, -ulp / 2, ulp / 2])
    expected = np.array([1.0, 1.0 + ulp, -1.0, 1.0 + 2 * ulp])
    if not (halves.view(np.uint64) != 0).all() or not (sums == expected).all():
        raise FormatError(
            "ENVIRONMENT", "npz", "found flushed subnormals or another rounding, expected IEEE 754 to nearest even"
        )
