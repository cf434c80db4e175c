"""Makes the gold of this writer version: `python -m tools.make_gold`. It is made once for a release, kept for ever, and never made anew.

`conformance/gold/` is a suite of its own, in the form of conformance/README.md. `plmhead.save` writes its pairs under each scikit-learn
that is supported, and each case says what that scikit-learn answered itself. Each scikit-learn gets an environment of its own,
which is thrown away afterwards. A folder that is there is left alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from conformance import run
from conformance.fitted import LABELS, bits_of, data
from conformance.frozen import differences, read_pair
from conformance.ieee import HALF, hex16
from conformance.pair import Pair
from conformance.suite import Case, Predict, Rows, Suite, describe, manifest_bytes, manifest_entry, write_case

import plmhead

REPOSITORY = Path(__file__).resolve().parents[1]
GOLD = REPOSITORY / "conformance" / "gold"
#: Each scikit-learn with a numpy that it runs on: the oldest one with the oldest that is supported.
ENVIRONMENTS = {"1.5": "numpy==1.26.*", "1.6": "numpy==2.0.*", "1.7": "numpy", "1.8": "numpy", "1.9": "numpy"}
FEATURES, ROWS = 6, 3


class Model(NamedTuple):
    slug: str
    estimator: Any
    precision: str  # of the embeddings that it is fitted to: f4, f8
    labels: str
    classes: int = 2
    full: bool = False  # every member of the config that the writer can be told


def models(minor: str) -> Iterator[Model]:
    from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
    from sklearn.model_selection import StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    cross: dict[str, Any] = {"Cs": 3, "cv": StratifiedKFold(3)}
    if minor == "1.9":
        cross |= {"use_legacy_attributes": False, "scoring": "accuracy", "l1_ratios": (0.0,)}
    scaled = make_pipeline(StandardScaler(), LogisticRegression(C=0.5))
    yield Model("binary-f64", LogisticRegression(), "f8", "int")
    yield Model("binary-f32-full", LogisticRegression(class_weight="balanced", random_state=42), "f4", "str", full=True)
    yield Model("binary-liblinear", LogisticRegression(solver="liblinear"), "f8", "bool")
    yield Model("binary-cross-validated", LogisticRegressionCV(**cross), "f8", "float")
    yield Model("binary-scaled", scaled, "f4", "str")
    yield Model("three-f32", LogisticRegression(), "f4", "int", 3)
    yield Model("three-scaled", make_pipeline(StandardScaler(), LogisticRegression()), "f8", "str", 3)
    yield Model("version-0", LogisticRegression(max_iter=1000, random_state=42), "f8", "float")


def version_0(estimator: Any, version: str, path: Path) -> None:
    """The layout in which training code in the field publishes heads: numpy.savez, and twelve fields."""
    import numpy as np

    np.savez(
        path,
        coef=estimator.coef_,
        intercept=estimator.intercept_,
        classes=estimator.classes_,
        n_features_in=np.array([estimator.n_features_in_]),
        n_iter=estimator.n_iter_,
    )
    config = {
        "model_type": "LogisticRegression",
        "sklearn_version": version,
        "C": estimator.C,
        "penalty": "l2",  # scikit-learn 1.8 and later say "deprecated"
        **{name: getattr(estimator, name) for name in ("solver", "class_weight", "max_iter", "random_state")},
        "esm_model": "facebook/esm1v_t33_650M_UR90S_1",
        "esm_revision": "main",
        "batch_size": 8,
        "device": "cpu",
    }
    path.with_name(f"{path.name}_config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


def full_arguments(x: Any) -> dict[str, Any]:
    """Everything that `save` can be told."""
    from hostile.typical import CHECKPOINT, METRICS, TRAINING

    from plmhead.encode import declared_contract

    return {
        "embedding": declared_contract("esm2", CHECKPOINT, "main", FEATURES) | {"weights_sha256": "9f" * 32},
        "golden_embeddings": x[:6],
        "esm_revision": "main",
        "batch_size": 8,
        "device": "cuda:0",
        "threshold": 0.4,
        "assay_thresholds": {"ELISA": 0.5, "PSR": 0.5495},
        "metrics": METRICS,
        "training": TRAINING,
        "extensions": {"org.example.note": ["a note", 1]},
    }


def make(model: Model, group: str) -> Case:
    """Fits, writes, and records what scikit-learn says."""
    import numpy as np
    import sklearn

    x, y, rows = data(FEATURES, model.classes, model.precision, sum(model.slug.encode()))
    estimator = model.estimator.fit(x, np.array([LABELS[model.labels][c] for c in y]))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if model.slug == "version-0":
            version_0(estimator, sklearn.__version__, folder / "model")
        else:
            plmhead.save(estimator, folder / "model", quiet=True, **(full_arguments(x) if model.full else {}))
        pair = read_pair(folder)
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
    by = "numpy.savez" if pair.version == "0" else f"plmhead {plmhead.__version__}"
    why = f"written by {by} under scikit-learn {sklearn.__version__}, numpy {np.__version__}"
    case = Case(f"{group}/{model.slug}", {}, files)
    case.record = {"id": case.id, "kind": "accept", "clause": "section 14", "why": why, "describe": describe(pair)}
    predictions = predictions_of(model, rows[:ROWS])
    case.record["predictions"] = [Suite().prediction(case, i, pair, each) for i, each in enumerate(predictions)]
    case.record["scikit_learn"] = {"version": sklearn.__version__, **answers(estimator, x[:ROWS].astype("f8"), pair)}
    return case


def predictions_of(model: Model, rows: list[list[int]]) -> list[Predict]:
    """The first is what scikit-learn is asked too: in float64, at a threshold of 0.5."""
    if model.slug == "version-0":
        return [Predict(Rows(rows)), Predict(Rows(rows), None, "PSR")]
    if model.full:
        return [Predict(Rows(rows), HALF), Predict(Rows(rows, "f4")), Predict(Rows(rows), None, "PSR")]
    return [Predict(Rows(rows))]


def answers(estimator: Any, x: Any, pair: Pair) -> dict[str, Any]:
    """What scikit-learn itself says of the rows, and its arrays: bits."""
    *before, fitted = [step for _, step in estimator.steps] if hasattr(estimator, "steps") else [estimator]
    arrays = {"coef": fitted.coef_.ravel(), "intercept": fitted.intercept_}
    arrays |= {"mean": before[0].mean_, "scale": before[0].scale_} if before else {}
    labels = estimator.predict(x)
    return {
        "decision": [hex16(v) for v in bits_of(estimator.decision_function(x).ravel())],
        "probability": [hex16(v) for v in bits_of(estimator.predict_proba(x).ravel())],
        "labels": [pair.head.tagged(v) for v in (bits_of(labels) if labels.dtype.kind == "f" else labels.tolist())],
        "pipeline" if before else "arrays": {name: [hex16(v) for v in bits_of(each)] for name, each in arrays.items()},
    }


def group_of(minor: str) -> str:
    return f"{plmhead.__version__}/scikit-learn-{minor}"


def make_here() -> None:
    """The gold of the scikit-learn that is installed."""
    import sklearn

    minor = ".".join(sklearn.__version__.split(".")[:2])
    if (GOLD / "cases" / group_of(minor)).exists():
        raise SystemExit(f"gold: {group_of(minor)} is there, and gold is never made anew")
    warnings.simplefilter("ignore")
    for case in [make(model, group_of(minor)) for model in models(minor)]:
        write_case(case, GOLD)


def make_elsewhere(minor: str, numpy: str) -> None:
    """The gold of another scikit-learn, in an environment that is thrown away. It is checked before it is kept."""
    with tempfile.TemporaryDirectory() as place:
        python = Path(place, "bin", "python")
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"scikit-learn=={minor}.*", numpy], check=True)
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "python"), "OPENBLAS_NUM_THREADS": "1"}
        subprocess.run([python, "-m", "tools.make_gold", "--here"], cwd=REPOSITORY, env=environment, check=True)
    group = GOLD / "cases" / group_of(minor)
    wrong = [f"{folder.name}: {what}" for folder in sorted(group.iterdir()) for what in differences(folder)]
    if wrong:
        shutil.rmtree(group)
        raise SystemExit("gold: not as the oracle has it: " + ", ".join(wrong))


def listed() -> list[dict[str, Any]]:
    return run.load_manifest(GOLD) if (GOLD / "manifest.json").exists() else []


def list_new() -> None:
    """Adds what the manifest does not list yet; what it lists is as it was."""
    entries = listed()
    known = {entry["id"] for entry in entries}
    for path in sorted((GOLD / "cases").glob("*/*/*")):
        name = "/".join(path.parts[-3:])
        if name not in known:
            entries.append(manifest_entry(name, "accept", {file.name: file.read_bytes() for file in path.iterdir()}))
    (GOLD / "manifest.json").write_bytes(manifest_bytes(entries))


def main() -> int:
    if sys.argv[1:] == ["--here"]:
        make_here()
        return 0
    damaged = run.damage(GOLD, listed())
    if damaged:
        raise SystemExit("gold: " + ", ".join(damaged))
    due = [minor for minor in ENVIRONMENTS if not (GOLD / "cases" / group_of(minor)).exists()]
    if not due:
        raise SystemExit(f"gold: all of {plmhead.__version__} is there, and gold is never made anew")
    for minor in due:
        make_elsewhere(minor, ENVIRONMENTS[minor])
        list_new()
        print(f"gold: made {group_of(minor)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
