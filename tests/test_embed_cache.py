"""The cache of embeddings: what it finds, what damage does to it, and several processes at once."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.embed_runs import sequences

from plmhead.embed.cache import FILE, Cache
from plmhead.errors import InputError
from plmhead.sequences import RESIDUES

IDENTITY = b"i" * 32


@pytest.fixture
def warned():
    return []


@pytest.fixture
def opened(tmp_path, warned):
    """Opens the cache of this test's folder; all are closed at the end."""
    caches = []

    def open_(identity=IDENTITY, dimension=4):
        caches.append(Cache(tmp_path / "c", identity, dimension, warned.append))
        return caches[-1]

    yield open_
    for cache in caches:
        cache.close()


def vectors(count: int, dimension: int = 4) -> np.ndarray:
    return np.random.default_rng(count).normal(size=(count, dimension)).astype(np.float32)


def test_what_was_put_is_found_to_the_bit(opened, warned):
    texts = sequences(1200)  # more than SQLite takes at once
    values = vectors(1200)
    values[0] = [np.float32(-0.0), np.finfo(np.float32).tiny / 2, np.finfo(np.float32).max, 1.0]
    opened().put(texts, values)
    found = opened().get([*texts, "ABSENT"])
    assert found.keys() == set(texts)
    assert all(found[text].tobytes() == value.tobytes() for text, value in zip(texts, values, strict=True))
    assert warned == []


@given(st.lists(st.text(RESIDUES, min_size=1, max_size=8), unique=True, max_size=20), st.randoms())
def test_some_put_and_any_asked(tmp_path_factory, texts, draw):
    kept = [text for text in texts if draw.random() < 0.5]
    cache = Cache(tmp_path_factory.mktemp("c"), IDENTITY, 4, pytest.fail)
    cache.put(kept, vectors(len(kept)))
    assert cache.get(texts).keys() == set(kept)
    cache.close()


def test_another_identity_or_dimension_finds_nothing(opened):
    opened().put(["MK"], vectors(1))
    assert opened(identity=b"j" * 32).get(["MK"]) == {}
    assert opened().get(["MK"]).keys() == {"MK"}


def rewrite(folder, statement: str, *values: object) -> int:
    connection = sqlite3.connect(folder / "c" / FILE)
    with connection:
        count = connection.execute(statement, values).rowcount
    connection.close()
    return count


@pytest.mark.parametrize(
    "value", ["zeroblob(length(value))", "substr(value, 2)", "value || x'00'", "'text'", "x''", "17"]
)
def test_a_damaged_entry_is_absent_and_told(tmp_path, opened, warned, value):
    opened().put(["MK", "EV"], vectors(2))
    assert rewrite(tmp_path, f"UPDATE embedding SET value = {value} WHERE rowid = 1") == 1
    cache = opened()
    assert cache.get(["MK", "EV"]).keys() == {"EV"}
    assert warned == [f"damaged entries of the cache {tmp_path / 'c'}, which are computed again: 1"]
    cache.put(["MK"], vectors(2)[:1])
    assert opened().get(["MK"])["MK"].tobytes() == vectors(2)[0].tobytes()


def test_every_flipped_bit_of_an_entry_is_seen(tmp_path, opened, warned):
    opened().put(["MK"], vectors(1))
    connection = sqlite3.connect(tmp_path / "c" / FILE)
    (value,) = connection.execute("SELECT value FROM embedding").fetchone()
    cache = opened()
    for bit in range(8 * len(value)):
        flipped = bytearray(value)
        flipped[bit // 8] ^= 1 << bit % 8
        with connection:
            connection.execute("UPDATE embedding SET value = ?", [bytes(flipped)])
        assert cache.get(["MK"]) == {}
    connection.close()
    assert len(warned) == 8 * (32 + 16)


def test_entries_that_changed_places_are_seen(tmp_path, opened, warned):
    opened().put(["MK", "EV"], vectors(2))
    rewrite(tmp_path, "UPDATE embedding SET value = (SELECT value FROM embedding WHERE rowid = 2) WHERE rowid = 1")
    assert opened().get(["MK", "EV"]).keys() == {"EV"}


def test_a_file_that_is_no_database_is_not_used(tmp_path, opened, warned):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / FILE).write_bytes(b"no database" * 100)
    cache = opened()
    cache.put(["MK"], vectors(1))
    assert cache.get(["MK"]) == {}
    assert len(warned) == 1
    assert "is not used any more (file is not a database)" in warned[0]


def test_a_database_with_damaged_pages_harms_no_run(tmp_path, opened, warned):
    """Whatever page is overwritten: nothing wrong is found, and nothing raised."""
    texts, values = sequences(400), vectors(400, 32)
    opened(dimension=32).put(texts, values)
    opened(dimension=32).close()
    path = tmp_path / "c" / FILE
    rewrite(tmp_path, "PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    fewer = 0
    for page in range(len(whole) // 4096):
        for rest in (tmp_path / "c").iterdir():
            rest.unlink()
        path.write_bytes(whole[: page * 4096] + b"\xa5" * 4096 + whole[(page + 1) * 4096 :])
        found: dict = {}
        with contextlib.suppress(InputError):  # a page that says that it is the database of something else
            cache = Cache(tmp_path / "c", IDENTITY, 32, warned.append)
            found = cache.get(texts)
            cache.put(texts[:3], values[:3])
            cache.close()
        fewer += len(found) < 400
        assert all(found[text].tobytes() == values[texts.index(text)].tobytes() for text in found)
    assert fewer > 5
    assert warned


@pytest.mark.parametrize("marks", [(0, 0), (5, 1), (0x504C4D45, 2)])
def test_the_database_of_something_else_is_left_alone(tmp_path, opened, marks):
    (tmp_path / "c").mkdir()
    rewrite(tmp_path, "CREATE TABLE embedding (key TEXT, value TEXT)")
    rewrite(tmp_path, f"PRAGMA application_id = {marks[0]}")
    rewrite(tmp_path, f"PRAGMA user_version = {marks[1]}")
    with pytest.raises(InputError, match=r"OUTPUT .*found a database of something else"):
        opened()


def test_a_trigger_does_not_run(tmp_path, opened):
    opened().put(["MK"], vectors(1))
    rewrite(tmp_path, "CREATE TRIGGER t AFTER INSERT ON embedding BEGIN DELETE FROM embedding; END")
    with pytest.raises(InputError, match="something else"):
        opened()


def test_a_folder_that_cannot_be_made(tmp_path, warned):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"OUTPUT .*cannot be used as a cache"):
        Cache(tmp_path / "file" / "c", IDENTITY, 4, warned.append)


WRITER = """
import pathlib, sys, numpy as np
from plmhead.embed.cache import Cache
folder, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2])
cache = Cache(folder, b"i" * 32, 4, lambda text: sys.exit(text))
order = np.random.default_rng(seed).permutation(600)
for start in range(0, 600, 20):
    numbers = order[start:start + 20]
    texts = ["A" * (1 + n % 7) + "".join("CDEFGHIKLM"[int(c)] for c in str(n)) for n in numbers]
    for text, vector in cache.get(texts).items():
        assert (vector == numbers[texts.index(text)]).all(), text
    cache.put(texts, np.repeat(numbers[:, None], 4, axis=1).astype(np.float32))
cache.close()
"""


def test_several_processes_write_and_read_at_once(tmp_path, opened, warned):
    words = [[sys.executable, "-c", WRITER, str(tmp_path / "c"), str(seed)] for seed in range(5)]
    processes = [subprocess.Popen(each, stderr=subprocess.PIPE, text=True) for each in words]
    assert [(process.communicate()[1], process.returncode) for process in processes] == [("", 0)] * 5
    assert rewrite(tmp_path, "PRAGMA integrity_check") is not None
    texts = ["A" * (1 + n % 7) + "".join("CDEFGHIKLM"[int(c)] for c in str(n)) for n in range(600)]
    assert len(opened().get(texts)) == 600
    assert warned == []


def test_a_killed_writer_leaves_whole_entries(tmp_path, opened, warned):
    for delay in (0.05, 0.1, 0.15, 0.2):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "c"), "9"])
        try:
            process.wait(delay + 0.25)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        opened()
    assert warned == []
