"""ESM in torch on cpu, cuda or mps: the float32 reference of the contract, and a fast class with bfloat16 products.

In both classes the positions, the layer norms, the sums over layers and the pooling are float32. On the cpu the products
go to oneDNN, with GELU in the same pass; elsewhere to torch's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import FIRST_POSITION, Checkpoint, first_line
from ..errors import InputError
from ..sequences import END, PAD

TOKEN_SCALE = 0.88
EPSILON = 1e-5
_CPU_TOKENS = 1024  # what stays in the cache of a core; measured, see docs/encoders.md
_GPU_VALUES = 65536 * 320  # hidden values a batch: 65,536 tokens of the 8M model, 16,384 of the 650M model


class TorchEngine:
    """An ESM checkpoint on a torch device; see `Engine`."""

    def __init__(self, checkpoint: Checkpoint, device: str | None, precision: str) -> None:
        torch = import_torch()
        self.device = choose_device(device)
        self._kind = self.device.split(":")[0]
        self._heads, self._head_size = checkpoint.heads, checkpoint.head_size
        self._dtype = torch.float32 if precision == "exact" else torch.bfloat16
        self.batch_tokens = _CPU_TOKENS if self._kind == "cpu" else max(1024, _GPU_VALUES // checkpoint.dimension)
        try:
            with torch.inference_mode(), _full_float32(torch, self._kind):
                self._take(checkpoint)
        except RuntimeError as fault:
            message = f"does not fit on {self.device}: {first_line(fault)}"
            raise InputError("ENCODER", checkpoint.name, message) from fault

    def _take(self, checkpoint: Checkpoint) -> None:
        tensors = checkpoint.tensors
        self._words = self._put(tensors["embeddings.word_embeddings.weight"]) * TOKEN_SCALE
        positions = tensors.get("embeddings.position_embeddings.weight")
        self._positions = None if positions is None else self._put(positions[FIRST_POSITION:])
        self._norm_before = self._norm(checkpoint, "embeddings.layer_norm")
        self._norm_after = self._norm(checkpoint, "encoder.emb_layer_norm_after")
        self._layers = [self._layer(checkpoint, index) for index in range(checkpoint.layers)]
        table = checkpoint.rotary()
        # As complex numbers one product turns a pair, in float32.
        self._turns = None if table is None else self._put(table[0] + 1j * table[1]).unsqueeze(1)

    def _layer(self, checkpoint: Checkpoint, index: int) -> tuple[Any, ...]:
        parts = [checkpoint.layer(index, f"attention.self.{part}") for part in ("query", "key", "value")]
        scale = np.float32(self._head_size**-0.5)
        parts[0] = (parts[0][0] * scale, parts[0][1] * scale)
        if "embeddings.position_embeddings.weight" not in checkpoint.tensors:
            # Turned pairs stand side by side; the order within a head does not matter to the product of query and key.
            order = self._side_by_side(checkpoint.dimension)
            parts[:2] = [(weight[order], bias[order]) for weight, bias in parts[:2]]
        weight, bias = (np.concatenate(both) for both in zip(*parts, strict=True))
        return (
            self._norm(checkpoint, f"encoder.layer.{index}.attention.LayerNorm"),
            self._linear(weight, bias),
            self._linear(*checkpoint.layer(index, "attention.output.dense")),
            self._norm(checkpoint, f"encoder.layer.{index}.LayerNorm"),
            self._linear(*checkpoint.layer(index, "intermediate.dense"), gelu=True),
            self._linear(*checkpoint.layer(index, "output.dense")),
        )

    def _side_by_side(self, width: int) -> NDArray[np.int64]:
        """The order of a head's dimensions 0, h, 1, h + 1, … where h is half its size, for all heads."""
        halves = np.arange(width).reshape(self._heads, 2, self._head_size // 2)
        return halves.transpose(0, 2, 1).reshape(-1)

    def _put(self, values: NDArray[Any]) -> Any:
        return import_torch().from_numpy(np.ascontiguousarray(values)).to(self.device)

    def _norm(self, checkpoint: Checkpoint, name: str) -> Any:
        import torch.nn.functional as f

        if f"{name}.weight" not in checkpoint.tensors:
            return None
        weight, bias = (self._put(checkpoint.tensors[f"{name}.{part}"]) for part in ("weight", "bias"))
        return lambda x: f.layer_norm(x, weight.shape, weight, bias, EPSILON)

    def _linear(self, weight: NDArray[np.float32], bias: NDArray[np.float32], gelu: bool = False) -> Any:
        """The function of x: x W^T + b, with GELU (by erf) where asked."""
        import torch.nn.functional as f

        w, b = (self._put(array).to(self._dtype) for array in (weight, bias))
        fused = _onednn() if self._kind == "cpu" else None
        if fused is not None:
            w = fused.reorder(w)
            return lambda x: fused.linear(x, w, b, "gelu" if gelu else "none", [], "none" if gelu else "")
        return (lambda x: f.gelu(f.linear(x, w, b))) if gelu else (lambda x: f.linear(x, w, b))

    # --- running

    def start(self, ids: NDArray[np.uint8]) -> Callable[[], NDArray[np.float32]]:
        torch = import_torch()
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode())
            stack.enter_context(_full_float32(torch, self._kind))
            host = torch.from_numpy(ids)
            if self._kind != "cuda":
                pooled = self._pooled(host.to(self.device))
                return lambda: np.asarray(pooled.cpu().numpy())
            # One transfer each way from and to pinned memory; nothing waits until the caller asks for the values, while
            # the next batch is made ready.
            pooled = self._pooled(host.pin_memory().to(self.device, non_blocking=True))
            there = torch.empty(pooled.shape, dtype=pooled.dtype, pin_memory=True)
            there.copy_(pooled, non_blocking=True)
            done = torch.cuda.Event()
            done.record(torch.cuda.current_stream(pooled.device))

        def wait() -> NDArray[np.float32]:
            done.synchronize()
            return np.asarray(there.numpy())

        return wait

    def free(self) -> None:
        if self._kind == "cuda":
            import_torch().cuda.empty_cache()

    def _pooled(self, ids: Any) -> Any:
        """The mean over residues of the last layer: float32 of shape (rows, dimension)."""
        import torch.nn.functional as f

        torch = import_torch()
        ids = ids.int()
        length = ids.shape[1]
        x = f.embedding(ids, self._words)
        if self._positions is not None:
            x = x + self._positions[:length]
        if self._norm_before is not None:
            x = self._norm_before(x)
        # Always given, even where nothing is padded: with another kernel the bits would depend on the neighbours.
        mask = torch.zeros(ids.shape, dtype=self._dtype, device=ids.device)
        mask = mask.masked_fill(ids == PAD, float("-inf"))[:, None, None, :].expand(-1, self._heads, length, -1)
        for norm, qkv, output, second_norm, inner, outer in self._layers:
            x = x + output(self._attention(qkv(norm(x).to(self._dtype)), mask))
            x = x + outer(inner(second_norm(x).to(self._dtype)))
        return mean_over_residues(torch, self._norm_after(x), ids)

    def _attention(self, qkv: Any, mask: Any) -> Any:
        """Attention on (rows, length, 3·dimension): queries (scaled already), keys and values; the heads side by side."""
        import torch.nn.functional as f

        torch = import_torch()
        rows, length, _ = qkv.shape
        qkv = qkv.view(rows, length, 3 * self._heads, self._head_size)
        turned, values = qkv[:, :, : 2 * self._heads], qkv[:, :, 2 * self._heads :]
        if self._turns is not None:
            pairs = turned.float().unflatten(-1, (-1, 2))
            turned = torch.view_as_real(torch.view_as_complex(pairs) * self._turns[:length]).flatten(-2).to(qkv.dtype)
        queries, keys = turned[:, :, : self._heads], turned[:, :, self._heads :]
        found = f.scaled_dot_product_attention(
            queries.transpose(1, 2), keys.transpose(1, 2), values.transpose(1, 2), mask, scale=1.0
        )
        return found.transpose(1, 2).reshape(rows, length, -1)


def mean_over_residues(torch: Any, hidden: Any, ids: Any) -> Any:
    """The mean of `hidden` (rows, length, dimension) without begin, end and padding tokens: float32 (rows, dimension)."""
    residue = (ids > END).unsqueeze(-1)  # (rows, length, 1); the three tokens are 0, 1 and 2
    total = hidden.masked_fill(~residue, 0.0).sum(dim=1)
    return total / residue.sum(dim=1, dtype=torch.float32)


class _Fused:
    """oneDNN's product with a pass for GELU, which torch's own compiler uses; it has no public name."""

    def __init__(self, operators: Any) -> None:
        self.reorder, self.linear = operators._reorder_linear_weight, operators._linear_pointwise


def _onednn() -> _Fused | None:
    """None where torch was built without oneDNN, or has moved it: then plain products do."""
    torch = import_torch()
    if not torch.backends.mkldnn.is_available():
        return None
    try:
        return _Fused(torch.ops.mkldnn)
    except (AttributeError, RuntimeError):
        return None


# --- devices and arithmetic -------------------------------------------------------------------------------------------


def present_devices() -> list[str]:
    """Return the devices that torch can use here, the best first: "cuda:0", "cuda:1", …, "mps", "cpu"."""
    torch = import_torch()
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return [*cuda, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def choose_device(wanted: str | None = None) -> str:
    """Return `wanted` when it is present; the best present for None. Raises InputError DEVICE."""
    present = present_devices()
    kinds = [device.split(":")[0] for device in present]
    if wanted is None:
        return kinds[0]
    if wanted not in present and wanted not in kinds:
        message = f"found {wanted!r}, expected one that is present: {', '.join(present)}"
        raise InputError("DEVICE", "device", message, "pass device=None for the best present")
    return wanted


@contextmanager
def _full_float32(torch: Any, kind: str) -> Iterator[None]:
    """float32 products in float32: no autocast, TF32 or bfloat16, all of which a caller may have switched on."""
    # The switches per backend: torch.get_float32_matmul_precision raises once a caller has used these.
    switches = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)
    before = [switch.fp32_precision for switch in switches]
    try:
        for switch in switches:
            switch.fp32_precision = "ieee"
        with torch.autocast(kind, enabled=False):
            yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.fp32_precision = value


def import_torch() -> Any:
    try:
        import torch
    except ImportError as fault:
        raise ImportError("embedding with torch needs it: pip install 'plmhead[torch]'") from fault
    return torch
