"""Scores of labels and probabilities, and their bootstrap intervals. Arrays in, numbers out.

The value of a score is scikit-learn's own. Its interval needs the score of a thousand resamples: `Weighted` computes them
side by side from the counts of each row, and the tests compare it with scikit-learn resample by resample.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]
Probabilities = NDArray[np.floating[Any]]

#: Every score, in the order in which it is shown. Precision, recall, F1, ROC AUC and average precision are those of class 1
#: where there are two classes, else unweighted means over the classes, one against the rest.
NAMES = (
    *("accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc"),
    *("roc_auc", "average_precision", "brier", "log_loss"),
)
#: Scores that depend on the probabilities alone, not on a threshold.
OF_PROBABILITIES = ("roc_auc", "average_precision", "brier", "log_loss")
_BLOCK_VALUES = 2**21  # counts held at a time


class Answer(NamedTuple):
    """What a head says of m rows: the codes (m,) of the labels it gives, and probabilities (m, k)."""

    predicted: Codes
    probabilities: Probabilities


def point_scores(codes: Codes, answer: Answer) -> dict[str, float | None]:
    """The scores of an answer against true class codes (m,), by scikit-learn; None where a score is undefined.

    A mean over classes leaves out those of which a score is undefined; ROC AUC and average precision need all of them.
    """
    from sklearn import metrics

    predicted, p = answer
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are missing: the scores that need them are None
        scores = {
            **label_scores(codes, predicted, p.shape[1]),
            **_ranking_scores(codes, p),
            "brier": np.mean(_squared_errors(codes, p)),
            "log_loss": metrics.log_loss(codes, p, labels=np.arange(p.shape[1])),
        }
    return {name: finite_or_none(scores[name]) for name in NAMES}


def label_scores(codes: Codes, predicted: Codes, k: int) -> dict[str, float | None]:
    """The scores that depend on labels alone, of k classes: accuracy to mcc. As `point_scores`."""
    from sklearn import metrics

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            codes, predicted, average="binary" if k == 2 else "macro", zero_division=np.nan
        )
        scores = {
            "accuracy": metrics.accuracy_score(codes, predicted),
            "balanced_accuracy": metrics.balanced_accuracy_score(codes, predicted),
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "mcc": metrics.matthews_corrcoef(codes, predicted),
        }
    return {name: finite_or_none(value) for name, value in scores.items()}


def finite_or_none(value: float | None) -> float | None:
    """The value as JSON can hold it: None where it is undefined."""
    return None if value is None or not np.isfinite(value) else float(value)


def _ranking_scores(codes: Codes, p: Probabilities) -> dict[str, float]:
    from sklearn import metrics

    k = p.shape[1]
    if len(np.unique(codes)) < k:
        return {"roc_auc": np.nan, "average_precision": np.nan}
    if k == 2:
        scored = (metrics.roc_auc_score(codes, p[:, 1]), metrics.average_precision_score(codes, p[:, 1]))
    else:
        truth = np.eye(k)[codes]
        scored = (metrics.roc_auc_score(codes, p, multi_class="ovr"), metrics.average_precision_score(truth, p))
    return {"roc_auc": scored[0], "average_precision": scored[1]}


def _squared_errors(codes: Codes, p: Probabilities) -> Floats:
    """Each row's share in the Brier score: for two classes that of class 1, else the sum over classes (0 to 2)."""
    errors: Floats = (p - np.eye(p.shape[1])[codes]) ** 2
    return errors[:, 1] if p.shape[1] == 2 else errors.sum(axis=1)


class Weighted:
    """The scores of one answer on resamples of its rows, from the number of times that each row was drawn."""

    def __init__(self, codes: Codes, answer: Answer) -> None:
        predicted, p = answer
        k = p.shape[1]
        self._binary = k == 2
        self._truth, self._given = np.eye(k)[codes], np.eye(k)[predicted]
        tiny = np.finfo(p.dtype).eps  # scikit-learn's bound, beyond which a logarithm is not taken
        chosen = np.clip(p[np.arange(len(p)), codes], tiny, 1 - tiny)
        self._means = np.stack([_squared_errors(codes, p), -np.log(chosen)], axis=1)
        self._rankings = [_Ranking(codes == c, p[:, c]) for c in ([1] if self._binary else range(k))]

    def __call__(self, counts: Floats) -> dict[str, Floats]:
        """Counts (b, m) -> each score of NAMES, shape (b,); NaN where it is undefined."""
        with np.errstate(invalid="ignore", divide="ignore"):
            brier, log_loss = (counts @ self._means / counts.sum(axis=1, keepdims=True)).T
            ranked = np.array([ranking(counts) for ranking in self._rankings])  # (classes, 2, b)
            roc_auc, average_precision = ranked.mean(axis=0)
            return {
                **self._of_labels(counts),
                "roc_auc": roc_auc,
                "average_precision": average_precision,
                "brier": brier,
                "log_loss": log_loss,
            }

    def _of_labels(self, counts: Floats) -> dict[str, Floats]:
        total = counts.sum(axis=1)
        hits, true, given = counts @ (self._truth * self._given), counts @ self._truth, counts @ self._given  # (b, k)
        right = hits.sum(axis=1)
        spread = (total**2 - (given**2).sum(axis=1)) * (total**2 - (true**2).sum(axis=1))
        covariance = right * total - (true * given).sum(axis=1)
        recall = hits / true
        return {
            "accuracy": right / total,
            "balanced_accuracy": _mean_of_known(recall),
            "precision": self._shown(hits / given),
            "recall": self._shown(recall),
            "f1": self._shown(2 * hits / (true + given)),
            "mcc": np.where(spread == 0, 0.0, covariance / np.sqrt(spread)),
        }

    def _shown(self, by_class: Floats) -> Floats:
        return by_class[:, 1] if self._binary else _mean_of_known(by_class)


def _mean_of_known(values: Floats) -> Floats:
    """The mean of each row (b, k) over what is not NaN; NaN where nothing is known."""
    known = ~np.isnan(values)
    mean: Floats = np.where(known, values, 0.0).sum(axis=1) / known.sum(axis=1)
    return mean


class _Ranking:
    """ROC AUC and average precision of one class against the rest; rows of equal probability share a step."""

    def __init__(self, positive: NDArray[np.bool_], p: Probabilities) -> None:
        self._order = np.argsort(-p, kind="stable")
        descending = p[self._order]
        self._steps = np.flatnonzero(np.append(True, descending[1:] != descending[:-1]))
        self._positive = positive[self._order].astype(np.float64)

    def __call__(self, counts: Floats) -> Floats:
        """Counts (b, m) -> ROC AUC and average precision, shape (2, b); NaN without positives or (ROC AUC) negatives."""
        ordered = counts[:, self._order]
        positive = np.add.reduceat(ordered * self._positive, self._steps, axis=1)
        negative = np.add.reduceat(ordered, self._steps, axis=1) - positive
        true, false = np.cumsum(positive, axis=1), np.cumsum(negative, axis=1)
        # A negative is ranked right against the positives of the steps before its own, and half against those of its own.
        roc_auc = (negative * (true - positive / 2)).sum(axis=1) / (true[:, -1] * false[:, -1])
        precision = np.where(true > 0, true / (true + false), 0.0)
        average_precision = (positive * precision).sum(axis=1) / true[:, -1]
        undefined = false[:, -1] == 0  # one class alone: no ranking, whatever average precision says
        return np.stack([roc_auc, np.where(undefined, np.nan, average_precision)])


def bootstrap(
    codes: Codes,
    answers: Sequence[Answer],
    resamples: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Floats]]:
    """For each answer the scores of NAMES, shape (resamples,), on the same resamples of the m rows, with replacement.

    Drawn by numpy's PCG64 with the seed; the numbers do not depend on how many resamples are held at a time.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    m = len(codes)
    weighted = [Weighted(codes, answer) for answer in answers]
    at_once = max(1, _BLOCK_VALUES // m)
    parts: list[list[dict[str, Floats]]] = []
    for start in range(0, resamples, at_once):
        b = min(at_once, resamples - start)
        drawn = generator.integers(m, size=(b, m), dtype=np.int64) + m * np.arange(b)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=b * m).reshape(b, m).astype(np.float64)
        parts.append([scores(counts) for scores in weighted])
        if progress:
            progress(start + b, resamples)
    return [{name: np.concatenate([part[i][name] for part in parts]) for name in NAMES} for i in range(len(answers))]


def interval(values: Floats, confidence: float) -> dict[str, Any]:
    """The percentile interval of resampled values (b,): `low`, `high`, and of how many the value is `undefined`.

    Both ends are None where the score is undefined on every resample.
    """
    known = values[~np.isnan(values)]
    ends = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2]).tolist() if len(known) else [None, None]
    return {"low": ends[0], "high": ends[1], "undefined": len(values) - len(known)}


def calibration(right: NDArray[np.bool_], p: Floats, bins: int = 10) -> dict[str, Any]:
    """How often what has probability p (m,) is so: bins of equal width, those of scikit-learn's `calibration_curve`.

    `expected_calibration_error` is the mean over rows of |observed - mean probability| of the row's bin.
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.searchsorted(edges[1:-1], p)
    rows = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(place, weights=p, minlength=bins) / rows
        observed = np.bincount(place, weights=right, minlength=bins) / rows
    gaps = np.where(rows > 0, np.abs(mean - observed), 0.0)
    return {
        "expected_calibration_error": float((gaps * rows).sum() / len(p)),
        "bins": [
            {
                "low": i / bins,
                "high": (i + 1) / bins,
                "rows": int(rows[i]),
                "mean_probability": float(mean[i]) if rows[i] else None,
                "observed": float(observed[i]) if rows[i] else None,
            }
            for i in range(bins)
        ],
    }


class Curve(NamedTuple):
    """One curve: x and y (points,), from its first point to its last."""

    x: Floats
    y: Floats


def curves(positive: NDArray[np.bool_], p: Probabilities) -> tuple[Curve, Curve]:
    """The ROC curve (false against true positive rate) and the precision-recall curve (recall against precision)."""
    from sklearn import metrics

    false_rate, true_rate, _ = metrics.roc_curve(positive, p)
    precision, recall, _ = metrics.precision_recall_curve(positive, p)
    return Curve(false_rate, true_rate), Curve(recall[::-1], precision[::-1])
