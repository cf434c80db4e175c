"""Makes tests/fitted/MINOR/: estimators pickled by one scikit-learn, and what it says of them; run once with each.

    pip install scikit-learn==1.7.2 && python tools/make_fitted.py

Each NAME.pkl or NAME.joblib holds one fitted estimator. NAME.npz holds its arrays, and what that scikit-learn itself answered in float64 to
X: decision, probability. The tests load the pickles with the scikit-learn of the day, and convert them without one. They are ours:
no loader of the project reads a pickle.
"""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "fitted"
VERSION = tuple(map(int, sklearn.__version__.split(".")[:2]))
ARRAYS = ("coef_", "intercept_", "classes_", "n_iter_", "mean_", "scale_")


def models() -> dict[str, tuple[Any, str, type]]:
    """Name to unfitted model, labels and dtype of X."""
    scaled = make_pipeline(
        StandardScaler(), LogisticRegression(C=np.float64(0.5), class_weight={0: 1, 1: np.float64(2)})
    )
    cross = {"Cs": 3, "cv": StratifiedKFold(3)}
    found = {
        "two_default": (LogisticRegression(), "two", np.float64),
        "two_float32": (LogisticRegression(random_state=7), "two", np.float32),
        "two_scaled": (scaled, "two", np.float64),
        "two_not_centred": (make_pipeline(StandardScaler(with_mean=False), LogisticRegression()), "two", np.float64),
        "two_liblinear": (LogisticRegression(solver="liblinear"), "two", np.float64),
        "two_strings": (LogisticRegression(class_weight="balanced"), "words", np.float64),
        "two_objects": (LogisticRegression(), "objects", np.float64),
        "two_bools": (LogisticRegression(), "bools", np.float64),
        "three_default": (LogisticRegression(), "three", np.float64),
        "three_saga": (LogisticRegression(solver="saga", max_iter=300, random_state=0), "three", np.float64),
    }
    if VERSION >= (1, 9):
        cross |= {"use_legacy_attributes": False, "scoring": "accuracy", "l1_ratios": (0.0,)}
    found["two_cross_validated"] = (LogisticRegressionCV(**cross), "two", np.float64)
    found["three_cross_validated"] = (LogisticRegressionCV(**cross), "three", np.float64)
    if VERSION < (1, 8):
        for multi_class in ("multinomial", "ovr", "auto"):
            for labels in ("two", "three"):
                model = LogisticRegression(multi_class=multi_class)
                found[f"{labels}_{multi_class}"] = (model, labels, np.float64)
        model = make_pipeline(StandardScaler(), LogisticRegression(multi_class="multinomial"))
        found["two_multinomial_scaled"] = (model, "two", np.float64)
        found["three_liblinear"] = (LogisticRegression(solver="liblinear"), "three", np.float64)
    return found


def main() -> None:
    warnings.simplefilter("ignore")
    folder = FOLDER / "{}_{}".format(*VERSION)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(17)
    X = rng.normal(size=(48, 6)) * 2 + 1
    two = (X[:, 0] + rng.normal(size=48) > 1).astype(int)
    labels = {
        "two": two,
        "three": rng.integers(0, 3, 48),
        "words": np.array(["clean", "polyreactive"])[two],
        "objects": np.array(["clean", "polyréactif"], dtype=object)[two],
        "bools": two.astype(bool),
    }
    for name, (model, kind, dtype) in models().items():
        model.fit(X.astype(dtype), labels[kind])
        write(folder / name, model, X)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        model = models()["two_scaled"][0].fit(X, two)
        (folder / f"protocol_{protocol}.pkl").write_bytes(pickle.dumps(model, protocol=protocol))
    for name, compress in (("plain", 0), ("zlib", ("zlib", 3)), ("gzip", ("gzip", 3))):
        joblib.dump(models()["two_objects"][0].fit(X, labels["objects"]), folder / f"{name}.joblib", compress=compress)


def write(path: Path, model: Any, X: np.ndarray) -> None:
    path.with_suffix(".pkl").write_bytes(pickle.dumps(model, protocol=4))
    parts = [step for _, step in model.steps] if hasattr(model, "steps") else [model]
    held = {name: getattr(part, name) for part in parts for name in ARRAYS if getattr(part, name, None) is not None}
    held["classes_"] = np.array(held["classes_"].tolist())  # an array of objects would be a pickle
    np.savez(path, X=X, decision=model.decision_function(X), probability=model.predict_proba(X), **held)


if __name__ == "__main__":
    main()
