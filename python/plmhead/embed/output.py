"""What a run writes: Parquet, or .npy with two small files beside it. Rows come in blocks and are written as they come."""

from __future__ import annotations

import contextlib
import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .records import import_parquet

#: The key of the embedding contract in the metadata of a Parquet file's schema.
METADATA = b"plmhead.embedding"


class Output:
    """Files in `folder` that become `out` and its companions; `files` says which, `out` last.

    `complete` has them whole and on the disk; leaving the context only closes them.
    """

    def __init__(self, folder: Path, out: Path, rows: int, dimension: int, contract: dict[str, Any]) -> None:
        self.files = {folder / "output": out}
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def write(self, ids: Sequence[str], vectors: NDArray[np.float32], present: NDArray[np.bool_]) -> None:
        """Adds rows: `vectors` of shape (present.sum(), dimension) belong to the rows that are present, in order."""
        raise NotImplementedError

    def complete(self) -> None:
        """Writes what is due at the end and flushes."""
        raise NotImplementedError


class NpyOutput(Output):
    """float32 of shape (rows, dimension), NaN where a row is absent; the ids in OUT.ids.csv, the contract in OUT.contract.json."""

    def __init__(self, folder: Path, out: Path, rows: int, dimension: int, contract: dict[str, Any]) -> None:
        super().__init__(folder, out, rows, dimension, contract)
        self._vectors: IO[bytes] = self._open.enter_context((folder / "output").open("wb"))
        self._ids = self._open.enter_context((folder / "output.ids").open("w", encoding="utf-8", newline=""))
        self._table = csv.writer(self._ids, lineterminator="\n")
        self._table.writerow(["id"])
        contract_file = folder / "output.contract"
        contract_file.write_text(json.dumps(contract, indent=1) + "\n", encoding="utf-8")
        header = {"descr": "<f4", "fortran_order": False, "shape": (rows, dimension)}
        np.lib.format.write_array_header_1_0(self._vectors, header)
        self._dimension = dimension
        self.files = {
            folder / "output.ids": out.with_name(f"{out.name}.ids.csv"),
            contract_file: out.with_name(f"{out.name}.contract.json"),
            folder / "output": out,
        }

    def write(self, ids: Sequence[str], vectors: NDArray[np.float32], present: NDArray[np.bool_]) -> None:
        rows = np.full((len(present), self._dimension), np.nan, dtype="<f4")
        rows[present] = vectors
        self._vectors.write(rows.tobytes())
        self._table.writerows([name] for name in ids)

    def complete(self) -> None:
        _flush(self._vectors)
        _flush(self._ids)


class ParquetOutput(Output):
    """Columns id (text) and embedding (fixed_size_list<float32>[dimension], null where a row is absent); a row group a block."""

    def __init__(self, folder: Path, out: Path, rows: int, dimension: int, contract: dict[str, Any]) -> None:
        super().__init__(folder, out, rows, dimension, contract)
        self._arrow, parquet = import_parquet()
        self._dimension = dimension
        fields = [("id", self._arrow.string()), ("embedding", self._arrow.list_(self._arrow.float32(), dimension))]
        self._schema = self._arrow.schema(fields, metadata={METADATA: json.dumps(contract)})
        self._file = self._open.enter_context((folder / "output").open("wb"))
        # Vectors neither repeat nor compress: what would look for it costs time alone.
        self._writer = parquet.ParquetWriter(
            self._file, self._schema, use_dictionary=False, compression="none", write_statistics=["id"]
        )
        self._open.callback(self._writer.close)

    def write(self, ids: Sequence[str], vectors: NDArray[np.float32], present: NDArray[np.bool_]) -> None:
        rows = np.zeros((len(present), self._dimension), dtype=np.float32)
        rows[present] = vectors
        embeddings = self._arrow.FixedSizeListArray.from_arrays(
            self._arrow.array(rows.reshape(-1)), type=self._schema.field(1).type, mask=self._arrow.array(~present)
        )
        names = self._arrow.array(list(ids), type=self._arrow.string())
        self._writer.write_batch(self._arrow.record_batch([names, embeddings], schema=self._schema))

    def complete(self) -> None:
        self._writer.close()
        _flush(self._file)


def output_of(out: Path) -> type[Output]:
    """The kind of output that a file's suffix says. Raises InputError ARGUMENT for another; ImportError without pyarrow."""
    suffix = out.suffix.lower()
    if suffix == ".npy":
        return NpyOutput
    if suffix == ".parquet":
        import_parquet()
        return ParquetOutput
    raise InputError("ARGUMENT", "-o", f"found the suffix {suffix!r}, expected .parquet or .npy")


def _flush(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())
