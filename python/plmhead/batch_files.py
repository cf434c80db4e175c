"""Parquet, CSV and FASTA around `batch.score`: files read and written as streams, whatever their size."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .batch import COLUMNS, Columns, Model, schema_of, score
from .embed.records import Source, format_of, import_parquet, rows
from .errors import InputError
from .whole_file import replaced

#: Values of embeddings, and rows of sequences, in a batch that is read.
_VALUES, _ROWS = 2**20, 4096


class Scored(NamedTuple):
    """What became of a file: rows written, those of them with an error, those with a warning."""

    rows: int
    errors: int
    warnings: int


def score_file(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    model: Model,
    *,
    columns: Columns = COLUMNS,
    **options: Any,
) -> Scored:
    """Score a Parquet, CSV or FASTA file into `out`, .parquet or .csv, which appears under its name when it is complete.

    Embeddings come out of Parquet alone, and go into it alone. In CSV a list of k values is k columns, decision_CLASS and
    so on. `options` are those of `score`.
    Raises InputError: ARGUMENT for another suffix, DATA for a file that cannot be read, OUTPUT; what `score` raises.
    """
    target, embeddings = Path(out), bool(options.get("embeddings"))
    suffix = target.suffix.lower()
    if suffix not in (".parquet", ".csv"):
        raise InputError("ARGUMENT", "out", f"found the suffix {target.suffix!r}, expected .parquet or .csv")
    if suffix == ".csv" and embeddings:
        raise InputError("ARGUMENT", "out", "found embeddings asked for in CSV, expected Parquet for them")
    batches = score(read_batches(source, columns, embeddings=model.encoder is None), model, columns=columns, **options)
    try:
        with replaced(target, durable=True) as file:
            write = _write_parquet if suffix == ".parquet" else _write_csv
            return write(
                file, batches, schema_of(model, embeddings), [str(each) for each in model.head.classes.tolist()]
            )
    except OSError as fault:
        raise InputError("OUTPUT", str(out), f"cannot be written: {fault.strerror or fault}") from None


def read_batches(
    path: str | os.PathLike[str],
    columns: Columns = COLUMNS,
    *,
    embeddings: bool = False,
) -> Iterator[Any]:
    """Record batches of a file with the columns that `score` reads. Raises InputError ARGUMENT, DATA."""
    name = Path(path).name
    kind = format_of(name)
    if kind is None or (embeddings and kind != "parquet"):
        expected = ".parquet" if embeddings else ".parquet, .csv, .fasta, .fa or .faa"
        raise InputError("ARGUMENT", name, f"found the suffix {Path(path).suffix!r}, expected {expected}")
    if kind == "parquet":
        return _parquet_batches(Path(path), columns, columns.embedding if embeddings else columns.sequence)
    return _text_batches(
        Source(Path(path), name, kind, columns.sequence, None if columns.id == "id" else columns.id), columns
    )


def _parquet_batches(path: Path, columns: Columns, read: str) -> Iterator[Any]:
    arrow, parquet = import_parquet()
    try:
        # Without `pre_buffer` a column is read a page at a time, not a row group at a time.
        with parquet.ParquetFile(path, pre_buffer=False, buffer_size=2**20) as file:
            schema = file.schema_arrow
            kind = schema.field(read).type if schema.names.count(read) == 1 else None
            wide = kind.list_size if kind is not None and arrow.types.is_fixed_size_list(kind) else 0
            size = max(1, _VALUES // wide) if wide else _ROWS
            wanted = [name for name in (columns.id, read) if name in schema.names]
            if read not in wanted:
                found = ", ".join(schema.names) or "none"
                raise InputError("DATA", path.name, f"found the columns {found}, expected one column {read!r}")
            yield from file.iter_batches(size, columns=wanted, use_threads=False)
    except (arrow.ArrowException, OSError) as fault:
        said = (str(fault).strip().splitlines() or [type(fault).__name__])[0]
        raise InputError("DATA", path.name, f"is no Parquet file that can be read: {said}") from None


def _text_batches(source: Source, columns: Columns) -> Iterator[Any]:
    """A row of the file that is none (too few cells) is a null."""
    arrow, _ = import_parquet()
    stream = rows(source)
    number = 0
    while window := list(islice(stream, _ROWS)):
        ids = [row.id if has_ids else str(number + place) for place, (row, has_ids) in enumerate(window, 1)]
        texts = [None if row.fault else row.sequence for row, _ in window]
        number += len(window)
        arrays = [arrow.array(values, arrow.string()) for values in (ids, texts)]
        yield arrow.record_batch(arrays, names=[columns.id, columns.sequence])


def _write_parquet(file: Any, batches: Iterable[Any], schema: Any, _: list[str]) -> Scored:
    _, parquet = import_parquet()
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        return _written(batches, writer.write_batch)


def _write_csv(file: Any, batches: Iterable[Any], schema: Any, classes: list[str]) -> Scored:
    import pyarrow
    import pyarrow.csv

    empty = _flat(pyarrow.record_batch([pyarrow.array([], field.type) for field in schema], schema=schema), classes)
    with pyarrow.csv.CSVWriter(file, empty.schema) as writer:
        return _written(batches, lambda batch: writer.write_batch(_flat(batch, classes)))


def _flat(batch: Any, classes: list[str]) -> Any:
    """The batch with a column for each value of a list."""
    import pyarrow

    arrays: dict[str, Any] = {}
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if not pyarrow.types.is_fixed_size_list(field.type):
            arrays[field.name] = column
            continue
        wide = np.array(column.values.slice(column.offset * len(classes), len(column) * len(classes))).reshape(
            -1, len(classes)
        )
        missing = column.is_null().to_numpy(zero_copy_only=False)
        for place, name in enumerate(classes):
            arrays[f"{field.name}_{name}"] = pyarrow.array(wide[:, place], mask=missing)
    return pyarrow.record_batch(list(arrays.values()), names=list(arrays))


def _written(batches: Iterable[Any], write: Any) -> Scored:
    count = errors = warnings = 0
    for batch in batches:
        write(batch)
        count += batch.num_rows
        errors += batch.num_rows - batch.column("error").null_count
        warnings += batch.num_rows - batch.column("warning").null_count
    return Scored(count, errors, warnings)
