"""`plmhead compare`: weights, metadata, scores on the same rows, flips, exit codes."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import jsonschema
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import plmhead
from plmhead.compare import compare_metadata, compare_scores, compare_weights, same_outputs
from plmhead.errors import InputError
from plmhead.evaluate import Bootstrap, evaluate

SCHEMA = json.loads((Path(plmhead.__file__).parent / "schemas" / "compare.schema.json").read_text())
RNG = np.random.default_rng(8)
X = RNG.normal(size=(150, 5))
Y = (X[:, 0] + RNG.normal(size=150) > 0).astype(int)


def saved(path: Path, C: float = 1.0, y: np.ndarray = Y, **members: object) -> plmhead.Head:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plmhead.save(LogisticRegression(C=C).fit(X, y), path, quiet=True, **members)
    return plmhead.load(path)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    a = saved(folder / "a", threshold=0.4)
    b = saved(folder / "b", C=0.01, training={"dataset": "other.csv"})
    np.save(folder / "X.npy", X)
    (folder / "y.csv").write_text("label\n" + "\n".join(map(str, Y)) + "\n")
    return folder, a, b


def test_weights(pair):
    _, a, b = pair
    found = compare_weights(a, b)
    assert found is not None
    assert found["coef_max_difference"] == np.abs(a.coef - b.coef).max()
    row, column = found["coef_max_difference_at"]
    assert abs(a.coef[row, column] - b.coef[row, column]) == found["coef_max_difference"]
    expected = (a.coef[0] @ b.coef[0]) / np.linalg.norm(a.coef[0]) / np.linalg.norm(b.coef[0])
    assert found["cosine"] == [pytest.approx(expected)]


def test_weights_of_extreme_size():
    from types import SimpleNamespace

    def head(*coef: float) -> SimpleNamespace:
        return SimpleNamespace(coef=np.array([coef]), intercept=np.zeros(1), classes=np.array([0, 1]))

    found = compare_weights(head(1e300, 0.0), head(1e300, 1e300))
    assert found["cosine"] == [pytest.approx(0.5**0.5)]
    assert compare_weights(head(1e-300, 0.0), head(1e-300, 0.0))["cosine"] == [1.0]
    assert compare_weights(head(0.0, 0.0), head(1.0, 0.0))["cosine"] == [None]
    assert compare_weights(head(1.7e308, 0.0), head(-1.7e308, 0.0))["coef_max_difference"] is None


def test_what_differs(pair, tmp_path):
    _, a, b = pair
    assert same_outputs(a, b) == ["coef", "intercept", "threshold"]
    assert same_outputs(a, saved(tmp_path / "again", threshold=0.4, training={"dataset": "x"})) == []
    floats = saved(tmp_path / "floats", y=Y.astype(float), threshold=0.4)
    assert "classes" not in same_outputs(a, floats), "1 and 1.0 are one label"
    booleans = saved(tmp_path / "booleans", y=Y.astype(bool), threshold=0.4)
    assert same_outputs(a, booleans) == ["classes"]
    assert compare_weights(a, booleans) is None
    three = saved(tmp_path / "three", y=np.arange(150) % 3)
    assert {"classes", "link", "coef"} <= set(same_outputs(a, three))


# --- metadata

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab~/0", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab~/0", max_size=3), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.dictionaries(st.text("ab~/0", max_size=3), VALUES, max_size=4)
MISSING = object()


def at(value: object, pointer: str) -> object:
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            value = value[int(name)]
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return MISSING
    return value


@hypothesis.given(MEMBERS, MEMBERS)
def test_each_pointer_leads_to_the_two_values(a, b):
    differences = compare_metadata(a, b)["differences"]
    assert bool(differences) == (json.dumps(a, sort_keys=True) != json.dumps(b, sort_keys=True))
    for item in differences:
        assert at(a, item["pointer"]) == item.get("a", MISSING)
        assert at(b, item["pointer"]) == item.get("b", MISSING)


def test_members_that_follow_from_others_are_told_apart(pair):
    _, a, b = pair
    found = compare_metadata(a.config, b.config)
    assert found["derived"] == ["/config_sha256", "/npz_sha256", "/self_test"]
    assert [item["pointer"] for item in found["differences"]] == ["/C", "/decision/threshold", "/training"]
    assert "a" not in found["differences"][-1]


# --- scores


def test_scores_and_their_difference(pair):
    _, a, b = pair
    found = compare_scores(a, b, (X, X), Y, Bootstrap(200))
    alone = [evaluate(head, X, Y, settings=Bootstrap(1))["scores"] for head in (a, b)]
    for name, score in found["scores"].items():
        assert (score["a"], score["b"]) == (alone[0][name]["value"], alone[1][name]["value"])
        assert score["difference"] == score["b"] - score["a"]
    assert found["flips"] == int((a.predict(X) != b.predict(X)).sum()) > 0
    assert [item["row"] for item in found["flipped"]] == np.flatnonzero(a.predict(X) != b.predict(X))[:100].tolist()
    for item in found["flipped"]:
        row = item["row"]
        assert item["a"]["label"] == a.predict(X)[row] != b.predict(X)[row] == item["b"]["label"]
        assert item["a"]["probability"] == a.predict_proba(X)[row, item["a"]["label"]]
    assert found["probability_max_difference"] == np.abs(a.predict_proba(X) - b.predict_proba(X)).max()


def test_a_head_differs_in_nothing_from_itself(pair):
    _, a, _ = pair
    found = compare_scores(a, a, (X, X), Y, Bootstrap(50))
    assert (found["flips"], found["decision_max_difference"]) == (0, 0.0)
    assert all(score["low"] == score["high"] == score["difference"] == 0 for score in found["scores"].values())


def test_heads_of_other_classes_are_refused(pair, tmp_path):
    with pytest.raises(InputError, match="of the same classes"):
        compare_scores(pair[1], saved(tmp_path / "booleans", y=Y.astype(bool)), (X, X))


# --- the command


def test_exit_codes_and_json(pair, run):
    folder, _, _ = pair
    rows = ["--embeddings", folder / "X.npy"]
    for arguments, code in (
        (["a", "a"], 0),
        (["a", "b"], 3),
        (["a", "b", *rows], 3),
        (["a", "b", *rows, "--labels", folder / "y.csv"], 3),
    ):
        done = run("compare", *arguments, "--json", cwd=folder)
        assert (done.returncode, done.stderr) == (code, "")
        found = json.loads(done.stdout)
        jsonschema.validate(found, SCHEMA)
        assert bool(found["differs"]) == bool(code)
        assert (found["outputs"] is None) == (len(arguments) == 2)
    assert run("compare", "a", "no", cwd=folder).returncode == 1
    assert run("compare", "a", cwd=folder).returncode == 2


def test_the_lines_for_people(pair, run):
    folder, a, b = pair
    done = run("compare", "a", "b", "--embeddings", "X.npy", "--labels", "y.csv", cwd=folder)
    assert "they can answer differently: coef, intercept, threshold" in done.stdout
    assert f"labels: {int((a.predict(X) != b.predict(X)).sum())} flipped" in done.stdout
    assert '/training            absent  {"dataset":"other.csv"}' in done.stdout
    assert "answer alike" in run("compare", "a", "a", cwd=folder).stdout


def test_words_of_a_file_do_not_steer_the_terminal(tmp_path, run):
    saved(tmp_path / "a", assay_thresholds={"A\u202e\x9b": 0.25})
    saved(tmp_path / "b")
    done = run("compare", tmp_path / "a", tmp_path / "b")
    assert r"/decision/assay_thresholds/A\u202e\u009b" in done.stdout
    assert not {"\x9b", "\u202e"} & set(done.stdout)


def test_version_0_and_what_upgrade_makes_of_it(tmp_path, run, shared_data):
    published = shared_data / "published_v0" / "boughter_vh_esm1v_logreg"
    assert run("upgrade", published, tmp_path / "new").returncode == 0
    done = run("compare", published, tmp_path / "new", "--json")
    found = json.loads(done.stdout)
    jsonschema.validate(found, SCHEMA)
    assert (done.returncode, found["differs"]) == (3, ["embedding"]), "version 0 says nothing of the encoder"
    assert found["weights"]["coef_max_difference"] == 0


def test_unlabelled_sequences(tmp_path, run, repository):
    data = repository / "examples" / "demo_sequences.csv"
    for name, C in (("a", "1"), ("b", "0.1")):
        assert run("train", "--data", data, "--out", tmp_path / name, "--C", C, "--folds", "2").returncode == 0
    done = run("compare", tmp_path / "a", tmp_path / "b", "--data", data, "--unlabelled", "--json")
    found = json.loads(done.stdout)
    assert (found["outputs"]["rows"], found["outputs"]["scores"], found["data"]["labelled"]) == (200, None, False)
