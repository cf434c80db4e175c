"""Makes tests/fitted_by_1_7/*.pkl; run with scikit-learn 1.7.2, the last minor version that honours `multi_class`.

    pip install scikit-learn==1.7.2 && python tools/make_fitted_by_1_7.py

Each pickle holds a fitted estimator and what that scikit-learn itself answered in float64, as (estimator, X, decision, probability).
The tests load them with the scikit-learn of the day. They are ours: no loader of the project reads a pickle.
"""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "fitted_by_1_7"


def main() -> None:
    if not sklearn.__version__.startswith("1.7."):
        raise SystemExit(f"found scikit-learn {sklearn.__version__}, expected 1.7")
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(17)
    X = rng.normal(size=(120, 12)) * 2 + 1
    two, three = (X[:, 0] + rng.normal(size=120) > 1).astype(int), rng.integers(0, 3, 120)
    models = {
        "two_multinomial": (LogisticRegression(multi_class="multinomial"), two),
        "two_multinomial_scaled": (make_pipeline(StandardScaler(), LogisticRegression(multi_class="multinomial")), two),
        "two_ovr": (LogisticRegression(multi_class="ovr"), two),
        "two_auto": (LogisticRegression(multi_class="auto"), two),
        "two_default": (LogisticRegression(penalty="l1", solver="liblinear"), two),
        "three_multinomial": (LogisticRegression(multi_class="multinomial"), three),
        "three_default": (LogisticRegression(penalty="elasticnet", solver="saga", l1_ratio=0.3, max_iter=300), three),
        "three_ovr": (LogisticRegression(multi_class="ovr"), three),
        "three_liblinear": (LogisticRegression(solver="liblinear"), three),
    }
    FOLDER.mkdir(exist_ok=True)
    for name, (model, labels) in models.items():
        model.fit(X, labels)
        content = (model, X, model.decision_function(X), model.predict_proba(X))
        (FOLDER / f"{name}.pkl").write_bytes(pickle.dumps(content, protocol=4))


if __name__ == "__main__":
    main()
