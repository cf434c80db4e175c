"""plmhead itself: one of its backends, in its exact or its fast class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np


def load(
    folder: Path, device: str, threads: int, *, backend: str, precision: str
) -> Callable[[list[str], int | None], np.ndarray]:
    from plmhead.encode import load_encoder

    encoder = load_encoder(folder, backend=backend, device=device, precision=precision)

    def embed(sequences: list[str], batch_size: int | None) -> np.ndarray:
        return encoder.embed(sequences, batch_size)

    return embed
