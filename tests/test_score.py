"""The pinned arithmetic from outside: against a naive twin, the specification's own numbers, and Java's StrictMath."""

from __future__ import annotations

import math
import re
import shutil
import struct
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from plmhead import score

finite = st.floats(-1e6, 1e6, allow_subnormal=True)


def naive_decision(x: list[float], w: list[float], b: float) -> float:
    s = [0.0] * 8
    for i in range(len(x)):
        s[i % 8] = s[i % 8] + (x[i] * w[i])
    return (((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))) + b


def hexadecimal(value: float) -> str:
    return struct.pack(">d", value).hex()


@given(st.data(), st.integers(1, 40), st.integers(1, 4), st.sampled_from([np.float32, np.float64]))
def test_decisions_equal_the_naive_loop(data, n, rows, dtype):
    width = 32 if dtype is np.float32 else 64
    values = st.floats(-(2.0**20), 2.0**20, width=width)
    x = data.draw(hnp.arrays(dtype, (3, n), elements=values))
    w = data.draw(hnp.arrays(np.float64, (rows, n), elements=finite))
    b = data.draw(hnp.arrays(np.float64, (rows,), elements=finite))
    z = score.decisions(x, w, b)
    for m in range(3):
        for c in range(rows):
            expected = naive_decision(x[m].astype(float).tolist(), w[c].tolist(), float(b[c]))
            assert hexadecimal(z[m, c]) == hexadecimal(expected)


def test_a_row_does_not_depend_on_its_batch():
    rng = np.random.default_rng(3)
    x, w, b = rng.normal(size=(40_000, 9)), rng.normal(size=(1, 9)), rng.normal(size=1)
    whole = score.decisions(x, w, b)
    assert len(x) > score._BLOCK_VALUES // 8, "the batch must span several working buffers"
    for m in (0, 1, 16_383, 16_384, 39_999):
        assert score.bits(score.decisions(x[m : m + 1], w, b)) == score.bits(whole[m : m + 1])


def test_the_specifications_eleven_features():
    w = np.array([[1, 2, 3, 4, 5, 6, 7, 8, 2.0**53, 1, -(2.0**53)]])
    assert score.bits(score.decisions(np.ones((1, 11)), w, np.array([0.5]))) == ["4041c00000000000"]


def test_the_specifications_exp_table(repository):
    text = (repository / "spec/v1/SPEC.md").read_text(encoding="utf-8")
    table = text.split("| x | bits of exp(x) |")[1].split("## 14")[0]
    rows = re.findall(r"\| (-?[0-9.]+) \| `([0-9a-f]{16})` \|", table)
    assert len(rows) >= 4
    for x, bits in rows:
        assert score.bits(score.exp(np.array([float(x)]))) == [bits]


def exp_inputs() -> np.ndarray:
    rng = np.random.default_rng(0)
    edges = [
        (word << 32) + step for word in (0x3E300000, 0x3FD62E42, 0x3FF0A2B2, 0x40862E42) for step in range(-20, 20)
    ]
    edge = np.array(edges, dtype=np.uint64).view(np.float64)
    special = np.array(
        [0.0, -0.0, 1.0, 709.782712893384, 709.7827128933841, -745.1332191019411, -745.1332191019412, -708.4]
    )
    wide = 2.0 ** rng.uniform(-60, 10, 20_000) * rng.choice([-1, 1], 20_000)
    return np.concatenate([rng.uniform(-750, 712, 50_000), rng.normal(size=50_000), wide, edge, -edge, special])


def test_exp_is_within_one_unit_of_the_true_value():
    x = exp_inputs()
    inside = x[(x < 709) & (x > -700)]
    own, libm = score.exp(inside), np.array([math.exp(v) for v in inside])
    assert (np.abs(own - libm) <= 2 * np.spacing(libm)).all()


def test_exp_overflows_and_underflows():
    assert score.exp(np.array([709.8, 1e308, -746.0, -1e308, -np.inf])).tolist() == [math.inf, math.inf, 0.0, 0.0, 0.0]


@pytest.mark.skipif(shutil.which("javac") is None, reason="needs a JDK: StrictMath is the peer")
def test_exp_has_the_bits_of_strictmath(tmp_path):
    source = """
import java.nio.*;import java.nio.file.*;
public class Peer {
  public static void main(String[] a) throws Exception {
    ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(Path.of(a[0]))).order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer out = ByteBuffer.allocate(in.capacity()).order(ByteOrder.LITTLE_ENDIAN);
    while (in.hasRemaining()) out.putDouble(StrictMath.exp(in.getDouble()));
    Files.write(Path.of(a[1]), out.array());
  }
}"""
    (tmp_path / "Peer.java").write_text(source)
    x = exp_inputs()
    x.tofile(tmp_path / "in")
    subprocess.run(["javac", "Peer.java"], cwd=tmp_path, check=True)
    subprocess.run(["java", "Peer", "in", "out"], cwd=tmp_path, check=True)
    java = np.fromfile(tmp_path / "out", dtype=np.uint64)
    assert (score.exp(x).view(np.uint64) == java).all()


def test_logistic_pins_p0_as_one_minus_p1():
    p = score.logistic(np.array([40.0, -800.0, 0.0]))
    assert p.tolist() == [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]


def test_softmax_survives_extremes_and_ties():
    p = score.softmax(np.array([[1000.0, 0.0, -1000.0], [2.0, 2.0, 2.0], [1.7e308, -1.7e308, 0.0]]))
    assert p.tolist() == [[1.0, 0.0, 0.0], [1 / 3] * 3, [1.0, 0.0, 0.0]]


@pytest.mark.parametrize("n", [1, 1280, 65_536])
def test_self_test_inputs_are_the_formula(n):
    seeds = (0, 1, 2**31, 2**32 - 1, 12345, 7, 8, 2**32 - 8 * n)
    x = np.concatenate(list(score.self_test_inputs(n, seeds)))
    for j in range(8):
        for i in (0, n // 2, n - 1):
            r = (((8 * i + j + seeds[j]) * 2654435761 % 2**32) - 2**31) / 2**31
            assert x[j, i] == r * 2**j
