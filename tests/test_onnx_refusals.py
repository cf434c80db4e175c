"""Graphs that were changed: refused by name, or else what comes out scores as the graph does. And files that are no graphs."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import plmhead
from plmhead.errors import InputError

onnx = pytest.importorskip("onnx", reason="needs onnx: pip install 'plmhead[interop]'")
skl2onnx = pytest.importorskip("skl2onnx", reason="needs skl2onnx: pip install skl2onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from plmhead.onnx_import import read_onnx  # noqa: E402

RNG = np.random.default_rng(11)
X = RNG.normal(size=(80, 4))
NO_ZIPMAP = {"zipmap": False}


def graph_of(y, *, double: bool, opset: int, zipmap: bool = False):
    """What skl2onnx writes of a scaler and a model fitted on labels y (80,)."""
    types = skl2onnx.common.data_types
    kind = types.DoubleTensorType if double else types.FloatTensorType
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    options = None if zipmap else NO_ZIPMAP
    return skl2onnx.to_onnx(model, initial_types=[("X", kind([None, 4]))], options=options, target_opset=opset)


TWO, THREE = np.array([3, 263])[(X[:, 0] > 0).astype(int)], RNG.integers(0, 3, 80)
GRAPHS = {
    "float32": graph_of(TWO, double=False, opset=17),
    "float32, three": graph_of(THREE, double=False, opset=17),
    "float32, names": graph_of(np.array(["a", "b", "é"])[THREE], double=False, opset=17),
    "float32, maps": graph_of(TWO, double=False, opset=17, zipmap=True),
    "float64": graph_of(TWO, double=True, opset=17),
    "float64, old": graph_of(TWO, double=True, opset=11),
    "float64, three": graph_of(THREE, double=True, opset=11),
}
ATTRIBUTES = [
    (name, i, attribute.name)
    for name, graph in GRAPHS.items()
    for i, node in enumerate(graph.graph.node)
    for attribute in node.attribute
]
#: One value of each type that is read.
VALUES = {"FLOAT": 0.5, "INT": 3, "STRING": "ab", "FLOATS": [0.5, 1.5], "INTS": [1, 2], "STRINGS": ["ab", "cd"]}


def copy_of(name: str):
    graph = onnx.ModelProto()
    graph.CopyFrom(GRAPHS[name])
    return graph


def read(graph, folder: Path):
    path = folder / "graph.onnx"
    path.write_bytes(graph if isinstance(graph, bytes) else graph.SerializeToString())
    return read_onnx(path)


def refused_or_the_same(graph, folder: Path) -> None:
    """A head that is read scores as onnxruntime scores the graph."""
    path = folder / "graph.onnx"
    path.write_bytes(graph.SerializeToString())
    try:
        head = plmhead.load(plmhead.convert(path, folder / "head").npz)
    except InputError as fault:
        assert fault.code in ("ONNX_NODE", "ONNX_FORM")  # noqa: PT017
        return
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    double = session.get_inputs()[0].type == "tensor(double)"
    for rows in (X, X[:2], X[:1]):
        labels, p = session.run(None, {"X": rows if double else rows.astype(np.float32)})
        p = np.array([list(row.values()) for row in p]) if isinstance(p, list) else p
        assert np.ravel(labels).tolist() == head.predict(rows).tolist()
        np.testing.assert_allclose(p, head.predict_proba(rows), atol=1e-12 if double else 3e-6, rtol=0)


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_as_it_was_written_is_read(name, tmp_path):
    read(GRAPHS[name], tmp_path)
    refused_or_the_same(GRAPHS[name], tmp_path)


@pytest.mark.parametrize(("name", "i", "attribute"), ATTRIBUTES)
def test_without_one_of_its_attributes_it_is_refused_or_the_same(name, i, attribute, tmp_path):
    """Left out, Normalizer divides by the largest, ArgMax looks along the rows and ReduceSum sums everything."""
    graph = copy_of(name)
    kept = [a for a in graph.graph.node[i].attribute if a.name != attribute]
    del graph.graph.node[i].attribute[:]
    graph.graph.node[i].attribute.extend(kept)
    refused_or_the_same(graph, tmp_path)


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize(("name", "i", "attribute"), ATTRIBUTES)
def test_an_attribute_of_another_type_is_refused_by_name(name, i, attribute, kind, tmp_path):
    graph = copy_of(name)
    node = graph.graph.node[i]
    (old,) = [a for a in node.attribute if a.name == attribute]
    if old.type == onnx.AttributeProto.AttributeType.Value(kind):
        pytest.skip("the type that it has")
    old.CopyFrom(helper.make_attribute(attribute, VALUES[kind]))
    with pytest.raises(InputError, match=f"ONNX_NODE .*found the attribute {attribute} = "):
        read(graph, tmp_path)


def test_an_attribute_that_refers_to_one_of_a_function_is_refused(tmp_path):
    graph = copy_of("float32")
    graph.graph.node[0].attribute[0].ref_attr_name = "x"
    with pytest.raises(InputError, match="ONNX_NODE"):
        read(graph, tmp_path)


def test_labels_as_one_string_are_not_its_letters(tmp_path):
    graph = copy_of("float32")
    node = next(node for node in graph.graph.node if node.op_type == "LinearClassifier")
    kept = [a for a in node.attribute if a.name != "classlabels_ints"]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute("classlabels_strings", "ab")])
    with pytest.raises(InputError, match=r"ONNX_NODE .*classlabels_strings = b'ab'"):
        read(graph, tmp_path)


@pytest.mark.parametrize("through", ["BOOL", "INT8", "UINT8", "FLOAT", "FLOAT16", "INT32", "STRING", "DOUBLE", "INT64"])
@pytest.mark.parametrize("name", ["float32", "float64"])
def test_labels_cast_on_their_way_are_refused_or_the_same(name, through, tmp_path):
    graph = copy_of(name)
    nodes = graph.graph.node
    (last,) = [node for node in nodes if graph.graph.output[0].name in node.output]
    last.output[0] = "before"
    for source, target, to in (("before", "between", through), ("between", graph.graph.output[0].name, "INT64")):
        nodes.append(helper.make_node("Cast", [source], [target], to=TensorProto.DataType.Value(to)))
    if through in ("DOUBLE", "INT64"):
        read(graph, tmp_path)
        refused_or_the_same(graph, tmp_path)
        return
    with pytest.raises(InputError, match=r"ONNX_NODE \(Cast\): found the attribute to = "):
        read(graph, tmp_path)


def test_a_label_that_a_double_does_not_hold_is_refused(tmp_path):
    graph = copy_of("float64")
    (classes,) = [tensor for tensor in graph.graph.initializer if tensor.name == "classes"]
    classes.CopyFrom(numpy_helper.from_array(np.array([3, 2**53 + 1]), "classes"))
    with pytest.raises(InputError, match="ONNX_"):
        read(graph, tmp_path)


@pytest.mark.parametrize("shape", [(2, 1), (2, 1, 1), (1, 1, 2)])
def test_an_intercept_of_another_shape_is_refused(shape, tmp_path):
    """A column would be added to other rows than its class."""
    graph = copy_of("float64")
    (bias,) = [tensor for tensor in graph.graph.initializer if tensor.name == "intercept"]
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias).reshape(shape), "intercept"))
    with pytest.raises(InputError, match="ONNX_FORM"):
        read(graph, tmp_path)


def test_axes_of_a_sum_twice_are_refused(tmp_path):
    graph = copy_of("float64")
    (node,) = [node for node in graph.graph.node if node.op_type == "ReduceSum"]
    node.attribute.append(helper.make_attribute("axes", [1]))
    with pytest.raises(InputError, match="ONNX_NODE"):
        read(graph, tmp_path)


SEEDS = [graph.SerializeToString() for graph in GRAPHS.values()]


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_graph_is_refused_or_read_and_nothing_else(tmp_path, data):
    damaged = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        length = data.draw(st.integers(0, 3))
        damaged[at : at + length] = data.draw(st.binary(max_size=3))
    try:
        read(bytes(damaged), tmp_path)
    except InputError as fault:
        assert fault.code in ("ONNX_FORM", "ONNX_NODE", "ONNX_LIMIT", "LABELS", "ESTIMATOR")  # noqa: PT017
