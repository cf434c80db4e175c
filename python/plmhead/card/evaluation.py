"""The section that needs labelled rows: scores, plots, thresholds, confusion matrices, groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..head import Head
from ..metrics import Answer, Codes, Curve, curves
from . import plots
from .about import MAX_LISTED, SCORES, labels, number
from .document import Block, Code, Figure, Figures, Inline, Matrices, Matrix, Paragraph, Section, Table, Text

MAX_MATRIX = 12


class Evaluated(NamedTuple):
    """What `plmhead evaluate` says (`found`), and what it said it of: true codes (m,) and the head's answer."""

    found: dict[str, Any]
    codes: Codes
    answer: Answer


def section(head: Head, evaluated: Evaluated | None) -> Section:
    """The evaluation, or that there is none."""
    if evaluated is None:
        command = Code("plmhead card NAME --data FILE.csv")
        parts: tuple[Inline, ...] = ("None is part of this card. ", command, " adds scores, curves and calibration.")
        return Section("Evaluation", "evaluation", (Paragraph(parts, warning=True),))
    return Section("Evaluation", "evaluation", tuple(_blocks(head, evaluated)))


def _blocks(head: Head, evaluated: Evaluated) -> Iterator[Block]:
    found = evaluated.found
    names = labels(head)
    yield Paragraph(_of_what(found, names))
    if found["data"]["sha256"] == head.config.get("training", {}).get("dataset_sha256"):
        text = "These are the rows that it was trained on: the scores below say nothing of new sequences."
        yield Paragraph(text, warning=True)
    yield _scores(found)
    yield Figures(tuple(figures(head, evaluated)))
    if head.link == "logistic":
        yield _thresholds(found)
        yield Matrices(tuple(_matrices(found, names)))
    else:
        if len(names) <= MAX_MATRIX:
            yield Matrices((Matrix("Confusion matrix", tuple(names), _counts(found["confusion"])),))
        yield _by_class(found, names)
    if found["groups"] is not None:
        yield _groups(found)


def _of_what(found: dict[str, Any], names: list[str]) -> Text:
    parts: list[Inline] = ["On ", Code(found["data"]["file"]), f", {found['rows']:,} rows ("]
    for i, (name, rows) in enumerate(zip(names[:MAX_LISTED], found["rows_by_class"], strict=False)):
        parts += [", " if i else "", Code(name), f": {rows:,}"]
    parts.append("; …)" if len(names) > MAX_LISTED else ")")
    if found["threshold"] is not None:
        parts.append(f", labels at threshold {found['threshold']:g}")
    boot = found["bootstrap"]
    parts.append(
        f". Scores are scikit-learn's; intervals hold {100 * boot['confidence']:g} % of {boot['resamples']:,} bootstrap "
        f"resamples of the rows (percentiles, seed {boot['seed']})."
    )
    return tuple(parts)


def _scores(found: dict[str, Any]) -> Table:
    rows: list[tuple[Text, ...]] = [
        (SCORES[name], number(score["value"]), _interval(score)) for name, score in found["scores"].items()
    ]
    rows.append(("expected calibration error", number(found["calibration"]["expected_calibration_error"]), ""))
    interval = f"{100 * found['bootstrap']['confidence']:g} % interval"
    return Table("Scores", ("score", "value", interval), tuple(rows))


def _interval(score: dict[str, Any]) -> str:
    return "–" if score["low"] is None else f"{score['low']:.3f} to {score['high']:.3f}"


def _with_interval(score: dict[str, Any]) -> str:
    value = number(score["value"])
    return value if score["low"] is None else f"{value} ({_interval(score)})"


def _thresholds(found: dict[str, Any]) -> Table:
    """One row a distinct threshold, in rising order."""
    names = ("recall", "specificity", "precision", "f1", "mcc")
    by_value: dict[float, list[dict[str, Any]]] = {}
    for row in found["thresholds"]:
        by_value.setdefault(row["threshold"], []).append(row)
    rows: list[tuple[Text, ...]] = []
    for value in sorted(by_value):
        of = [row for row in by_value[value] if row["kind"] != "grid"]
        rows.append((f"{value:g}", _owners(of), *(number(by_value[value][0][name]) for name in names)))
    header = ("threshold", "whose", "recall", "specificity", "precision", "F1", "Matthews correlation")
    return Table("Thresholds", header, tuple(rows), left=2)


def _whose(row: dict[str, Any]) -> Text:
    if row["kind"] == "assay":
        return ("assay type ", Code(row["assay_type"]))
    return str(row["kind"])


def _matrices(found: dict[str, Any], names: list[str]) -> Iterator[Matrix]:
    """One for each distinct threshold that somebody set."""
    for letter, threshold, rows in set_thresholds(found):
        yield Matrix(
            (f"{letter}: threshold {threshold:g}, ", *_owners(rows)), tuple(names), _counts(rows[0]["confusion"])
        )


def _counts(confusion: list[list[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in confusion)


def set_thresholds(found: dict[str, Any]) -> list[tuple[str, float, list[dict[str, Any]]]]:
    """(letter, threshold, its rows of the table) of each distinct threshold but those of the grid, in rising order."""
    by_value: dict[float, list[dict[str, Any]]] = {}
    for row in found["thresholds"] or []:
        if row["kind"] != "grid":
            by_value.setdefault(row["threshold"], []).append(row)
    return [(_letter(i), value, by_value[value]) for i, value in enumerate(sorted(by_value))]


def _letter(i: int) -> str:
    return chr(ord("A") + i) if i < 26 else f"A{i - 25}"


def _owners(rows: list[dict[str, Any]]) -> tuple[Inline, ...]:
    parts: list[Inline] = []
    for row in rows:
        whose = _whose(row)
        parts += [", "] if parts else []
        parts += whose if isinstance(whose, tuple) else [whose]
    return tuple(parts)


def _by_class(found: dict[str, Any], names: list[str]) -> Table:
    columns = ("precision", "recall", "f1", "roc_auc", "average_precision")
    rows: list[tuple[Text, ...]] = [
        (Code(name), f"{row['rows']:,}", *(number(row[column]) for column in columns))
        for name, row in zip(names, found["by_class"], strict=True)
    ]
    header = ("class", "rows", *(SCORES[column] for column in columns))
    caption = "Each class against the rest"
    if len(rows) > 100:
        caption, rows = f"{caption}, the first 100 of {len(rows)}", rows[:100]
    return Table(caption, header, tuple(rows))


def _groups(found: dict[str, Any]) -> Table:
    columns = ("accuracy", "recall", "roc_auc", "brier")  # as many as a screen shows with their intervals
    rows: list[tuple[Text, ...]] = []
    for group in found["groups"]:
        scores = group["scores"]
        cells = [_with_interval(scores[name]) for name in columns]
        rows.append((Code(group["group"]), f"{group['rows']:,}", *cells))
    return Table("Groups of rows", ("group", "rows", *(SCORES[column] for column in columns)), tuple(rows))


# --- figures


def figures(head: Head, evaluated: Evaluated) -> Iterator[Figure]:
    """ROC, precision-recall, calibration, histogram; those of them that the rows allow."""
    found, codes, (_, p) = evaluated
    names = labels(head)
    two = head.link == "logistic"
    marks = [_mark(*item) for item in set_thresholds(found)]
    shown = [c for c in ([1] if two else range(len(names))) if 0 < int((codes == c).sum()) < len(codes)]
    if shown and len(shown) <= plots.SERIES:
        drawn = [curves(codes == c, p[:, c]) for c in shown]
        keys = tuple((f"line{i}", Code(names[c])) for i, c in enumerate(shown)) if not two else ()
        legend = (*keys, *(_legend(found)))
        yield _roc(found, [curve for curve, _ in drawn], marks, legend, two)
        shares = [float((codes == c).mean()) for c in shown]
        yield _precision_recall(found, [curve for _, curve in drawn], shares, marks, legend, two)
    yield _calibration(found, two)
    yield _histogram(evaluated, names, marks, two)


def _mark(letter: str, threshold: float, rows: list[dict[str, Any]]) -> plots.Mark:
    row = rows[0]
    specificity = row["specificity"]
    false_rate = None if specificity is None else 1 - specificity
    return plots.Mark(letter, threshold, false_rate, row["recall"], row["precision"])


def _legend(found: dict[str, Any]) -> list[tuple[str, Text]]:
    return [(letter, (f"threshold {value:g}, ", *_owners(rows))) for letter, value, rows in set_thresholds(found)]


def _roc(
    found: dict[str, Any], drawn: list[Curve], marks: list[plots.Mark], legend: tuple[tuple[str, Text], ...], two: bool
) -> Figure:
    words = f"Area under the curve {number(found['scores']['roc_auc']['value'])}"
    words += "." if two else ", mean of one curve a class against the rest."
    for mark in marks:
        if mark.true_rate is not None and mark.false_rate is not None:
            words += f" At {mark.letter}: true positive rate {mark.true_rate:.2f}, false positive rate {mark.false_rate:.2f}."
    return Figure("ROC curve", plots.roc(drawn, marks), words, legend)


def _precision_recall(
    found: dict[str, Any],
    drawn: list[Curve],
    shares: list[float],
    marks: list[plots.Mark],
    legend: tuple[tuple[str, Text], ...],
    two: bool,
) -> Figure:
    words = f"Average precision {number(found['scores']['average_precision']['value'])}"
    if two:
        words += f"; the dotted line, {shares[0]:.3f}, is the share of the class in the rows, which guessing reaches."
    else:
        words += ", mean over the classes; dotted lines are their shares of the rows, which guessing reaches."
    return Figure("Precision and recall", plots.precision_recall(drawn, shares, marks), words, legend)


def _calibration(found: dict[str, Any], two: bool) -> Figure:
    from scipy.stats import binomtest

    confidence = found["bootstrap"]["confidence"]
    bins = [one for one in found["calibration"]["bins"] if one["rows"]]
    ends = []
    for one in bins:
        test = binomtest(round(one["observed"] * one["rows"]), one["rows"])
        low, high = test.proportion_ci(confidence, method="wilson")
        ends.append((float(low), float(high)))
    of = "class 1" if two else "the most probable class"
    words = (
        f"How often a probability of {of} came true, in {len(bins)} filled bins of width 0.1; on the dotted line it "
        f"is as often as it says. Larger points stand for more rows; bars are {100 * confidence:g} % Wilson intervals. "
        f"Expected calibration error {found['calibration']['expected_calibration_error']:.3f}."
    )
    return Figure("Calibration", plots.calibration(bins, ends), words)


def _histogram(evaluated: Evaluated, names: list[str], marks: list[plots.Mark], two: bool) -> Figure:
    found, codes, (_, p) = evaluated
    if two:
        above, below = p[codes == 1, 1], p[codes == 0, 1]
        words = "Probabilities of class 1, as shares of the rows of each true class"
        keys: tuple[tuple[str, Text], ...] = (
            ("s0", (Code(names[1]), f", above: {len(above):,} rows")),
            ("s1", (Code(names[0]), f", below: {len(below):,} rows")),
        )
    else:
        top = p.max(axis=1)
        right = p.argmax(axis=1) == codes
        above, below = top[right], top[~right]
        words = "Probabilities of the most probable class, as shares of the right and of the wrong ones"
        keys = (("s0", f"right, above: {len(above):,} rows"), ("s1", f"wrong, below: {len(below):,} rows"))
    medians = " and ".join(f"{np.median(values):.2f}" for values in (above, below) if len(values))
    words += f"; medians {medians}." + (" Dashed lines are the thresholds." if marks else "")
    return Figure("Score histogram", plots.histogram(above, below, marks), words, (*keys, *_legend(found)))
