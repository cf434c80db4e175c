"""Embeddings of several arithmetics, one head: how far its decisions move. Arrays in, numbers out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def moved(head: Any, wanted: Floats, found: Floats) -> dict[str, Any]:
    """Of embeddings (m, n) against those in float32: largest difference of a value, of decisions, and labels that flip.

    `shift_of_bound` is the largest |Δ decision| as a part of what the norms allow, ‖w‖ ‖Δ embedding‖.
    """
    before, after = head.decision_function(wanted), head.decision_function(found)
    shift = np.abs(after - before)
    bound = np.linalg.norm(head.coef.astype(np.float64)) * np.linalg.norm(found - wanted, axis=1, ord=2).astype(float)
    return {
        "value_largest": float(np.abs(found - wanted).max()),
        "decision_median": float(np.median(shift)),
        "decision_99": float(np.quantile(shift, 0.99)),
        "decision_largest": float(shift.max()),
        "shift_of_bound": float((shift / np.maximum(bound, 1e-30)).max()),
        "flips": int(((before > 0) != (after > 0)).sum()),
        "rows": len(shift),
    }


def roc_auc(head: Any, X: Floats, y: NDArray[Any]) -> float | None:
    """Of the decisions on embeddings (m, n) with labels (m,); None where there is one class alone."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(y, head.decision_function(X))) if len(np.unique(y)) == 2 else None


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    sets = [one["name"] for one in results["sets"] if one["role"] == "test"]
    columns = (
        *("encoder", "engine", "arithmetic", "largest Δ of a value"),
        *("Δ decision, median", "99 %", "largest", "flipped labels"),
        *(f"ROC AUC, {name}" for name in sets),
    )
    lines = [f"| {' | '.join(columns)} |", "|---|---|---|" + "---:|" * (len(columns) - 3)]
    for encoder in results["encoders"]:
        for row in encoder["rows"]:
            cells = [encoder["name"], row["engine"], row["arithmetic"], f"{row['value_largest']:.1e}"]
            cells += [f"{row[key]:.1e}" for key in ("decision_median", "decision_99", "decision_largest")]
            cells.append(f"{row['flips']} of {row['rows']}")
            cells += [f"{row['roc_auc'][name]:.4f}" if row["roc_auc"][name] is not None else "" for name in sets]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([caption(results), "", *lines])


def caption(results: dict[str, Any]) -> str:
    """What was measured, on what."""
    sets = ", ".join(f"{one['name']} ({one['rows']}, {one['role']})" for one in results["sets"])
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    spread = "; ".join(f"{one['name']} {one['decision_deviation']:.2g}" for one in results["encoders"])
    return (
        f"Measured {results['date']} on {results['processor']} with {versions}. Sequences: {sets}. "
        f"Standard deviation of the decisions in float32: {spread}."
    )


def between_markers(page: str, text: str) -> str:
    """The page with other text between its markers. Raises ValueError where it has not exactly one pair of them."""
    begin, end = "<!-- precision: begin -->\n", "<!-- precision: end -->"
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        raise ValueError(f"expected one pair of markers, {begin.strip()} and {end}")
    head, rest = page.split(begin)
    return f"{head}{begin}\n{text}\n\n{end}{rest.split(end)[1]}"
