"""The largest and most laborious pairs that the format admits, and some with one fault met late. Built when asked for, not kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from plmhead.config import MAX_CONFIG_BYTES
from plmhead.json import MAX_DEPTH, MAX_VALUES
from plmhead.npy import MAX_CLASSES, MAX_COEFFICIENTS, MAX_FEATURES
from plmhead.writer import build

from .judge import Pair
from .tamper import resealed, resealer

LONGEST_LABEL = 256
SEAL_AND_DIGEST = 86 + 85  # the bytes of npz_sha256's line and of the seal


def head(rows: int, features: int, dtype: str, labels: NDArray[np.generic] | None = None, **members: object) -> Pair:
    """A head with seeded coefficients; 1 row is logistic."""
    random = np.random.default_rng(7)
    coef = random.normal(size=(rows, features)).astype(dtype) / features
    classes = np.arange(max(2, rows)) if labels is None else labels
    link = "logistic" if rows == 1 else "softmax"
    built = build({**PARAMETERS, "link": link, "decision": None if rows > 1 else DECISION, **members}, coef,
                  random.normal(size=rows).astype(dtype), classes, np.full(rows, 12, dtype=np.int64))  # fmt: skip
    return built.npz, built.config


DECISION = {"threshold": 0.5, "assay_thresholds": {}}
PARAMETERS = {
    "model_type": "LogisticRegression", "sklearn_version": None, "C": 1.0, "penalty": "l2", "l1_ratio": 0.0, "solver": "lbfgs",
    "class_weight": None, "max_iter": 100, "random_state": None, "esm_model": None, "esm_revision": None, "batch_size": None,
    "device": None, "embedding": None,
}  # fmt: skip


# Configs of the largest size. Each filler is given the bytes it may use and returns a JSON value.

Filler = Callable[[int], str]


def repeated(unit: str, most: int = MAX_VALUES - 200) -> Filler:
    """An array of one value again and again, as often as bytes and values allow."""
    return lambda room: f"[{', '.join([unit] * min(most, (room - 2) // (len(unit.encode()) + 2)))}]"


def text_of(unit: str, first: str = "") -> Filler:
    return lambda room: f'"{first}{unit * ((room - len(first.encode()) - 2) // len(unit.encode()))}"'


def names(form: str, value: str, most: int = MAX_VALUES - 200) -> Filler:
    """An object of as many members as there is room for; `form` makes the i-th name."""

    def fill(room: int) -> str:
        size = len(form.format(i=0)) + len(value) + 6
        return "{" + ", ".join(f'"{form.format(i=i)}": {value}' for i in range(min(most, room // size))) + "}"

    return fill


NESTED = "[" * (MAX_DEPTH - 3) + "]" * (MAX_DEPTH - 3)
FILLERS: dict[str, Filler] = {
    "one string": text_of("a"),
    "one string of escapes": text_of("\\n"),
    "one string of escapes beyond Latin-1": text_of("\\u4e2d"),
    "one string of escaped surrogate pairs": text_of("\\ud83d\\ude00"),
    "one string with one wide character": text_of("a", "\U0001f600"),
    "strings with a wide character each": repeated('"\U0001f600aaaaaaaaaaaaaaaaaaaaaa"'),
    "strings with an escape each": repeated('"\\u00e9\\u4e2daaaaaaaaaaaa"'),
    "empty arrays": repeated("[]"),
    "empty objects": repeated("{}"),
    "objects of one member": repeated('{"a": 1}', MAX_VALUES // 2 - 200),
    "arrays in arrays": repeated(NESTED, MAX_VALUES // (MAX_DEPTH - 3) - 200),
    "integers": repeated("9007199254740991"),
    "numbers of 64 bytes": repeated("0." + "123456789" * 6 + "12345e-2"),
    "names": names("{i:026d}", "0"),
    "names of escapes": names("\\u4e2d\\u{i:04x}\\u0041a", "0"),
    "white space": lambda room: "[" + " " * (room - 2) + "]",
}


def with_extension(pair: Pair, filler: Filler) -> Pair:
    """The pair with a config of the largest size, filled up under `extensions`."""
    npz, config = pair
    before, after = config.split(b'  "npz_sha256"')
    opening, closing = b'  "extensions": {"org.example.x": ', b"},\n"
    room = MAX_CONFIG_BYTES - len(config) - len(opening) - len(closing)
    value = filler(room).encode()
    spaces = b" " * (room - len(value))
    return npz, resealed(before + opening + value + spaces + closing + b'  "npz_sha256"' + after)


# Whole pairs


def wide_labels() -> NDArray[np.str_]:
    """1,024 labels of 256 characters beyond 16 bits that differ in the last one."""
    return np.array([chr(0x1F600) * (LONGEST_LABEL - 1) + chr(0x20000 + i) for i in range(MAX_CLASSES)])


def weights(labels: NDArray[np.str_], room: int) -> dict[str, float]:
    """A class_weight with the names of as many of the labels, the last ones, as fit."""
    return {str(label): 1.0 for label in labels[-(room // (4 * LONGEST_LABEL + 8)) :]}


def accepted() -> Iterator[tuple[str, Pair]]:
    for dtype in ("<f8", "<f4"):
        yield f"coefficients {dtype}, widest", head(MAX_COEFFICIENTS // MAX_FEATURES, MAX_FEATURES, dtype)
        yield f"coefficients {dtype}, most classes", head(MAX_CLASSES, MAX_COEFFICIENTS // MAX_CLASSES, dtype)
        yield f"one row {dtype}", head(1, MAX_FEATURES, dtype)
        yield f"1 MiB of coefficients {dtype}", head(16, 2**17 // (1 if dtype == "<f4" else 2) // 8, dtype)
    labels = wide_labels()
    yield "most classes, one feature", head(MAX_CLASSES, 1, "<f8")
    yield "longest labels", head(MAX_CLASSES, 1, "<f8", labels)
    yield "longest labels and weights", head(MAX_CLASSES, 1, "<f8", labels, class_weight=weights(labels, 650_000))
    yield "assay types", head_with_assays()
    small = head(1, 11, "<f8")
    for name, filler in FILLERS.items():
        yield f"config, {name}", with_extension(small, filler)


def head_with_assays() -> Pair:
    room = MAX_CONFIG_BYTES - 4096
    assays = {f"\U0001f600{i:063d}": 0.5 for i in range(room // 80)}
    return head(1, 11, "<f8", decision={"threshold": 0.5, "assay_thresholds": assays})


def refused() -> Iterator[tuple[str, Pair]]:
    """The largest, with a fault that is met as late as its rule allows."""
    npz, config = pair = head(MAX_COEFFICIENTS // MAX_FEATURES, MAX_FEATURES, "<f8")
    yield "digest of the largest", (npz[:-1] + b"\x01", config)
    yield (
        "self-test of the largest",
        (npz, resealed(re.sub(rb'[0-9a-f]{16}("\]\}\n  \])', rb"0123456789abcdef\1", config))),
    )
    nan = bytearray(npz)
    end = nan.index(b"PK\x03\x04", 8 * MAX_COEFFICIENTS)
    nan[end - 8 : end] = b"\xff" * 8
    yield "not finite, of the largest", resealer(pair)((bytes(nan), config))
    labels = wide_labels()
    npz, config = pair = head(MAX_CLASSES, 1, "<f8", labels)
    first, last = (label.encode("utf-32-le") for label in (labels[0], labels[-1]))
    yield "two equal labels, the longest", resealer(pair)((npz.replace(last, first), config))
    small = head(1, 11, "<f8")
    for name, filler in FILLERS.items():
        npz, config = with_extension(small, filler)
        yield f"config cut, {name}", (npz, config[:-2])
    npz, config = with_extension(small, FILLERS["one string"])
    yield "config, not UTF-8 at the end", (npz, config[:-2] + b"\xff\n")
    npz, config = with_extension(small, FILLERS["one string of escapes beyond Latin-1"])
    yield "config, half a pair at the end", (npz, config.replace(b'\\u4e2d"', b'\\ud83d"'))
    npz, config = with_extension(small, FILLERS["names"])
    at = [match.start() for match in re.finditer(rb'"0{20}\d{6}"', config)]
    yield "config, one name twice", (npz, config[: at[-1]] + config[at[0] : at[0] + 28] + config[at[-1] + 28 :])


def pairs() -> Iterator[tuple[str, Pair]]:
    yield from (("largest/" + name, pair) for name, pair in accepted())
    yield from (("largest refused/" + name, pair) for name, pair in refused())
