"""Sequences to embeddings, held to the embedding contract: SPEC.md sections 15 and 16.

`BaseEncoder` holds what every encoder does alike: it checks its input, embeds equal sequences once, and makes batches of
fixed shapes. `load_encoder` opens one: a checkpoint, or an ONNX file with its entry, in one of three backends.
"""

import hashlib
import json
import warnings
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .backends import check_precision, choose_backend
from .batches import in_buckets
from .checkpoint import Checkpoint, read_checkpoint
from .contract import (
    check_contract,
    check_golden,
    check_rules,
    declared_contract,
    embedding_contract,
    family_of,
    golden_embeddings,
)
from .errors import InputError
from .sequences import MAX_RESIDUES, check_too_long, normalise, token_rows
from .shipped import FOLDER, list_encoders, random_weights_warning, shipped_entry, shipped_folder

__all__ = [
    "BaseEncoder", "Encoder", "check_contract", "check_golden", "check_rules", "declared_contract", "family_of",
    "golden_embeddings", "list_encoders", "load_encoder", "random_weights_warning",
]  # fmt: skip

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

Progress = Callable[[int, int], None]


class BaseEncoder(ABC):
    """What every encoder does alike: checks its input, embeds equal sequences once and in batches, states its contract."""

    name: str
    too_long: str
    #: The most rows of a batch; None: as many as suit the device.
    batch_size: int | None = None

    @property
    @abstractmethod
    def dimension(self) -> int:
        """The length of an embedding."""

    @property
    @abstractmethod
    def contract(self) -> dict[str, Any]:
        """The `embedding` object of a config (SPEC.md section 6), members in the order of its table."""

    @property
    @abstractmethod
    def accuracy(self) -> str:
        """The accuracy class, "exact" or "fast"."""

    @property
    @abstractmethod
    def engine(self) -> Any:
        """The backend's model, a `backends.Engine`; loads it on first use."""

    def checkpoint(self) -> Checkpoint | None:
        """The weights, read again, for the reference to compute with; None where only a graph is at hand.

        Raises InputError ENCODER, ImportError without safetensors.
        """
        return None

    def embed(
        self, sequences: Sequence[str], batch_size: int | None = None, progress: Progress | None = None
    ) -> np.ndarray:
        """Return the embeddings, float32 of shape (len(sequences), dimension), in the order of the input.

        All sequences are checked before the first is embedded. Equal sequences are embedded once. An embedding depends on
        its sequence alone, to the bit, for one encoder, device and `batch_size` (the most rows of a batch; None: as many
        as suit the device). Where memory does not suffice, batches are halved with a RuntimeWarning: from there on
        embeddings may differ in their last bits. `progress(done, total)` is called after each batch and counts distinct
        sequences.

        Raises InputError: SEQUENCE_EMPTY, SEQUENCE_LETTER, SEQUENCE_LENGTH at "/row"; ENCODER for what is not a list
        of strings, a batch size below 1, or a model that fails.
        """
        return self._embed(self._normalised(sequences), batch_size, progress)

    def _embed(self, texts: list[str], batch_size: int | None = None, progress: Progress | None = None) -> np.ndarray:
        """As `embed`, for normalised sequences."""
        size = self.batch_size if batch_size is None else batch_size
        if size is not None and size < 1:
            raise InputError("ENCODER", "batch_size", f"found {size}, expected at least 1")
        place = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        values = np.empty((len(place), self.dimension), dtype=np.float32)
        if place:
            _Run(self, list(place), values, size, progress).run()
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


class _Run:
    """One call of `embed`: batches in flight, and how far they had to be halved."""

    def __init__(
        self, encoder: BaseEncoder, texts: list[str], values: np.ndarray, size: int | None, progress: Progress | None
    ) -> None:
        self.encoder, self.engine, self.texts, self.values = encoder, encoder.engine, texts, values
        self.size, self.progress = size, progress
        self.divisor, self.done = 1, 0
        self.waiting: deque[tuple[list[int], int, Callable[[], np.ndarray]]] = deque()

    def run(self) -> None:
        for length, members in in_buckets(self.texts):
            start = 0
            while start < len(members):
                rows = self.rows(length)
                part = members[start : start + rows]
                if self.begin(part, rows, length):
                    start += len(part)
                if len(self.waiting) > 1:  # one is computed while the next is made ready
                    self.finish()
        while self.waiting:
            self.finish()

    def rows(self, length: int) -> int:
        """The rows of a batch of this bucket: a matter of the bucket alone, unless memory was short."""
        rows = max(1, int(self.engine.batch_tokens) // length)
        return max(1, (rows if self.size is None else min(rows, self.size)) // self.divisor)

    def begin(self, part: list[int], rows: int, length: int) -> bool:
        """Start a batch; False where it did not fit into memory and is to be tried in halves."""
        ids = token_rows([self.texts[index] for index in part], rows, length)
        try:
            pending = self.engine.start(ids)
        except Exception as fault:  # the backends' errors have no common class
            if not _memory_is_short(fault) or rows == 1:
                raise self.failure(fault) from fault
            while self.waiting:
                self.finish()
            self.engine.free()
            self.divisor *= 2
            warnings.warn(
                f"memory was short for batches of {rows} x {length} tokens on {self.engine.device}: they are halved, "
                "and embeddings may differ in their last bits from those of whole batches",
                RuntimeWarning,
                stacklevel=5,
            )
            return False
        self.waiting.append((part, rows, pending))
        return True

    def finish(self) -> None:
        part, rows, pending = self.waiting.popleft()
        try:
            pooled = pending()
        except Exception as fault:
            raise self.failure(fault) from fault
        self.values[part] = self.encoder._checked(pooled, rows)[: len(part)]
        self.done += len(part)
        if self.progress:
            self.progress(self.done, len(self.texts))

    def failure(self, fault: Exception) -> InputError:
        library = type(self.engine).__name__.removesuffix("Engine")
        lines = str(fault).strip().splitlines() or [type(fault).__name__]
        message = f"{library} failed on {self.engine.device}: {lines[0]}"
        return InputError("ENCODER", self.encoder.name, message, "if memory is short, pass a smaller batch_size")


def _memory_is_short(fault: Exception) -> bool:
    text = str(fault).lower()
    return (
        isinstance(fault, MemoryError)
        or type(fault).__name__ == "OutOfMemoryError"
        or any(words in text for words in ("not enough memory", "out of memory", "can't allocate memory"))
    )


class Encoder(BaseEncoder):
    """An ONNX file with its entry, ready to run; `load_encoder` makes one."""

    def __init__(self, entry: dict[str, Any], engine: Any, too_long: str) -> None:
        self.name = entry["name"]
        self.too_long = too_long
        self._entry = entry
        self._engine = engine

    @property
    def dimension(self) -> int:
        return int(self._entry["dimension"])

    @property
    def accuracy(self) -> str:
        return str(self._entry["accuracy"])

    @property
    def engine(self) -> Any:
        return self._engine

    def checkpoint(self) -> Checkpoint | None:
        folder = shipped_folder(self.name)
        return None if folder is None else read_checkpoint(folder, self.name)

    @property
    def contract(self) -> dict[str, Any]:
        entry = self._entry
        return embedding_contract(
            "plmhead", entry["family"], entry["name"], self.dimension, weights_sha256=entry["weights_sha256"],
            too_long=self.too_long, dtype=entry["dtype"], accuracy=self.accuracy,
        )  # fmt: skip


def load_encoder(
    name_or_path: str | Path,
    providers: Sequence[Any] | None = None,
    *,
    backend: str | None = None,
    device: str | None = None,
    precision: str = "exact",
    too_long: str = "error",
    allow_download: bool = False,
    revision: str | None = None,
    batch_size: int | None = None,
) -> BaseEncoder:
    """Load an encoder: a name in `list_encoders`, the path of an ONNX file, a checkpoint's folder, or its name on the hub.

    Beside an ONNX file NAME.onnx of your own stands NAME.json with the members of an entry of encoders.json. The file's
    SHA-256 is compared before its bytes are parsed. A checkpoint is read as `ESMEmbeddingExtractor` says; what is not in
    the hub's local cache is fetched only with `allow_download`.

    `backend` is "torch", "onnx" or "openvino"; None takes what suits (`backends.choose_backend`; onnxruntime, where it is
    installed, for ONNX files and shipped encoders). `precision` "exact" is float32; "fast" is bfloat16 products, which
    move a decision by what docs/encoders.md says. `too_long` ("error" or "truncate") is what happens past 1,022
    residues: pass what the head's config says. `providers` are onnxruntime's, by default the CPU alone.

    The encoder is tried on a few short sequences before it is returned, and refused where it breaks the contract.

    Raises InputError ENCODER: unknown name, unreadable or changed file, a faulty entry, an absent provider, a breach of
    the contract; DEVICE; ImportError when the backend is not installed.
    """
    check_too_long(too_long)
    check_precision(precision)
    is_file = Path(name_or_path).suffix.lower() == ".onnx"
    if not is_file and not _as_onnx(name_or_path, backend, device, precision):
        from .esm import ESMEmbeddingExtractor

        return ESMEmbeddingExtractor(
            name_or_path, device, batch_size, revision=revision, too_long=too_long, allow_download=allow_download,
            backend=choose_backend(backend, precision, device), precision=precision,
        ).load()  # fmt: skip
    entry, data = _read_encoder(name_or_path)
    digest = hashlib.sha256(data).hexdigest()
    if digest != entry["sha256"]:
        raise InputError("ENCODER", entry["file"], f"found SHA-256 {digest}, expected {entry['sha256']}")
    if precision == "fast":
        entry = entry | {"accuracy": "fast", "dtype": "bfloat16"}
    encoder = Encoder(entry, _file_engine(data, entry["file"], providers, backend, device, precision), too_long)
    encoder.batch_size = batch_size
    check_rules(encoder)
    return encoder


def _as_onnx(name: object, backend: str | None, device: str | None, precision: str) -> bool:
    """Whether a shipped encoder's ONNX file is to be run, not its checkpoint."""
    return (
        shipped_entry(name) is not None
        and backend in (None, "onnx")
        and device in (None, "cpu")
        and precision == "exact"
    )


def _file_engine(
    data: bytes, where: str, providers: Sequence[Any] | None, backend: str | None, device: str | None, precision: str
) -> Any:
    if backend == "torch":
        raise InputError("ENCODER", "backend", 'found "torch", expected "onnx" or "openvino" for an ONNX file')
    if backend == "openvino" or (backend is None and precision == "fast"):
        from .backends.openvino import OpenVinoEngine

        return OpenVinoEngine(data, where, device, precision)
    from .backends.onnx import OnnxEngine

    return OnnxEngine(data, where, device, precision, providers)


def _read_encoder(name_or_path: str | Path) -> tuple[dict[str, Any], bytes]:
    """Return (entry, bytes of the ONNX file)."""
    entry = shipped_entry(name_or_path)
    if entry:
        return entry, (FOLDER / entry["file"]).read_bytes()
    path = Path(name_or_path)
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
