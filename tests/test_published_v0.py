"""The published version 0 head: read by all three command lines, equal by bits on 1,000 random rows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import plmhead

REPOSITORY = Path(__file__).resolve().parents[1]
LOADERS = {
    "python": [sys.executable, "-m", "plmhead"],
    "rust": [str(REPOSITORY / "rust-loader/target/release/plmhead")],
    "javascript": ["node", str(REPOSITORY / "js-loader/src/cli.js")],
}


@pytest.fixture
def published(shared_data):
    return shared_data / "published_v0" / "boughter_vh_esm1v_logreg"


def call(language: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LOADERS[language], *map(str, arguments)], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_three_languages_agree_by_bits(published, tmp_path, dtype):
    np.save(tmp_path / "X.npy", np.random.default_rng(1).normal(size=(1000, 1280)).astype(dtype))
    lines = {}
    for language in LOADERS:
        done = call(language, "score", f"{published}.npz", tmp_path / "X.npy")
        assert done.returncode == 0, done.stderr
        lines[language] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [len(rows) for rows in lines.values()] == [1000] * 3
    assert lines["python"] == lines["rust"] == lines["javascript"]
    assert {row["label"] for row in lines["python"]} == {0.0, 1.0}


def test_three_languages_say_the_same_of_it(published):
    objects = [json.loads(call(language, "inspect", f"{published}.npz", "--json").stdout) for language in LOADERS]
    assert objects[0] == objects[1] == objects[2]
    assert (objects[0]["format_version"], objects[0]["verified"], objects[0]["embedding_origin"]) == (
        "0",
        False,
        "version-0",
    )
    assert "end token" in objects[0]["warnings"][0]
    for language in LOADERS:
        done = call(language, "verify", f"{published}.npz", "--require-verified", "--json")
        record = json.loads(done.stdout)
        assert (done.returncode, record["code"], record["where"]) == (1, "NOT_VERIFIED", "/format")


def test_it_predicts_as_its_scikit_learn_twin(published):
    head = plmhead.load(published)
    assert (head.classes.tolist(), head.assay_thresholds) == ([0.0, 1.0], {"ELISA": 0.5, "PSR": 0.5495})
    X = np.random.default_rng(2).normal(size=(200, 1280))
    estimator = head.to_sklearn()
    np.testing.assert_allclose(head.decision_function(X), estimator.decision_function(X), rtol=1e-10)
    assert (head.predict(X) == estimator.predict(X)).all()
