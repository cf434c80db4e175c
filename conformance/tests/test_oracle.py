"""The oracle against the specification's examples, the processor's arithmetic, and Java's StrictMath."""

import math
import random
import re
import shutil
import struct
import subprocess
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest

from conformance import bound, ieee, oracle
from conformance.json_bytes import Raw
from conformance.pair import binding
from conformance.splitmix import SplitMix64

SPEC = (Path(ieee.__file__).parents[1] / "spec" / "v1" / "SPEC.md").read_text(encoding="utf-8")
JAVA = """
import java.io.*;
public class Exp {
  public static void main(String[] a) throws IOException {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    PrintStream out = new PrintStream(new BufferedOutputStream(System.out));
    for (String s; (s = in.readLine()) != null; ) {
      double x = Double.longBitsToDouble(Long.parseUnsignedLong(s, 16));
      out.println(String.format("%016x", Double.doubleToRawLongBits(StrictMath.exp(x))));
    }
    out.flush();
  }
}
"""


def to_float(bits: int) -> float:
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def to_bits(value: float) -> int:
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def any_bits(rng: random.Random) -> int:
    """Any finite number, with exponents near each other and at the ends more often than by chance."""
    exponent = rng.choice([0, 0, 1, 1022, 1023, 1024, 1025, 1076, 2045, 2046, rng.randrange(2047)])
    mantissa = rng.choice([0, 1, 2**52 - 1, rng.getrandbits(52), rng.getrandbits(52), rng.getrandbits(20) << 32])
    return rng.getrandbits(1) << 63 | exponent << 52 | mantissa


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_one_operation_is_the_processors(name: str) -> None:
    rng = random.Random(name)
    float_op = {"add": float.__add__, "sub": float.__sub__, "mul": float.__mul__, "div": float.__truediv__}[name]
    for _ in range(20000):
        a, b = any_bits(rng), any_bits(rng)
        if name == "div" and b << 1 & 2**64 - 1 == 0:
            continue
        assert getattr(ieee, name)(a, b) == to_bits(float_op(to_float(a), to_float(b))), (hex(a), hex(b))


def test_decimals() -> None:
    rng = random.Random(1)
    tokens = [f"{rng.getrandbits(60)}e{rng.randrange(-345, 300)}" for _ in range(5000)]
    tokens += [
        "0.1",
        "1e400",
        "-1e400",
        "1e-400",
        "-0.0",
        "5e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "1e-99999999999",
        "1e99999999999",
        "0.500000000000000055511151231257827021181583404541015625",
    ]
    for token in tokens:
        assert ieee.from_decimal(token) == to_bits(float(token)), token


def test_binary32() -> None:
    rng = random.Random(2)
    for bits in [0, 1, 0x7FFFFF, 0x800000, 0x7F7FFFFF, *(rng.getrandbits(31) % 0x7F800000 for _ in range(3000))]:
        wide = ieee.widen32(bits)
        assert wide == to_bits(struct.unpack("<f", struct.pack("<I", bits))[0])
        assert ieee.narrow32(wide) == bits
    for value in (0.1, 1e300, 2.0**-150):
        with pytest.raises(ValueError, match="is not a binary32"):
            ieee.narrow32(to_bits(value))


def test_splitmix64() -> None:
    """The first outputs of the published reference for seed 1234567."""
    rng = SplitMix64(1234567)
    assert [rng.next() for _ in range(5)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_the_examples_of_exp() -> None:
    table = re.findall(r"^\| (-?[0-9.]+) \| `([0-9a-f]{16})` \|$", SPEC, re.MULTILINE)
    assert len(table) == 4
    for x, bits in table:
        assert ieee.hex16(oracle.exp(ieee.from_decimal(x))) == bits


def test_the_constants_of_exp() -> None:
    table = re.findall(r"\| ([A-Z][A-Z0-9]+) \| `([0-9a-f]{16})`", SPEC)
    assert len(table) == 10
    for name, bits in table:
        name = f"EXP_{name}" if name.endswith("FLOW") else name
        assert getattr(oracle, name) == int(bits, 16)


def test_the_example_of_the_sum() -> None:
    w = [ieee.from_int(v) for v in (1, 2, 3, 4, 5, 6, 7, 8, 2**53, 1, -(2**53))]
    assert ieee.hex16(oracle.lanes([ieee.ONE] * 11, w, ieee.HALF)) == "4041c00000000000"
    left_to_right = 0
    for wi in w:
        left_to_right = ieee.add(left_to_right, wi)
    assert to_float(ieee.add(left_to_right, ieee.HALF)) == 36.5


def test_self_test_inputs() -> None:
    """r(0) = -1, and all inputs of record j are multiples of 2^(j - 31) below 2^j."""
    for j, seed in product(range(8), (0, 1, 2**31, 2**32 - 1)):
        row = oracle.self_test_input(j, 50, seed)
        for i, bits in enumerate(row):
            m = (8 * i + j + seed) * 2654435761 % 2**32
            assert ieee.to_fraction(bits) == Fraction(m - 2**31, 2**31) * 2**j
    assert to_float(oracle.self_test_input(0, 1, 0)[0]) == -1.0


def test_seeds_are_eight_words_of_sha_256() -> None:
    """The digest of the empty text is that of FIPS 180-4."""
    assert oracle.seeds("")[:2] == [0xE3B0C442, 0x98FC1C14]
    assert oracle.seeds("")[7] == 0x7852B855


def test_a_binding_line_by_line() -> None:
    config = {
        "npz_sha256": "0" * 64,
        "golden": None,
        "embedding": {"layer": "last", "l2_normalized": False, "max_residues": 1022},
        "decision": {"threshold": Raw("0.50"), "assay_thresholds": {"10": 1, "PSR": Raw("-0.0")}},
        "link": "logistic",
        "min_reader": "1.0",
        "format_version": "1.0",
        "C": Raw("1.0"),
    }
    assert binding(config).splitlines() == [
        *("1.0", "1.0", "logistic"),
        *("threshold", "3fe0000000000000", "assay_thresholds", "10", "3ff0000000000000", "PSR", "8000000000000000"),
        *("layer", "last", "l2_normalized", "false", "max_residues", "408ff00000000000"),
        *("null", "0" * 64),
    ]
    assert binding(config).endswith("0\n")


def test_signed_zeros() -> None:
    minus = ieee.SIGN
    assert oracle.lanes([minus], [ieee.ONE], minus) == 0
    assert oracle.exp(0) == oracle.exp(minus) == ieee.ONE
    assert oracle.logistic(minus) == [ieee.HALF, ieee.HALF]


def exp_inputs() -> list[int]:
    rng = random.Random(3)
    edges = [
        0x3E300000 << 32,
        0x3FD62E42FEFA39EF,
        0x3FD62E4300000000,
        0x3FF0A2B2 << 32,
        oracle.EXP_OVERFLOW,
        oracle.EXP_UNDERFLOW,
        0xC086232BDD7ABCD2,
        to_bits(-745.1),
    ]
    near = [e + d for e in edges for d in range(-3, 4)]
    wide = [to_bits(rng.uniform(-746, 710)) for _ in range(3000)] + [to_bits(rng.uniform(-2, 2)) for _ in range(3000)]
    small = [rng.getrandbits(1) << 63 | rng.randrange(0x3E0, 0x400) << 52 | rng.getrandbits(52) for _ in range(2000)]
    return near + [e ^ ieee.SIGN for e in near] + wide + small + [0, ieee.SIGN, 1, to_bits(1e308), to_bits(-1e308)]


def test_exp_is_within_one_unit_of_the_truth() -> None:
    for x in exp_inputs():
        value = to_float(x)
        if not -708 < value < 709:
            continue
        exact = bound.exact_exp(ieee.to_fraction(x))
        unit = Fraction(2) ** (math.frexp(to_float(oracle.exp(x)))[1] - 53)
        assert abs(ieee.to_fraction(oracle.exp(x)) - exact) < unit, value


def test_exp_is_that_of_strictmath(tmp_path: Path) -> None:
    if not (shutil.which("java") and shutil.which("javac")):
        pytest.skip("no JDK: StrictMath.exp cannot be asked")
    source = tmp_path / "Exp.java"
    source.write_text(JAVA)
    subprocess.run(["javac", "-d", str(tmp_path), str(source)], check=True, timeout=120)
    inputs = exp_inputs()
    answer = subprocess.run(
        ["java", "-cp", str(tmp_path), "Exp"],
        input="".join(f"{x:016x}\n" for x in inputs),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    wrong = [
        (f"{x:016x}", due, ieee.hex16(oracle.exp(x)))
        for x, due in zip(inputs, answer.stdout.split(), strict=True)
        if int(due, 16) != oracle.exp(x)
    ]
    assert not wrong


def test_strict_lies_inside_the_bound() -> None:
    rng = SplitMix64(5)
    for n, k in ((1, 1), (7, 1), (64, 1), (9, 3), (40, 5)):
        coef, intercept = [rng.row(n) for _ in range(k)], rng.row(k)
        for exponent in (-3, 0, 5, 9):
            x = rng.row(n, 53, exponent)
            s = oracle.score(x, coef, intercept, ieee.HALF if k == 1 else None)
            pairs = [bound.decision(x, w, b) for w, b in zip(coef, intercept, strict=True)]
            bounds = bound.row_bounds([z for z, _ in pairs], [d for _, d in pairs])
            assert all(i.has(v) for i, v in zip(bounds.decision, s.decision, strict=True))
            assert all(i.has(v) for i, v in zip(bounds.probability, s.probability, strict=True))
            assert bounds.labels[0] in (None, s.label)


def test_the_bound_is_tight_enough_to_matter() -> None:
    """A weight rounded to binary32 puts the decision outside."""
    rng = SplitMix64(6)
    x, w = rng.row(100), rng.row(100)
    z, d = bound.decision(x, w, 0)
    rounded = [to_bits(struct.unpack("<f", struct.pack("<f", to_float(v)))[0]) for v in w]
    assert not bound.row_bounds([z], [d]).decision[0].has(oracle.lanes(x, rounded, 0))
