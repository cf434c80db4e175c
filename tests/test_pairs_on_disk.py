"""R1 and R2 at the edges: what stands where a file of a pair should be is refused by all three loaders with one code and place."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

VERSION_0 = "conformance/gold/cases/0.1.0/scikit-learn-1.9/version-0/model"
MOST_CONFIG, MOST_NPZ = 1_048_576, 150_994_944


@pytest.fixture(scope="module")
def command_lines(repository):
    rust = repository / "rust-loader/target/release/plmhead"
    if not rust.exists():
        pytest.skip("needs the Rust command line: make rust")
    return [[sys.executable, "-m", "plmhead"], [str(rust)], ["node", str(repository / "js-loader/src/cli.js")]]


@pytest.fixture
def pair(repository, tmp_path):
    for suffix in (".npz", "_config.json"):
        shutil.copy(repository / f"{VERSION_0}{suffix}", tmp_path / f"head{suffix}")
    return tmp_path / "head.npz", tmp_path / "head_config.json"


def refusals(command_lines, npz, *options):
    """The different errors of the loaders; a loader that waits or accepts fails the test."""
    found = set()
    for line in command_lines:
        done = subprocess.run(
            [*line, "verify", str(npz), *options, "--json"], capture_output=True, text=True, timeout=60
        )
        error = json.loads(done.stdout)
        found.add((error["code"], error["where"]))
    return found


def longer(path, most):
    with path.open("r+b") as file:
        file.truncate(most + 1)


@pytest.mark.parametrize("what", ["nothing", "folder", "pipe", "link to nothing"])
@pytest.mark.parametrize("which, config_is_long", [("config", False), ("npz", False), ("npz", True)])
def test_both_files_are_read_before_a_size_is_judged(command_lines, pair, what, which, config_is_long):
    path = pair[which == "config"]
    path.unlink()
    match what:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "link to nothing":
            path.symlink_to("nowhere")
    if config_is_long:
        longer(pair[1], MOST_CONFIG)
    assert refusals(command_lines, pair[0]) == {("FILE_UNREADABLE", which)}


def test_the_size_of_the_config_is_judged_before_that_of_the_npz(command_lines, pair):
    longer(pair[0], MOST_NPZ)
    assert refusals(command_lines, pair[0]) == {("FILE_SIZE", "npz")}
    longer(pair[1], MOST_CONFIG)
    assert refusals(command_lines, pair[0]) == {("FILE_SIZE", "config")}


def test_whether_a_pair_is_verified_is_judged_last(command_lines, pair):
    assert refusals(command_lines, pair[0], "--require-verified") == {("NOT_VERIFIED", "/format")}
    pair[0].write_bytes(pair[0].read_bytes()[:-1])
    assert refusals(command_lines, pair[0], "--require-verified") == {("ZIP_END", "npz")}
