"""Who takes part: the table of encoders, and how much memory each will ask for."""

from __future__ import annotations

from typing import Any, NamedTuple

from .environments import OWN
from .shapes import SHAPES, Shape

CPU, CUDA = "cpu", "cuda"
BOTH = (CPU, CUDA)
#: What every vector and every ratio is compared with.
REFERENCE = "transformers sdpa fp32"
#: Batches of which the fastest is taken, for peers that leave the choice to their caller.
CHOICE = {
    (CPU, "vh"): (8, 16, 32, 64),
    (CPU, "wide"): (4, 8, 16),
    (CUDA, "vh"): (64, 256, 1024),
    (CUDA, "wide"): (16, 64, 256),
}
RUNTIME_BYTES = {CPU: 600 * 2**20, CUDA: 2**30}


class Contestant(NamedTuple):
    name: str
    accuracy: str  # ours: the class, "exact" or "fast"; others: the arithmetic. The measured agreement stands beside it
    environment: str
    adapter: str
    options: dict[str, Any]
    devices: tuple[str, ...] = BOTH
    chooses_batch: bool = False
    #: Weights in memory at once, in copies of float32.
    copies: float = 1.0
    #: On a GPU it is given so small a part of the sequences, the first ones: it would take minutes.
    cuda_part: int = 1
    #: On a CPU it is not timed on larger shapes than this: it would take minutes.
    largest_on_cpu: str = "650M"
    note: str = ""

    @property
    def own(self) -> bool:
        return self.environment == OWN and self.adapter == "own"

    def absent_for(self, shape: Shape, device: str) -> str | None:
        """Why it does not take part, where that is known before it is tried."""
        if device == CPU and shape.parameters > SHAPES[self.largest_on_cpu].parameters:
            return f"timed up to {self.largest_on_cpu} on a CPU: beyond, it would take minutes"
        return None

    def bytes_needed(self, shape: Shape, device: str) -> int:
        return round(self.copies * 4 * shape.parameters) + RUNTIME_BYTES[device]


def _own(backend: str, precision: str, devices: tuple[str, ...], copies: float) -> Contestant:
    options = {"backend": backend, "precision": precision}
    part = 8 if precision == "exact" else 1
    return Contestant(
        f"plmhead {backend} {precision}", precision, OWN, "own", options, devices, copies=copies, cuda_part=part
    )


def _transformers(attention: str, dtype: str, copies: float, largest: str) -> Contestant:
    short = "fp32" if dtype == "float32" else "bf16"
    return Contestant(
        f"transformers {attention} {short}",
        short,
        OWN,
        "transformers_model",
        {"attention": attention, "dtype": dtype},
        chooses_batch=True,
        copies=copies,
        cuda_part=8,
        largest_on_cpu=largest,
        note="sorted by length, its fastest batch size",
    )


def _esm_cpp(name: str, largest: str, note: str, **options: bool) -> Contestant:
    dtype = name.split()[0]
    return Contestant(
        f"esm-cpp {name}", dtype, "esm-cpp", "esm_cpp_model", options, (CPU,), copies=1.5, largest_on_cpu=largest, note=note
    )  # fmt: skip


#: In the order in which memory is given out, so that where it does not suffice the goals can still be judged.
CONTESTANTS = (
    _transformers("sdpa", "float32", 1.0, "650M"),
    _own("openvino", "fast", (CPU,), 2.0),
    _own("torch", "fast", BOTH, 1.5),
    _own("torch", "exact", BOTH, 1.0),
    _own("openvino", "exact", (CPU,), 2.0),
    _transformers("sdpa", "bfloat16", 0.5, "650M"),
    _own("onnx", "exact", (CPU,), 2.0),
    Contestant(
        "field extractor",
        "fp32",
        OWN,
        "field_extractor",
        {},
        cuda_part=32,
        note="batches of 8, unsorted; end tokens in the mean",
    ),
    _transformers("eager", "float32", 1.0, "150M"),
    _esm_cpp("int8", "650M", "one sequence at a time: its packed batch gives no embedding", quantize=True),
    _esm_cpp("fp32", "35M", "one sequence at a time: its packed batch gives no embedding"),
    Contestant(
        "sentence-transformers",
        "fp32",
        "sentence-transformers",
        "sentence_transformers_model",
        {},
        cuda_part=32,
        largest_on_cpu="35M",
        note="begin and end token in the mean",
    ),
    Contestant(
        "fair-esm",
        "fp32",
        "fair-esm",
        "fair_esm",
        {},
        cuda_part=32,
        largest_on_cpu="35M",
        note="batches of 4,096 tokens; also computes logits",
    ),
    _esm_cpp("int8 logits", "35M", "packed batch; logits alone, no embedding", quantize=True, logits=True),
    _transformers("eager", "bfloat16", 0.5, "8M"),
)


def of(device: str, only: str = "") -> list[Contestant]:
    """Those of a kind of device whose name contains one of the words in `only`, separated by commas; the reference always."""
    words = [word.strip() for word in only.split(",") if word.strip()]
    return [
        one
        for one in CONTESTANTS
        if device in one.devices and (one.name == REFERENCE or not words or any(word in one.name for word in words))
    ]
