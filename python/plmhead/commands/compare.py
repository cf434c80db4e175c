"""`compare`: two heads side by side."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..head import Head, load, pair_paths
from .dataset import Rows, add_bootstrap_options, add_data_options, features, read_rows
from .evaluate import between, need_scikit_learn, number, table
from .terminal import compact, progress

#: The exit code where the two heads can answer differently.
DIFFERENT = 3
_MAX_LISTED = 20
_MAX_WIDTH = 60


def run_compare(options: argparse.Namespace) -> int:
    from ..compare import compare_metadata, compare_weights, same_outputs

    a, b = load(options.artifact), load(options.other)
    found = {
        "a": _described(options.artifact, a),
        "b": _described(options.other, b),
        "differs": same_outputs(a, b),
        "weights": compare_weights(a, b),
        "metadata": compare_metadata(a.config, b.config),
        "data": None,
        "outputs": None,
    }
    if options.data or options.embeddings:
        rows = read_rows(a, options, need_labels=bool(options.data) and not options.unlabelled)
        found["data"] = {**rows.described(), "labelled": rows.labels is not None}
        found["outputs"] = _outputs(a, b, rows, options)
    if options.json:
        print(compact(found))
    else:
        print("\n".join(report(found)))
    return DIFFERENT if found["differs"] else 0


def _described(artifact: str, head: Head) -> dict[str, Any]:
    return {
        "name": pair_paths(artifact)[0].stem,
        "format_version": head.format_version,
        "npz_sha256": head.npz_sha256,
        "config_sha256": head.config.get("config_sha256"),
    }


def _outputs(a: Head, b: Head, rows: Rows, options: argparse.Namespace) -> dict[str, Any]:
    from ..compare import compare_scores, same_contract
    from ..evaluate import Bootstrap, class_codes

    settings = Bootstrap(options.resamples, options.seed, options.confidence)
    codes = None
    if rows.labels is not None:
        need_scikit_learn()
        codes = class_codes(rows.labels, a.classes, Path(options.labels or options.data).name)
    X = features(a, rows, options)
    inputs = (X, X if rows.sequences is None or same_contract(a, b) else features(b, rows, options))
    return compare_scores(a, b, inputs, codes, settings, progress("bootstrap"))


def report(found: dict[str, Any]) -> Iterator[str]:
    """The object of `compare --json`, for people."""
    yield f"a: {compact(found['a']['name'])}, b: {compact(found['b']['name'])}"
    differs = ", ".join(found["differs"])
    yield f"they can answer differently: {differs}" if differs else "they answer alike: nothing that scores differs"
    yield from _weights(found["weights"])
    yield from _metadata(found["metadata"])
    if found["outputs"]:
        yield from _of_rows(found["outputs"], found["data"]["file"])


def _weights(weights: dict[str, Any] | None) -> Iterator[str]:
    yield ""
    if weights is None:
        yield "weights: not comparable, since shape or classes differ"
        return
    row, column = weights["coef_max_difference_at"]
    cosine = weights["cosine"]
    known = [value for value in cosine if value is not None]
    shown = "undefined" if not known else f"{min(known):.6f}" + (" (least of the rows)" if len(cosine) > 1 else "")
    yield "weights:"
    yield f"  coef        largest difference {_short(weights['coef_max_difference'])} at row {row}, feature {column}"
    yield f"              largest coefficient {weights['coef_largest']:.3g}, cosine {shown}"
    yield f"  intercept   largest difference {_short(weights['intercept_max_difference'])}"


def _short(value: float | None) -> str:
    return "beyond binary64" if value is None else f"{value:.3g}"


def _metadata(metadata: dict[str, Any]) -> Iterator[str]:
    yield ""
    differences = metadata["differences"]
    if not differences:
        yield "metadata: the same"
        return
    yield f"metadata: {len(differences)} differences"
    rows = [[compact(item["pointer"])[1:-1], *(_side(item, side) for side in "ab")] for item in differences]
    yield from (f"  {line}" for line in table(["pointer", "a", "b"], rows, left=3))


def _side(item: dict[str, Any], side: str) -> str:
    if side not in item:
        return "absent"
    text = compact(item[side])
    return text if len(text) <= _MAX_WIDTH else text[: _MAX_WIDTH - 1] + "…"


def _of_rows(outputs: dict[str, Any], file: str) -> Iterator[str]:
    yield ""
    yield f"on {compact(file)}, {outputs['rows']} rows:"
    largest, mean = outputs["probability_max_difference"], outputs["probability_mean_difference"]
    yield f"  probabilities: largest difference {largest:.3g}, mean {mean:.3g}"
    yield f"  decisions: largest difference {_short(outputs['decision_max_difference'])}"
    yield f"  labels: {outputs['flips']} flipped"
    flipped = outputs["flipped"][:_MAX_LISTED]
    if flipped:
        cells = [[str(item["row"]), *(_label(item[side]) for side in "ab")] for item in flipped]
        yield from (f"    {line}" for line in table(["row", "a", "b"], cells))
        if outputs["flips"] > len(flipped):
            yield f"    and {outputs['flips'] - len(flipped)} more"
    if outputs["scores"]:
        yield ""
        lines = [
            [name, number(score["a"]), number(score["b"]), number(score["difference"]), between(score)]
            for name, score in outputs["scores"].items()
        ]
        yield from (f"  {line}" for line in table(["", "a", "b", "b - a", "interval of b - a"], lines))


def _label(side: dict[str, Any]) -> str:
    return f"{compact(side['label'])} ({side['probability']:.4f})"


def add(command: Any) -> None:
    """Declares the verb."""
    parser = command("compare", run_compare, "show where two heads differ: weights, metadata, scores on the same rows")
    parser.add_argument("other", metavar="OTHER", help="the second artifact")
    add_data_options(parser, groups=False)
    parser.add_argument("--unlabelled", action="store_true", help="the rows of --data have no labels")
    add_bootstrap_options(parser)
    parser.add_argument("--json", action="store_true", help="one line, one object")
