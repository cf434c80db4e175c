"""What an unfinished run keeps in the folder OUT.partial, so that a kill loses one shard at most.

`manifest.json` says of which input, encoder and options the shards are. A shard is the SHA-256 of its key and its data, then
the data: the vectors of its sequences, little-endian float32, one after the other. Its key binds it to the manifest, its
number and its sequences, so that a shard of anything else, or a damaged one, counts as absent.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..file_lock import acquire, release
from ..whole_file import flush_folder, opened_folder, replaced

_DIGEST = 32
_MAX_MANIFEST_BYTES = 2**20
#: Names of what a run keeps there, its temporaries too: nothing else is ever removed.
_OURS = re.compile(r"manifest\.json|input|[0-9]{6,}\.shard|output(\.[a-z.]+)?|\..+\.[0-9a-f]{16}\.tmp")


@contextlib.contextmanager
def locked_output(out: Path) -> Iterator[None]:
    """Keeps a second run on the same output away. Raises InputError OUTPUT at once where there is one."""
    path = out.with_name(f".{out.name}.lock")
    try:
        descriptor = acquire(path, 0.0)
    except TimeoutError:
        message = f"found another run at work on it (it holds {path.name}), expected none"
        raise InputError("OUTPUT", str(out), message, "wait for it, or end it") from None
    except (OSError, ValueError) as fault:  # ValueError: a path with U+0000
        raise InputError(
            "OUTPUT", str(out), f"cannot be written: {getattr(fault, 'strerror', None) or fault}"
        ) from None
    try:
        yield
    finally:
        release(path, descriptor)


class State:
    """The folder of one output."""

    def __init__(self, out: Path) -> None:
        self.folder = out.with_name(f"{out.name}.partial")
        self._out = out
        self._key = b""

    def make(self) -> None:
        """Raises OSError; InputError OUTPUT where the folder's name is taken by something else."""
        if self.folder.is_symlink() or (self.folder.exists() and not self.folder.is_dir()):
            raise InputError("OUTPUT", str(self.folder), "found no folder, expected none or that of an earlier run")
        self.folder.mkdir(parents=False, exist_ok=True)

    def spooled(self, stream: IO[bytes]) -> Path:
        """A file with all that a stream gives."""
        path = self.folder / "input"
        with replaced(path) as file:
            while block := stream.read(2**20):
                file.write(block)
        return path

    def begin(self, manifest: dict[str, Any]) -> None:
        """Binds the shards to the manifest. Raises InputError RESUME where those that are there are of another one."""
        path = self.folder / "manifest.json"
        try:
            with path.open("rb") as file:
                earlier = json.loads(file.read(_MAX_MANIFEST_BYTES))
        except FileNotFoundError:
            earlier = None
        except (ValueError, RecursionError):
            raise self._refusal("a manifest that is damaged") from None
        # As JSON has them: what is compared was read back.
        wanted = json.loads(json.dumps(manifest))
        if earlier is None:
            with replaced(path, durable=True) as file:
                file.write(json.dumps(manifest, indent=1).encode() + b"\n")
        elif earlier != wanted:
            raise self._refusal(_difference(earlier, wanted))
        self._key = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).digest()

    def _refusal(self, found: str) -> InputError:
        message = f"found an unfinished run with {found}; its shards do not belong to this one"
        remedy = f"run the earlier command again, which ends it, or remove {self.folder} to begin anew"
        return InputError("RESUME", str(self._out), message, remedy)

    def read(self, number: int, sequences: Sequence[str], dimension: int) -> NDArray[np.float32] | None:
        """The vectors of a finished shard, float32 of shape (len(sequences), dimension); None where there is none.

        Raises OSError.
        """
        size = _DIGEST + 4 * dimension * len(sequences)
        try:
            with self._shard(number).open("rb") as file:
                content = file.read(size + 1)
        except FileNotFoundError:
            return None
        data = content[_DIGEST:]
        if len(content) != size or self._digest(number, sequences, data) != content[:_DIGEST]:
            return None
        return np.frombuffer(data, dtype="<f4").astype(np.float32, copy=False).reshape(len(sequences), dimension)

    def write(self, number: int, sequences: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Finishes a shard. Raises OSError."""
        data = vectors.astype("<f4", copy=False).tobytes()
        with replaced(self._shard(number), durable=True) as file:
            file.write(self._digest(number, sequences, data))
            file.write(data)

    def publish(self, files: dict[Path, Path]) -> None:
        """Puts complete files of the folder under their names, in this order. Raises OSError."""
        for written, target in files.items():
            os.replace(written, target)
        with opened_folder(self._out.parent) as folder:
            flush_folder(folder)

    def remove(self) -> None:
        """Removes what this module has put there, and the folder when nothing else is in it."""
        with contextlib.suppress(OSError):
            for path in self.folder.iterdir():
                if _OURS.fullmatch(path.name):
                    path.unlink()
            self.folder.rmdir()

    def has(self, number: int) -> bool:
        """Whether there is a file of this shard, good or damaged."""
        return self._shard(number).exists()

    @property
    def begun(self) -> bool:
        """Whether an earlier run has left shards or a manifest."""
        return (self.folder / "manifest.json").exists()

    def _shard(self, number: int) -> Path:
        return self.folder / f"{number:06}.shard"

    def _digest(self, number: int, sequences: Sequence[str], data: bytes) -> bytes:
        digest = hashlib.sha256(self._key + number.to_bytes(8, "little"))
        digest.update("\n".join(sequences).encode("ascii") + b"\n")
        digest.update(data)
        return digest.digest()


def _difference(earlier: Any, wanted: dict[str, Any], place: str = "") -> str:
    """The first member in which two manifests differ, and both values."""
    if not isinstance(earlier, dict) or earlier.keys() != wanted.keys():
        return "a manifest of another version of plmhead" if not place else f"other members in {place}"
    for name, value in wanted.items():
        if earlier[name] != value:
            if isinstance(value, dict):
                return _difference(earlier[name], value, f"{place}{name}.")
            return f"{place}{name} {_shown(earlier[name])}, expected {_shown(value)}"
    return "the same manifest"


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
