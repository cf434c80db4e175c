"""A head against labelled rows: scores with intervals, thresholds, groups. Embeddings and labels in, a plain object out.

The object is that of `plmhead evaluate --json`, but for the members that name files (schemas/evaluate.schema.json).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data import DECIMAL, INTEGER
from .errors import InputError
from .head import Head
from .metrics import (
    NAMES,
    Answer,
    Codes,
    Floats,
    bootstrap,
    calibration,
    finite_or_none,
    interval,
    label_scores,
    point_scores,
)

GRID = tuple(i / 10 for i in range(1, 10))
MAX_GROUPS = 64
#: Thresholds of assays that are listed; a config may hold many thousands.
MAX_ASSAYS = 64
MAX_SHOWN = 5
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made: percentiles over resamples of the rows."""

    resamples: int = 1000
    seed: int = 0
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not 1 <= self.resamples <= 1_000_000:
            raise InputError("ARGUMENT", "resamples", f"found {self.resamples}, expected 1 to 1000000")
        if not 0 <= self.seed < 2**63:
            raise InputError("ARGUMENT", "seed", f"found {self.seed}, expected 0 to 9223372036854775807")
        if not 0 < self.confidence < 1:
            raise InputError("ARGUMENT", "confidence", f"found {self.confidence}, expected a number between 0 and 1")

    def described(self) -> dict[str, Any]:
        """As JSON."""
        members = {"resamples": self.resamples, "seed": self.seed, "confidence": self.confidence}
        return {"method": "percentile", **members}


def evaluate(
    head: Head,
    X: NDArray[np.floating],
    codes: Codes,
    *,
    threshold: float | None = None,
    assay_type: str | None = None,
    groups: Sequence[str] | None = None,
    settings: Bootstrap | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Everything that can be said of a head on rows X (m, n) with true class codes (m,) (`class_codes`), m at least 1.

    `groups` names the group of each row, for scores of each. `progress(done, resamples)` is called while resampling.
    Raises InputError as `Head.predict`, DATA for too many groups; ImportError without scikit-learn.
    """
    settings = settings or Bootstrap()
    members = _members(groups)
    in_force = head.threshold_in_force(threshold, assay_type)
    z, p, labels = head.score_all(X, threshold, assay_type)
    answer = Answer(label_codes(head, labels), p)
    two = head.link == "logistic"
    resampled = bootstrap(codes, [answer], settings.resamples, settings.seed, progress)[0]
    return {
        "rows": len(codes),
        "rows_by_class": _counts(codes, p.shape[1]),
        "threshold": in_force if two else None,
        "assay_type": assay_type,
        "bootstrap": settings.described(),
        "scores": _with_intervals(point_scores(codes, answer), resampled, settings),
        "calibration": calibration(codes == 1, p[:, 1]) if two else _of_top_label(codes, p),
        "confusion": confusion(codes, answer.predicted, p.shape[1]),
        "thresholds": _thresholds(head, z, codes, threshold, assay_type) if two else None,
        "assays_left_out": max(0, len(head.assay_thresholds or {}) - MAX_ASSAYS),
        "by_class": None if two else _by_class(codes, answer),
        "groups": None if groups is None else [_of_group(*item, codes, answer, settings) for item in members.items()],
    }


def class_codes(texts: Sequence[tuple[int, str]], classes: NDArray[Any], where: str) -> Codes:
    """The index in `classes` of each label, given as (line number, text); numbers are compared as numbers.

    Raises InputError DATA that lists the labels that are no class of the head.
    """
    known: dict[Any, int] = {_key(str(label).strip(), classes): code for code, label in enumerate(classes.tolist())}
    if classes.dtype.kind == "U":  # as stored wins over what is equal but for white space around it
        known.update({label: code for code, label in enumerate(classes.tolist())})
    found = [known.get(text, known.get(_key(text.strip(), classes))) for _, text in texts]
    unknown = [(line, text) for (line, text), code in zip(texts, found, strict=True) if code is None]
    if unknown:
        shown = ", ".join(f"{text.strip()[:40]!r} on line {line}" for line, text in unknown[:MAX_SHOWN])
        expected = ", ".join(repr(label) for label in classes.tolist()[:MAX_SHOWN]) + ("…" if len(classes) > 5 else "")
        raise InputError(
            "DATA",
            where,
            f"found {len(unknown)} of {len(texts)} labels that are no class of this head ({shown}), expected {expected}",
        )
    return np.array(found, dtype=np.intp)


def _key(text: str, classes: NDArray[Any]) -> Any:
    """What two labels must share to be equal, by the type of the classes."""
    if classes.dtype.kind == "U":
        return text
    if classes.dtype.kind == "b":
        return text.lower()
    if INTEGER.fullmatch(text):
        return int(text) if len(text) <= 20 else None
    number = float(text) if DECIMAL.fullmatch(text) else 0.5
    return int(number) if number.is_integer() else None


def label_codes(head: Head, labels: NDArray[Any]) -> Codes:
    """The index in the head's classes of each of its own labels."""
    order = np.argsort(head.classes, kind="stable")
    codes: Codes = order[np.searchsorted(head.classes[order], labels)]
    return codes


def confusion(codes: Codes, predicted: Codes, k: int) -> list[list[int]]:
    """Counts: one row a true class, one column a predicted class."""
    counts: list[list[int]] = np.bincount(codes * k + predicted, minlength=k * k).reshape(k, k).tolist()
    return counts


def _counts(codes: Codes, k: int) -> list[int]:
    counts: list[int] = np.bincount(codes, minlength=k).tolist()
    return counts


def _with_intervals(
    values: dict[str, float | None], resampled: dict[str, Floats], settings: Bootstrap
) -> dict[str, dict[str, Any]]:
    return {name: {"value": values[name], **interval(resampled[name], settings.confidence)} for name in NAMES}


def _of_top_label(codes: Codes, p: Floats) -> dict[str, Any]:
    """Calibration of the most probable class: how often it is the true one."""
    return calibration(p.argmax(axis=1) == codes, p.max(axis=1))


def _thresholds(
    head: Head, z: Floats, codes: Codes, given: float | None, assay_type: str | None
) -> list[dict[str, Any]]:
    """What two classes become at the stored threshold, one that the caller gave, the first assays' and a grid."""
    assays = list((head.assay_thresholds or {}).items())
    assays.sort(key=lambda item: item[0] != assay_type)  # the one in force is listed in any case
    listed = {name for name, _ in assays[:MAX_ASSAYS]}
    asked: list[tuple[str, str | None, float]] = [("stored", None, 0.5 if head.threshold is None else head.threshold)]
    asked += [] if given is None else [("given", None, float(given))]
    asked += [("assay", name, value) for name, value in (head.assay_thresholds or {}).items() if name in listed]
    asked += [("grid", None, value) for value in GRID]
    scores = {value: _at_threshold(head, z, codes, value) for value in {value for _, _, value in asked}}
    return [{"kind": kind, "assay_type": assay, "threshold": value, **scores[value]} for kind, assay, value in asked]


def _at_threshold(head: Head, z: Floats, codes: Codes, threshold: float) -> dict[str, Any]:
    predicted = label_codes(head, head._labels(z, threshold))
    counts = confusion(codes, predicted, 2)
    negatives = sum(counts[0])
    return {
        "confusion": counts,
        **label_scores(codes, predicted, 2),
        "specificity": counts[0][0] / negatives if negatives else None,
    }


def _by_class(codes: Codes, answer: Answer) -> list[dict[str, Any]]:
    """Each class against the rest, in the order of the head's classes."""
    from sklearn import metrics

    predicted, p = answer
    k = p.shape[1]
    parts = metrics.precision_recall_fscore_support(codes, predicted, labels=np.arange(k), zero_division=np.nan)
    rows = []
    for c, (precision, recall, f1, support) in enumerate(zip(*parts, strict=True)):
        ranked = 0 < support < len(codes)
        rows.append(
            {
                "rows": int(support),
                "precision": finite_or_none(precision),
                "recall": finite_or_none(recall),
                "f1": finite_or_none(f1),
                "roc_auc": float(metrics.roc_auc_score(codes == c, p[:, c])) if ranked else None,
                "average_precision": float(metrics.average_precision_score(codes == c, p[:, c])) if ranked else None,
            }
        )
    return rows


def _members(groups: Sequence[str] | None) -> dict[str, NDArray[np.intp]]:
    """The rows of each group, the largest first."""
    if groups is None:
        return {}
    names, place = np.unique(np.array(groups, dtype=np.str_), return_inverse=True)
    if len(names) > MAX_GROUPS:
        message = f"found {len(names)} groups in {len(groups)} rows, expected at most {MAX_GROUPS}"
        raise InputError("DATA", "groups", message, "name a column of few values")
    sizes = np.bincount(place)
    order = sorted(range(len(names)), key=lambda i: (-sizes[i], names[i]))
    return {str(names[i]): np.flatnonzero(place == i) for i in order}


def _of_group(name: str, rows: NDArray[np.intp], codes: Codes, answer: Answer, settings: Bootstrap) -> dict[str, Any]:
    part = Answer(answer.predicted[rows], answer.probabilities[rows])
    resampled = bootstrap(codes[rows], [part], settings.resamples, settings.seed)[0]
    return {
        "group": name,
        "rows": len(rows),
        "rows_by_class": _counts(codes[rows], part.probabilities.shape[1]),
        "scores": _with_intervals(point_scores(codes[rows], part), resampled, settings),
    }
