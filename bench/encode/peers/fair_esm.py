"""fair-esm 2.0.0, the authors' own code, used as their `extract` does: batches by tokens, float32, residues alone in the mean."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

TOKENS_A_BATCH = 4096  # extract's own

#: transformers' names of tensors, and fair-esm's.
NAMES = (
    (r"^esm\.embeddings\.word_embeddings\.", "embed_tokens."),
    (r"^esm\.encoder\.emb_layer_norm_after\.", "emb_layer_norm_after."),
    (r"^esm\.encoder\.layer\.", "layers."),
    (r"^esm\.contact_head\.", "contact_head."),
    (r"\.attention\.self\.rotary_embeddings\.", ".self_attn.rot_emb."),
    (r"\.attention\.self\.query\.", ".self_attn.q_proj."),
    (r"\.attention\.self\.key\.", ".self_attn.k_proj."),
    (r"\.attention\.self\.value\.", ".self_attn.v_proj."),
    (r"\.attention\.output\.dense\.", ".self_attn.out_proj."),
    (r"\.attention\.LayerNorm\.", ".self_attn_layer_norm."),
    (r"\.intermediate\.dense\.", ".fc1."),
    (r"\.output\.dense\.", ".fc2."),
    (r"(layers\.\d+)\.LayerNorm\.", r"\1.final_layer_norm."),
    (r"^lm_head\.decoder\.weight$", "lm_head.weight"),
)


def load(folder: Path, device: str, threads: int) -> Callable[[list[str], int | None], np.ndarray]:
    import esm
    from esm.data import FastaBatchedDataset
    from esm.model.esm2 import ESM2
    from safetensors.torch import load_file

    settings = json.loads((folder / "config.json").read_text())
    layers = settings["num_hidden_layers"]
    alphabet = esm.data.Alphabet.from_architecture("ESM-1b")
    model = ESM2(layers, settings["hidden_size"], settings["num_attention_heads"], alphabet, token_dropout=True)
    model.load_state_dict({renamed(name): tensor for name, tensor in load_file(folder / "model.safetensors").items()})
    model = model.to(device).eval()
    converter = alphabet.get_batch_converter()

    @torch.no_grad()
    def embed(sequences: list[str], batch_size: int | None) -> np.ndarray:
        data = FastaBatchedDataset([str(row) for row in range(len(sequences))], sequences)
        pooled = np.empty((len(sequences), settings["hidden_size"]), dtype=np.float32)
        for rows in data.get_batch_indices(TOKENS_A_BATCH, extra_toks_per_seq=1):
            _, texts, tokens = converter([data[row] for row in rows])
            hidden = model(tokens.to(device), repr_layers=[layers])["representations"][layers].cpu()
            for row, text, values in zip(rows, texts, hidden, strict=True):
                pooled[row] = values[1 : len(text) + 1].mean(0).numpy()
        return pooled

    return embed


def renamed(name: str) -> str:
    for pattern, replacement in NAMES:
        name = re.sub(pattern, replacement, name)
    return name
