"""What an encoder's arithmetic does to decisions: the numbers of made-up embeddings, the page, and int8 as it is run."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from bench.precision import __main__ as command
from bench.precision import compare
from bench.precision.engines import ENGINES, REFERENCE, opened
from hypothesis import given
from hypothesis import strategies as st

SEQUENCES = ["EVQLVESGGGLVKPGG", "MKT", "ACDEFGHIKLMNPQRSTVWY"]


class Head:
    """Decisions x·w, as a head's."""

    def __init__(self, *coef):
        self.coef = np.array([coef], dtype=np.float32)

    def decision_function(self, X):
        return X.astype(np.float64) @ self.coef[0].astype(np.float64)


def test_equal_embeddings_move_nothing():
    X = np.array([[1.0, 2.0], [-3.0, 4.0]], dtype=np.float32)
    found = compare.moved(Head(1.0, -1.0), X, X)
    assert {value for name, value in found.items() if name != "rows"} == {0}
    assert found["rows"] == 2


def test_shifts_and_flips_of_known_embeddings():
    before = np.array([[1.0, 0.0], [0.1, 0.0], [-1.0, 0.0]], dtype=np.float32)
    after = np.array([[1.0, 5.0], [-0.1, 0.0], [-1.5, 0.0]], dtype=np.float32)
    found = compare.moved(Head(1.0, 0.0), before, after)
    assert found["flips"] == 1
    assert found["value_largest"] == 5.0
    assert found["decision_median"] == pytest.approx(0.2)
    assert found["decision_largest"] == pytest.approx(0.5)
    assert found["shift_of_bound"] == pytest.approx(1.0)


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_no_decision_moves_by_more_than_the_norms_allow(seed, size):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(5, 4)).astype(np.float32)
    moved = (X + size * rng.normal(size=(5, 4))).astype(np.float32)
    assert compare.moved(Head(*rng.normal(size=4)), X, moved)["shift_of_bound"] <= 1 + 1e-5


def test_roc_auc_knows_its_direction_and_a_single_class():
    X, y = np.array([[0.0], [1.0], [2.0], [3.0]], dtype=np.float32), np.array([0, 0, 1, 1])
    assert compare.roc_auc(Head(1.0), X, y) == 1.0
    assert compare.roc_auc(Head(-1.0), X, y) == 0.0
    assert compare.roc_auc(Head(1.0), X, np.zeros(4)) is None


def test_text_goes_between_the_markers_and_nowhere_else():
    page = "a\n<!-- precision: begin -->\nold\n<!-- precision: end -->\nb\n"
    once = compare.between_markers(page, "new")
    assert once == "a\n<!-- precision: begin -->\n\nnew\n\n<!-- precision: end -->\nb\n"
    assert compare.between_markers(once, "new") == once
    for broken in ("a", page + page, "<!-- precision: end --><!-- precision: begin -->\n"):
        with pytest.raises(ValueError, match="markers"):
            compare.between_markers(broken, "new")


def test_the_page_shows_the_results_that_are_kept():
    results = json.loads(command.RESULTS.read_text(encoding="utf-8"))
    page = command.PAGE.read_text(encoding="utf-8")
    assert compare.between_markers(page, compare.table(results)) == page
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + len(ENGINES) * len(results["encoders"])
    assert len({line.count("|") for line in rows}) == 1
    assert "weights are random" in page


def test_kept_results_say_what_the_page_says_of_float32():
    for encoder in json.loads(command.RESULTS.read_text(encoding="utf-8"))["encoders"]:
        exact = [row for row in encoder["rows"] if row["arithmetic"] == "float32"]
        assert [row["decision_largest"] <= 1e-4 for row in exact] == [True] * 3


def test_the_demo_data_are_halved_and_a_folder_without_test_data_is_refused(tmp_path):
    train, test = command.read_sets(None)
    assert (train.role, test.role) == ("train", "test")
    assert len(train.sequences) == len(train.labels) == len(test.sequences)
    assert not set(train.sequences) & set(test.sequences)
    (tmp_path / "a_train.csv").write_text("sequence,label\nACD,0\nAAA,1\n")
    with pytest.raises(SystemExit, match=re.escape("*test*.csv")):
        command.read_sets(tmp_path)
    (tmp_path / "b_test.csv").write_text("sequence,label\nACD,0\nAAA,1\n")
    assert [(one.name, one.role) for one in command.read_sets(tmp_path)] == [("a", "train"), ("b", "test")]


def test_int8_is_another_arithmetic_and_a_vector_depends_on_its_sequence_alone():
    pytest.importorskip("onnx")
    pytest.importorskip("torch")
    int8 = next(engine for engine in ENGINES if engine.arithmetic == "int8")
    with opened(int8, command.TINY) as embed, opened(REFERENCE, command.TINY) as wanted:
        found, exact = embed(SEQUENCES), wanted(SEQUENCES)
        assert np.array_equal(embed(SEQUENCES[::-1])[::-1], found)
    assert 1e-3 < np.abs(found - exact).max() < 0.5
