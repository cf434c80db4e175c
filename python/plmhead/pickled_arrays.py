"""The arrays of a pickle, from the arguments and states by which numpy writes them. Sizes are checked before anything is made."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_DIMENSIONS = 8
MAX_VALUES = 2**28  # of a shape; the data is counted as well
_DTYPE = re.compile(r"f[248]|[iu][1248]|b1|O8|U[1-9][0-9]{0,3}")

#: What a list, a key or an array of objects may hold.
Scalar = (str, bool, int, float, np.generic, type(None))


#: Takes the bytes of an array from what a file may use, before it is made; raises where they are not left.
Spend = Callable[[int], None]


class Misfit(Exception):  # noqa: N818
    """Arguments or a state that numpy does not write. unpickle.py knows where in the file they stand."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found, expected)
        self.found, self.expected = found, expected


class Dtype:
    """A dtype, made of its kind and size, and then given its byte order; value is None until then. Raises Misfit."""

    def __init__(self, kind: str) -> None:
        if not _DTYPE.fullmatch(kind):
            raise Misfit(f"a dtype {kind[:40]!r}", "numbers, strings or objects")
        self.kind = kind
        self.value: np.dtype[Any] | None = None

    def build(self, state: Any) -> None:
        """Takes numpy's state: version, byte order, five members that plain types leave empty, flags. Raises Misfit."""
        plain = isinstance(state, tuple) and len(state) == 8 and state[1] in ("<", ">", "|", "=")
        if self.value is not None or not plain or state[2:5] != (None, None, None):
            raise Misfit("a dtype with fields or a second state", "a plain one")
        self.value = np.dtype(self.kind).newbyteorder(state[1])


@dataclass
class Array:
    """An array that a pickle makes first and fills afterwards; value is None until then."""

    value: NDArray[Any] | None = None

    def build(self, state: Any, spend: Spend) -> None:
        """Takes numpy's state: version, shape, dtype, order, data. Raises Misfit."""
        if self.value is not None or not isinstance(state, tuple) or len(state) != 5:
            raise Misfit("a state that is no first state of an array", "version, shape, dtype, order, data")
        _version, shape, dtype, fortran, data = state
        if not isinstance(dtype, Dtype):
            raise Misfit("an array without a dtype", "one")
        self.value = filled(data, dtype, shape, "F" if fortran is True else "C", spend)


def filled(data: Any, dtype: Dtype, shape: Any, order: Any, spend: Spend) -> NDArray[Any]:
    """The array of bytes, or of a list of objects, after its shape was checked against them. Raises Misfit."""
    if dtype.value is None or order not in ("C", "F"):
        raise Misfit("an array of unknown type or order", "both before the data")
    wanted = count(shape)
    if not isinstance(data, (bytes, list)) or isinstance(data, list) != dtype.value.hasobject:
        raise Misfit("an array without its data", "bytes, or a list of objects")
    if len(data) != wanted * (1 if dtype.value.hasobject else dtype.value.itemsize):
        raise Misfit("an array of another length", f"{wanted} values of {dtype.value}")
    spend(wanted * dtype.value.itemsize)  # before it is looked through: a file can use the same data many times
    if isinstance(data, list):
        return _objects(data).reshape(shape, order="F" if order == "F" else "C")
    array = np.ndarray(shape, dtype.value, data, order="F" if order == "F" else "C")
    if dtype.value.kind == "U" and (array.reshape(-1).view(dtype.value.byteorder + "u4") > 0x10FFFF).any():
        raise Misfit("a string of no characters", "code points up to 10FFFF")
    return array


def _objects(values: list[Any]) -> NDArray[Any]:
    if not all(isinstance(value, Scalar) for value in values):
        raise Misfit("an array of objects", "of strings or numbers alone")
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def count(shape: Any) -> int:
    """The number of values of a shape. Raises Misfit."""
    whole = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
    if not whole or len(shape) > MAX_DIMENSIONS or math.prod(max(n, 1) for n in shape) > MAX_VALUES:
        raise Misfit("no shape", f"at most {MAX_DIMENSIONS} sizes, and {MAX_VALUES} values")
    return math.prod(shape)
