"""`plmhead evaluate`: scikit-learn's numbers, intervals from honest resamples, and what a stranger's table may hold."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import hypothesis
import hypothesis.extra.numpy
import hypothesis.strategies as st
import jsonschema
import numpy as np
import pytest
from sklearn import metrics as scikit
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

import plmhead
from plmhead import metrics
from plmhead.cli import main
from plmhead.commands.evaluate import report
from plmhead.errors import InputError
from plmhead.evaluate import Bootstrap, class_codes, evaluate, label_codes
from plmhead.metrics import NAMES, Answer, Weighted, bootstrap, calibration, interval, point_scores

SCHEMA = json.loads((Path(plmhead.__file__).parent / "schemas" / "evaluate.schema.json").read_text())
RNG = np.random.default_rng(7)


def saved(folder: Path, name: str, k: int = 2, rows: int = 120, labels: list[object] | None = None, **members: object):
    """A head of k classes on 6 features, and rows like those that it was trained on."""
    X = RNG.normal(size=(2 * rows, 6)).astype(np.float32)
    codes = np.argmax(X[:, :k] + RNG.normal(size=(2 * rows, k)), axis=1)
    y = np.array(labels if labels is not None else list(range(k)))[codes]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plmhead.save(LogisticRegression().fit(X[:rows], y[:rows]), folder / name, quiet=True, **members)
    return X[rows:], y[rows:]


def write_rows(folder: Path, X: np.ndarray, y: np.ndarray, groups: list[str] | None = None) -> list[object]:
    """Files of embeddings and labels; the options that name them."""
    np.save(folder / "X.npy", X)
    lines = [f"{label},{group}" for label, group in zip(y, groups or ["-"] * len(y), strict=True)]
    (folder / "y.csv").write_text("label,source\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return ["--embeddings", folder / "X.npy", "--labels", folder / "y.csv"]


# --- scores


@st.composite
def answered(draw: st.DrawFn) -> tuple[np.ndarray, Answer, np.ndarray]:
    """True codes and an answer of rows with many ties, and the rows of one resample; classes may be missing."""
    k, m = draw(st.integers(2, 5)), draw(st.integers(2, 30))
    codes = draw(hypothesis.extra.numpy.arrays(np.intp, m, elements=st.integers(0, k - 1)))
    weights = draw(hypothesis.extra.numpy.arrays(np.float64, (m, k), elements=st.integers(1, 4)))
    p = weights / weights.sum(axis=1, keepdims=True)
    predicted = draw(hypothesis.extra.numpy.arrays(np.intp, m, elements=st.integers(0, k - 1)))
    drawn = draw(hypothesis.extra.numpy.arrays(np.intp, m, elements=st.integers(0, m - 1)))
    return codes, Answer(predicted, p), drawn


@hypothesis.given(answered())
@hypothesis.settings(max_examples=150)
def test_a_resample_has_the_scores_that_scikit_learn_gives_its_rows(drawn_case):
    codes, answer, rows = drawn_case
    counts = np.bincount(rows, minlength=len(codes)).astype(np.float64)
    found = Weighted(codes, answer)(counts[None])
    expected = point_scores(codes[rows], Answer(answer.predicted[rows], answer.probabilities[rows]))
    for name in NAMES:
        value = found[name][0]
        if expected[name] is None:
            assert np.isnan(value), name
        else:
            assert value == pytest.approx(expected[name], abs=1e-10), name


@pytest.mark.parametrize("k", [2, 3])
def test_the_scores_are_scikit_learns_own(tmp_path, k):
    X, y = saved(tmp_path, "head", k)
    head = plmhead.load(tmp_path / "head")
    p, labels = head.predict_proba(X), head.predict(X)
    score, average = (p[:, 1], "binary") if k == 2 else (p, "macro")
    expected = {
        "accuracy": scikit.accuracy_score(y, labels),
        "balanced_accuracy": scikit.balanced_accuracy_score(y, labels),
        "precision": scikit.precision_score(y, labels, average=average),
        "recall": scikit.recall_score(y, labels, average=average),
        "f1": scikit.f1_score(y, labels, average=average),
        "mcc": scikit.matthews_corrcoef(y, labels),
        "roc_auc": scikit.roc_auc_score(y, score, multi_class="ovr"),
        "average_precision": scikit.average_precision_score(y if k == 2 else np.eye(k)[y], score),
        "brier": scikit.brier_score_loss(y, score) if k == 2 else np.mean(np.sum((p - np.eye(k)[y]) ** 2, axis=1)),
        "log_loss": scikit.log_loss(y, p),
    }
    found = evaluate(head, X, y, settings=Bootstrap(50))
    assert {name: value["value"] for name, value in found["scores"].items()} == pytest.approx(expected, abs=1e-12)
    assert found["confusion"] == scikit.confusion_matrix(y, labels).tolist()
    for value in found["scores"].values():
        assert value["low"] <= value["value"] <= value["high"]


@hypothesis.given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60))
def test_the_bins_are_those_of_calibration_curve(rows):
    right, p = (np.array(column) for column in zip(*rows, strict=True))
    found = calibration(right, p)
    observed, mean = calibration_curve(right, p, n_bins=10)
    filled = [one for one in found["bins"] if one["rows"]]
    assert [one["observed"] for one in filled] == pytest.approx(observed.tolist())
    assert [one["mean_probability"] for one in filled] == pytest.approx(mean.tolist())
    assert sum(one["rows"] for one in found["bins"]) == len(p)
    expected = sum(one["rows"] * abs(one["observed"] - one["mean_probability"]) for one in filled) / len(p)
    assert found["expected_calibration_error"] == pytest.approx(expected)


def test_resamples_are_the_seeds_alone(monkeypatch):
    codes = RNG.integers(2, size=40)
    p = RNG.uniform(size=40)
    answer = Answer((p > 0.5).astype(np.intp), np.stack([1 - p, p], axis=1))
    whole = bootstrap(codes, [answer], 60, 3)[0]
    monkeypatch.setattr(metrics, "_BLOCK_VALUES", 40 * 7)  # held seven at a time
    assert np.array_equal(bootstrap(codes, [answer], 60, 3)[0]["roc_auc"], whole["roc_auc"])
    assert not np.array_equal(bootstrap(codes, [answer], 60, 4)[0]["roc_auc"], whole["roc_auc"])


def test_an_interval_covers_as_often_as_it_says():
    """Of 200 samples from one population, the 90 % interval of the accuracy holds the true accuracy in about 180."""
    rng = np.random.default_rng(11)
    covered = 0
    for seed in range(200):
        right = rng.uniform(size=150) < 0.8
        codes = np.ones(150, dtype=np.intp)
        answer = Answer(right.astype(np.intp), np.full((150, 2), 0.5))
        ends = interval(bootstrap(codes, [answer], 200, seed)[0]["accuracy"], 0.9)
        covered += ends["low"] <= 0.8 <= ends["high"]
    assert 165 <= covered <= 195


def test_an_undefined_score_is_null_and_counted():
    assert interval(np.array([np.nan, np.nan]), 0.95) == {"low": None, "high": None, "undefined": 2}
    assert interval(np.array([1.0, np.nan, 3.0]), 0.5) == {"low": 1.5, "high": 2.5, "undefined": 1}


# --- thresholds, groups


def test_each_threshold_gives_the_labels_that_predict_gives(tmp_path):
    X, y = saved(tmp_path, "head", threshold=0.4, assay_thresholds={"ELISA": 0.5, "PSR": 0.6})
    head = plmhead.load(tmp_path / "head")
    found = evaluate(head, X, y, threshold=0.25, settings=Bootstrap(1))["thresholds"]
    assert [(row["kind"], row["assay_type"], row["threshold"]) for row in found[:4]] == [
        ("stored", None, 0.4),
        ("given", None, 0.25),
        ("assay", "ELISA", 0.5),
        ("assay", "PSR", 0.6),
    ]
    assert [row["threshold"] for row in found[4:]] == [i / 10 for i in range(1, 10)]
    for row in found:
        labels = head.predict(X, row["threshold"])
        assert row["confusion"] == scikit.confusion_matrix(y, labels).tolist()
        assert row["recall"] == pytest.approx(scikit.recall_score(y, labels))
        assert row["specificity"] == pytest.approx(scikit.recall_score(y, labels, pos_label=0))


def test_of_many_assays_the_first_and_the_one_in_force_are_listed(tmp_path, monkeypatch):
    """A config holds some 30,000: each threshold is scored once, and few are listed."""
    X, y = saved(tmp_path, "head", assay_thresholds={f"a{i}": 0.25 + i % 2 / 2 for i in range(3000)})
    head = plmhead.load(tmp_path / "head")
    scored = []
    own = metrics.label_scores
    monkeypatch.setattr("plmhead.evaluate.label_scores", lambda *given: scored.append(1) or own(*given))
    found = evaluate(head, X, y, assay_type="a2999", settings=Bootstrap(1))
    listed = [row["assay_type"] for row in found["thresholds"] if row["kind"] == "assay"]
    assert listed == [*(f"a{i}" for i in range(63)), "a2999"]
    assert found["assays_left_out"] == 3000 - 64
    assert len(scored) == len({row["threshold"] for row in found["thresholds"]}) == 11
    saved(tmp_path, "one", assay_thresholds={"PSR": 0.6})
    assert evaluate(plmhead.load(tmp_path / "one"), X, y, settings=Bootstrap(1))["assays_left_out"] == 0


def test_a_report_says_how_many_assays_it_leaves_out(tmp_path):
    X, y = saved(tmp_path, "head", assay_thresholds={f"a{i}": 0.3 for i in range(100)})
    found = evaluate(plmhead.load(tmp_path / "head"), X, y, settings=Bootstrap(1))
    about = {"name": "head", "link": "logistic", "classes": [0, 1], "data": {"file": "rows.csv"}}
    lines = list(report({**about, **found}))
    assert "36 more assays are not listed; --assay-type NAME lists one" in lines


def test_a_threshold_of_one_half_is_scikit_learns_rule(tmp_path):
    saved(tmp_path, "head")
    head = plmhead.load(tmp_path / "head")
    z = np.array([[1e-17], [-1e-17], [0.0]])  # p1 rounds to 0.5 in each
    from plmhead.evaluate import _at_threshold

    assert _at_threshold(head, z, np.array([1, 0, 0]), 0.5)["confusion"] == [[2, 0], [0, 1]]


def test_groups_partition_the_rows(tmp_path):
    X, y = saved(tmp_path, "head")
    groups = ["b" if i % 3 else "a, \N{LATIN SMALL LETTER E WITH DIAERESIS}" for i in range(len(y))]
    found = evaluate(plmhead.load(tmp_path / "head"), X, y, groups=groups, settings=Bootstrap(20))
    assert [group["group"] for group in found["groups"]] == ["b", "a, ë"]
    assert sum(group["rows"] for group in found["groups"]) == found["rows"]
    weighted = sum(group["rows"] * group["scores"]["accuracy"]["value"] for group in found["groups"])
    assert weighted / found["rows"] == pytest.approx(found["scores"]["accuracy"]["value"])
    with pytest.raises(InputError, match="at most 64"):
        evaluate(plmhead.load(tmp_path / "head"), X, y, groups=[str(i) for i in range(len(y))])


# --- labels


@pytest.mark.parametrize(
    ("classes", "texts", "codes"),
    [
        (np.array([0.0, 1.0]), ["1", " 0.0", "1.", "+0"], [1, 0, 1, 0]),
        (np.array([-1, 2**62]), [str(2**62), "-1.0"], [1, 0]),
        (np.array([False, True]), ["TRUE", "false "], [1, 0]),
        (np.array(["a", "b "]), ["b ", "b", " a"], [1, 1, 0]),
        (np.array(["1", "01"]), ["01", "1"], [1, 0]),
        (np.array(["a", " a"]), [" a", "a"], [1, 0]),
    ],
)
def test_labels_are_compared_as_the_classes_are(classes, texts, codes):
    assert class_codes([(2, text) for text in texts], classes, "y.csv").tolist() == codes


@pytest.mark.parametrize(
    ("classes", "text"),
    [(np.array([0, 1]), text) for text in ("", "nan", "2", "0.5", "1_0", "inf", "1e0", "9" * 400, "true", "\u0661")]
    + [(np.array([False, True]), "1"), (np.array(["a", "b"]), "A")],
)
def test_a_label_that_is_no_class_is_named_with_its_line(classes, text):
    with pytest.raises(InputError, match=r"1 of 1 labels .* on line 5") as caught:
        class_codes([(5, text)], classes, "y.csv")
    assert (caught.value.code, caught.value.where) == ("DATA", "y.csv")


def test_codes_of_unsorted_classes(tmp_path):
    saved(tmp_path, "head", 3, labels=["b", "c", "a"])
    head = plmhead.load(tmp_path / "head")
    assert label_codes(head, head.classes[[2, 0, 1]]).tolist() == [2, 0, 1]


# --- the command


def test_json_is_of_its_schema_and_of_both_roads(tmp_path, run):
    for k, options in ((2, ["--assay-type", "PSR"]), (3, [])):
        X, y = saved(tmp_path, f"head{k}", k, **({"assay_thresholds": {"PSR": 0.5495}} if k == 2 else {}))
        files = write_rows(tmp_path, X, y, ["x" if i % 2 else "y" for i in range(len(y))])
        done = run("evaluate", tmp_path / f"head{k}", *files, *options, "--group-column", "source", "--json")
        assert (done.returncode, done.stderr) == (0, "")
        found = json.loads(done.stdout)
        jsonschema.validate(found, SCHEMA)
        head = plmhead.load(tmp_path / f"head{k}")
        assay = options[1] if options else None
        assert found["scores"] == evaluate(head, X, y, assay_type=assay)["scores"]
        assert found["threshold"] == (0.5495 if k == 2 else None)


def test_the_table_for_people(tmp_path, run):
    X, y = saved(tmp_path, "head", labels=["clean", "poly\u202e\x9b"], assay_thresholds={"A\u202e": 0.25})
    done = run("evaluate", tmp_path / "head", *write_rows(tmp_path, X, y), "--resamples", "100", "--seed", "5")
    assert (done.returncode, done.stderr) == (0, "")
    assert "100 resamples of the rows, seed 5" in done.stdout
    assert not {"\x1b", "\x9b", "\u202e"} & set(done.stdout), "what a file says must not steer the terminal"
    assert '0.25       "A\\u202e"' in done.stdout


def test_real_sequences_are_embedded_by_the_heads_encoder(tmp_path, run, shared_data):
    antibodies = shared_data / "antibodies"
    done = run("train", "--data", antibodies / "jain_vh_test.csv", "--out", tmp_path / "head", "--folds", "3",
               "--embeddings-out", tmp_path / "X.npy")  # fmt: skip
    assert done.returncode == 0, done.stderr
    by_sequence = run("evaluate", tmp_path / "head", "--data", antibodies / "jain_vh_test.csv", "--json")
    assert "random weights" in by_sequence.stderr
    by_embedding = run("evaluate", tmp_path / "head", "--embeddings", tmp_path / "X.npy", "--labels",
                       antibodies / "jain_vh_test.csv", "--json")  # fmt: skip
    first, second = json.loads(by_sequence.stdout), json.loads(by_embedding.stdout)
    assert first.pop("data")["rows_of"] == "sequences"
    assert second.pop("data")["rows_of"] == "embeddings"
    assert first == second
    trained = plmhead.load(tmp_path / "head").config["metrics"]["train"]
    assert {name: first["scores"][name]["value"] for name in trained} == pytest.approx(trained, abs=1e-12)


def test_one_class_alone_leaves_rankings_undefined(tmp_path, run):
    X, y = saved(tmp_path, "head")
    files = write_rows(tmp_path, X[y == 0], y[y == 0])
    found = json.loads(run("evaluate", tmp_path / "head", *files, "--json").stdout)
    jsonschema.validate(found, SCHEMA)
    assert found["scores"]["roc_auc"] == {"value": None, "low": None, "high": None, "undefined": 1000}
    assert found["scores"]["accuracy"]["value"] > 0.5


@pytest.mark.parametrize(
    ("change", "code", "exit_code"),
    [
        (lambda files: files[:2], "ARGUMENT (--labels)", 2),
        (lambda files: files[2:], "ARGUMENT (--data)", 2),
        (lambda files: [*files, "--data", files[3]], "ARGUMENT (--data)", 2),
        (lambda files: [*files, "--resamples", "0"], "ARGUMENT (resamples)", 2),
        (lambda files: [*files, "--confidence", "1"], "ARGUMENT (confidence)", 2),
        (lambda files: [*files, "--label-column", "source"], "DATA (y.csv)", 1),
        (lambda files: [*files, "--group-column", "no"], "--group-column NAME", 1),
        (lambda files: [*files, "--threshold", "2"], "THRESHOLD", 1),
        (lambda files: [*files, "--assay-type", "no"], "ASSAY_TYPE", 1),
        (lambda files: ["--data", files[3]], "ENCODER (/embedding)", 1),
    ],
)
def test_what_cannot_be_evaluated_is_one_clear_line(tmp_path, capsys, change, code, exit_code):
    X, y = saved(tmp_path, "head")
    options = change(write_rows(tmp_path, X, y))
    assert main(["evaluate", str(tmp_path / "head"), *map(str, options)]) == exit_code
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert code in said.err


def test_rows_and_embeddings_must_be_as_many(tmp_path, run):
    X, y = saved(tmp_path, "head")
    done = run("evaluate", tmp_path / "head", *write_rows(tmp_path, X[1:], y))
    assert (done.returncode, "found 120 rows for 119 embeddings" in done.stderr) == (1, True)
