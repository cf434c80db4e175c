"""What each verb of the command line does: read, call, print. The options are parsed in cli.py."""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from . import score
from .config import MAX_CONFIG_BYTES
from .errors import FormatError, InputError, spec_text
from .head import Head, load, pair_paths, read_file
from .npy import PREAMBLE_BYTES, check_length, read_header

VERSION_0_WARNING = (
    "version 0: no digests and no self-test; trained with the field's pooling, which counts the end token of every sequence "
    "shorter than its batch's longest"
)
UPGRADED_WARNING = (
    "upgraded from version 0: trained with the field's pooling, which counts the end token of every sequence "
    "shorter than its batch's longest"
)


def _pairs(values: Iterable[str], option: str) -> list[tuple[str, str]]:
    pairs = []
    for value in values:
        name, equals, rest = value.partition("=")
        if not equals:
            raise InputError("ARGUMENT", option, f"found {value!r}, expected NAME=VALUE")
        pairs.append((name, rest))
    return pairs


# --- show and check


_ANY_SIZE = 2**62


def compact(value: Any) -> str:
    """One line of JSON; only quotes, backslashes and control characters are escaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _show(members: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(compact(members))
        return
    width = max(len(name) for name in members)
    for name, value in members.items():
        # A string from a hostile file must not move the cursor or begin a line of its own.
        plain = isinstance(value, str) and value.isprintable()
        print(f"{name:{width}}  {value if plain else compact(value)}")


def _warn(text: str | None) -> None:
    if text:
        print(f"plmhead: warning: {text}", file=sys.stderr)


def description(artifact: str, head: Head) -> dict[str, Any]:
    """The object of `inspect`."""
    config = head.config
    origin = "version-0" if head.format_version == "0" else (config["embedding"] or {}).get("origin")
    warnings = []
    if head.format_version == "0":
        warnings.append(VERSION_0_WARNING)
    elif origin == "version-0":
        warnings.append(UPGRADED_WARNING)
    return {
        "name": pair_paths(artifact)[0].stem,
        "format_version": head.format_version,
        "verified": head.verified,
        "model_type": config["model_type"],
        "link": head.link,
        "n_features_in": head.n_features_in,
        "classes": head.classes.tolist(),
        "n_iter": head.n_iter.tolist(),
        "threshold": head.threshold,
        "assay_thresholds": head.assay_thresholds,
        **{name: config[name] for name in ("sklearn_version", "C", "penalty", "solver", "esm_model", "esm_revision")},
        "embedding_origin": origin,
        "npz_sha256": head.npz_sha256,
        "warnings": warnings,
    }


def run_inspect(options: argparse.Namespace) -> None:
    _show(description(options.artifact, load(options.artifact)), options.json)


def run_verify(options: argparse.Namespace) -> int:
    name = pair_paths(options.artifact)[0].stem
    try:
        head = load(options.artifact, require_verified=options.require_verified)
        if options.schema:
            _check_schema(options.artifact, head)
    except FormatError as fault:
        if not options.json:
            raise
        _show({"name": name, "ok": False, "code": fault.code, "where": fault.where, "message": fault.message}, True)
        return 1
    _show({"name": name, "ok": True, "format_version": head.format_version, "verified": head.verified}, options.json)
    return 0


def _check_schema(artifact: str, head: Head) -> None:
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        raise ImportError("verify --schema needs jsonschema: pip install 'plmhead[schema]'") from None
    if head.format_version == "0":
        raise FormatError("NOT_VERIFIED", "/format", "found version 0, expected version 1, which has a schema")
    validator = Draft202012Validator(json.loads(spec_text("config.schema.json")))
    config = read_file(pair_paths(artifact)[1], "config", MAX_CONFIG_BYTES)
    for fault in sorted(
        validator.iter_errors(json.loads(config)), key=lambda fault: list(map(str, fault.absolute_path))
    ):
        where = "".join(f"/{part}" for part in fault.absolute_path)
        raise FormatError("FIELD_VALUE", where, f"the schema says: {fault.message[:200]}")


# --- score


def read_matrix(path: str, columns: int | None = None) -> np.ndarray[Any, np.dtype[np.floating[Any]]]:
    """A C-ordered (rows, columns) matrix of float32 or float64 from an NPY file, without numpy's own reader.

    Raises InputError at X: FILE_UNREADABLE, an NPY code, INPUT_DTYPE or INPUT_SHAPE.
    """
    try:
        data = memoryview(read_file(Path(path), "X", _ANY_SIZE))
        header = read_header(data, "X", empty_rows=True)
        if header.descr not in ("<f4", "<f8"):
            raise InputError("INPUT_DTYPE", "X", f"found {header.descr}, expected <f4 or <f8")
        if len(header.shape) != 2 or columns not in (None, header.shape[1]):
            wanted = "columns" if columns is None else columns
            raise InputError("INPUT_SHAPE", "X", f"found shape {header.shape}, expected (rows, {wanted})")
        check_length(data, header, "X")
    except FormatError as fault:
        raise InputError(fault.code, fault.where, fault.message, fault.remedy) from None
    return np.frombuffer(data[PREAMBLE_BYTES:], dtype=header.descr).reshape(header.shape)


@contextlib.contextmanager
def _output(path: str | None, binary: bool = False) -> Iterator[Any]:
    """Standard output, or a file that appears under its name only when it is complete."""
    if path is None:
        yield sys.stdout
        return
    target = Path(path)
    if target.exists() and not target.is_file():  # the rename would replace a device such as /dev/null by a file
        raise InputError("OUTPUT", path, "found no regular file, expected a file or a new name")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") if binary else temporary.open("w", encoding="utf-8", newline="") as file:
            yield file
        os.replace(temporary, target)
    except OSError as fault:
        raise InputError("OUTPUT", path, f"cannot be written: {fault.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def score_lines(head: Head, x: Any, threshold: float | None, assay_type: str | None) -> Iterator[str]:
    """One JSON object a row, as docs/command-line.md says."""
    z, p, labels = head.score_all(x, threshold, assay_type)
    single = head.link == "logistic"
    for row, label in enumerate(labels.tolist()):
        decision, probability = (z[row], p[row, 1:]) if single else (z[row], p[row])
        values = [decision.tolist(), probability.tolist(), score.bits(decision), score.bits(probability)]
        decision_, probability_, decision_bits, probability_bits = [value[0] for value in values] if single else values
        yield compact(
            {
                "row": row,
                "label": label,
                "decision": decision_,
                "probability": probability_,
                "decision_bits": decision_bits,
                "probability_bits": probability_bits,
            }
        )


def run_score(options: argparse.Namespace) -> None:
    head = load(options.artifact)
    x = read_matrix(options.x, head.n_features_in)
    lines = score_lines(head, x, options.threshold, options.assay_type)
    with _output(options.out) as file:
        for line in lines:
            file.write(line + "\n")


# --- sequences


def _progress(what: str) -> Any:
    """A counter on one line of a terminal; silent when standard error goes elsewhere."""
    if not sys.stderr.isatty():
        return None
    started = time.monotonic()

    def show(done: int, total: int) -> None:
        left = (time.monotonic() - started) / done * (total - done)
        end = "\n" if done == total else ""
        print(f"\r{what}: {done} of {total}, {left:.0f} s left ", end=end, file=sys.stderr, flush=True)

    return show


def run_predict(options: argparse.Namespace) -> None:
    from .data import read_table
    from .encode import check_contract, check_golden, random_weights_warning

    head = load(options.artifact)
    head.threshold_in_force(options.threshold, options.assay_type)  # a bad threshold is said before any embedding
    contract = head.config.get("embedding")
    if contract is None:
        remedy = "plmhead upgrade" if head.format_version == "0" else "plmhead score with embeddings of your own"
        raise InputError(
            "ENCODER", "/embedding", "found no embedding contract, expected one that says which encoder to use", remedy
        )
    table = read_table(
        options.data, need_labels=False, sequence_column=options.sequence_column, too_long=contract["too_long"]
    )
    encoder = _encoder_of(contract, options)
    _warn(random_weights_warning(contract["checkpoint"]))
    check_contract(encoder, contract)
    check_golden(encoder, head.config, head.coef, head.intercept)
    X = encoder.embed(table.sequences, options.batch_size, _progress("embedding"))
    z, p, labels = head.score_all(X, options.threshold, options.assay_type)
    single = head.link == "logistic"
    names = [] if single else [f"_{label}" for label in head.classes.tolist()]
    header = (
        ["probability", "decision"]
        if single
        else [f"{part}{name}" for part in ("probability", "decision") for name in names]
    )
    with _output(options.out) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*(["id"] if table.ids else []), "sequence", "predicted_label", *header])
        for row, (sequence, label) in enumerate(zip(table.sequences, labels.tolist(), strict=True)):
            values = [p[row, 1], z[row, 0]] if single else [*p[row], *z[row]]
            writer.writerow(
                [*([table.ids[row]] if table.ids else []), sequence, label, *(repr(float(value)) for value in values)]
            )


def _encoder_of(contract: dict[str, Any], options: argparse.Namespace) -> Any:
    """The encoder that the caller names, else the one that the artifact names; that one is fetched only when allowed."""
    from .encode import list_encoders, load_encoder

    too_long, checkpoint = contract["too_long"], contract["checkpoint"]
    if options.encoder:
        return load_encoder(options.encoder, too_long=too_long)
    if not options.model and checkpoint in {entry["name"] for entry in list_encoders()}:
        return load_encoder(checkpoint, too_long=too_long)
    from .esm import ESMEmbeddingExtractor

    return ESMEmbeddingExtractor(
        options.model or checkpoint,
        options.device,
        options.batch_size,
        revision=options.revision or contract["revision"],
        too_long=too_long,
        allow_download=bool(options.model) or options.allow_download,
    )


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
    from .settings import KEYS, parse_value, read_yaml, with_changes

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


SMALL_ENCODER = "plmhead/random-esm2-tiny"

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
        _train_with_torch(content)
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


def _train_with_torch(content: dict[str, Any]) -> None:
    from .encode import random_weights_warning
    from .pipeline import train_model
    from .train import metrics_table

    _warn(random_weights_warning(content.get("model", {}).get("name")))
    results = train_model(content, progress=_progress)
    cross = {"scores": {name.removeprefix("cv_"): score for name, score in results["cv_metrics"].items()}}
    options = results["config"]["classifier"]
    cross.update(folds=options["cv_folds"], stratified=options["stratify"])
    shown = results["config"]["training"]["metrics"]
    print(metrics_table({"train": results["train_metrics"], "cross_validation": cross}, shown))
    print("wrote " + (", ".join(results["model_paths"].values()) or "nothing, as training.save_model says"))


def _train_with_onnx(options: argparse.Namespace, content: dict[str, Any]) -> None:
    """The road without torch: an encoder that runs in onnxruntime, or embeddings made elsewhere; two or more classes."""
    from .encode import golden_embeddings, random_weights_warning
    from .pipeline import facts, rehearse, settings_of
    from .settings import check_config, with_changes
    from .train import metrics_table, train
    from .writer import save

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
        "assay_thresholds": _thresholds(options.assay_threshold or []),
        "training": {**facts(Path(dataset), y), **{name: value for name, value in noted.items() if value is not None}},
        "embedding": None if encoder is None else encoder.contract,
        "quiet": True,
    }
    settings = settings_of(config)
    rehearse(y, settings, members)  # what would be refused at the end is refused before the first embedding
    _make_folder(out.parent)
    _warn(None if encoder is None else random_weights_warning(encoder.name))
    X = embed()
    trained = train(X, y, settings, _progress("cross-validation"))
    print(metrics_table(trained.metrics))
    if encoder is not None:
        members.update(
            golden_embeddings=golden_embeddings(encoder), batch_size=config["training"]["batch_size"], device="cpu"
        )
    saved = save(trained.estimator, out, metrics=trained.metrics, **members)
    print(f"wrote {saved.npz} and {saved.config.name}; proved against scikit-learn on {saved.proof}")


def _thresholds(values: list[str]) -> dict[str, float]:
    thresholds = {}
    for name, text in _pairs(values, "--assay-threshold"):
        try:
            thresholds[name] = float(text)
        except ValueError:
            message = f"found {text!r}, expected a number from 0 to 1"
            raise InputError("ARGUMENT", "--assay-threshold", message) from None
    return thresholds


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise InputError("OUTPUT", str(folder), f"cannot be made: {fault.strerror}") from None


def _training_data(options: argparse.Namespace, config: dict[str, dict[str, Any]]) -> tuple[Any, Any, Any]:
    """The encoder (None for embeddings made elsewhere), the labels, and a function that gives X."""
    from .data import read_labels, read_table
    from .encode import load_encoder

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
        X = encoder.embed(table.sequences, batch_size, _progress("embedding"))
        if options.embeddings_out:
            with _output(options.embeddings_out, binary=True) as file:
                np.save(file, X, allow_pickle=False)
        return X

    return encoder, table.labels, embed


# --- change


def run_upgrade(options: argparse.Namespace) -> None:
    from .edit import upgrade

    upgrade(options.artifact, options.output, options.family)
    print(f"wrote {pair_paths(options.output)[0]}; {UPGRADED_WARNING}")


def run_amend(options: argparse.Namespace) -> None:
    from .edit import amend

    changes: list[tuple[str, str | None]] = [
        *_pairs(options.set, "--set"),
        *((where, None) for where in options.remove),
    ]
    amend(options.artifact, changes)
    print(f"sealed {pair_paths(options.artifact)[1]}")


def run_seal(options: argparse.Namespace) -> None:
    from .edit import seal_pair

    seal_pair(options.artifact)
    print(f"sealed {pair_paths(options.artifact)[0]} and its config")


def run_testee(options: argparse.Namespace) -> None:
    from .testee import serve

    serve()
