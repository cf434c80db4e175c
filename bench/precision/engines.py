"""Embeddings of one checkpoint by every engine and arithmetic."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


class Engine(NamedTuple):
    name: str
    arithmetic: str
    precision: str  # "exact", "fast" or "int8"


REFERENCE = Engine("torch", "float32", "exact")
ENGINES = (
    REFERENCE,
    Engine("onnx", "float32", "exact"),
    Engine("openvino", "float32", "exact"),
    Engine("torch", "bfloat16", "fast"),
    Engine("openvino", "bfloat16", "fast"),
    Engine("onnx", "int8", "int8"),
)


@contextmanager
def opened(engine: Engine, folder: Path) -> Iterator[Embed]:
    """A function from sequences to embeddings (m, n), with the weights of the checkpoint in `folder`, on the cpu."""
    if engine.precision != "int8":
        from plmhead.encode import load_encoder

        yield load_encoder(folder, backend=engine.name, device="cpu", precision=engine.precision).embed
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield _int8(folder, Path(scratch))


def _int8(folder: Path, scratch: Path) -> Embed:
    """Dynamic quantisation by onnxruntime of plmhead's graph: weights of 7 bits by channel, which no CPU's products overflow.

    Activations are scaled by the largest of a batch, so that a vector would depend on its neighbours: here a batch is one sequence.
    """
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from plmhead.backends.graph import export_onnx
    from plmhead.checkpoint import read_checkpoint
    from plmhead.sequences import tokenize

    plain, small = scratch / "plain.onnx", scratch / "int8.onnx"
    export_onnx(read_checkpoint(folder, folder.name), plain)
    logging.disable(logging.WARNING)  # it asks for a pass over the graph that changes nothing here
    quantize_dynamic(plain, small, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
    logging.disable(logging.NOTSET)
    session = onnxruntime.InferenceSession(str(small), providers=["CPUExecutionProvider"])

    def embed(sequences: Sequence[str]) -> NDArray[np.float32]:
        found = []
        for sequence in sequences:
            ids, mask = tokenize([sequence])
            found.append(session.run(["pooled"], {"input_ids": ids, "attention_mask": mask})[0])
        return np.vstack(found)

    return embed
