"""The interface of training code in the field (DESIGN section 7), from outside, with the small ESM through torch."""

from __future__ import annotations

import copy
import importlib.util
import json
import logging
import os
import pickle
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

import plmhead
from plmhead import BinaryClassifier, InputError, load_model_from_npz, save_model, train_model

yaml = pytest.importorskip("yaml", reason="needs PyYAML")
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs torch: pip install 'plmhead[torch]'"
)

REPOSITORY = Path(__file__).resolve().parents[1]
RNG = np.random.default_rng(4)
X = RNG.normal(size=(120, 32)).astype(np.float32)
Y = (X[:, 0] + 0.5 * RNG.normal(size=120) > 0).astype(int)
LOG = logging.getLogger("test")


def make(**changes):
    required = {"model_name": "plmhead/random-esm2-tiny", "device": "cpu", "max_iter": 1000, "random_state": 42}
    return BinaryClassifier(**{**required, **changes})


def training_config(folder, **changes):
    return {"training": {"save_model": True, "model_name": "head", "model_save_dir": str(folder), **changes}}


@pytest.fixture
def fitted():
    return make().fit(X, Y)


def test_save_model_dual_format(fitted, tmp_path):
    paths = save_model(fitted, training_config(tmp_path / "models"), LOG)
    assert set(paths) == {"pickle", "npz", "config"}
    assert [Path(path).name for path in paths.values()] == ["head.pkl", "head.npz", "head_config.json"]
    assert all(Path(path).exists() for path in paths.values())
    assert save_model(fitted, training_config(tmp_path / "none", save_model=False), LOG) == {}
    assert not (tmp_path / "none").exists()
    paths = save_model(fitted, training_config(tmp_path / "plain", save_pickle=False), LOG)
    assert set(paths) == {"npz", "config"}
    assert sorted(path.name for path in (tmp_path / "plain").iterdir()) == ["head.npz", "head_config.json"]


def test_npz_arrays_match_pickle(fitted, tmp_path):
    paths = save_model(fitted, training_config(tmp_path), LOG)
    estimator = pickle.loads(Path(paths["pickle"]).read_bytes()).classifier
    with np.load(paths["npz"], allow_pickle=False) as npz:
        for name in ("coef", "intercept", "classes", "n_iter"):
            expected = getattr(estimator, f"{name}_")
            assert npz[name].dtype == expected.dtype
            assert npz[name].tobytes() == np.ascontiguousarray(expected).tobytes()
        assert npz["n_features_in"].tolist() == [estimator.n_features_in_]
        assert npz["n_features_in"].dtype == np.int64
        assert len(npz.files) == 5


def test_load_from_npz(fitted, tmp_path):
    paths = save_model(fitted, training_config(tmp_path), LOG)
    opened, modules = [], []

    def watch(event, arguments):
        if event == "open":
            opened.append(str(arguments[0]))
        if event == "pickle.find_class":
            modules.append(arguments)

    sys.addaudithook(watch)
    loaded = load_model_from_npz(paths["npz"], paths["config"])
    assert not [path for path in opened if path.endswith(".pkl")]
    assert modules == []
    for method in ("predict", "predict_proba", "decision_function"):
        assert getattr(loaded, method)(X).tobytes() == getattr(fitted, method)(X).tobytes()
    assert loaded.predict(X, assay_type="PSR").tolist() == fitted.predict(X, assay_type="PSR").tolist()
    assert loaded.score(X, Y) == fitted.score(X, Y)
    assert loaded.classifier.predict(X).tolist() == fitted.classifier.predict(X).tolist()


@needs_torch
def test_full_training_saves_dual_format(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("configs", "examples"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    results = train_model("configs/config.yaml")
    assert set(results) == {"train_metrics", "cv_metrics", "config", "model_paths"}
    assert {"cv_accuracy", "cv_f1", "cv_roc_auc"} <= set(results["cv_metrics"])
    assert set(results["cv_metrics"]["cv_f1"]) == {"mean", "std"}
    assert results["cv_metrics"]["cv_roc_auc"]["mean"] > 0.6
    assert 0.5 < results["train_metrics"]["accuracy"] <= 1
    assert results["config"]["classifier"]["cv_folds"] == 10
    assert all(Path(path).exists() for path in results["model_paths"].values())
    config = json.loads(Path(results["model_paths"]["config"]).read_text())
    assert config["metrics"]["cross_validation"]["scores"]["roc_auc"] == results["cv_metrics"]["cv_roc_auc"]
    assert config["training"]["rows"] == 200
    assert config["embedding"]["origin"] == "plmhead"
    assert len(config["golden"]) == 6
    loaded = load_model_from_npz(results["model_paths"]["npz"], results["model_paths"]["config"])
    first = pickle.loads(Path(results["model_paths"]["pickle"]).read_bytes())
    vectors = first.embedding_extractor.extract_batch_embeddings(["EVQLVESGGGLVQPGG", "QVQLQQSGAELARPG"])
    assert loaded.predict_proba(vectors).tobytes() == first.predict_proba(vectors).tobytes()


@pytest.mark.parametrize("loaded", [False, pytest.param(True, marks=needs_torch)], ids=["declared", "encoder at hand"])
def test_the_twelve_fields(fitted, tmp_path, loaded, twelve_fields):
    if loaded:
        fitted.embedding_extractor.load()
    paths = save_model(fitted, training_config(tmp_path), LOG)
    config = json.loads(Path(paths["config"]).read_text())
    assert config["embedding"]["origin"] == ("plmhead" if loaded else "declared")
    assert (config["golden"] is not None) == loaded
    assert {name: config[name] for name in twelve_fields if name != "sklearn_version"} == {
        "model_type": "LogisticRegression",
        "C": 1.0,
        "penalty": "l2",
        "solver": "lbfgs",
        "class_weight": None,
        "max_iter": 1000,
        "random_state": 42,
        "esm_model": "plmhead/random-esm2-tiny",
        "esm_revision": "main",
        "batch_size": 8,
        "device": "cpu",
    }
    assert config["decision"] == {"threshold": 0.5, "assay_thresholds": {"ELISA": 0.5, "PSR": 0.5495}}


@pytest.mark.parametrize("weights", [None, "balanced", {0: 1.0, 1: 2.0}], ids=str)
def test_class_weight_comes_back(tmp_path, weights):
    paths = save_model(make(class_weight=weights).fit(X, Y), training_config(tmp_path), LOG)
    loaded = load_model_from_npz(paths["npz"], paths["config"])
    assert loaded.class_weight == weights
    assert loaded.get_params()["class_weight"] == weights
    if isinstance(weights, dict):
        assert all(type(key) is int for key in loaded.class_weight)


@needs_torch
def test_an_artifact_saved_on_mps_loads_on_cpu(fitted, tmp_path, run):
    paths = save_model(fitted, training_config(tmp_path), LOG)
    assert run("amend", paths["npz"], "--set", '/device="mps"').returncode == 0
    loaded = load_model_from_npz(paths["npz"], paths["config"])
    assert loaded.device is None
    expected = fitted.embedding_extractor.embed_sequence("EVQLVESGG")
    assert loaded.embedding_extractor.embed_sequence("EVQLVESGG").tobytes() == expected.tobytes()


@needs_torch
def test_a_field_config_with_every_listed_key(tmp_path):
    field = {
        "model": {"name": "plmhead/random-esm2-tiny", "revision": "main", "device": "cpu"},
        "data": {
            "source": "hf", "dataset_name": "boughter", "train_file": str(REPOSITORY / "examples/demo_sequences.csv"),
            "test_file": "test.csv", "save_embeddings": True, "embeddings_cache_dir": "cache", "max_sequence_length": 1022,
            "sequence_column": "sequence", "label_column": "label",
        },
        "classifier": {
            "type": "logistic_regression", "C": 1.0, "penalty": "l2", "solver": "lbfgs", "max_iter": 1000,
            "random_state": 42, "class_weight": None, "cv_folds": 3, "stratify": True, "standardize": False,
        },
        "training": {
            "n_splits": 10, "metrics": ["accuracy", "f1"], "save_model": True, "save_pickle": True, "model_name": "field",
            "model_save_dir": str(tmp_path), "batch_size": 8, "log_level": "INFO", "log_file": "x.log", "num_workers": 4,
        },
        "experiment": {"name": "e1", "tags": ["a"], "nested": {"deep": 1}},
        "hardware": {"device": "cuda", "gpu_memory_fraction": 0.8},
    }  # fmt: skip
    (tmp_path / "field.yaml").write_text(yaml.safe_dump(field))
    results = train_model(tmp_path / "field.yaml")
    assert set(results["model_paths"]) == {"pickle", "npz", "config"}
    assert results["config"]["classifier"]["cv_folds"] == 3


def test_cross_val_score_and_clone():
    scores = cross_val_score(make(), X, Y, cv=5)
    assert scores.shape == (5,)
    assert scores.mean() > 0.7


def test_params():
    classifier = make(C=0.5)
    assert classifier.get_params()["C"] == 0.5
    assert classifier.set_params(C=2.0) is classifier
    assert classifier.classifier.C == 2.0
    with pytest.raises(ValueError, match="expected one of"):
        classifier.set_params(c=1.0)
    with pytest.raises(ValueError, match="'foo'"):
        make(foo=1)
    mapping = {"model_name": "m", "device": "cpu", "max_iter": 10, "random_state": None, "cv_folds": 5}
    assert BinaryClassifier(mapping).get_params()["random_state"] is None
    for name in ("random_state", "model_name", "device", "max_iter"):
        with pytest.raises(ValueError, match=name):
            BinaryClassifier({key: value for key, value in mapping.items() if key != name})


def test_thresholds_by_assay(fitted):
    p1 = fitted.predict_proba(X)[:, 1]
    assert BinaryClassifier.ASSAY_THRESHOLDS == {"ELISA": 0.5, "PSR": 0.5495}
    assert (fitted.predict(X, assay_type="PSR") == (p1 > 0.5495)).all()
    assert (fitted.predict(X, threshold=0.3) == (p1 > 0.3)).all()
    with pytest.raises(ValueError, match="ELISA, PSR"):
        fitted.predict(X, assay_type="other")


def test_picklable_without_its_encoder(fitted):
    twin = pickle.loads(pickle.dumps(fitted))
    assert twin.predict_proba(X).tobytes() == fitted.predict_proba(X).tobytes()
    assert len(pickle.dumps(fitted)) < 40_000, "the encoder's weights alone are over 100,000 bytes"
    assert copy.deepcopy(fitted).predict(X).tolist() == fitted.predict(X).tolist()


def test_a_random_state_object_is_refused_before_the_first_embedding(tmp_path):
    with pytest.raises(InputError, match=r"ESTIMATOR .*RandomState"):
        make(random_state=np.random.RandomState(0)).fit(X, Y)


def test_a_refused_export_leaves_the_pickle(fitted, tmp_path):
    with pytest.raises(plmhead.FormatError, match="FIELD_VALUE"):
        save_model(fitted, training_config(tmp_path), LOG, training={"dataset": "a/path"})
    assert [path.name for path in tmp_path.iterdir()] == ["head.pkl"]


def test_standardised_training_folds_the_scaler(tmp_path):
    classifier = make(standardize=True).fit(X, Y)
    paths = save_model(classifier, training_config(tmp_path), LOG)
    loaded = load_model_from_npz(paths["npz"], paths["config"])
    assert loaded.predict_proba(X).tobytes() == classifier.predict_proba(X).tobytes()
    np.testing.assert_allclose(loaded.predict_proba(X), classifier.classifier.predict_proba(X), atol=2e-6)
    assert type(loaded.classifier).__name__ == "LogisticRegression"


def test_a_foreign_scikit_learn_version_is_one_warning(fitted, tmp_path, run):
    paths = save_model(fitted, training_config(tmp_path), LOG)
    assert run("amend", paths["npz"], "--set", '/sklearn_version="3.0.1"').returncode == 0
    with pytest.warns(UserWarning, match=r"fitted by scikit-learn 3\.0\.1") as caught:
        load_model_from_npz(paths["npz"], paths["config"])
    assert len(caught) == 1
    assert run("amend", paths["npz"], "--set", '/sklearn_version="1.6.0"').returncode == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_model_from_npz(paths["npz"], paths["config"])


CONFIG = {
    "model": {"name": "plmhead/random-esm2-tiny", "device": "cpu"},
    "data": {"train_file": "train.csv"},
    "training": {"model_save_dir": "out"},
}
GOOD = "sequence,label\n" + "".join(f"EVQLVESG{'GA'[i % 2] * (i % 7 + 1)},{i % 2}\n" for i in range(40))


def changed(section, **members):
    return {**CONFIG, section: {**CONFIG.get(section, {}), **members}}


@pytest.mark.parametrize(
    ("text", "config", "expected"),
    [
        ("sequence\nEVQL\n", CONFIG, r"DATA \(train.csv\): .*'label'"),
        ("sequence,label,label\nEVQL,0,1\n", CONFIG, r"DATA .*more than once"),
        (GOOD.replace(",1", ",0"), CONFIG, r"DATA .*class"),
        (GOOD + "EVQL,nan\n", CONFIG, r"line 42: found the label"),
        (GOOD, changed("classifier", cv_folds=21), r"DATA \(folds\): found 21 folds for 20"),
        (GOOD, changed("classifier", cv_folds="ten"), r"CONFIG \(classifier.cv_folds\): found 'ten'"),
        (
            GOOD,
            changed("classifier", max_iters=5),
            r"CONFIG \(classifier.max_iters\).*did you mean classifier.max_iter\?",
        ),
        (GOOD, {**CONFIG, "clasifier": {"C": 1}}, r"CONFIG .*did you mean classifier"),
        (GOOD, changed("classifier", solver="nonsense"), r"ESTIMATOR \(parameters\): scikit-learn refused"),
        (GOOD, changed("classifier", C=-1.0), r"ESTIMATOR \(parameters\): scikit-learn refused"),
        (GOOD, changed("training", metrics=["acuracy"]), r"CONFIG \(training.metrics\)"),
        (GOOD, changed("data", max_sequence_length=10), r"DATA .*max_sequence_length"),
        pytest.param(GOOD, changed("model", name="no/such-folder-here/at-all"), r"ENCODER", marks=needs_torch),
        pytest.param(GOOD, changed("model", device="cuda:7"), r"DEVICE", marks=needs_torch),
        (GOOD, {"data": {"train_file": "train.csv"}}, r"CONFIG \(model.name\): found no model.name"),
        (GOOD, changed("data", train_file="absent.csv"), r"DATA \(absent.csv\)"),
    ],
)
def test_bad_input_is_one_clear_line_and_writes_nothing(tmp_path, monkeypatch, text, config, expected):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    Path("train.csv").write_text(text)
    with pytest.raises(InputError, match=expected) as caught:
        train_model(config)
    assert "\n" not in str(caught.value) or "rows are not usable" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["train.csv"]


@pytest.mark.parametrize(
    "text", ["model: [", "- a\n- b\n", "model:\n  name: a\nmodel:\n  name: b\n", "model: 3\n", "\x00"]
)
def test_bad_yaml_is_a_config_error(tmp_path, text):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(InputError, match="CONFIG"):
        train_model(tmp_path / "c.yaml")


@needs_torch
def test_every_key_is_an_option(tmp_path, run):
    done = run(
        "train", "--config", REPOSITORY / "configs/demo.yaml", "--data", REPOSITORY / "examples/demo_sequences.csv",
        "--classifier.cv_folds", "4", "--training.save_pickle", "false", "--out", tmp_path / "cli",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "4-fold stratified" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cli.npz", "cli_config.json"]
    done = run("train", "--help")
    from plmhead.settings import KEYS

    assert all(f"--{name} " in done.stdout for name in KEYS)


def test_a_loaded_head_keeps_its_meaning_when_saved_again(tmp_path, run):
    first = save_model(make().fit(X, Y), training_config(tmp_path / "a"), LOG)
    changes = ["--set", "/decision/threshold=0.9", "--set", '/decision/assay_thresholds={"Q": 0.2}']
    changes += ["--set", '/embedding/origin="version-0"']
    assert run("amend", first["npz"], *changes).returncode == 0
    loaded = load_model_from_npz(first["npz"], first["config"])
    assert loaded.predict(X).tolist() == plmhead.load(first["npz"]).predict(X).tolist()
    again = save_model(loaded, training_config(tmp_path / "b"), LOG)
    for name in ("npz", "config"):
        assert Path(again[name]).read_bytes() == Path(first[name]).read_bytes()
    refitted = save_model(loaded.fit(X, Y), training_config(tmp_path / "c"), LOG)
    assert plmhead.load(refitted["npz"]).threshold == 0.5


def test_a_loaded_version_0_head_stays_marked(tmp_path, shared_data):
    old = shared_data / "published_v0" / "boughter_vh_esm1v_logreg"
    loaded = load_model_from_npz(f"{old}.npz", f"{old}_config.json")
    paths = save_model(loaded, training_config(tmp_path), LOG)
    assert plmhead.load(paths["npz"]).config["embedding"]["origin"] == "version-0"


@pytest.mark.parametrize("penalty", ["L1", "none", "l3", "elasticnet"])
def test_a_penalty_that_cannot_be_meant_is_refused(penalty):
    with pytest.raises(InputError, match="ESTIMATOR"):
        make(penalty=penalty, solver="saga").fit(X, Y)


def test_elasticnet_keeps_its_ratio(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # saga stops before it converges
        classifier = make(penalty="elasticnet", l1_ratio=0.3, solver="saga", max_iter=50).fit(X, Y)
    paths = save_model(classifier, training_config(tmp_path), LOG)
    loaded = load_model_from_npz(paths["npz"], paths["config"])
    assert (loaded.penalty, loaded.l1_ratio) == ("elasticnet", 0.3)


@needs_torch
def test_predict_runs_the_named_model_and_never_fetches_unasked(fitted, tmp_path, run):
    fitted.embedding_extractor.load()
    paths = save_model(fitted, training_config(tmp_path), LOG)
    (tmp_path / "x.csv").write_text("sequence\nEVQLVESGG\nQVQLQQSGA\n")
    lines = {}
    for name, options in (("onnx", []), ("torch", ["--model", "plmhead/random-esm2-tiny", "--device", "cpu"])):
        done = run("predict", paths["npz"], "--data", tmp_path / "x.csv", *options)
        assert done.returncode == 0, done.stderr
        lines[name] = [float(line.split(",")[-1]) for line in done.stdout.splitlines()[1:]]
    np.testing.assert_allclose(lines["onnx"], lines["torch"], atol=1e-4)
    done = run("predict", paths["npz"], "--data", tmp_path / "x.csv", "--model", "plmhead/random-esm1v-tiny")
    assert (done.returncode, "ENCODER (/embedding/family)" in done.stderr) == (1, True)
    changes = ["--set", '/esm_model="owner/elsewhere"', "--set", '/embedding/checkpoint="owner/elsewhere"']
    assert run("amend", paths["npz"], *changes).returncode == 0
    done = run(
        "predict", paths["npz"], "--data", tmp_path / "x.csv", env={**os.environ, "HF_HOME": str(tmp_path / "hub")}
    )
    assert (done.returncode, done.stderr.startswith("plmhead: ENCODER (owner/elsewhere)")) == (1, True)


@needs_torch
def test_the_real_sequences_through_torch_score_equal_in_every_language(tmp_path, run, shared_data):
    """Cross-validated on 914 real sequences; the 86 clinical antibodies by Python, Rust and JavaScript, by bits."""
    import csv
    import subprocess

    train = shared_data / "antibodies/boughter_vh_train.csv"
    done = run("train", "--config", REPOSITORY / "configs/demo.yaml", "--data", train, "--out", tmp_path / "real")
    assert done.returncode == 0, done.stderr
    assert "10-fold stratified cross-validation" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["real.npz", "real.pkl", "real_config.json"]
    test = shared_data / "antibodies/jain_vh_test.csv"
    done = run("predict", tmp_path / "real", "--data", test, "--out", tmp_path / "jain.csv")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "jain.csv").read_text().splitlines()))
    assert len(rows) == 86
    vectors = plmhead.ESMEmbeddingExtractor("plmhead/random-esm2-tiny", "cpu").embed([row["sequence"] for row in rows])
    np.save(tmp_path / "jain.npy", vectors)
    lines = run("score", tmp_path / "real", tmp_path / "jain.npy").stdout
    for command in (["rust-loader/target/release/plmhead"], ["node", "js-loader/src/cli.js"]):
        other = subprocess.run(
            [*command, "score", tmp_path / "real", tmp_path / "jain.npy"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        )
        assert list(map(json.loads, other.stdout.splitlines())) == list(map(json.loads, lines.splitlines()))
