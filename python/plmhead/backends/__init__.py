"""What runs an encoder: each backend has an engine, token ids in, pooled embeddings out.

| name | needs | exact | fast | devices |
|---|---|---|---|---|
| torch | torch | float32 | bfloat16 products | cpu, cuda, mps |
| onnx | onnxruntime | float32 | none | the providers of onnxruntime |
| openvino | openvino | float32 | bfloat16 | cpu |

"exact" moves a decision by at most 1e-4 against the float32 reference; "fast" by what docs/encoders.md says was measured.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint

#: What a backend imports; the order is that in which one is chosen for "exact".
BACKENDS = {"torch": "torch", "openvino": "openvino", "onnx": "onnxruntime"}
PRECISIONS = ("exact", "fast")
#: The dtype of the products of each accuracy class, as a contract states it.
DTYPES = {"exact": "float32", "fast": "bfloat16"}


class Engine(Protocol):
    """A model that is ready to run on a device."""

    device: str
    #: How many tokens a batch holds where the caller does not ask for fewer rows.
    batch_tokens: int

    def start(self, ids: NDArray[np.uint8]) -> Callable[[], NDArray[np.float32]]:
        """Begin with one batch of token ids (rows, length); the result waits for its pooled embeddings (rows, dimension).

        Raises whatever its library raises; `embed` turns that into an InputError.
        """

    def free(self) -> None:
        """Give memory back that is kept for later batches; called after a batch did not fit."""


def check_precision(precision: str) -> None:
    """Raise InputError ENCODER unless `precision` is "exact" or "fast"."""
    if precision not in PRECISIONS:
        raise InputError("ENCODER", "precision", f'found {precision!r}, expected "exact" or "fast"')


def present_backends() -> list[str]:
    """The names of the backends whose library is installed."""
    return [name for name, module in BACKENDS.items() if importlib.util.find_spec(module)]


def choose_backend(wanted: str | None, precision: str = "exact", device: str | None = None) -> str:
    """Return `wanted`, else the best present for this accuracy class and device.

    Torch runs whatever is asked of cuda or mps, and the exact class, whose reference it is. For "fast" on the cpu it is
    OpenVINO where that is installed: of what was measured it is the fastest. onnxruntime has no fast class.

    Raises InputError ENCODER for an unknown name; ImportError where none is installed.
    """
    if wanted is not None:
        if wanted not in BACKENDS:
            raise InputError("ENCODER", "backend", f"found {wanted!r}, expected one of {', '.join(BACKENDS)}")
        return wanted
    present = present_backends()
    if precision == "fast" and "openvino" in present and not _on_accelerator(device, present):
        return "openvino"
    able = [name for name in present if name != "onnx" or precision == "exact"]
    if not able:
        raise ImportError(
            f"no backend for {precision} is installed: pip install 'plmhead[torch]' or 'plmhead[openvino]'"
        )
    return able[0]


def _on_accelerator(device: str | None, present: list[str]) -> bool:
    if device is not None or "torch" not in present:
        return device not in (None, "cpu")
    from .torch import choose_device

    return choose_device() != "cpu"


def open_engine(backend: str, checkpoint: Checkpoint, device: str | None, precision: str) -> Any:
    """Return the Engine of `backend` with the weights of `checkpoint`.

    Raises InputError: DEVICE for an absent device, ENCODER for a class that the backend does not have, or weights that
    it cannot take; ImportError without its library.
    """
    check_precision(precision)
    if backend == "torch":
        from .torch import TorchEngine

        return TorchEngine(checkpoint, device, precision)
    if backend == "openvino":
        from .openvino import OpenVinoEngine

        return OpenVinoEngine.of_checkpoint(checkpoint, device, precision)
    from .onnx import OnnxEngine

    return OnnxEngine.of_checkpoint(checkpoint, device, precision)
