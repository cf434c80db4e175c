"""`plmhead push` and `plmhead fetch`, against a hub on the loopback."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest
from tests.hub_pairs import NAME, tree_of
from tests.hub_server import READER, WRITER

import plmhead
from plmhead.hub import save_pretrained

huggingface_hub = pytest.importorskip("huggingface_hub", reason="needs huggingface_hub: pip install 'plmhead[hub]'")


@pytest.fixture
def command(hub, run, tmp_path):
    def runner(*arguments, token=WRITER, **options):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        settings = {
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_TOKEN": token,
        }
        return run(*arguments, env={**environment, **settings}, cwd=tmp_path, **options)

    return runner


def checked(verb: str, output: str) -> dict:
    said = json.loads(output)
    schema = Path(plmhead.__file__).parent / "schemas" / f"{verb}.schema.json"
    jsonschema.validate(said, json.loads(schema.read_text()))
    return said


def test_push_and_fetch_as_commands(command, hub, pairs, tmp_path):
    done = command("push", pairs / "first", NAME, "--license", "mit", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    pushed = checked("push", done.stdout)
    assert pushed["commit"] == hub.repositories[NAME].resolve("main")
    assert (
        huggingface_hub.ModelCard(hub.repositories[NAME].commits[pushed["commit"]]["README.md"].decode()).data.license
        == "mit"
    )
    done = command("fetch", NAME, "--revision", pushed["commit"], "--out", "here", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    fetched = checked("fetch", done.stdout)
    assert (fetched["ok"], fetched["commit"], fetched["verified"]) == (True, pushed["commit"], True)
    assert tree_of(tmp_path / "here") == tree_of(pairs / "first")
    done = command("fetch", NAME, "--offline")
    assert done.returncode == 1  # it was fetched as a commit, and is not known as main
    assert "HUB_OFFLINE" in done.stderr
    done = command("fetch", NAME)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    assert pushed["commit"] in done.stdout
    assert command("fetch", NAME, "--offline").returncode == 0


def test_refusals_of_the_commands(command, hub, pairs):
    done = command("fetch", "lab/none", "--json")
    assert done.returncode == 1
    refused = checked("fetch", done.stdout)
    assert (refused["ok"], refused["code"], done.stderr) == (False, "HUB_REPOSITORY", "")
    done = command("push", pairs / "first", NAME, token=READER)
    assert done.returncode == 1
    assert "HUB_ACCESS" in done.stderr
    assert "hf auth login" in done.stderr
    assert WRITER not in done.stderr
    done = command("push", pairs / "first", NAME, "--json", token=READER)
    assert (done.returncode, done.stderr, checked("push", done.stdout)["code"]) == (1, "", "HUB_ACCESS")


def test_without_the_extra_it_says_how_to_get_it(command, pairs, tmp_path, monkeypatch):
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/huggingface_hub.py").write_text("raise ImportError('No module named huggingface_hub')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hidden"))
    for arguments in (("push", pairs / "first", NAME), ("fetch", NAME)):
        done = command(*arguments)
        assert (done.returncode, done.stderr) == (
            1,
            "plmhead: the hub needs huggingface_hub: pip install 'plmhead[hub]'\n",
        )
    save_pretrained(pairs / "first", tmp_path / "folder")
    assert command("fetch", "folder").returncode == 0  # a folder needs no hub
