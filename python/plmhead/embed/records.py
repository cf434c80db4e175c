"""Records of a FASTA, CSV or Parquet file, read as a stream and checked one by one: memory does not grow with the file."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from ..data import FASTA_SUFFIXES, MAX_CHARACTERS, Row, csv_rows, fasta_rows
from ..errors import InputError
from ..sequences import ASCII_SPACE, RESIDUES, normalise

FORMATS = ("fasta", "csv", "parquet")
_LETTERS = frozenset(RESIDUES + "X" + RESIDUES.lower() + "x")
_PARQUET_ROWS = 4096


class Fault(NamedTuple):
    """Why a record cannot be embedded; `position` of the letter in its sequence, from 1, where it is one letter."""

    code: str
    position: int | None
    message: str


class Record(NamedTuple):
    """One record: its number from 1, the line (of Parquet the row) it begins at, its id, its normalised sequence or its fault."""

    number: int
    line: int
    id: str
    sequence: str | None
    fault: Fault | None


class Source(NamedTuple):
    """A file of records. `name` is what errors call it; an `id_column` of None is "id" where there is one."""

    path: Path
    name: str
    format: str
    sequence_column: str = "sequence"
    id_column: str | None = None
    too_long: str = "error"

    @property
    def place(self) -> str:
        """What the number in `Record.line` counts."""
        return "row" if self.format == "parquet" else "line"


def format_of(path: str) -> str | None:
    """The format that a file's suffix says; None for any other."""
    suffix = Path(path).suffix.lower()
    known = dict.fromkeys(FASTA_SUFFIXES, "fasta") | {".csv": "csv", ".parquet": "parquet"}
    return known.get(suffix)


def sha256_of(source: Source) -> str:
    """The digest of the file, in hexadecimal. Raises InputError DATA."""
    try:
        with source.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise _unreadable(source, fault) from None


def records(source: Source) -> Iterator[Record]:
    """Yield the records in their order, bad ones too. A record without an id has its number as id.

    Raises InputError DATA for a file that cannot be read as what it is said to be, ImportError without pyarrow for Parquet.
    """
    for number, (row, has_ids) in enumerate(rows(source), 1):
        sequence, fault = _judged(row, source.too_long)
        yield Record(number, row.line, row.id if has_ids else str(number), sequence, fault)


def rows(source: Source) -> Iterator[tuple[Row, bool]]:
    """Yield the rows as they are written, each with whether the file has ids. Raises as `records`."""
    try:
        with source.path.open("rb") as file:
            has_ids, found = _ROWS[source.format](file, source)
            for row in found:
                yield row, has_ids
    except UnicodeDecodeError:
        message = f"line {_line_of_a_bad_byte(source.path)} is not UTF-8"
        raise InputError("DATA", source.name, message, "save the file as UTF-8") from None
    except OSError as fault:
        raise _unreadable(source, fault) from None


def windows(source: Source, size: int) -> Iterator[list[Record]]:
    """Yield the records, `size` at a time."""
    stream = records(source)
    while window := list(islice(stream, size)):
        yield window


def described(record: Record, place: str) -> str:
    """A bad record in a line of text."""
    assert record.fault is not None
    return f"{place} {record.line}, record {record.number} ({record.id}): {record.fault.code}: {record.fault.message}"


def _unreadable(source: Source, fault: OSError) -> InputError:
    return InputError("DATA", source.name, f"cannot be read: {fault.strerror or fault}")


def _judged(row: Row, too_long: str) -> tuple[str | None, Fault | None]:
    if row.fault:
        return None, Fault("DATA", None, row.fault)
    try:
        return normalise(row.sequence, too_long=too_long), None
    except InputError as fault:
        position = _first_foreign(row.sequence) if fault.code == "SEQUENCE_LETTER" else None
        return None, Fault(fault.code, position, fault.message)


def _first_foreign(text: str) -> int:
    return next(place for place, letter in enumerate(text.strip(ASCII_SPACE), 1) if letter not in _LETTERS)


def _lines(file: IO[bytes], source: Source, newline: str | None) -> Iterator[str]:
    with io.TextIOWrapper(file, encoding="utf-8-sig", newline=newline) as text:
        number = 1
        while line := text.readline(MAX_CHARACTERS + 1):
            if len(line) > MAX_CHARACTERS:  # a file without ends of lines must not fill the memory
                message = f"line {number} has more than {MAX_CHARACTERS} characters, expected lines of a text file"
                raise InputError("DATA", source.name, message)
            yield line
            number += 1


def _line_of_a_bad_byte(path: Path) -> int:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


def _of_fasta(file: IO[bytes], source: Source) -> tuple[bool, Iterator[Row]]:
    return True, fasta_rows(_lines(file, source, None))


def _of_csv(file: IO[bytes], source: Source) -> tuple[bool, Iterator[Row]]:
    columns = {"sequence": source.sequence_column, "id": source.id_column or "id"}
    has_ids, rows = csv_rows(_lines(file, source, ""), columns, source.name)
    if source.id_column and not has_ids:
        raise InputError("DATA", source.name, f"found no column {source.id_column!r}, which --id-column names")
    return has_ids, rows


def _of_parquet(file: IO[bytes], source: Source) -> tuple[bool, Iterator[Row]]:
    pyarrow, parquet = import_parquet()
    faults = (pyarrow.ArrowException, OSError)  # of a damaged file
    try:
        table = parquet.ParquetFile(file)
        columns = _parquet_columns(table.schema_arrow, source, pyarrow.types)
    except faults as fault:
        raise InputError("DATA", source.name, f"is no Parquet file that can be read: {_first_line(fault)}") from None
    return len(columns) > 1, _parquet_rows(table, columns, source, faults)


def _parquet_columns(schema: Any, source: Source, types: Any) -> list[str]:
    """The columns to read, the sequences' first."""
    wanted = [source.sequence_column]
    if source.id_column or "id" in schema.names:
        wanted.append(source.id_column or "id")
    for name, option in zip(wanted, ("--sequence-column", "--id-column"), strict=False):
        if schema.names.count(name) != 1:
            found = "more than one" if name in schema.names else f"the columns {', '.join(schema.names) or 'none'}"
            message = f"found {found}, expected one column {name!r}"
            raise InputError("DATA", source.name, message, f"name the column that holds it: {option} NAME")
        kind = schema.field(name).type
        kind = kind.value_type if types.is_dictionary(kind) else kind
        text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
        if not (text or (option == "--id-column" and types.is_integer(kind))):
            raise InputError("DATA", source.name, f"found {kind} in the column {name!r}, expected text")
    return wanted


def _parquet_rows(
    table: Any, columns: list[str], source: Source, faults: tuple[type[BaseException], ...]
) -> Iterator[Row]:
    number = 0
    try:
        for batch in table.iter_batches(_PARQUET_ROWS, columns=columns, use_threads=False):
            sequences = batch.column(columns[0]).to_pylist()
            ids = batch.column(columns[1]).to_pylist() if len(columns) > 1 else [""] * len(sequences)
            for sequence, name in zip(sequences, ids, strict=True):
                number += 1
                yield _parquet_row(number, sequence, "" if name is None else str(name))
    except faults as fault:
        raise InputError("DATA", source.name, f"is damaged after row {number}: {_first_line(fault)}") from None


def _parquet_row(number: int, sequence: str | None, name: str) -> Row:
    if sequence is None:
        return Row(number, id=name, fault="found null, expected a sequence")
    if len(sequence) > MAX_CHARACTERS:
        fault = f"found {len(sequence)} characters in a sequence, expected at most {MAX_CHARACTERS}"
        return Row(number, id=name, fault=fault)
    return Row(number, sequence, id=name)


def import_parquet() -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet. Raises ImportError with the line that brings them."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as fault:
        raise ImportError("Parquet needs pyarrow: pip install 'plmhead[parquet]'") from fault
    return pyarrow, pyarrow.parquet


def _first_line(fault: BaseException) -> str:
    return (str(fault).strip().splitlines() or [type(fault).__name__])[0]


_ROWS = {"fasta": _of_fasta, "csv": _of_csv, "parquet": _of_parquet}
