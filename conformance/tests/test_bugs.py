"""Planted bugs: each must change an expected value of two cases at least, or the suite would let it pass."""

import json
import math
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from conformance import frozen, ieee, oracle
from conformance.suite import Predict, expected

CASES = Path(frozen.__file__).parent / "cases"
AREAS = ("probe", "exact", "cancel", "sigmoid", "softmax", "label", "width")


@cache
def material() -> list[tuple[str, object, list[tuple[Predict, dict[str, object]]]]]:
    """The pairs and predictions of the numeric areas but for the widest, read once."""
    out = []
    for area in AREAS:
        for folder in sorted((CASES / area).iterdir()):
            case = json.loads((folder / "case.json").read_bytes())
            if case["kind"] == "reject" or case["describe"]["n_features_in"] > 320:
                continue
            due = [
                (
                    Predict(
                        frozen.read_rows(folder, p["x"]), p["threshold"] and int(p["threshold"], 16), p["assay_type"]
                    ),
                    p,
                )
                for p in case["predictions"]
                if "error" not in p
            ]
            out.append((case["id"], frozen.read_pair(folder), due))
    return out


def value(bits: int) -> float:
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def bits_of(number: float) -> int:
    return struct.unpack("<Q", struct.pack("<d", number))[0]


def sequential(x: list[int], w: list[int], b: int) -> int:
    total = 0
    for xi, wi in zip(x, w, strict=True):
        total = ieee.add(total, ieee.mul(xi, wi))
    return ieee.add(total, b)


def correctly_rounded(x: list[int], w: list[int], b: int) -> int:
    return ieee.from_fraction(
        sum((ieee.to_fraction(xi) * ieee.to_fraction(wi) for xi, wi in zip(x, w, strict=True)), ieee.to_fraction(b))
    )


def fused(x: list[int], w: list[int], b: int) -> int:
    s = [0] * 8
    for i, (xi, wi) in enumerate(zip(x, w, strict=True)):
        s[i % 8] = ieee.from_fraction(ieee.to_fraction(xi) * ieee.to_fraction(wi) + ieee.to_fraction(s[i % 8]))
    left, right = (
        ieee.add(ieee.add(s[0], s[4]), ieee.add(s[2], s[6])),
        ieee.add(ieee.add(s[1], s[5]), ieee.add(s[3], s[7])),
    )
    return ieee.add(ieee.add(left, right), b)


def other_tree(x: list[int], w: list[int], b: int) -> int:
    s = [0] * 8
    for i, (xi, wi) in enumerate(zip(x, w, strict=True)):
        s[i % 8] = ieee.add(s[i % 8], ieee.mul(xi, wi))
    while len(s) > 1:
        s = [ieee.add(s[i], s[i + 1]) for i in range(0, len(s), 2)]
    return ieee.add(s[0], b)


def intercept_first(x: list[int], w: list[int], b: int) -> int:
    s = [b, *[0] * 7]
    for i, (xi, wi) in enumerate(zip(x, w, strict=True)):
        s[i % 8] = ieee.add(s[i % 8], ieee.mul(xi, wi))
    return ieee.add(
        ieee.add(ieee.add(s[0], s[4]), ieee.add(s[2], s[6])), ieee.add(ieee.add(s[1], s[5]), ieee.add(s[3], s[7]))
    )


def tail_dropped(x: list[int], w: list[int], b: int) -> int:
    whole = len(x) // 8 * 8
    return ORIGINAL["lanes"](x[:whole], w[:whole], b)


def last_dropped(x: list[int], w: list[int], b: int) -> int:
    return ORIGINAL["lanes"](x[:-1], w[:-1], b)


def flushed(x: list[int], w: list[int], b: int) -> int:
    return ORIGINAL["lanes"](x, [v if v >> 52 & 0x7FF else v & ieee.SIGN for v in w], b)


def float32_weights(x: list[int], w: list[int], b: int) -> int:
    return ORIGINAL["lanes"](
        x, [bits_of(struct.unpack("<f", struct.pack("<f", max(-3e38, min(3e38, value(v)))))[0]) for v in w], b
    )


def platform_exp(x: int) -> int:
    try:
        return bits_of(math.exp(value(x)))
    except OverflowError:
        return ieee.INF


def exp_clipped(x: int) -> int:
    return ORIGINAL["exp"](bits_of(max(-500.0, min(500.0, value(x)))))


def exp_flushed(x: int) -> int:
    result = ORIGINAL["exp"](x)
    return result if result >> 52 else 0


def p1_flushed(z: int) -> list[int]:
    p0, p1 = ORIGINAL["logistic"](z)
    return [p0, p1 if p1 >> 52 else 0]


def p0_by_sigma(z: int) -> list[int]:
    return [ORIGINAL["logistic"](ieee.neg(z))[1], ORIGINAL["logistic"](z)[1]]


def two_branch(z: int) -> list[int]:
    if z >> 63:
        e = oracle.exp(z)
        p1 = ieee.div(e, ieee.add(ieee.ONE, e))
        return [ieee.sub(ieee.ONE, p1), p1]
    return ORIGINAL["logistic"](z)


def last_largest(z: list[int]) -> int:
    return max(range(len(z)), key=lambda c: (ieee.to_fraction(z[c]), c))


def softmax_backwards(z: list[int]) -> list[int]:
    return ORIGINAL["softmax"](z[::-1])[::-1]


def label_rule(rule: Callable[[int, int, int], bool]) -> Callable[..., oracle.Scores]:
    def score(x: list[int], coef: list[list[int]], intercept: list[int], threshold: int | None) -> oracle.Scores:
        s = ORIGINAL["score"](x, coef, intercept, threshold)
        return (
            s
            if threshold is None
            else oracle.Scores(s.decision, s.probability, int(rule(s.decision[0], s.probability[1], threshold)))
        )

    return score


def at_least(a: int, b: int) -> bool:
    return not ieee.less(a, b)


ORIGINAL = {name: getattr(oracle, name) for name in ("lanes", "exp", "logistic", "softmax", "score", "first_largest")}
BUGS: dict[str, tuple[str, Callable[..., object]]] = {
    "sum from left to right": ("lanes", sequential),
    "correctly rounded sum": ("lanes", correctly_rounded),
    "fused multiply-add": ("lanes", fused),
    "neighbours added first": ("lanes", other_tree),
    "intercept as start value": ("lanes", intercept_first),
    "tail of n mod 8 dropped": ("lanes", tail_dropped),
    "last feature dropped": ("lanes", last_dropped),
    "subnormal weights flushed": ("lanes", flushed),
    "weights in binary32": ("lanes", float32_weights),
    "platform exp": ("exp", platform_exp),
    "exp clipped at 500": ("exp", exp_clipped),
    "subnormal exp flushed": ("exp", exp_flushed),
    "subnormal p1 flushed": ("logistic", p1_flushed),
    "p0 as sigma(-z)": ("logistic", p0_by_sigma),
    "two-branch sigma": ("logistic", two_branch),
    "last largest": ("first_largest", last_largest),
    "softmax summed backwards": ("softmax", softmax_backwards),
    "label by p1 > 0.5": ("score", label_rule(lambda z, p, t: ieee.less(t, p))),
    "label by p1 >= t": ("score", label_rule(lambda z, p, t: at_least(p, t))),
    "label by z >= 0": ("score", label_rule(lambda z, p, t: at_least(z, 0) if t == ieee.HALF else ieee.less(t, p))),
    "threshold ignored": ("score", label_rule(lambda z, p, t: ieee.less(0, z))),
}


def differs(pair: object, predict: Predict, due: dict[str, object]) -> bool:
    try:
        now = expected(pair, predict)
    except (oracle.NonFiniteError, OverflowError, ZeroDivisionError):
        return True
    return any(now[name] != due[name] for name in now)


def test_without_a_bug_nothing_differs() -> None:
    assert not [case_id for case_id, pair, due in material() for predict, p in due if differs(pair, predict, p)]


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_caught_twice(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, replacement = BUGS[bug]
    monkeypatch.setattr(oracle, name, replacement)
    caught = set()
    for case_id, pair, due in material():
        if any(differs(pair, predict, p) for predict, p in due):
            caught.add(case_id)
        if len(caught) == 2:
            return
    pytest.fail(f"only {sorted(caught)} would find: {bug}")
