"""A bundle: one folder with a head, its encoder as an ONNX graph and golden results (spec/bundle/SPEC.md).

`load_bundle` reads and proves one; `bundle_writer.write_bundle` makes one. Every byte is hashed before it is used, and
nothing outside the folder is opened.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from . import config, json
from .encode import check_golden
from .errors import FormatError, InputError, mismatch
from .head import Head, from_bytes
from .npy import MAX_FEATURES
from .onnx_files import Port, external_files, ports
from .rules import (
    Context,
    Field,
    Members,
    Place,
    array,
    expect,
    hexadecimal,
    integer,
    nullable,
    one_of,
    pattern,
    record,
)
from .sequences import ALPHABET, normalise, tokenize
from .zip import MAX_NPZ_BYTES

MANIFEST = "bundle.json"
FORMAT, VERSION = "plmhead-bundle", (1, 0)
MAX_MANIFEST_BYTES = 65_536
MAX_EXTERNAL = 64
#: The roles in their order, and the most bytes a file of each may have.
ROLES = {
    "npz": MAX_NPZ_BYTES, "config": config.MAX_CONFIG_BYTES, "graph": 2**31 - 1, "external_data": 2**36,
    "vocabulary": 2**20, "golden": 2**20,
}  # fmt: skip
VOCABULARY = "".join(f"{token}\n" for token in ALPHABET).encode()
INPUTS = (b"input_ids", b"attention_mask")
OUTPUT = b"pooled"
#: Element types as onnx.proto numbers them.
_FLOAT, _ELEMENTS = 1, {"int32": 6, "int64": 7}

#: Members of an artifact's `embedding` -> those of the manifest's `encoder` that must be equal (B11).
_SAME = {"family": "family", "checkpoint": "name", "weights_sha256": "weights_sha256", "dimension": "dimension"}
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
#: What runtimes take as the name of external data; rten takes no other.
EXTERNAL_NAME = re.compile(r".+\.(data|onnx_data)(_[0-9]+)?")
_VERSION = re.compile(r"(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})")


def _any_string(value: Any, where: Place, context: Context) -> None:
    expect(value, where, "string")


_ENCODER = record(
    Field("name", pattern(rf"{config._SEGMENT}(?:/{config._SEGMENT})?", 192)),
    Field("family", one_of("esm1b", "esm1v", "esm2")),
    Field("weights_sha256", nullable(hexadecimal(64))),
    Field("dimension", integer(1, MAX_FEATURES)),
    Field("dtype", one_of("float32", "float16", "bfloat16")),
    Field("accuracy", one_of("exact", "fast")),
    Field("input_type", one_of("int64", "int32")),
)
_FILE = record(
    Field("role", one_of(*ROLES)),
    Field("name", _any_string),
    Field("size", integer(0, config.MAX_SAFE)),
    Field("sha256", hexadecimal(64)),
)
_MANIFEST = record(
    Field("format", _any_string),
    Field("format_version", _any_string),
    Field("name", pattern(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")),
    Field("encoder", _ENCODER),
    Field("files", array(_FILE, 5, 5 + MAX_EXTERNAL)),
)


class Bundle(NamedTuple):
    """A bundle that was read and proved: its head, its encoder, and its manifest."""

    head: Head
    encoder: GraphEncoder
    manifest: Members

    def score(self, sequences: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[Any]]:
        """Decisions, probabilities and labels of sequences, as `Head.score_all` gives them. Raises InputError."""
        return self.head.score_all(self.encoder.embed(sequences))


class Contents(NamedTuple):
    """The checked bytes of a bundle, before any runtime has seen them (B1 to B11)."""

    manifest: Members
    head: Head
    graph: bytes
    external: dict[str, bytes]
    golden: list[dict[str, Any]]


class GraphEncoder:
    """The encoder of a bundle, run by onnxruntime.

    `contract` is the `embedding` object of a config (SPEC.md section 6) that holds of it.
    """

    def __init__(self, encoder: Members, session: Any, config_embedding: dict[str, Any]) -> None:
        self.name = str(encoder["name"])
        self.too_long = str(config_embedding["too_long"])
        self.accuracy = str(encoder["accuracy"])
        own = {name: encoder[name] for name in ("family", "weights_sha256", "dimension", "dtype", "accuracy")}
        self.contract = {**config_embedding, **own, "checkpoint": self.name}
        self._dimension = int(encoder["dimension"])
        self._dtype = np.dtype(encoder["input_type"])
        self._session = session

    def checkpoint(self) -> None:
        """None: only a graph is at hand."""

    def embed(self, sequences: Sequence[str], batch_size: int = 8) -> NDArray[np.float32]:
        """The embeddings, float32 of shape (len(sequences), dimension), in the order of the input.

        Raises InputError: SEQUENCE_EMPTY, SEQUENCE_LETTER, SEQUENCE_LENGTH at "/row"; RUNTIME where the graph fails.
        """
        texts = [normalise(text, f"/{row}", self.too_long) for row, text in enumerate(sequences)]
        return self._embed(texts, batch_size)

    def _embed(self, texts: list[str], batch_size: int = 1) -> NDArray[np.float32]:
        values = np.empty((len(texts), self._dimension), dtype=np.float32)
        # Neighbours in length share a batch, so that little of it is padding.
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            values[rows] = self._run([texts[row] for row in rows])
        return values

    def _run(self, batch: list[str]) -> NDArray[np.float32]:
        input_ids, attention_mask = (values.astype(self._dtype) for values in tokenize(batch))
        try:
            (pooled,) = self._session.run(["pooled"], {"input_ids": input_ids, "attention_mask": attention_mask})
        except Exception as fault:  # onnxruntime's errors have no common class of their own
            raise InputError("RUNTIME", self.name, f"onnxruntime failed: {fault}") from fault
        expected = (len(batch), self._dimension)
        if pooled.shape != expected or pooled.dtype != np.float32 or not np.isfinite(pooled).all():
            found = f"{pooled.dtype} of shape {pooled.shape}"
            raise InputError("RUNTIME", self.name, f"found {found}, expected finite float32 of shape {expected}")
        return np.asarray(pooled, dtype=np.float32)


def load_bundle(folder: str | os.PathLike[str]) -> Bundle:
    """Reads a bundle and proves its encoder on the golden sequences (B1 to B12).

    Raises FormatError or InputError with the code of the first rule that is broken; ImportError without onnxruntime.
    """
    return prove(read_bundle(folder))


def read_bundle(folder: str | os.PathLike[str]) -> Contents:
    """The contents of a bundle, checked without a runtime (B1 to B11). Raises FormatError, InputError ENCODER."""
    path = Path(folder)
    manifest = parse_manifest(_read(path / MANIFEST, MAX_MANIFEST_BYTES))
    data = {entry["name"]: _read_listed(path, entry) for entry in manifest["files"]}
    by_role: dict[str, list[str]] = {role: [] for role in ROLES}
    for entry in manifest["files"]:
        by_role[entry["role"]].append(entry["name"])
    (npz,), (pair_config,), (graph,), external, (vocabulary,), (golden,) = by_role.values()
    _check_locations(graph, data[graph], external)
    _check_ports(graph, data[graph], manifest["encoder"])
    if data[vocabulary] != VOCABULARY:
        raise mismatch("BUNDLE_VOCABULARY", vocabulary, "another text", "the 33 tokens, each with a line feed")
    records = _parse(golden, data[golden])
    array(config._GOLDEN, 6, 6)(records, golden, Context(manifest, ignore_unknown=False))
    head = from_bytes(data[npz], data[pair_config])
    check_encoder(head, manifest["encoder"])
    _check_golden_shapes(golden, records, head)
    return Contents(manifest, head, data[graph], {name: data[name] for name in external}, records)


def prove(contents: Contents) -> Bundle:
    """Opens the graph and holds it to the golden results (B12). Raises FormatError BUNDLE_GRAPH, InputError GOLDEN."""
    bundle = open_graph(contents)
    _check_golden(bundle, bundle.head.config["golden"])
    _check_golden(bundle, contents.golden)
    return bundle


def open_graph(contents: Contents) -> Bundle:
    """The bundle with its graph in onnxruntime. Raises FormatError BUNDLE_GRAPH."""
    manifest, head = contents.manifest, contents.head
    graph = next(entry["name"] for entry in manifest["files"] if entry["role"] == "graph")
    session = _session(graph, contents)
    return Bundle(head, GraphEncoder(manifest["encoder"], session, head.config["embedding"]), manifest)


# --- manifest ---------------------------------------------------------------------------------------------------------


def parse_manifest(data: bytes) -> Members:
    """The members of a manifest (B1 to B5). Raises FormatError."""
    root = _parse(MANIFEST, data)
    expect(root, MANIFEST, "object")
    version = _version(root)
    _MANIFEST(root, MANIFEST, Context(root, ignore_unknown=version > VERSION))
    _check_roles(root["files"])
    _check_names(root)
    return dict(root)


def _parse(name: str, data: bytes) -> Any:
    try:
        return json.parse(data)
    except FormatError as fault:
        raise FormatError(fault.code, name, f"{fault.message} ({fault.where.replace('config', 'byte ', 1)})") from None


def _version(root: Members) -> tuple[int, int]:
    for name in ("format", "format_version"):
        where = f"{MANIFEST}/{name}"
        if name not in root:
            raise FormatError("FIELD_MISSING", where, f"found no member {name}, expected one")
        expect(root[name], where, "string")
        if name == "format" and root[name] != FORMAT:
            raise mismatch("FORMAT_UNKNOWN", where, root[name], repr(FORMAT))
    match = _VERSION.fullmatch(root["format_version"])
    if match is None:
        raise mismatch("FIELD_VALUE", f"{MANIFEST}/format_version", root["format_version"], "MAJOR.MINOR")
    version = int(match[1]), int(match[2])
    if version[0] != VERSION[0]:
        raise mismatch("VERSION_UNSUPPORTED", f"{MANIFEST}/format_version", root["format_version"], f"{VERSION[0]}.x")
    return version


def _check_roles(files: list[Members]) -> None:
    roles = [entry["role"] for entry in files]
    expected = ["npz", "config", "graph", *["external_data"] * (len(files) - 5), "vocabulary", "golden"]
    if roles != expected:
        raise mismatch("FIELD_VALUE", f"{MANIFEST}/files", " ".join(roles), " ".join(expected))
    for index, entry in enumerate(files):
        most = ROLES[entry["role"]]
        if entry["size"] > most:
            raise mismatch("FIELD_VALUE", f"{MANIFEST}/files/{index}/size", entry["size"], f"at most {most}")


def _check_names(root: Members) -> None:
    stem = root["name"]
    due = {"npz": f"{stem}.npz", "config": f"{stem}_config.json"}
    taken = {MANIFEST}
    for index, entry in enumerate(root["files"]):
        name = entry["name"]
        where = f"{MANIFEST}/files/{index}/name"
        if not _FILE_NAME.fullmatch(name):
            raise mismatch("BUNDLE_NAME", where, name, "a plain file name of letters, digits, '_', '.' and '-'")
        if name.lower() in taken:
            raise mismatch("BUNDLE_NAME", where, name, "a name that no other file has, whatever its case")
        if entry["role"] == "external_data" and not EXTERNAL_NAME.fullmatch(name):
            raise mismatch("BUNDLE_NAME", where, name, "a name that ends in .data or .onnx_data")
        if name != due.get(entry["role"], name):
            raise mismatch("BUNDLE_NAME", where, name, due[entry["role"]])
        taken.add(name.lower())


# --- files ------------------------------------------------------------------------------------------------------------


def _read_listed(folder: Path, entry: Members) -> bytes:
    data = _read(folder / entry["name"], entry["size"])
    if len(data) != entry["size"]:
        raise mismatch("BUNDLE_FILE", entry["name"], f"{len(data)} bytes", f"{entry['size']}, as the manifest says")
    digest = hashlib.sha256(data).hexdigest()
    if digest != entry["sha256"]:
        raise mismatch("BUNDLE_DIGEST", entry["name"], f"SHA-256 {digest}", entry["sha256"])
    return data


def _read(path: Path, most: int) -> bytes:
    """The bytes of a regular file of the folder itself, of at most `most` bytes. Raises FormatError BUNDLE_FILE."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise mismatch("BUNDLE_FILE", path.name, "a link or no regular file", "a file of the folder itself")
        # Between the two a link may take its place, and is not followed; nor does opening wait, as it would for a pipe.
        flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(path, os.O_RDONLY | flags), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > most:
                raise mismatch("BUNDLE_FILE", path.name, f"{size} bytes", f"at most {most}")
            return file.read(size)
    except (OSError, ValueError) as fault:
        if isinstance(fault, FormatError):
            raise
        raise mismatch(
            "BUNDLE_FILE", path.name, f"no readable file ({getattr(fault, 'strerror', fault)})", "one"
        ) from None


# --- contents ---------------------------------------------------------------------------------------------------------


def _check_locations(graph: str, data: bytes, external: list[str]) -> None:
    listed = {name.encode() for name in external}
    try:
        surplus = sorted(external_files(data) - listed)
    except ValueError as fault:
        raise FormatError("BUNDLE_GRAPH", graph, str(fault)) from None
    if surplus:
        found = surplus[0].decode("utf-8", "backslashreplace")
        raise mismatch("BUNDLE_GRAPH", graph, f"external data in {found!r}", "external data in listed files alone")


def check_encoder(head: Head, encoder: Members) -> None:
    """B11 for the manifest's `encoder`. Raises InputError ENCODER."""
    contract = head.config.get("embedding")
    if contract is None:
        raise InputError(
            "ENCODER", "/embedding", "found no embedding contract, expected one for a head with an encoder"
        )
    for member, own in _SAME.items():
        wanted, found = contract[member], encoder[own]
        if found != wanted and not (member == "weights_sha256" and None in (found, wanted)):
            message = f"found {own} {found!r} in the bundle's encoder, expected {wanted!r}"
            raise InputError(
                "ENCODER", f"/embedding/{member}", message, "bundle the encoder that the head was trained on"
            )


def _check_golden_shapes(name: str, records: list[Members], head: Head) -> None:
    shapes = {"embedding": min(16, head.n_features_in), "decision": len(head.coef), "probability": len(head.classes)}
    for j, entry in enumerate(records):
        for member, count in shapes.items():
            if len(entry[member]) != count:
                raise mismatch("FIELD_VALUE", f"{name}/{j}/{member}", f"{len(entry[member])} values", f"{count}")


def _check_golden(bundle: Bundle, records: list[dict[str, Any]] | None) -> None:
    if records is not None:
        head, encoder = bundle.head, bundle.encoder
        check_golden(cast(Any, encoder), {**head.config, "golden": records}, head.coef, head.intercept)


def _session(graph: str, contents: Contents) -> Any:
    try:
        import onnxruntime
    except ImportError as fault:
        raise ImportError("a bundle's encoder needs onnxruntime: pip install 'plmhead[onnx]'") from fault
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    external = contents.external
    try:
        if external:
            sizes = [len(data) for data in external.values()]
            options.add_external_initializers_from_files_in_memory(list(external), list(external.values()), sizes)
        return onnxruntime.InferenceSession(contents.graph, options, providers=["CPUExecutionProvider"])
    except Exception as fault:  # onnxruntime's errors have no common class of their own
        raise FormatError("BUNDLE_GRAPH", graph, f"onnxruntime cannot open it: {fault}") from fault


def _check_ports(graph: str, data: bytes, encoder: Members) -> None:
    try:
        inputs, outputs = ports(data)
    except ValueError as fault:
        raise FormatError("BUNDLE_GRAPH", graph, str(fault)) from None
    expected = {Port(name, _ELEMENTS[encoder["input_type"]], (None, None)) for name in INPUTS}
    if len(inputs) != len(INPUTS) or set(inputs) != expected:
        raise mismatch(
            "BUNDLE_GRAPH", graph, f"inputs {inputs}", f"two {encoder['input_type']} inputs with two free axes"
        )
    pooled = [port for port in outputs if port.name == OUTPUT]
    widths = (None, encoder["dimension"])
    if len(pooled) != 1 or pooled[0].element != _FLOAT or len(pooled[0].shape) != 2 or pooled[0].shape[1] not in widths:
        raise mismatch("BUNDLE_GRAPH", graph, f"outputs {outputs}", f"pooled, float32 (batch, {encoder['dimension']})")
