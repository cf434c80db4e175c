"""ONNX graphs in OpenVINO on the cpu, its precision always pinned: left to itself it takes bfloat16 where the cpu has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import Checkpoint, first_line
from ..errors import InputError
from ..sequences import PAD
from .onnx import check_cpu

_BATCH_TOKENS = 1024
_HINTS = {"exact": "f32", "fast": "bf16"}


class OpenVinoEngine:
    """A compiled graph; see `Engine`.

    Raises InputError ENCODER for a graph that does not open or a precision that is not granted, DEVICE for a device other
    than the cpu; ImportError without OpenVINO.
    """

    device = "cpu"
    batch_tokens = _BATCH_TOKENS

    def __init__(self, data: bytes | str, where: str, device: str | None, precision: str) -> None:
        check_cpu(device)
        core = _import_openvino().Core()
        settings = {"INFERENCE_PRECISION_HINT": _HINTS[precision], "PERFORMANCE_HINT": "LATENCY"}
        try:
            self._model = core.compile_model(core.read_model(data), "CPU", settings)
        except Exception as fault:  # OpenVINO's errors have no common class
            raise InputError("ENCODER", where, f"OpenVINO cannot open it: {first_line(fault)}") from fault
        granted = str(self._model.get_property("INFERENCE_PRECISION_HINT").get_type_name())
        if precision == "exact" and granted != "f32":
            raise InputError("ENCODER", where, f"OpenVINO computes in {granted}, expected f32")
        self._request = self._model.create_infer_request()

    @classmethod
    def of_checkpoint(cls, checkpoint: Checkpoint, device: str | None, precision: str) -> OpenVinoEngine:
        from .graph import graph_file

        with graph_file(checkpoint) as path:
            return cls(str(path), checkpoint.name, device, precision)

    def start(self, ids: NDArray[np.uint8]) -> Callable[[], NDArray[np.float32]]:
        feeds = {"input_ids": ids.astype(np.int64), "attention_mask": (ids != PAD).astype(np.int64)}
        pooled = np.array(self._request.infer(feeds)["pooled"])
        return lambda: pooled

    def free(self) -> None:
        """Nothing is kept."""


def _import_openvino() -> Any:
    try:
        import openvino
    except ImportError as fault:
        raise ImportError("this backend needs OpenVINO: pip install 'plmhead[openvino]'") from fault
    return openvino
