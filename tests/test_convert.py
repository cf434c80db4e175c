"""Pickles read as data: the same bits as the estimator's arrays, whoever pickled it; nothing in a file runs."""

from __future__ import annotations

import io
import json
import pickle
import re
import subprocess
import sys
import types
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import plmhead
from plmhead.errors import registry
from plmhead.pickles import convert
from plmhead.unpickle import read

FITTED = Path(__file__).parent / "fitted"
TOLD = sorted(path for path in FITTED.glob("*/*.pkl") if path.with_suffix(".npz").exists())
ONE_VS_REST = {"three_ovr", "three_liblinear"}
ESM = "facebook/esm1v_t33_650M_UR90S_1"


def label(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


def test_the_fitted_of_every_minor_version_are_here():
    assert {path.parent.name for path in TOLD} == {"1_5", "1_6", "1_7", "1_8", "1_9"}


# --- the bits


@pytest.mark.parametrize("path", [path for path in TOLD if path.stem not in ONE_VS_REST], ids=label)
def test_a_head_has_the_bits_of_the_estimators_arrays(path, tmp_path):
    with np.load(path.with_suffix(".npz")) as told:
        told = dict(told)
    saved = convert(path, tmp_path / "head")
    assert saved.proof.scikit_learn
    head = plmhead.load(saved.npz, require_verified=True)
    version = head.config["sklearn_version"]
    assert version.split(".")[:2] == path.parent.name.split("_"), "the one that fitted, not the one that is installed"
    coef, intercept = expected(told, path.stem)
    assert head.coef.dtype == coef.dtype
    assert head.coef.tobytes() == coef.tobytes()
    assert head.intercept.tobytes() == intercept.tobytes()
    assert head.classes.tolist() == told["classes_"].tolist()
    factor = 2 if "multinomial" in path.stem and "two" in path.stem else 1
    np.testing.assert_allclose(head.decision_function(told["X"]), factor * told["decision"], rtol=1e-11, atol=1e-11)
    # For float32 parameters scikit-learn computes in float32 where X is, and here X is float64.
    np.testing.assert_allclose(head.predict_proba(told["X"]), told["probability"], rtol=1e-10, atol=1e-12)


def expected(told, name):
    """Coefficients and intercepts of the head: the estimator's, the scaler folded in exact arithmetic with one rounding."""
    coef, intercept = told["coef_"], told["intercept_"]
    if "scale_" in told:
        centre = np.zeros(len(told["scale_"])) if "not_centred" in name else told["mean_"]
        shifts = [
            sum(Fraction(w) * Fraction(m) / Fraction(s) for w, m, s in zip(row, centre, told["scale_"], strict=True))
            for row in coef
        ]
        intercept = np.array([float(Fraction(b) - shift) for b, shift in zip(intercept, shifts, strict=True)])
        coef = coef / told["scale_"]
    factor = coef.dtype.type(2 if "multinomial" in name and "two" in name else 1)
    return np.ascontiguousarray(coef) * factor, intercept * factor


@pytest.mark.parametrize("path", [path for path in TOLD if path.stem in ONE_VS_REST], ids=label)
def test_one_vs_rest_models_are_refused_by_their_fitted_state(path, tmp_path):
    with pytest.raises(plmhead.InputError, match=r"ESTIMATOR .*one-vs-rest"):
        convert(path, tmp_path / "head")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("version", sorted(path.name for path in FITTED.iterdir()))
def test_protocols_and_joblibs_dumps_hold_the_same_head(version, tmp_path):
    pairs = {}
    for path in sorted(FITTED.glob(f"{version}/protocol_*")) + sorted(FITTED.glob(f"{version}/*.joblib")):
        saved = convert(path, tmp_path / path.stem)
        pairs[path.name] = saved.npz.read_bytes(), saved.config.read_bytes()
    protocols = {pair for name, pair in pairs.items() if name.startswith("protocol")}
    dumps = {pair for name, pair in pairs.items() if name.endswith(".joblib")}
    assert (len(pairs), len(protocols), len(dumps)) == (9, 1, 1)


LABELS = {
    "int": np.array([3, -1, 7, 0]),
    "float": np.array([0.0, 1.0, 2.0, 3.0]),
    "bool": np.array([False, True]),
    "str": np.array(["b", "", "Ünïcødé", "x" * 40]),
    "object": np.array(["b", "a", "c", "d"], dtype=object),
}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_converting_a_pickle_gives_the_bytes_of_saving_the_estimator(tmp_path, data):
    """For whatever the installed scikit-learn fits: the pair is the same, whether the estimator or its pickle was at hand."""
    kind = data.draw(st.sampled_from(sorted(LABELS)))
    k = data.draw(st.integers(2, len(LABELS[kind])))
    n = data.draw(st.integers(1, 9))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    X = (rng.normal(size=(40, n)) * 3).astype(dtype)
    index = np.arange(40) % k
    y = LABELS[kind][index]
    weights = {value: data.draw(st.floats(0.5, 2)) for value in LABELS[kind][:k].tolist()}
    model = LogisticRegression(
        C=data.draw(st.sampled_from([0.1, 1, np.float64(3), np.inf])),
        class_weight=data.draw(st.sampled_from([None, "balanced", weights])),
        random_state=data.draw(st.sampled_from([None, 0, np.int64(5)])),
        fit_intercept=data.draw(st.booleans()),
        max_iter=20,
    )
    scaler = StandardScaler(with_mean=data.draw(st.booleans()), with_std=data.draw(st.booleans()))
    estimator = make_pipeline(scaler, model) if data.draw(st.booleans()) else model
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # need not converge
        estimator.fit(X, y)
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(estimator, protocol=data.draw(st.integers(0, 5))))
    theirs, ours = plmhead.save(estimator, tmp_path / "a", quiet=True), convert(tmp_path / "m.pkl", tmp_path / "b")
    assert ours.npz.read_bytes() == theirs.npz.read_bytes()
    assert ours.config.read_bytes() == theirs.config.read_bytes()


def test_a_cross_validated_model_whose_classes_chose_differently_is_refused(tmp_path):
    rng = np.random.default_rng(2)
    model = LogisticRegressionCV(Cs=3, cv=3, **new_names()).fit(rng.normal(size=(60, 3)), np.arange(60) % 3)
    model.C_ = np.array([0.1, 1.0, 1.0])
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(model))
    with pytest.raises(plmhead.InputError, match="different C_ for different classes"):
        convert(tmp_path / "m.pkl")


def new_names():
    """What scikit-learn 1.9 wants said, lest it warn."""
    import sklearn

    told = {"use_legacy_attributes": True, "scoring": "accuracy", "l1_ratios": (0.0,)}
    return told if tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9) else {}


# --- the classifiers of the field


@pytest.fixture
def field_module(monkeypatch):
    """Defines BinaryClassifier at a place where the field has it, and returns how to pickle one."""

    def dumps(place: str, **state: object) -> bytes:
        module, _, name = place.rpartition(".")
        for i in range(len(module.split("."))):
            path = ".".join(module.split(".")[: i + 1])
            monkeypatch.setitem(sys.modules, path, types.ModuleType(path))
        kind = type(name, (), {"__module__": module})
        setattr(sys.modules[module], name, kind)
        thing = kind()
        vars(thing).update(state)
        return pickle.dumps(thing)

    return dumps


def fitted(n: int = 4):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, n))
    return LogisticRegression(max_iter=1000, random_state=42).fit(X, (X[:, 0] > 0).astype(int))


FIELD_STATE = {
    "random_state": 42, "is_fitted": True, "device": "cpu", "model_name": ESM, "max_iter": 1000, "class_weight": None, "C": 1.0,
    "penalty": "l2", "solver": "lbfgs", "batch_size": 8, "revision": "main", "classes_": np.array([0, 1]),
    "_params": {"model_name": ESM, "cv_folds": 10, "stratify": True},
}  # fmt: skip


@pytest.mark.parametrize(
    "place", ["classifier.BinaryClassifier", "antibody_training_esm.core.classifier.BinaryClassifier"]
)
def test_the_fields_classifier_keeps_its_thresholds_and_its_encoder(place, field_module, tmp_path):
    model = fitted()
    (tmp_path / "m.pkl").write_bytes(field_module(place, **FIELD_STATE, classifier=model))
    head = plmhead.load(convert(tmp_path / "m.pkl").npz)
    assert (head.coef == model.coef_).all()
    assert head.assay_thresholds == {"ELISA": 0.5, "PSR": 0.5495}
    config = head.config
    noted = [config[name] for name in ("esm_model", "esm_revision", "batch_size", "device")]
    assert noted == [ESM, "main", 8, "cpu"]
    # Its pooling counts the end token, as in version 0.
    assert (config["embedding"]["origin"], config["embedding"]["family"]) == ("version-0", "esm1v")


def test_thresholds_that_are_given_win(field_module, tmp_path):
    (tmp_path / "m.pkl").write_bytes(field_module("classifier.BinaryClassifier", **FIELD_STATE, classifier=fitted()))
    head = plmhead.load(convert(tmp_path / "m.pkl", threshold=0.25, assay_thresholds={"SPR": 0.75}).npz)
    assert (head.threshold, head.assay_thresholds) == (0.25, {"SPR": 0.75})


def test_an_encoder_whose_family_its_name_does_not_say(field_module, tmp_path):
    state = {**FIELD_STATE, "model_name": "/home/x/my-model"}
    (tmp_path / "m.pkl").write_bytes(field_module("classifier.BinaryClassifier", **state, classifier=fitted()))
    with pytest.raises(plmhead.InputError, match="--family"):
        convert(tmp_path / "m.pkl")
    head = plmhead.load(convert(tmp_path / "m.pkl", tmp_path / "a", family="esm2").npz)
    assert (head.config["esm_model"], head.config["embedding"]["family"]) == ("my-model", "esm2")
    head = plmhead.load(convert(tmp_path / "m.pkl", tmp_path / "b", family="none").npz)
    assert (head.config["esm_model"], head.config["embedding"]) == (None, None)


def test_our_own_classifier(tmp_path):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(40, 4))
    options = {"model_name": ESM, "device": "cpu", "max_iter": 100, "random_state": 0, "standardize": True}
    classifier = plmhead.BinaryClassifier(options).fit(X, X[:, 0] > 0)
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(classifier))
    head = plmhead.load(convert(tmp_path / "m.pkl").npz)
    assert head.coef.tobytes() == classifier.head.coef.tobytes()
    assert head.intercept.tobytes() == classifier.head.intercept.tobytes()
    assert head.config["embedding"]["origin"] == "declared"
    loaded = plmhead.load_model_from_npz(tmp_path / "m.npz", tmp_path / "m_config.json")
    (tmp_path / "again.pkl").write_bytes(pickle.dumps(loaded))
    with pytest.raises(plmhead.InputError, match="that artifact itself"):
        convert(tmp_path / "again.pkl")


# --- refusals


class Stranger:
    pass


@pytest.mark.parametrize(
    ("make", "code", "text"),
    [
        (lambda: LogisticRegression(), "ESTIMATOR", "not fitted"),
        (lambda: make_pipeline(MinMaxScaler(), fitted()), "PICKLE_CLASS", "MinMaxScaler"),
        (lambda: make_pipeline(StandardScaler(), StandardScaler(), fitted()), "ESTIMATOR", "a Pipeline of"),
        (lambda: make_pipeline(make_pipeline(fitted())), "ESTIMATOR", "Pipeline in a Pipeline"),
        (lambda: {"model": fitted()}, "ESTIMATOR", "a pickle of dict"),
        (lambda: [fitted()], "ESTIMATOR", "a pickle of list"),
        (lambda: Stranger(), "PICKLE_CLASS", "Stranger"),
        (lambda: {1, 2}, "PICKLE_FORM", "EMPTY_SET"),
        (lambda: changed(coef_=[[1.0, 2.0]]), "ESTIMATOR", "coef_"),
        (lambda: changed(coef_=np.array([["a"] * 4])), "ESTIMATOR", "coef_"),
        (lambda: changed(coef_=np.full((1, 4), np.nan)), "ESTIMATOR", "finite"),
        (lambda: changed(coef_=np.zeros((2, 2))), "ESTIMATOR", "shape"),
        (lambda: changed(classes_=np.array([0, 1j])), "PICKLE_FORM", "dtype"),
        (lambda: changed(classes_=np.array([0, None], dtype=object)), "LABELS", "NoneType"),
        (lambda: changed(classes_=np.array(["a\0", "b"], dtype=object)), "LABELS", "U+0000"),
        (lambda: changed(C="1"), "ESTIMATOR", "C of type str"),
        (lambda: changed(C=True), "ESTIMATOR", "C of type bool"),
        (lambda: changed(max_iter=2**70), "PICKLE_LIMIT", "71 bits"),
        (lambda: changed(random_state=np.random.RandomState(0)), "PICKLE_CLASS", "numpy.random"),
        (lambda: changed(class_weight={0: "x"}), "ESTIMATOR", "class_weight"),
        (lambda: changed(class_weight=[1, 2]), "ESTIMATOR", "class_weight"),
        (lambda: without("solver"), "ESTIMATOR", "without solver"),
        (lambda: without("C"), "ESTIMATOR", "without C"),
        (lambda: without("n_iter_"), "ESTIMATOR", "not fitted"),
    ],
)
def test_what_is_no_fitted_logistic_regression_is_refused(make, code, text, tmp_path):
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(make()))
    with pytest.raises(plmhead.InputError) as caught:
        convert(tmp_path / "m.pkl")
    assert (caught.value.code, text in caught.value.message) == (code, True), caught.value.message
    assert [path.name for path in tmp_path.iterdir()] == ["m.pkl"]


def changed(**state):
    model = fitted()
    vars(model).update(state)
    return model


def without(name):
    model = fitted()
    delattr(model, name)
    return model


def test_the_names_of_columns_are_no_obstacle(tmp_path):
    """A model fitted on a table of pandas holds their names, as an array of objects."""
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(changed(feature_names_in_=np.array(list("abcd"), dtype=object))))
    assert (plmhead.load(convert(tmp_path / "m.pkl").npz).coef == fitted().coef_).all()


def test_a_scaler_of_another_width_is_not_broadcast(tmp_path):
    model = make_pipeline(StandardScaler(), fitted())
    vars(model.steps[0][1]).update(mean_=np.zeros(1), scale_=np.ones(1), n_features_in_=1)
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(model))
    with pytest.raises(plmhead.InputError, match="scaler of shape"):
        convert(tmp_path / "m.pkl")


def test_compressions(tmp_path):
    data = pickle.dumps(fitted())
    for name, content, text in (
        ("cut", zlib.compress(data)[:-9], "ends before"),
        ("more", zlib.compress(data) + b"x", "within the file"),
        ("bz2", b"BZh91AY&SY" + data, "bzip2"),
        ("xz", b"\xfd7zXZ\0" + data, "xz"),
        ("damaged", b"\x78\x9c" + data, "damaged"),
        ("trailing", data + b"x", "after the end"),
        ("empty", b"", "no pickle"),
        ("string of Python 2", b"S'\\c'\n.", "the opcode STRING"),
    ):
        (tmp_path / f"{name}.pkl").write_bytes(content)
        with pytest.raises(plmhead.InputError, match=text) as caught:
            convert(tmp_path / f"{name}.pkl")
        assert caught.value.code == "PICKLE_FORM"


# --- nothing runs


def test_no_exploit_runs(repository):
    """One in 29 of `make exploits`, each of which runs under a plain loader: in a process of its own, since that forks."""
    pytest.importorskip("hostile.exploits", reason="needs os.fork")
    command = [sys.executable, "-m", "hostile.exploits", "--every", "29"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=repository)
    assert done.returncode == 0, done.stderr
    live, not_live = re.search(r"control: (\d+) run .*, (\d+) do not", done.stdout).groups()
    assert int(live) > 70
    assert int(not_live) == 0
    assert re.search(r"^exploits: \d+ tried, 0 executed$", done.stdout, re.MULTILINE)


CARELESS = """
import contextlib, pickle
from hostile import exploits
from plmhead import InputError

def careless(path, name):
    with contextlib.suppress(Exception):  # after the harm
        pickle.loads(path.read_bytes())
    raise InputError("ESTIMATOR", "estimator", "found nothing")

outcome = exploits.run(every=97, opens=careless)
print(len(outcome.executed))
"""


def test_the_exploits_are_noticed_where_they_run(repository):
    """The same search on a reader that is none, to show that it can fail."""
    pytest.importorskip("hostile.exploits", reason="needs os.fork")
    done = subprocess.run([sys.executable, "-c", CARELESS], capture_output=True, text=True, timeout=300, cwd=repository)
    assert int(done.stdout) > 20, done.stderr


SEEDS = [path.read_bytes() for path in sorted(FITTED.glob("1_9/*")) if path.suffix != ".npz"]


def refusal(action):
    """The code with which it is refused, or None. Any other exception is a failure of the test."""
    try:
        action()
    except (plmhead.InputError, plmhead.FormatError) as fault:
        return fault.code
    return None


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_pickle_is_refused_or_read_and_nothing_else(tmp_path, data):
    seed = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(seed) - 1))
        how = data.draw(st.sampled_from(["set", "insert", "delete", "copy"]))
        if how == "set":
            seed[at] = data.draw(st.integers(0, 255))
        elif how == "insert":
            seed[at:at] = data.draw(st.binary(max_size=6))
        elif how == "delete":
            del seed[at : at + data.draw(st.integers(1, 6))]
        else:
            seed[at:at] = seed[at // 2 : at // 2 + 30]
        seed = seed or bytearray(b".")
    (tmp_path / "m.pkl").write_bytes(seed)
    assert refusal(lambda: plmhead.load(convert(tmp_path / "m.pkl", tmp_path / "head").npz)) in {None, *registry()}


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(data):
    for start in (b"", b"S", b"\x80\x04", b"\x80\x04\x8c\x05numpy\x8c\x05dtype\x93"):
        assert refusal(lambda content=start + data: read(content)) in {None, *registry()}


WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("sklearn", "joblib", "scipy"):
            raise ImportError(name)
sys.meta_path.insert(0, Absent())
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "sklearn" else find(name, package)
from plmhead.cli import main
code = main(["convert", *sys.argv[1:]])
assert not {"sklearn", "joblib", "scipy"} & set(sys.modules)
sys.exit(code)
"""


def test_it_needs_no_scikit_learn_and_says_what_it_proved(tmp_path, run):
    path = FITTED / "1_7/two_multinomial_scaled.pkl"
    done = run("convert", path, "-o", tmp_path / "a")
    assert "proved against scikit-learn on 65 random" in done.stdout
    command = [sys.executable, "-c", WITHOUT, path, "-o", tmp_path / "b"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "proved against the formula alone (scikit-learn is not installed)" in done.stdout
    for suffix in (".npz", "_config.json"):
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize("name", ["unpickle", "pickled_arrays", "pickles", "signing", "edit"])
def test_no_loader_imports_it(name):
    script = "import plmhead, sys; print(sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert f"'plmhead.{name}'" not in modules


# --- the command line


def test_on_the_command_line(tmp_path, run):
    (tmp_path / "poly.pkl").write_bytes((FITTED / "1_6/two_strings.pkl").read_bytes())
    done = run("convert", tmp_path / "poly.pkl", "--threshold", "0.25", "--assay-threshold", "PSR=0.75")
    assert (done.returncode, done.stderr) == (0, "")
    record = json.loads(run("inspect", tmp_path / "poly", "--json").stdout)
    assert (record["threshold"], record["assay_thresholds"]) == (0.25, {"PSR": 0.75})
    assert (record["sklearn_version"], record["classes"]) == ("1.6.1", ["clean", "polyreactive"])
    done = run("convert", tmp_path / "poly.pkl")
    assert (done.returncode, "OUTPUT" in done.stderr, "--out" in done.stderr) == (1, True, True), (
        "nothing is replaced unasked"
    )
    assert run("convert", tmp_path / "poly.pkl", "--out", tmp_path / "poly").returncode == 0


def test_a_hostile_file_is_one_clear_line(tmp_path, run):
    (tmp_path / "m.pkl").write_bytes(b"cos\x1b[31m\nsystem\n(Vtouch x\ntR.")
    for path in (tmp_path / "m.pkl", tmp_path / "none.pkl", tmp_path):
        done = run("convert", path)
        assert done.returncode == 1
        assert done.stderr.startswith("plmhead: PICKLE_")
        assert (done.stderr.count("\n"), "\x1b" in done.stderr) == (1, False)
    assert "os\\x1b[31m.system" in run("convert", tmp_path / "m.pkl").stderr
    with pytest.raises(plmhead.InputError) as caught:
        convert(tmp_path / "m.pkl")
    assert caught.value.message.isprintable()


def test_a_stream_position_is_where_the_name_stands():
    data = pickle.dumps([1, 2, Stranger()], protocol=2)
    with pytest.raises(plmhead.InputError) as caught:
        read(data)
    at = int(caught.value.where.removeprefix("pickle@"))
    assert data[at:].startswith(b"c" + Stranger.__module__.encode())
    assert isinstance(read(io.BytesIO(pickle.dumps((1, "a", None, 2.5))).getvalue()), tuple)
