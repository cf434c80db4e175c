"""The gold: what earlier writers wrote under each scikit-learn stays as it is, and its answers with it.

Every loader is given the gold in `make conformance`, and each in its own tests; here it is held against both oracles and scikit-learn.
"""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from conformance import judge_fast, run
from conformance.fitted import fold
from conformance.frozen import differences, read_head
from conformance.generate import oracles_agree
from hypothesis import given
from hypothesis import strategies as st
from tools.make_gold import ENVIRONMENTS, GOLD, group_of

import plmhead

CASES = run.load_manifest(GOLD)
FILES = sorted(path for path in GOLD.rglob("*") if path.is_file() and path.parent != GOLD)
each_case = pytest.mark.parametrize("entry", CASES, ids=lambda entry: entry["id"])


def read(entry: dict) -> tuple[Path, dict]:
    folder = GOLD / entry["path"]
    return folder, json.loads((folder / "case.json").read_bytes())


def bits(values) -> list[str]:
    return [struct.pack(">d", value).hex() for value in values]


def test_the_manifest_lists_every_file_and_each_is_as_it_was():
    assert run.damage(GOLD, CASES) == []
    assert {GOLD / entry["path"] / name for entry in CASES for name in entry["sha256"]} == set(FILES)
    assert sum(path.stat().st_size for path in GOLD.rglob("*") if path.is_file()) < 300_000 * len(list_of_writers())


def list_of_writers() -> set[str]:
    return {entry["id"].split("/")[0] for entry in CASES}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return Path(shutil.copytree(GOLD, tmp_path_factory.mktemp("copy") / "gold"))


@given(choice=st.sampled_from(FILES), at=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_change_of_any_byte_is_found(copy, choice, at, flip):
    path = copy / choice.relative_to(GOLD)
    whole = path.read_bytes()
    place = int(at * len(whole))
    try:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
        assert run.damage(copy, CASES) == [f"{choice.relative_to(GOLD)} is changed"]
    finally:
        path.write_bytes(whole)


def test_each_writer_has_left_the_same_under_each_scikit_learn():
    """Gold is made with the release of a writer: `python -m tools.make_gold`."""
    found: dict[str, set[str]] = {}
    for entry in CASES:
        group, _, slug = entry["id"].rpartition("/")
        found.setdefault(group, set()).add(slug)
    assert {group_of(minor) for minor in ENVIRONMENTS} <= found.keys()
    here = [found[group_of(minor)] for minor in ENVIRONMENTS]
    assert all(slugs == here[0] and len(slugs) >= 8 for slugs in here)


@each_case
def test_both_files_and_scikit_learn_are_as_the_oracle_has_it(entry):
    """Bits of the self-test and the predictions; scikit-learn's answers and these inside the interval of section 14."""
    folder, case = read(entry)
    assert differences(folder) == []
    minor = entry["id"].split("/")[1].removeprefix("scikit-learn-")
    assert case["scikit_learn"]["version"].startswith(f"{minor}.")


def test_the_second_oracle_has_the_same(capsys):
    assert oracles_agree(GOLD)
    assert "0 differ" in capsys.readouterr().out


@pytest.mark.parametrize(
    "entry",
    [entry for entry in CASES if "pipeline" not in read(entry)[1]["scikit_learn"]],
    ids=lambda entry: entry["id"],
)
def test_scikit_learn_is_in_the_fast_profile_of_its_head(entry):
    """Not where a scaler was folded, which moves the exact score: its interval is that of the pipeline, above."""
    _, case = read(entry)
    said, due = case["scikit_learn"], case["predictions"][0]
    assert due["fast"] is not None
    assert judge_fast.predict_difference({"ok": True, **said}, due, case["describe"]["classes"]) is None


@each_case
def test_the_head_holds_the_arrays_of_the_estimator(entry):
    folder, case = read(entry)
    head, said = read_head((folder / "model.npz").read_bytes()), case["scikit_learn"]
    arrays = {name: [int(v, 16) for v in values] for name, values in said.get("pipeline", said.get("arrays")).items()}
    arrays["coef"] = [arrays["coef"][at : at + head.n] for at in range(0, len(arrays["coef"]), head.n)]
    due = fold(arrays) if "pipeline" in said else (arrays["coef"], arrays["intercept"])
    assert (head.coef, head.intercept) == due
    loaded = plmhead.load(folder / "model")
    assert bits(loaded.coef.ravel()) == [f"{v:016x}" for row in due[0] for v in row]


def test_gold_is_never_made_anew():
    before = {path: path.read_bytes() for path in [*FILES, GOLD / "manifest.json"]}
    for arguments in ([], ["--here"]):
        command = [sys.executable, "-m", "tools.make_gold", *arguments]
        done = subprocess.run(command, cwd=GOLD.parents[1], capture_output=True, text=True)
        assert done.returncode == 1
        assert "never made anew" in done.stderr
    assert {path: path.read_bytes() for path in before} == before
