"""A run of `plmhead embed` that is stopped, in any way and at any step, and the same command again."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from tests.embed_runs import TINY, command, embed, files, sequences, write_fasta

from plmhead.embed import Settings, embed_file
from plmhead.embed.records import Source
from plmhead.embed.state import State, locked_output
from plmhead.encode import load_encoder
from plmhead.errors import InputError


@pytest.fixture(scope="module")
def encoder():
    return load_encoder(TINY)


@pytest.fixture
def source(tmp_path):
    return write_fasta(tmp_path / "a.fasta", sequences(40, seed=2))


class StopError(Exception):
    """What stops a run in this process."""


def run(encoder, source, out, progress=None, **settings):
    """A run in this process; the summary, and the warnings."""
    warned: list[str] = []
    of = Source(source, source.name, "fasta")
    found = embed_file(
        of, out, encoder, Settings(**{"shard_size": 8, **settings}), progress=progress, warn=warned.append
    )
    return found, warned


def stopped(encoder, source, out, after=20, **settings):
    """A run that ends after some records, with two finished shards of eight."""

    def stop(what, done, total, unworked):
        if what == "embedding" and done >= after:
            raise StopError

    with pytest.raises(StopError):
        run(encoder, source, out, stop, **settings)


# --- killed


def test_killed_half_way_and_started_again(tmp_path):
    """SIGKILL from outside, in both kinds of output; then the same bytes as of an undisturbed run."""
    pytest.importorskip("pyarrow")
    source = write_fasta(tmp_path / "a.fasta", sequences(3000))
    for suffix in ("npy", "parquet"):
        whole, out = tmp_path / f"whole.{suffix}", tmp_path / f"killed.{suffix}"
        embed(source, whole, "--shard-size", 100)
        process = subprocess.Popen(command(source, out, "--shard-size", 100), stderr=subprocess.DEVNULL)
        partial = tmp_path / f"killed.{suffix}.partial"
        while len(list(partial.glob("*.shard"))) < 12:
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        done = len(list(partial.glob("*.shard")))
        assert not out.exists()
        again = embed(source, out, "--shard-size", 100)
        assert out.read_bytes() == whole.read_bytes()
        assert (again["resumed"], again["shards"], again["embedded"]) == (done, 30, 3000 - 100 * done)
        assert not partial.exists()


DRIVER = """
import os, pathlib, signal, sys
import onnxruntime, pyarrow.parquet
from plmhead.embed import Settings, embed_file
from plmhead.embed.records import Source

source, out, bound = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
CALLS = ("open", "replace", "fsync", "unlink", "rmdir", "mkdir", "write")

def kill_at(count):
    left = [count]
    def counted(call):
        def instead(*words, **more):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*words, **more)
        return instead
    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))

def embed(count):
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    from plmhead.encode import load_encoder
    encoder = load_encoder("plmhead/random-esm2-tiny")
    kill_at(count)
    embed_file(Source(source, source.name, "fasta"), out, encoder, Settings(shard_size=3, on_error="skip"))
    os._exit(0)

expected = embed(0), out.read_bytes()
kills = 0
for count in range(1, bound):
    out.unlink(missing_ok=True)
    code = embed(count)
    if code == 0:
        break
    kills += 1
    assert code == -signal.SIGKILL, code
    assert not out.exists() or out.read_bytes() == expected[1], count
    assert (embed(0), out.read_bytes()) == expected, count
    left = sorted(path.name for path in out.parent.iterdir() if path.name.startswith(".") or "partial" in path.name)
    assert left in ([], [f"{out.name}.partial"]), left
print(kills)
"""


def test_killed_before_each_call_that_changes_the_disk(tmp_path):
    """A fork a step, killed by itself there, then a run to the end: always the undisturbed bytes, and nothing left over."""
    pytest.importorskip("pyarrow")
    source = write_fasta(tmp_path / "a.fasta", [*sequences(4), "M*", "MKV"])
    (tmp_path / "out").mkdir()
    words = [sys.executable, "-c", DRIVER, source, tmp_path / "out" / "a.parquet", 200]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 15 < int(done.stdout) < 199
    assert sorted(files(tmp_path / "out")) == ["a.parquet", "a.parquet.errors.csv"]


def test_standard_input_goes_on_too(tmp_path, source):
    whole = embed(source, tmp_path / "whole.npy", "--shard-size", 8)
    process = subprocess.Popen(
        command("-", tmp_path / "a.npy", "--shard-size", 8, "--format", "fasta"), stdin=subprocess.PIPE
    )
    process.stdin.write(source.read_bytes()[:500])
    process.stdin.flush()
    while not list((tmp_path / "a.npy.partial").glob(".input.*")):
        time.sleep(0.01)
    process.kill()
    process.communicate()
    again = embed("-", tmp_path / "a.npy", "--shard-size", 8, "--format", "fasta", input=source.read_bytes())
    assert again["input_sha256"] == whole["input_sha256"]
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()
    assert not (tmp_path / "a.npy.partial").exists()


# --- another input, encoder or option


def test_another_input_encoder_or_option_is_refused(tmp_path, encoder, source):
    out = tmp_path / "a.npy"
    stopped(encoder, source, out)
    other = write_fasta(tmp_path / "b.fasta", sequences(40, seed=9))
    digest = json.loads((tmp_path / "a.npy.partial" / "manifest.json").read_text())["input"]["sha256"]
    before = files(tmp_path / "a.npy.partial")
    refused = [
        ((encoder, other), {}, f'input.sha256 "{digest}", expected'),
        ((load_encoder("plmhead/random-esm1v-tiny"), source), {}, 'encoder.contract.family "esm2", expected "esm1v"'),
        ((load_encoder(TINY, too_long="truncate"), source), {}, 'encoder.contract.too_long "error", expected'),
        ((encoder, source), {"shard_size": 5}, "options.shard_size 8, expected 5"),
        ((encoder, source), {"batch_size": 2}, "encoder.batch_size null, expected 2"),
        ((encoder, source), {"on_error": "skip"}, 'options.on_error "stop", expected "skip"'),
    ]
    for words, settings, text in refused:
        with pytest.raises(InputError) as caught:
            run(*words, out, **settings)
        assert (caught.value.code, caught.value.where) == ("RESUME", str(out))
        assert text in str(caught.value)
        assert f"remove {tmp_path / 'a.npy.partial'} to begin anew" in str(caught.value)
        assert {name: data for name, data in files(tmp_path / "a.npy.partial").items() if "output" not in name} == {
            name: data for name, data in before.items() if "output" not in name
        }
    found, _ = run(encoder, source, out)
    assert (found.resumed, found.embedded) == (2, 24)
    assert np.array_equal(np.load(out), encoder.embed(sequences(40, seed=2)))


def test_another_version_is_refused(tmp_path, encoder, source, monkeypatch):
    stopped(encoder, source, tmp_path / "a.npy")
    monkeypatch.setattr("plmhead.embed.run.__version__", "9.9.9")
    with pytest.raises(InputError, match=r'RESUME.*plmhead "[0-9.]+", expected "9\.9\.9"'):
        run(encoder, source, tmp_path / "a.npy")


@pytest.mark.parametrize("text", ["", "[", "[]", '{"plmhead": 1}', "\0" * 100])
def test_a_damaged_manifest_is_refused(tmp_path, encoder, source, text):
    stopped(encoder, source, tmp_path / "a.npy")
    (tmp_path / "a.npy.partial" / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"RESUME.*remove .*a\.npy\.partial"):
        run(encoder, source, tmp_path / "a.npy")


def test_an_input_that_changes_on_the_way_is_told(tmp_path, encoder, source):
    def change(what, done, total, unworked):
        if what == "embedding" and done == 16:
            source.write_text(source.read_text().replace("\n", "\n\n"))

    with pytest.raises(InputError, match=r"DATA \(a\.fasta\): has changed while it was read"):
        run(encoder, source, tmp_path / "a.npy", change)
    assert not (tmp_path / "a.npy").exists()


# --- what lies in the folder


@pytest.mark.parametrize("damage", ["flip", "cut", "extend", "swap", "empty"])
def test_a_damaged_shard_is_computed_again(tmp_path, encoder, source, damage):
    stopped(encoder, source, tmp_path / "a.npy")
    first, second = sorted((tmp_path / "a.npy.partial").glob("*.shard"))
    data = first.read_bytes()
    damaged = {
        "flip": data[:100] + bytes([data[100] ^ 1]) + data[101:],
        "cut": data[:-1],
        "extend": data + b"\0",
        "swap": second.read_bytes(),
        "empty": b"",
    }
    first.write_bytes(damaged[damage])
    found, warned = run(encoder, source, tmp_path / "a.npy")
    assert found.resumed == 1
    assert warned == ["shard 1 of the earlier run is damaged and is computed again"]
    assert np.array_equal(np.load(tmp_path / "a.npy"), encoder.embed(sequences(40, seed=2)))


def test_what_is_not_ours_stays(tmp_path, encoder, source):
    (tmp_path / "a.npy.partial").mkdir()
    (tmp_path / "a.npy.partial" / "thesis.txt").write_text("precious")
    run(encoder, source, tmp_path / "a.npy")
    assert files(tmp_path / "a.npy.partial") == {"thesis.txt": b"precious"}


def test_a_link_in_the_place_of_the_folder_is_refused(tmp_path, encoder, source):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a.npy.partial").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"OUTPUT .* found no folder"):
        run(encoder, source, tmp_path / "a.npy")
    assert files(tmp_path / "elsewhere") == {}


def test_a_full_disk_keeps_the_finished_shards(tmp_path, encoder, source, monkeypatch):
    """The third shard does not fit; with room again the run goes on."""
    write = State.write

    def full(self, number, *rest):
        if number == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, number, *rest)

    monkeypatch.setattr(State, "write", full)
    with pytest.raises(InputError, match=r"OUTPUT .*cannot be written: No space left on device"):
        run(encoder, source, tmp_path / "a.npy")
    monkeypatch.undo()
    assert run(encoder, source, tmp_path / "a.npy")[0].resumed == 2


def test_an_earlier_output_stays_until_the_new_one_is_whole(tmp_path, encoder, source):
    run(encoder, write_fasta(tmp_path / "b.fasta", sequences(5)), tmp_path / "a.npy")
    before = (tmp_path / "a.npy").read_bytes()
    stopped(encoder, source, tmp_path / "a.npy")
    assert (tmp_path / "a.npy").read_bytes() == before


# --- two runs at once

HOLDER = """
import pathlib, sys, time
from plmhead.embed.state import locked_output
with locked_output(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_on_the_same_output_is_refused_at_once(tmp_path, encoder, source):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "a.npy")], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(InputError, match=r"OUTPUT .*another run at work on it.*\.a\.npy\.lock"):
        run(encoder, source, tmp_path / "a.npy")
    run(encoder, source, tmp_path / "b.npy")
    holder.kill()
    holder.communicate()
    run(encoder, source, tmp_path / "a.npy")
    with locked_output(tmp_path / "a.npy"):
        assert Path(tmp_path / ".a.npy.lock").exists()
    assert not Path(tmp_path / ".a.npy.lock").exists()


def test_runs_on_two_outputs_share_a_cache(tmp_path, source, encoder):
    """Several processes at once, begun on an empty cache: the bits of each are those of a run alone."""
    words = [command(source, tmp_path / f"{name}.npy", "--cache", tmp_path / "c", "--shard-size", 4) for name in "abcd"]
    processes = [subprocess.Popen(each, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for each in words]
    for process in processes:
        _, said = process.communicate()
        assert process.returncode == 0, said
        assert said.count("\n") == 1, said
    expected = encoder.embed(sequences(40, seed=2))
    assert all(np.array_equal(np.load(tmp_path / f"{name}.npy"), expected) for name in "abcd")
    assert len(list((tmp_path / "c").iterdir())) <= 3
