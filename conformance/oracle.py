"""The expected values of SPEC sections 12 and 13, one exact operation and one rounding at a time.

Numbers are 64-bit patterns (see ieee.py). Shares no code with a loader; slow on purpose.
"""

import hashlib
from dataclasses import dataclass

from .ieee import HALF, INF, ONE, ZERO, add, decode, div, dyadic, encode, hex16, is_finite, less, mul, neg, sub

EXP_OVERFLOW = 0x40862E42FEFA39EF
EXP_UNDERFLOW = 0xC0874910D52D3051
LN2HI = 0x3FE62E42FEE00000
LN2LO = 0x3DEA39EF35793C76
INVLN2 = 0x3FF71547652B82FE
P1 = 0x3FC555555555553E
P2 = 0xBF66C16C16BEBD93
P3 = 0x3F11566AAF25DE2C
P4 = 0xBEBBBD41C5D26BF1
P5 = 0x3E66376972BEA4D0
TWO = dyadic(1, 1)
NEG_INF = INF | 1 << 63


class NonFiniteError(Exception):
    """A decision overflowed (P3). An infinity never becomes finite again in a sum, so the first one settles it."""


@dataclass(frozen=True)
class Scores:
    decision: list[int]
    probability: list[int]
    label: int


def lanes(x: list[int], w: list[int], b: int) -> int:
    """P2: eight partial sums, then the fixed tree, then the intercept."""
    s = [ZERO] * 8
    try:
        for i, (xi, wi) in enumerate(zip(x, w, strict=True)):
            s[i % 8] = add(s[i % 8], mul(xi, wi))
        left = add(add(s[0], s[4]), add(s[2], s[6]))
        right = add(add(s[1], s[5]), add(s[3], s[7]))
        z = add(add(left, right), b)
    except OverflowError:
        raise NonFiniteError from None
    if not is_finite(z):
        raise NonFiniteError
    return z


def exp(x: int) -> int:
    """Section 13, exp, step by step. -infinity, which z_c - M can be, is below UNDERFLOW and gives +0."""
    if x == NEG_INF:
        return ZERO
    if less(EXP_OVERFLOW, x):
        return INF
    if less(x, EXP_UNDERFLOW):
        return ZERO
    high = x >> 32 & 0x7FFFFFFF
    if high < 0x3E300000:
        return add(ONE, x)
    k, hi, lo, r = reduce(x, high)
    t = mul(r, r)
    c = P5
    for coefficient in (P4, P3, P2, P1):
        c = add(coefficient, mul(t, c))
    c = sub(r, mul(t, c))
    if k == 0:
        return sub(ONE, sub(div(mul(r, c), sub(c, TWO)), r))
    y = sub(ONE, sub(sub(lo, div(mul(r, c), sub(TWO, c))), hi))
    return scale(y, k)


def reduce(x: int, high: int) -> tuple[int, int, int, int]:
    """Steps 3 and 4: k, hi, lo, r."""
    if high <= 0x3FD62E42:
        return 0, x, ZERO, x
    negative = x >> 63
    k = -1 if negative else 1
    if high >= 0x3FF0A2B2:
        k = truncate(add(mul(INVLN2, x), HALF | negative << 63))
    k64 = dyadic(k, 0)
    hi = sub(x, mul(k64, LN2HI))
    lo = mul(k64, LN2LO)
    return k, hi, lo, sub(hi, lo)


def scale(y: int, k: int) -> int:
    """Step 8."""
    if k == 1024:
        return mul(mul(y, TWO), dyadic(1, 1023))
    if k >= -1021:
        return mul(y, dyadic(1, k))
    return mul(mul(y, dyadic(1, k + 1000)), dyadic(1, -1000))


def truncate(bits: int) -> int:
    sign, m, e = decode(bits)
    whole = m << e if e >= 0 else m >> -e
    return -whole if sign else whole


def logistic(z: int) -> list[int]:
    """P4: [p0, p1]."""
    e = exp(neg(z))
    p1 = ZERO if e == INF else div(ONE, add(ONE, e))
    return [sub(ONE, p1), p1]


def softmax(z: list[int]) -> list[int]:
    """P5."""
    largest = z[first_largest(z)]
    terms = [exp(sub(zc, largest)) for zc in z]
    total = terms[0]
    for term in terms[1:]:
        total = add(total, term)
    return [div(term, total) for term in terms]


def first_largest(z: list[int]) -> int:
    best = 0
    for c in range(1, len(z)):
        if less(z[best], z[c]):
            best = c
    return best


def score(x: list[int], coef: list[list[int]], intercept: list[int], threshold: int | None) -> Scores:
    """One row, P2 to P6. `threshold` is the one in force, None for softmax."""
    z = [lanes(x, w, b) for w, b in zip(coef, intercept, strict=True)]
    if threshold is None:
        return Scores(z, softmax(z), first_largest(z))
    p = logistic(z[0])
    positive = less(ZERO, z[0]) if threshold == HALF else less(threshold, p[1])
    return Scores(z, p, int(positive))


def seeds(binding: str) -> list[int]:
    """E2: s_0 to s_7 of a binding."""
    digits = hashlib.sha256(binding.encode()).hexdigest()
    return [int(digits[8 * j : 8 * j + 8], 16) for j in range(8)]


def self_test_input(j: int, n: int, seed: int) -> list[int]:
    """E3: x_i = r(8i + j + s_j) * 2^j."""
    row = []
    for i in range(n):
        m = (8 * i + j + seed) * 2654435761 % 2**32 - 2**31
        row.append(encode(int(m < 0), abs(m), j - 31))
    return row


def self_test(
    coef: list[list[int]], intercept: list[int], threshold: int | None, binding: str
) -> list[dict[str, list[str]]]:
    """The eight records of section 12. NonFiniteError where one overflows: such a head cannot be written."""
    inputs = [self_test_input(j, len(coef[0]), seed) for j, seed in enumerate(seeds(binding))]
    scores = [score(x, coef, intercept, threshold) for x in inputs]
    return [
        {"decision": [hex16(v) for v in s.decision], "probability": [hex16(v) for v in s.probability]} for s in scores
    ]
