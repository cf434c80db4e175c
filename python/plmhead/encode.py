"""Sequences to embeddings, held to the embedding contract: SPEC.md sections 15 and 16.

`BaseEncoder` holds what every encoder does alike; `Encoder` runs with onnxruntime, `esm.ESMEmbeddingExtractor` with torch.
An ONNX encoder is one ONNX file, `input_ids` and `attention_mask` (int64) in, `pooled` (float32) out, and one JSON entry
that states its side of the contract. Two small encoders with random weights ship with the package; they are for trying
and testing, not for science.
"""

import hashlib
import importlib.resources
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError
from .sequences import MAX_RESIDUES, check_too_long, golden_sequences, normalise, tokenize

_ENTRY_TYPES: dict[str, type | tuple[type, ...]] = {
    "name": str, "file": str, "sha256": str, "family": str, "weights_sha256": (str, type(None)), "dimension": int,
    "dtype": str, "accuracy": str, "max_residues": int, "note": str,
}  # fmt: skip
_ENTRY_CHOICES: dict[str, tuple[object, ...]] = {
    "family": ("esm1b", "esm1v", "esm2"),
    "dtype": ("float32", "float16", "bfloat16"),
    "accuracy": ("exact", "fast"),
    "max_residues": (MAX_RESIDUES,),
}
#: The members of a config's `embedding` that an encoder must match; the others say how, not what, it computes.
_COMPARED = (
    "family", "checkpoint", "weights_sha256", "dimension", "layer", "pooling", "accumulate", "l2_normalized", "alphabet",
    "max_residues",
)  # fmt: skip


class BaseEncoder(ABC):
    """What every encoder does alike: checks its input, embeds equal sequences once and in batches, states its contract."""

    name: str
    too_long: str
    batch_size: int = 8

    @property
    @abstractmethod
    def dimension(self) -> int:
        """The length of an embedding."""

    @property
    @abstractmethod
    def contract(self) -> dict[str, Any]:
        """The `embedding` object of a config (SPEC.md section 6), members in the order of its table."""

    @abstractmethod
    def _run(self, batch: list[str]) -> np.ndarray:
        """The embeddings of one batch of normalised sequences, float32 of shape (len(batch), dimension)."""

    def embed(
        self,
        sequences: Sequence[str],
        batch_size: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> np.ndarray:
        """Return the embeddings, float32 of shape (len(sequences), dimension), in the order of the input.

        All sequences are checked before the first is embedded. Equal sequences are embedded once, and batches hold
        neighbours in length; neither moves a value by more than 1e-5. `progress(done, total)` is called after each
        batch and counts distinct sequences.

        Raises InputError: SEQUENCE_EMPTY, SEQUENCE_LETTER, SEQUENCE_LENGTH at "/row"; ENCODER for what is not a list
        of strings, a batch size below 1, or a model that fails.
        """
        return self._embed(self._normalised(sequences), batch_size, progress)

    def _embed(
        self, texts: list[str], batch_size: int | None = None, progress: Callable[[int, int], None] | None = None
    ) -> np.ndarray:
        """As `embed`, for normalised sequences."""
        size = self.batch_size if batch_size is None else batch_size
        if size < 1:
            raise InputError("ENCODER", "batch_size", f"found {size}, expected at least 1")
        # Longest first: if memory does not suffice, the first batch says so. The text as second key fixes the batches.
        distinct = sorted(set(texts), key=lambda text: (-len(text), text))
        values = np.empty((len(distinct), self.dimension), dtype=np.float32)
        for start in range(0, len(distinct), size):
            batch = distinct[start : start + size]
            values[start : start + len(batch)] = self._checked(self._run(batch), len(batch))
            if progress:
                progress(start + len(batch), len(distinct))
        place = {text: row for row, text in enumerate(distinct)}
        return values[[place[text] for text in texts]] if texts else values

    def _normalised(self, sequences: Sequence[str]) -> list[str]:
        if isinstance(sequences, (str, bytes)):
            raise InputError("ENCODER", "sequences", "found one string, expected a list of strings")
        texts = []
        for row, text in enumerate(sequences):
            if not isinstance(text, str):
                raise InputError("ENCODER", f"/{row}", f"found {type(text).__name__}, expected a string")
            texts.append(normalise(text, f"/{row}", self.too_long))
        return texts

    def _checked(self, pooled: np.ndarray, rows: int) -> np.ndarray:
        expected = (rows, self.dimension)
        if pooled.shape != expected or pooled.dtype != np.float32:
            found = f"{pooled.dtype} of shape {pooled.shape}"
            raise InputError("ENCODER", self.name, f"the model gave {found}, expected float32 of shape {expected}")
        if not np.isfinite(pooled).all():
            raise InputError("ENCODER", self.name, "the model gave NaN or infinity, expected finite embeddings")
        return pooled

    def _contract(
        self, family: str, revision: str | None, weights: str | None, dtype: str, accuracy: str
    ) -> dict[str, Any]:
        return {
            "origin": "plmhead",
            "family": family,
            "checkpoint": self.name,
            "revision": revision,
            "weights_sha256": weights,
            "dimension": self.dimension,
            "layer": "last",
            "pooling": "mean",
            "accumulate": "float32",
            "l2_normalized": False,
            "alphabet": "esm1b-33",
            "max_residues": MAX_RESIDUES,
            "too_long": self.too_long,
            "dtype": dtype,
            "accuracy": accuracy,
        }


class Encoder(BaseEncoder):
    """An ONNX encoder that is ready to run; `load_encoder` makes one."""

    def __init__(self, entry: dict[str, Any], session: Any, too_long: str) -> None:
        self.name = entry["name"]
        self.too_long = too_long
        self._entry = entry
        self._session = session

    @property
    def dimension(self) -> int:
        return int(self._entry["dimension"])

    @property
    def contract(self) -> dict[str, Any]:
        entry = self._entry
        return self._contract(entry["family"], None, entry["weights_sha256"], entry["dtype"], entry["accuracy"])

    def _run(self, batch: list[str]) -> np.ndarray:
        input_ids, attention_mask = tokenize(batch)
        pooled: np.ndarray
        try:
            (pooled,) = self._session.run(["pooled"], {"input_ids": input_ids, "attention_mask": attention_mask})
        except Exception as fault:  # onnxruntime's errors have no common class of their own
            raise InputError("ENCODER", self.name, f"onnxruntime failed: {fault}") from fault
        return pooled


def random_weights_warning(name: str | None) -> str | None:
    """What to tell people who use one of the shipped small encoders; None for any other."""
    if name not in {entry["name"] for entry in list_encoders()}:
        return None
    return f"the encoder {name} has random weights: for trying things, not for science"


def list_encoders() -> list[dict[str, Any]]:
    """Return the entries of the encoders that ship with the package: name, family, dimension, note and digests."""
    entries: list[dict[str, Any]] = json.loads((_package_folder() / "encoders.json").read_text(encoding="utf-8"))
    return entries


def load_encoder(
    name_or_path: str | Path,
    providers: Sequence[Any] | None = None,
    *,
    too_long: str = "error",
) -> Encoder:
    """Load an encoder by its name in `list_encoders`, or by the path of an ONNX file.

    Beside an ONNX file NAME.onnx of your own stands NAME.json with the members of an entry of encoders.json. The file's
    SHA-256 is compared before onnxruntime sees a byte. `too_long` ("error" or "truncate") is what happens past 1,022
    residues: pass what the head's config says. `providers` are onnxruntime's, by default the CPU alone.

    Raises InputError ENCODER: unknown name, unreadable or changed file, a faulty entry, an absent provider; ImportError
    when onnxruntime is not installed.
    """
    check_too_long(too_long)
    entry, data = _read_encoder(name_or_path)
    digest = hashlib.sha256(data).hexdigest()
    if digest != entry["sha256"]:
        raise InputError("ENCODER", entry["file"], f"found SHA-256 {digest}, expected {entry['sha256']}")
    return Encoder(entry, _open_session(data, entry["file"], providers), too_long)


def golden_embeddings(encoder: BaseEncoder) -> np.ndarray:
    """Return the embeddings of the six golden sequences, float32 of shape (6, dimension)."""
    # Not `embed`: an encoder whose caller set a shorter limit for sequences of his own still proves itself on all six.
    return encoder._embed(golden_sequences())


def family_of(model: str) -> str | None:
    """The family that a model's name tells: "esm1b", "esm1v", "esm2", or None."""
    match = re.search(r"esm-?(1b|1v|2)", re.split(r"[/\\]", model.rstrip("/\\"))[-1].lower())
    return match and f"esm{match.group(1)}"


def declared_contract(family: str, checkpoint: str, revision: str | None, dimension: int) -> dict[str, Any]:
    """The `embedding` object for embeddings whose encoder is not at hand: its owner says that they follow the contract."""
    return {
        "origin": "declared",
        "family": family,
        "checkpoint": checkpoint,
        "revision": revision if revision and re.fullmatch(r"[0-9a-f]{40}", revision) else None,
        "weights_sha256": None,
        "dimension": dimension,
        "layer": "last",
        "pooling": "mean",
        "accumulate": "float32",
        "l2_normalized": False,
        "alphabet": "esm1b-33",
        "max_residues": MAX_RESIDUES,
        "too_long": "error",
        "dtype": "float32",
        "accuracy": "exact",
    }


def check_contract(encoder: BaseEncoder, config_embedding: dict[str, Any] | None) -> None:
    """Raise InputError ENCODER, at /embedding/NAME, where the encoder is not the one that a head was trained on.

    `config_embedding` is the `embedding` object of a config. A `weights_sha256` that is null on either side is not
    compared. `too_long` belongs to the caller: see `load_encoder`.
    """
    if config_embedding is None:
        raise InputError("ENCODER", "/embedding", "found null: the head takes vectors, no encoder belongs to it")
    own = encoder.contract
    for member in _COMPARED:
        wanted = config_embedding[member]
        if member == "weights_sha256" and None in (wanted, own[member]):
            continue
        if own[member] != wanted:
            message = f"found {member} {own[member]!r} in the encoder {encoder.name}, expected {wanted!r}"
            raise InputError("ENCODER", f"/embedding/{member}", message, "use the encoder that the head was trained on")


def check_golden(encoder: BaseEncoder, config: dict[str, Any], coef: np.ndarray, intercept: np.ndarray) -> float | None:
    """Compare the encoder with the golden results in a config (SPEC.md section 16).

    `coef` has shape (rows, dimension), `intercept` (rows,). Returns the largest absolute difference between decisions, or
    None when the config has no golden results.

    Raises InputError GOLDEN at /golden/j: the first sequence whose embedding values or decisions differ too much. Before
    that, what `check_contract` raises.
    """
    if config["golden"] is None:
        return None
    check_contract(encoder, config["embedding"])
    slack = 100.0 if config["embedding"]["accuracy"] == "fast" else 1.0
    own = golden_embeddings(encoder).astype(np.float64)
    terms = own[:, np.newaxis, :] * coef.astype(np.float64)  # (6, rows, dimension)
    # A plain sum: its order matters only to the 1e-15, the tolerance is 1e-4.
    decisions = terms.sum(axis=2) + intercept.astype(np.float64)
    largest = 0.0
    for j, record in enumerate(config["golden"]):
        values = np.array(record["embedding"], dtype=np.float64)
        found = own[j, : len(values)]
        _check_close(f"/golden/{j}", "embedding value", found, values, slack * (1e-4 + 1e-4 * np.abs(values)))
        wanted = np.array(record["decision"], dtype=np.float64)
        tolerance = slack * 1e-4 * np.maximum(1.0, np.abs(terms[j]).sum(axis=1))
        _check_close(f"/golden/{j}", "decision", decisions[j], wanted, tolerance)
        largest = max(largest, float(np.abs(decisions[j] - wanted).max()))
    return largest


def _check_close(where: str, what: str, found: np.ndarray, wanted: np.ndarray, tolerance: np.ndarray) -> None:
    far = ~(np.abs(found - wanted) <= tolerance)  # written so that NaN is far
    if far.any():
        i = int(far.argmax())
        message = f"found {what} {i} = {found[i]:.9g}, expected {wanted[i]:.9g} within {tolerance[i]:.2g}"
        raise InputError("GOLDEN", where, message)


def _package_folder() -> Any:
    return importlib.resources.files(__package__) / "encoders"


def _read_encoder(name_or_path: str | Path) -> tuple[dict[str, Any], bytes]:
    """Return (entry, bytes of the ONNX file)."""
    shipped = {entry["name"]: entry for entry in list_encoders()}
    if name_or_path in shipped:
        entry = shipped[str(name_or_path)]
        return entry, (_package_folder() / entry["file"]).read_bytes()
    path = Path(name_or_path)
    if path.suffix.lower() != ".onnx":
        message = f"found no encoder of this name, expected {', '.join(shipped)} or a file NAME.onnx"
        raise InputError("ENCODER", str(name_or_path), message)
    sidecar = path.with_suffix(".json")
    try:
        return _checked_entry(sidecar.read_bytes(), sidecar.name, path.name), path.read_bytes()
    except OSError as fault:
        missing = Path(fault.filename or path).name
        raise InputError("ENCODER", missing, f"cannot be read: {fault.strerror}") from fault


def _checked_entry(text: bytes, where: str, file: str) -> dict[str, Any]:
    """The entry in a JSON file of the user's, its members checked."""
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise InputError("ENCODER", where, f"is not JSON: {fault}") from fault
    if not isinstance(entry, dict) or sorted(entry) != sorted(_ENTRY_TYPES):
        found = ", ".join(entry) if isinstance(entry, dict) else type(entry).__name__
        raise InputError("ENCODER", where, f"found the members {found}, expected {', '.join(_ENTRY_TYPES)}")
    for member, kind in _ENTRY_TYPES.items():
        value = entry[member]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise InputError("ENCODER", where, f"found {member} {value!r}, which has the wrong type")
        if value not in _ENTRY_CHOICES.get(member, (value,)):
            raise InputError("ENCODER", where, f"found {member} {value!r}, expected one of {_ENTRY_CHOICES[member]}")
    if entry["file"] != file:
        raise InputError("ENCODER", where, f"found file {entry['file']!r}, expected {file!r}")
    return entry


def _open_session(data: bytes, where: str, providers: Sequence[Any] | None) -> Any:
    try:
        import onnxruntime
    except ImportError as fault:
        raise ImportError(
            "running an encoder needs onnxruntime: pip install 'plmhead[onnx]' (to train: 'plmhead[train]')"
        ) from fault
    wanted = list(providers) if providers is not None else ["CPUExecutionProvider"]
    # onnxruntime goes on without a provider that it does not have; here that is an error.
    present = onnxruntime.get_available_providers()
    for provider in wanted:
        name = provider if isinstance(provider, str) else provider[0]
        if name not in present:
            raise InputError("ENCODER", "providers", f"found {name}, expected one of {', '.join(present)}")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(data, options, providers=wanted)
    except Exception as fault:  # onnxruntime's errors have no common class of their own
        raise InputError("ENCODER", where, f"onnxruntime cannot open it: {fault}") from fault
