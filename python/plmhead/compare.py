"""Two heads side by side: weights, metadata, scores on the same rows. Heads and arrays in, a plain object out.

The object is that of `plmhead compare --json`, but for the members that name files (schemas/compare.schema.json).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .contract import COMPARED
from .errors import InputError
from .evaluate import Bootstrap, label_codes
from .head import Head
from .metrics import NAMES, Answer, Codes, Floats, bootstrap, finite_or_none, interval, point_scores

#: Members that follow from the others; where they differ, what they follow from differs too.
DERIVED = ("config_sha256", "npz_sha256", "self_test", "golden")
MAX_FLIPS = 100
_ABSENT = object()


def same_outputs(a: Head, b: Head) -> list[str]:
    """Why two loaders given equal embeddings could answer differently: the names of what differs, none for the same head.

    Some of `classes`, `link`, `n_features_in`, `coef`, `intercept`, `threshold`, `assay_thresholds`, `embedding`.
    """
    differing = []
    if _labels(a) != _labels(b):
        differing.append("classes")
    for name in ("link", "n_features_in"):
        if getattr(a, name) != getattr(b, name):
            differing.append(name)
    for name in ("coef", "intercept"):
        if not np.array_equal(getattr(a, name), getattr(b, name)):  # binary32 is widened, as in scoring
            differing.append(name)
    for name in ("threshold", "assay_thresholds"):
        if getattr(a, name) != getattr(b, name):
            differing.append(name)
    if not same_contract(a, b):
        differing.append("embedding")
    return differing


def _labels(head: Head) -> list[Any]:
    """1 and 1.0 are one label, true is another: as people read them."""
    return [(isinstance(label, bool), label) for label in head.classes.tolist()]


def same_contract(a: Head, b: Head) -> bool:
    """Whether both expect the embeddings of the same encoder, as far as their configs say."""
    return bool(_contract(a) == _contract(b))


def _contract(head: Head) -> Any:
    contract = head.config.get("embedding")
    return None if contract is None else {name: contract[name] for name in COMPARED}


def compare_weights(a: Head, b: Head) -> dict[str, Any] | None:
    """Differences of coefficients and intercepts, both as binary64; None where their shapes or the classes differ.

    `cosine` is that of the coefficients of each row, None where one of the two is zero.
    """
    if a.coef.shape != b.coef.shape or _labels(a) != _labels(b):
        return None
    first, second = a.coef.astype(np.float64), b.coef.astype(np.float64)
    with np.errstate(over="ignore"):  # beyond binary64: None
        difference = np.abs(first - second)
        intercepts = np.abs(a.intercept.astype(np.float64) - b.intercept.astype(np.float64))
    row, column = np.unravel_index(int(np.argmax(difference)), difference.shape)
    return {
        "coef_max_difference": finite_or_none(difference.max()),
        "coef_max_difference_at": [int(row), int(column)],
        "coef_largest": float(max(np.abs(first).max(), np.abs(second).max())),
        "intercept_max_difference": finite_or_none(intercepts.max()),
        "cosine": [_cosine(*rows) for rows in zip(first, second, strict=True)],
    }


def _cosine(a: Floats, b: Floats) -> float | None:
    if not a.any() or not b.any():
        return None
    # Scaled first: squares of the largest coefficients overflow, those of the smallest vanish.
    a, b = a / np.abs(a).max(), b / np.abs(b).max()
    return float(np.clip(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)), -1.0, 1.0))


def compare_metadata(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """Where two configs differ: `differences`, each a JSON pointer and the values (a member that one lacks is left out), and
    `derived`, the pointers of members that follow from others.
    """
    differences = list(_differences("", a, b))
    return {
        "differences": [item for item in differences if not _is_derived(item["pointer"])],
        "derived": [f"/{name}" for name in DERIVED if a.get(name, _ABSENT) != b.get(name, _ABSENT)],
    }


def _is_derived(pointer: str) -> bool:
    return pointer.split("/")[1] in DERIVED


def _differences(pointer: str, a: Any, b: Any) -> Iterator[dict[str, Any]]:
    if isinstance(a, dict) and isinstance(b, dict):
        for name in [*a, *(name for name in b if name not in a)]:
            inner = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            yield from _differences(inner, a.get(name, _ABSENT), b.get(name, _ABSENT))
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (first, second) in enumerate(zip(a, b, strict=True)):
            yield from _differences(f"{pointer}/{i}", first, second)
    elif a is _ABSENT or b is _ABSENT or _json_differs(a, b):
        yield {"pointer": pointer, **{side: value for side, value in (("a", a), ("b", b)) if value is not _ABSENT}}


def _json_differs(a: Any, b: Any) -> bool:
    return bool(a != b) or isinstance(a, bool) != isinstance(b, bool)


def compare_scores(
    a: Head,
    b: Head,
    inputs: tuple[NDArray[np.floating], NDArray[np.floating]],
    codes: Codes | None = None,
    settings: Bootstrap | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """What both heads say of the same m rows: inputs (m, n) of each, true class codes (m,) where they are known.

    Labels are those at each head's stored threshold. With `codes` each score of both, and the difference b - a with its
    interval over the same resamples. Raises InputError DATA for heads of other classes, and as `Head.predict`.
    """
    if _labels(a) != _labels(b):
        message = f"found the classes {_shown(a)} and {_shown(b)}, expected two heads of the same classes"
        raise InputError("DATA", "classes", message)
    (z_a, p_a, labels_a), (z_b, p_b, labels_b) = a.score_all(inputs[0]), b.score_all(inputs[1])
    answers = [Answer(label_codes(a, labels_a), p_a), Answer(label_codes(b, labels_b), p_b)]
    difference = np.abs(p_a - p_b)
    with np.errstate(over="ignore"):
        decisions = np.abs(z_a - z_b)
    return {
        "rows": len(p_a),
        "decision_max_difference": finite_or_none(decisions.max()),
        "probability_max_difference": float(difference.max()),
        "probability_mean_difference": float(difference.mean()),
        "probability_correlation": _correlation(p_a[:, 1], p_b[:, 1]) if a.link == "logistic" else None,
        **_flips(a, answers),
        "scores": None if codes is None else _paired(codes, answers, settings or Bootstrap(), progress),
    }


def _shown(head: Head) -> str:
    text = repr(head.classes.tolist())
    return text if len(text) <= 60 else text[:57] + "..."


def _correlation(a: Floats, b: Floats) -> float | None:
    if a.std() == 0 or b.std() == 0:
        return None
    return float(np.clip(np.corrcoef(a, b)[0, 1], -1.0, 1.0))


def _flips(head: Head, answers: list[Answer]) -> dict[str, Any]:
    """The rows whose label differs, of which the first are listed with their labels and the probability of that label."""
    a, b = answers
    rows = np.flatnonzero(a.predicted != b.predicted)
    names = head.classes.tolist()
    listed = [
        {
            "row": row,
            "a": {"label": names[a.predicted[row]], "probability": float(a.probabilities[row, a.predicted[row]])},
            "b": {"label": names[b.predicted[row]], "probability": float(b.probabilities[row, b.predicted[row]])},
        }
        for row in rows[:MAX_FLIPS].tolist()
    ]
    return {"flips": len(rows), "flipped": listed}


def _paired(
    codes: Codes, answers: list[Answer], settings: Bootstrap, progress: Callable[[int, int], None] | None
) -> dict[str, dict[str, Any]]:
    first, second = (point_scores(codes, answer) for answer in answers)
    resampled_a, resampled_b = bootstrap(codes, answers, settings.resamples, settings.seed, progress)
    paired = {}
    for name in NAMES:
        a, b = first[name], second[name]
        difference = None if a is None or b is None else b - a
        ends = interval(resampled_b[name] - resampled_a[name], settings.confidence)
        paired[name] = {"a": a, "b": b, "difference": difference, **ends}
    return paired
