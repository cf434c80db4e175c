"""Saving that is stopped, hindered or rivalled, and `repair`. The whole of it is `make faults`; here a part, and what it cannot see."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hostile import typical
from hostile.faults.scenarios import (
    digest,
    hand_made,
    in_place,
    pairs,
    state,
    torn,
    torn_first,
    torn_leavings,
    whole,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import plmhead
from plmhead import FormatError, InputError, file_lock, head, pair_files
from plmhead.edit import amend
from plmhead.head import pair_paths
from plmhead.pair_files import locked, write_pair
from plmhead.repair import repair
from plmhead.whole_file import beside

REPOSITORY = Path(__file__).resolve().parents[1]
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="kills at system calls need Linux")


def laid(folder, files):
    """PATH/NAME of a folder that holds these files."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder / "model"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a process of its own, which may fork: this one has threads."""
    command = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)


# --- kills and errors at system calls


@needs_linux
def test_kills_and_errors_leave_a_pair_or_one_that_repair_restores():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "hostile.faults", "--quick"],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    form = r"faults: (\d+) kill points, old (\d+), new (\d+), repairable (\d+), mixtures 0, lost 0"
    match = re.fullmatch(form, (done.stdout.splitlines() or [""])[-1])
    assert match, done.stdout + done.stderr
    assert done.returncode == 0, done.stdout
    points, *outcomes = map(int, match.groups())
    assert points == sum(outcomes)
    assert points > 60
    assert min(outcomes) > 0


PLANTED = """
import os
os.environ["OPENBLAS_NUM_THREADS"] = "1"
import tempfile
from pathlib import Path
from hostile import typical
from hostile.faults import errors, kills
from hostile.faults.scenarios import Loaders, Scenario, in_place, pairs, pair_paths
from plmhead import pair_files

earlier, new = pairs()

def plainly(name):
    for path, data in zip(pair_paths(name), new):
        path.write_bytes(data)

def npz_first(name):
    pair_files._takes_any_npz = lambda path: False
    pair_files.write_pair(*pair_paths(name), *new)

def careless(name):
    pair_files.remove = lambda paths: None
    pair_files.write_pair(*pair_paths(name), *new)

old = {"version 1": earlier, "version 0": typical.version_0(earlier)}
with tempfile.TemporaryDirectory() as place:
    scenario = Scenario("planted", in_place(old[VERSION]), WRITER)
    counts = kills.tally(kills.kills(scenario, Path(place, "folder"), Loaders([])), print)
    found = kills.tally(errors.single_errors(scenario, Path(place, "folder"), 9), print)
    print(dict(counts + found))
"""


@needs_linux
@pytest.mark.parametrize(
    "writer, version, outcome",
    [("plainly", 1, "lost"), ("npz_first", 0, "mixtures"), ("careless", 1, "wrong")],
)
def test_a_worse_writer_is_found_out(writer, version, outcome):
    done = python(PLANTED.replace("VERSION", f'"version {version}"').replace("WRITER", writer))
    assert done.returncode == 0, done.stderr
    assert f"'{outcome}': " in done.stdout


# --- repair


def test_a_torn_save_is_refused_and_repaired(tmp_path, run):
    earlier, new = pairs()
    name = laid(tmp_path, torn())
    with pytest.raises(FormatError, match=r"NPZ_DIGEST .*a save was interrupted: plmhead repair .*model$"):
        plmhead.load(name)
    done = run("repair", name, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["ok"] is True
    assert answer["restored"] is True
    assert answer["removed"] == sorted(name for name in torn() if name.startswith("."))
    assert state(name).loaded == digest(earlier)
    [kept] = answer["kept"]
    assert state(tmp_path / kept).loaded == digest(new)
    assert not state(name).hidden
    again = run("repair", name)
    assert again.returncode == 0
    assert re.search(r"^restored +false$", again.stdout, re.MULTILINE)


def test_a_torn_first_save_is_completed(tmp_path):
    name = laid(tmp_path, torn_first())
    with pytest.raises(FormatError, match=r"FILE_UNREADABLE .*plmhead repair"):
        plmhead.load(name)
    assert repair(name).restored
    assert contents(tmp_path) == in_place(pairs()[1])


def test_a_whole_pair_stays_and_leavings_go(tmp_path):
    name = laid(tmp_path, in_place(pairs()[0]) | torn_leavings())
    done = repair(name)
    assert (done.restored, done.kept, len(done.removed)) == (False, [], 2)
    assert contents(tmp_path) == in_place(pairs()[0])


def test_a_version_0_config_is_never_joined_with_an_npz_of_another_save(tmp_path):
    """It names no digest: any NPZ would load with it."""
    earlier, new = pairs()
    npz, config = pair_paths("model")
    version_0 = typical.version_0(earlier)
    files = in_place((version_0[0], b"no config")) | {
        beside(npz, "0" * 16, "tmp").name: new[0],
        beside(config, "1" * 16, "old").name: version_0[1],
    }
    name = laid(tmp_path, files)
    with pytest.raises(FormatError, match=r"JSON_SYNTAX .*nor do 2 files"):
        repair(name)
    assert contents(tmp_path) == files
    (tmp_path / beside(npz, "1" * 16, "old").name).write_bytes(version_0[0])
    assert repair(name).head.format_version == "0"
    assert contents(tmp_path) == in_place(version_0)


def test_repair_without_a_whole_pair_changes_nothing(tmp_path, run):
    files = in_place((pairs()[1][0], pairs()[0][1])) | torn_leavings()
    name = laid(tmp_path, files)
    done = run("repair", name, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["code"] == "NPZ_DIGEST"
    assert "nor do 2 files that a save left make a whole pair" in run("repair", name).stderr
    assert contents(tmp_path) == files
    assert "no save left files beside it" in run("repair", tmp_path / "other").stderr


EARLIER, NEW = pairs()
VERSION_0 = typical.version_0(EARLIER)


def names(path):
    """Of a file in place, and of what two writers may leave of it."""
    return [path.name, *(beside(path, token * 16, kind).name for token in "01" for kind in ("tmp", "old"))]


def lying_about(path, which):
    """Any content of these under any of the names, or nothing."""
    whole_files = [pair[which] for pair in (EARLIER, NEW, VERSION_0)]
    content = st.sampled_from([None, None, *whole_files, *(data[:999] for data in whole_files), b""])
    return st.fixed_dictionaries(dict.fromkeys(names(path), content))


@settings(max_examples=200, deadline=None)
@given(*(lying_about(path, which) for which, path in enumerate(pair_paths("model"))))
def test_repair_loses_no_whole_pair_whatever_lies_there(tmp_path_factory, npz_files, configs):
    folder = tmp_path_factory.mktemp("any")
    name = laid(folder, {name: data for name, data in (npz_files | configs).items() if data is not None})
    files, there, found = contents(folder), whole(folder), state(name)
    try:
        repair(name)
    except FormatError:
        assert not there
        assert found.loaded is None
        assert contents(folder) == files
        return
    after = state(name)
    assert after.loaded is not None
    assert found.loaded in (None, after.loaded)
    assert not after.hidden
    assert there <= whole(folder, named=True)


# --- writers at once

HOLDER = """
import sys, time
from pathlib import Path
from plmhead.pair_files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of the pair."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path / "model.npz"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_writer_waits_a_bounded_time_and_says_for_what(tmp_path, monkeypatch, holder):
    monkeypatch.setattr(pair_files, "LOCK_SECONDS", 0.2)
    with pytest.raises(
        InputError, match=r"OUTPUT .*another writer at work for 0\.2 seconds.*\.model\.lock.*; wait for it"
    ):
        write_pair(*pair_paths(tmp_path / "model"), *pairs()[0])
    assert sorted(contents(tmp_path)) == [".model.lock"]


def test_a_killed_writer_stops_nobody(tmp_path, monkeypatch, holder):
    monkeypatch.setattr(pair_files, "LOCK_SECONDS", 0.2)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert sorted(contents(tmp_path)) == [".model.lock"]
    write_pair(*pair_paths(tmp_path / "model"), *pairs()[0])
    assert contents(tmp_path) == in_place(pairs()[0])


def test_a_waiting_writer_goes_on_when_the_other_ends(tmp_path, holder):
    threading.Timer(0.3, holder.kill).start()
    write_pair(*pair_paths(tmp_path / "model"), *pairs()[0])
    assert holder.wait() == -signal.SIGKILL
    assert contents(tmp_path) == in_place(pairs()[0])


def test_threads_lock_each_other_out(tmp_path):
    inside, most = [], []

    def enter():
        for _ in range(30):
            with locked(tmp_path / "model.npz"):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.0005)
                inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(most), max(most)) == (120, 1)
    assert contents(tmp_path) == {}


AMENDER = """
import sys
from plmhead.edit import amend
for turn in range(8):
    amend(sys.argv[1], [(f"/extensions/org.example.{sys.argv[2]}{turn}", "1")])
"""


def test_two_amenders_lose_no_change(tmp_path):
    name = laid(tmp_path, in_place(pairs()[0]))
    processes = [subprocess.Popen([sys.executable, "-c", AMENDER, name, word]) for word in "ab"]
    assert [process.wait() for process in processes] == [0, 0]
    extensions = plmhead.load(name).config["extensions"]
    assert {f"org.example.{word}{turn}" for word in "ab" for turn in range(8)} <= set(extensions)


@pytest.mark.skipif(sys.platform == "win32", reason="fcntl")
def test_a_file_system_without_locks_is_served(tmp_path, monkeypatch):
    def refused(descriptor):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(file_lock, "_try_lock", refused)
    write_pair(*pair_paths(tmp_path / "model"), *pairs()[0])
    assert contents(tmp_path) == in_place(pairs()[0])


# --- what a single error leaves


def test_a_folder_that_cannot_be_flushed_keeps_the_earlier_pair(tmp_path, monkeypatch):
    name = laid(tmp_path, in_place(pairs()[0]))
    fsync = os.fsync

    def failing(descriptor):
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(InputError, match=r"OUTPUT .*Input/output error"):
        amend(name, [("/C", "7.0")])
    assert contents(tmp_path) == in_place(pairs()[0])


def test_files_that_cannot_be_put_back_are_named_with_the_remedy(tmp_path, monkeypatch):
    name = laid(tmp_path, in_place(pairs()[0]))
    replace, done = os.replace, []

    def failing(source, target):
        if done:
            raise OSError(5, "Input/output error")
        done.append(replace(source, target))

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(InputError, match=r"OUTPUT .*cannot be put back.*\.old; plmhead repair .*model$"):
        write_pair(*pair_paths(name), *pairs()[1])
    monkeypatch.undo()
    assert state(name).refused == "NPZ_DIGEST"
    assert repair(name).restored
    assert state(name).loaded == digest(pairs()[0])


def test_seal_that_fails_leaves_what_was_made_by_hand(tmp_path, monkeypatch, run):
    files = in_place(hand_made(pairs()[0]))
    name = laid(tmp_path, files)

    def failing(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(InputError, match="OUTPUT"):
        plmhead.edit.seal_pair(name)
    assert contents(tmp_path) == files


# --- readers


@pytest.mark.parametrize("pause", [1, 2, 3])
def test_a_reader_reads_a_torn_pair_again(tmp_path, monkeypatch, pause):
    name, slept = laid(tmp_path, torn()), []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == pause:
            (tmp_path / "model_config.json").write_bytes(pairs()[1][1])

    monkeypatch.setattr(head.time, "sleep", sleep)
    assert plmhead.load(name).n_features_in == 24
    assert slept == list(head.PAUSES[:pause])


def test_a_reader_reports_the_mismatch_in_the_end(tmp_path, monkeypatch):
    name, slept = laid(tmp_path, torn()), []
    monkeypatch.setattr(head.time, "sleep", slept.append)
    with pytest.raises(FormatError, match="NPZ_DIGEST"):
        plmhead.load(name)
    assert len(slept) == 3
    (tmp_path / "model_config.json").write_bytes(b"{")
    with pytest.raises(FormatError, match="JSON_SYNTAX"):
        plmhead.load(name)
    assert len(slept) == 3


def test_a_larger_file_that_comes_while_it_is_opened_is_read_whole(tmp_path, monkeypatch):
    """The size that is asked before opening may be another file's."""
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"1" * 10)
    large.write_bytes(b"2" * 1000)
    opened = head._open_at_once

    def opening(path, flags):
        os.replace(large, small)
        return opened(path, flags)

    monkeypatch.setattr(head, "_open_at_once", opening)
    assert head.read_file(small, "npz", 5000) == b"2" * 1000
