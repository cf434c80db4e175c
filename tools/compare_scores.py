"""Compares score files of several languages by bits: python tools/compare_scores.py A.jsonl B.jsonl [C.jsonl ...].

A value is one decision or one probability of one row; it differs when the files do not all hold the same bits, or when a decimal
does not read back to the bits beside it. Labels and row numbers must be equal too: where they are not, the files are not comparable.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any, NamedTuple


class Comparison(NamedTuple):
    rows: int
    values: int
    differ: int


def bits(value: float) -> str:
    return struct.pack(">d", value).hex()


def row_values(row: dict[str, Any]) -> list[tuple[str, str]]:
    """(bits as written, bits of the decimal) of every decision and probability of a row."""
    values = []
    for name in ("decision", "probability"):
        decimals, words = row[name], row[f"{name}_bits"]
        pairs = zip(decimals, words, strict=True) if isinstance(decimals, list) else [(decimals, words)]
        values += [(word, bits(float(decimal))) for decimal, word in pairs]
    return values


def compare(paths: list[Path]) -> Comparison:
    """Raises ValueError where the files are not comparable."""
    files = [[json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] for path in paths]
    if len({len(rows) for rows in files}) != 1:
        raise ValueError(f"the files have {', '.join(str(len(rows)) for rows in files)} rows")
    values = differ = 0
    for number, rows in enumerate(zip(*files, strict=True)):
        if any(
            (row["row"], row["label"], type(row["label"])) != (number, rows[0]["label"], type(rows[0]["label"]))
            for row in rows
        ):
            raise ValueError(f"row {number} has another number or label in another file")
        for versions in zip(*map(row_values, rows), strict=True):
            values += 1
            differ += len({word for pair in versions for word in pair}) != 1
    return Comparison(len(files[0]), values, differ)


def main(arguments: list[str]) -> int:
    result = compare([Path(argument) for argument in arguments])
    print(f"compare: {result.rows} rows, {len(arguments)} files, {result.differ} of {result.values} values differ")
    return 1 if result.differ else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
