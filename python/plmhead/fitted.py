"""A fitted scikit-learn estimator, read into the few facts that an artifact holds. Nothing is inferred from the installed version.

Folded here: a StandardScaler (w_i / s_i, one rounding; the intercept in exact arithmetic, one rounding), and the two-class
multinomial model of scikit-learn up to 1.7, whose probability is sigmoid(2z), by doubling, which is exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .config import class_key
from .errors import InputError

# Decimal holds a binary64 exactly, and 1,200 digits hold sums and quotients of them far beyond any rounding question.
_EXACT = Context(prec=1200, Emin=-999_999, Emax=999_999)

#: By the names that scikit-learn gives them: a pickle holds names, and no class has to be imported to compare one.
MODELS = ("sklearn.linear_model._logistic.LogisticRegression", "sklearn.linear_model._logistic.LogisticRegressionCV")
PIPELINE = "sklearn.pipeline.Pipeline"
SCALER = "sklearn.preprocessing._data.StandardScaler"


@dataclass(frozen=True)
class Fitted:
    """What was fitted.

    coef (rows, n), intercept (rows,): as fitted, float32 or float64. mean, scale (n,): of the scaler, or None.
    factor: 2 for a two-class multinomial model, else 1. parameters: the members of the config that describe the fit.
    """

    coef: NDArray[np.floating]
    intercept: NDArray[np.floating]
    classes: NDArray[Any]
    n_iter: NDArray[np.integer]
    link: str
    parameters: dict[str, Any]
    mean: NDArray[np.float64] | None = None
    scale: NDArray[np.float64] | None = None
    factor: int = 1
    folded: list[str] = field(default_factory=list)

    def folded_parameters(self) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Coef (rows, n) and intercept (rows,) of the head that scores raw features.

        Raises InputError ESTIMATOR where folding leaves binary64.
        """
        coef, intercept = self.coef, self.intercept
        if self.mean is not None or self.scale is not None:
            coef, intercept = _fold_scaler(coef, intercept, self.mean, self.scale)
        coef, intercept = coef * coef.dtype.type(self.factor), intercept * intercept.dtype.type(self.factor)
        if not (np.isfinite(coef).all() and np.isfinite(intercept).all()):
            raise refuse("coefficients that are not finite", "finite ones; fit again on scaled features")
        return coef, intercept


def refuse(found: str, expected: str) -> InputError:
    return InputError("ESTIMATOR", "estimator", f"found {found}, expected {expected}")


def _fold_scaler(
    coef: NDArray[np.floating],
    intercept: NDArray[np.floating],
    mean: NDArray[np.float64] | None,
    scale: NDArray[np.float64] | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    wide = coef.astype(np.float64)
    with np.errstate(all="ignore"):
        folded = wide if scale is None else wide / scale
    shifted = []
    for weights, bias in zip(wide, intercept.astype(np.float64), strict=True):
        total = Decimal(float(bias))
        for i, weight in enumerate(weights if mean is not None else ()):
            shift = _EXACT.multiply(Decimal(float(weight)), Decimal(float(mean[i])))  # type: ignore[index]
            total = _EXACT.subtract(total, shift if scale is None else _EXACT.divide(shift, Decimal(float(scale[i]))))
        shifted.append(float(total))
    return folded, np.array(shifted)


def read_estimator(estimator: Any) -> Fitted:
    """The facts of a LogisticRegression, a LogisticRegressionCV, or a Pipeline of StandardScaler and one of them.

    Raises InputError ESTIMATOR, LABELS.
    """
    import sklearn

    scaler, model = unpack(estimator, lambda thing: f"{type(thing).__module__}.{type(thing).__qualname__}")
    return read_parts(scaler, model, sklearn.__version__)


def read_parts(scaler: Any, model: Any, sklearn_version: str | None) -> Fitted:
    """The facts of a fitted model and the scaler before it, or None: anything with the attributes that scikit-learn gives them.

    Raises InputError ESTIMATOR, LABELS.
    """
    fitted_names = ("coef_", "intercept_", "classes_", "n_iter_", "n_features_in_")
    if not all(hasattr(model, name) for name in fitted_names) or (scaler is not None and not hasattr(scaler, "scale_")):
        raise refuse("an estimator that is not fitted", "a fitted one; call fit first")
    classes = normalise_labels(model.classes_)
    link, factor = _link(model, len(classes))
    # sparsify() of scikit-learn leaves a sparse matrix.
    coef = _floats(model.coef_.toarray() if hasattr(model.coef_, "toarray") else model.coef_)
    rows = 1 if link == "logistic" else len(classes)
    if coef.shape != (rows, model.n_features_in_):
        raise refuse(f"coef_ of shape {coef.shape}", f"({rows}, {model.n_features_in_})")
    bias = _floats(model.intercept_).reshape(-1)
    if bias.shape not in ((1,), (rows,)):
        raise refuse(f"intercept_ of shape {bias.shape}", f"({rows},)")
    intercept = np.broadcast_to(bias, (rows,)).copy()
    # What transform uses: with_mean=False still computes mean_, and does not use it.
    mean = _wide(scaler.mean_, coef.shape[1]) if scaler is not None and scaler.with_mean else None
    scale = _wide(scaler.scale_, coef.shape[1]) if scaler is not None and scaler.with_std else None
    folded = ["standard_scaler"] * (scaler is not None) + ["two_class_multinomial"] * (factor == 2)
    parameters = {**_parameters(model, classes), "sklearn_version": sklearn_version}
    return Fitted(coef, intercept, classes, _n_iter(model, rows), link, parameters, mean, scale, factor, folded)


def unpack(estimator: Any, class_of: Callable[[Any], str]) -> tuple[Any, Any]:
    """The scaler, or None, and the model of an estimator. class_of: the class of an object, with its module.

    Raises InputError ESTIMATOR for anything else, by name.
    """
    supported = "LogisticRegression, LogisticRegressionCV, or a Pipeline of StandardScaler and one of them"
    scaler, model = None, estimator
    if class_of(estimator) == PIPELINE and estimator.steps:
        *before, model = [step for _, step in estimator.steps]
        if len(before) > 1 or any(class_of(step) != SCALER for step in before):
            names = [class_of(step).rpartition(".")[2] for step in (*before, model)]
            raise refuse("a Pipeline of " + ", ".join(names), supported)
        scaler = before[0] if before else None
    if class_of(model) not in MODELS:
        raise refuse(class_of(model), supported)
    return scaler, model


def _wide(values: Any, features: int) -> NDArray[np.float64] | None:
    if values is None:
        return None
    wide = np.asarray(values, dtype=np.float64)
    if wide.shape != (features,):
        raise refuse(f"a scaler of shape {wide.shape}", f"({features},)")
    return wide


def _floats(values: Any) -> NDArray[np.floating]:
    array = np.asarray(values)
    return np.ascontiguousarray(array if array.dtype in (np.float32, np.float64) else array.astype(np.float64))


def _link(model: Any, k: int) -> tuple[str, int]:
    """Link and doubling factor from the fitted state. `multi_class` exists on models fitted by scikit-learn up to 1.7."""
    multi_class = vars(model).get("multi_class")
    if k == 2:
        return "logistic", 2 if multi_class == "multinomial" else 1
    if k < 2:
        raise refuse(f"{k} class", "two or more")
    if multi_class == "ovr" or model.solver == "liblinear":
        raise refuse(
            "a one-vs-rest model of 3 or more classes",
            "a multinomial one; fit with solver='lbfgs' and without multi_class='ovr'",
        )
    return "softmax", 1


def _n_iter(model: Any, rows: int) -> NDArray[np.integer]:
    counts = np.atleast_1d(np.asarray(model.n_iter_))
    if not counts.size:
        raise refuse("an empty n_iter_", f"({rows},)")
    if counts.dtype.kind == "u" and counts.max() > 2**63 - 1:
        raise refuse(f"n_iter_ of {counts.max()}", "at most 2^63 - 1")
    counts = counts if counts.dtype in (np.int32, np.int64) else counts.astype(np.int64)
    return counts.copy() if counts.shape in ((1,), (rows,)) else counts.max().reshape(1)


def _single(values: Any, name: str) -> Any:
    """The one value that LogisticRegressionCV chose for every class."""
    distinct = set(np.atleast_1d(np.asarray(values, dtype=object)).ravel().tolist())
    if len(distinct) != 1:
        shown = ", ".join(sorted(map(str, distinct))[:5]) + (", …" if len(distinct) > 5 else "")
        raise refuse(f"different {name} for different classes: {shown}", f"one {name}")
    return distinct.pop()


def _parameters(model: Any, classes: NDArray[Any]) -> dict[str, Any]:
    cross_validated = hasattr(model, "C_")
    C = float(_single(model.C_, "C_") if cross_validated else model.C)
    if math.isnan(C) or (math.isinf(C) and C < 0):  # inf is a fit without a penalty
        raise refuse(f"C of {C}", "a positive number")
    l1_ratio = (
        _single(model.l1_ratio_, "l1_ratio_")
        if cross_validated and hasattr(model, "l1_ratio_")
        else getattr(model, "l1_ratio", None)
    )
    l1_ratio = None if l1_ratio is None else float(l1_ratio)
    return {
        "model_type": "LogisticRegression",
        "C": C if math.isfinite(C) else 1.0,
        "penalty": penalty_name(getattr(model, "penalty", "deprecated"), l1_ratio, C),
        "l1_ratio": l1_ratio,
        "solver": str(model.solver),
        "class_weight": _class_weight(model.class_weight, classes),
        "max_iter": int(model.max_iter),
        "random_state": _random_state(model.random_state),
    }


def penalty_name(penalty: str | None, l1_ratio: float | None, C: float) -> str | None:
    """The penalty that was in force; scikit-learn 1.8 deprecated `penalty` in favour of `l1_ratio` and `C=inf`."""
    if penalty is None or penalty == "none" or math.isinf(C):
        return None
    if penalty in ("l1", "l2"):
        return penalty
    return {0.0: "l2", 1.0: "l1"}.get(l1_ratio or 0.0, "elasticnet")


def _random_state(value: Any) -> int | None:
    if value is None or isinstance(value, (int, np.integer)):
        return None if value is None else int(value)
    raise refuse(f"random_state {type(value).__name__}", "an integer or None, which a file can hold")


def _class_weight(weights: Any, classes: NDArray[Any]) -> Any:
    """Weights by the key of their class, in class order; scikit-learn finds a weight by equality with the label."""
    if weights is None or (isinstance(weights, str) and weights == "balanced"):
        return weights
    if not isinstance(weights, Mapping):
        raise refuse(f"class_weight {weights!r}", "None, 'balanced' or a mapping")
    return {class_key(label): float(weights[label]) for label in classes.tolist() if label in weights}


def normalise_labels(classes: Any) -> NDArray[Any]:
    """Labels as int64, float64, bool or str.

    Raises InputError LABELS for anything else, by name.
    """
    labels = np.asarray(classes)
    # Before any conversion: numpy drops U+0000 at the end of a string.
    if any(isinstance(label, str) and "\0" in label for label in labels.ravel().tolist()):
        raise _labels("a label with U+0000", "labels without it")
    if labels.dtype == object:
        labels = _from_objects(labels)
    kind = labels.dtype.kind
    if kind == "u" and labels.max(initial=0) > 2**63 - 1:
        raise _labels(f"a label of {labels.max()}", "at most 2^63 - 1")
    if kind in "iu":
        return labels.astype(np.int64)
    if kind == "f":
        wide = labels.astype(np.float64)
        if not (np.isfinite(wide).all() and (wide == np.trunc(wide)).all() and (abs(wide) <= 2**53).all()):
            raise _labels("float labels that are not whole numbers", "whole numbers, or strings")
        return wide + 0.0
    if kind not in "bU":
        raise _labels(f"labels of type {labels.dtype}", "int, float, bool or str")
    if kind == "U" and any(len(label) > 256 for label in labels.tolist()):
        raise _labels("a label longer than 256 characters", "shorter ones")
    return labels if labels.dtype != np.dtype("<U0") else labels.astype("<U1")


def _labels(found: str, expected: str) -> InputError:
    return InputError("LABELS", "classes_", f"found {found}, expected {expected}")


def _from_objects(labels: NDArray[Any]) -> NDArray[Any]:
    for types, dtype in ((str, np.str_), ((bool, np.bool_), np.bool_), ((int, np.integer), np.int64)):
        if all(isinstance(label, types) and (dtype is np.bool_ or not isinstance(label, bool)) for label in labels):
            try:
                return np.array(labels.tolist(), dtype=dtype)
            except OverflowError:
                raise _labels("an integer label beyond 64 bits", "labels within ±2^63") from None
    raise _labels(
        "object labels of " + ", ".join(sorted({type(label).__name__ for label in labels})),
        "all str, all bool or all int",
    )
