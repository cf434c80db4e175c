"""`BinaryClassifier`: the estimator of training code in the field, which scores as every loader of its artifact does.

It fits scikit-learn's LogisticRegression on embeddings and answers through the head that `save` would write, so that the
fitted object and its artifact agree to the bit. Importing this module imports scikit-learn; `import plmhead` does not.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError

from .config import FIELD_ASSAY_THRESHOLDS
from .errors import InputError
from .head import Head
from .train import Settings, make_estimator
from .writer import head_of

_LOGGER = logging.getLogger("plmhead")

_REQUIRED = ("model_name", "device", "max_iter", "random_state")
_DEFAULTS: dict[str, Any] = {
    "batch_size": 8,
    "revision": "main",
    "C": 1.0,
    "penalty": "l2",
    "l1_ratio": None,
    "solver": "lbfgs",
    "class_weight": None,
    "standardize": False,
}


class BinaryClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Two-class logistic regression on ESM embeddings.

    Parameters (a mapping, or keywords, which win): `model_name` (hub id, folder, or a shipped encoder), `device` ("cpu",
    "cuda", "mps"; None for the best present), `max_iter` and `random_state` (None or an integer) are required; `batch_size`,
    `revision`, `C`, `penalty`, `l1_ratio`, `solver`, `class_weight`, `standardize` have defaults. Others in the mapping are left alone.

    Raises ValueError for a missing required parameter, by name, and for a keyword that is none.
    """

    ASSAY_THRESHOLDS: ClassVar[dict[str, float]] = dict(FIELD_ASSAY_THRESHOLDS)

    def __init__(self, params: Mapping[str, Any] | None = None, **keywords: Any) -> None:
        unknown = sorted(set(keywords) - set(_REQUIRED) - set(_DEFAULTS))
        if unknown:
            expected = ", ".join((*_REQUIRED, *_DEFAULTS))
            raise InputError("ARGUMENT", unknown[0], f"found the parameter {unknown[0]!r}, expected one of {expected}")
        given = {**(params or {}), **keywords}
        for name in _REQUIRED:
            if name not in given:
                raise InputError("ARGUMENT", name, f"found no {name}, expected one: it is not guessed")
        for name in (*_REQUIRED, *_DEFAULTS):
            setattr(self, name, given.get(name, _DEFAULTS.get(name)))
        self._head: Head | None = None
        self._extractor: Any = None
        self._loaded_head: Head | None = None  # the head as it came out of a file, until fit replaces it
        self.classifier = self._unfitted()

    def _unfitted(self) -> Any:
        return make_estimator(
            Settings(
                C=self.C,
                penalty=self.penalty,
                l1_ratio=self.l1_ratio,
                max_iter=self.max_iter,
                solver=self.solver,
                class_weight=self.class_weight,
                random_state=self.random_state,
                standardize=self.standardize,
            )
        )

    # --- scikit-learn's protocol

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name, as scikit-learn's `clone` needs them."""
        return {name: getattr(self, name) for name in (*_REQUIRED, *_DEFAULTS)}

    def set_params(self, **params: Any) -> BinaryClassifier:
        """Changes parameters; a fitted state is dropped, for it would not belong to them. Raises ValueError for others."""
        if self._checked(params):
            self.__init__({**self.get_params(), **params})  # type: ignore[misc]
        return self

    def _checked(self, params: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(params) - set(self.get_params()))
        if unknown:
            expected = ", ".join(self.get_params())
            raise InputError("ARGUMENT", unknown[0], f"found the parameter {unknown[0]!r}, expected one of {expected}")
        return params

    def fit(self, X: NDArray[np.floating], y: ArrayLike) -> BinaryClassifier:
        """Fits on embeddings X (m, n) float32 or float64 and two classes of labels y (m,).

        Raises InputError: DATA for other than two classes, ESTIMATOR or LABELS for what the format could not hold.
        """
        classes = np.unique(np.asarray(y))
        if len(classes) != 2:
            raise InputError("DATA", "y", f"found {len(classes)} classes, expected two")
        self._loaded_head = None
        self.classifier = self._unfitted().fit(X, y)
        self._head = head_of(self.classifier, assay_thresholds=self.ASSAY_THRESHOLDS)
        return self

    @property
    def is_fitted(self) -> bool:
        """Whether `fit` or a load has happened."""
        return self._head is not None

    @property
    def head(self) -> Head:
        """The head that scores. Raises scikit-learn's NotFittedError before `fit`."""
        if self._head is None:
            raise NotFittedError("found a BinaryClassifier that is not fitted, expected a fitted one; call fit first")
        return self._head

    def __sklearn_is_fitted__(self) -> bool:
        return self.is_fitted

    @property
    def classes_(self) -> NDArray[Any]:
        """The two labels, in the order of `predict_proba`."""
        return self.head.classes

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Decisions, shape (m,), by the strict rule."""
        return self.head.decision_function(X)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probabilities, shape (m, 2), by the strict rule."""
        return self.head.predict_proba(X)

    def predict(self, X: ArrayLike, threshold: float | None = None, assay_type: str | None = None) -> NDArray[Any]:
        """Labels, shape (m,). A named assay type decides the threshold, else the argument, else the head's own: 0.5, or
        what a loaded artifact stores. Raises InputError THRESHOLD, ASSAY_TYPE.
        """
        return self.head.predict(X, threshold, assay_type)

    # --- the encoder

    @property
    def embedding_extractor(self) -> Any:
        """The ESM encoder of `model_name`; it loads its weights on first use (needs torch)."""
        if self._extractor is None:
            from .esm import ESMEmbeddingExtractor

            self._extractor = ESMEmbeddingExtractor(
                self.model_name, self.device, self.batch_size, revision=self.revision, allow_download=self._may_download
            )
        return self._extractor

    @embedding_extractor.setter
    def embedding_extractor(self, extractor: Any) -> None:
        self._extractor = extractor

    @property
    def _may_download(self) -> bool:
        # A name that came out of a loaded file is fetched only when the caller says so (DESIGN section 6).
        return self._loaded_head is None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_extractor": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def from_head(head: Head) -> BinaryClassifier:
    """A fitted classifier from a loaded head of two classes; `classifier` is the plain scikit-learn estimator.

    The stored device is a note about training: `device` is None, the best present. Raises InputError DATA for softmax.
    """
    if head.link != "logistic":
        raise InputError("DATA", "classes", f"found {len(head.classes)} classes, expected two")
    config = head.config
    estimator = head.to_sklearn()
    loaded = BinaryClassifier(
        model_name=config["esm_model"],
        device=None,
        max_iter=config["max_iter"],
        random_state=config["random_state"],
        batch_size=config["batch_size"] or _DEFAULTS["batch_size"],
        revision=config["esm_revision"] or _DEFAULTS["revision"],
        C=config["C"],
        penalty=config["penalty"] if config["penalty"] in ("l1", "l2", "elasticnet", None) else "l2",
        l1_ratio=config.get("l1_ratio"),
        solver=config["solver"],
        class_weight=estimator.class_weight,
    )
    loaded.classifier, loaded._head, loaded._loaded_head = estimator, head, head
    _LOGGER.info("loaded a head trained on %s; the encoder will run on the best device present", config["device"])
    return loaded
