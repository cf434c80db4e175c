"""Checkpoints of one's own, in a folder or in the local cache of the hub: read as they are, or refused with the reason."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
from tests.esm_checkpoints import ESM1V, ESM2, FILES, INV_FREQ, ROOT, load, refused, safetensors_numpy

from plmhead.esm import ESMEmbeddingExtractor
from plmhead.sequences import ALPHABET

COMMIT = "0123456789abcdef0123456789abcdef01234567"


# --- in a folder


def test_a_folder_is_recorded_by_its_name(esm_folder, extractors):
    extractor = load(esm_folder())
    assert extractor.contract == extractors[ESM2].contract | {"checkpoint": "own-esm"}
    assert (extractor.embed(["MKV"]) == extractors[ESM2].embed(["MKV"])).all()
    refused("ENCODER", str(esm_folder(at="a b")), ESMEmbeddingExtractor, esm_folder(at="a b c").parent / "a b")


@pytest.mark.parametrize(("before", "family"), [(True, "esm1b"), (False, "esm1v")])
def test_the_family_is_read_from_the_config(esm_folder, before, family):
    norms = {f"embeddings.layer_norm.{part}": np.ones(32, np.float32) for part in ("weight", "bias")}
    path = esm_folder(ESM1V, {"emb_layer_norm_before": before}, norms if before else None)
    assert load(path).contract["family"] == family


def test_the_layout_of_published_checkpoints_is_read(esm_folder, extractors):
    """The names of EsmForMaskedLM, with heads, position ids and a table of positions that rotary models do not use."""
    held = safetensors_numpy.load_file(FILES / "random-esm2-tiny" / "model.safetensors")
    published = dict.fromkeys(held) | {f"esm.{name}": values for name, values in held.items()}
    published |= {
        "esm.embeddings.position_embeddings.weight": np.ones((1026, 32), np.float32),
        "esm.embeddings.position_ids": np.arange(1026).reshape(1, -1),
        "esm.contact_head.regression.weight": np.ones((1, 8), np.float32),
        "esm.contact_head.regression.bias": np.ones(1, np.float32),
        "lm_head.bias": np.ones(33, np.float32),
        "lm_head.decoder.weight": np.ones((33, 32), np.float32),
    }
    path = esm_folder(config={"architectures": ["EsmForMaskedLM"], "vocab_list": None}, tensors=published)
    assert load(path).contract == extractors[ESM2].contract | {"checkpoint": "own-esm"}


def test_what_the_library_itself_saves_is_read(esm_folder, tmp_path, extractors):
    import transformers

    with_heads = transformers.EsmForMaskedLM.from_pretrained(FILES / "random-esm2-tiny").half()
    with_heads.save_pretrained(tmp_path / "saved", max_shard_size="30KB")
    assert len(list((tmp_path / "saved").glob("model-*.safetensors"))) > 1
    extractor = load(tmp_path / "saved")
    assert extractor.contract["dtype"] == "float32"
    assert np.abs(extractor.embed(["MKVEVQL"]) - extractors[ESM2].embed(["MKVEVQL"])).max() < 0.05


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model_type": "bert"}, "found model_type 'bert', expected 'esm'"),
        ({"model_type": None}, "found model_type 'none'"),
        ({"vocab_size": 35}, "33 tokens"),
        ({"pad_token_id": 0}, "33 tokens"),
        ({"mask_token_id": None}, "33 tokens"),
        ({"vocab_list": [*ALPHABET[:4], "A", "L", *ALPHABET[6:]]}, "another alphabet in vocab_list"),
        ({"layer_norm_eps": 1e-12}, "found layer_norm_eps 1e-12, expected 1e-05"),
        ({"layer_norm_eps": None}, "expected 1e-05"),
        ({"token_dropout": False}, "0.88"),
        ({"auto_map": {"AutoModel": "modeling.Model"}}, "code of its own, which is never run"),
        ({"quantization_config": {"load_in_8bit": True}}, "quantised"),
        ({"is_folding_model": True}, "ESMFold"),
        ({"is_decoder": True}, "decoder"),
        ({"position_embedding_type": "relative_key"}, "relative_key"),
        ({"emb_layer_norm_before": True}, "expected that of"),
        ({"position_embedding_type": "absolute", "max_position_embeddings": 512}, "expected 1026"),
        ({"position_embedding_type": "absolute"}, "no tensor embeddings.position_embeddings.weight"),
        ({"num_hidden_layers": 3}, "no tensor encoder.layer.2"),
        ({"num_hidden_layers": 1}, "encoder.layer.1"),
        ({"intermediate_size": 64}, "in another shape"),
        ({"hidden_size": "wide"}, "expected positive integers"),
    ],
)
def test_checkpoints_that_are_not_the_contracts(esm_folder, config, words):
    error = refused("ENCODER", "own-esm", load, esm_folder(config=config))
    assert words in str(error)


def test_tensors_that_are_missing_or_broken(esm_folder, tmp_path):
    error = refused(
        "ENCODER", "no-inv", load, esm_folder(tensors={INV_FREQ.format(i): None for i in (0, 1)}, at="no-inv")
    )
    assert "rotary frequencies" in error.message
    query = "encoder.layer.0.attention.self.query.weight"
    error = refused("ENCODER", "no-query", load, esm_folder(tensors={query: None}, at="no-query"))
    assert query in error.message
    path = esm_folder(tensors={query: np.full((32, 32), np.nan, np.float32)}, at="nan")
    assert "NaN" in refused("ENCODER", "nan", load, path).message
    path = esm_folder(at="cut")
    data = (path / "model.safetensors").read_bytes()
    (path / "model.safetensors").write_bytes(data[:1000])
    assert "cannot be loaded" in refused("ENCODER", "cut", load, path).message


def test_files_that_are_missing_or_broken(esm_folder, tmp_path):
    path = esm_folder()
    (path / "vocab.txt").write_text("\n".join(ALPHABET) + "\n")
    load(path)
    (path / "vocab.txt").write_text("\n".join(reversed(ALPHABET)))
    assert "vocab.txt" in refused("ENCODER", "own-esm", load, path).message
    (path / "vocab.txt").unlink()
    (path / "adapter_config.json").write_text("{}")
    assert "adapter" in refused("ENCODER", "own-esm", load, path).message
    (path / "adapter_config.json").unlink()
    for text in ("{", "[]", "[" * 100_000):
        (path / "config.json").write_text(text)
        assert "config.json" in refused("ENCODER", "own-esm", load, path).message
    (path / "config.json").unlink()
    assert "config.json cannot be read" in refused("ENCODER", "own-esm", load, path).message


def test_pickles_are_never_read(esm_folder):
    class Boom:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was opened",))

    path = esm_folder()
    (path / "model.safetensors").unlink()
    (path / "pytorch_model.bin").write_bytes(pickle.dumps(Boom()))
    error = refused("ENCODER", "own-esm", load, path)
    assert "no model.safetensors" in error.message
    for shard in ("pytorch_model.bin", "../own-esm/model.safetensors", "a/b.safetensors", 7):
        (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": shard}}))
        assert repr(shard) in refused("ENCODER", "own-esm", load, path).message


# --- the hub: only its local cache, nothing from the network -----------------------------------------------------------


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A cache that holds lab/tiny at COMMIT under the revision main."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "hub" / "models--lab--tiny"
    shutil.copytree(FILES / "random-esm2-tiny", repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    return repository


def test_a_name_on_the_hub_is_pinned_to_its_commit(hub, extractors):
    extractor = load("lab/tiny", allow_download=False)
    assert extractor.contract == extractors[ESM2].contract | {"checkpoint": "lab/tiny", "revision": COMMIT}
    assert load("lab/tiny", revision=COMMIT, allow_download=False).contract["revision"] == COMMIT
    assert load("lab/tiny", revision=None).contract["revision"] == COMMIT
    # The branch moves on; a copy of what was loaded does not.
    (hub / "refs" / "main").write_text("f" * 40)
    assert pickle.loads(pickle.dumps(extractor)).contract == extractor.contract
    refused("ENCODER", "lab/tiny", load, "lab/tiny", allow_download=False)


def test_what_is_not_in_the_cache_is_told_with_a_remedy(hub):
    error = refused("ENCODER", "lab/other", load, "lab/other", allow_download=False)
    assert "allow_download=True" in error.remedy
    error = refused("ENCODER", "lab/tiny", load, "lab/tiny", revision="v2")
    assert "revision v2" in error.message
    assert "network" in error.remedy
    (hub / "snapshots" / COMMIT / "model.safetensors").unlink()
    assert "no model.safetensors" in refused("ENCODER", "lab/tiny", load, "lab/tiny", allow_download=False).message


def test_without_a_network_a_name_on_the_hub_fails_in_one_line(tmp_path):
    code = (
        "from plmhead.esm import ESMEmbeddingExtractor as E\n"
        "from plmhead.errors import InputError\n"
        "try: E('facebook/esm2_t6_8M_UR50D').load()\n"
        "except InputError as fault: print(fault)\n"
    )
    environment = {"PYTHONPATH": str(ROOT / "python"), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    assert done.stdout.count("\n") == 1
    assert done.stdout.startswith("ENCODER (facebook/esm2_t6_8M_UR50D): revision main is not in the local cache")


@pytest.mark.parametrize("name", ["", "absent/folder/of/mine", "/absent", "a b", "../x", "x" * 193, "a\0b"])
def test_what_is_no_name(name):
    error = refused("ENCODER", name, ESMEmbeddingExtractor, name)
    assert "no such folder" in error.message
