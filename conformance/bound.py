"""The proved interval of section 14: scikit-learn computing in binary64, and every loader, must lie in it.

Exact rationals; only sigma and exp need mpmath, at 300 bits, rounded outward by far more than their error.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from .frozen import read_head, read_rows
from .ieee import is_finite, to_fraction

U = Fraction(1, 2**53)
TINY = Fraction(1, 2**1074)
BITS = 300
SLACK = Fraction(1, 2**250)
LARGEST_SUM = Fraction(2) ** 1022


@dataclass(frozen=True)
class Interval:
    low: Fraction
    high: Fraction

    def has(self, bits: int) -> bool:
        return is_finite(bits) and self.low <= to_fraction(bits) <= self.high


def gamma(k: int) -> Fraction:
    return k * U / (1 - k * U)


def decision(x: list[int], w: list[int], b: int) -> tuple[Fraction, Fraction]:
    """(exact z, D) for a head as stored."""
    terms = [to_fraction(xi) * to_fraction(wi) for xi, wi in zip(x, w, strict=True)]
    size = sum(map(abs, terms)) + abs(to_fraction(b))
    if size >= LARGEST_SUM:
        raise ValueError("section 14 says nothing about a row this large")
    return sum(terms) + to_fraction(b), gamma(len(x) + 1) * size + len(x) * TINY


def pipeline_decision(
    x: list[int], w: list[int], b: int, mean: list[int], scale: list[int]
) -> tuple[Fraction, Fraction]:
    """(exact z, D) of a StandardScaler and the head behind it: two more roundings a feature, so gamma(n + 3)."""
    values = [(to_fraction(xi) - to_fraction(m)) / to_fraction(s) for xi, m, s in zip(x, mean, scale, strict=True)]
    terms = [t * to_fraction(wi) for t, wi in zip(values, w, strict=True)]
    size = sum(map(abs, terms)) + abs(to_fraction(b))
    # A value below 2^-1022 after the division is rounded by up to 2^-1074, and then multiplied.
    tiny = sum(1 + abs(to_fraction(wi)) for wi in w) * TINY
    return sum(terms) + to_fraction(b), gamma(len(x) + 3) * size + tiny


def exact_exp(value: Fraction) -> Fraction:
    """e^value with a relative error far below SLACK."""
    import mpmath

    with mpmath.workprec(BITS):
        power = mpmath.exp(mpmath.mpf(value.numerator) / mpmath.mpf(value.denominator))
        mantissa, exponent = int(power.man), int(power.exp)
    return Fraction(mantissa) * Fraction(2) ** exponent


def sigma(z: Fraction) -> Fraction:
    """1 / (1 + e^-z)."""
    return 1 / (1 + exact_exp(-z)) if z >= 0 else exact_exp(z) / (1 + exact_exp(z))


def logistic_bounds(z: Fraction, d: Fraction) -> list[Interval]:
    """p0 and p1. p0 is 1 - p1 with one rounding, at most 2^-54, since scikit-learn and the format compute it so."""
    error = Fraction(1, 2**50) + SLACK
    low = Fraction(0) if z - d < -708 else sigma(z - d) * (1 - error)
    high = min(Fraction(1), sigma(z + d) * (1 + error) + 2 * TINY)
    half = Fraction(1, 2**54)
    return [Interval(max(Fraction(0), 1 - high - half), 1 - low + half), Interval(low, high)]


def softmax_bounds(zs: list[Fraction], ds: list[Fraction]) -> list[Interval]:
    largest, d, k = max(zs), max(ds), len(zs)
    weights = [exact_exp(z - largest) for z in zs]
    total = sum(weights)
    out = []
    for z, weight in zip(zs, weights, strict=True):
        error = (largest - z + Fraction(14 * k, 10) + 12) * U + SLACK
        low = Fraction(0) if z - largest < -708 else weight / total * exact_exp(-2 * d) * (1 - error)
        out.append(Interval(low, min(Fraction(1), weight / total * exact_exp(2 * d) * (1 + error) + 2 * TINY)))
    return out


@dataclass(frozen=True)
class Bounds:
    decision: list[Interval]
    probability: list[Interval]
    labels: list[int | None]  # the class where section 14 settles it


def row_bounds(zs: list[Fraction], ds: list[Fraction]) -> Bounds:
    intervals = [Interval(z - d, z + d) for z, d in zip(zs, ds, strict=True)]
    if len(zs) == 1:
        label = 1 if intervals[0].low > 0 else 0 if intervals[0].high < 0 else None
        return Bounds(intervals, logistic_bounds(zs[0], ds[0]), [label])
    first = max(range(len(zs)), key=lambda c: zs[c])
    clear = all(intervals[first].low > intervals[c].high for c in range(len(zs)) if c != first)
    return Bounds(intervals, softmax_bounds(zs, ds), [first if clear else None])


def case_bounds(folder: Path, case: dict[str, object]) -> Bounds:
    """The intervals for prediction 0 of a case. Where a scaler was folded, they hold the exact z of both, folded and not."""
    head = read_head((folder / "model.npz").read_bytes())
    pipeline = case["scikit_learn"].get("pipeline")
    all_rows = []
    for x in read_rows(folder, case["predictions"][0]["x"]).rows:
        pairs = [decision(x, w, b) for w, b in zip(head.coef, head.intercept, strict=True)]
        if pipeline:
            fitted = pipeline_rows(x, pipeline, len(head.coef))
            # Both lie within their own D of their own exact z, so both lie within this of the folded one.
            pairs = [
                (z, abs(z - fitted_z) + max(d, fitted_d))
                for (z, d), (fitted_z, fitted_d) in zip(pairs, fitted, strict=True)
            ]
        all_rows.append(row_bounds([z for z, _ in pairs], [d for _, d in pairs]))
    return Bounds(
        [i for row in all_rows for i in row.decision],
        [i for row in all_rows for i in row.probability],
        [i for row in all_rows for i in row.labels],
    )


def pipeline_rows(x: list[int], pipeline: dict[str, list[str]], rows: int) -> list[tuple[Fraction, Fraction]]:
    numbers = {name: [int(v, 16) for v in values] for name, values in pipeline.items()}
    n = len(x)
    return [
        pipeline_decision(
            x, numbers["coef"][r * n : (r + 1) * n], numbers["intercept"][r], numbers["mean"], numbers["scale"]
        )
        for r in range(rows)
    ]


def outside(folder: Path, case: dict[str, object], outputs: dict[str, list[object]]) -> list[str]:
    """Which values of these outputs (decision, probability, labels) break the bound."""
    bounds = case_bounds(folder, case)
    found = []
    for name, intervals in (("decision", bounds.decision), ("probability", bounds.probability)):
        found += [
            f"{name}[{i}]"
            for i, (bits, interval) in enumerate(zip(outputs[name], intervals, strict=True))
            if not interval.has(int(bits, 16))
        ]
    classes = case["describe"]["classes"]
    found += [
        f"labels[{i}]"
        for i, (label, due) in enumerate(zip(outputs["labels"], bounds.labels, strict=True))
        if due is not None and label != classes[due]
    ]
    return found
