"""scikit-learn lies inside the proved bound (SPEC section 14), with the bound computed here in exact rational arithmetic."""

from __future__ import annotations

import pickle
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import plmhead
from plmhead.prove import widened

ROWS, FEATURES = 1000, 48
FITTED_BY_1_7 = Path(__file__).parent / "fitted/1_7"


def gamma(k: int) -> Fraction:
    u = Fraction(1, 2**53)
    return k * u / (1 - k * u)


def exact_terms(estimator, x: np.ndarray) -> tuple[list[Fraction], list[Fraction]]:
    """Exact decisions of one row, and Σ|x_i w_i| + |b|, of the model as it was fitted."""
    *before, model = [step for _, step in estimator.steps] if hasattr(estimator, "steps") else [estimator]
    values = [Fraction(float(v)) for v in x]
    for scaler in before:
        values = [
            (v - Fraction(float(m))) / Fraction(float(s))
            for v, m, s in zip(values, scaler.mean_, scaler.scale_, strict=True)
        ]
    decisions, sizes = [], []
    for row, b in zip(model.coef_.astype(float), model.intercept_.astype(float), strict=True):
        products = [Fraction(w) * v for w, v in zip(row.tolist(), values, strict=True)]
        decisions.append(sum(products) + Fraction(b))
        sizes.append(sum(map(abs, products)) + abs(Fraction(b)))
    return decisions, sizes


@pytest.mark.parametrize("scaled", [False, True], ids=["plain", "scaled"])
@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scikit_learn_lies_inside_the_bound(tmp_path, dtype, k, scaled):
    rng = np.random.default_rng(7)
    features = 24 if scaled else FEATURES  # rationals with 24 different denominators are slow enough
    X = (rng.normal(size=(ROWS, features)) * 3 + 1).astype(dtype)
    y = (np.argsort(np.argsort(X[:, 0] + rng.normal(size=ROWS))) * k) // ROWS
    model = LogisticRegression(max_iter=1000)
    estimator = (make_pipeline(StandardScaler(), model) if scaled else model).fit(X, y)
    plmhead.save(estimator, tmp_path / "head", quiet=True)
    head = plmhead.load(tmp_path / "head")
    wide = widened(estimator)
    z_theirs = wide.decision_function(X.astype(float)).reshape(ROWS, -1)
    z_ours, p_ours, labels = head.score_all(X)
    label_theirs = wide.predict(X.astype(float))
    decided = 0
    for m in range(ROWS):
        exact, sizes = exact_terms(estimator, X[m])
        limits = []
        for c, (z, size) in enumerate(zip(exact, sizes, strict=True)):
            ours = sum(abs(Fraction(float(x)) * Fraction(float(w))) for x, w in zip(X[m], head.coef[c], strict=True))
            ours += abs(Fraction(float(head.intercept[c])))
            fold = 2 * Fraction(1, 2**53) * ours if scaled else 0
            own = gamma(features + 1) * ours + fold + features * Fraction(1, 2**1074)
            their = gamma(features + (3 if scaled else 1)) * size + features * Fraction(1, 2**1074)
            assert abs(Fraction(z_ours[m, c]) - z) <= own
            assert abs(Fraction(float(z_theirs[m, c])) - z) <= their
            limits.append(own + their)
        if k == 2:
            certain = abs(exact[0]) > limits[0]
        else:
            best, second = sorted(exact)[-1], sorted(exact)[-2]
            certain = best - second > 2 * max(limits)
        if certain:
            decided += 1
            assert labels[m] == label_theirs[m]
    assert decided > 0.9 * ROWS
    np.testing.assert_allclose(p_ours, wide.predict_proba(X.astype(float)), rtol=1e-9, atol=1e-15)


def load_fitted(name: str):
    """The estimator as scikit-learn 1.7 pickled it, and what that version answered: X, decision, probability."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # InconsistentVersionWarning: that is the point
        estimator = pickle.loads((FITTED_BY_1_7 / f"{name}.pkl").read_bytes())
    with np.load(FITTED_BY_1_7 / f"{name}.npz") as told:
        return estimator, told["X"], told["decision"], told["probability"]


@pytest.mark.parametrize(
    "name",
    [
        "two_multinomial",
        "two_multinomial_scaled",
        "two_ovr",
        "two_auto",
        "two_default",
        "three_multinomial",
        "three_default",
    ],
)
def test_models_fitted_by_1_7_score_as_1_7_did(tmp_path, name):
    """The stored answers are scikit-learn 1.7's own; newer versions ignore multi_class and answer otherwise."""
    estimator, X, decision, probability = load_fitted(name)
    saved = plmhead.save(estimator, tmp_path / "head", quiet=True)
    head = plmhead.load(saved.npz)
    factor = 2 if "two_multinomial" in name else 1
    np.testing.assert_allclose(head.decision_function(X), factor * decision, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(head.predict_proba(X), probability, rtol=1e-11, atol=1e-15)
    assert (head.config.get("training", {}).get("folded", [])[-1:] == ["two_class_multinomial"]) == (factor == 2)


@pytest.mark.parametrize("name", ["three_ovr", "three_liblinear"])
def test_one_vs_rest_models_fitted_by_1_7_are_refused(tmp_path, name):
    estimator, *_ = load_fitted(name)
    with pytest.raises(plmhead.InputError, match=r"ESTIMATOR .*one-vs-rest"):
        plmhead.save(estimator, tmp_path / "head")
    assert list(tmp_path.iterdir()) == []


def test_doubling_is_exact(tmp_path):
    estimator, *_ = load_fitted("two_multinomial")
    plmhead.save(estimator, tmp_path / "head", quiet=True)
    head = plmhead.load(tmp_path / "head")
    assert (head.coef == 2 * estimator.coef_).all()
    assert (head.intercept == 2 * estimator.intercept_).all()
