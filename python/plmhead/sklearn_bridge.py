"""Back to scikit-learn: a fitted LogisticRegression from a head."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

from .config import class_key
from .train import Settings, make_estimator

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

    from .head import Head

#: The minor versions of scikit-learn under which the tests run.
TESTED = ((1, 5), (1, 9))


def to_estimator(head: Head) -> LogisticRegression:
    """A LogisticRegression with the head's arrays and parameters, for the installed scikit-learn.

    Warns once where the head was fitted by a scikit-learn outside the tested range; raises ImportError without scikit-learn.
    """
    config = head.config
    _compare_version(config["sklearn_version"])
    settings = Settings(
        C=config["C"],
        penalty=config["penalty"],
        l1_ratio=config.get("l1_ratio"),
        max_iter=config["max_iter"],
        # liblinear never was multinomial: scikit-learn up to 1.7 scores such a model one against the rest.
        solver="lbfgs" if head.link == "softmax" and config["solver"] == "liblinear" else config["solver"],
        class_weight=_class_weight(config["class_weight"], head.classes),
        random_state=config["random_state"],
    )
    estimator = make_estimator(settings)
    estimator.coef_ = head.coef.copy()
    estimator.intercept_ = head.intercept.copy()
    estimator.classes_ = head.classes.copy()
    estimator.n_features_in_ = head.n_features_in
    estimator.n_iter_ = head.n_iter.copy()
    return estimator


def _compare_version(version: str | None) -> None:
    numbers = re.match(r"([0-9]+)\.([0-9]+)", version or "")
    if numbers and not TESTED[0] <= (int(numbers.group(1)), int(numbers.group(2))) <= TESTED[1]:
        tested = " to ".join("{}.{}".format(*pair) for pair in TESTED)
        warnings.warn(f"fitted by scikit-learn {version}; plmhead is tested with {tested}", UserWarning, stacklevel=4)


def _class_weight(weights: Any, classes: Any) -> Any:
    """The keys as labels again, of the type of the class array."""
    if not isinstance(weights, dict):
        return weights
    by_key = {class_key(label): label for label in classes.tolist()}
    return {by_key.get(name, name): weight for name, weight in weights.items()}
