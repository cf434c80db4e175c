"""`plmhead doctor`: its tables against pyproject.toml, and what it says where something is missing or wrong."""

from __future__ import annotations

import re
import tomllib

import pytest

from plmhead import doctor
from plmhead.cli import main
from plmhead.commands.doctor import report
from plmhead.commands.parser import make_parser

GOLD = "conformance/gold/cases/0.1.0/scikit-learn-1.9"


@pytest.fixture(scope="module")
def project(repository):
    return tomllib.loads((repository / "pyproject.toml").read_text())["project"]


def test_the_tables_are_those_of_the_package(project):
    def names(requirements: list[str]) -> tuple[str, ...]:
        return tuple(re.split(r">=|\[", requirement)[0] for requirement in requirements)

    extras = project["optional-dependencies"]
    assert {name: names(requirements) for name, requirements in extras.items()} == doctor.EXTRAS
    oldest = dict(
        text.replace("[data]", "").split(">=")
        for texts in [project["dependencies"], *extras.values()]
        for text in texts
    )
    assert {name: library.oldest for name, library in doctor.LIBRARIES.items()} == oldest


def test_every_verb_is_spoken_of():
    spoken = set(re.findall(r"(?<![-\w.])[a-z]+(?![\w.])", " ".join(doctor.NEEDS)))
    assert set(make_parser().verbs) - {"doctor", "testee"} <= spoken


@pytest.mark.parametrize(("ours", "theirs"), [("two_classes", "binary-f64"), ("three_classes", "three-f32")])
def test_the_shipped_heads_are_gold(repository, ours, theirs):
    for suffix in (".npz", "_config.json"):
        shipped = (repository / f"python/plmhead/gold/{ours}{suffix}").read_bytes()
        assert shipped == (repository / GOLD / theirs / f"model{suffix}").read_bytes()


def test_a_missing_library_and_the_line_that_brings_it(monkeypatch):
    real = doctor.importlib.metadata.version

    def version(name: str) -> str:
        if name in ("onnx", "torch"):
            raise doctor.importlib.metadata.PackageNotFoundError(name)
        return "1.4.2" if name == "scikit-learn" else real(name)

    monkeypatch.setattr(doctor.importlib.metadata, "version", version)
    found = doctor.examine()
    verbs = {verb["verbs"]: verb for verb in found["verbs"]}
    assert verbs["convert FILE.onnx, export"]["install"] == "pip install 'plmhead[interop]'"
    assert verbs["train --model, train --config"]["missing"] == ["scikit-learn", "torch"]
    assert verbs["train --model, train --config"]["install"] == "pip install 'plmhead[train,torch]'"
    assert [device["device"] for device in found["devices"]] == ["cpu"]
    assert not found["ok"], "an old library is wrong, a missing one is not"
    text = "\n".join(report(found))
    assert "1.4.2  old: 1.5 or newer is needed" in text
    assert "lacks onnx: pip install 'plmhead[interop]'" in text


def test_a_library_whose_import_fails_is_broken(monkeypatch, tmp_path):
    (tmp_path / "broken_library.py").write_text("raise OSError('libcudart.so.13: cannot open\\nmore')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(doctor.LIBRARIES, "numpy", doctor.Library("broken_library", "1.26"))
    found = doctor._library("numpy")
    assert (found["state"], found["note"]) == ("broken", "OSError: libcudart.so.13: cannot open")


def test_wrong_arithmetic_and_a_closed_cache_are_found(monkeypatch, tmp_path, capsys):
    from plmhead import score

    exact = score.exp
    monkeypatch.setattr(score, "exp", lambda x: exact(x) * (1 + 2.0**-52))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "file"))
    assert main(["doctor"]) == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  FAIL")]
    assert ["SELF_TEST" in line for line in failed] == [True, True, False]
    assert "cache of the hub" in failed[2]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HF_HUB_CACHE": "/a/b"}, "/a/b"),
        ({"HF_HOME": "/a"}, "/a/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
        ({"HOME": "/h"}, "/h/.cache/huggingface/hub"),
    ],
)
def test_the_cache_is_the_one_of_the_client(monkeypatch, environment, expected):
    for name in ("HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(doctor.hub_cache()) == expected


@pytest.mark.parametrize(
    ("version", "numbers"), [("2.9.0rc1+cpu", (2, 9)), ("1.26", (1, 26)), ("10", (10,)), ("?", ())]
)
def test_versions_are_compared_by_numbers(version, numbers):
    assert doctor._numbers(version) == numbers
