"""ONNX graphs in onnxruntime: `input_ids` and `attention_mask` (int64) in, `pooled` (float32) out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import Checkpoint
from ..errors import InputError
from ..sequences import PAD

_BATCH_TOKENS = 1024


class OnnxEngine:
    """A graph in an onnxruntime session; see `Engine`.

    Raises InputError ENCODER for an absent provider, a graph that does not open, or precision "fast", DEVICE for a device
    other than the cpu (name onnxruntime's providers instead); ImportError without onnxruntime.
    """

    batch_tokens = _BATCH_TOKENS

    def __init__(
        self, data: bytes | str, where: str, device: str | None, precision: str, providers: Sequence[Any] | None = None
    ) -> None:
        check_cpu(device)
        if precision == "fast":
            message = 'found "fast", which onnxruntime does not have, expected "exact"'
            raise InputError("ENCODER", "precision", message, 'use backend="openvino" or backend="torch"')
        self._session = open_session(data, where, providers)
        self.device = "cpu" if providers is None else str(self._session.get_providers()[0])

    @classmethod
    def of_checkpoint(cls, checkpoint: Checkpoint, device: str | None, precision: str) -> OnnxEngine:
        from .graph import graph_file

        with graph_file(checkpoint) as path:
            return cls(str(path), checkpoint.name, device, precision)

    def start(self, ids: NDArray[np.uint8]) -> Callable[[], NDArray[np.float32]]:
        feeds = {"input_ids": ids.astype(np.int64), "attention_mask": (ids != PAD).astype(np.int64)}
        (pooled,) = self._session.run(["pooled"], feeds)
        return lambda: pooled

    def free(self) -> None:
        """Nothing is kept."""


def check_cpu(device: str | None) -> None:
    if device not in (None, "cpu"):
        raise InputError("DEVICE", "device", f'found {device!r}, expected "cpu"', 'use backend="torch" for it')


def open_session(data: bytes | str, where: str, providers: Sequence[Any] | None) -> Any:
    """An InferenceSession of a graph, given as bytes or by its path."""
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
