"""The fast profile: which bits and labels are admissible for a sum in any order, with or without FMA, and a library's exp.

Every bound is a real number made of rationals and of e^v; `lo` is the largest binary64 at or below it, `hi` the smallest
at or above. e^v is known to 2^-250 of itself, and a bound whose rounding that leaves open is an error, so another
precision gives the same words.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

from .ieee import HALF, SIGN, decode, from_fraction, hex16, to_fraction

U = Fraction(1, 2**53)
TINY = Fraction(1, 2**1073)
EPS = Fraction(1, 2**50)
SLACK = Fraction(1, 2**250)
LARGEST_SUM = Fraction(2) ** 1022
SUBNORMAL = -708  # e^-708 is about 2^-1021.4; below it a relative error says nothing
FAR = 5000
FAINT = Fraction(1, 2**7000)  # stands for e^v below -FAR: no rounding of any bound can tell them apart
DECIMAL = Context(prec=120, rounding=ROUND_HALF_EVEN, Emin=-999999, Emax=999999, traps=[])


@dataclass(frozen=True)
class Near:
    """A real number between two rationals that nearly meet."""

    a: Fraction
    b: Fraction

    def map(self, f: Callable[[Fraction], Fraction]) -> "Near":
        """`f` may rise or fall."""
        a, b = f(self.a), f(self.b)
        return Near(min(a, b), max(a, b))


@dataclass(frozen=True)
class Logit:
    z: Fraction
    d: Fraction  # how far an admissible z may lie away; 0 where every order is exact


def order(bits: int) -> int:
    """An integer that orders binary64 patterns as their values; -0 and +0 are equal."""
    return -(bits ^ SIGN) if bits & SIGN else bits


def from_order(key: int) -> int:
    return -key | SIGN if key < 0 else key


def rounded(value: Fraction, up: bool) -> int:
    """The next binary64 at or above `value`, or at or below it."""
    nearest = from_fraction(value)
    exact = to_fraction(nearest)
    step = int(exact < value) if up else -int(exact > value)
    return from_order(order(nearest) + step)


def settled(near: Near, up: bool) -> int:
    """A probability's end: clipped to [0, 1], then rounded outward."""
    a, b = (rounded(min(max(v, Fraction(0)), Fraction(1)), up) for v in (near.a, near.b))
    if a != b:
        raise ArithmeticError("e^v is not known well enough to round a bound")
    return a


def exp(v: Fraction) -> Near:
    """e^v, for v below FAR."""
    if v == 0:
        return Near(Fraction(1), Fraction(1))
    if v < -FAR:
        return Near(FAINT, FAINT)
    if abs(v) < Fraction(1, 2**100):  # so that 1 and 1 + v are told apart
        return Near(1 + v, 1 + v + v * v)
    quotient = DECIMAL.divide(Decimal(v.numerator), Decimal(v.denominator))
    power = Fraction(DECIMAL.exp(quotient))
    return Near(power * (1 - SLACK), power * (1 + SLACK))


def sigma(v: Fraction) -> Near:
    return exp(-v).map(lambda e: 1 / (1 + e)) if v > -FAR else exp(v)


def logit(x: list[int], w: list[int], b: int) -> Logit | None:
    """The exact z, and D of section 14; None where section 14 says nothing about a row this large."""
    products = [(decode(xi), decode(wi)) for xi, wi in zip(x, w, strict=True)]
    parts = [(sx ^ sw, mx * mw, ex + ew) for (sx, mx, ex), (sw, mw, ew) in products]
    parts = [part for part in (*parts, decode(b)) if part[1]]
    e = min((part[2] for part in parts), default=0)
    terms = [(-m if sign else m) << (power - e) for sign, m, power in parts]
    z, size = scaled(sum(terms), e), scaled(sum(map(abs, terms)), e)
    if exact_in_any_order(terms, e):
        return Logit(z, Fraction(0))
    if size >= LARGEST_SUM:
        return None
    k = len(x) + 1
    return Logit(z, k * U / (1 - k * U) * size + len(x) * Fraction(1, 2**1074))


def scaled(m: int, e: int) -> Fraction:
    return Fraction(m) * Fraction(2) ** e


def exact_in_any_order(terms: list[int], e: int) -> bool:
    """All terms are multiples of one q >= 2^-1074, and the sum of their sizes is at most 2^53 q: then so is every partial sum."""
    union = 0
    for term in terms:
        union |= abs(term)
    zeros = (union & -union).bit_length() - 1
    size = sum(map(abs, terms))
    return not terms or (e + zeros >= -1074 and size <= 1 << (zeros + 53) and scaled(size, e) < Fraction(2) ** 1024)


def logistic(at: Logit) -> list[list[int]]:
    """p0 and p1. p0 may be 1 - p1 or sigma(-z)."""
    below, above = at.z - at.d, at.z + at.d
    low = Near(Fraction(0), Fraction(0)) if below < SUBNORMAL else sigma(below).map(lambda s: s * (1 - EPS))
    high = sigma(above).map(lambda s: min(s * (1 + EPS) + TINY, Fraction(1)))
    half = Fraction(1, 2**54)
    low_0 = [high.map(lambda p: 1 - p - half), sigma(-above).map(lambda s: s * (1 - EPS))]
    high_0 = [low.map(lambda p: 1 - p + half), sigma(-below).map(lambda s: s * (1 + EPS) + TINY)]
    p0 = [
        settled(Near(min(v.a for v in low_0), min(v.b for v in low_0)), up=False),
        settled(Near(max(v.a for v in high_0), max(v.b for v in high_0)), up=True),
    ]
    return [p0, [settled(low, up=False), settled(high, up=True)]]


def softmax(logits: list[Logit]) -> list[list[int]]:
    largest, d, k = max(at.z for at in logits), max(at.d for at in logits), len(logits)
    powers = [exp(at.z - largest) for at in logits]
    total = Near(sum(p.a for p in powers), sum(p.b for p in powers))
    return [softmax_class(at.z - largest, d, k, total) for at in logits]


def softmax_class(shifted: Fraction, d: Fraction, k: int, total: Near) -> list[int]:
    error = (-shifted + Fraction(14 * k, 10) + 12) * U
    low, high = Near(Fraction(0), Fraction(0)), Near(Fraction(1), Fraction(1))
    if shifted - 2 * d >= SUBNORMAL:
        power = exp(shifted - 2 * d)
        # k classes may bring a normal e^v below 2^-1022, so the end has room for an absolute error too.
        low = Near(power.a / total.b, power.b / total.a).map(lambda p: p * (1 - error) - TINY)
    if shifted + 2 * d < FAR:
        power = exp(shifted + 2 * d)
        high = Near(power.a / total.b, power.b / total.a).map(lambda p: p * (1 + error) + TINY)
    return [settled(low, up=False), settled(high, up=True)]


def logistic_labels(at: Logit, p1: list[int], threshold: int) -> list[int]:
    if threshold == HALF:
        positive, negative = at.z - at.d > 0, at.z + at.d <= 0
    else:
        positive, negative = order(p1[0]) > order(threshold), order(p1[1]) <= order(threshold)
    return [1] if positive else [0] if negative else [0, 1]


def softmax_labels(logits: list[Logit]) -> list[int]:
    """Every class that can be the largest; of exact ones that are equal only the first."""
    bar = max(at.z - at.d for at in logits)
    able = [c for c, at in enumerate(logits) if at.z + at.d >= bar]
    return able if any(logits[c].d for c in able) else able[:1]


def profile(
    rows: list[list[int]], coef: list[list[int]], intercept: list[int], threshold: int | None
) -> dict[str, list[object]] | None:
    """`fast` of a prediction; None where a row may overflow in another order. `threshold` is the one in force, None for softmax."""
    out: dict[str, list[object]] = {"decision": [], "probability": [], "labels": []}
    for x in rows:
        logits = [logit(x, w, b) for w, b in zip(coef, intercept, strict=True)]
        if None in logits:
            return None
        out["decision"] += [[rounded(at.z - at.d, up=False), rounded(at.z + at.d, up=True)] for at in logits]
        p = softmax(logits) if threshold is None else logistic(logits[0])
        out["probability"] += p
        out["labels"].append(
            softmax_labels(logits) if threshold is None else logistic_labels(logits[0], p[1], threshold)
        )
    for name in ("decision", "probability"):
        out[name] = [[hex16(bits) for bits in ends] for ends in out[name]]
    return out
