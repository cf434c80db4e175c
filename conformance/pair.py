"""A head and the pair of files made from it, with a hook at each place where a case can break something.

`Head` is the head in exact terms; `Pair` holds the parts of its two files. `Pair.npz` and `Pair.text` assemble them: CRC-32, npz_sha256 and
config_sha256 are computed last, so that a mutation made before is not found by a digest instead of by its own rule.
"""

import copy
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from . import json_bytes, npy_bytes, oracle, zip_bytes
from .ieee import from_decimal, from_int, hex16
from .json_bytes import Raw
from .zip_bytes import Archive, Entry

MEMBERS = ("coef", "intercept", "classes", "n_features_in", "n_iter")
HALF_TOKEN = Raw("0.5")
OWN_DIGEST = Raw("the SHA-256 of the NPZ")  # replaced when the files are assembled
#: What a config binds its self-test to (E2); npz_sha256 comes last.
BOUND = ("format_version", "min_reader", "link", "decision", "embedding", "golden")


@dataclass
class Head:
    coef: list[list[int]]  # binary64 bits, one list a row
    intercept: list[int]
    labels: list[object] = field(default_factory=lambda: [0, 1])  # int, str, bool; binary64 bits for <f8
    classes_dtype: str = "<i8"
    coef_dtype: str = "<f8"
    intercept_dtype: str = "<f8"
    n_iter: list[int] = field(default_factory=lambda: [12])
    n_iter_dtype: str = "<i4"
    n_features_dtype: str = "<i8"
    scalar_intercept: bool = False  # version 0 only

    @property
    def n(self) -> int:
        return len(self.coef[0])

    @property
    def link(self) -> str:
        return "logistic" if len(self.coef) == 1 else "softmax"

    def tagged(self, label: object) -> dict[str, str]:
        """The label as the protocol writes it."""
        if self.classes_dtype == "<f8":
            return {"t": "float", "v": hex16(label)}
        if isinstance(label, bool):
            return {"t": "bool", "v": str(label).lower()}
        return {"t": "int", "v": str(label)} if isinstance(label, int) else {"t": "str", "v": label}

    def arrays(self) -> dict[str, bytes]:
        """Each member as NPY bytes."""
        rows = len(self.coef)
        shape = () if self.scalar_intercept else (rows,)
        return {
            "coef": npy_bytes.preamble(self.coef_dtype, (rows, self.n))
            + npy_bytes.reals(self.coef_dtype, [w for row in self.coef for w in row]),
            "intercept": npy_bytes.preamble(self.intercept_dtype, shape)
            + npy_bytes.reals(self.intercept_dtype, self.intercept),
            "classes": npy_bytes.preamble(self.classes_dtype, (len(self.labels),)) + self.label_bytes(),
            "n_features_in": npy_bytes.preamble(self.n_features_dtype, (1,))
            + npy_bytes.words([self.n], item_size(self.n_features_dtype)),
            "n_iter": npy_bytes.preamble(self.n_iter_dtype, (len(self.n_iter),))
            + npy_bytes.words(self.n_iter, item_size(self.n_iter_dtype)),
        }

    def label_bytes(self) -> bytes:
        if self.classes_dtype.startswith("<U"):
            return npy_bytes.text(int(self.classes_dtype[2:]), self.labels)
        return npy_bytes.words([int(label) for label in self.labels], item_size(self.classes_dtype))


def item_size(descr: str) -> int:
    return int(descr[2:])


@dataclass
class Pair:
    archive: Archive
    config: dict[str, object]
    head: Head
    version: str = "1.0"
    threshold: int | None = None
    sealed: bool = True
    own_records: list[dict[str, list[str]]] | None = (
        None  # the self-test as computed; where the config has it, it follows the files
    )
    lead: bytes = b""  # white space that the runner puts first (prepend)
    edit_body: list[Callable[[bytes], bytes]] = field(default_factory=list)  # config text before its seal
    edit_text: list[Callable[[bytes], bytes]] = field(default_factory=list)  # config text after its seal
    edit_npz: list[Callable[[bytes], bytes]] = field(default_factory=list)  # NPZ bytes before npz_sha256
    break_npz: list[Callable[[bytes], bytes]] = field(default_factory=list)  # NPZ bytes after npz_sha256

    def entry(self, member: str) -> Entry:
        return next(e for e in self.archive.entries if e.name == f"{member}.npy".encode())

    def set_npy(self, member: str, data: bytes) -> None:
        self.entry(member).data = data

    def npz(self) -> bytes:
        """The NPZ that npz_sha256 is taken of."""
        return apply(self.edit_npz, zip_bytes.build(self.archive))

    def self_test(self, config: dict[str, object]) -> list[dict[str, list[str]]]:
        """The records due for a config whose digest of the NPZ is known."""
        return oracle.self_test(self.head.coef, self.head.intercept, self.threshold, binding(config))

    def compute_records(self) -> None:
        digest = hashlib.sha256(self.npz()).hexdigest()
        self.config["self_test"] = self.self_test({**self.config, "npz_sha256": digest})
        self.own_records = copy.deepcopy(self.config["self_test"])

    def files(self) -> tuple[bytes, bytes]:
        """(npz, config) as written to disk; `lead` is in the digest but not in the config returned."""
        npz = self.npz()
        config = dict(self.config)
        if config.get("npz_sha256") == OWN_DIGEST:
            config["npz_sha256"] = hashlib.sha256(npz).hexdigest()
        if self.own_records and config.get("self_test") == self.own_records:
            config["self_test"] = self.self_test(config)
        text = apply(self.edit_body, json_bytes.body(config))
        text = json_bytes.seal(self.lead + text + b",\n  ")[len(self.lead) :] if self.sealed else text + b"\n}\n"
        return apply(self.break_npz, npz), apply(self.edit_text, text)


def binding(config: dict[str, object]) -> str:
    """The text of E2."""
    return "".join(f"{line}\n" for name in (*BOUND, "npz_sha256") for line in lines(config.get(name)))


def lines(value: object) -> Iterator[str]:
    """A value of a config, line by line. What is no JSON, in a config that is refused before its self-test, is a line as it stands."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from lines(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from lines(inner)
    elif isinstance(value, Raw) or type(value) is int:
        yield number_line(value)
    else:
        yield {None: "null", True: "true", False: "false"}.get(value, value)


def number_line(token: Raw | int) -> str:
    try:
        return hex16(from_decimal(token.text if isinstance(token, Raw) else str(token)))
    except (ValueError, OverflowError):
        return str(token)


def apply(edits: list[Callable[[bytes], bytes]], data: bytes) -> bytes:
    for edit in edits:
        data = edit(data)
    return data


def archive_of(head: Head) -> Archive:
    arrays = head.arrays()
    return Archive([Entry(f"{m}.npy".encode(), arrays[m]) for m in MEMBERS])


def version_1(
    head: Head, *, threshold: Raw = HALF_TOKEN, assays: dict[str, Raw] | None = None, **changes: object
) -> Pair:
    """A version 1 pair with the smallest config; `changes` replace config members, and keep their place."""
    logistic = head.link == "logistic"
    in_force = from_decimal(threshold.text) if logistic else None
    config: dict[str, object] = {
        "format": "plmhead",
        "format_version": "1.0",
        "min_reader": "1.0",
        "model_type": "LogisticRegression",
        "sklearn_version": None,
        "C": Raw("1.0"),
        "penalty": "l2",
        "l1_ratio": Raw("0.0"),
        "solver": "lbfgs",
        "class_weight": None,
        "max_iter": 100,
        "random_state": None,
        "esm_model": None,
        "esm_revision": None,
        "batch_size": None,
        "device": None,
        "link": head.link,
        "decision": {"threshold": threshold, "assay_thresholds": assays or {}} if logistic else None,
        "embedding": None,
        "golden": None,
        "self_test": ...,
        "metrics": ...,
        "training": ...,
        "extensions": ...,
        "npz_sha256": OWN_DIGEST,
    }
    config.update(changes)
    config = {name: value for name, value in config.items() if value is not ... or name == "self_test"}
    pair = Pair(archive_of(head), config, head, str(config["format_version"]), in_force)
    pair.compute_records()
    return pair


def version_0(head: Head, **changes: object) -> Pair:
    config: dict[str, object] = {
        "model_type": "LogisticRegression",
        "sklearn_version": "1.7.2",
        "C": Raw("1.0"),
        "penalty": "l2",
        "solver": "lbfgs",
        "class_weight": None,
        "max_iter": 1000,
        "random_state": 42,
        "esm_model": "facebook/esm1v_t33_650M_UR90S_1",
        "esm_revision": "main",
        "batch_size": 8,
        "device": "cpu",
    }
    config.update(changes)
    config = {name: value for name, value in config.items() if value is not ...}
    pair = Pair(archive_of(head), config, head, "0", from_decimal("0.5"), sealed=False)
    for entry in pair.archive.entries:  # as np.savez writes them
        entry.zip64, entry.both["version"] = True, 45
        entry.central["external"] = 0x01800000
    return pair


def embedding(head: Head, **changes: object) -> dict[str, object]:
    """The config members of an ESM head, for `version_1(head, **embedding(head))`."""
    contract = {
        "origin": "plmhead",
        "family": "esm2",
        "checkpoint": "facebook/esm2_t6_8M_UR50D",
        "revision": None,
        "weights_sha256": None,
        "dimension": head.n,
        "layer": "last",
        "pooling": "mean",
        "accumulate": "float32",
        "l2_normalized": False,
        "alphabet": "esm1b-33",
        "max_residues": 1022,
        "too_long": "error",
        "dtype": "float32",
        "accuracy": "exact",
        **changes,
    }
    rows, k = len(head.coef), len(head.labels)
    # The golden numbers are of no encoder; loading does not look at their values.
    record = {
        "embedding": [Raw(f"0.{i:02d}") for i in range(1, min(16, head.n) + 1)],
        "decision": [Raw(f"-1.{c}") for c in range(rows)],
        "probability": [Raw(f"0.{c % 10}") for c in range(k)],
    }
    return {
        "esm_model": contract["checkpoint"],
        "esm_revision": None,
        "batch_size": 8,
        "device": "cuda:0",
        "embedding": contract,
        "golden": [golden_record(record, j) for j in range(6)],
    }


def golden_record(record: dict[str, list[Raw]], j: int) -> dict[str, object]:
    """Record j, with lists of its own: a case that changes one record must not change the others."""
    return {
        "embedding": list(record["embedding"]),
        "decision": [Raw(f"{token.text}{j}") for token in record["decision"]],
        "probability": list(record["probability"]),
    }


def integers(*values: int) -> list[int]:
    return [from_int(v) for v in values]


def with_labels(head: Head, labels: list[object], dtype: str) -> Head:
    return replace(head, labels=labels, classes_dtype=dtype)
