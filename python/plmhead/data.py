"""Tables of sequences: CSV and FASTA files in, checked sequences and labels out.

A file is read once and wholly checked before anything is embedded. All bad rows are reported together, each with its line
number in the file, so that one run of an editor mends them.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import InputError
from .sequences import ASCII_SPACE, normalise

FASTA_SUFFIXES = (".fasta", ".fa", ".faa")
MAX_REPORTED = 20
#: Of one sequence as it is written, whatever becomes of it; the longest known protein has some 36,000 residues.
MAX_CHARACTERS = 2**20

INTEGER = re.compile(r"[+-]?[0-9]+")
DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")


@dataclass(frozen=True)
class Table:
    """The rows of one file, in its order.

    `sequences` are normalised. `labels` has shape (rows,) and one of the types int64, float64, bool or str; it is None
    unless labels were asked for. `ids` is None when a CSV has no id column.
    """

    sequences: list[str]
    labels: np.ndarray | None
    ids: list[str] | None


@dataclass(frozen=True)
class Row:
    """One row of a file as it is written: the line it begins at, its cells, or why it is none."""

    line: int
    sequence: str = ""
    label: str = ""
    id: str = ""
    group: str = ""
    fault: str | None = None


def read_table(
    path: str | Path,
    need_labels: bool,
    *,
    sequence_column: str = "sequence",
    label_column: str = "label",
    id_column: str = "id",
    too_long: str = "error",
) -> Table:
    """Read a CSV file, or a FASTA file (.fasta, .fa, .faa; no labels), and check every row.

    A CSV is UTF-8 with or without a byte order mark, separated by commas, with one line of column names. Other columns
    are left out; lines without any character are skipped, as CSV readers do. The first word of a FASTA header is its id.

    Raises InputError DATA, `where` the file's name: a file that cannot be read, columns that are missing or named
    twice, no rows, labels that are no classes (`parse_labels`), or the list of all bad rows by line number.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in FASTA_SUFFIXES:
        if need_labels:
            raise InputError("DATA", path.name, "a FASTA file holds no labels, expected a CSV with a label column")
        has_ids, rows = True, list(fasta_rows(io.StringIO(_read_text(path), newline=None)))
    elif suffix == ".csv":
        columns = {"sequence": sequence_column, "id": id_column} | ({"label": label_column} if need_labels else {})
        has_ids, rows = _csv_table(path, columns)
    else:
        raise InputError("DATA", path.name, f"found the suffix {suffix!r}, expected .csv, {', '.join(FASTA_SUFFIXES)}")
    if not rows:
        raise InputError("DATA", path.name, "found no rows, expected at least one")
    sequences = _check_rows(rows, need_labels, too_long, path.name)
    labels = parse_labels([row.label for row in rows], path.name) if need_labels else None
    return Table(sequences, labels, [row.id for row in rows] if has_ids else None)


def read_labels(path: str | Path, *, label_column: str = "label") -> np.ndarray:
    """Read the label column alone, of a CSV file as in `read_table`; return `parse_labels` of it, shape (rows,).

    Raises InputError DATA, `where` the file's name, as `read_table` does.
    """
    path = Path(path)
    _, rows = _csv_table(path, {"label": label_column})
    reasons = ((row.line, [row.fault] if row.fault else _label_fault(row)) for row in rows)
    _report([f"line {line}: {fault[0]}" for line, fault in reasons if fault], len(rows), path.name)
    return parse_labels([row.label for row in rows], path.name)


def read_column(path: str | Path, column: str, *, member: str = "label") -> list[tuple[int, str]]:
    """Read one column of a CSV file; return (line number, text) of each row, rows as in `read_table`, texts as written.

    Raises InputError DATA, `where` the file's name, as `read_table` does; `member` is the option that names the column.
    """
    path = Path(path)
    _, rows = _csv_table(path, {member: column})
    if not rows:
        raise InputError("DATA", path.name, "found no rows, expected at least one")
    _report([f"line {row.line}: {row.fault}" for row in rows if row.fault], len(rows), path.name)
    return [(row.line, getattr(row, member)) for row in rows]


def parse_labels(texts: Sequence[str], where: str = "labels") -> np.ndarray:
    """Return the class labels as an array of shape (rows,) and the narrowest type that all texts share.

    All whole numbers: int64. Whole numbers of which any has a decimal point ("0.0", "1.0"): float64. "true" and
    "false" in any case: bool. Anything else: str, as written, without the white space around it.

    Raises InputError DATA: fewer than two classes, a fraction (a measurement is no class), an integer past 64 bits.
    """
    stripped = [text.strip() for text in texts]
    if all(INTEGER.fullmatch(text) for text in stripped):
        labels = _integer_labels(stripped, where)
    elif all(DECIMAL.fullmatch(text) for text in stripped):
        labels = _decimal_labels(stripped, where)
    elif all(text.lower() in ("true", "false") for text in stripped):
        labels = np.array([text.lower() == "true" for text in stripped])
    else:
        labels = np.array(stripped, dtype=np.str_)
    classes = np.unique(labels)
    if len(classes) < 2:
        found = f"only the class {classes[0]}" if len(classes) else "no labels"
        raise InputError("DATA", where, f"found {found}, expected at least two classes")
    return labels


def _integer_labels(texts: list[str], where: str) -> np.ndarray:
    values = [int(text) if len(text) <= 20 else 2**64 for text in texts]
    for text, value in zip(texts, values, strict=True):
        if not -(2**63) <= value < 2**63:
            raise InputError("DATA", where, f"found the label {text[:24]}, expected integers of at most 64 bits")
    return np.array(values, dtype=np.int64)


def _decimal_labels(texts: list[str], where: str) -> np.ndarray:
    labels = np.array([float(text) for text in texts]) + 0.0  # -0.0 becomes 0.0: both are one class
    for text, value in zip(texts, labels, strict=True):
        if not value.is_integer() or abs(value) > 2**53:
            raise InputError(
                "DATA",
                where,
                f"found the label {text[:24]}, expected classes: whole numbers, true and false, or words",
                "turn a measured value into a class first",
            )
    return labels


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise InputError("DATA", path.name, f"cannot be read: {fault.strerror}") from fault
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise InputError("DATA", path.name, f"line {line} is not UTF-8", "save the file as UTF-8") from fault


def _csv_table(path: Path, columns: dict[str, str]) -> tuple[bool, list[Row]]:
    has_ids, rows = csv_rows(io.StringIO(_read_text(path), newline=""), columns, path.name)
    return has_ids, list(rows)


def csv_rows(lines: Iterable[str], columns: dict[str, str], where: str) -> tuple[bool, Iterator[Row]]:
    """Return (whether there is an id column, the rows as they are read). `columns` maps the members of Row to column names.

    Raises InputError DATA for what is no CSV, and for columns that are missing or named twice.
    """
    records = _csv_records(lines, where)
    _, header = next(records, (0, []))
    names = [name.strip() for name in header]
    _check_header(names, columns, where)
    places = {member: names.index(name) for member, name in columns.items() if name in names}
    return "id" in places, (_csv_row(line, cells, len(names), places) for line, cells in records)


def _csv_row(line: int, cells: list[str], columns: int, places: dict[str, int]) -> Row:
    if len(cells) != columns:
        return Row(line, fault=f"found {len(cells)} cells, expected {columns}")
    return Row(line, **{member: cells[place] for member, place in places.items()})


def _csv_records(lines: Iterable[str], where: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of the record's first line, its cells), leaving out lines without any character."""
    reader = csv.reader(lines, strict=True)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1  # a quoted cell may hold line ends
    except csv.Error as fault:
        raise InputError("DATA", where, f"line {line} is not CSV: {fault}") from fault


def _check_header(names: list[str], columns: dict[str, str], where: str) -> None:
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise InputError("DATA", where, f"found the column {twice[0]!r} more than once, expected distinct names")
    found = ", ".join(names) or "none"
    for member in ("sequence", "label", "group"):
        if member in columns and columns[member] not in names:
            remedy = f"name the column that holds it: --{member}-column NAME"
            if len(names) == 1 and (";" in found or "\t" in found):
                remedy = "save the file with commas between the columns"
            message = f"found the columns {found}, expected a column {columns[member]!r}"
            raise InputError("DATA", where, message, remedy)


def fasta_rows(lines: Iterable[str]) -> Iterator[Row]:
    """Yield the records; the first word of a header is the id. What is longer than any protein is a row with a fault."""
    header: tuple[int, str] | None = None
    parts: list[str] = []
    length = 0
    for number, raw in enumerate(lines, 1):
        line = raw.strip(ASCII_SPACE)
        if line.startswith(">"):
            if header:
                yield _fasta_row(*header, parts, length)
            header, parts, length = (number, (line[1:].split() or [""])[0]), [], 0
        elif line and header:
            length += len(line)
            if length <= MAX_CHARACTERS:  # beyond, nothing is kept
                parts.append(line)
        elif line:
            fault = f"found {line[:20]!r} before the first header, expected a line that begins with >"
            yield Row(number, fault=fault)
    if header:
        yield _fasta_row(*header, parts, length)


def _fasta_row(line: int, name: str, parts: list[str], length: int) -> Row:
    if length > MAX_CHARACTERS:
        return Row(line, id=name, fault=f"found {length} characters in a sequence, expected at most {MAX_CHARACTERS}")
    return Row(line, "".join(parts), id=name)


def _check_rows(rows: list[Row], need_labels: bool, too_long: str, where: str) -> list[str]:
    """Return the normalised sequences, or raise one InputError that lists every bad row."""
    sequences = []
    faults = []
    for row in rows:
        reasons = [row.fault] if row.fault else []
        if not row.fault:
            try:
                sequences.append(normalise(row.sequence, where, too_long))
            except InputError as fault:
                reasons.append(f"{fault.code}: {fault.message}")
            reasons += _label_fault(row) if need_labels else []
        if reasons:
            faults.append(f"line {row.line}: {'; '.join(reasons)}")
    _report(faults, len(rows), where)
    return sequences


def _label_fault(row: Row) -> list[str]:
    # "nan" is what an absent label becomes when a table passes through a number column.
    absent = row.label.strip().lower() in ("", "nan")
    return [f"found the label {row.label.strip()!r}, expected a class"] if absent else []


def _report(faults: list[str], rows: int, where: str) -> None:
    if faults:
        shown = faults[:MAX_REPORTED]
        if len(faults) > MAX_REPORTED:
            shown.append(f"and {len(faults) - MAX_REPORTED} more")
        raise InputError("DATA", where, "\n  ".join([f"{len(faults)} of {rows} rows are not usable", *shown]))
