"""The way of extractors in the field: batches of 8 in the order of the input, padded, float32; the first and the last position
of a batch are left out of the mean, so that a sequence that is not its batch's longest has its end token in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch


def load(folder: Path, device: str, threads: int) -> Callable[[list[str], int | None], np.ndarray]:
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).to(device).eval()

    def embed(sequences: list[str], batch_size: int | None) -> np.ndarray:
        size = batch_size or 8
        found = [_batch(model, tokenizer, sequences[i : i + size], device) for i in range(0, len(sequences), size)]
        return np.vstack(found)

    return embed


def _batch(model, tokenizer, sequences: list[str], device: str) -> np.ndarray:
    tokens = tokenizer(sequences, padding=True, truncation=True, max_length=1024, return_tensors="pt").to(device)
    with torch.no_grad():
        hidden = model(**tokens, output_hidden_states=True).hidden_states[-1]
    mask = tokens["attention_mask"].clone()
    mask[:, 0] = mask[:, -1] = 0
    mask = mask.unsqueeze(-1).float()
    return ((hidden * mask).sum(dim=1) / mask.sum(dim=1)).cpu().numpy()
