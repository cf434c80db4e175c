"""The Python command line, run as a process."""

from __future__ import annotations

import csv
import json
import struct

import numpy as np
import pytest

import plmhead

RNG = np.random.default_rng(9)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, repository, plmhead_command):
    import subprocess

    folder = tmp_path_factory.mktemp("trained")
    command = [
        *plmhead_command,
        "train",
        "--data",
        repository / "examples/demo_sequences.csv",
        "--out",
        folder / "head",
    ]
    options = [
        "--embeddings-out",
        folder / "X.npy",
        "--folds",
        "5",
        "--assay-threshold",
        "ELISA=0.5",
        "--assay-threshold",
        "PSR=0.5495",
    ]
    done = subprocess.run([*map(str, command), *map(str, options)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_train_prints_the_cross_validation_and_saves(trained):
    folder, done = trained
    assert "5-fold stratified cross-validation" in done.stdout
    for name in ("accuracy", "precision", "recall", "f1", "roc_auc"):
        assert name in done.stdout
    assert "proved against scikit-learn" in done.stdout
    assert "\r" not in done.stderr, "no progress line where nobody watches"
    config = plmhead.load(folder / "head", require_verified=True).config
    assert config["metrics"]["cross_validation"]["folds"] == 5
    assert config["metrics"]["cross_validation"]["scores"]["roc_auc"]["mean"] > 0.6
    assert config["training"]["rows"] == 200
    assert sum(config["training"]["rows_by_class"]) == 200
    assert config["training"]["dataset"] == "demo_sequences.csv"
    assert config["embedding"]["checkpoint"] == config["esm_model"] == "plmhead/random-esm2-tiny"
    assert len(config["golden"]) == 6


def test_nothing_of_the_machine_is_in_the_config(trained):
    text = (trained[0] / "head_config.json").read_text()
    assert str(trained[0]) not in text
    assert "/tmp" not in text


def test_inspect(trained, run):
    lines = run("inspect", trained[0] / "head").stdout
    assert "n_features_in" in lines
    record = json.loads(run("inspect", trained[0] / "head.npz", "--json").stdout)
    assert list(record) == [
        "name",
        "format_version",
        "verified",
        "model_type",
        "link",
        "n_features_in",
        "classes",
        "n_iter",
        "threshold",
        "assay_thresholds",
        "sklearn_version",
        "C",
        "penalty",
        "solver",
        "esm_model",
        "esm_revision",
        "embedding_origin",
        "npz_sha256",
        "warnings",
    ]
    assert (record["name"], record["verified"], record["classes"], record["warnings"]) == ("head", True, [0, 1], [])


def test_verify(trained, run, tmp_path):
    done = run("verify", trained[0] / "head", "--schema", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (
        0,
        {"name": "head", "ok": True, "format_version": "1.0", "verified": True},
    )
    for suffix in (".npz", "_config.json"):
        data = bytearray((trained[0] / f"head{suffix}").read_bytes())
        if suffix == ".npz":
            data[len(data) // 2] ^= 1
        (tmp_path / f"bad{suffix}").write_bytes(data)
    done = run("verify", tmp_path / "bad", "--json")
    record = json.loads(done.stdout)
    assert (done.returncode, record["ok"], record["code"], record["where"]) == (1, False, "NPZ_DIGEST", "/npz_sha256")
    done = run("verify", tmp_path / "bad")
    assert done.returncode == 1
    assert done.stderr.startswith("plmhead: NPZ_DIGEST (/npz_sha256): found ")
    assert done.stdout == ""


def test_score_lines(trained, run, tmp_path):
    folder = trained[0]
    done = run("score", folder / "head", folder / "X.npy", "--out", tmp_path / "scores.jsonl")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "scores.jsonl").read_text().splitlines()
    head, X = plmhead.load(folder / "head"), np.load(folder / "X.npy")
    z, p = head.decision_function(X), head.predict_proba(X)
    assert len(lines) == len(X) == 200
    for row, line in enumerate(lines):
        record = json.loads(line)
        assert list(record) == ["row", "label", "decision", "probability", "decision_bits", "probability_bits"]
        assert (record["row"], record["label"]) == (row, int(head.predict(X[row : row + 1])[0]))
        assert record["decision"] == z[row]
        assert record["decision_bits"] == struct.pack(">d", z[row]).hex()
        assert record["probability_bits"] == struct.pack(">d", p[row, 1]).hex()
    assert run("score", folder / "head", folder / "X.npy").stdout.splitlines() == lines


def test_thresholds_on_the_command_line(trained, run):
    folder = trained[0]
    positive = [
        sum(
            json.loads(line)["label"]
            for line in run("score", folder / "head", folder / "X.npy", *options).stdout.splitlines()
        )
        for options in (["--threshold", "0"], [], ["--assay-type", "PSR"], ["--threshold", "1"])
    ]
    assert positive[0] == 200
    assert positive[-1] == 0
    assert positive[1] >= positive[2]
    assert run("score", folder / "head", folder / "X.npy", "--threshold", "2").returncode == 1
    assert "ELISA, PSR" in run("score", folder / "head", folder / "X.npy", "--assay-type", "SPR").stderr


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: RNG.normal(size=(3, 31)), "INPUT_SHAPE"),
        (lambda: RNG.normal(size=32), "INPUT_SHAPE"),
        (lambda: RNG.normal(size=(3, 32)).astype(np.float16), "INPUT_DTYPE"),
        (lambda: RNG.normal(size=(3, 32)).astype(">f8"), "INPUT_DTYPE"),
        (lambda: np.asfortranarray(RNG.normal(size=(3, 32))), "NPY_ORDER"),
        (lambda: np.full((3, 32), np.nan), "INPUT_NONFINITE"),
        (lambda: np.zeros((2, 3, 4)), "NPY_HEADER"),
    ],
)
def test_bad_matrices_are_one_clear_line(trained, run, tmp_path, make, code):
    np.save(tmp_path / "X.npy", make())
    done = run("score", trained[0] / "head", tmp_path / "X.npy", "--out", tmp_path / "out.jsonl")
    assert done.returncode == 1
    assert done.stderr.startswith(f"plmhead: {code} (")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.jsonl").exists()


def test_a_pickle_named_npy_is_not_opened(trained, run, tmp_path):
    np.save(tmp_path / "X.npy", np.array([object()]), allow_pickle=True)
    done = run("score", trained[0] / "head", tmp_path / "X.npy")
    assert (done.returncode, "INPUT_DTYPE" in done.stderr) == (1, True)


def test_an_empty_matrix_gives_no_lines(trained, run, tmp_path):
    np.save(tmp_path / "X.npy", np.empty((0, 32), dtype=np.float32))
    done = run("score", trained[0] / "head", tmp_path / "X.npy")
    assert (done.returncode, done.stdout) == (0, "")


def test_predict_equals_training_embeddings_and_score(trained, run, tmp_path, repository):
    folder = trained[0]
    done = run(
        "predict", folder / "head", "--data", repository / "examples/demo_sequences.csv", "--out", tmp_path / "y.csv"
    )
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "y.csv").read_text().splitlines()))
    assert list(rows[0]) == ["id", "sequence", "predicted_label", "probability", "decision"]
    head, X = plmhead.load(folder / "head"), np.load(folder / "X.npy")
    assert [float(row["decision"]) for row in rows] == head.decision_function(X).tolist()
    assert [float(row["probability"]) for row in rows] == head.predict_proba(X)[:, 1].tolist()
    assert [int(row["predicted_label"]) for row in rows] == head.predict(X).tolist()


def test_predict_reads_fasta(trained, run, tmp_path):
    (tmp_path / "x.fasta").write_text(">one first\nEVQLVESGGGLVQ\nPGGSLRLSCAAS\n>two\nqvqlqqsgaelar\n")
    done = run("predict", trained[0] / "head", "--data", tmp_path / "x.fasta")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [row["id"] for row in rows] == ["one", "two"]
    assert rows[0]["sequence"] == "EVQLVESGGGLVQPGGSLRLSCAAS"


def test_bad_rows_are_reported_by_number_before_any_embedding(trained, run, tmp_path):
    (tmp_path / "x.csv").write_text("sequence,label\nEVQLV,0\nEVQ1V,1\n,0\nEVQLV,\n")
    done = run("train", "--data", tmp_path / "x.csv", "--out", tmp_path / "head")
    assert done.returncode == 1
    assert done.stderr.startswith("plmhead: DATA (x.csv): ")
    for text in ("line 3:", "'1'", "position 4", "line 4:", "line 5:"):
        assert text in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.csv"]


def test_train_on_embeddings_made_elsewhere(run, tmp_path):
    X = RNG.normal(size=(60, 7)).astype(np.float32)
    np.save(tmp_path / "X.npy", X)
    labels = ["poly" if v > 0 else "clean" for v in X[:, 0]]
    (tmp_path / "y.csv").write_text("label\n" + "\n".join(labels) + "\n")
    done = run(
        "train",
        "--embeddings",
        tmp_path / "X.npy",
        "--labels",
        tmp_path / "y.csv",
        "--out",
        tmp_path / "head",
        "--folds",
        "3",
        "--standardize",
    )
    assert done.returncode == 0, done.stderr
    head = plmhead.load(tmp_path / "head")
    assert (head.classes.tolist(), head.config["embedding"], head.config["esm_model"]) == (
        ["clean", "poly"],
        None,
        None,
    )
    assert head.config["training"]["folded"] == ["standard_scaler"]
    done = run("predict", tmp_path / "head", "--data", tmp_path / "y.csv")
    assert (done.returncode, "no embedding contract" in done.stderr) == (1, True)


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["score", "a"], ["train"], ["verify"]])
def test_a_wrong_command_line_exits_2(run, arguments):
    assert run(*arguments).returncode == 2


def test_what_would_be_refused_at_the_end_is_refused_before_the_embedding(run, repository, tmp_path):
    data = [
        "--data",
        repository / "examples/demo_sequences.csv",
        "--out",
        tmp_path / "head",
        "--embeddings-out",
        tmp_path / "X.npy",
    ]
    for options in (
        ["--threshold", "7"],
        ["--folds", "500"],
        ["--assay-type", "a/b"],
        ["--assay-threshold", "A=3"],
        ["--seed", "-1"],
    ):
        done = run("train", *data, *options)
        assert done.returncode in (1, 2)
        assert "Traceback" not in done.stderr
        assert list(tmp_path.iterdir()) == []


def test_control_characters_of_a_file_do_not_reach_the_terminal(run, tmp_path, shared_data):
    old = shared_data / "published_v0" / "boughter_vh_esm1v_logreg"
    (tmp_path / "v.npz").write_bytes(old.with_name(f"{old.name}.npz").read_bytes())
    config = json.loads(old.with_name(f"{old.name}_config.json").read_text())
    (tmp_path / "v_config.json").write_text(json.dumps({**config, "solver": "\x1b[31mlbfgs\nverified  true"}))
    assert "\x1b" not in run("inspect", tmp_path / "v").stdout
    (tmp_path / "v_config.json").write_text(json.dumps({**config, "class_weight": {"\x1b[31m": -1}}))
    done = run("inspect", tmp_path / "v")
    assert (done.returncode, "\x1b" in done.stderr) == (1, False)


def test_options_that_would_have_no_effect_are_refused(run, repository):
    data = repository / "examples/demo_sequences.csv"
    for options in (
        ["--training.save_model", "false"],
        ["--device", "cpu"],
        ["--labels", data],
        ["--training.model_name", "x"],
    ):
        assert run("train", "--data", data, *options).returncode == 2
    done = run("train", "--config", repository / "configs/demo.yaml", "--threshold", "0.3")
    assert (done.returncode, "ARGUMENT (--threshold)" in done.stderr) == (2, True)


def test_missing_files_are_one_clear_line(run, tmp_path):
    for arguments in (
        ["inspect", tmp_path / "no"],
        ["score", tmp_path / "no", "X.npy"],
        ["train", "--data", tmp_path / "no.csv"],
    ):
        done = run(*arguments)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "Traceback" not in done.stderr


def test_a_closed_pipe_is_silent(trained, plmhead_command):
    import subprocess

    folder = trained[0]
    text = " ".join(map(str, [*plmhead_command, "score", folder / "head", folder / "X.npy"]))
    done = subprocess.run(f"{text} | head -1", shell=True, capture_output=True, text=True, timeout=60)
    assert (done.stdout.count("\n"), done.stderr) == (1, "")
