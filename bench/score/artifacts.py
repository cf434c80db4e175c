"""The heads that contestants score: a pair of plmhead, and the same head as ONNX and as scikit-learn's users keep it."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

import plmhead


def values(count: int) -> np.ndarray:
    """The input, float32 of shape (count,): README.md, Samples."""
    scrambled = np.arange(count, dtype=np.uint32) * np.uint32(2_654_435_761)
    return scrambled.view(np.int32).astype(np.float32) / np.float32(2**31)


def make(folder: Path, features: int, classes: int) -> Path:
    """Writes every form of one head into the folder; the path that contestants are given. 2 classes have one row of coefficients."""
    artifact = folder / f"{features}-{classes}"
    estimator = fitted(features, classes)
    plmhead.save(estimator, artifact, quiet=True)
    make_peers(artifact, estimator)
    artifact.with_suffix(".onnx").write_bytes(onnx_graph(estimator))
    return artifact


def make_peers(artifact: Path, estimator: LogisticRegression) -> None:
    """The files of pickle, joblib and skops beside a pair; skops may be absent."""
    import joblib

    artifact.with_suffix(".pkl").write_bytes(pickle.dumps(estimator))
    joblib.dump(estimator, artifact.with_suffix(".joblib"))
    try:
        import skops.io
    except ImportError:
        return
    skops.io.dump(estimator, artifact.with_suffix(".skops"))


def fitted(features: int, classes: int) -> LogisticRegression:
    """An estimator of random float32 coefficients. Speed does not depend on what they are, so none is fitted."""
    rng = np.random.default_rng(features + classes)
    rows = 1 if classes == 2 else classes
    estimator = LogisticRegression()
    estimator.coef_ = (rng.normal(size=(rows, features)) / np.sqrt(features)).astype(np.float32)
    estimator.intercept_ = rng.normal(size=rows).astype(np.float32)
    estimator.classes_ = np.arange(classes)
    estimator.n_features_in_ = features
    estimator.n_iter_ = np.array([7], dtype=np.int32)
    return estimator


def onnx_graph(estimator: LogisticRegression) -> bytes:
    """X float32 (rows, features) to P float32 (rows, classes), in the fewest nodes."""
    from onnx import TensorProto, checker, helper, numpy_helper

    rows, features = estimator.coef_.shape
    constants = [
        numpy_helper.from_array(np.ascontiguousarray(estimator.coef_.T), "W"),
        numpy_helper.from_array(estimator.intercept_, "B"),
        numpy_helper.from_array(np.array(1, np.float32), "one"),
    ]
    nodes = [helper.make_node("Gemm", ["X", "W", "B"], ["Z"])]
    if rows == 1:
        nodes += [
            helper.make_node("Sigmoid", ["Z"], ["p1"]),
            helper.make_node("Sub", ["one", "p1"], ["p0"]),
            helper.make_node("Concat", ["p0", "p1"], ["P"], axis=1),
        ]
    else:
        nodes.append(helper.make_node("Softmax", ["Z"], ["P"], axis=1))
    graph = helper.make_graph(
        nodes,
        "head",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["rows", features])],
        [helper.make_tensor_value_info("P", TensorProto.FLOAT, ["rows", len(estimator.classes_)])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data
