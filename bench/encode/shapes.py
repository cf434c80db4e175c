"""The shapes of published ESM-2 models, their FLOPs by formula, and checkpoints of those shapes with random weights.

Speed depends on the shape, not on the values: the weights are random, and mean nothing to a biologist.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

SPECIAL_TOKENS = 2  # begin and end
HEAD_ROWS = 33
#: Deviation of the weights times the square root of their inputs, about that of the small encoders that ship with plmhead.
GAIN = 1.13


class Shape(NamedTuple):
    name: str
    layers: int
    width: int
    heads: int

    @property
    def parameters(self) -> int:
        """Of the encoder: a layer has 12 d² weights and 13 d biases and scales; 33 rows of embeddings, one last norm."""
        d = self.width
        return self.layers * (12 * d * d + 13 * d) + (HEAD_ROWS + 2) * d

    def flops(self, residues: int) -> int:
        """Floating-point operations of the matrix products for one sequence, two a multiply-add.

        A token costs 24 d² in the linear layers (8 d² in the projections of attention, 16 d² in the feed-forward part) and
        4 L d in the two products of attention, L tokens long. Norms, softmax and GELU are not counted, nor is padding.
        """
        tokens = residues + SPECIAL_TOKENS
        return self.layers * tokens * (24 * self.width * self.width + 4 * tokens * self.width)

    def total_flops(self, sequences: Iterable[str]) -> int:
        return sum(self.flops(len(sequence)) for sequence in sequences)


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("tiny", 2, 32, 4),  # for tests
        Shape("8M", 6, 320, 20),
        Shape("35M", 12, 480, 20),
        Shape("150M", 30, 640, 20),
        Shape("650M", 33, 1280, 20),
    )
}


def settings(shape: Shape) -> dict[str, object]:
    """EsmConfig's members for a published ESM-2 of this shape; its own defaults differ in many of them."""
    return {
        "vocab_size": 33, "pad_token_id": 1, "mask_token_id": 32, "hidden_size": shape.width,
        "num_hidden_layers": shape.layers, "num_attention_heads": shape.heads, "intermediate_size": 4 * shape.width,
        "max_position_embeddings": 1026, "layer_norm_eps": 1e-5, "token_dropout": True, "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0, "position_embedding_type": "rotary", "emb_layer_norm_before": False,
    }  # fmt: skip


def checkpoint(shape: Shape, folder: Path) -> Path:
    """The folder of a checkpoint of this shape below `folder`, written on first use, as the published ones are laid out.

    The same weights on every machine with the same torch. Raises OSError where the disk is full.
    """
    target = folder / f"random-esm2-{shape.name}"
    if (target / "config.json").exists():
        return target
    partial = folder / f".{target.name}.{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _write(shape, partial)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    return target


def _write(shape: Shape, folder: Path) -> None:
    import torch
    from safetensors.torch import save_file
    from transformers import EsmConfig, EsmForMaskedLM

    from plmhead.sequences import ALPHABET

    config = EsmConfig(**settings(shape))
    with torch.device("meta"):
        model = EsmForMaskedLM(config)
    generator = torch.Generator().manual_seed(shape.width)
    tensors = {
        name: _random(torch, name, tuple(tensor.shape), generator)
        for name, tensor in model.state_dict().items()
        if not name.endswith(("position_ids", "inv_freq", "lm_head.decoder.weight", "position_embeddings.weight"))
    }
    for layer in range(shape.layers):  # where published checkpoints keep it
        tensors[f"esm.encoder.layer.{layer}.attention.self.rotary_embeddings.inv_freq"] = frequencies(torch, shape)
    tensors["lm_head.decoder.weight"] = tensors["esm.embeddings.word_embeddings.weight"].clone()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "vocab.txt").write_text("\n".join(ALPHABET) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "EsmTokenizer"}\n', encoding="utf-8")
    members = {"architectures": ["EsmForMaskedLM"], "model_type": "esm", "dtype": "float32", **settings(shape)}
    (folder / "config.json").write_text(json.dumps(members, indent=2) + "\n", encoding="utf-8")


def frequencies(torch, shape: Shape):
    """Of the rotary positions, rounded to float16 once, as published checkpoints hold them."""
    size = shape.width // shape.heads
    exact = 1.0 / 10000.0 ** (torch.arange(0, size, 2, dtype=torch.float64) / size)
    return exact.half().float()


def _random(torch, name: str, size: tuple[int, ...], generator):
    """Normal values; a layer norm's scale lies around 1. Attention is neither flat nor so steep that depth amplifies rounding."""
    values = torch.randn(size, generator=generator)
    if name.endswith(("LayerNorm.weight", "layer_norm.weight", "emb_layer_norm_after.weight")):
        return 1.0 + 0.2 * values
    if len(size) < 2:
        return 0.1 * values
    inputs = 32 if "word_embeddings" in name else size[1]
    return values * (GAIN / inputs**0.5)
