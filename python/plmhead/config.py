"""The config: bytes in, checked members out (SPEC sections 3 to 6, and 11).

The tables below are those of SPEC section 6, in its order, which is the order of checking.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import json
from .errors import FormatError, mismatch
from .rules import (
    Context,
    Field,
    Members,
    Place,
    anything,
    array,
    boolean,
    constant,
    expect,
    hexadecimal,
    integer,
    mapping,
    nullable,
    number,
    one_of,
    pattern,
    pointer,
    record,
    require,
    text,
    type_name,
)

READER_VERSION = (1, 0)
MAX_CONFIG_BYTES = 1_048_576

#: What the training code in the field compares probabilities with, by assay.
FIELD_ASSAY_THRESHOLDS = {"ELISA": 0.5, "PSR": 0.5495}
SEAL_BYTES = 86
MAX_SAFE = 2**53 - 1

_VERSION = re.compile(r"(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})")
_SEAL = re.compile(rb'"config_sha256": "([0-9a-f]{64})"\n\}\n')
_SEGMENT = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"


def _class_weight(value: Any, where: Place, context: Context) -> None:
    if isinstance(value, str | bytes):
        require(value == "balanced", value, where, "'balanced', an object or null")
    else:
        mapping(anything, number(0))(value, where, context)


def _l1_ratio(value: Any, where: Place, context: Context) -> None:
    nullable(number(0, 1))(value, where, context)
    require(
        value is not None or context.root["penalty"] != "elasticnet",
        value,
        where,
        "a number, since penalty is elasticnet",
    )


def _decision(value: Any, where: Place, context: Context) -> None:
    if value is not None:
        expect(value, where, "object")
    link = context.root["link"]
    require(
        (value is None) == (link == "softmax"),
        type_name(value),
        where,
        f"{'null' if link == 'softmax' else 'an object'}, since link is {link}",
    )
    nullable(_DECISION)(value, where, context)


def _embedding(value: Any, where: Place, context: Context) -> None:
    if value is None:
        for name in ("esm_model", "esm_revision", "batch_size", "device"):
            require(context.root[name] is None, context.root[name], pointer("", name), "null, since embedding is null")
        return
    expect(value, where, "object")
    require(context.root["esm_model"] is not None, None, "/esm_model", "a model name, since embedding is an object")
    _EMBEDDING(value, where, context)


def _checkpoint(value: Any, where: Place, context: Context) -> None:
    expect(value, where, "string")
    require(value == context.root["esm_model"], value, where, f"{context.root['esm_model']!r}, as esm_model")


def _golden(value: Any, where: Place, context: Context) -> None:
    if value is not None:
        expect(value, where, "array")
        require(context.root["embedding"] is not None, "an array", where, "null, since embedding is null")
        array(_GOLDEN, 6, 6)(value, where, context)


_MODEL = pattern(rf"{_SEGMENT}(?:/{_SEGMENT})?", 192)
_REVISION = nullable(pattern(rf"{_SEGMENT}(?:/{_SEGMENT})*", 192))
_METRIC = pattern(r"[a-z][a-z0-9_]{0,31}")
_NAME_64 = text(1, 64, "/\\")

_DECISION = record(
    Field("threshold", number(0, 1)),
    Field("assay_thresholds", mapping(text(1, 64), number(0, 1))),
)
_EMBEDDING = record(
    Field("origin", one_of("plmhead", "declared", "version-0")),
    Field("family", one_of("esm1b", "esm1v", "esm2")),
    Field("checkpoint", _checkpoint),
    Field("revision", _REVISION),
    Field("weights_sha256", nullable(hexadecimal(64))),
    Field("dimension", integer(1, 65_536)),
    Field("layer", one_of("last")),
    Field("pooling", one_of("mean")),
    Field("accumulate", one_of("float32")),
    Field("l2_normalized", constant(False)),
    Field("alphabet", one_of("esm1b-33")),
    Field("max_residues", integer(1022, 1022)),
    Field("too_long", one_of("error", "truncate")),
    Field("dtype", one_of("float32", "float16", "bfloat16")),
    Field("accuracy", one_of("exact", "fast")),
)
_GOLDEN = record(
    Field("embedding", array(number(), 1, 16)),
    Field("decision", array(number(), 1, 1024)),
    Field("probability", array(number(0, 1), 2, 1024)),
)
_SELF_TEST = record(
    Field("decision", array(hexadecimal(16), 1, 1024)),
    Field("probability", array(hexadecimal(16), 2, 1024)),
)
_SCORE = record(Field("mean", nullable(number())), Field("std", nullable(number())))
_METRICS = record(
    Field("train", mapping(_METRIC, nullable(number())), required=False),
    Field(
        "cross_validation",
        record(
            Field("folds", integer(2, 1_000_000)),
            Field("stratified", boolean),
            Field("scores", mapping(_METRIC, _SCORE)),
        ),
        required=False,
    ),
)
_TRAINING = record(
    Field("date", pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"), required=False),
    Field("dataset", text(1, 256, "/\\"), required=False),
    Field("dataset_sha256", hexadecimal(64), required=False),
    Field("rows", integer(1, MAX_SAFE), required=False),
    Field("rows_by_class", array(integer(0, MAX_SAFE), 1, 1024), required=False),
    Field("assay_type", _NAME_64, required=False),
    Field("fragment_type", _NAME_64, required=False),
    Field("folded", array(one_of("standard_scaler", "two_class_multinomial"), 0, 2), required=False),
)

ROOT_FIELDS = (
    Field("format", anything),
    Field("format_version", anything),
    Field("min_reader", anything),
    Field("model_type", one_of("LogisticRegression")),
    Field("sklearn_version", nullable(pattern(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,63}"))),
    Field("C", number(above=0)),
    Field("penalty", nullable(one_of("l1", "l2", "elasticnet"))),
    Field("l1_ratio", _l1_ratio),
    Field("solver", pattern(r"[a-z][a-z-]{0,63}")),
    Field("class_weight", nullable(_class_weight)),
    Field("max_iter", integer(0, 2**31 - 1)),
    Field("random_state", nullable(integer(0, 2**32 - 1))),
    Field("esm_model", nullable(_MODEL)),
    Field("esm_revision", _REVISION),
    Field("batch_size", nullable(integer(1, 2**31 - 1))),
    Field("device", nullable(pattern(r"[a-z]{1,16}(?::[0-9]{1,3})?"))),
    Field("link", one_of("logistic", "softmax")),
    Field("decision", _decision),
    Field("embedding", _embedding),
    Field("golden", _golden),
    Field("self_test", array(_SELF_TEST, 8, 8)),
    Field("metrics", _METRICS, required=False),
    Field("training", _TRAINING, required=False),
    Field("extensions", mapping(pattern(r"[a-z][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)+"), anything), required=False),
    Field("npz_sha256", hexadecimal(64)),
    Field("config_sha256", anything),
)

ANY_INTEGER = integer(-MAX_SAFE, MAX_SAFE)


def _any_string(value: Any, where: Place, context: Context) -> None:
    expect(value, where, "string")


VERSION_0_FIELDS = (
    Field("model_type", one_of("LogisticRegression")),
    Field("sklearn_version", _any_string),
    Field("C", number(above=0)),
    Field("penalty", nullable(_any_string)),
    Field("solver", _any_string),
    Field("class_weight", nullable(_class_weight)),
    Field("max_iter", ANY_INTEGER),
    Field("random_state", nullable(ANY_INTEGER)),
    Field("esm_model", _any_string),
    Field("esm_revision", nullable(_any_string)),
    Field("batch_size", ANY_INTEGER),
    Field("device", _any_string, required=False),
)
NEW_NAMES = {field.name for field in ROOT_FIELDS} - {field.name for field in VERSION_0_FIELDS} - {"format"}


@dataclass(frozen=True)
class Config:
    """A checked config.

    `version` is (0, 0) for version 0. `members` is the parsed root object in which strings beyond ASCII are their UTF-8 bytes
    (json.py, `compact`), and `data` what it was parsed from.
    """

    version: tuple[int, int]
    members: Members
    data: bytes

    @property
    def link(self) -> str:
        return str(self.members.get("link", "logistic"))

    @property
    def decision(self) -> dict[str, Any] | None:
        """Thresholds: those of the file, or for version 0 those of the training code in the field (spec/v0)."""
        field_defaults = {"threshold": 0.5, "assay_thresholds": dict(FIELD_ASSAY_THRESHOLDS)}
        return field_defaults if self.version[0] == 0 else self.members["decision"]


def parse_config(data: bytes) -> Config:
    """Checks sections 3 to 6 on the bytes of a config.

    Raises FormatError.
    """
    root = json.parse(data, compact=True)
    expect(root, "", "object")
    version = _version(root)
    if version[0] == 0:
        record(*VERSION_0_FIELDS)(root, "", Context(root, ignore_unknown=True))
        return Config(version, root, data)
    _check_seal(data, root)
    record(*ROOT_FIELDS)(root, "", Context(root, ignore_unknown=version > READER_VERSION))
    return Config(version, root, data)


def _version(root: Members) -> tuple[int, int]:
    if "format" not in root:
        new = [name for name in root if name in NEW_NAMES]
        if new:
            raise FormatError("FORMAT_MISSING", "/format", f"found {new[0]} but no format, expected both or neither")
        return (0, 0)
    expect(root["format"], "/format", "string")
    if root["format"] != "plmhead":
        raise mismatch("FORMAT_UNKNOWN", "/format", json.text_of(root["format"]), "'plmhead'")
    version = _version_pair(root, "format_version")
    if version[0] != READER_VERSION[0]:
        raise mismatch("VERSION_UNSUPPORTED", "/format_version", root["format_version"], f"{READER_VERSION[0]}.x")
    least = _version_pair(root, "min_reader")
    if least > READER_VERSION:
        raise mismatch(
            "VERSION_UNSUPPORTED", "/min_reader", root["min_reader"], "at most {}.{}".format(*READER_VERSION)
        )
    within = least[0] == version[0] and least <= version
    require(within, root["min_reader"], "/min_reader", f"{version[0]}.0 to {root['format_version']}")
    return version


def _version_pair(root: Members, name: str) -> tuple[int, int]:
    where = f"/{name}"
    if name not in root:
        raise FormatError("FIELD_MISSING", where, f"found no member {name}, expected one")
    expect(root[name], where, "string")
    match = _VERSION.fullmatch(json.text_of(root[name]))
    require(match is not None, root[name], where, "MAJOR.MINOR")
    assert match is not None
    return int(match.group(1)), int(match.group(2))


def _check_seal(data: bytes, root: Members) -> None:
    where = "/config_sha256"
    if "config_sha256" not in root:
        raise FormatError("FIELD_MISSING", where, "found no member config_sha256, expected one")
    seal = _SEAL.fullmatch(data[-SEAL_BYTES:])
    if seal is None or next(reversed(root)) != "config_sha256":
        raise FormatError(
            "CONFIG_SEAL",
            where,
            "found another end of the file, expected config_sha256 as the last member in the fixed form",
        )
    digest = hashlib.sha256(memoryview(data)[:-SEAL_BYTES]).hexdigest()
    if digest != seal.group(1).decode():
        raise mismatch("CONFIG_DIGEST", where, digest, seal.group(1).decode())


def class_key(label: Any) -> str:
    """The name of a class in a class_weight map (G2)."""
    if isinstance(label, (bool, np.bool_)):
        return "true" if label else "false"
    text: str = label if isinstance(label, str) else str(int(label))
    return text


def check_agreement(members: Members, rows: int, n_features: int, classes: NDArray[np.generic]) -> None:
    """Section 11: the config against the arrays."""
    embedding = members["embedding"]
    if embedding is not None:
        _agree(embedding["dimension"], n_features, "/embedding/dimension", "n_features_in")
    if isinstance(members["class_weight"], dict):
        _check_class_weight(members["class_weight"], classes)
    for j, entry in enumerate(members["self_test"]):
        _agree(len(entry["decision"]), rows, f"/self_test/{j}/decision", "values")
        _agree(len(entry["probability"]), len(classes), f"/self_test/{j}/probability", "values")
    for j, entry in enumerate(members["golden"] or ()):
        _agree(len(entry["embedding"]), min(16, n_features), f"/golden/{j}/embedding", "values")
        _agree(len(entry["decision"]), rows, f"/golden/{j}/decision", "values")
        _agree(len(entry["probability"]), len(classes), f"/golden/{j}/probability", "values")
    by_class = members.get("training", {}).get("rows_by_class")
    if by_class is not None:
        _agree(len(by_class), len(classes), "/training/rows_by_class", "values")


def _agree(found: int, expected: int, where: str, what: str) -> None:
    if found != expected:
        raise mismatch("FIELD_MISMATCH", where, found, f"{expected} ({what})")


def _check_class_weight(weights: Members, classes: NDArray[np.generic]) -> None:
    following = (class_key(label) for label in classes)
    for name in map(json.text_of, weights):
        if name not in following:  # consumes the iterator: a name must come after the one before it
            raise mismatch(
                "FIELD_MISMATCH", pointer("/class_weight", name), name, "the next class label, in class order"
            )
