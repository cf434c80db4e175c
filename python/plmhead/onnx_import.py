"""From the ONNX graph that skl2onnx writes of a logistic regression to what was fitted (the extra plmhead[interop]). Nothing is run.

skl2onnx writes two forms. For float32 inputs: Scaler, LinearClassifier, Normalizer, with coefficients rounded to float32. For float64
inputs: Sub, Div, MatMul, Add and the nodes after them, with the coefficients as they were fitted. A graph must be one of these from its
input to its outputs; the first node that is something else is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .edit import _SEAL_DEFAULTS
from .errors import FormatError, InputError
from .fitted import Fitted, normalise_labels
from .head import read_file
from .onnx_export import library

if TYPE_CHECKING:
    from .writer import Saved

#: A graph of 65,536 features and two classes has 0.7 MiB. The parser takes up to 80 times a file's size, for empty nodes.
MAX_BYTES = 8 * 2**20

#: What a value of the graph is, by the operator that makes it and what its inputs are. Values: of each output.
_FEATURES = ("features", "centred", "scaled")
_GRAMMAR: dict[tuple[str, ...], tuple[str, ...]] = {
    ("Scaler", "features"): ("scaled",),
    **{("LinearClassifier", role): ("label", "scores") for role in ("features", "scaled")},
    ("Normalizer", "scores"): ("probabilities",),
    ("Sub", "features", "constant"): ("centred",),
    **{("Div", role, "constant"): ("scaled",) for role in ("features", "centred")},
    **{("MatMul", role, "constant"): ("product",) for role in _FEATURES},
    ("Add", "product", "constant"): ("raw",),
    ("Sigmoid", "raw"): ("scores",),
    ("Softmax", "raw"): ("probabilities",),
    ("Abs", "scores"): ("absolute",),
    ("ReduceSum", "absolute", "constant"): ("total",),
    ("ReduceSum", "absolute"): ("total",),
    ("Div", "scores", "total"): ("probabilities",),
    ("ArgMax", "raw"): ("index",),
    ("ArrayFeatureExtractor", "constant", "index"): ("label",),
    ("Reshape", "label", "constant"): ("label",),
    ("Cast", "label"): ("label",),
    ("Identity", "label"): ("label",),
    **{("ZipMap", role): ("probabilities",) for role in ("scores", "probabilities")},
}
_MAY_REPEAT = ("label", "probabilities")


class _Attribute(NamedTuple):
    """The type that skl2onnx writes, the values where these decide what is computed, and whether leaving it out says something else."""

    type: int
    values: tuple[Any, ...] | None = None
    required: bool = False


_INT, _STRING, _FLOATS, _INTS, _STRINGS = 2, 3, 6, 7, 8  # of onnx.AttributeProto
_INT64, _DOUBLE = 7, 11  # of onnx.TensorProto
#: The attributes that a node may have.
_ATTRIBUTES: dict[str, dict[str, _Attribute]] = {
    "Scaler": {"offset": _Attribute(_FLOATS, required=True), "scale": _Attribute(_FLOATS, required=True)},
    "LinearClassifier": {
        "coefficients": _Attribute(_FLOATS, required=True),
        "intercepts": _Attribute(_FLOATS, required=True),
        "classlabels_ints": _Attribute(_INTS),
        "classlabels_strings": _Attribute(_STRINGS),
        "multi_class": _Attribute(_INT, (0, 1)),
        "post_transform": _Attribute(_STRING, required=True),
    },
    "Normalizer": {"norm": _Attribute(_STRING, (b"L1",), required=True)},
    "Softmax": {"axis": _Attribute(_INT, (-1, 1))},
    "ReduceSum": {"keepdims": _Attribute(_INT, (1,)), "axes": _Attribute(_INTS, ([1],))},
    "ArgMax": {
        "axis": _Attribute(_INT, (1,), required=True),
        "keepdims": _Attribute(_INT, (0, 1)),
        "select_last_index": _Attribute(_INT, (0,)),
    },
    "Cast": {"to": _Attribute(_INT, (_INT64, _DOUBLE), required=True)},
    "ZipMap": {"classlabels_int64s": _Attribute(_INTS), "classlabels_strings": _Attribute(_STRINGS)},
}
_AS_WRITTEN = "expected it as skl2onnx writes it"
#: The constants that say how, not what, is computed.
_CONSTANTS = {"ReduceSum": [1], "Reshape": [-1]}
_ML = ("Scaler", "LinearClassifier", "Normalizer", "ArrayFeatureExtractor", "ZipMap")
_EXPECTED = "the graph that skl2onnx writes of a LogisticRegression, alone or after a StandardScaler"
_ZIPMAP = "convert it with to_onnx(model, ..., options={'zipmap': False})"


def read_onnx(path: Path) -> tuple[Fitted, dict[str, Any], str]:
    """What was fitted, the arguments of `save` that say where it comes from, and a note for whoever converts.

    Raises InputError ONNX_FORM, ONNX_LIMIT, ONNX_NODE at the node's name, LABELS; ImportError without plmhead[interop].
    """
    graph = _Graph(_parse(path))
    coef, intercept, link, factor = _linear(graph)
    precision = coef.dtype.name
    coef, intercept, mean, scale, scaled = _scaler(graph, coef, intercept)
    folded = ["standard_scaler"] * scaled + ["two_class_multinomial"] * (factor == 2)
    parameters = {"model_type": "LogisticRegression", **{name: _SEAL_DEFAULTS[name] for name in _NOT_KNOWN}}
    n_iter = np.zeros(1, dtype=np.int64)
    fitted = Fitted(
        coef, intercept, normalise_labels(graph.classes), n_iter, link, parameters, mean, scale, factor, folded
    )
    origin = {
        "from": "onnx",
        "producer": graph.producer,
        "coefficients": precision,
        "not_known": [*_NOT_KNOWN, "n_iter"],
    }
    note = "the graph holds coefficients in float32: the artifact scores as the graph does, not as what it was made of"
    return fitted, {"extensions": {"plmhead.import": origin}}, note if precision == "float32" else ""


#: What a graph does not say of the fit; the config has scikit-learn's defaults, and says that they are not known.
_NOT_KNOWN = ("sklearn_version", "C", "penalty", "l1_ratio", "solver", "class_weight", "max_iter", "random_state")


def _parse(path: Path) -> Any:
    """The model in a file, whose size is looked at before anything else."""
    onnx = library()
    try:
        data = read_file(path, "onnx", MAX_BYTES)
    except FormatError as fault:
        code = "ONNX_LIMIT" if fault.code == "FILE_SIZE" else "ONNX_FORM"
        raise InputError(code, str(path), fault.message) from None
    try:
        return onnx.load_model_from_string(data)
    except Exception:  # protobuf's error has another class in each of its implementations
        raise _form("bytes that are no ONNX model") from None


def _form(found: str) -> InputError:
    return InputError("ONNX_FORM", "onnx", f"found {found}, expected {_EXPECTED}")


class _Graph:
    """The nodes of a graph that passed the grammar, by what their first output is."""

    def __init__(self, model: Any) -> None:
        self.onnx = library()
        graph = model.graph
        self.producer = _producer(model)
        if model.functions or model.training_info or graph.sparse_initializer:
            raise _form("functions, training or sparse tensors")
        inputs = [value.name for value in graph.input]
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        if len(inputs) != 1 or inputs[0] in self.constants or len(self.constants) != len(graph.initializer):
            raise _form(f"{len(inputs)} inputs")
        self.roles = {**dict.fromkeys(self.constants, "constant"), inputs[0]: "features"}
        self.made_by: dict[str, Any] = {}
        for node in graph.node:
            self._take(node)
        self._check_whole(graph)
        self.attributes = {role: self._attributes(node) for role, node in self.made_by.items()}
        self.single = "raw" not in self.made_by
        self.classes = self._classes()
        self._check_labels(graph)

    def _take(self, node: Any) -> None:
        """Gives the outputs of a node their roles, or refuses it by name."""
        where, operator = node.name or node.op_type, node.op_type
        roles = tuple(self.roles.get(name, "nothing that is computed before it") for name in node.input)
        outputs = _GRAMMAR.get((operator, *roles))
        domain = "ai.onnx.ml" if operator in _ML else ""
        if outputs is None or (node.domain or "") != domain or len(node.output) != len(outputs):
            remedy = _ZIPMAP if operator in ("Slice", "SequenceConstruct") else None
            found = f"found {operator} of {' and '.join(roles) or 'nothing'}"
            raise InputError("ONNX_NODE", where, f"{found}, expected {_EXPECTED}", remedy)
        for name, role in zip(node.output, outputs, strict=True):
            if name in self.roles or (role in self.made_by and role not in _MAY_REPEAT):
                raise InputError("ONNX_NODE", where, f"found {role} a second time, expected {_EXPECTED}")
            self.roles[name] = role
            self.made_by.setdefault(role, node)
        self._attributes(node)
        for name in node.input if operator in _CONSTANTS else ():
            if name in self.constants and self._array(self.constants[name]).tolist() != _CONSTANTS[operator]:
                raise InputError("ONNX_NODE", where, f"found {name} of another value, expected {_CONSTANTS[operator]}")

    def _check_whole(self, graph: Any) -> None:
        """One form, not parts of both, and no value that is of no use: the nodes that were found are those that compute the outputs."""
        operators = {node.op_type for node in graph.node}
        if operators >= {"Sigmoid", "Softmax"} or (
            operators & {"Scaler", "LinearClassifier"} and "MatMul" in operators
        ):
            raise _form(f"nodes of two forms ({', '.join(sorted(operators))})")
        used = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
        for node in graph.node:
            for name in node.output:
                if name not in used:
                    raise InputError(
                        "ONNX_NODE",
                        node.name or node.op_type,
                        f"found an output that is not used, expected {_EXPECTED}",
                    )

    def _attributes(self, node: Any) -> dict[str, Any]:
        allowed, where = _ATTRIBUTES.get(node.op_type, {}), node.name or node.op_type
        found: dict[str, Any] = {}
        for attribute in node.attribute:
            name, due = attribute.name, allowed.get(attribute.name)
            plain = attribute.type in _PLAIN and not attribute.ref_attr_name  # which belongs into functions
            value = self.onnx.helper.get_attribute_value(attribute) if plain else None
            typed = plain and due is not None and attribute.type == due.type and name not in found
            if due is None or not typed or (due.values is not None and value not in due.values):
                raise InputError("ONNX_NODE", where, f"found the attribute {name} = {str(value)[:40]}, {_AS_WRITTEN}")
            found[name] = value
        required = {name for name, due in allowed.items() if due.required}
        if node.op_type == "ReduceSum" and len(node.input) == 1:  # from operator set 13 on an input says it
            required.add("axes")
        elif node.op_type == "ReduceSum" and "axes" in found:
            raise InputError("ONNX_NODE", where, f"found the axes twice, {_AS_WRITTEN}")
        for name in sorted(required - found.keys()):
            raise InputError("ONNX_NODE", where, f"found no attribute {name}, {_AS_WRITTEN}")
        return found

    def constant(self, role: str, place: int = 1) -> NDArray[Any]:
        """The array that the node which makes `role` has as an input."""
        return self._array(self.constants[self.made_by[role].input[place]])

    def _array(self, tensor: Any) -> NDArray[Any]:
        # Before it is read: onnx would open the file that an external tensor names.
        if tensor.data_location == tensor.EXTERNAL or tensor.external_data:
            raise _form(f"the tensor {tensor.name} in another file")
        try:
            array: NDArray[Any] = self.onnx.numpy_helper.to_array(tensor)
        except Exception:
            raise _form(f"the tensor {tensor.name}, which is no array of its shape") from None
        return array

    def _classes(self) -> list[Any]:
        if self.single:
            found = self.attributes.get("scores", {})
            labels = found.get("classlabels_ints") or found.get("classlabels_strings") or []
        else:
            labels = self.constant("label", 0).tolist() if "label" in self.made_by else []
        try:
            return [label.decode() if isinstance(label, bytes) else label for label in labels]
        except UnicodeDecodeError:
            raise _form("labels that are not UTF-8") from None

    def _check_labels(self, graph: Any) -> None:
        """Both outputs are there, labels as integers or strings as they were fitted, and probabilities in their order."""
        types = {self.roles.get(value.name): value.type.tensor_type.elem_type for value in graph.output}
        texts = all(isinstance(label, str) for label in self.classes)
        due = self.onnx.TensorProto.STRING if texts else self.onnx.TensorProto.INT64
        if types.keys() - {"scores"} - {"probabilities"} != {"label"} or len(graph.output) != 2:
            raise _form("other outputs than label and probabilities")
        casts = {self._attributes(node)["to"] for node in graph.node if node.op_type == "Cast"}
        if _DOUBLE in casts and not all(type(label) is int and abs(label) <= 2**53 for label in self.classes):
            raise _form("labels that a double does not hold")
        if types["label"] != due or not (texts or all(type(label) is int for label in self.classes)):
            raise _form("labels that are neither int64 nor strings")
        for node in graph.node:
            named = self._attributes(node)
            labels = named.get("classlabels_int64s") or named.get("classlabels_strings")
            if node.op_type == "ZipMap" and labels != [c.encode() if texts else c for c in self.classes]:
                raise InputError(
                    "ONNX_NODE", node.name or "ZipMap", "found labels that are not those of the classifier"
                )


#: With FLOAT, those that hold no tensors and no graphs.
_PLAIN = (1, _INT, _STRING, _FLOATS, _INTS, _STRINGS)


def _producer(model: Any) -> str:
    text = f"{model.producer_name} {model.producer_version}".strip()
    return text if text.isprintable() and 0 < len(text) <= 64 else "unknown"


def _linear(graph: _Graph) -> tuple[NDArray[np.floating], NDArray[np.floating], str, int]:
    """Coef (rows, n), intercept (rows,), link and factor, rows 1 for two classes."""
    if graph.single:
        given = graph.attributes.get("scores", {})
        flat = np.array(given.get("coefficients", []), dtype=np.float32)
        bias = np.array(given.get("intercepts", []), dtype=np.float32)
        link = {b"LOGISTIC": "logistic", b"SOFTMAX": "softmax"}.get(given.get("post_transform", b"NONE"))
    else:
        matrix, bias = graph.constant("product"), graph.constant("raw")
        if bias.shape not in ((bias.size,), (1, bias.size)):
            raise _form(f"intercepts of shape {bias.shape}")
        bias = bias.reshape(-1)
        flat = matrix.T.reshape(-1) if matrix.ndim == 2 else matrix.reshape(-1)[:0]
        link = "logistic" if "scores" in graph.made_by else "softmax"
    k = len(graph.classes)
    if k < 2 or not len(flat) or len(flat) % k or len(bias) != k or flat.dtype not in (np.float32, np.float64):
        raise _form(f"{len(flat)} coefficients and {len(bias)} intercepts for {k} classes")
    if link is None:
        raise _form("no probabilities (post_transform is neither LOGISTIC nor SOFTMAX)")
    coef, bias = flat.reshape(k, -1), bias.astype(flat.dtype)
    if k > 2:
        if link == "logistic":
            raise InputError("ESTIMATOR", "onnx", "found a one-vs-rest model of 3 or more classes, expected a softmax")
        return coef, bias, "softmax", 1
    if (coef[0] != -coef[1]).any() or bias[0] != -bias[1]:
        raise _form("two classes whose coefficients are not each other's negatives")
    return coef[1:], bias[1:], "logistic", 2 if link == "softmax" else 1


def _scaler(
    graph: _Graph, coef: NDArray[np.floating], intercept: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.float64] | None, NDArray[np.float64] | None, bool]:
    """Coefficients and intercept, mean and scale as fitted, or None, and whether there is a scaler at all.

    The Scaler of float32 multiplies; it is folded here: w·s is exact in float64, and the intercept is rounded once.
    """
    n = coef.shape[1]
    if not graph.single:
        mean = graph.constant("centred") if "centred" in graph.made_by else None
        scale = graph.constant("scaled") if "scaled" in graph.made_by else None
        for values in (mean, scale):
            if values is not None and (values.shape != (n,) or values.dtype != np.float64):
                raise _form(f"a scaler of shape {values.shape}")
        return coef, intercept, mean, scale, mean is not None or scale is not None
    if "scaled" not in graph.made_by:
        return coef, intercept, None, None, False
    given = graph.attributes["scaled"]
    offset, factor = (np.array(given.get(name, []), dtype=np.float64) for name in ("offset", "scale"))
    if offset.shape != (n,) or factor.shape != (n,) or not np.isfinite([offset, factor]).all():
        raise _form(f"a Scaler of {len(offset)} offsets and {len(factor)} scales for {n} features")
    if not (np.isfinite(coef).all() and np.isfinite(intercept).all()):
        raise _form("coefficients that are not finite")
    wide = coef.astype(np.float64) * factor
    shifted = [
        float(Fraction(float(bias)) - sum(map(_product, row.tolist(), offset.tolist())))
        for row, bias in zip(wide, intercept, strict=True)
    ]
    return wide, np.array(shifted), None, None, True


def _product(a: float, b: float) -> Fraction:
    return Fraction(a) * Fraction(b)


def convert_onnx(path: Path, name: Path, members: Mapping[str, Any]) -> Saved:
    """Writes the pair of a graph; `members` are arguments of `save`. Raises as `read_onnx`, then as `save`."""
    from types import SimpleNamespace

    from .pickles import _rebuilt
    from .writer import save_fitted

    fitted, origin, note = read_onnx(path)
    multi_class = {"multi_class": "multinomial"} if fitted.factor == 2 else {}
    saved = save_fitted(fitted, _rebuilt(fitted, SimpleNamespace(**multi_class)), name, **origin, **members)
    return saved._replace(proof=saved.proof._replace(note=note)) if note else saved
