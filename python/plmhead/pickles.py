"""From a pickle or joblib dump of a fitted estimator to a pair, without running it: `convert` on the stand-ins of unpickle.py.

On the writer's side alone: no loader imports this.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from .config import FIELD_ASSAY_THRESHOLDS
from .edit import checkpoint_name, field_contract
from .encode import declared_contract, family_of
from .errors import FormatError, InputError
from .fitted import PIPELINE, Fitted, read_parts, refuse, unpack
from .head import pair_paths, read_file
from .pickled_arrays import Array, Scalar
from .unpickle import FIELD_CLASSIFIERS, FIELD_STRATEGIES, MAX_BYTES, OWN_CLASSIFIER, Instance, read
from .writer import Saved, save_fitted

SUFFIXES = (".pkl", ".pickle", ".joblib", ".onnx")
MAX_STEPS = 16
_NUMBER = (int, float, np.integer, np.floating)

#: The attributes that are read, with the kinds of dtype that an array may have.
_ARRAYS = {
    **dict.fromkeys(("coef_", "intercept_", "mean_", "scale_", "C_"), "fiu"),
    "n_iter_": "iu",
    "l1_ratio_": "fiuO",
    "classes_": "biufUO",
}
_PARAMETERS: dict[str, tuple[type, ...]] = {
    "C": _NUMBER,
    "l1_ratio": (*_NUMBER, type(None)),
    "n_features_in_": (int, np.integer),
    "max_iter": (int, np.integer),
    "solver": (str,),
    "penalty": (str, type(None)),
    "multi_class": (str,),
    "random_state": (int, np.integer, type(None)),
    "with_mean": (bool, np.bool_),
    "with_std": (bool, np.bool_),
    "_sklearn_version": (str,),
}


def convert(
    pickle: str | os.PathLike[str],
    name: str | os.PathLike[str] | None = None,
    *,
    family: str | None = None,
    threshold: float | None = None,
    assay_thresholds: Mapping[str, float] | None = None,
) -> Saved:
    """Writes `NAME.npz` and `NAME_config.json` from a pickle, a joblib dump (plain, zlib or gzip) or, by its suffix, an ONNX graph.

    Nothing in the file is run.

    pickle: of a fitted LogisticRegression, LogisticRegressionCV, a Pipeline of StandardScaler and one of them, or the
    BinaryClassifier of training code in the field or of plmhead. name: the pair to write, which may replace an earlier
    one; without it the pickle's own name, which may not. family: esm1b, esm1v or esm2, where the name of a
    BinaryClassifier's model does not tell; "none" for an encoder that is no ESM. threshold, assay_thresholds: as in `save`; those of a
    BinaryClassifier are the field's unless given. A graph is one that skl2onnx writes of such an estimator (docs/interop.md).

    Raises InputError: PICKLE_CLASS for a file that names anything else, PICKLE_FORM, PICKLE_LIMIT, or ONNX_NODE, ONNX_FORM, ONNX_LIMIT;
    then as `save`; OUTPUT.
    """
    target = _target(Path(pickle), name)
    if Path(pickle).suffix == ".onnx":
        from .onnx_import import convert_onnx

        if family is not None:
            raise InputError("ARGUMENT", "family", "found a family for an ONNX graph, which names no encoder")
        return convert_onnx(Path(pickle), target, {"threshold": threshold, "assay_thresholds": assay_thresholds})
    thing = read(_bytes(Path(pickle)))
    instance, members = _head_of(thing, family)
    scaler, model = unpack(_attributes(instance), lambda part: part.class_name)
    _complete(scaler, ("mean_", "scale_", "with_mean", "with_std"))
    _complete(model, ("solver", "max_iter", "random_state", "class_weight", "C_" if hasattr(model, "C_") else "C"))
    fitted = read_parts(scaler, model, getattr(model, "_sklearn_version", None))
    if threshold is not None:
        members["threshold"] = threshold
    if assay_thresholds is not None:
        members["assay_thresholds"] = assay_thresholds
    contract = members.pop("contract", None)
    if contract is not None:
        members["embedding"] = contract(fitted.coef.shape[1])
    return save_fitted(fitted, _rebuilt(fitted, model), target, **members)


def _bytes(path: Path) -> bytes:
    try:
        return read_file(path, "pickle", MAX_BYTES)
    except FormatError as fault:
        code = "PICKLE_LIMIT" if fault.code == "FILE_SIZE" else "PICKLE_FORM"
        raise InputError(code, str(path), fault.message) from None


def _target(pickle: Path, name: str | os.PathLike[str] | None) -> Path:
    if name is not None:
        return Path(name)
    target = pickle.with_suffix("") if pickle.suffix in SUFFIXES else pickle
    for path in pair_paths(target):
        if path.exists():
            found = f"found {path.name} beside {pickle.name}"
            raise InputError(
                "OUTPUT", str(path), f"{found}, expected no pair of that name", "name the pair: --out NAME"
            )
    return target


# --- a BinaryClassifier around it


def _head_of(thing: Any, family: str | None) -> tuple[Instance, dict[str, Any]]:
    """The estimator in what the pickle holds, and what a BinaryClassifier says of thresholds and encoder."""
    if not isinstance(thing, Instance):
        raise refuse(f"a pickle of {type(thing).__name__}", "one of a fitted estimator")
    if thing.name != OWN_CLASSIFIER and thing.name not in FIELD_CLASSIFIERS:
        return thing, {}
    state = _state(thing)
    if state.get("_loaded_head") is not None:
        raise refuse("a BinaryClassifier that was loaded from an artifact", "that artifact itself; it holds more")
    inner = state.get("classifier")
    if isinstance(inner, Instance) and inner.name in FIELD_STRATEGIES:
        inner = _state(inner).get("classifier")
    if not isinstance(inner, Instance):
        raise refuse("a BinaryClassifier without its classifier", "a whole one")
    members: dict[str, Any] = {"assay_thresholds": FIELD_ASSAY_THRESHOLDS}
    encoder = {key: _plain(key, state.get(key)) for key in ("model_name", "revision", "batch_size", "device")}
    contract = _contract(encoder["model_name"], encoder["revision"], family, thing.name == OWN_CLASSIFIER)
    if contract is not None:
        members |= {"contract": contract, "esm_revision": encoder["revision"]}
        members |= {key: encoder[key] for key in ("batch_size", "device")}
    return inner, members


def _contract(model: Any, revision: Any, family: str | None, own: bool) -> Callable[[int], dict[str, Any]] | None:
    """The embedding contract by the number of features, or None. The field's pooling is marked as such."""
    if family == "none" or (own and model is None):
        return None
    if not isinstance(model, str) or not isinstance(revision, (str, type(None))):
        raise refuse("a BinaryClassifier without the name of its model", "one")
    if not own:
        return lambda dimension: field_contract(model, revision, dimension, family)
    known = family or family_of(model)
    if known is None:
        return None
    return lambda dimension: declared_contract(known, checkpoint_name(model), revision, dimension)


# --- the stand-ins, as read_parts wants them


def _state(instance: Instance) -> dict[str, Any]:
    return instance.state or {}


def _plain(name: str, value: Any) -> Any:
    if not isinstance(value, Scalar):
        raise refuse(f"{name} of type {type(value).__name__}", "a string or a number")
    return value.item() if isinstance(value, np.generic) else value


def _attributes(instance: Instance) -> SimpleNamespace:
    """The attributes that are read of an estimator, each of a type that was checked; class_name tells what it is."""
    known = {name: _attribute(name, value) for name, value in _state(instance).items() if name in _READ}
    attributes = SimpleNamespace(class_name=instance.name, **known)
    if instance.name == PIPELINE:
        attributes.steps = [(None, _attributes(step)) for step in _steps(_state(instance).get("steps"))]
    return attributes


def _steps(steps: Any) -> list[Instance]:
    if isinstance(steps, list) and len(steps) > MAX_STEPS:  # a file can name one step many times
        raise refuse(f"a Pipeline of {len(steps)} steps", "StandardScaler and a logistic regression")
    parts = [step[1] for step in steps if isinstance(step, tuple) and len(step) == 2] if isinstance(steps, list) else []
    if not parts or len(parts) != len(steps) or not all(isinstance(part, Instance) for part in parts):
        raise refuse("a Pipeline without steps that are estimators", "StandardScaler and a logistic regression")
    if any(part.name == PIPELINE for part in parts):
        raise refuse("a Pipeline in a Pipeline", "StandardScaler and a logistic regression")
    return parts


def _attribute(name: str, value: Any) -> Any:
    if name == "class_weight":
        return _class_weight(value)
    if name in _PARAMETERS:
        # bool is a subclass of int, and no number here.
        if not isinstance(value, _PARAMETERS[name]) or (isinstance(value, bool) and bool not in _PARAMETERS[name]):
            raise refuse(f"{name} of type {type(value).__name__}", "what scikit-learn stores there")
        return value
    if value is None and name in ("mean_", "scale_"):
        return None
    if isinstance(value, _NUMBER):
        value = Array(np.asarray(value))
    if not isinstance(value, Array) or value.value is None or value.value.dtype.kind not in _ARRAYS[name]:
        raise refuse(f"{name} that is no array of numbers or labels", "what scikit-learn stores there")
    if name == "l1_ratio_" and not all(
        isinstance(ratio, (*_NUMBER, type(None))) for ratio in value.value.ravel().tolist()
    ):
        raise refuse("l1_ratio_ of other things than numbers", "numbers or None")
    return value.value


_READ = {*_ARRAYS, *_PARAMETERS, "class_weight"}


def _class_weight(weights: Any) -> Any:
    if weights is None or isinstance(weights, str):
        return weights
    if not isinstance(weights, dict) or not all(isinstance(weight, _NUMBER) for weight in weights.values()):
        raise refuse(f"class_weight of type {type(weights).__name__}", "None, 'balanced' or a number for each class")
    return weights


def _complete(part: SimpleNamespace | None, names: tuple[str, ...]) -> None:
    missing = [] if part is None else [name for name in names if not hasattr(part, name)]
    if missing:
        raise refuse(f"an estimator without {missing[0]}", "a whole one")


# --- what scikit-learn says


def _rebuilt(fitted: Fitted, model: SimpleNamespace) -> Any:
    """The installed scikit-learn's estimator with these parameters, to ask it for the proof; None where it is not installed."""
    if find_spec("sklearn") is None:
        return None
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    estimator = LogisticRegression()
    vars(estimator).update(
        coef_=fitted.coef, intercept_=fitted.intercept, classes_=fitted.classes, n_features_in_=fitted.coef.shape[1]
    )
    if hasattr(model, "multi_class"):  # decides how scikit-learn up to 1.7 computes probabilities
        vars(estimator)["multi_class"] = model.multi_class
    if fitted.mean is None and fitted.scale is None:
        return estimator
    scaler = StandardScaler(with_mean=fitted.mean is not None, with_std=fitted.scale is not None)
    vars(scaler).update(mean_=fitted.mean, scale_=fitted.scale, n_features_in_=fitted.coef.shape[1])
    return make_pipeline(scaler, estimator)
