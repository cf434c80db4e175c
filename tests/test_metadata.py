"""Metadata that a config cannot hold: refused by name before anything is computed or written, whatever it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

import plmhead
from plmhead import FormatError, InputError

RNG = np.random.default_rng(5)
X = RNG.normal(size=(40, 3))
MODEL = LogisticRegression().fit(X, X[:, 0] > 0)
SURROGATE = "a\ud800"


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("given_", "where", "found"),
    [
        ({"assay_thresholds": {SURROGATE: 0.5}}, "/decision/assay_thresholds", "a name with half a surrogate pair"),
        ({"assay_thresholds": {b"x": 0.5}}, "/decision/assay_thresholds", "a name of type bytes"),
        ({"assay_thresholds": {1: 0.5}}, "/decision/assay_thresholds", "a name of type int"),
        ({"assay_thresholds": {"a/b": float("inf")}}, "/decision/assay_thresholds/a~1b", "inf"),
        ({"threshold": 10**400}, "/decision/threshold", "an integer of 1329 bits"),
        ({"threshold": float("nan")}, "/decision/threshold", "nan"),
        ({"threshold": np.float32(0.5)}, "/decision/threshold", "a value of type float32"),
        ({"threshold": object()}, "/decision/threshold", "a value of type object"),
        ({"extensions": {"a.b": [SURROGATE]}}, "/extensions/a.b/0", "text with half a surrogate pair"),
        ({"extensions": {"a.b": nested(5000)}}, "/extensions/a.b", "lists or mappings within each other"),
        ({"embedding": {"checkpoint": SURROGATE}}, "/esm_model", "text with half a surrogate pair"),
        ({"device": SURROGATE}, "/device", "text with half a surrogate pair"),
        ({"metrics": {"train": {"x": 1 + 2j}}}, "/metrics/train/x", "a value of type complex"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_json_does_not_hold_is_told_by_its_place(given_, where, found, tmp_path):
    with pytest.raises(InputError) as caught:
        plmhead.save(MODEL, tmp_path / "head", quiet=True, **given_)
    assert (caught.value.code, caught.value.where[: len(where)]) == ("METADATA", where)
    assert found in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_the_rules_of_the_format_come_before_the_self_test(tmp_path):
    for given_, where in (
        ({"threshold": 2}, "/decision/threshold"),
        ({"threshold": "x"}, "/decision/threshold"),
        ({"assay_thresholds": {"": 0.5}}, "/decision/assay_thresholds/"),
        ({"embedding": {}}, "/esm_model"),
        ({"embedding": {"checkpoint": "x"}}, "/embedding/origin"),
    ):
        with pytest.raises(FormatError) as caught:
            plmhead.save(MODEL, tmp_path / "head", quiet=True, **given_)
        assert (caught.value.code[:6], caught.value.where) == ("FIELD_", where)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=[]))
    | st.binary(max_size=3)
    | st.sampled_from([np.float32(1), np.int64(1), np.float64(0.5), np.array([1.0]), object(), 1j, {1}, np.bool_(1)]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.text(st.characters(exclude_categories=[]), max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)
WORDS = ("threshold", "assay_thresholds", "embedding", "metrics", "training", "extensions", "device", "batch_size")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_=st.dictionaries(st.sampled_from(WORDS), ANYTHING, max_size=3))
def test_any_metadata_is_written_or_refused_and_nothing_else(given_, tmp_path):
    try:
        saved = plmhead.save(MODEL, tmp_path / "head", quiet=True, **given_)
    except (InputError, FormatError):
        return
    plmhead.load(saved.npz, require_verified=True)
