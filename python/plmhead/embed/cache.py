"""Vectors of earlier runs, in one SQLite database that several processes may use at once.

An entry's key is the SHA-256 of the encoder's identity and the sequence; its value is the SHA-256 of key and vector, then
the vector, little-endian float32. An entry that does not fit its digest counts as absent: it is computed again and replaced.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

FILE = "embeddings.sqlite3"
_APPLICATION = 0x504C4D45
_VERSION = 1
_DIGEST = 32
#: SQLite's own limit of parameters was 999 for long.
_AT_ONCE = 500
_WAIT_SECONDS = 60.0


class Cache:
    """The cache in a folder, for one encoder.

    `identity` is a digest of all that decides an encoder's numbers; `warn` takes a line of text.

    Raises InputError OUTPUT where the folder cannot be written, or holds a database of something else. A database that is
    damaged as a whole is told by a warning, and not used.
    """

    def __init__(self, folder: Path, identity: bytes, dimension: int, warn: Callable[[str], None]) -> None:
        self._path = folder / FILE
        self._identity = identity
        self._dimension = dimension
        self._warn = warn
        self._open: sqlite3.Connection | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self._surviving():
                self._open = self._connect()
        except (OSError, sqlite3.OperationalError) as fault:
            raise InputError("OUTPUT", str(folder), f"cannot be used as a cache: {fault}") from None

    def get(self, sequences: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors, of shape (dimension,), of those sequences that are there and undamaged."""
        found: dict[str, NDArray[np.float32]] = {}
        damaged = 0
        with self._surviving():
            for start in range(0, len(sequences) if self._open else 0, _AT_ONCE):
                keys = {self._key(text): text for text in sequences[start : start + _AT_ONCE]}
                for key, value in self._select(list(keys)):
                    vector = self._vector(key, value)
                    if vector is None or key not in keys:
                        damaged += 1
                    else:
                        found[keys[key]] = vector
        if damaged:
            self._warn(f"damaged entries of the cache {self._path.parent}, which are computed again: {damaged}")
        return found

    def put(self, sequences: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keeps the vectors, float32 of shape (len(sequences), dimension): all in one transaction."""
        rows = []
        for text, vector in zip(sequences, vectors.astype("<f4", copy=False), strict=True):
            key, data = self._key(text), vector.tobytes()
            rows.append((key, hashlib.sha256(key + data).digest() + data))
        with self._surviving(), contextlib.ExitStack() as transaction:
            if self._open:
                transaction.enter_context(self._open)
                self._open.execute("BEGIN IMMEDIATE")
                self._open.executemany("INSERT OR REPLACE INTO embedding (key, value) VALUES (?, ?)", rows)

    def close(self) -> None:
        """Ends its use."""
        with self._surviving():
            if self._open:
                self._open.close()
        self._open = None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_WAIT_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")  # a power failure loses the newest entries, no others
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                self._make_or_check(connection)
            connection.text_factory = bytes  # a damaged value may be text that is no UTF-8
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_or_check(self, connection: sqlite3.Connection) -> None:
        marks = tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        schema = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        if (marks, schema) == ((0, 0), []):
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute(_TABLE)
        elif (marks, schema) != ((_APPLICATION, _VERSION), [(_TABLE,)]):
            message = f"found a database of something else in {FILE}, expected a cache of this version"
            raise InputError("OUTPUT", str(self._path.parent), message, "name another folder")

    @contextlib.contextmanager
    def _surviving(self) -> Iterator[None]:
        """A cache is a help: when it fails on the way, the run goes on without it."""
        try:
            yield
        except sqlite3.DatabaseError as fault:
            if isinstance(fault, sqlite3.OperationalError) and self._open is None:
                raise
            self._warn(f"the cache {self._path.parent} is not used any more ({fault}); where it is damaged, remove it")
            if self._open:
                with contextlib.suppress(sqlite3.Error):
                    self._open.close()
            self._open = None

    def _select(self, keys: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
        assert self._open
        marks = ",".join("?" * len(keys))
        yield from self._open.execute(f"SELECT key, value FROM embedding WHERE key IN ({marks})", keys)

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(self._identity + text.encode("ascii")).digest()

    def _vector(self, key: object, value: object) -> NDArray[np.float32] | None:
        """The vector of an entry; None for a damaged one."""
        if not isinstance(key, bytes) or not isinstance(value, bytes) or len(value) != _DIGEST + 4 * self._dimension:
            return None
        if hashlib.sha256(key + value[_DIGEST:]).digest() != value[:_DIGEST]:
            return None
        return np.frombuffer(value, dtype="<f4", offset=_DIGEST).astype(np.float32, copy=False)


_TABLE = "CREATE TABLE embedding (key BLOB PRIMARY KEY, value BLOB NOT NULL)"
