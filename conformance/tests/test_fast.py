"""The fast profile: it admits every honest way to sum and no coarse one, holds the strict bits, and is judged as written."""

import json
import struct
import sys
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from conformance import bound, fast, ieee, judge_fast, protocol, run
from conformance.proof import variants
from conformance.splitmix import SplitMix64

SUITE = Path(run.__file__).parent
TESTEES = Path(variants.__file__)
FAKE = f"{sys.executable} {Path(__file__).with_name('fakes.py')}"


@cache
def accepted() -> list[dict[str, object]]:
    manifest = json.loads((SUITE / "manifest.json").read_bytes())
    return [entry for entry in manifest["cases"] if entry["kind"] == "accept"]


def failures(variant: str, profile: str, only: str = "") -> list[str]:
    if variant == "sklearn":
        pytest.importorskip("sklearn")
    testee = protocol.Testee(f"{sys.executable} {TESTEES} {variant}", 30)
    chosen = [entry for entry in accepted() if str(entry["id"]).startswith(only)]
    try:
        outcomes = list(run.run_testee(testee, SUITE, chosen, profile))
    finally:
        testee.kill()
    assert len(outcomes) == len(chosen) > 0
    return [f"{outcome.id}: {outcome.detail}" for outcome in outcomes if outcome.result != "pass"]


@pytest.mark.parametrize("variant", variants.ADMISSIBLE)
def test_an_honest_variant_passes_fast_and_fails_strict(variant: str) -> None:
    assert failures(variant, "fast") == []
    assert failures(variant, "strict", "width/")


def test_scikit_learn_passes_fast_on_what_it_fitted() -> None:
    assert failures("sklearn", "fast", "fitted/") == []
    assert failures("sklearn", "strict", "fitted/")


def test_a_sum_in_binary32_fails_fast() -> None:
    assert len(failures("binary32", "fast", "fitted/")) == len([e for e in accepted() if e["id"].startswith("fitted/")])
    assert len(failures("binary32", "fast")) > len(accepted()) / 2


def test_no_false_alarm_beyond_the_suite() -> None:
    """An exact decision leaves a probability only the room of exp and its roundings: the tightest place."""
    rng = SplitMix64(12)
    decisions = [rng.row(1, 53, e)[0] for e in (*range(-1020, 0, 40), *[0, 2, 4, 5, 6, 7, 8, 9] * 20)]
    for bits in decisions:
        ends = fast.logistic(fast.Logit(ieee.to_fraction(bits), Fraction(0)))
        z = struct.unpack("<d", struct.pack("<Q", bits))[0]
        for sigma in (variants.sigma_by_one, variants.sigma_by_two):
            for (low, high), value in zip(ends, sigma(z, variants.libm_exp), strict=True):
                got = struct.unpack("<Q", struct.pack("<d", value))[0]
                assert fast.order(low) <= fast.order(got) <= fast.order(high), z


def predictions() -> list[tuple[str, dict[str, object], dict[str, object]]]:
    cases = [json.loads((SUITE / entry["path"] / "case.json").read_bytes()) for entry in accepted()]
    return [(case["id"], case, due) for case in cases for due in case["predictions"] if "error" not in due]


def test_strict_is_admissible() -> None:
    unsettled = []
    for case_id, case, due in predictions():
        if due["fast"] is None:
            unsettled.append(case_id)
            continue
        answer = {"ok": True, **{name: due[name] for name in ("decision", "probability", "labels")}}
        assert judge_fast.predict_difference(answer, due, case["describe"]["classes"]) is None, case_id
    assert unsettled == ["input/overflow"]


def test_intervals_are_narrow() -> None:
    """An interval that admits everything would prove nothing: one label and few values wherever the sum is not cancelled."""
    points = wide = labels = rows = 0
    for _, _, due in predictions():
        for low, high in (due["fast"] or {"decision": []})["decision"]:
            points += low == high
            wide += fast.order(int(high, 16)) - fast.order(int(low, 16)) > 2**32
        labels += sum(len(indices) == 1 for indices in (due["fast"] or {"labels": []})["labels"])
        rows += len(due["labels"])
    assert points > 1000
    assert wide < 100
    assert labels > 0.95 * rows


def test_what_scikit_learn_said_at_the_time_is_admissible() -> None:
    seen = 0
    for case_id, case, due in predictions():
        said = case.get("scikit_learn")
        if said and "pipeline" not in said and due is case["predictions"][0]:
            answer = {"ok": True, **{name: said[name] for name in ("decision", "probability", "labels")}}
            assert judge_fast.predict_difference(answer, due, case["describe"]["classes"]) is None, case_id
            seen += 1
    assert seen >= 5


def test_exp_is_the_one_of_another_library() -> None:
    pytest.importorskip("mpmath")
    rng = SplitMix64(11)
    values = [ieee.to_fraction(rng.row(1, 53, e)[0]) for e in range(-120, 9)]
    for v in (*values, Fraction(1, 3), Fraction(-4999), Fraction(4999), Fraction(0)):
        near = fast.exp(v)
        exact = bound.exact_exp(v)
        assert near.a * (1 - bound.SLACK) <= exact <= near.b * (1 + bound.SLACK)
        assert near.b - near.a <= near.a / 2**190


@pytest.mark.parametrize("value", [Fraction(1, 3), Fraction(-1, 3), Fraction(1, 2**1080), Fraction(-1, 2**1080)])
def test_rounding_outward(value: Fraction) -> None:
    low, high = fast.rounded(value, up=False), fast.rounded(value, up=True)
    assert ieee.to_fraction(low) < value < ieee.to_fraction(high)
    assert fast.order(high) - fast.order(low) == 1


def test_an_interval_whose_rounding_is_open_is_an_error() -> None:
    edge = ieee.to_fraction(ieee.HALF)
    with pytest.raises(ArithmeticError):
        fast.settled(fast.Near(edge - Fraction(1, 2**200), edge), up=False)


def due(decision: list[str], labels: list[int]) -> dict[str, object]:
    p = [["0" * 16, f"{ieee.ONE:016x}"]] * 2
    return {"x": {"rows": 1}, "fast": {"decision": [decision], "probability": p, "labels": [labels]}}


@pytest.mark.parametrize(
    ("got", "words"),
    [
        ("8000000000000000", None),
        ("0000000000000000", None),
        ("0000000000000001", "decision[0]"),
        ("8000000000000001", "decision[0]"),
        ("7ff8000000000000", "decision[0]"),
        (0, "decision[0]"),
        ("0", "decision[0]"),
    ],
)
def test_the_judge_compares_numbers(got: object, words: str | None) -> None:
    classes = [{"t": "int", "v": "0"}, {"t": "int", "v": "1"}]
    answer = {"ok": True, "decision": [got], "probability": [f"{ieee.HALF:016x}"] * 2, "labels": [classes[0]]}
    difference = judge_fast.predict_difference(answer, due(["0" * 16] * 2, [0]), classes)
    assert (difference is None) == (words is None)
    assert words is None or difference.startswith(words)
    assert judge_fast.predict_difference({**answer, "decision": ["0" * 16]}, due(["0" * 16] * 2, [1]), classes)
    assert not judge_fast.predict_difference({**answer, "decision": ["0" * 16]}, due(["0" * 16] * 2, [0, 1]), classes)


def test_the_runner_takes_the_profile(capsys: pytest.CaptureFixture[str]) -> None:
    for mode, only, status in (("honest", "base/", 0), ("off-by-probability", "base/", 0), ("half", "base/", 1)):
        assert run.main(["--testee", f"{FAKE} {mode}", "--only", only, "--profile", "fast"]) == status, mode
    assert run.main(["--testee", f"{FAKE} off-by-probability", "--only", "base/"]) == 1
    assert run.main(["--testee", f"{FAKE} off-by-describe", "--only", "base/", "--profile", "fast"]) == 1
    assert run.main(["--testee", f"{FAKE} off-by-where", "--only", "root/c-missing", "--profile", "fast"]) == 1
    assert "a value within" in capsys.readouterr().out


def test_exact_in_any_order_is_that() -> None:
    """Sums that the rule calls exact are the same from both ends; a sum that rounds is not called so."""

    def bits(number: float) -> int:
        return struct.unpack("<Q", struct.pack("<d", number))[0]

    ones = [bits(1.0)] * 3
    assert fast.logit(ones, [bits(2.0**52), bits(1.0), bits(-3.0)], 0).d == 0
    assert fast.logit(ones, [bits(2.0**53), bits(1.0), bits(-3.0)], 0).d > 0
    assert fast.logit([1, 0, 0], ones, 0).d == 0  # 2^-1074
    assert fast.logit([1, 0, 0], [bits(0.5)] * 3, 0).d > 0
    assert fast.logit([bits(1e308)] * 3, ones, 0) is None
