"""Who may read a file stays as it was when the file is replaced."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hostile.typical import version_1

import plmhead
from plmhead.edit import amend
from plmhead.pair_files import write_pair
from plmhead.whole_file import replaced

pytestmark = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
FIRST, SECOND = version_1(4), version_1(5)


@pytest.fixture(autouse=True)
def umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def pair_of(folder: Path) -> tuple[Path, Path]:
    paths = plmhead.head.pair_paths(folder / "model")
    write_pair(*paths, *FIRST)
    return paths


def test_new_files_have_the_mode_of_the_process(tmp_path):
    assert [mode(path) for path in pair_of(tmp_path)] == [0o644, 0o644]


@pytest.mark.parametrize("modes", [(0o600, 0o600), (0o640, 0o664), (0o444, 0o604)])
def test_a_pair_that_is_replaced_keeps_its_modes(modes, tmp_path):
    paths = pair_of(tmp_path)
    for path, given in zip(paths, modes, strict=True):
        path.chmod(given)
    write_pair(*paths, *SECOND)
    assert tuple(map(mode, paths)) == modes
    amend(tmp_path / "model", [("/training", '{"dataset": "x"}')])
    assert json.loads(paths[1].read_text())["training"] == {"dataset": "x"}
    assert tuple(map(mode, paths)) == modes


def test_what_is_written_beside_it_is_never_open_wider(tmp_path, monkeypatch):
    paths = pair_of(tmp_path)
    for path in paths:
        path.chmod(0o600)
    seen, flush = [], os.fsync

    def watched(descriptor: int) -> None:
        seen.extend(mode(path) for path in tmp_path.iterdir() if path.suffix in (".tmp", ".old"))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    write_pair(*paths, *SECOND)
    assert seen
    assert set(seen) == {0o600}


@pytest.mark.parametrize("given", [0o600, 0o664])
def test_one_file_that_is_replaced_keeps_its_mode(given, tmp_path):
    path = tmp_path / "card.html"
    path.write_text("old")
    path.chmod(given)
    with replaced(path, binary=False) as file:
        file.write("new")
    assert (path.read_text(), mode(path)) == ("new", given)


def test_a_link_gives_way_to_a_file_as_private_as_what_it_led_to(tmp_path):
    secret, path = tmp_path / "secret", tmp_path / "card.html"
    secret.write_text("old")
    secret.chmod(0o600)
    path.symlink_to(secret)
    with replaced(path) as file:
        file.write(b"new")
    assert not path.is_symlink()
    assert (mode(path), secret.read_text()) == (0o600, "old")
    other = tmp_path / "other"
    other.symlink_to(tmp_path / "nothing")
    with replaced(other) as file:
        file.write(b"new")
    assert mode(other) == 0o644
