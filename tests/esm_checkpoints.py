"""What the tests of ESM share: names, files, and how a refusal is looked at. Without torch they are skipped."""

from __future__ import annotations

from pathlib import Path

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
