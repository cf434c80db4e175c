"""Arrow in, Arrow out: record batches of sequences or embeddings to record batches of scores, as a stream.

`open_model` loads what scores, once; `score` maps batches and keeps nothing between them but a count of rows.
`batch_files` puts Parquet, CSV and FASTA around it, `plmhead.ray` many machines.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from . import score as arithmetic
from .errors import InputError
from .head import Head, load, pair_paths
from .sequences import ASCII_SPACE, MAX_RESIDUES, normalise
from .shipped import random_weights_warning

#: Binary32 values of embeddings that stand in memory at a time, whatever the batches that come.
_VALUES = 2**21
#: Sequences that are embedded at a time.
_SEQUENCES = 4096


class Embeds(Protocol):
    """What is asked of an encoder: `BaseEncoder` and a bundle's encoder are such."""

    name: str
    too_long: str

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings, float32 of shape (len(sequences), dimension)."""


class Model(NamedTuple):
    """What scores: a head, its encoder where sequences come in, and the digest of both in hexadecimal ("" where not known)."""

    head: Head
    encoder: Embeds | None = None
    digest: str = ""


class Columns(NamedTuple):
    """Names of the columns that are read. Embeddings are read where the model has no encoder."""

    id: str = "id"
    sequence: str = "sequence"
    embedding: str = "embedding"


COLUMNS = Columns()


class _Fault(NamedTuple):
    code: str
    place: str
    message: str


def open_model(
    path: str | os.PathLike[str],
    encoder: str | None = None,
    *,
    sequences: bool = True,
    **options: Any,
) -> Model:
    """The model of a bundle's folder, or of an artifact with its encoder, proved before it is returned.

    An artifact's encoder is the one it names, or `encoder`; `options` are those of `load_encoder`. `sequences` false loads
    no encoder: embeddings come in.
    Raises FormatError, InputError ENCODER, GOLDEN, DEVICE, ImportError.
    """
    from .bundle import MANIFEST, load_bundle

    folder = Path(path)
    if (folder / MANIFEST).exists():
        if encoder is not None or options:
            raise InputError(
                "ARGUMENT", "encoder", "found an encoder beside a bundle, which has its own, expected none"
            )
        bundle = load_bundle(folder)
        return Model(bundle.head, bundle.encoder if sequences else None, model_digest(path))
    head = load(path)
    if not sequences:
        return Model(head, None, model_digest(path))
    return Model(head, _encoder(head, encoder, options), model_digest(path))


def model_digest(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a bundle's manifest, which holds those of its files, or of an artifact's config and NPZ. Raises OSError."""
    from .bundle import MANIFEST

    manifest = Path(path) / MANIFEST
    files = (manifest,) if manifest.exists() else pair_paths(path)
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()


def _encoder(head: Head, name: str | None, options: dict[str, Any]) -> Embeds:
    from .encode import check_contract, check_golden, load_encoder

    contract = head.config.get("embedding")
    if contract is None:
        message = "found no embedding contract, expected one that says which encoder to use"
        raise InputError("ENCODER", "/embedding", message, "embed them yourself and give the embeddings")
    found = load_encoder(
        name or contract["checkpoint"], too_long=contract["too_long"], **{"revision": contract["revision"], **options}
    )
    check_contract(found, contract)
    check_golden(found, head.config, head.coef, head.intercept)
    return found


def score(
    batches: Iterable[Any],
    model: Model,
    *,
    columns: Columns = COLUMNS,
    threshold: float | None = None,
    assay_type: str | None = None,
    embeddings: bool = False,
) -> Iterator[Any]:
    """Score record batches: as many rows come out as go in, in their order, in batches of `schema_of(model, embeddings)`.

    With an encoder, `columns.sequence` is text; equal sequences of a batch are embedded once. Without one, `columns.embedding`
    is fixed_size_list<float or double>[n_features_in]. `columns.id` is text or integers; where it is absent the rows have
    their numbers, from 1. A row that cannot be scored has nulls, and the error's code, place ("/row", "/row/feature", rows
    counted from 0 over the whole stream) and message.

    Nothing is kept from batch to batch but the count of rows; a large batch is worked off in parts.
    Raises InputError: DATA for columns that are missing or of another type, INPUT_SHAPE for another number of features,
    THRESHOLD, ASSAY_TYPE; what a failing encoder raises. ImportError without pyarrow.
    """
    threshold = model.head.threshold_in_force(threshold, assay_type) if model.head.link == "logistic" else None
    if model.head.link != "logistic":
        model.head.threshold_in_force(threshold, assay_type)
    schema = schema_of(model, embeddings)
    size = max(1, min(_VALUES // model.head.n_features_in, _SEQUENCES if model.encoder else _VALUES))
    first = 0
    for batch in batches:
        for start in range(0, batch.num_rows, size):
            part = batch.slice(start, size)
            yield _scored(part, first + start, model, columns, threshold, schema)
        first += batch.num_rows


def schema_of(model: Model, embeddings: bool = False) -> Any:
    """The Arrow schema of the scores of a model. For more than two classes decision and probability are lists of k values."""
    arrow = _arrow()
    label = {"i": arrow.int64(), "f": arrow.float64(), "b": arrow.bool_()}.get(
        model.head.classes.dtype.kind, arrow.string()
    )
    number = arrow.float64()
    values = number if model.head.link == "logistic" else arrow.list_(number, len(model.head.classes))
    fields = [("id", arrow.string()), ("decision", values), ("probability", values), ("label", label)]
    fields += [(name, arrow.string()) for name in ("warning", "error", "place", "message")]
    if embeddings:
        fields.append(("embedding", arrow.list_(arrow.float32(), model.head.n_features_in)))
    classes = repr(model.head.classes.tolist())
    return arrow.schema(fields, metadata={b"plmhead.model": model.digest, b"plmhead.classes": classes})


def _scored(batch: Any, first: int, model: Model, columns: Columns, threshold: float | None, schema: Any) -> Any:
    arrow = _arrow()
    faults: dict[int, _Fault] = {}
    common = random_weights_warning(model.encoder.name) if model.encoder else None
    warned: dict[int, str] = {}
    if model.encoder is None:
        x, rows = _vectors(batch, columns, model.head.n_features_in, first, faults)
    else:
        x, rows = _embedded(batch, columns, model.encoder, first, faults, warned)
    x, rows = _finite(x, rows, first, faults)
    try:
        z, p, labels = model.head.score_all(x, threshold)
    except InputError as fault:
        if fault.code != "DECISION_NONFINITE":
            raise
        x, rows = _without_overflow(x, rows, model.head, first, faults, fault)
        z, p, labels = model.head.score_all(x, threshold)
    single = model.head.link == "logistic"
    good = np.zeros(batch.num_rows, dtype=bool)
    good[rows] = True
    arrays = [
        _ids(batch, columns.id, first),
        *(_spread(values, good, schema.field(name).type) for name, values in _values(z, p, labels, single)),
        arrow.array([_joined(common, warned.get(row)) for row in range(batch.num_rows)], arrow.string()),
        *(
            arrow.array([fault and fault[part] for fault in map(faults.get, range(batch.num_rows))], arrow.string())
            for part in range(3)
        ),
    ]
    if "embedding" in schema.names:
        arrays.append(_spread(x.astype(np.float32, copy=False), good, schema.field("embedding").type))
    return arrow.record_batch(arrays, schema=schema)


def _joined(*warnings: str | None) -> str | None:
    return "; ".join(filter(None, warnings)) or None


def _values(z: NDArray[Any], p: NDArray[Any], labels: NDArray[Any], single: bool) -> Iterator[tuple[str, NDArray[Any]]]:
    yield "decision", z[:, 0] if single else z
    yield "probability", p[:, 1] if single else p
    yield "label", labels


def _spread(values: NDArray[Any], good: NDArray[np.bool_], kind: Any) -> Any:
    """An Arrow array with the values, (good.sum(), ...), in the rows that are good, and null in the others."""
    arrow = _arrow()
    wide = np.zeros((len(good), *values.shape[1:]), dtype=object if values.dtype.kind == "U" else values.dtype)
    wide[good] = values
    if values.ndim == 1:
        return arrow.array(wide, kind, mask=~good)
    return arrow.FixedSizeListArray.from_arrays(arrow.array(wide.reshape(-1)), type=kind, mask=arrow.array(~good))


def _ids(batch: Any, name: str, first: int) -> Any:
    """The ids as text; row numbers, from 1, where there are none."""
    arrow = _arrow()
    if name not in batch.schema.names:
        return arrow.array([str(first + row + 1) for row in range(batch.num_rows)], arrow.string())
    column = _column(batch, name)
    kind = column.type.value_type if arrow.types.is_dictionary(column.type) else column.type
    if not (_is_text(kind) or arrow.types.is_integer(kind)):
        raise InputError("DATA", name, f"found {kind} in the column of ids, expected text or integers")
    return column.cast(kind).cast(arrow.string())


def _column(batch: Any, name: str) -> Any:
    if batch.schema.names.count(name) != 1:
        found = (
            "more than one" if name in batch.schema.names else f"the columns {', '.join(batch.schema.names) or 'none'}"
        )
        raise InputError("DATA", name, f"found {found}, expected one column {name!r}")
    return batch.column(name)


def _is_text(kind: Any) -> bool:
    types = _arrow().types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


# --- sequences --------------------------------------------------------------------------------------------------------


def _embedded(
    batch: Any, columns: Columns, encoder: Embeds, first: int, faults: dict[int, _Fault], warned: dict[int, str]
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Embeddings of the good rows, and which these are; each distinct sequence is embedded once."""
    column = _column(batch, columns.sequence)
    kind = column.type.value_type if _arrow().types.is_dictionary(column.type) else column.type
    if not _is_text(kind):
        raise InputError("DATA", columns.sequence, f"found {kind} in the column of sequences, expected text")
    texts: dict[int, str] = {}
    for row, text in enumerate(column.to_pylist()):
        where = f"/{first + row}"
        try:
            if text is None:
                raise InputError("DATA", where, "found null, expected a sequence")
            texts[row] = normalise(text, where, encoder.too_long)
            residues = len(text.strip(ASCII_SPACE))
            if residues > MAX_RESIDUES:
                warned[row] = f"{residues} residues: the first {MAX_RESIDUES:,} were scored"
        except InputError as fault:
            faults[row] = _Fault(fault.code, fault.where, fault.message)
    place = {text: number for number, text in enumerate(dict.fromkeys(texts.values()))}
    vectors = encoder.embed(list(place))
    return vectors[[place[text] for text in texts.values()]], np.array(list(texts), dtype=np.intp)


# --- embeddings -------------------------------------------------------------------------------------------------------


def _vectors(
    batch: Any, columns: Columns, features: int, first: int, faults: dict[int, _Fault]
) -> tuple[NDArray[np.floating], NDArray[np.intp]]:
    """The embeddings that are not null, (m, features) of float32 or float64, and their rows."""
    types = _arrow().types
    column = _column(batch, columns.embedding)
    kind = column.type
    if not types.is_fixed_size_list(kind) or not (
        types.is_float32(kind.value_type) or types.is_float64(kind.value_type)
    ):
        expected = f"fixed_size_list<float or double>[{features}]"
        raise InputError("DATA", columns.embedding, f"found {kind}, expected {expected}")
    if kind.list_size != features:
        raise InputError("INPUT_SHAPE", columns.embedding, f"found {kind.list_size} features, expected {features}")
    present = column.is_valid().to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(~present).tolist():
        faults[row] = _Fault("DATA", f"/{first + row}", "found null, expected an embedding")
    # `flatten` leaves out null lists; a null within a list becomes NaN, which is told as a value that is not finite.
    values = column.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(-1, features), np.flatnonzero(present)


def _finite(
    x: NDArray[Any], rows: NDArray[np.intp], first: int, faults: dict[int, _Fault]
) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Without the rows in which a value is NaN or infinite, each of which is a fault."""
    finite = np.isfinite(x)
    good = finite.all(axis=1)
    if good.all():
        return x, rows
    for index in np.flatnonzero(~good).tolist():
        feature = int(np.argmin(finite[index]))
        message = f"found {x[index, feature]}, expected a finite value"
        faults[int(rows[index])] = _Fault("INPUT_NONFINITE", f"/{first + int(rows[index])}/{feature}", message)
    return x[good], rows[good]


def _without_overflow(
    x: NDArray[Any], rows: NDArray[np.intp], head: Head, first: int, faults: dict[int, _Fault], fault: InputError
) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Without the rows whose decisions overflow: one pass for all of them, since the head names only the first."""
    good = np.isfinite(arithmetic.decisions(x, head.coef, head.intercept.astype(np.float64))).all(axis=1)
    for row in rows[~good].tolist():
        faults[row] = _Fault(fault.code, f"/{first + row}", fault.message)
    return x[good], rows[good]


def _arrow() -> Any:
    try:
        import pyarrow
    except ImportError as fault:
        raise ImportError("record batches need pyarrow: pip install 'plmhead[parquet]'") from fault
    return pyarrow
