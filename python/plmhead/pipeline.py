"""Training as the field knows it (docs/migration.md): `train_model`, `save_model`, `load_model_from_npz`.

One run writes pickle, NPZ and JSON. What the writer would refuse is refused before the first embedding; the pickle is
written first, so that a refused export loses no work.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .classifier import BinaryClassifier, from_head
from .data import Table, read_table
from .edit import version_1_members
from .encode import declared_contract, family_of, golden_embeddings
from .errors import InputError
from .head import Head, load_pair, pair_paths
from .pair_files import write_pair
from .settings import KEYS, Config, check_config, read_config
from .train import METRICS, Settings, check_folds, cross_validate, evaluate, fit
from .whole_file import replaced
from .writer import build, head_of, save

_TRAINING = {name.removeprefix("training."): key for name, key in KEYS.items() if name.startswith("training.")}
Progress = Callable[[int, int], None]


def train_model(
    config: str | os.PathLike[str] | Mapping[str, Any],
    *,
    logger: logging.Logger | None = None,
    progress: Callable[[str], Progress | None] | None = None,
) -> dict[str, Any]:
    """Embeds, cross-validates, fits, evaluates and saves, as a YAML file (or its content) says.

    Returns `train_metrics` {name: number or None}, `cv_metrics` {"cv_" + name: {"mean", "std"}}, `config` (all keys, checked)
    and `model_paths` (`save_model`). `progress(what)` gives a callback (done, total) or None.
    Raises InputError: CONFIG, DATA, DEVICE, ENCODER, ESTIMATOR, and what `save_model` raises.
    """
    log = logger or logging.getLogger("plmhead")
    checked = check_config(config) if isinstance(config, Mapping) else read_config(config)
    show = progress or (lambda what: None)
    settings = settings_of(checked)
    classifier = _classifier(checked)
    _refuse_early(checked)
    table = _read_data(checked)
    assert table.labels is not None
    rehearse(table.labels, settings, {"assay_thresholds": classifier.ASSAY_THRESHOLDS})
    extractor = _extractor(checked, classifier)
    X = extractor.embed(table.sequences, checked["training"]["batch_size"], show("embedding"))
    codes = np.unique(table.labels, return_inverse=True)[1]
    scores = cross_validate(X, table.labels, settings, show("cross-validation"))
    classifier.fit(X, table.labels)
    train_metrics = evaluate(codes, classifier.predict_proba(X))
    metrics = {
        "train": train_metrics,
        "cross_validation": {"folds": settings.folds, "stratified": settings.stratified, "scores": scores},
    }
    paths = save_model(
        classifier, checked, log, metrics=metrics, training=facts(Path(checked["data"]["train_file"]), table.labels)
    )
    return {
        "train_metrics": train_metrics,
        "cv_metrics": {f"cv_{name}": score for name, score in scores.items()},
        "config": checked,
        "model_paths": paths,
    }


def settings_of(config: Config) -> Settings:
    options = config["classifier"]
    return Settings(
        C=options["C"],
        penalty=options["penalty"],
        l1_ratio=options["l1_ratio"],
        max_iter=options["max_iter"],
        solver=options["solver"],
        class_weight=options["class_weight"],
        random_state=options["random_state"],
        standardize=options["standardize"],
        folds=options["cv_folds"],
        stratified=options["stratify"],
    )


def _classifier(config: Config) -> BinaryClassifier:
    options = config["classifier"]
    fitting = ("C", "penalty", "l1_ratio", "solver", "max_iter", "random_state", "class_weight", "standardize")
    return BinaryClassifier(
        {name: options[name] for name in fitting},
        model_name=config["model"]["name"],
        device=config["model"]["device"],
        revision=config["model"]["revision"],
        batch_size=config["training"]["batch_size"],
    )


def _refuse_early(config: Config) -> None:
    unknown = [name for name in config["training"]["metrics"] if name not in METRICS]
    if unknown:
        raise InputError("CONFIG", "training.metrics", f"found {unknown[0]!r}, expected some of {', '.join(METRICS)}")
    if not 1 <= config["data"]["max_sequence_length"] <= 1022:
        found = config["data"]["max_sequence_length"]
        raise InputError("CONFIG", "data.max_sequence_length", f"found {found}, expected 1 to 1022 residues")


def rehearse(labels: NDArray[Any], settings: Settings, members: Mapping[str, Any]) -> None:
    """Fits and writes a toy with the real labels and parameters, in memory: whatever scikit-learn or the writer refuses at the
    end is refused before the first embedding. `members` are arguments of `save`.

    Raises InputError and FormatError as `train` and `save`.
    """
    check_folds(labels, settings)
    classes, first = np.unique(labels, return_index=True)
    X = np.tile(np.eye(len(classes)), (2, 1))
    y = np.tile(labels[first], 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a toy need not converge
        toy = fit(settings, X, y)
    if members.get("embedding") is not None:
        members = {**members, "embedding": {**members["embedding"], "dimension": X.shape[1]}}
    head_of(toy, **{name: value for name, value in members.items() if name != "quiet"})


def _read_data(config: Config) -> Table:
    data = config["data"]
    table = read_table(
        data["train_file"], True, sequence_column=data["sequence_column"], label_column=data["label_column"]
    )
    longest = data["max_sequence_length"]
    too_long = [row for row, sequence in enumerate(table.sequences) if len(sequence) > longest]
    if too_long:
        message = (
            f"found {len(too_long)} sequences beyond data.max_sequence_length, the first is data row {too_long[0] + 1}"
        )
        raise InputError("DATA", Path(data["train_file"]).name, f"{message}, expected at most {longest} residues")
    labels = table.labels
    assert labels is not None
    classes = np.unique(labels)
    if len(classes) != 2:
        raise InputError("DATA", Path(data["train_file"]).name, f"found {len(classes)} classes, expected two")
    return table


def _extractor(config: Config, classifier: BinaryClassifier) -> Any:
    extractor = classifier.embedding_extractor
    extractor.load()  # a missing checkpoint or device is said before the work begins
    return extractor


def facts(path: Path, labels: NDArray[Any]) -> dict[str, Any]:
    """The `training` member of a config for labels (m,) that came from a file: when, from what, how many."""
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "dataset": path.name,
        "dataset_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "rows": len(labels),
        "rows_by_class": np.unique(labels, return_counts=True)[1].tolist(),
    }


def save_model(
    classifier: BinaryClassifier,
    config: Mapping[str, Any],
    logger: logging.Logger,
    *,
    metrics: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Writes NAME.pkl, NAME.npz and NAME_config.json under `training.model_save_dir`; returns their paths by
    "pickle", "npz" and "config", or {} when `training.save_model` is false. `training.save_pickle` false leaves out the pickle.

    The embedding contract and the golden results are written when the classifier's encoder is loaded.
    Raises InputError as `save`, and OUTPUT; the pickle is there by then.
    """
    options = {name: key.default for name, key in _TRAINING.items()} | dict(config.get("training", {}))
    if not options["save_model"]:
        return {}
    folder, name = Path(options["model_save_dir"]), options["model_name"]
    paths: dict[str, str] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if options["save_pickle"]:
            paths["pickle"] = str(_write_pickle(folder / f"{name}.pkl", classifier))
            logger.info("wrote %s", paths["pickle"])
    except OSError as fault:
        raise InputError("OUTPUT", str(folder), f"cannot be written: {fault.strerror}") from None
    if classifier._loaded_head is not None:
        npz, config_path = _save_loaded(classifier._loaded_head, folder / name, metrics, training)
        return {**paths, "npz": npz, "config": config_path}
    saved = save(
        classifier.classifier,
        folder / name,
        **_encoder_members(classifier),
        assay_thresholds=classifier.ASSAY_THRESHOLDS,
        metrics=metrics,
        training=training,
        quiet=True,
    )
    logger.info("wrote %s and %s; proved against scikit-learn on %s", saved.npz, saved.config.name, saved.proof)
    return {**paths, "npz": str(saved.npz), "config": str(saved.config)}


def _save_loaded(
    head: Head, name: Path, metrics: Mapping[str, Any] | None, training: Mapping[str, Any] | None
) -> tuple[str, str]:
    """Writes a head that came out of a file and was not fitted again: its thresholds, contract and golden results stay."""
    members = dict(head.config) if head.format_version != "0" else version_1_members(head)
    golden = members.pop("golden", None)
    members.update({word: value for word, value in (("metrics", metrics), ("training", training)) if value is not None})
    built = build(members, head.coef, head.intercept, head.classes, head.n_iter, golden=golden)
    npz_path, config_path = pair_paths(name)
    write_pair(npz_path, config_path, built.npz, built.config)
    return str(npz_path), str(config_path)


def _encoder_members(classifier: BinaryClassifier) -> dict[str, Any]:
    """What `save` is told of the encoder: its contract and golden results when it is at hand, else what its name tells."""
    extractor = classifier._extractor
    noted = {"esm_revision": classifier.revision, "batch_size": classifier.batch_size, "device": classifier.device}
    if extractor is None or not extractor.is_loaded:
        name, family = classifier.model_name, family_of(classifier.model_name or "")
        if family is None:
            return {}
        checkpoint = Path(name).name if Path(name).is_dir() else name
        return {
            "embedding": declared_contract(family, checkpoint, classifier.revision, classifier.head.n_features_in),
            **noted,
        }
    return {
        **noted,
        "embedding": extractor.contract,
        "golden_embeddings": golden_embeddings(extractor),
        "device": str(extractor.device),
    }


def _write_pickle(path: Path, classifier: BinaryClassifier) -> Path:
    with replaced(path) as file:
        pickle.dump(classifier, file)
    return path


def load_model_from_npz(npz_path: str | os.PathLike[str], json_path: str | os.PathLike[str]) -> BinaryClassifier:
    """A working BinaryClassifier from an artifact of version 0 or 1; no pickle is opened.

    Raises FormatError for an invalid pair, InputError DATA for a head of more than two classes.
    """
    return from_head(load_pair(Path(npz_path), Path(json_path)))
