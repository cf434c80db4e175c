"""transformers' EsmModel, as somebody writes it who knows what matters: sorted by length, padded to the longest of a batch,
its own tokenizer, pooled over residues alone in float32."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

FIRST_RESIDUE = 4  # ids below are begin, padding, end and unknown


def load(
    folder: Path, device: str, threads: int, *, attention: str, dtype: str
) -> Callable[[list[str], int], np.ndarray]:
    from transformers import EsmModel, EsmTokenizer

    tokenizer = EsmTokenizer.from_pretrained(folder)
    model = EsmModel.from_pretrained(
        folder, add_pooling_layer=False, attn_implementation=attention, dtype=getattr(torch, dtype)
    )
    model = model.to(device).eval()

    @torch.inference_mode()
    def embed(sequences: list[str], batch_size: int) -> np.ndarray:
        order = sorted(range(len(sequences)), key=lambda row: -len(sequences[row]))
        pooled = torch.empty(len(sequences), model.config.hidden_size)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            tokens = tokenizer([sequences[row] for row in rows], return_tensors="pt", padding=True).to(device)
            hidden = model(**tokens).last_hidden_state.float()  # (batch, tokens, width)
            residue = (tokens["input_ids"] >= FIRST_RESIDUE).unsqueeze(-1)
            pooled[rows] = (torch.where(residue, hidden, 0.0).sum(dim=1) / residue.sum(dim=1)).cpu()
        return pooled.numpy()

    return embed
