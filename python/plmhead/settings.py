"""The training configuration: YAML in, checked values out. The table below is the list of keys, their types and defaults.

Keys that configurations in the field also hold are accepted and have no effect here; any other key is an error that names
the nearest known one.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .errors import InputError


class Key(NamedTuple):
    """One key: what it must be (a name for people, and a check), its default, and what it is for."""

    kind: str
    check: Callable[[Any], bool]
    default: Any
    help: str


def _is(*types: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, types) and not (isinstance(value, bool) and bool not in types)


def _or_null(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


def _weights(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is(int, float)(weight) for weight in value.values())
    return value in (None, "balanced")


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


_TEXT, _TEXT_OR_NULL = ("a text", _is(str)), ("a text or null", _or_null(_is(str)))
_INTEGER, _NUMBER, _BOOLEAN = ("an integer", _is(int)), ("a number", _is(int, float)), ("true or false", _is(bool))
REQUIRED = object()

KEYS: dict[str, Key] = {
    "model.name": Key(*_TEXT, REQUIRED, "ESM checkpoint: a hub id, a local folder, or a shipped small encoder"),
    "model.revision": Key(*_TEXT_OR_NULL, "main", "branch, tag or commit of the checkpoint"),
    "model.device": Key(*_TEXT_OR_NULL, None, "cpu, cuda or mps; null for the best present"),
    "data.train_file": Key(*_TEXT, REQUIRED, "CSV of sequences and labels"),
    "data.sequence_column": Key(*_TEXT, "sequence", "its column of sequences"),
    "data.label_column": Key(*_TEXT, "label", "its column of labels"),
    "data.max_sequence_length": Key(*_INTEGER, 1022, "longest sequence, in residues"),
    "classifier.C": Key(*_NUMBER, 1.0, "inverse regularisation strength"),
    "classifier.penalty": Key(*_TEXT_OR_NULL, "l2", "l1, l2, elasticnet or null"),
    "classifier.l1_ratio": Key("a number or null", _or_null(_is(int, float)), None, "share of l1 in elasticnet"),
    "classifier.solver": Key(*_TEXT, "lbfgs", "scikit-learn's solver"),
    "classifier.max_iter": Key(*_INTEGER, 1000, "most iterations of the solver"),
    "classifier.random_state": Key("an integer or null", _or_null(_is(int)), 42, "seed of the solver and the folds"),
    "classifier.class_weight": Key("balanced, a mapping or null", _weights, None, "weights of the classes"),
    "classifier.standardize": Key(*_BOOLEAN, False, "scale features; the scaler is folded into the head"),
    "classifier.cv_folds": Key(*_INTEGER, 10, "folds of the cross-validation"),
    "classifier.stratify": Key(*_BOOLEAN, True, "stratified folds"),
    "training.save_model": Key(*_BOOLEAN, True, "write the files"),
    "training.save_pickle": Key(*_BOOLEAN, True, "write NAME.pkl beside the artifact"),
    "training.model_name": Key(*_TEXT, "model", "NAME of the files"),
    "training.model_save_dir": Key(*_TEXT, "models", "their folder"),
    "training.metrics": Key(
        "a list of texts", _names, ["accuracy", "precision", "recall", "f1", "roc_auc"], "scores to print"
    ),
    "training.batch_size": Key(*_INTEGER, 8, "sequences embedded at a time"),
}

#: Accepted, and without effect: keys that configurations in the field hold for other parts of their pipelines.
FIELD_KEYS = (
    "data.source", "data.dataset_name", "data.test_file", "data.save_embeddings", "data.embeddings_cache_dir",
    "classifier.type", "training.n_splits", "training.log_level", "training.log_file", "training.num_workers",
)  # fmt: skip
FIELD_SECTIONS = ("experiment", "hardware")

Config = dict[str, dict[str, Any]]


def read_config(path: str | os.PathLike[str]) -> Config:
    """The checked configuration of a YAML file. A relative `data.train_file` is relative to the working folder.

    Raises InputError CONFIG: unreadable, not YAML, an unknown or missing key, a wrong type; ImportError without PyYAML.
    """
    return check_config(read_yaml(path))


def read_yaml(path: str | os.PathLike[str]) -> Any:
    """The content of a YAML file, unchecked but for keys that stand twice. Raises as `read_config`."""
    try:
        import yaml
    except ImportError:
        raise ImportError("reading a YAML configuration needs PyYAML: pip install 'plmhead[train]'") from None
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError("CONFIG", str(path), f"cannot be read: {getattr(fault, 'strerror', None) or fault}") from None
    try:
        content = yaml.load(text, Loader=_unique_loader(yaml))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as fault:  # PyYAML lets the last three through
        raise InputError("CONFIG", str(path), f"is not YAML: {' '.join(str(fault).split())[:200]}") from None
    return {} if content is None else content


def parse_value(name: str, text: str) -> Any:
    """The value of a key from an option's text, read as YAML; a text stays as it is. Raises InputError CONFIG."""
    import yaml

    if KEYS[name].kind == "a text":
        return text
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        raise InputError("CONFIG", name, f"found {text!r}, expected {KEYS[name].kind}") from None


def _unique_loader(yaml: Any) -> Any:
    """PyYAML's safe loader, which would let the last of two equal keys win, made to refuse the second."""

    class UniqueLoader(yaml.SafeLoader):  # type: ignore[misc]
        pass

    def construct(loader: Any, node: Any) -> dict[Any, Any]:
        loader.flatten_mapping(node)
        keys = [loader.construct_object(key) for key, _ in node.value]
        twice = [key for key in keys if keys.count(key) > 1]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"found the key {twice[0]!r} twice", node.start_mark)
        return {loader.construct_object(key): loader.construct_object(value, deep=True) for key, value in node.value}

    UniqueLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, construct)
    return UniqueLoader


def check_config(content: Any) -> Config:
    """A configuration with every key of the table: those given, checked, and the defaults of the others.

    Raises InputError CONFIG.
    """
    given = _flatten(content)
    for name, value in given.items():
        if name in KEYS:
            _check_value(name, value)
        elif name not in FIELD_KEYS and name.split(".")[0] not in FIELD_SECTIONS:
            raise _unknown(name)
    config: Config = {}
    for name, key in KEYS.items():
        section, member = name.split(".")
        value = given.get(name, key.default)
        if value is REQUIRED:
            raise InputError("CONFIG", name, f"found no {name}, expected {key.kind}: {key.help}")
        config.setdefault(section, {})[member] = value
    if "training.n_splits" in given and "classifier.cv_folds" not in given:
        _check_folds(given["training.n_splits"])
        config["classifier"]["cv_folds"] = given["training.n_splits"]  # the field's other name for it
    return config


def _check_folds(value: Any) -> None:
    if not KEYS["classifier.cv_folds"].check(value):
        raise InputError("CONFIG", "training.n_splits", f"found {value!r}, expected an integer")


def _flatten(content: Any) -> dict[str, Any]:
    """`section.key` -> value; sections other than the field's own must hold keys."""
    if not isinstance(content, Mapping):
        raise InputError("CONFIG", "", f"found {type(content).__name__}, expected sections such as model: and data:")
    flat: dict[str, Any] = {}
    for section, members in content.items():
        if section in FIELD_SECTIONS:
            continue
        if not isinstance(members, Mapping):
            if section not in {name.split(".")[0] for name in KEYS}:
                raise _unknown(str(section))
            raise InputError("CONFIG", str(section), f"found {members!r}, expected keys under {section}:")
        flat.update({f"{section}.{name}": value for name, value in members.items()})
    return flat


def _check_value(name: str, value: Any) -> None:
    key = KEYS[name]
    if not key.check(value):
        raise InputError("CONFIG", name, f"found {value!r} ({type(value).__name__}), expected {key.kind}")


def _unknown(name: str) -> InputError:
    near = difflib.get_close_matches(name, [*KEYS, *FIELD_KEYS], n=1, cutoff=0.0)[0]
    return InputError("CONFIG", name, f"found the key {name!r}, expected a known key", f"did you mean {near}?")


def with_changes(content: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a configuration with `section.key` values put over it; for options of the command line."""
    merged = {
        section: dict(members) if isinstance(members, Mapping) else members for section, members in content.items()
    }
    for name, value in changes.items():
        section, _, member = name.partition(".")
        merged.setdefault(section, {})[member] = value
    return merged
