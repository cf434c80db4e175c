"""An ESM checkpoint as an ONNX graph: `input_ids` and `attention_mask` (int64) in, `pooled` (float32) out.

The graph is written node by node from the checkpoint's arrays, so it needs neither torch nor an exporter, holds no trace
of the machine that wrote it, and is the same bytes for the same checkpoint. Rows are padded at the end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import FIRST_POSITION, MAX_TOKENS, Checkpoint
from ..reference import CONTRACT
from ..sequences import END

OPSET = 17  # the first with LayerNormalization; old enough for every runtime
IR_VERSION = 8
_INLINE_BYTES = 1 << 30  # beyond, weights stand in a file beside the graph: protobuf ends at 2 GiB


def export_onnx(checkpoint: Checkpoint, path: str | Path) -> None:
    """Write the graph to `path` (NAME.onnx) and, from 1 GiB of weights on, these to NAME.onnx.data beside it.

    `input_ids` and `attention_mask` have the shape (batch, length), both free, length at most 1,024; `pooled` is float32
    of shape (batch, dimension). Raises ImportError without onnx.
    """
    onnx = _import_onnx()
    model = _Graph(onnx, checkpoint).model()
    path = Path(path)
    large = sum(values.nbytes for values in checkpoint.tensors.values()) > _INLINE_BYTES
    if large:
        onnx.save_model(model, str(path), save_as_external_data=True, location=path.name + ".data", size_threshold=4096)
    else:
        path.write_bytes(model.SerializeToString(deterministic=True))


@contextmanager
def graph_file(checkpoint: Checkpoint) -> Iterator[Path]:
    """The path of a graph that is there for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="plmhead-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "encoder.onnx"
        export_onnx(checkpoint, path)
        yield path


class _Graph:
    """Collects nodes and constants; every method returns the name of what it computes."""

    def __init__(self, onnx: Any, checkpoint: Checkpoint) -> None:
        self.onnx, self.checkpoint = onnx, checkpoint
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    # --- the pieces

    def constant(self, name: str, values: NDArray[Any]) -> str:
        if name not in self.constants:
            self.constants[name] = self.onnx.numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def integers(self, *values: int) -> str:
        return self.constant("i" + "_".join(map(str, values)), np.array(values, dtype=np.int64))

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        names = [f"{kind}_{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def linear(self, name: str, x: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        product = self.node("MatMul", x, self.constant(f"{name}.weight", weight.T))
        return str(self.node("Add", product, self.constant(f"{name}.bias", bias)))

    def norm(self, name: str, x: str) -> str:
        weight, bias = (
            self.constant(f"{name}.{part}", self.checkpoint.tensors[f"{name}.{part}"]) for part in ("weight", "bias")
        )
        return str(self.node("LayerNormalization", x, weight, bias, axis=-1, epsilon=CONTRACT.epsilon))

    def gelu(self, x: str) -> str:
        one, half = self.constant("one", np.array(1.0, np.float32)), self.constant("half", np.array(0.5, np.float32))
        root = self.constant("root_of_two", np.array(np.sqrt(2.0), np.float32))
        upper = self.node("Add", self.node("Erf", self.node("Div", x, root)), one)
        return str(self.node("Mul", self.node("Mul", x, upper), half))

    # --- the model

    def model(self) -> Any:
        helper, types = self.onnx.helper, self.onnx.TensorProto
        mask = self.node("Cast", "attention_mask", to=types.FLOAT)
        x = self.embedded()
        hidden = self.hidden(x, self.attention_bias(mask))
        self.pool(hidden, mask)
        shape = ["batch", "length"]
        graph = helper.make_graph(
            self.nodes,
            "esm",
            [helper.make_tensor_value_info(name, types.INT64, shape) for name in ("input_ids", "attention_mask")],
            [helper.make_tensor_value_info("pooled", types.FLOAT, ["batch", self.checkpoint.dimension])],
            list(self.constants.values()),
        )
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, producer_name="plmhead", opset_imports=opsets, ir_version=IR_VERSION)

    def embedded(self) -> str:
        tensors = self.checkpoint.tensors
        words = tensors["embeddings.word_embeddings.weight"] * np.float32(CONTRACT.token_scale)
        x = str(self.node("Gather", self.constant("words", words), "input_ids"))
        if "embeddings.position_embeddings.weight" in tensors:
            table = tensors["embeddings.position_embeddings.weight"][FIRST_POSITION : FIRST_POSITION + MAX_TOKENS]
            x = str(self.node("Add", x, self.rows_of("positions", table)))
        if "embeddings.layer_norm.weight" in tensors:
            x = self.norm("embeddings.layer_norm", x)
        return x

    def rows_of(self, name: str, table: NDArray[np.float32]) -> str:
        """The first rows of a constant, as many as a sequence has tokens."""
        length = self.node("Slice", self.node("Shape", "input_ids"), self.integers(1), self.integers(2))
        return str(self.node("Slice", self.constant(name, table), self.integers(0), length, self.integers(0)))

    def attention_bias(self, mask: str) -> str:
        """(batch, 1, 1, length): 0 for tokens, a very negative number for padding."""
        one, far = self.constant("one", np.array(1.0, np.float32)), self.constant("far", np.array(-1e30, np.float32))
        bias = self.node("Mul", self.node("Sub", one, mask), far)
        return str(self.node("Unsqueeze", bias, self.integers(1, 2)))

    def hidden(self, x: str, bias: str) -> str:
        table = self.checkpoint.rotary()
        turns = None
        if table is not None:
            # (length, head size), to be multiplied with (batch, heads, length, head size)
            turns = tuple(
                self.rows_of(name, np.concatenate([half, half], axis=1))
                for name, half in zip(("cos", "sin"), table, strict=True)
            )
        for layer in range(self.checkpoint.layers):
            at = f"encoder.layer.{layer}."
            inner = self.attention(layer, self.norm(f"{at}attention.LayerNorm", x), turns, bias)
            x = str(self.node("Add", x, inner))
            inner = self.norm(f"{at}LayerNorm", x)
            inner = self.gelu(
                self.linear(f"{at}intermediate", inner, *self.checkpoint.layer(layer, "intermediate.dense"))
            )
            inner = self.linear(f"{at}output", inner, *self.checkpoint.layer(layer, "output.dense"))
            x = str(self.node("Add", x, inner))
        return self.norm("encoder.emb_layer_norm_after", x)

    def attention(self, layer: int, x: str, turns: tuple[str, ...] | None, bias: str) -> str:
        at, checkpoint = f"encoder.layer.{layer}.attention.", self.checkpoint
        scale = np.float32(checkpoint.head_size**-0.5)
        heads: dict[str, str] = {}
        for part in ("query", "key", "value"):
            weight, b = checkpoint.layer(layer, f"attention.self.{part}")
            if part == "query":
                weight, b = weight * scale, b * scale
            split = self.node(
                "Reshape",
                self.linear(at + part, x, weight, b),
                self.integers(0, 0, checkpoint.heads, checkpoint.head_size),
            )
            heads[part] = str(self.node("Transpose", split, perm=[0, 2, 1, 3]))
            if turns is not None and part != "value":
                heads[part] = self.turned(heads[part], turns)
        keys = self.node("Transpose", heads["key"], perm=[0, 1, 3, 2])
        scores = self.node("Add", self.node("MatMul", heads["query"], keys), bias)
        found = self.node("MatMul", self.node("Softmax", scores, axis=-1), heads["value"])
        joined = self.node(
            "Reshape", self.node("Transpose", found, perm=[0, 2, 1, 3]), self.integers(0, 0, checkpoint.dimension)
        )
        return self.linear(at + "output", joined, *checkpoint.layer(layer, "attention.output.dense"))

    def turned(self, x: str, turns: tuple[str, ...]) -> str:
        half = self.checkpoint.head_size // 2
        first, second = self.node("Split", x, self.integers(half, half), outputs=2, axis=-1)
        swapped = self.node("Concat", self.node("Neg", second), first, axis=-1)
        return str(self.node("Add", self.node("Mul", x, turns[0]), self.node("Mul", swapped, turns[1])))

    def pool(self, hidden: str, mask: str) -> None:
        """`pooled`: the mean over tokens that are neither begin, end nor padding."""
        residue = self.node("Greater", "input_ids", self.constant("end", np.array(END, np.int64)))
        residue = self.node("Mul", self.node("Cast", residue, to=self.onnx.TensorProto.FLOAT), mask)
        last = self.integers(2)
        total = self.node(
            "ReduceSum", self.node("Mul", hidden, self.node("Unsqueeze", residue, last)), self.integers(1), keepdims=0
        )
        count = self.node("ReduceSum", residue, self.integers(1), keepdims=1)
        self.nodes.append(self.onnx.helper.make_node("Div", [total, count], ["pooled"]))


def _import_onnx() -> Any:
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError as fault:
        raise ImportError(
            "a checkpoint in onnxruntime or OpenVINO needs onnx: pip install 'plmhead[interop]' or 'plmhead[openvino]'"
        ) from fault
    return onnx
