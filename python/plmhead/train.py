"""Embeddings and labels in, a fitted estimator and its cross-validation out. Reads like a methods section.

scikit-learn does all of it; this file chooses the folds, the scores and the names under which they are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .metrics import Answer, point_scores

METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc")


@dataclass(frozen=True)
class Settings:
    """How to fit: scikit-learn's parameters, and the folds."""

    C: float = 1.0
    penalty: str | None = "l2"
    l1_ratio: float | None = None
    max_iter: int = 1000
    solver: str = "lbfgs"
    class_weight: str | dict[Any, float] | None = None
    random_state: int | None = 42
    standardize: bool = False
    folds: int = 10
    stratified: bool = True


def penalty_parameters(penalty: str | None, l1_ratio: float | None, C: float) -> dict[str, Any]:
    """LogisticRegression's parameters for a penalty by name, in the spelling of the installed scikit-learn.

    From 1.8 on the penalty is said by `C` and `l1_ratio`, and naming it is deprecated.
    """
    import inspect

    from sklearn.linear_model import LogisticRegression

    if penalty not in ("l1", "l2", "elasticnet", None):
        raise InputError("ESTIMATOR", "penalty", f"found {penalty!r}, expected 'l1', 'l2', 'elasticnet' or None")
    if penalty == "elasticnet" and (l1_ratio is None or not 0 <= l1_ratio <= 1):
        raise InputError(
            "ESTIMATOR", "l1_ratio", f"found {l1_ratio!r}, expected a number from 0 to 1, since penalty is elasticnet"
        )
    known = inspect.signature(LogisticRegression).parameters
    if "penalty" in known and known["penalty"].default != "deprecated":
        return {"penalty": penalty, "C": C, "l1_ratio": l1_ratio if penalty == "elasticnet" else None}
    ratio = {"l1": 1.0, "l2": 0.0}.get(penalty or "", 0.0 if l1_ratio is None else l1_ratio)
    return {"C": float("inf") if penalty is None else C, "l1_ratio": ratio}


class Trained(NamedTuple):
    """A fitted estimator, and `metrics` as the config holds them (SPEC section 6)."""

    estimator: Any
    metrics: dict[str, Any]


def make_estimator(settings: Settings) -> Any:
    """An unfitted LogisticRegression, behind a StandardScaler where asked. Raises ImportError without scikit-learn."""
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError:
        raise ImportError("training needs scikit-learn: pip install 'plmhead[train]'") from None

    model = LogisticRegression(
        **penalty_parameters(settings.penalty, settings.l1_ratio, settings.C),
        max_iter=settings.max_iter,
        solver=settings.solver,
        class_weight=settings.class_weight,
        random_state=settings.random_state,
    )
    return make_pipeline(StandardScaler(), model) if settings.standardize else model


def train(
    X: NDArray[np.floating], y: NDArray[Any], settings: Settings, progress: Callable[[int, int], None] | None = None
) -> Trained:
    """Cross-validates, then fits on all rows. X is (m, n) float32 or float64, y (m,) labels of two or more classes.

    `progress(done, folds)` is called after each fold. Raises InputError DATA where the rows do not suffice for the folds.
    """
    scores = cross_validate(X, y, settings, progress)
    estimator = fit(settings, X, y)
    metrics = {
        "train": evaluate(np.unique(y, return_inverse=True)[1], estimator.predict_proba(X)),
        "cross_validation": {"folds": settings.folds, "stratified": settings.stratified, "scores": scores},
    }
    return Trained(estimator, metrics)


def cross_validate(
    X: NDArray[np.floating], y: NDArray[Any], settings: Settings, progress: Callable[[int, int], None] | None = None
) -> dict[str, dict[str, float | None]]:
    """Scores by name, each with mean and std over the folds. A scaler is fitted inside each fold. Raises as `train`."""
    if len(X) != len(y):
        raise InputError("DATA", "y", f"found {len(X)} embeddings and {len(y)} labels, expected as many")
    codes = np.unique(y, return_inverse=True)[1]
    check_folds(y, settings)
    return _scores_of_folds(X, y, codes, settings, progress)


def check_folds(y: NDArray[Any], settings: Settings) -> None:
    """Raises InputError DATA where labels y (m,) have one class, or too few rows for the folds."""
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) < 2:
        raise InputError("DATA", "y", f"found the one class {classes.tolist()}, expected two or more")
    least = int(counts.min()) if settings.stratified else len(y)
    if settings.folds < 2 or settings.folds > least:
        found = f"{least} rows in the smallest class" if settings.stratified else f"{least} rows"
        message = f"found {settings.folds} folds for {found}, expected 2 to {least}"
        raise InputError("DATA", "folds", message, "fewer folds: --folds N, or classifier.cv_folds")


def fit(settings: Settings, X: NDArray[np.floating], y: NDArray[Any]) -> Any:
    """A fitted estimator. Raises InputError ESTIMATOR for parameters that scikit-learn refuses."""
    try:
        return make_estimator(settings).fit(X, y)
    except ValueError as fault:  # a parameter that scikit-learn refuses
        raise InputError("ESTIMATOR", "parameters", f"scikit-learn refused: {fault}") from fault


def _scores_of_folds(
    X: NDArray[np.floating],
    y: NDArray[Any],
    codes: NDArray[np.integer],
    settings: Settings,
    progress: Callable[[int, int], None] | None,
) -> dict[str, dict[str, float | None]]:
    from sklearn.model_selection import KFold, StratifiedKFold

    kind = StratifiedKFold if settings.stratified else KFold
    if settings.random_state is not None and not 0 <= settings.random_state < 2**32:
        raise InputError("ARGUMENT", "random_state", f"found {settings.random_state}, expected 0 to 4294967295 or none")
    folds = kind(n_splits=settings.folds, shuffle=True, random_state=settings.random_state)
    results = []
    for done, (fit_rows, test_rows) in enumerate(folds.split(X, codes), start=1):
        estimator = fit(settings, X[fit_rows], y[fit_rows])
        results.append(evaluate(codes[test_rows], _all_columns(estimator, X[test_rows], np.unique(y))))
        if progress:
            progress(done, settings.folds)
    return {name: _mean_std([result[name] for result in results]) for name in results[0]}


def _all_columns(estimator: Any, X: NDArray[np.floating], classes: NDArray[Any]) -> NDArray[np.floating]:
    """Probabilities (m, k) of all classes; a plain fold may lack one, and its column is then 0."""
    probabilities = np.zeros((len(X), len(classes)))
    probabilities[:, np.searchsorted(classes, estimator.classes_)] = estimator.predict_proba(X)
    return probabilities


def _mean_std(values: list[float | None]) -> dict[str, float | None]:
    """Mean and population standard deviation over folds; null where a fold's value is undefined."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return {"mean": None, "std": None}
    return {"mean": float(np.mean(known)), "std": float(np.std(known))}


def evaluate(codes: NDArray[np.integer], probabilities: NDArray[np.floating]) -> dict[str, float | None]:
    """Accuracy, precision, recall, F1 and ROC AUC of probabilities (m, k) against class codes (m,).

    Two classes: of class 1. More: macro averages, ROC AUC one against the rest. Undefined scores are None.
    """
    scores = point_scores(codes, Answer(probabilities.argmax(axis=1), probabilities))
    return {name: scores[name] for name in METRICS}


def metrics_table(metrics: dict[str, Any], shown: Sequence[str] = METRICS) -> str:
    """The scores as lines of text, for people."""
    cross = metrics["cross_validation"]
    kind = "stratified " if cross["stratified"] else ""
    lines = [f"{'':10}{'train':>8}   {cross['folds']}-fold {kind}cross-validation"]
    for name in shown:
        train_score = metrics["train"][name]
        fold = cross["scores"][name]
        mean = "undefined" if fold["mean"] is None else f"{fold['mean']:.4f} ± {fold['std']:.4f}"
        lines.append(f"{name:10}{'undefined' if train_score is None else f'{train_score:.4f}':>8}   {mean}")
    return "\n".join(lines)
