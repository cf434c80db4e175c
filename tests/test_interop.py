"""ONNX both ways: graphs of skl2onnx become pairs, and heads become graphs that onnxruntime scores inside the proved intervals."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import plmhead
from plmhead.errors import FormatError, InputError
from plmhead.prove import gamma

onnx = pytest.importorskip("onnx", reason="needs onnx: pip install 'plmhead[interop]'")
skl2onnx = pytest.importorskip("skl2onnx", reason="needs skl2onnx: pip install skl2onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper  # noqa: E402

from plmhead.onnx_export import to_onnx  # noqa: E402
from plmhead.onnx_import import MAX_BYTES  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[1]
RNG = np.random.default_rng(5)
X = RNG.normal(size=(90, 6)) * 3 + 1
TWO, THREE = (X[:, 0] > 1).astype(int), RNG.integers(0, 3, 90)
NO_ZIPMAP = {"zipmap": False}


def fitted(model, y=TWO):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn renames parameters, and scipy options that it passes
        return model.fit(X, y)


MODELS = {
    "two classes": lambda: fitted(LogisticRegression()),
    "three classes": lambda: fitted(LogisticRegression(), THREE),
    "strings": lambda: fitted(LogisticRegression(), np.array(["bindet", "bindet nicht", "é"])[THREE]),
    "negative labels": lambda: fitted(LogisticRegression(), np.array([-3, 7])[TWO]),
    "cross-validated": lambda: fitted(LogisticRegressionCV(Cs=3, cv=3)),
    "no intercept": lambda: fitted(LogisticRegression(fit_intercept=False), THREE),
    "scaler": lambda: fitted(make_pipeline(StandardScaler(), LogisticRegression())),
    "scaler, three": lambda: fitted(make_pipeline(StandardScaler(), LogisticRegression()), THREE),
    "scaler without mean": lambda: fitted(make_pipeline(StandardScaler(with_mean=False), LogisticRegression())),
    "scaler without std": lambda: fitted(make_pipeline(StandardScaler(with_std=False), LogisticRegression()), THREE),
}


def graph_of(model, double=True, options=NO_ZIPMAP, **more):
    kind = skl2onnx.common.data_types.DoubleTensorType if double else skl2onnx.common.data_types.FloatTensorType
    return skl2onnx.to_onnx(model, initial_types=[("X", kind([None, 6]))], options=options, **more)


def converted(model, folder: Path, **options):
    """The head of a graph, by way of a file."""
    path = folder / "graph.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return plmhead.load(plmhead.convert(path, folder / "pair", **options).npz, require_verified=True)


def session(graph) -> onnxruntime.InferenceSession:
    data = graph if isinstance(graph, bytes) else graph.SerializeToString()
    return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])


# --- from ONNX


@pytest.mark.parametrize("options", [NO_ZIPMAP, None], ids=["arrays", "zipmap"])
@pytest.mark.parametrize("name", MODELS)
def test_a_graph_in_float64_gives_back_what_was_fitted(name, options, tmp_path):
    model = MODELS[name]()
    head = converted(graph_of(model, options=options), tmp_path)
    twin = plmhead.writer.head_of(model)  # what `save` would have written of the estimator itself
    np.testing.assert_array_equal(head.coef, twin.coef)
    np.testing.assert_array_equal(head.intercept, twin.intercept)
    assert head.classes.tolist() == twin.classes.tolist()
    assert head.config.get("training") == twin.config.get("training")
    assert head.config["extensions"]["plmhead.import"]["coefficients"] == "float64"


@pytest.mark.parametrize("options", [NO_ZIPMAP, None], ids=["arrays", "zipmap"])
@pytest.mark.parametrize("name", MODELS)
def test_a_graph_in_float32_scores_as_the_graph(name, options, tmp_path):
    model = MODELS[name]()
    graph = graph_of(model, double=False)
    head = converted(graph_of(model, double=False, options=options), tmp_path)
    labels, probabilities = session(graph).run(None, {"X": X.astype(np.float32)})
    p = head.predict_proba(X.astype(np.float32))
    np.testing.assert_allclose(p, probabilities, atol=3e-6, rtol=0)
    clear = np.sort(p, axis=1)[:, -1] - np.sort(p, axis=1)[:, -2] > 1e-5
    assert (head.predict(X.astype(np.float32)) == labels)[clear].all()
    assert head.config["extensions"]["plmhead.import"]["coefficients"] == "float32"
    if "scaler" not in name:
        assert head.coef.dtype == np.float32


@pytest.mark.parametrize("opset", [9, 11, 13, 18])
@pytest.mark.parametrize("double", [False, True])
def test_graphs_of_older_and_newer_operator_sets(opset, double, tmp_path):
    model = MODELS["scaler, three"]()
    head = converted(graph_of(model, double, target_opset=opset), tmp_path)
    np.testing.assert_allclose(head.predict_proba(X), model.predict_proba(X), atol=1e-14 if double else 3e-6, rtol=0)


def test_two_classes_by_softmax_are_doubled(tmp_path):
    """What skl2onnx writes of multi_class="multinomial", which scikit-learn from 1.8 no longer fits."""
    graph = graph_of(MODELS["two classes"](), double=False)
    (attribute,) = [a for a in graph.graph.node[0].attribute if a.name == "post_transform"]
    attribute.s = b"SOFTMAX"
    head = converted(graph, tmp_path)
    _, probabilities = session(graph).run(None, {"X": X.astype(np.float32)})
    np.testing.assert_allclose(head.predict_proba(X.astype(np.float32)), probabilities, atol=3e-6, rtol=0)
    assert head.config["training"]["folded"] == ["two_class_multinomial"]


def test_what_the_graph_does_not_say_is_said(tmp_path):
    head = converted(graph_of(MODELS["two classes"]()), tmp_path, threshold=0.3, assay_thresholds={"PSR": 0.6})
    origin = head.config["extensions"]["plmhead.import"]
    assert origin["producer"].startswith("skl2onnx ")
    assert {"C", "penalty", "n_iter"} <= set(origin["not_known"])
    assert (head.config["sklearn_version"], head.n_iter.tolist()) == (None, [0])
    assert (head.threshold, head.assay_thresholds) == (0.3, {"PSR": 0.6})


def refusal(graph, folder) -> InputError:
    with pytest.raises(InputError) as caught:
        converted(graph, folder)
    assert not list(folder.glob("pair*"))
    return caught.value


@pytest.mark.parametrize(
    ("graph", "where", "found"),
    [
        (lambda: graph_of(fitted(make_pipeline(MinMaxScaler(), LogisticRegression())), False), "Ca_Cast", "Cast of features"),
        (lambda: graph_of(fitted(make_pipeline(MinMaxScaler(), LogisticRegression()))), "Ca_Cast", "Cast of features"),
        (lambda: graph_of(MODELS["two classes"](), False, {"zipmap": "columns"}), "Slice", "Slice of scores"),
        (lambda: to_onnx(plmhead.writer.head_of(MODELS["two classes"]())), "negated", "Neg of raw"),
    ],
    ids=["another scaler", "another scaler in float64", "columns", "our own export"],
)  # fmt: skip
def test_another_node_is_named(graph, where, found, tmp_path):
    fault = refusal(graph(), tmp_path)
    assert (fault.code, fault.where) == ("ONNX_NODE", where)
    assert f"found {found}" in fault.message


def without_probabilities(graph):
    graph.graph.node[0].attribute[-1].s = b"NONE"


def one_against_the_rest(graph):
    """Three classes, each by a sigmoid of its own."""
    for attribute in graph.graph.node[0].attribute:
        if attribute.name == "post_transform":
            attribute.s = b"LOGISTIC"


def unlike_rows(graph):
    next(a for a in graph.graph.node[0].attribute if a.name == "coefficients").floats[0] += 1


def missing_coefficient(graph):
    del next(a for a in graph.graph.node[0].attribute if a.name == "coefficients").floats[0]


def not_a_number(graph):
    coefficients = next(a for a in graph.graph.node[0].attribute if a.name == "coefficients")
    coefficients.floats[0], coefficients.floats[6] = np.inf, -np.inf


def unused_scaler(graph):
    ones = {"offset": [0.0] * 6, "scale": [2.0] * 6}
    graph.graph.node.insert(0, helper.make_node("Scaler", ["X"], ["dead"], "dead", domain="ai.onnx.ml", **ones))


def subgraph(graph):
    graph.graph.node[0].attribute.append(helper.make_attribute("body", graph.graph))


def function(graph):
    graph.functions.append(helper.make_function("ai.onnx.ml", "LinearClassifier", ["a"], ["b"], [], []))


def another_domain(graph):
    graph.graph.node[0].domain = "com.example"


def second_classifier(graph):
    graph.graph.node.append(graph.graph.node[0])


def label_of_another_type(graph):
    graph.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT


def tensor_attribute(graph):
    node = graph.graph.node[0]
    kept = [attribute for attribute in node.attribute if attribute.name != "intercepts"]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute("intercepts", onnx.numpy_helper.from_array(np.zeros(2)))])


def second_input(graph):
    graph.graph.input.append(graph.graph.input[0])


@pytest.mark.parametrize(
    ("model", "damage", "code"),
    [
        ("two classes", without_probabilities, "ONNX_FORM"),
        ("three classes", one_against_the_rest, "ESTIMATOR"),
        ("two classes", unlike_rows, "ONNX_FORM"),
        ("three classes", missing_coefficient, "ONNX_FORM"),
        ("two classes", not_a_number, "ESTIMATOR"),
        ("two classes", unused_scaler, "ONNX_NODE"),
        ("two classes", subgraph, "ONNX_NODE"),
        ("two classes", function, "ONNX_FORM"),
        ("two classes", another_domain, "ONNX_NODE"),
        ("two classes", second_classifier, "ONNX_NODE"),
        ("two classes", label_of_another_type, "ONNX_FORM"),
        ("two classes", tensor_attribute, "ONNX_NODE"),
        ("two classes", second_input, "ONNX_FORM"),
    ],
)
def test_a_changed_graph_is_refused(model, damage, code, tmp_path):
    graph = graph_of(MODELS[model](), double=False)
    damage(graph)
    assert refusal(graph, tmp_path).code == code


def both_links(graph):
    graph.graph.node.append(helper.make_node("Softmax", ["raw_scores"], ["also"], "also", axis=1))
    graph.graph.output[1].name = "also"


def labels_of_another_product(graph):
    """Probabilities of one product, labels of another."""
    nodes = graph.graph.node
    place, argmax = next((i, node) for i, node in enumerate(nodes) if node.op_type == "ArgMax")
    nodes.insert(place, helper.make_node("MatMul", ["variable", "coef"], ["p2"], "p2"))
    nodes.insert(place + 1, helper.make_node("Add", ["p2", "other"], ["r2"], "r2"))
    argmax.input[0] = "r2"
    graph.graph.initializer.append(onnx.numpy_helper.from_array(np.array([[5.0, -5.0]]), "other"))


def raw_features(graph):
    """The product is of the raw features, though a scaler is there."""
    next(node for node in graph.graph.node if node.op_type == "MatMul").input[0] = "X"


def other_axis(graph):
    next(node for node in graph.graph.node if node.op_type == "ArgMax").attribute[0].i = 0


def external(graph):
    tensor = next(t for t in graph.graph.initializer if t.name == "coef")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/hostname"


def other_sum(graph):
    """The probabilities are divided by a sum over the rows."""
    axis = next(t for t in graph.graph.initializer if t.name == "axis")
    axis.CopyFrom(onnx.numpy_helper.from_array(np.array([0]), "axis"))


def huge_shape(graph):
    next(t for t in graph.graph.initializer if t.name == "coef").dims[0] = 2**40


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (both_links, "ONNX_FORM"),
        (labels_of_another_product, "ONNX_NODE"),
        (raw_features, "ONNX_NODE"),
        (other_axis, "ONNX_NODE"),
        (other_sum, "ONNX_NODE"),
        (external, "ONNX_FORM"),
        (huge_shape, "ONNX_FORM"),
    ],
)
def test_a_changed_graph_in_float64_is_refused(damage, code, tmp_path):
    graph = graph_of(MODELS["scaler"]())
    damage(graph)
    fault = refusal(graph, tmp_path)
    assert fault.code == code
    if damage is external:
        assert "in another file" in fault.message


def test_a_zipmap_has_the_labels_of_the_classifier(tmp_path):
    graph = graph_of(MODELS["negative labels"](), double=False, options=None)
    (zipmap,) = [node for node in graph.graph.node if node.op_type == "ZipMap"]
    zipmap.attribute[0].ints[:] = [7, -3]
    assert refusal(graph, tmp_path).code == "ONNX_NODE"


def test_a_size_is_looked_at_before_the_content(tmp_path):
    (tmp_path / "graph.onnx").write_bytes(b"\0" * (MAX_BYTES + 1))
    with pytest.raises(InputError) as caught:
        plmhead.convert(tmp_path / "graph.onnx", tmp_path / "pair")
    assert caught.value.code == "ONNX_LIMIT"
    assert refusal(b"no protobuf", tmp_path).code == "ONNX_FORM"
    assert refusal(b"", tmp_path).code == "ONNX_FORM"


def code_of(data: bytes, folder: Path) -> str:
    """The code of the refusal; empty where the graph was converted."""
    try:
        converted(data, folder)
    except (InputError, FormatError) as fault:
        return fault.code
    return ""


SEEDS = [graph_of(MODELS[name](), double).SerializeToString() for name in ("scaler", "strings") for double in (0, 1)]


@settings(max_examples=150)
@given(
    data=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=3),
    end=st.integers(0, 5000),
)
def test_damaged_bytes_raise_no_foreign_error(data, edits, end, tmp_path_factory):
    damaged = bytearray(data)
    for place, value in edits:
        damaged[place % len(data)] = value
    if end < len(data):
        del damaged[end:]
    code = code_of(bytes(damaged), tmp_path_factory.mktemp("damaged"))
    assert not code or code.startswith(("ONNX_", "ESTIMATOR", "LABELS", "PROOF", "LABEL_", "ARRAY_", "FIELD_"))


# --- to ONNX


def head_with(coef, intercept, classes, **options):
    model = LogisticRegression()
    vars(model).update(
        coef_=coef,
        intercept_=intercept,
        classes_=np.asarray(classes),
        n_features_in_=coef.shape[1],
        n_iter_=np.array([1]),
    )
    return plmhead.writer.head_of(model, **options)


def run_graph(head, x, **options):
    names = ["decision", "probabilities", "label"]
    return session(to_onnx(head, input_type=x.dtype.name, **options)).run(names, {"X": x})


@st.composite
def heads_and_inputs(draw):
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    n, k = draw(st.integers(1, 40)), draw(st.sampled_from([2, 2, 3, 7]))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    labels = draw(st.sampled_from([np.arange(k) - 1, np.arange(k) * 1.0, np.array([f"klasse {c}é" for c in range(k)])]))
    labels = np.array([False, True]) if k == 2 and draw(st.booleans()) else labels
    rows = 1 if k == 2 else k
    coef = (rng.standard_normal((rows, n)) * 10.0 ** draw(st.integers(-6, 4))).astype(dtype)
    x = rng.standard_normal((draw(st.integers(0, 9)), n)).astype(draw(st.sampled_from([np.float32, np.float64])))
    return head_with(coef, rng.standard_normal(rows).astype(dtype), labels), x


@settings(max_examples=60)
@given(heads_and_inputs())
def test_a_graph_scores_within_the_bound_and_gives_the_same_labels(given_):
    head, x = given_
    z, p, labels = run_graph(head, x)
    own = head.decision_function(x)
    wide = np.abs(x.astype(np.float64)) @ np.abs(head.coef.astype(np.float64)).T + np.abs(head.intercept)
    bound = (2 * gamma(head.n_features_in + 1) * wide + 1e-300).reshape(own.shape)
    assert z.shape == own.shape
    assert (np.abs(z - own) <= bound).all()
    np.testing.assert_allclose(p, head.predict_proba(x), atol=4 * float(bound.max(initial=0)) + 1e-15, rtol=0)
    decided = np.abs(own) > bound if head.link == "logistic" else np.diff(np.sort(own)[:, -2:])[:, 0] > 2 * bound.max(1)
    assert (labels == head.predict(x))[decided].all()
    assert labels.dtype.kind in {head.classes.dtype.kind, "O"}


def test_the_threshold_in_force_is_kept_in_the_graph():
    head = head_with(np.array([[1.0, 0.0]]), np.zeros(1), [0, 1], threshold=0.7, assay_thresholds={"PSR": 0.2})
    x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [1e-17, 0.0]])
    for options in ({}, {"threshold": 0.5}, {"threshold": 0.99}, {"assay_type": "PSR"}):
        assert run_graph(head, x, **options)[2].tolist() == head.predict(x, **options).tolist()
    assert run_graph(head, x, threshold=0.5)[2].tolist() == [1, 0, 0, 1]  # 1e-17 is class 1 though p1 is 0.5
    with pytest.raises(InputError, match="ASSAY_TYPE"):
        to_onnx(head, assay_type="ELISA")
    with pytest.raises(InputError, match="THRESHOLD"):
        to_onnx(head, threshold=1.5)
    with pytest.raises(InputError, match="ARGUMENT"):
        to_onnx(head, input_type="float16")


def test_a_graph_says_what_it_was_made_of():
    head = head_with(np.ones((1, 3)), np.zeros(1), [0, 1])
    model = onnx.load_model_from_string(to_onnx(head))
    onnx.checker.check_model(model, full_check=True)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert facts == {"npz_sha256": head.npz_sha256, "encoder": "none", "threshold": "0.5"}
    assert [value.name for value in model.graph.output] == ["label", "probabilities", "decision"]
    assert to_onnx(head) == to_onnx(head)


# --- the conformance suite, in the fast profile

TESTEE = f"{sys.executable} -m conformance.testees.exported"


def conformance(testee: str, only: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "conformance.run", "--profile", "fast", "--testee", testee, "--only", only]
    return subprocess.run([*command, "--timeout", "60"], cwd=REPOSITORY, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("area", ["sigmoid/", "softmax/", "fitted/"])
def test_exported_heads_lie_inside_every_interval(area):
    """A sample; `make onnx-conformance` runs every case."""
    done = conformance(TESTEE, area)
    assert done.returncode == 0, done.stdout
    assert ", 1 loaders, 0 failures" in done.stdout


ROUNDED = """
import numpy, onnx
from conformance.testees import exported
from plmhead import testee

def rounded(head, **options):
    model = onnx.load_model_from_string(to_onnx(head, **options))
    (coef,) = [tensor for tensor in model.graph.initializer if tensor.name == "coef"]
    narrow = onnx.numpy_helper.to_array(coef).astype(numpy.float32).astype(numpy.float64)
    coef.CopyFrom(onnx.numpy_helper.from_array(narrow, "coef"))
    return model.SerializeToString()

to_onnx, exported.to_onnx = exported.to_onnx, rounded
testee.Testee = exported.Exported
testee.serve()
"""


def test_the_intervals_find_coefficients_rounded_to_float32(tmp_path):
    (tmp_path / "rounded.py").write_text(f"import sys\nsys.path.insert(0, {str(REPOSITORY)!r})\n{ROUNDED}")
    done = conformance(f"{sys.executable} {tmp_path / 'rounded.py'}", "fitted/")
    assert done.returncode == 1
    assert "decision[" in done.stdout


# --- the commands


def test_convert_and_export_as_commands(run, tmp_path):
    (tmp_path / "float32.onnx").write_bytes(graph_of(MODELS["scaler"](), double=False).SerializeToString())
    done = run("convert", "float32.onnx", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "coefficients in float32" in done.stdout
    done = run("export", "float32", "--onnx", "out.onnx", "--threshold", "0.25", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    schema = json.loads((Path(plmhead.__file__).parent / "schemas/export.schema.json").read_text())
    jsonschema.validate(said, schema)
    assert (said["name"], said["onnx"], said["threshold"]) == ("float32", "out.onnx", 0.25)
    assert said["onnx_sha256"] == hashlib.sha256((tmp_path / "out.onnx").read_bytes()).hexdigest()
    head = plmhead.load(tmp_path / "float32")
    labels = session((tmp_path / "out.onnx").read_bytes()).run(["label"], {"X": X})[0]
    assert (labels == head.predict(X, threshold=0.25)).all()
    assert run("convert", "float32.onnx", cwd=tmp_path).returncode == 1  # the pair is there
    assert run("convert", "float32.onnx", "-o", "b", "--family", "esm2", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize("arguments", [("convert", "graph.onnx"), ("export", "pair", "--onnx", "out.onnx")])
def test_without_the_extra_it_says_how_to_get_it(run, tmp_path, arguments):
    converted(graph_of(MODELS["two classes"]()), tmp_path)
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/onnx.py").write_text("raise ImportError('No module named onnx')")
    done = run(*arguments, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path / "hidden")})
    assert done.returncode == 1
    assert done.stderr == "plmhead: reading and writing ONNX graphs needs onnx: pip install 'plmhead[interop]'\n"
    assert not (tmp_path / "out.onnx").exists()
