"""A portable format for classifier heads on protein language model embeddings.

The public names are those in `__all__`. Loading and scoring need numpy alone; other libraries are imported where they are used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .errors import FormatError, InputError
from .head import Head, from_bytes, load

if TYPE_CHECKING:
    from .classifier import BinaryClassifier
    from .esm import ESMEmbeddingExtractor
    from .hub import from_pretrained, push_to_hub, save_pretrained
    from .onnx_export import to_onnx
    from .pickles import convert
    from .pipeline import load_model_from_npz, save_model, train_model
    from .signing import load_signed, sign
    from .writer import Saved, save

__version__ = "0.1.0"
__all__ = [
    "BinaryClassifier",
    "ESMEmbeddingExtractor",
    "FormatError",
    "Head",
    "InputError",
    "Saved",
    "__version__",
    "convert",
    "from_bytes",
    "from_pretrained",
    "load",
    "load_model_from_npz",
    "load_signed",
    "push_to_hub",
    "save",
    "save_model",
    "save_pretrained",
    "sign",
    "to_onnx",
    "train_model",
]

#: Public names whose modules import heavy libraries, or much code: imported on first use.
_LATER = {
    "BinaryClassifier": "classifier",
    "ESMEmbeddingExtractor": "esm",
    "Saved": "writer",
    "convert": "pickles",
    "from_pretrained": "hub",
    "load_model_from_npz": "pipeline",
    "load_signed": "signing",
    "push_to_hub": "hub",
    "save": "writer",
    "save_model": "pipeline",
    "save_pretrained": "hub",
    "sign": "signing",
    "to_onnx": "onnx_export",
    "train_model": "pipeline",
}


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_LATER[name]}", __name__), name)
