"""Metadata of a caller, before it becomes the text of a config: what JSON does not hold is told by its place."""

from __future__ import annotations

import math
from typing import Any

from .config import MAX_SAFE
from .errors import InputError
from .rules import Place, written

_MAX_DEPTH = 64  # far above what the format allows, far below what Python's stack does


def check_json(value: Any, where: Place = "", depth: int = 0) -> None:
    """Raises InputError METADATA at the pointer of what is no None, bool, int, float, str, list, tuple or mapping of them."""
    if depth > _MAX_DEPTH:
        raise _refusal(where, f"more than {_MAX_DEPTH} lists or mappings within each other", "fewer")
    if isinstance(value, dict):
        for name, item in value.items():
            _check_name(name, where)
            check_json(item, (where, name), depth + 1)
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            check_json(item, (where, i), depth + 1)
    elif isinstance(value, str):
        if _broken(value):
            raise _refusal(where, "text with half a surrogate pair", "Unicode text")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise _refusal(where, str(value), "a finite number")
    elif isinstance(value, int):  # bool is one too
        if abs(value) > MAX_SAFE:
            found = f"an integer of {value.bit_length()} bits"
            raise _refusal(where, found, f"one within {MAX_SAFE} of 0")
    elif value is not None:
        raise _refusal(where, f"a value of type {type(value).__name__}", "a value that JSON holds")


def _check_name(name: Any, where: Place) -> None:
    if not isinstance(name, str):
        raise _refusal(where, f"a name of type {type(name).__name__}", "a string")
    if _broken(name):
        raise _refusal(where, "a name with half a surrogate pair", "Unicode text")


def _broken(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _refusal(where: Place, found: str, expected: str) -> InputError:
    return InputError("METADATA", written(where), f"found {found}, expected {expected}")
