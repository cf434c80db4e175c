"""What the tests of ESM share: names, files, and how a refusal is looked at. Without torch they are skipped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from plmhead.errors import InputError
from plmhead.esm import ESMEmbeddingExtractor

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("transformers", reason="needs the torch extra")
safetensors_numpy = pytest.importorskip("safetensors.numpy", reason="needs the torch extra")

ROOT = Path(__file__).resolve().parents[1]
FILES = ROOT / "python" / "plmhead" / "encoders"
ESM2, ESM1V = "plmhead/random-esm2-tiny", "plmhead/random-esm1v-tiny"
NAMES = [ESM2, ESM1V]
INV_FREQ = "encoder.layer.{}.attention.self.rotary_embeddings.inv_freq"


def refused(code: str, where: str, call, *arguments, **named) -> InputError:
    with pytest.raises(InputError) as caught:
        call(*arguments, **named)
    assert (caught.value.code, caught.value.where) == (code, where)
    assert "\n" not in str(caught.value)
    return caught.value


def load(path: Path | str, **options: object) -> ESMEmbeddingExtractor:
    return ESMEmbeddingExtractor(path, "cpu", **options).load()


#: layers, width, heads: a published shape, and two layers with the head sizes of published ones, which run in moments.
SHAPES = {"8M": (6, 320, 20), "heads of 16": (2, 160, 10), "heads of 64": (2, 256, 4)}


def write_checkpoint(folder: Path, family: str, layers: int, width: int, heads: int, seed: int = 1) -> Path:
    """Writes a checkpoint of random weights, such that signals keep their size through the layers; returns its folder.

    Queries and keys are twice as large: with flat attention mistakes in the positions would not show. Rotary frequencies
    are rounded to float16, as published ones are.
    """
    generator = np.random.default_rng(seed)

    def normal(*shape: int, deviation: float) -> np.ndarray:
        return generator.standard_normal(shape, dtype=np.float32) * np.float32(deviation)

    def linear(name: str, out: int, of: int, gain: float = 1.0) -> dict[str, np.ndarray]:
        return {f"{name}.weight": normal(out, of, deviation=gain / of**0.5), f"{name}.bias": normal(out, deviation=0.1)}

    def norm(name: str) -> dict[str, np.ndarray]:
        return {f"{name}.weight": 1 + normal(width, deviation=0.1), f"{name}.bias": normal(width, deviation=0.1)}

    tensors = {"embeddings.word_embeddings.weight": normal(33, width, deviation=1.0)}
    if family != "esm2":
        tensors["embeddings.position_embeddings.weight"] = normal(1026, width, deviation=0.5)
    if family == "esm1b":
        tensors |= norm("embeddings.layer_norm")
    for layer in range(layers):
        at = f"encoder.layer.{layer}."
        for part, gain in (("query", 2.0), ("key", 2.0), ("value", 1.0)):
            tensors |= linear(f"{at}attention.self.{part}", width, width, gain)
        tensors |= linear(f"{at}attention.output.dense", width, width) | norm(f"{at}attention.LayerNorm")
        tensors |= linear(f"{at}intermediate.dense", 4 * width, width) | linear(f"{at}output.dense", width, 4 * width)
        tensors |= norm(f"{at}LayerNorm")
        if family == "esm2":
            size = width // heads
            exact = 10000.0 ** (-np.arange(0, size, 2) / size)
            tensors[INV_FREQ.format(layer)] = exact.astype(np.float16).astype(np.float32)
    tensors |= norm("encoder.emb_layer_norm_after")
    config = {
        "model_type": "esm", "vocab_size": 33, "pad_token_id": 1, "mask_token_id": 32, "hidden_size": width,
        "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": 4 * width,
        "max_position_embeddings": 1026, "layer_norm_eps": 1e-5, "token_dropout": True, "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0, "emb_layer_norm_before": family == "esm1b",
        "position_embedding_type": "rotary" if family == "esm2" else "absolute",
    }  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    safetensors_numpy.save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder
