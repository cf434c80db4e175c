"""A portable format for classifier heads on protein language model embeddings.

The public names are those in `__all__`. Loading and scoring need numpy alone; other libraries are imported where they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import FormatError, InputError
from .head import Head, from_bytes, load

if TYPE_CHECKING:
    from .writer import Saved, save

__version__ = "0.1.0"
__all__ = ["FormatError", "Head", "InputError", "Saved", "__version__", "from_bytes", "load", "save"]


def __getattr__(name: str) -> Any:
    if name in ("save", "Saved"):
        from . import writer

        return getattr(writer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
