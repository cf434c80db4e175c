"""`train`: embed, cross-validate, fit and save, through torch or without it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..settings import KEYS, check_config, parse_value, read_yaml, with_changes
from .score import read_matrix
from .terminal import add_json_option, assay_thresholds, compact, decimal, output, pair_members, progress, warn

SMALL_ENCODER = "plmhead/random-esm2-tiny"

#: Short options of `train`, and the keys of the configuration that they set.
SHORT_OPTIONS = {
    "data": "data.train_file",
    "sequence_column": "data.sequence_column",
    "label_column": "data.label_column",
    "model": "model.name",
    "revision": "model.revision",
    "device": "model.device",
    "C": "classifier.C",
    "max_iter": "classifier.max_iter",
    "solver": "classifier.solver",
    "class_weight": "classifier.class_weight",
    "seed": "classifier.random_state",
    "standardize": "classifier.standardize",
    "folds": "classifier.cv_folds",
    "batch_size": "training.batch_size",
}


def _configured(options: argparse.Namespace) -> dict[str, Any]:
    """The content of --config, if any, with the options put over it; unchecked."""
    given = vars(options)
    changes = {key: given[short] for short, key in SHORT_OPTIONS.items() if given[short] is not None}
    changes.update({name: parse_value(name, given[name]) for name in KEYS if name in given})
    if options.out is not None:
        folder, name = os.path.split(options.out)
        changes.update({"training.model_save_dir": folder or ".", "training.model_name": name})
    content = read_yaml(options.config) if options.config else {}
    if not isinstance(content, dict):
        raise InputError("CONFIG", options.config, "found no sections, expected sections such as model: and data:")
    return with_changes(content, changes)


#: Options of `train` that only the road without torch takes.
_WITHOUT_TORCH = (
    *("embeddings", "labels", "encoder", "too_long", "embeddings_out"),
    *("threshold", "assay_threshold", "assay_type", "fragment_type", "dataset"),
)


def run_train(options: argparse.Namespace) -> None:
    content = _configured(options)
    if options.config or (content.get("model") or {}).get("name"):
        for name in _WITHOUT_TORCH:
            if getattr(options, name) is not None:
                option = f"--{name.replace('_', '-')}"
                message = "found it beside --config or --model, where it would have no effect, expected it without them"
                raise InputError("ARGUMENT", option, message)
        _train_with_torch(content, options.json)
    else:
        _train_with_onnx(options, content)


#: Options and keys that only the road through torch takes.
_WITH_TORCH = (
    *("model.revision", "model.device", "data.max_sequence_length"),
    *("training.save_model", "training.save_pickle", "training.metrics"),
)


def _refuse_unused(options: argparse.Namespace, content: dict[str, Any]) -> None:
    given = {f"{section}.{name}" for section, members in content.items() for name in members}
    for name in _WITH_TORCH:
        if name in given:
            raise InputError("ARGUMENT", name, "found it without --model or --config, where it would have no effect")
    for name in ("training.model_name", "training.model_save_dir"):
        if name in given and options.out is None:
            raise InputError("ARGUMENT", name, "found it without --model or --config, expected --out PATH/NAME")
    if options.embeddings and options.data:
        raise InputError("ARGUMENT", "--data", "found it beside --embeddings, expected one of them")
    if options.labels and not options.embeddings:
        raise InputError("ARGUMENT", "--labels", "found it without --embeddings, expected both or neither")


def _train_with_torch(content: dict[str, Any], as_json: bool) -> None:
    from ..encode import random_weights_warning
    from ..pipeline import train_model
    from ..train import metrics_table

    warn(random_weights_warning(content.get("model", {}).get("name")))
    results = train_model(content, progress=progress)
    cross = {"scores": {name.removeprefix("cv_"): score for name, score in results["cv_metrics"].items()}}
    options = results["config"]["classifier"]
    cross.update(folds=options["cv_folds"], stratified=options["stratify"])
    metrics, paths = {"train": results["train_metrics"], "cross_validation": cross}, results["model_paths"]
    if as_json:
        pair = pair_members(Path(paths["npz"]), Path(paths["config"])) if paths else _NOT_WRITTEN
        print(compact({**pair, "pickle": paths.get("pickle"), "metrics": metrics, "proof": None}))
        return
    print(metrics_table(metrics, results["config"]["training"]["metrics"]))
    print("wrote " + (", ".join(paths.values()) or "nothing, as training.save_model says"))


_NOT_WRITTEN = {"name": None, "npz": None, "config": None, "npz_sha256": None}


def _train_with_onnx(options: argparse.Namespace, content: dict[str, Any]) -> None:
    """The road without torch: an encoder that runs in onnxruntime, or embeddings made elsewhere; two or more classes."""
    from ..encode import golden_embeddings, random_weights_warning
    from ..pipeline import facts, rehearse, settings_of
    from ..train import metrics_table, train
    from ..writer import save

    _refuse_unused(options, content)
    dataset = options.data or options.labels
    config = check_config(
        with_changes(content, {"model.name": options.encoder or SMALL_ENCODER, "data.train_file": dataset or ""})
    )
    out = Path(options.out or "model")
    encoder, y, embed = _training_data(options, config)
    noted = {"dataset": options.dataset, "assay_type": options.assay_type, "fragment_type": options.fragment_type}
    members: dict[str, Any] = {
        "threshold": options.threshold,
        "assay_thresholds": assay_thresholds(options.assay_threshold or []),
        "training": {**facts(Path(dataset), y), **{name: value for name, value in noted.items() if value is not None}},
        "embedding": None if encoder is None else encoder.contract,
        "quiet": True,
    }
    settings = settings_of(config)
    rehearse(y, settings, members)  # what would be refused at the end is refused before the first embedding
    _make_folder(out.parent)
    warn(None if encoder is None else random_weights_warning(encoder.name))
    X = embed()
    trained = train(X, y, settings, progress("cross-validation"))
    if not options.json:
        print(metrics_table(trained.metrics))
    if encoder is not None:
        members.update(
            golden_embeddings=golden_embeddings(encoder), batch_size=config["training"]["batch_size"], device="cpu"
        )
    saved = save(trained.estimator, out, metrics=trained.metrics, **members)
    if options.json:
        pair = pair_members(saved.npz, saved.config)
        print(compact({**pair, "pickle": None, "metrics": trained.metrics, "proof": saved.proof._asdict()}))
    else:
        print(f"wrote {saved.npz} and {saved.config.name}; proved against scikit-learn on {saved.proof}")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise InputError("OUTPUT", str(folder), f"cannot be made: {fault.strerror}") from None


def _training_data(options: argparse.Namespace, config: dict[str, dict[str, Any]]) -> tuple[Any, Any, Any]:
    """The encoder (None for embeddings made elsewhere), the labels, and a function that gives X."""
    from ..data import read_labels, read_table
    from ..encode import load_encoder

    data, too_long = config["data"], options.too_long or "error"
    if options.embeddings:
        if not options.labels:
            raise InputError(
                "ARGUMENT", "--labels", "found none, expected the CSV of labels that goes with --embeddings"
            )
        x = read_matrix(options.embeddings)
        return None, read_labels(options.labels, label_column=data["label_column"]), lambda: x
    if not options.data:
        raise InputError(
            "ARGUMENT", "--data", "found none, expected --data FILE.csv, --embeddings X.npy or --config FILE.yaml"
        )
    table = read_table(
        options.data,
        True,
        sequence_column=data["sequence_column"],
        label_column=data["label_column"],
        too_long=too_long,
    )
    encoder = load_encoder(options.encoder or SMALL_ENCODER, too_long=too_long)
    batch_size = config["training"]["batch_size"]

    def embed() -> Any:
        X = encoder.embed(table.sequences, batch_size, progress("embedding"))
        if options.embeddings_out:
            with output(options.embeddings_out, binary=True) as file:
                np.save(file, X, allow_pickle=False)
        return X

    return encoder, table.labels, embed


def add(command: Any) -> None:
    """Declares the verb."""
    parser = command("train", run_train, "train a head: embed, cross-validate, fit and save", artifact=False)
    parser.usage = (
        "plmhead train (--data FILE.csv | --embeddings X.npy --labels FILE.csv | --config FILE.yaml) [options]"
    )
    source = parser.add_argument_group("from what")
    source.add_argument("--config", metavar="FILE.yaml", help="a configuration; the options below override it")
    source.add_argument("--data", metavar="FILE.csv", help="columns sequence and label")
    source.add_argument("--sequence-column", metavar="NAME", help="default sequence")
    source.add_argument("--label-column", metavar="NAME", help="default label")
    source.add_argument(
        "--embeddings", metavar="X.npy", help="embeddings made elsewhere, instead of --data; needs --labels"
    )
    source.add_argument("--labels", metavar="FILE.csv", help="a column label, one row an embedding")
    encoder = parser.add_argument_group("with which encoder")
    encoder.add_argument(
        "--model", metavar="NAME", help="an ESM checkpoint, hub id or folder, run by torch (plmhead[torch])"
    )
    encoder.add_argument("--revision", metavar="NAME", help="its branch, tag or commit")
    encoder.add_argument("--device", metavar="NAME", help="cpu, cuda or mps (default: the best present)")
    encoder.add_argument(
        "--encoder",
        metavar="NAME",
        help=f"without --model: run by onnxruntime; default {SMALL_ENCODER}, random weights",
    )
    encoder.add_argument(
        "--too-long", choices=("error", "truncate"), help="sequences beyond 1,022 residues (default error)"
    )
    encoder.add_argument("--batch-size", type=int, metavar="N", help="sequences embedded at a time (default 8)")
    encoder.add_argument("--embeddings-out", metavar="X.npy", help="also write the embeddings")
    fit = parser.add_argument_group("how to fit")
    fit.add_argument("--C", type=float, help="inverse regularisation strength (default 1.0)")
    fit.add_argument("--max-iter", type=int, metavar="N", help="default 1000")
    fit.add_argument("--solver", help="default lbfgs")
    fit.add_argument("--class-weight", choices=("balanced",))
    fit.add_argument(
        "--standardize", action="store_true", default=None, help="scale features; the scaler is folded into the head"
    )
    fit.add_argument("--seed", type=int, metavar="N", help="random_state of the folds and the solver (default 42)")
    fit.add_argument("--folds", type=int, metavar="N", help="default 10")
    what = parser.add_argument_group("what to write")
    what.add_argument(
        "--out", metavar="PATH/NAME", help="the pair to write (default model; with --config what it says)"
    )
    what.add_argument("--threshold", type=decimal, metavar="T", help="stored decision threshold (default 0.5)")
    what.add_argument("--assay-threshold", action="append", metavar="NAME=T", help="stored threshold of an assay")
    what.add_argument("--assay-type", metavar="NAME", help="noted in the config")
    what.add_argument("--fragment-type", metavar="NAME", help="noted in the config, such as VH")
    what.add_argument("--dataset", metavar="NAME", help="noted in the config (default: the data file's name)")
    add_json_option(parser)
    keys = parser.add_argument_group("every key of a configuration")
    for name, key in KEYS.items():
        keys.add_argument(f"--{name}", dest=name, default=argparse.SUPPRESS, metavar="VALUE", help=key.help)
