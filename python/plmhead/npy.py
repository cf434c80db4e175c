"""One array (SPEC sections 9, 10 and version 0): a fixed 128-byte preamble, then the values. No pickle, no eval."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import FormatError, mismatch
from .zip import MEMBERS

PREAMBLE_BYTES = 128
MAX_FEATURES = 65_536
MAX_CLASSES = 1_024
MAX_COEFFICIENTS = 2**24

_MAGIC = b"\x93NUMPY\x01\x00\x76\x00"
_SHAPE = re.compile(rb"\(\)|\([1-9][0-9]{0,8},\)|\([1-9][0-9]{0,8}, [1-9][0-9]{0,8}\)")

_FLOATS = {"<f8", "<f4"}
_STRINGS = {f"<U{length}" for length in range(1, 257)}
_INTEGERS = {"<i8", "<i4", "<i2", "|i1", "<u8", "<u4", "<u2", "|u1"}
DTYPES = {
    1: {
        "coef": _FLOATS,
        "intercept": _FLOATS,
        "classes": {"<i8", "<f8", "|b1"} | _STRINGS,
        "n_features_in": {"<i8"},
        "n_iter": {"<i4", "<i8"},
    },
    0: {
        "coef": _FLOATS,
        "intercept": _FLOATS,
        "classes": _INTEGERS | {"<f8", "|b1"} | _STRINGS,
        "n_features_in": _INTEGERS,
        "n_iter": _INTEGERS,
    },
}


class Header(NamedTuple):
    descr: str
    shape: tuple[int, ...]

    @property
    def item_bytes(self) -> int:
        return 4 * int(self.descr[2:]) if self.descr[1] == "U" else int(self.descr[2:])


def read_header(data: memoryview, where: str, *, empty_rows: bool = False) -> Header:
    """N1 to N3. `empty_rows` lets the first dimension be 0, for matrices that are input rather than artifact.

    Raises FormatError.
    """
    if len(data) < PREAMBLE_BYTES or data[:10] != _MAGIC or data[127] != 0x0A:
        raise FormatError("NPY_PREAMBLE", where, "found other bytes, expected the 128-byte preamble of an NPY 1.0 file")
    text = bytes(data[10:127])
    shape_form = rb"\(0, [1-9][0-9]{0,8}\)|" + _SHAPE.pattern if empty_rows else _SHAPE.pattern
    match = re.fullmatch(
        rb"\{'descr': '([<>|=A-Za-z0-9]{1,8})', 'fortran_order': (False|True), 'shape': (" + shape_form + rb"), \} *",
        text,
    )
    if match is None:
        raise mismatch(
            "NPY_HEADER",
            where,
            text.rstrip().decode("latin-1"),
            "{'descr': 'D', 'fortran_order': False, 'shape': (a, b), }",
        )
    if match.group(2) == b"True":
        raise FormatError("NPY_ORDER", where, "found Fortran order, expected C order")
    return Header(match.group(1).decode(), tuple(int(digits) for digits in re.findall(rb"[0-9]+", match.group(3))))


def check_length(data: memoryview, header: Header, where: str) -> None:
    """N7: exactly the bytes that the shape says. Python's integers do not overflow."""
    count = 1
    for dimension in header.shape:
        count *= dimension
    expected = count * header.item_bytes
    if len(data) - PREAMBLE_BYTES != expected:
        raise FormatError("NPY_LENGTH", where, f"found {len(data) - PREAMBLE_BYTES} bytes of data, expected {expected}")


def _check_limits(member: str, shape: tuple[int, ...], where: str) -> None:
    if member == "coef":
        rows, features = shape
        within = rows <= MAX_CLASSES and features <= MAX_FEATURES and rows * features <= MAX_COEFFICIENTS
    else:
        within = all(dimension <= MAX_CLASSES for dimension in shape)
    if not within:
        limits = f"at most {MAX_CLASSES} classes, {MAX_FEATURES} features, {MAX_COEFFICIENTS} coefficients"
        raise mismatch("ARRAY_LIMIT", where, str(shape), limits)


def _read_member_header(member: str, data: memoryview, major: int) -> Header:
    where = f"{member}.npy"
    header = read_header(data, where)
    allowed = DTYPES[major][member]
    if header.descr not in allowed:
        listed = ", ".join(sorted(allowed - _STRINGS)) + (", <U1 to <U256" if member == "classes" else "")
        raise mismatch("NPY_DTYPE", where, header.descr, listed)
    dimensions = {2} if member == "coef" else {0, 1} if (major, member) == (0, "intercept") else {1}
    if len(header.shape) not in dimensions:
        raise mismatch("ARRAY_SHAPE", where, str(header.shape), f"{max(dimensions)} dimensions")
    _check_limits(member, header.shape, where)
    check_length(data, header, where)
    return header


def _check_shapes(shapes: dict[str, tuple[int, ...]], link: str, major: int) -> None:
    rows = shapes["coef"][0]
    allowed: dict[str, set[tuple[int, ...]]] = {
        "intercept": {(rows,)},
        "classes": {(2,)} if link == "logistic" else {(rows,)},
        "n_features_in": {(1,)},
        "n_iter": {(1,), (rows,)},
    }
    if major == 0:
        allowed["intercept"].add(())
    if (rows != 1) if link == "logistic" else (rows < 3):
        raise mismatch(
            "ARRAY_SHAPE",
            "coef.npy",
            str(shapes["coef"]),
            f"{'1 row' if link == 'logistic' else '3 or more rows'}, since link is {link}",
        )
    for member in MEMBERS[1:]:
        if shapes[member] not in allowed[member]:
            raise mismatch(
                "ARRAY_SHAPE", f"{member}.npy", str(shapes[member]), " or ".join(map(str, sorted(allowed[member])))
            )


def _values(data: memoryview, header: Header) -> NDArray[np.generic]:
    if header.descr[1] == "b":  # bytes that are neither 0 nor 1 must stay visible until A3
        descr = "|u1"
    elif header.descr[1] == "U":
        descr = "<u4"
    else:
        descr = header.descr
    flat = np.frombuffer(data[PREAMBLE_BYTES:], dtype=np.dtype(descr))
    if header.descr[1] == "U":
        return flat.reshape(*header.shape, int(header.descr[2:]))
    return flat.reshape(header.shape)


def _all_finite(values: NDArray[np.generic]) -> bool:
    """Piece by piece: the answers for the largest array would take 16 MiB."""
    flat = values.reshape(-1)
    return all(np.isfinite(flat[start : start + 2**17]).all() for start in range(0, len(flat), 2**17))


def _strings(points: NDArray[np.generic]) -> NDArray[np.str_]:
    """The labels of code points (k, width), one after the other: as Python's strings they would stand in memory twice."""
    labels = np.empty(len(points), dtype=f"<U{points.shape[1]}")
    for i, points_of_one in enumerate(points):
        row = points_of_one.tolist()
        while row and row[-1] == 0:
            row.pop()
        for point in row:
            if point == 0 or 0xD800 <= point <= 0xDFFF or point > 0x10FFFF:
                raise FormatError(
                    "LABEL_VALUE",
                    "classes.npy",
                    f"found U+{point:04X} in a label, expected Unicode scalar values without U+0000",
                )
        labels[i] = "".join(map(chr, row))
    return labels.astype(f"<U{max(1, *map(len, labels))}", copy=False)


def _labels(values: NDArray[np.generic], descr: str) -> NDArray[np.generic]:
    """Checked labels (A3) as int64, float64, bool or str."""
    kind = descr[1]
    labels: Any = _strings(values) if kind == "U" else values.tolist()
    if kind == "f":
        for label in values.tolist():
            if label != int(label) or abs(label) > 2**53 or (label == 0 and np.signbit(label)):
                raise mismatch("LABEL_VALUE", "classes.npy", label, "an integral label within 2^53, not -0")
    if kind == "b" and not set(labels) <= {0, 1}:
        raise mismatch("LABEL_VALUE", "classes.npy", max(labels), "bytes 0 and 1")
    if kind == "u" and max(labels) > 2**63 - 1:
        raise mismatch("LABEL_VALUE", "classes.npy", max(labels), "at most 2^63 - 1")
    if any(labels[i] == labels[j] for i, j in pairwise(np.argsort(labels))):
        raise FormatError("LABEL_DUPLICATE", "classes.npy", "found two equal labels, expected distinct labels")
    if kind == "U":
        return labels  # type: ignore[no-any-return]
    return values.astype({"f": np.float64, "b": np.bool_}.get(kind, np.int64))


class Arrays(NamedTuple):
    """The five arrays. coef (rows, n) and intercept (rows,) keep their stored float dtype."""

    coef: NDArray[np.floating]
    intercept: NDArray[np.floating]
    classes: NDArray[np.generic]
    n_features_in: int
    n_iter: NDArray[np.integer]


def read_arrays(members: dict[str, memoryview], link: str, major: int) -> Arrays:
    """Sections 9 and 10, in their order. `major` is 0 or 1.

    Raises FormatError.
    """
    headers = {member: _read_member_header(member, members[f"{member}.npy"], major) for member in MEMBERS}
    _check_shapes({member: header.shape for member, header in headers.items()}, link, major)
    values = {member: _values(members[f"{member}.npy"], headers[member]) for member in MEMBERS}
    for member in ("coef", "intercept", "classes"):
        if headers[member].descr[1] == "f" and not _all_finite(values[member]):
            raise FormatError("ARRAY_NONFINITE", f"{member}.npy", "found NaN or infinity, expected finite values")
    classes = _labels(values["classes"], headers["classes"].descr)
    features = headers["coef"].shape[1]
    if int(values["n_features_in"][0]) != features:
        raise mismatch(
            "ARRAY_VALUE", "n_features_in.npy", int(values["n_features_in"][0]), f"{features}, the columns of coef"
        )
    if min(values["n_iter"].tolist()) < 0:
        raise mismatch("ARRAY_VALUE", "n_iter.npy", min(values["n_iter"].tolist()), "no negative count")
    return Arrays(values["coef"], values["intercept"].reshape(-1), classes, features, values["n_iter"])  # type: ignore[arg-type]


def write_array(values: NDArray[np.generic]) -> bytes:
    """An NPY 1.0 file with the fixed preamble, C order, little-endian."""
    descr = values.dtype.newbyteorder("<").str
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {values.shape}, }}".encode()
    if len(header) > 117:
        raise ValueError("the header does not fit the fixed preamble")
    return _MAGIC + header.ljust(117) + b"\n" + np.ascontiguousarray(values, dtype=descr).tobytes()
