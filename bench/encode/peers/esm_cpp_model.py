"""esm-cpp: fp32 and int8 kernels for ESM-2 on a CPU.

Hidden states come one sequence at a time; its packed batch gives logits alone. `logits` times the latter, which has no embedding.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

CALIBRATION = 8
ALPHA = 0.5  # of SmoothQuant, its documentation's


def load(
    folder: Path, device: str, threads: int, *, quantize: bool = False, logits: bool = False
) -> Callable[[list[str], int | None], np.ndarray | None]:
    import esm_cpp

    from bench.encode.sequences import sequences as made

    model = esm_cpp.Model.load_from_safetensors(str(folder / "model.safetensors"))
    if model.num_threads != threads:  # OMP_NUM_THREADS and the affinity decide
        raise RuntimeError(f"esm-cpp takes {model.num_threads} threads, not {threads}")
    tokenizer = esm_cpp.Tokenizer()

    def ids(sequence: str) -> np.ndarray:
        return np.asarray(tokenizer.encode(sequence), dtype=np.int32)

    if quantize:
        observer = esm_cpp.ActivationObserver()
        for sequence in made("vh", CALIBRATION):
            tokens = ids(sequence)
            model.forward_with_observer(tokens, np.ones_like(tokens), observer)
        model.apply_smoothquant(observer.percentile(99.9), ALPHA)
        model.quantize_weights()

    def embed(sequences: list[str], batch_size: int | None) -> np.ndarray | None:
        if logits:
            model.forward_scheduled([ids(sequence) for sequence in sequences])
            return None
        return np.stack([model.forward_with_hidden_states(ids(s))[1][-1][1:-1].mean(0) for s in sequences])

    return embed
