"""Back to scikit-learn: a fitted LogisticRegression from a head."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

from .config import class_key

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

    from .head import Head


def to_estimator(head: Head) -> LogisticRegression:
    """A LogisticRegression with the head's arrays and parameters. Raises ImportError where scikit-learn is missing."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise ImportError("to_sklearn needs scikit-learn: pip install 'plmhead[train]'") from None

    known = inspect.signature(LogisticRegression).parameters
    estimator = LogisticRegression(**{name: value for name, value in _parameters(head, known).items() if name in known})
    estimator.coef_ = head.coef.copy()
    estimator.intercept_ = head.intercept.copy()
    estimator.classes_ = head.classes.copy()
    estimator.n_features_in_ = head.n_features_in
    estimator.n_iter_ = head.n_iter.copy()
    return estimator


def _parameters(head: Head, known: Any) -> dict[str, Any]:
    config = head.config
    parameters = {name: config[name] for name in ("C", "solver", "max_iter", "random_state")}
    parameters["class_weight"] = _class_weight(config["class_weight"], head.classes)
    l1_ratio = config.get("l1_ratio")
    # From 1.8 on the penalty is said by C and l1_ratio, and naming it is deprecated.
    if known["penalty"].default == "deprecated" if "penalty" in known else True:
        if config["penalty"] is None:
            parameters["C"] = np.inf
        parameters["l1_ratio"] = {"l1": 1.0, "l2": 0.0}.get(
            config["penalty"], l1_ratio if l1_ratio is not None else 0.0
        )
    else:
        parameters["penalty"] = config["penalty"]
        parameters["l1_ratio"] = l1_ratio if config["penalty"] == "elasticnet" else None
    return parameters


def _class_weight(weights: Any, classes: Any) -> Any:
    if not isinstance(weights, dict):
        return weights
    by_key = {class_key(label): label for label in classes.tolist()}
    return {by_key.get(name, name): weight for name, weight in weights.items()}
