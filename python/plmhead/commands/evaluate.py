"""`evaluate`: a head against labelled rows."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..head import Head, load, pair_paths
from ..metrics import Codes
from .dataset import add_bootstrap_options, add_data_options, features, read_rows
from .terminal import add_threshold_options, compact, progress


def evaluated(head: Head, options: argparse.Namespace) -> tuple[dict[str, Any], Codes, NDArray[np.floating]]:
    """The object of `plmhead evaluate --json`, the true class codes (m,) and the embeddings (m, n).

    Raises InputError of what the options name, ImportError.
    """
    from ..evaluate import Bootstrap, class_codes, evaluate

    settings = Bootstrap(options.resamples, options.seed, options.confidence)
    head.threshold_in_force(options.threshold, options.assay_type)  # a bad threshold is said before any embedding
    need_scikit_learn()
    rows = read_rows(head, options)
    assert rows.labels is not None
    codes = class_codes(rows.labels, head.classes, Path(options.labels or options.data).name)
    X = features(head, rows, options)
    found = evaluate(
        head,
        X,
        codes,
        threshold=options.threshold,
        assay_type=options.assay_type,
        groups=rows.groups,
        settings=settings,
        progress=progress("bootstrap"),
    )
    about = {
        "name": pair_paths(options.artifact)[0].stem,
        "npz_sha256": head.npz_sha256,
        "link": head.link,
        "classes": head.classes.tolist(),
        "data": {**rows.described(), "group_column": options.group_column},
    }
    return {**about, **found}, codes, X


def need_scikit_learn() -> None:
    """Said before the embedding, not after it. Raises ImportError."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise ImportError("scores need scikit-learn: pip install 'plmhead[evaluate]'") from None


def run_evaluate(options: argparse.Namespace) -> None:
    found, _, _ = evaluated(load(options.artifact), options)
    if options.json:
        print(compact(found))
        return
    for line in report(found):
        print(line)


def report(found: dict[str, Any]) -> Iterator[str]:
    """The object of `evaluated`, for people."""
    labels = [compact(label) for label in found["classes"]]
    by_class = ", ".join(f"{label}: {rows}" for label, rows in zip(labels, found["rows_by_class"], strict=True))
    at = "" if found["threshold"] is None else f"; labels at threshold {found['threshold']}"
    at += f" (assay type {compact(found['assay_type'])})" if found["assay_type"] else ""
    yield f"{compact(found['name'])} on {compact(found['data']['file'])}: {found['rows']} rows ({by_class}){at}"
    yield ""
    yield from table(["", "value", f"{100 * found['bootstrap']['confidence']:g} % interval"], _score_rows(found))
    if found["thresholds"]:
        yield ""
        counted = ("recall", "specificity", "precision", "f1", "mcc")
        header = ["threshold", "", *counted, *("tn", "fp", "fn", "tp")]
        yield from table(header, [_threshold_row(row, counted) for row in found["thresholds"]])
    if found["assays_left_out"]:
        yield f"{found['assays_left_out']} more assays are not listed; --assay-type NAME lists one"
    if found["by_class"]:
        yield ""
        names = ("precision", "recall", "f1", "roc_auc", "average_precision")
        lines = [
            [label, str(row["rows"]), *(number(row[name]) for name in names)]
            for label, row in zip(labels, found["by_class"], strict=True)
        ]
        yield from table(["class", "rows", *names], lines)
    if found["groups"] is not None:
        yield ""
        yield from table(["group", "rows", *_OF_GROUPS], [_group_row(group) for group in found["groups"]])
    yield ""
    boot = found["bootstrap"]
    yield f"intervals: percentile bootstrap, {boot['resamples']} resamples of the rows, seed {boot['seed']}"


_OF_GROUPS = ("accuracy", "recall", "precision", "roc_auc", "brier")


def _score_rows(found: dict[str, Any]) -> list[list[str]]:
    rows = [[name, number(score["value"]), between(score)] for name, score in found["scores"].items()]
    return [*rows, ["expected_calibration_error", number(found["calibration"]["expected_calibration_error"]), ""]]


def _threshold_row(row: dict[str, Any], names: Sequence[str]) -> list[str]:
    kind = compact(row["assay_type"]) if row["kind"] == "assay" else row["kind"].replace("grid", "")
    counts = [str(count) for pair in row["confusion"] for count in pair]
    return [f"{row['threshold']:g}", kind, *(number(row[name]) for name in names), *counts]


def _group_row(group: dict[str, Any]) -> list[str]:
    scores = group["scores"]
    cells = [_with_interval(scores[name]) for name in _OF_GROUPS]
    return [compact(group["group"]), str(group["rows"]), *cells]


def _with_interval(score: dict[str, Any]) -> str:
    value = number(score["value"])
    return value if score["low"] is None else f"{value} ({between(score)})"


def number(value: float | None) -> str:
    """Four decimals, or a dash where a score is undefined."""
    return "-" if value is None else f"{value:.4f}"


def between(score: dict[str, Any]) -> str:
    """The ends of an interval."""
    return "-" if score["low"] is None else f"{score['low']:.4f} to {score['high']:.4f}"


def table(header: list[str], rows: list[list[str]], left: int = 1) -> Iterator[str]:
    """Lines of a table: the first `left` columns flush left, the others right. Texts out of files are made `compact` before."""
    widths = [max(len(line[i]) for line in [header, *rows]) for i in range(len(header))]
    for line in [header, *rows]:
        cells = [cell.ljust(widths[i]) if i < left else cell.rjust(widths[i]) for i, cell in enumerate(line)]
        yield "  ".join(cells).rstrip()


def add(command: Any) -> None:
    """Declares the verb."""
    parser = command("evaluate", run_evaluate, "score labelled rows, with intervals, by threshold and by group")
    add_data_options(parser)
    add_threshold_options(parser)
    add_bootstrap_options(parser)
    parser.add_argument("--json", action="store_true", help="one line, one object")
