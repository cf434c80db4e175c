"""A head as an ONNX graph that computes in double precision (the extra plmhead[interop]).

Inputs: `X` (rows, n_features_in). Outputs: `label` (rows,), `probabilities` (rows, k) and `decision`, (rows,) for two classes and
(rows, k) for more. A runtime adds in an order of its own and has an exp of its own: scores are not equal to a loader's by bits, but lie
where SPEC section 14 puts them, which `python -m conformance.testees.exported` shows of onnxruntime.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .head import Head

#: Old enough for the runtimes in use; ReduceSum and Softmax mean the same in all later ones.
OPSET, IR_VERSION = 17, 8
_INPUT_TYPES = ("float64", "float32")


def to_onnx(
    head: Head, *, threshold: float | None = None, assay_type: str | None = None, input_type: str = "float64"
) -> bytes:
    """The bytes of the graph. `threshold` and `assay_type` choose, as in `predict`, the threshold that `label` keeps for good.

    input_type: "float64", or "float32" for a graph that takes float32 and widens it first, which is exact.
    Raises InputError THRESHOLD, ASSAY_TYPE, ARGUMENT; ImportError without plmhead[interop].
    """
    onnx = library()
    if input_type not in _INPUT_TYPES:
        raise InputError("ARGUMENT", "input_type", f"found {input_type!r}, expected one of {', '.join(_INPUT_TYPES)}")
    limit = head.threshold_in_force(threshold, assay_type)
    graph = _Graph(onnx, head, input_type)
    decision = graph.decision()
    chosen = graph.logistic(decision, limit) if head.link == "logistic" else graph.softmax(decision)
    graph.add("Gather", "classes", chosen, output="label", axis=0)
    model = graph.model(None if head.link == "softmax" else limit)
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def library() -> Any:
    """The package onnx. Raises ImportError that names the extra."""
    try:
        import onnx
    except ImportError:
        raise ImportError("reading and writing ONNX graphs needs onnx: pip install 'plmhead[interop]'") from None
    return onnx


class _Graph:
    """Nodes and constants as they are added; a value is known by its name."""

    def __init__(self, onnx: Any, head: Head, input_type: str) -> None:
        self.onnx, self.head = onnx, head
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.input_type = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(input_type))
        labels = head.classes.astype(object) if head.classes.dtype.kind == "U" else head.classes
        self.constant("classes", labels)

    def add(self, operator: str, *inputs: str, output: str, **attributes: Any) -> str:
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def number(self, name: str, value: float) -> str:
        return self.constant(name, np.array(value, dtype=np.float64))

    def decision(self) -> str:
        """Z, (rows, 1) or (rows, k)."""
        head, x = self.head, "X"
        if self.input_type != self.onnx.TensorProto.DOUBLE:
            x = self.add("Cast", x, output="X_wide", to=self.onnx.TensorProto.DOUBLE)
        self.constant("coef", head.coef.astype(np.float64).T)
        self.constant("intercept", head.intercept.astype(np.float64))
        product = self.add("MatMul", x, "coef", output="product")
        return self.add("Add", product, "intercept", output="z" if head.link == "logistic" else "decision")

    def logistic(self, z: str, threshold: float) -> str:
        """P4 and P7. Not by Sigmoid: onnxruntime's is 0 for negative decisions whose probability binary64 still holds."""
        one = self.number("one", 1.0)
        power = self.add("Exp", self.add("Neg", z, output="negated"), output="power")
        p1 = self.add("Div", one, self.add("Add", one, power, output="denominator"), output="p1")
        p0 = self.add("Sub", one, p1, output="p0")
        self.add("Concat", p0, p1, output="probabilities", axis=1)
        # One axis less; the 1 of [-1] stands for the rows, which may be none.
        self.constant("one_axis", np.array([1], dtype=np.int64))
        flat = self.add("Squeeze", z, "one_axis", output="decision")
        if threshold == 0.5:
            above = self.add("Greater", flat, self.number("zero", 0.0), output="above")
        else:
            flat = self.add("Squeeze", p1, "one_axis", output="p1_flat")
            above = self.add("Greater", flat, self.number("threshold", threshold), output="above")
        return self.add("Cast", above, output="chosen", to=self.onnx.TensorProto.INT64)

    def softmax(self, z: str) -> str:
        """P5 and P7."""
        largest = self.add("ReduceMax", z, output="largest", axes=[1], keepdims=1)
        shifted = self.add("Sub", z, largest, output="shifted")
        # Older builds of onnxruntime return e^-709 for everything below it.
        faint = self.add("Less", shifted, self.number("faintest", -708.0), output="faint")
        power = self.add("Exp", shifted, output="exponential")
        power = self.add("Where", faint, self.number("zero", 0.0), power, output="power")
        self.constant("class_axis", np.array([1], dtype=np.int64))
        total = self.add("ReduceSum", power, "class_axis", output="total", keepdims=1)
        self.add("Div", power, total, output="probabilities")
        return self.add("ArgMax", z, output="chosen", axis=1, keepdims=0)

    def model(self, threshold: float | None) -> Any:
        helper, double = self.onnx.helper, self.onnx.TensorProto.DOUBLE
        head, n, k = self.head, self.head.n_features_in, len(self.head.classes)
        labels = self.constants[0].data_type
        decision = ["rows"] if head.link == "logistic" else ["rows", k]
        graph = helper.make_graph(
            self.nodes,
            "plmhead",
            [helper.make_tensor_value_info("X", self.input_type, ["rows", n])],
            [
                helper.make_tensor_value_info("label", labels, ["rows"]),
                helper.make_tensor_value_info("probabilities", double, ["rows", k]),
                helper.make_tensor_value_info("decision", double, decision),
            ],
            self.constants,
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="plmhead")
        facts = {"npz_sha256": head.npz_sha256, "encoder": head.config["esm_model"] or "none"}
        if threshold is not None:
            facts["threshold"] = repr(threshold)
        helper.set_model_props(model, facts)
        return model
