"""sentence-transformers around transformers' EsmModel, with its mean pooling, which takes in the begin and the end token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np


def load(folder: Path, device: str, threads: int) -> Callable[[list[str], int | None], np.ndarray]:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer

    words = Transformer(str(folder), max_seq_length=1024)
    model = SentenceTransformer(
        modules=[words, Pooling(words.get_embedding_dimension(), pooling_mode="mean")], device=device
    )

    def embed(sequences: list[str], batch_size: int | None) -> np.ndarray:
        return model.encode(sequences, batch_size=batch_size or 32, show_progress_bar=False)

    return embed
