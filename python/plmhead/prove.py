"""The writer's proof (SPEC section 14): the file's strict score, the formula for the model as fitted, and scikit-learn agree.

The formula is evaluated in 60-digit arithmetic on the fitted parameters, before any folding. Every comparison uses the proved bound.
"""

from __future__ import annotations

import copy
import math
from decimal import Context, Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .fitted import Fitted
from .head import Head

_U = 2.0**-53
_TINY = 2.0**-1022
_DIGITS = Context(prec=60, Emin=-999_999, Emax=999_999)
_BUDGET = 2**20  # products in 60-digit arithmetic; the widest heads still get three rows
_MAX_FOLDED_BOUND = 1e-6  # a folded head whose bound is wider proves nothing of the labels near its boundary

Floats = NDArray[np.float64]


class Proof(NamedTuple):
    """What was shown: rows scored, rows whose label the bound decides (all equal), and the largest |decision difference|."""

    rows: int
    labels_equal: int
    largest_difference: float
    note: str = ""
    scikit_learn: bool = True  # False where it was not asked: the formula alone

    def __str__(self) -> str:
        text = (
            f"{self.rows} random and boundary rows: every decision within the bound (largest difference "
            f"{self.largest_difference:.2e}), all {self.labels_equal} labels equal that the bound decides"
        )
        return f"{text} ({self.note})" if self.note else text


@np.errstate(all="ignore")  # what overflows is not finite, and no comparison holds for it
def prove(head: Head, fitted: Fitted, estimator: Any) -> Proof:
    """Scores random and boundary rows three ways; two, without scikit-learn, where the estimator is None.

    Raises InputError PROOF where two of them disagree beyond the bound.
    """
    X = _rows(head, fitted)
    exact, size = _formula(fitted, X)
    n = head.n_features_in
    # scikit-learn's rule is z > 0, whatever threshold the artifact stores.
    z, p, labels = head.score_all(X, None if head.link == "softmax" else 0.5)
    folded = fitted.mean is not None or fitted.scale is not None
    own_size = np.abs(X) @ np.abs(head.coef.astype(np.float64)).T + np.abs(head.intercept.astype(np.float64))
    own_bound = gamma(n + 1) * own_size + n * 2.0**-1074 + (2 * _U * own_size if folded else 0.0)
    _check(z, p, exact, own_bound, head.link, "the artifact's score")
    if folded and own_bound.max() > _MAX_FOLDED_BOUND:
        found = (
            f"found features so far from 0 that folding the scaler leaves {own_bound.max():.1e} of doubt in a decision"
        )
        raise InputError(
            "PROOF", "estimator", f"{found}, expected at most {_MAX_FOLDED_BOUND:.0e}; centre the features first"
        )
    theirs, their_bound, note = exact, np.zeros_like(exact), ""
    if estimator is not None:
        theirs, their_p, note = _scikit_learn(estimator, fitted, X)
        their_bound = gamma(n + (3 if folded else 1)) * size + (n + 4) * 2.0**-1074
        _check(theirs, their_p, exact, their_bound, head.link, "scikit-learn's score")
    decided = _decided(exact, own_bound + their_bound)
    chosen = np.argmax(theirs, axis=1) if head.link == "softmax" else (theirs[:, 0] > 0).astype(int)
    if (labels != fitted.classes[chosen])[decided].any():
        other = "the formula" if estimator is None else "scikit-learn"
        raise InputError(
            "PROOF", "estimator", f"found different labels from the artifact and from {other}, expected equal ones"
        )
    return Proof(len(X), int(decided.sum()), float(np.abs(z - theirs).max()), note, estimator is not None)


def gamma(k: int) -> float:
    """γ(k) of SPEC section 14, rounded up."""
    return k * _U / (1 - k * _U) * (1 + 4 * _U)


def _rows(head: Head, fitted: Fitted) -> Floats:
    """Random rows at the scale of the training data, their neighbours on the decision boundary, and zero."""
    n, rows = head.n_features_in, len(head.coef)
    count = max(1, min(32, _BUDGET // (2 * n * rows)))
    x = np.random.default_rng(0).standard_normal((count, n))
    x = x * (1.0 if fitted.scale is None else fitted.scale) + (0.0 if fitted.mean is None else fitted.mean)
    w = head.coef[0].astype(np.float64)
    norm = float(w @ w)
    boundary = x - np.outer((x @ w + float(head.intercept[0])) / norm, w) if 0 < norm < math.inf else -x
    X = np.concatenate([x, boundary, np.zeros((1, n))])
    usable: Floats = X[np.isfinite(X).all(axis=1)]
    return usable


def _formula(fitted: Fitted, X: Floats) -> tuple[Floats, Floats]:
    """The exact decisions of the model as fitted, and Σ|x_i w_i| + |b| of the arithmetic that it asks for, each (m, rows)."""
    exact, size = np.empty((len(X), len(fitted.coef))), np.empty((len(X), len(fitted.coef)))
    weights = [[Decimal(w) for w in row] for row in fitted.coef.astype(np.float64).tolist()]
    biases = [Decimal(b) for b in fitted.intercept.astype(np.float64).tolist()]
    for m, x in enumerate(X.tolist()):
        features = [Decimal(value) for value in x]
        if fitted.mean is not None:
            features = [_DIGITS.subtract(v, Decimal(mu)) for v, mu in zip(features, fitted.mean.tolist(), strict=True)]
        if fitted.scale is not None:
            features = [_DIGITS.divide(v, Decimal(s)) for v, s in zip(features, fitted.scale.tolist(), strict=True)]
        for c, (row, bias) in enumerate(zip(weights, biases, strict=True)):
            total, absolute = bias, abs(bias)
            for value, weight in zip(features, row, strict=True):
                product = _DIGITS.multiply(value, weight)
                total = _DIGITS.add(total, product)
                absolute = _DIGITS.add(absolute, abs(product))
            exact[m, c], size[m, c] = float(total) * fitted.factor, float(absolute) * fitted.factor
    return exact, size


def widened(estimator: Any) -> Any:
    """A copy of the estimator that computes in float64 whatever it was fitted in; scikit-learn follows the dtype of coef_."""
    twin = copy.deepcopy(estimator)
    model = twin.steps[-1][1] if hasattr(twin, "steps") else twin
    if hasattr(model.coef_, "toarray"):  # sparsify() of scikit-learn
        model.coef_ = model.coef_.toarray()
    for step in [step for _, step in twin.steps] if hasattr(twin, "steps") else [twin]:
        for name in ("coef_", "intercept_", "mean_", "scale_"):
            if getattr(step, name, None) is not None:
                setattr(step, name, np.asarray(getattr(step, name), dtype=np.float64))
    return twin


def _scikit_learn(estimator: Any, fitted: Fitted, X: Floats) -> tuple[Floats, Floats, str]:
    """Decisions (m, rows) and probabilities (m, k) of scikit-learn, for the model as it was fitted.

    scikit-learn from 1.8 ignores `multi_class`, so that its predict_proba is wrong for a two-class multinomial model fitted by 1.7;
    its decision_function is right in every version, and the probability of such a model is sigmoid(2z).
    """
    import sklearn

    twin = widened(estimator)
    z = np.asarray(twin.decision_function(X), dtype=np.float64).reshape(len(X), -1)
    if fitted.factor == 2 and tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 8):
        with np.errstate(over="ignore"):
            p1 = 1 / (1 + np.exp(-2 * z[:, 0]))
        note = f"scikit-learn {sklearn.__version__} ignores multi_class: compared with sigmoid(2z) of its decision_function"
        return 2 * z, np.stack([1 - p1, p1], axis=1), note
    return fitted.factor * z, np.asarray(twin.predict_proba(X), dtype=np.float64), ""


def _sigmoid(margin: Floats) -> Floats:
    with np.errstate(over="ignore"):
        p: Floats = 1 / (1 + np.exp(-margin))
    return p


def _margins(exact: Floats, link: str) -> Floats:
    """M with p = sigmoid(m) for every class, shape (m, k)."""
    if link == "logistic":
        return np.stack([-exact[:, 0], exact[:, 0]], axis=1)
    others = [np.logaddexp.reduce(np.delete(exact, c, axis=1), axis=1) for c in range(exact.shape[1])]
    margins: Floats = exact - np.stack(others, axis=1)
    return margins


def _check(z: Floats, p: Floats, exact: Floats, bound: Floats, link: str, what: str) -> None:
    # u·|exact|: the exact value itself was rounded once to compare it.
    wide = bound + _U * np.abs(exact)
    if not (np.abs(z - exact) <= wide).all():
        worst = float(np.nanmax(np.abs(z - exact) / wide))
        message = f"found {what} {worst:.3g} bounds from the formula for the fitted model, expected at most 1"
        raise InputError("PROOF", "estimator", message)
    half = wide.max(axis=1, keepdims=True) * (2 if link == "softmax" else 1)
    margin = _margins(exact, link)
    # Rounding of exp, sum and division; softmax rounds each z_c - M too. p0 is 1 - p1, whose error is absolute.
    spread = np.abs(exact - exact.max(axis=1, keepdims=True)) if link == "softmax" else 0.0
    epsilon = 2.0**-49 + (4.0 * p.shape[1] + 24 + 4 * spread) * _U
    absolute = _TINY + (2.0**-52 if link == "logistic" else 0.0)
    low = _sigmoid(margin - half) * (1 - epsilon) - absolute
    high = _sigmoid(margin + half) * (1 + epsilon) + absolute
    if not ((low <= p) & (p <= high)).all():
        message = f"found a probability in {what} outside the bound, expected it inside: the link is not what it seems"
        raise InputError("PROOF", "estimator", message)


def _decided(exact: Floats, bound: Floats) -> NDArray[np.bool_]:
    if exact.shape[1] == 1:
        return np.abs(exact[:, 0]) > bound[:, 0]
    order = np.sort(exact, axis=1)
    apart: NDArray[np.bool_] = (order[:, -1] - order[:, -2]) > 2 * bound.max(axis=1)
    return apart
