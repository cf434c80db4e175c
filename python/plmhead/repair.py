"""`plmhead repair`: a pair whose writer was killed is made whole from the files that it left (docs/saving.md)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .config import MAX_CONFIG_BYTES, Config, parse_config
from .errors import FormatError
from .head import Head, from_bytes, load_pair, pair_paths, read_file, read_pair
from .pair_files import exists, left_by_a_save, leftovers, locked, output_error, remove, replace_pair, write_pair
from .zip import MAX_NPZ_BYTES


class Repaired(NamedTuple):
    """What `repair` did.

    restored: whether the pair was put in place; False where it was whole.
    kept: paths NAME.kept-DIGEST, where other whole pairs that lay there are now.
    removed: names of the files of killed writers that are gone.
    """

    head: Head
    restored: bool
    kept: list[Path]
    removed: list[str]


class _File(NamedTuple):
    path: Path
    writer: tuple[str, str] | None  # token and kind; None for the file in place


class _Whole(NamedTuple):
    """An NPZ and a config that load together."""

    npz: _File
    config: _File
    head: Head
    digest: str  # of both files

    @property
    def in_place(self) -> bool:
        return self.npz.writer is None and self.config.writer is None

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """The highest is the pair: what the config in place belongs to, else the NPZ in place, else the newest."""
        return self.config.writer is None, self.npz.writer is None, self.config.path.stat().st_mtime

    def read(self) -> tuple[bytes, bytes]:
        return read_pair(self.npz.path, self.config.path)


def repair(artifact: str | os.PathLike[str]) -> Repaired:
    """Puts the one whole pair in place that belongs there, keeps any other whole pair under a name of its own, and
    removes what killed writers left.

    A save counts once its config is in place: an earlier config in place brings back the earlier NPZ; a new one is
    completed. Raises FormatError, as `load`, where no whole pair is there, and FILE_UNREADABLE where a file is there
    that cannot be read, since it may be what is missed: nothing is changed then. Raises InputError OUTPUT.
    """
    npz_path, config_path = pair_paths(artifact)
    try:
        with locked(npz_path):
            return _repair(npz_path, config_path)
    except OSError as fault:
        raise output_error(npz_path, fault) from None


def _repair(npz_path: Path, config_path: Path) -> Repaired:
    whole = _whole_pairs(npz_path, config_path)
    if not whole:
        raise _refusal(npz_path, config_path)
    chosen = max(whole, key=lambda pair: pair.rank)
    kept = [_keep(npz_path, pair) for pair in whole if pair.digest != chosen.digest]
    if not chosen.in_place:
        replace_pair(npz_path, config_path, *chosen.read())
    removed = [path for path in left_by_a_save(npz_path, config_path) if _removed(path)]
    return Repaired(chosen.head, not chosen.in_place, kept, [path.name for path in removed])


def _removed(path: Path) -> bool:
    remove([path])
    return not os.path.lexists(path)


def _refusal(npz_path: Path, config_path: Path) -> FormatError:
    """What `load` says of the pair in place, and that nothing completes it."""
    count = len(left_by_a_save(npz_path, config_path))
    tried = f"nor do {count} files that a save left make a whole pair" if count else "and no save left files beside it"
    try:
        load_pair(npz_path, config_path)
    except FormatError as fault:
        message = f"{fault.message}; {tried}"
        return FormatError(fault.code, fault.where, message, "fetch or save the pair again")
    return FormatError("NPZ_DIGEST", "/npz_sha256", "found a pair that changed meanwhile, expected none at work on it")


def _whole_pairs(npz_path: Path, config_path: Path) -> list[_Whole]:
    """Every different pair that loads, each once, where it stands best."""
    npz_files, config_files = _files(npz_path), _files(config_path)
    digests = {file.path: _digest(file.path) for file in npz_files}
    found: dict[str, _Whole] = {}
    for config in config_files:
        for pair in _completions(config, npz_files, digests):
            best = found.get(pair.digest)
            if best is None or pair.rank > best.rank:
                found[pair.digest] = pair
    return list(found.values())


def _files(path: Path) -> list[_File]:
    """The file in place first, if there is one."""
    there = [_File(path, None)] if exists(path) else []
    return [*there, *(_File(other, writer) for writer, other in leftovers(path).items())]


def _read(path: Path, word: str, most: int) -> bytes | None:
    """None where the file is too large to be one of a pair. Raises FormatError FILE_UNREADABLE."""
    try:
        return read_file(path, word, most)
    except FormatError as fault:
        if fault.code == "FILE_UNREADABLE":
            raise
        return None


def _digest(path: Path) -> str | None:
    data = _read(path, "npz", MAX_NPZ_BYTES)
    return None if data is None else hashlib.sha256(data).hexdigest()


def _completions(config: _File, npz_files: list[_File], digests: dict[Path, str | None]) -> Iterator[_Whole]:
    """The config with the NPZ files that are its own: by digest; in version 0, which has none, by the same writer alone."""
    data = _read(config.path, "config", MAX_CONFIG_BYTES)
    parsed = None if data is None else _parsed(data)
    if data is None or parsed is None:
        return
    for npz in npz_files:
        digest = digests[npz.path]
        own = digest == parsed.members["npz_sha256"] if parsed.version[0] else npz.writer == config.writer
        head = _loaded(npz.path, data) if digest and own else None
        if head:
            yield _Whole(npz, config, head, hashlib.sha256(f"{digest}".encode() + data).hexdigest())


def _parsed(data: bytes) -> Config | None:
    try:
        return parse_config(data)
    except FormatError:
        return None


def _loaded(npz_path: Path, config: bytes) -> Head | None:
    npz = read_file(npz_path, "npz", MAX_NPZ_BYTES)
    try:
        return from_bytes(npz, config)
    except FormatError:
        return None


def _keep(npz_path: Path, pair: _Whole) -> Path:
    """Writes the pair as NAME.kept-DIGEST; again by the same name, if a repair was killed on the way."""
    name = npz_path.with_name(f"{npz_path.stem}.kept-{pair.digest[:12]}")
    kept = pair_paths(f"{name}.npz")
    write_pair(*kept, *pair.read())
    with locked(kept[0]):
        remove(left_by_a_save(*kept))
    return name
