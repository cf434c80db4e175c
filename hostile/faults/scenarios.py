"""What a writer does, on what, and how what it leaves is judged. The judge reads digests itself and trusts no part of the writer."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

import plmhead
from hostile import typical
from plmhead import FormatError, InputError
from plmhead.edit import amend, seal_pair, upgrade
from plmhead.head import pair_paths
from plmhead.pair_files import write_pair
from plmhead.repair import repair
from plmhead.whole_file import beside

Pair = tuple[bytes, bytes]  # NPZ, config
SAVED, REFUSED, FOREIGN = 0, 3, 4  # exit codes of a writer
NAME = "model"


class Scenario(NamedTuple):
    """before: file names and bytes in the folder. act: the writer, given PATH/NAME. meant: what it tries, where act fails."""

    title: str
    before: dict[str, bytes]
    act: Callable[[Path], object]
    meant: Callable[[Path], object] | None = None

    def prepare(self, folder: Path) -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, data in self.before.items():
            (folder / name).write_bytes(data)
        return folder / NAME

    def write(self, name: Path) -> int:
        """Runs the writer; its exit code as `plmhead` has them, but one of its own for an error that is not ours."""
        try:
            self.act(name)
        except InputError as fault:
            return REFUSED if fault.code == "OUTPUT" else FOREIGN
        except FormatError as fault:  # amending and repairing read first
            return REFUSED if fault.code == "FILE_UNREADABLE" else FOREIGN
        except Exception:
            return FOREIGN
        return SAVED


def in_place(pair: Pair) -> dict[str, bytes]:
    return {f"{NAME}.npz": pair[0], f"{NAME}_config.json": pair[1]}


@functools.cache
def pairs() -> tuple[Pair, Pair]:
    """An earlier pair and a new one, of different shapes."""
    return typical.version_1(16), typical.version_1(24)


def saving(title: str, before: dict[str, bytes]) -> Scenario:
    """The whole of `plmhead.save`, a fitted estimator as its argument."""
    from sklearn.linear_model import LogisticRegression

    X = np.random.default_rng(7).normal(size=(60, 8))
    estimator = LogisticRegression().fit(X, (X[:, 0] > 0).astype(int))
    return Scenario(title, before, lambda name: plmhead.save(estimator, name, quiet=True))


def without_links(act: Callable[[Path], object]) -> Callable[[Path], object]:
    """The same on a file system that has no hard links. For a child process: os.link is not restored."""

    def acting(name: Path) -> object:
        def refused(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        os.link = refused
        return act(name)

    return acting


def with_failing_config(act: Callable[[Path], object]) -> Callable[[Path], object]:
    """The same where the second rename fails, so that the first is taken back. For a child process."""

    def acting(name: Path) -> object:
        replace = os.replace

        def failing(source: Path, target: Path) -> None:
            if target.name.endswith("_config.json"):
                raise OSError(28, "No space left on device")
            replace(source, target)

        os.replace = failing  # type: ignore[assignment]
        return act(name)

    return acting


def scenarios() -> Iterator[Scenario]:
    """Every way of writing a pair, on what may be there."""
    earlier, new = pairs()
    old = in_place(earlier)
    over = saving("save over a pair", old)
    first = saving("first save", {})
    yield over
    yield first
    yield Scenario("save over version 0", in_place(typical.version_0(earlier)), lambda name: _write(name, new))
    yield Scenario("save over a pair of other writers' leavings", old | torn_leavings(), lambda name: _write(name, new))
    yield over._replace(title="save without hard links", act=without_links(over.act))
    yield over._replace(title="save taken back", act=with_failing_config(over.act), meant=over.act)
    yield first._replace(title="first save taken back", act=with_failing_config(first.act), meant=first.act)
    yield Scenario("amend", old, lambda name: amend(name, [("/training/dataset", '"other.csv"')]))
    yield Scenario("upgrade in place", in_place(typical.version_0(earlier)), lambda name: upgrade(name, name))
    yield Scenario("seal", in_place(hand_made(earlier)), seal_pair)
    yield Scenario("repair of a torn save", torn(), repair)
    yield Scenario("repair of a torn first save", torn_first(), repair)


def _write(name: Path, pair: Pair) -> None:
    write_pair(*pair_paths(name), *pair)


def hand_made(pair: Pair) -> Pair:
    return pair[0], b'{"link": "logistic"}'


def _left(kind: str, pair: Pair, token: str = "0123456789abcdef") -> dict[str, bytes]:
    npz, config = (beside(path, token, kind).name for path in pair_paths(NAME))
    return {npz: pair[0], config: pair[1]}


def torn() -> dict[str, bytes]:
    """As a kill between the two renames leaves it."""
    earlier, new = pairs()
    npz = next(iter(_left("tmp", new)))
    files = in_place((new[0], earlier[1])) | _left("old", earlier) | _left("tmp", new)
    return {name: data for name, data in files.items() if name != npz}


def torn_first() -> dict[str, bytes]:
    _, new = pairs()
    (_, _), (config, data) = _left("tmp", new).items()
    return {f"{NAME}.npz": new[0], config: data}


def torn_leavings() -> dict[str, bytes]:
    """Half-written temporaries of a killed writer."""
    npz, config = pairs()[1]
    return _left("tmp", (npz[: len(npz) // 2], config[:100]), "fedcba9876543210")


# --- the judge


class State(NamedTuple):
    """loaded: what is in place and loads, by digest of both files; else the code of the refusal. hidden: other files."""

    loaded: str | None
    refused: str | None
    hidden: list[str]


def digest(pair: Pair) -> str:
    return hashlib.sha256(hashlib.sha256(pair[0]).digest() + pair[1]).hexdigest()


def state(name: Path) -> State:
    hidden = sorted(path.name for path in name.parent.iterdir() if path.name.startswith("."))
    try:
        plmhead.load(name)
    except FormatError as fault:
        return State(None, fault.code, hidden)
    npz, config = pair_paths(name)
    return State(digest((npz.read_bytes(), config.read_bytes())), None, hidden)


def whole(folder: Path, named: bool = False) -> set[str]:
    """Digests of every NPZ and config in the folder that belong together by `npz_sha256`, whatever their names.

    named: of those alone that stand under a name, as users load them.
    """
    files = {path: path.read_bytes() for path in folder.iterdir()}
    by_digest = {hashlib.sha256(data).hexdigest(): data for data in files.values()}
    found = set()
    for path, data in files.items():
        npz = by_digest.get(stated_digest(data))
        if npz is None or (named and (path.name.startswith(".") or files.get(pair_paths(path)[0]) != npz)):
            continue
        found.add(digest((npz, data)))
    return found


def stated_digest(config: bytes) -> str:
    """`npz_sha256`, or nothing."""
    with contextlib.suppress(ValueError, AttributeError):
        return str(json.loads(config).get("npz_sha256"))
    return ""


class Loaders:
    """The other loaders' commands. Each different refusal is asked for once."""

    def __init__(self, commands: list[list[str]]) -> None:
        self.commands = commands
        self.known: dict[tuple[str, ...], bool] = {}

    def agree(self, name: Path, refused: str) -> bool:
        """Whether they refuse the pair with the same code."""
        paths = pair_paths(name)
        contents = [hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "" for path in paths]
        key = (refused, *contents)
        if key not in self.known:
            self.known[key] = all(self._code(command, name) == refused for command in self.commands)
        return self.known[key]

    def _code(self, command: list[str], name: Path) -> object:
        done = subprocess.run([*command, "verify", str(name), "--json"], capture_output=True, text=True, timeout=60)
        return json.loads(done.stdout).get("code")
