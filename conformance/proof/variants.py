"""Loaders that score in another order or with another exp: `variants.py VARIANT`. The fast profile must pass every honest one."""

import math
import sys
from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from pathlib import Path

import numpy

from plmhead import testee

Sum = Callable[[list[float], list[float], float], float]
Exp = Callable[[float], float]


def from_left(x: list[float], w: list[float], b: float) -> float:
    return reduce(lambda s, term: s + term, (xi * wi for xi, wi in zip(x, w, strict=True)), 0.0) + b


def reversed_order(x: list[float], w: list[float], b: float) -> float:
    return from_left(x[::-1], w[::-1], b)


def intercept_first(x: list[float], w: list[float], b: float) -> float:
    return reduce(lambda s, term: s + term, (xi * wi for xi, wi in zip(x, w, strict=True)), b)


def pairwise(x: list[float], w: list[float], b: float) -> float:
    terms = [xi * wi for xi, wi in zip(x, w, strict=True)]
    while len(terms) > 1:
        terms = [sum(terms[i : i + 2]) for i in range(0, len(terms), 2)]
    return terms[0] + b


def fused(x: list[float], w: list[float], b: float) -> float:
    """Each product is added before it is rounded. Fraction to float is correctly rounded, so this is math.fma."""
    s = b
    for xi, wi in zip(x, w, strict=True):
        s = float(Fraction(xi) * Fraction(wi) + Fraction(s))
    return s


def dot(x: list[float], w: list[float], b: float) -> float:
    """The BLAS that numpy was built with."""
    return float(numpy.array(x) @ numpy.array(w) + b)


def compensated(x: list[float], w: list[float], b: float) -> float:
    return math.fsum([xi * wi for xi, wi in zip(x, w, strict=True)] + [b])


def wide(x: list[float], w: list[float], b: float) -> float:
    products = numpy.array(x, dtype=numpy.longdouble) * numpy.array(w, dtype=numpy.longdouble)
    return float(products.sum() + b)


def binary32(x: list[float], w: list[float], b: float) -> float:
    """Wrong: the sum is kept in binary32."""
    s = numpy.float32(0)
    for xi, wi in zip(x, w, strict=True):
        s += numpy.float32(xi) * numpy.float32(wi)
    return float(s + numpy.float32(b))


def libm_exp(v: float) -> float:
    try:
        return math.exp(v)
    except OverflowError:
        return math.inf


def numpy_exp(v: float) -> float:
    return float(numpy.exp(numpy.float64(v)))


def sigma_by_one(z: float, exp: Exp) -> list[float]:
    p1 = 1 / (1 + exp(-z))
    return [1 - p1, p1]


def sigma_by_two(z: float, exp: Exp) -> list[float]:
    """No cancellation in either class: e^-|z| divided for the smaller one."""
    e = exp(-abs(z))
    large, small = 1 / (1 + e), e / (1 + e)
    return [small, large] if z > 0 else [large, small]


def softmax(z: list[float], exp: Exp) -> list[float]:
    powers = [exp(v - max(z)) for v in z]
    total = sum(reversed(powers))
    return [power / total for power in powers]


VARIANTS: dict[str, tuple[Sum, Exp, Callable[[float, Exp], list[float]]]] = {
    "from-left": (from_left, libm_exp, sigma_by_one),
    "reversed": (reversed_order, libm_exp, sigma_by_two),
    "intercept-first": (intercept_first, numpy_exp, sigma_by_one),
    "pairwise": (pairwise, numpy_exp, sigma_by_two),
    "fused": (fused, libm_exp, sigma_by_one),
    "dot": (dot, numpy_exp, sigma_by_two),
    "compensated": (compensated, libm_exp, sigma_by_one),
    "wide": (wide, libm_exp, sigma_by_two),
    "binary32": (binary32, libm_exp, sigma_by_one),
}
#: All but the one that is wrong, and scikit-learn itself.
ADMISSIBLE = (*(name for name in VARIANTS if name != "binary32"), "sklearn")


class Fast(testee.Testee):
    """Errors, thresholds and labels' types are the loader's; decisions and probabilities are the variant's."""

    def predict(self, request: dict[str, object]) -> dict[str, object]:
        strict = super().predict(request)
        head, x = self.models[request["model"]], request["x"]
        data = numpy.frombuffer(Path(x["path"]).read_bytes(), dtype=f"<{x['dtype']}")
        rows = data.reshape(x["rows"], x["cols"]).astype(numpy.float64)
        threshold = request["threshold"] and float(numpy.uint64(int(request["threshold"], 16)).view(numpy.float64))
        try:
            scored = self.scored(head, rows, head.threshold_in_force(threshold, request["assay_type"]))
        except OverflowError:
            raise testee.InputError("DECISION_NONFINITE", "/0", "the sum overflows in this order") from None
        z, p, labels = zip(*scored, strict=True) if scored else ([], [], [])
        assert len(labels) == len(strict["labels"])
        return {
            "decision": [testee.hexadecimal(v) for row in z for v in row],
            "probability": [testee.hexadecimal(v) for row in p for v in row],
            "labels": [testee.label_object(head.classes.tolist()[c]) for c in labels],
        }

    def scored(self, head: object, rows: object, threshold: float) -> list[tuple[list[float], list[float], int]]:
        add, exp, sigma = VARIANTS[sys.argv[1]]
        coef, intercept = head.coef.astype(float).tolist(), head.intercept.astype(float).tolist()
        out = []
        for row in rows.tolist():
            z = [add(row, w, b) for w, b in zip(coef, intercept, strict=True)]
            if not all(map(math.isfinite, z)):
                raise OverflowError
            if head.link == "softmax":
                out.append((z, softmax(z, exp), z.index(max(z))))
                continue
            p = sigma(z[0], exp)
            out.append((z, p, int(z[0] > 0 if threshold == 0.5 else p[1] > threshold)))
        return out


class Sklearn(Fast):
    """scikit-learn itself, with the head's parameters put in, in binary64."""

    def scored(self, head: object, rows: object, threshold: float) -> list[tuple[list[float], list[float], int]]:
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression()
        model.classes_ = numpy.arange(len(head.classes))
        model.coef_, model.intercept_ = head.coef.astype(float), head.intercept.astype(float)
        model.n_features_in_ = head.n_features_in
        if not len(rows):  # refused by scikit-learn
            return []
        z, p, labels = model.decision_function(rows), model.predict_proba(rows), model.predict(rows)
        if head.link == "logistic" and threshold != 0.5:  # unknown to scikit-learn
            labels = (p[:, 1] > threshold).astype(int)
        return list(zip(z.reshape(len(rows), -1).tolist(), p.tolist(), labels.tolist(), strict=True))


if __name__ == "__main__":
    numpy.seterr(all="ignore")
    testee.Testee = Sklearn if sys.argv[1] == "sklearn" else Fast
    testee.serve()
