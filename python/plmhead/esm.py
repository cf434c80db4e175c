"""ESM checkpoints that embed sequences, in the backend of the caller's choice, held to SPEC.md sections 15 and 16."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .backends import DTYPES, check_precision, choose_backend, open_engine
from .backends.torch import choose_device, present_devices
from .checkpoint import MAX_TOKENS, Checkpoint, checkpoint_name, find_checkpoint, read_checkpoint
from .contract import check_class, check_rules, embedding_contract
from .encode import BaseEncoder
from .errors import InputError
from .sequences import MAX_RESIDUES, check_too_long

__all__ = ["ESMEmbeddingExtractor", "choose_device", "present_devices"]


@dataclass(frozen=True)
class _Loaded:
    """An engine that is ready to run, and what its checkpoint was."""

    engine: Any
    family: str
    dimension: int
    revision: str | None
    weights_sha256: str


class ESMEmbeddingExtractor(BaseEncoder):
    """An ESM checkpoint that embeds sequences; it loads its weights on first use.

    `model_name` is a shipped small encoder (`encode.list_encoders`), a folder (its name is recorded as the checkpoint's), or
    a name on the Hugging Face hub, where `revision` (branch, tag or commit; None is "main") says which state of it. With
    `allow_download` false only what is in the hub's local cache is used: say so for a name that came out of a file.

    `device` is "cpu", "cuda", "cuda:N" or "mps"; None takes the best present, in the order cuda, mps, cpu. `backend` is
    "torch", "onnx" or "openvino", `precision` "exact" or "fast": see `encode.load_encoder`.

    `batch_size` is the most sequences of a batch; None: as many as suit the device.

    `max_length` is the longest sequence accepted, in tokens: the begin and the end token count, 1,024 is most. Past it,
    `too_long` "error" raises, and "truncate" keeps the first `max_length` - 2 residues and the end token. The format knows
    the limit of 1,022 residues alone, so an extractor that truncates to fewer embeds, but states no `contract`.

    A copy or a pickle holds no weights; it loads the same commit again on first use.

    Raises InputError: ENCODER for arguments out of range; on first use ENCODER for a checkpoint that is missing, unreadable
    or not ESM, or an engine that breaks the contract, DEVICE for an absent device; ImportError without the backend.
    """

    def __init__(
        self,
        model_name: str | Path,
        device: str | None = None,
        batch_size: int | None = None,
        max_length: int = MAX_TOKENS,
        revision: str | None = "main",
        *,
        too_long: str = "error",
        allow_download: bool = True,
        backend: str = "torch",
        precision: str = "exact",
    ) -> None:
        check_too_long(too_long)
        check_precision(precision)
        if not 3 <= max_length <= MAX_TOKENS:
            raise InputError("ENCODER", "max_length", f"found {max_length}, expected 3 to {MAX_TOKENS} tokens")
        if batch_size is not None and batch_size < 1:
            raise InputError("ENCODER", "batch_size", f"found {batch_size}, expected at least 1")
        self.model_name = str(model_name)
        self.name = checkpoint_name(self.model_name)
        self.batch_size = batch_size
        self.max_length = max_length
        self.revision = revision or "main"
        self.too_long = too_long
        self.allow_download = allow_download
        self.backend = choose_backend(backend)
        self.precision = precision
        self._wanted_device = None if device is None else str(device)
        self._commit: str | None = None
        self._loaded: _Loaded | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_loaded": None}

    # --- what it states

    @property
    def is_loaded(self) -> bool:
        return self._loaded is not None

    @property
    def device(self) -> str | None:
        """The device in use; before the weights are loaded, the one asked for (None: the best present)."""
        return self._loaded.engine.device if self._loaded else self._wanted_device

    @property
    def dimension(self) -> int:
        """The length of an embedding; loads the weights."""
        return self._ready.dimension

    @property
    def accuracy(self) -> str:
        return self.precision

    @property
    def engine(self) -> Any:
        return self._ready.engine

    @property
    def contract(self) -> dict[str, Any]:
        """The `embedding` object of a config (SPEC.md section 6); loads the weights.

        `revision` is the commit that the hub's name resolved to; null for a folder. Raises InputError ENCODER where
        `max_length` truncates to fewer residues than the format can state.
        """
        if self.too_long == "truncate" and self.max_length < MAX_TOKENS:
            found = f"found {self.max_length}, and sequences are cut to {self.max_length - 2} residues"
            message = f"{found}; the format states {MAX_RESIDUES} alone"
            raise InputError("ENCODER", "max_length", message, f'pass max_length={MAX_TOKENS}, or too_long="error"')
        loaded = self._ready
        return embedding_contract(
            "plmhead", loaded.family, self.name, loaded.dimension, revision=loaded.revision,
            weights_sha256=loaded.weights_sha256, too_long=self.too_long, dtype=DTYPES[self.precision],
            accuracy=self.precision,
        )  # fmt: skip

    # --- what it computes

    def embed_sequence(self, sequence: str) -> np.ndarray:
        """Return the embedding of one sequence, float32 of shape (dimension,). Raises as `embed`."""
        row: np.ndarray = self.embed([sequence])[0]
        return row

    def extract_batch_embeddings(self, sequences: Sequence[str]) -> np.ndarray:
        """Return the embeddings, float32 of shape (len(sequences), dimension). Raises as `embed`."""
        return self.embed(sequences)

    def load(self) -> ESMEmbeddingExtractor:
        """Load the weights now, if they are not loaded, and return the extractor itself.

        The engine is tried on two short sequences against the reference in numpy, and refused outside its class.
        """
        if self._loaded is None:
            checkpoint = self.checkpoint()
            engine = open_engine(self.backend, checkpoint, self._wanted_device, self.precision)
            self._commit = checkpoint.revision
            self._loaded = _Loaded(
                engine, checkpoint.family, checkpoint.dimension, checkpoint.revision, checkpoint.weights_sha256
            )
            try:
                check_class(self, checkpoint)
                check_rules(self)
            except InputError:
                self._loaded = None
                raise
        return self

    def checkpoint(self) -> Checkpoint:
        """Read the weights, as plain arrays; they are not kept."""
        folder, commit = find_checkpoint(self.model_name, self._commit or self.revision, self.allow_download)
        return read_checkpoint(folder, self.name, commit)

    @property
    def _ready(self) -> _Loaded:
        self.load()
        assert self._loaded
        return self._loaded

    def _normalised(self, sequences: Sequence[str]) -> list[str]:
        texts = super()._normalised(sequences)
        limit = self.max_length - 2
        for row, text in enumerate(texts):
            if len(text) > limit and self.too_long == "error":
                message = f"found {len(text)} residues, expected at most {limit} (max_length={self.max_length})"
                raise InputError("SEQUENCE_LENGTH", f"/{row}", message)
        return [text[:limit] for text in texts]
