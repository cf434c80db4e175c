"""A loaded head, as its users see it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import plmhead
from plmhead import FormatError, InputError

RNG = np.random.default_rng(5)
X2 = RNG.normal(size=(80, 6))


@pytest.fixture
def binary(tmp_path):
    y = np.where(X2[:, 0] + X2[:, 1] > 0, "poly", "clean")
    path = tmp_path / "head"
    plmhead.save(LogisticRegression().fit(X2, y), path, assay_thresholds={"ELISA": 0.5, "PSR": 0.5495}, quiet=True)
    return plmhead.load(path)


@pytest.fixture
def softmax(tmp_path):
    plmhead.save(LogisticRegression().fit(X2, RNG.integers(0, 3, 80)), tmp_path / "three", quiet=True)
    return plmhead.load(tmp_path / "three")


def code_of(error: type[ValueError], function, *arguments, **options) -> tuple[str, str]:
    with pytest.raises(error) as caught:
        function(*arguments, **options)
    return caught.value.code, caught.value.where


def test_the_public_names_are_those_of_the_page(repository):
    """An export is meant where its users are told of it."""
    page = (repository / "docs/python.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `plmhead\.(\w+)` \|", page, re.MULTILINE)) == sorted(plmhead.__all__)
    assert all(hasattr(plmhead, name) for name in plmhead.__all__)
    ours = {
        name for name, thing in vars(plmhead).items() if str(getattr(thing, "__module__", "")).startswith("plmhead")
    }
    assert {name for name in ours if name[0] != "_"} <= set(plmhead.__all__), "imported there, and so at hand, unmeant"


def test_shapes_are_those_of_scikit_learn(binary, softmax):
    for head, estimator in ((binary, binary.to_sklearn()), (softmax, softmax.to_sklearn())):
        for ours, theirs in (
            (head.decision_function(X2), estimator.decision_function(X2)),
            (head.predict_proba(X2), estimator.predict_proba(X2)),
        ):
            assert ours.shape == theirs.shape
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
        assert (head.predict(X2) == estimator.predict(X2)).all()


def test_attributes(binary):
    assert (binary.link, binary.n_features_in, binary.verified, binary.format_version) == ("logistic", 6, True, "1.0")
    assert binary.classes.tolist() == ["clean", "poly"]
    assert binary.coef.shape == (1, 6)
    assert binary.intercept.shape == (1,)
    assert binary.n_iter.shape == (1,)
    assert binary.threshold == 0.5
    assert binary.config["solver"] == "lbfgs"
    for array in (binary.coef, binary.intercept, binary.classes, binary.n_iter):
        assert not array.flags.writeable


def test_an_empty_batch_gives_empty_results(binary, softmax):
    assert binary.decision_function(np.empty((0, 6))).shape == (0,)
    assert binary.predict_proba(np.empty((0, 6))).shape == (0, 2)
    assert softmax.predict_proba(np.empty((0, 6), dtype=np.float32)).shape == (0, 3)
    assert softmax.predict(np.empty((0, 6))).shape == (0,)


def test_any_memory_layout_gives_the_same_bits(binary):
    expected = binary.decision_function(X2).tobytes()
    strided = np.repeat(np.repeat(X2, 2, axis=0), 2, axis=1)[::2, ::2]
    for layout in (np.asfortranarray(X2), strided, X2.astype(">f8").astype("<f8"), X2.tolist()):
        assert binary.decision_function(layout).tobytes() == expected
    assert binary.decision_function(X2[::-1]).tobytes() == binary.decision_function(X2)[::-1].tobytes()


def test_float32_is_widened_exactly(binary):
    narrow = X2.astype(np.float32)
    assert binary.decision_function(narrow).tobytes() == binary.decision_function(narrow.astype(np.float64)).tobytes()


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (X2[0], ("INPUT_SHAPE", "X")),
        (X2[:, :5], ("INPUT_SHAPE", "X")),
        ([[1.0], [1.0, 2.0]], ("INPUT_SHAPE", "X")),
        (X2.astype(np.float16), ("INPUT_DTYPE", "X")),
        (X2.astype(complex), ("INPUT_DTYPE", "X")),
        (X2.astype(np.int64), ("INPUT_DTYPE", "X")),
        (X2 > 0, ("INPUT_DTYPE", "X")),
        (X2.astype(object), ("INPUT_DTYPE", "X")),
        ([["a"] * 6], ("INPUT_DTYPE", "X")),
        (np.where(np.arange(480).reshape(80, 6) == 15, np.nan, X2), ("INPUT_NONFINITE", "/2/3")),
        (np.where(np.arange(480).reshape(80, 6) == 6, -np.inf, X2), ("INPUT_NONFINITE", "/1/0")),
    ],
)
def test_bad_input_is_an_input_error(binary, x, expected):
    for method in (binary.decision_function, binary.predict_proba, binary.predict):
        assert code_of(InputError, method, x) == expected


def test_overflow_names_the_row_and_returns_nothing(binary):
    assert np.abs(binary.coef).sum() > 1.1, "else the sum below stays finite"
    x = np.copysign(1.7e308, np.ones((3, 6)) * binary.coef)
    x[0] = 0
    assert code_of(InputError, binary.decision_function, x) == ("DECISION_NONFINITE", "/1")


def test_thresholds(binary):
    p1 = binary.predict_proba(X2)[:, 1]
    assert (binary.predict(X2, threshold=0.9) == np.where(p1 > 0.9, "poly", "clean")).all()
    assert (binary.predict(X2, assay_type="PSR") == np.where(p1 > 0.5495, "poly", "clean")).all()
    assert (binary.predict(X2, threshold=0.9, assay_type="PSR") == binary.predict(X2, assay_type="PSR")).all()
    assert (binary.predict(X2, threshold=float(p1[0]))[0]) == "clean", "p equal to the threshold is class 0"


def test_bad_thresholds(binary, softmax):
    for threshold in (-0.1, 1.1, float("nan"), "0.5", True + 1.5):
        assert code_of(InputError, binary.predict, X2, threshold=threshold) == ("THRESHOLD", "threshold")
    code, where = code_of(InputError, binary.predict, X2, assay_type="SPR")
    assert (code, where) == ("ASSAY_TYPE", "assay_type")
    with pytest.raises(InputError, match="ELISA, PSR"):
        binary.predict(X2, assay_type="SPR")
    assert code_of(InputError, softmax.predict, X2, threshold=0.5) == ("THRESHOLD", "threshold")
    assert code_of(InputError, softmax.predict, X2, assay_type="PSR") == ("ASSAY_TYPE", "assay_type")


def test_an_input_error_is_a_value_error_and_teaches(binary):
    with pytest.raises(ValueError, match=r"INPUT_SHAPE \(X\): found shape \(6,\), expected \(rows, 6\); pass one row"):
        binary.predict(X2[0])


def test_missing_files_are_format_errors(tmp_path):
    assert code_of(FormatError, plmhead.load, tmp_path / "nothing") == ("FILE_UNREADABLE", "config")
    (tmp_path / "half_config.json").write_text("{}")
    assert code_of(FormatError, plmhead.load, tmp_path / "half.npz") == ("FILE_UNREADABLE", "npz")
    (tmp_path / "folder_config.json").mkdir()
    assert code_of(FormatError, plmhead.load, tmp_path / "folder") == ("FILE_UNREADABLE", "config")


def test_a_pair_loads_by_any_of_its_names(tmp_path, binary):
    for name in ("head", "head.npz", "head_config.json"):
        assert plmhead.load(tmp_path / name).npz_sha256 == binary.npz_sha256
        assert plmhead.load(str(tmp_path / name)).npz_sha256 == binary.npz_sha256


def test_oversize_files_are_refused_before_they_are_read(tmp_path):
    (tmp_path / "big_config.json").write_bytes(b" " * 1_048_577)
    (tmp_path / "big.npz").write_bytes(b"")
    assert code_of(FormatError, plmhead.load, tmp_path / "big") == ("FILE_SIZE", "config")
    (tmp_path / "wide_config.json").write_bytes(b"{}")
    with (tmp_path / "wide.npz").open("wb") as file:
        file.truncate(150_994_945)
    assert code_of(FormatError, plmhead.load, tmp_path / "wide") == ("FILE_SIZE", "npz")


def test_a_head_survives_copying_and_pickling(binary):
    import copy
    import pickle

    for twin in (copy.deepcopy(binary), pickle.loads(pickle.dumps(binary))):
        assert twin.decision_function(X2).tobytes() == binary.decision_function(X2).tobytes()
