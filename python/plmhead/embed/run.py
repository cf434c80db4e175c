"""One run: check the input, then embed it shard by shard, and put the output in place when all of it is there."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..data import MAX_REPORTED
from ..errors import InputError
from .output import Output, output_of
from .records import Record, Source, described, sha256_of, windows
from .state import State, locked_output

if TYPE_CHECKING:
    from .cache import Cache

ON_ERROR = ("stop", "skip", "report")
#: Records in a shard: what a kill loses at most, and what stands in memory at a time.
SHARD_SIZE = 4096
MAX_SHARD_SIZE = 2**20


class Progress(Protocol):
    """Told of work that goes on: what it is, records done of a total (None: not known), and how many of these took no work."""

    def __call__(self, what: str, done: int, total: int | None, unworked: int) -> None: ...


class Settings(NamedTuple):
    """How to run; `embed_file` says more."""

    on_error: str = "stop"
    shard_size: int = SHARD_SIZE
    batch_size: int | None = None
    cache: Path | None = None


class Summary(NamedTuple):
    """What a run did. Records: `records` = `rows` of the output + those skipped. Distinct sequences of this run: embedded, cached."""

    output: str
    files: list[str]
    rows: int
    dimension: int
    records: int
    bad: int
    embedded: int
    cached: int
    shards: int
    resumed: int
    input_sha256: str
    contract_sha256: str
    encoder: str


class _Checked(NamedTuple):
    sha256: str
    records: int
    bad: int


def embed_file(
    source: Source,
    out: Path,
    encoder: Any,
    settings: Settings,
    *,
    stream: IO[bytes] | None = None,
    progress: Progress | None = None,
    warn: Callable[[str], None] = lambda text: None,
) -> Summary:
    """Embeds the records of `source` into `out` (.parquet or .npy); goes on where an earlier run of the same was stopped.

    With `stream` the records are what it gives, first copied beside the output. `encoder` is as `load_encoder` returns it.

    Raises InputError: DATA for the input, RESUME where an unfinished run was of something else, OUTPUT, ENCODER, ARGUMENT;
    ImportError without pyarrow where it is needed. Shards that are finished stay for the next run.
    """
    _check_settings(settings, encoder)
    make = output_of(out)
    if out.exists() and not out.is_file():
        raise InputError("OUTPUT", str(out), "found no regular file, expected a file or a new name")
    source = source._replace(too_long=encoder.contract["too_long"])
    with locked_output(out):
        state = State(out)
        try:
            with _writing(out):
                state.make()
                if stream is not None:
                    source = source._replace(path=state.spooled(stream))
                run = _Run(source, out, encoder, settings, state, progress or _silent, warn)
                return run.whole(make)
        except BaseException:
            if not state.begun:
                state.remove()
            raise


def _silent(what: str, done: int, total: int | None, unworked: int) -> None: ...


def _check_settings(settings: Settings, encoder: Any) -> None:
    if settings.on_error not in ON_ERROR:
        raise InputError(
            "ARGUMENT", "--on-error", f"found {settings.on_error!r}, expected one of {', '.join(ON_ERROR)}"
        )
    if not 1 <= settings.shard_size <= MAX_SHARD_SIZE:
        raise InputError("ARGUMENT", "--shard-size", f"found {settings.shard_size}, expected 1 to {MAX_SHARD_SIZE}")
    if settings.cache is not None and encoder.contract["weights_sha256"] is None:
        message = f"found no digest of the weights of {encoder.name}, by which a cache could tell encoders apart"
        raise InputError("ARGUMENT", "--cache", message, "run it without a cache")


@contextlib.contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise InputError("OUTPUT", str(out), f"cannot be written: {fault.strerror or fault}") from None


class _Run:
    """What the steps of one run share."""

    def __init__(
        self,
        source: Source,
        out: Path,
        encoder: Any,
        settings: Settings,
        state: State,
        progress: Progress,
        warn: Callable[[str], None],
    ) -> None:
        self._source = source
        self._out = out
        self._encoder = encoder
        self._dimension = int(encoder.dimension)
        self._settings = settings
        self._state = state
        self._progress = progress
        self._warn = warn
        self._cache: Cache | None = None
        self._embedded = self._cached = self._resumed = 0
        self._done = self._unworked = 0

    def whole(self, make: type[Output]) -> Summary:
        """All of it, from the input to the output in place."""
        with self._opened_cache():
            errors = self._state.folder / "output.errors"
            checked = self._check(errors)
            self._state.begin(self._manifest(checked))
            rows = checked.records - (checked.bad if self._settings.on_error == "skip" else 0)
            contract = self._encoder.contract
            with make(self._state.folder, self._out, rows, self._dimension, contract) as output:
                shards = self._shards(output, checked)
                output.complete()
        if sha256_of(self._source) != checked.sha256:
            message = "has changed while it was read, expected the same bytes to the end"
            raise InputError("DATA", self._source.name, message)
        files = self._published(output, errors if checked.bad else None)
        return Summary(
            *(str(self._out), [str(path) for path in files], rows, self._dimension, checked.records, checked.bad),
            *(self._embedded, self._cached, shards, self._resumed),
            *(checked.sha256, _digest(contract).hex(), self._encoder.name),
        )

    def _check(self, errors: Path) -> _Checked:
        """Reads the whole input once, so that a bad record at its end is told before the first is embedded."""
        source, settings = self._source, self._settings
        sha256 = sha256_of(source)
        count = bad = 0
        first: list[str] = []
        with errors.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["record", source.place, "id", "code", "position", "message"])
            for window in windows(source, settings.shard_size):
                for record in window:
                    if record.fault:
                        bad += 1
                        table.writerow([record.number, record.line, record.id, *record.fault])
                        first += [described(record, source.place)] if bad <= MAX_REPORTED else []
                count += len(window)
                self._progress("checking", count, None, 0)
        if not count:
            raise InputError("DATA", source.name, "found no records, expected at least one")
        if bad and (settings.on_error == "stop" or (settings.on_error == "skip" and bad == count)):
            more = [f"and {bad - len(first)} more"] if bad > len(first) else []
            message = "\n  ".join([f"{bad} of {count} records cannot be embedded", *first, *more])
            remedy = "mend them, or leave them out by --on-error skip, or keep their rows by --on-error report"
            raise InputError("DATA", source.name, message, remedy if settings.on_error == "stop" else None)
        return _Checked(sha256, count, bad)

    def _manifest(self, checked: _Checked) -> dict[str, Any]:
        source, settings = self._source, self._settings
        return {
            "plmhead": __version__,
            "input": {"sha256": checked.sha256, "records": checked.records, "format": source.format},
            "encoder": self._identity(),
            "options": {
                "sequence_column": source.sequence_column,
                "id_column": source.id_column,
                "on_error": settings.on_error,
                "shard_size": settings.shard_size,
            },
        }

    def _identity(self) -> dict[str, Any]:
        """All that decides the bits of a vector beside its sequence."""
        engine = self._encoder.engine
        return {
            "contract": self._encoder.contract,
            "backend": type(engine).__name__,
            "device": engine.device,
            "batch_size": self._settings.batch_size,
            "batch_tokens": engine.batch_tokens,
        }

    @contextlib.contextmanager
    def _opened_cache(self) -> Iterator[None]:
        folder = self._settings.cache
        if folder is None:
            yield
            return
        from .cache import Cache  # sqlite3 is not in every Python

        self._cache = Cache(folder, _digest(self._identity()), self._dimension, self._warn)
        try:
            yield
        finally:
            self._cache.close()

    def _shards(self, output: Output, checked: _Checked) -> int:
        """Embeds, or reads back, each shard and writes its rows; the number of shards."""
        number = 0
        for number, window in enumerate(windows(self._source, self._settings.shard_size), 1):
            kept = [record for record in window if record.sequence is not None or self._settings.on_error == "report"]
            vectors = self._shard(number, kept, len(window), checked.records)
            output.write(
                [each.id for each in kept], vectors, np.array([each.sequence is not None for each in kept], bool)
            )
            self._done += len(window)
            self._progress("embedding", self._done, checked.records, self._unworked)
        return number

    def _shard(self, number: int, kept: list[Record], size: int, total: int) -> NDArray[np.float32]:
        """The vectors of the good records of a shard."""
        texts = [record.sequence for record in kept if record.sequence is not None]
        if not texts:
            return np.empty((0, self._dimension), dtype=np.float32)
        earlier = self._state.read(number, texts, self._dimension)
        if earlier is not None:
            self._resumed += 1
            self._unworked += size
            return earlier
        if self._state.has(number):
            self._warn(f"shard {number} of the earlier run is damaged and is computed again")
        vectors = self._vectors(texts, size, total)
        self._state.write(number, texts, vectors)
        return vectors

    def _vectors(self, texts: list[str], size: int, total: int) -> NDArray[np.float32]:
        """Each distinct sequence once: from the cache, else by the encoder."""
        distinct = list(dict.fromkeys(texts))
        found = self._cache.get(distinct) if self._cache else {}
        self._cached += len(found)
        missing = [text for text in distinct if text not in found]
        if missing:

            def tell(done: int, of: int) -> None:
                self._progress("embedding", self._done + size * done // of, total, self._unworked)

            found.update(zip(missing, self._computed(missing, tell), strict=True))
        return np.stack([found[text] for text in texts])

    def _computed(self, texts: list[str], tell: Callable[[int, int], None]) -> NDArray[np.float32]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", RuntimeWarning)
            vectors: NDArray[np.float32] = self._encoder.embed(texts, self._settings.batch_size, tell)
        for warning in caught:
            self._warn(str(warning.message))
        self._embedded += len(texts)
        if self._cache and not caught:  # where batches had to be halved the last bits may differ: not for other runs
            self._cache.put(texts, vectors)
        return vectors

    def _published(self, output: Output, errors: Path | None) -> list[Path]:
        """Puts the files in place, the output itself last; those of an earlier run that this one has not are removed."""
        target = self._out.with_name(f"{self._out.name}.errors.csv")
        if errors is None:
            target.unlink(missing_ok=True)
        files = ({errors: target} if errors else {}) | output.files
        self._state.publish(files)
        self._state.remove()
        return list(files.values())[::-1]


def _digest(value: dict[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
