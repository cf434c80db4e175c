"""What an accepted head is asked to score: small matrices, good and bad, with and without thresholds and assay types."""

import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from conformance.npy_bytes import words

from . import values

VARIANTS = 40
THRESHOLDS = (
    *(
        None,
        None,
        None,
        0x3FE0000000000000,
        0,
        0x3FF0000000000000,
        1,
        0x8000000000000000,
        0x3FEFFFFFFFFFFFFF,
        0x3FF0000000000001,
    ),
    *(
        0x8000000000000001,
        0x7FF8000000000000,
        0xFFF8000000000000,
        0x7FF0000000000000,
        0x3FE0000000000001,
        0x3FDFFFFFFFFFFFFF,
        0xBFE0000000000000,
    ),
)


@dataclass(frozen=True)
class Query:
    variant: int
    columns: int
    threshold: str | None
    assay_type: str | None


@dataclass(frozen=True)
class Matrix:
    dtype: str
    rows: int
    data: bytes


@cache
def matrix(variant: int, columns: int) -> Matrix:
    """X number `variant` of a width: a function of both alone."""
    rng = Random(f"x/{variant}/{columns}")
    dtype, rows = rng.choice(("f4", "f8")), rng.choice((1, 1, 2, 3, 5, 0, 33)) if variant else 2
    width, draw = (4, values.single) if dtype == "f4" else (8, values.double)
    cells = [draw(rng) if variant % 2 else plain(rng, dtype) for _ in range(rows * columns)]
    if cells and variant % 8 == 7:
        cells[rng.randrange(len(cells))] = rng.choice(values.NONFINITE if dtype == "f8" else values.SINGLES_NONFINITE)
    return Matrix(dtype, rows, words(cells, width))


def plain(rng: Random, dtype: str) -> int:
    """The bits of a number between -4 and 4."""
    bits = struct.pack("<d" if dtype == "f8" else "<f", (rng.random() - 0.5) * 8)
    return int.from_bytes(bits, "little")


def draw(rng: Random, features: int, assays: list[str]) -> list[Query]:
    """Two questions: a plain one and a hostile one."""
    columns = features if rng.random() < 0.95 else max(1, features + rng.choice((-1, 1)))
    bits = rng.choice(THRESHOLDS) if rng.random() < 0.7 else 1022 - rng.randrange(3) << 52 | rng.getrandbits(52)
    kind = rng.random()
    assay = (
        None
        if kind < 0.5
        else rng.choice(assays or ["ELISA"])
        if kind < 0.9
        else values.edited(rng, rng.choice(assays or ["ELISA"]))
    )
    threshold = None if bits is None else f"{bits:016x}"
    return [
        Query(2 * rng.randrange(VARIANTS // 2), features, None, None),
        Query(rng.randrange(VARIANTS), columns, threshold, assay),
    ]


def path(folder: Path, query: Query) -> str:
    """The file that holds the query's matrix, written once."""
    file = folder / f"x{query.variant}-{query.columns}.bin"
    if not file.exists():
        file.write_bytes(matrix(query.variant, query.columns).data)
    return str(file)


def request(folder: Path, query: Query, model: str) -> dict[str, object]:
    found = matrix(query.variant, query.columns)
    x = {"path": path(folder, query), "dtype": found.dtype, "rows": found.rows, "cols": query.columns}
    return {"op": "predict", "model": model, "x": x, "threshold": query.threshold, "assay_type": query.assay_type}
