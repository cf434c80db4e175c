"""ESM through torch, against the ONNX encoders with the same weights and against the rules of the embedding contract."""

from __future__ import annotations

import copy
import importlib.util
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from tests.esm_checkpoints import ESM2, FILES, INV_FREQ, NAMES, ROOT, load, refused, safetensors_numpy, torch

from plmhead.data import read_table
from plmhead.encode import check_contract, check_golden, golden_embeddings, list_encoders, load_encoder
from plmhead.esm import ESMEmbeddingExtractor, choose_device, present_devices
from plmhead.sequences import golden_sequences

ENTRIES = {entry["name"]: entry for entry in list_encoders()}
DEVICES = present_devices()


@pytest.fixture(scope="module")
def onnx() -> dict:
    pytest.importorskip("onnxruntime", reason="needs the onnx extra")
    return {name: load_encoder(name) for name in NAMES}


def head() -> tuple[np.ndarray, np.ndarray]:
    return np.random.default_rng(5).normal(size=(1, 32)), np.array([0.5])


# --- the checkpoints that ship with the package ------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_checkpoints_are_small_and_say_that_they_are_random(name):
    path = FILES / name.split("/")[1]
    assert sorted(file.name for file in path.iterdir()) == ["config.json", "model.safetensors"]
    assert sum(file.stat().st_size for file in path.iterdir()) < 300_000
    assert "not a scientific model" in json.loads((path / "config.json").read_text())["note"]


@pytest.mark.parametrize("name", NAMES)
def test_checkpoints_are_what_the_exporter_writes(name):
    spec = importlib.util.spec_from_file_location("export_small_esm", ROOT / "tools" / "export_small_esm.py")
    exporter = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(exporter)
    held = safetensors_numpy.load_file(FILES / name.split("/")[1] / "model.safetensors")
    tensors = {
        tensor: exporter.rotary_frequencies()
        if tensor.endswith("inv_freq")
        else exporter.random_values(name, tensor, values.shape)
        for tensor, values in held.items()
    }
    assert exporter.weights_sha256(tensors) == ENTRIES[name]["weights_sha256"]
    for path, data in exporter.checkpoint_files(name, tensors).items():
        assert (FILES / path).read_bytes() == data


@pytest.mark.parametrize("name", NAMES)
def test_contract_is_that_of_the_onnx_encoder(extractors, onnx, name):
    assert list(extractors[name].contract.items()) == list(onnx[name].contract.items())
    assert extractors[name].contract["weights_sha256"] == ENTRIES[name]["weights_sha256"]
    assert extractors[name].dimension == 32


def test_rotary_frequencies_are_those_of_the_checkpoint_and_the_digest_sees_them(extractors, esm_folder):
    exact = (10000.0 ** -(np.arange(0, 8, 2) / 8)).astype(np.float32)
    held = safetensors_numpy.load_file(FILES / "random-esm2-tiny" / "model.safetensors")[INV_FREQ.format(0)]
    assert (held != exact).any()
    read = extractors[ESM2].checkpoint().tensors
    assert all((read[INV_FREQ.format(layer)] == held).all() for layer in (0, 1))
    anew = load(esm_folder(tensors={INV_FREQ.format(layer): exact for layer in (0, 1)}))
    assert anew.contract["weights_sha256"] != ENTRIES[ESM2]["weights_sha256"]
    assert np.abs(golden_embeddings(anew) - golden_embeddings(extractors[ESM2])).max() > 1e-4


# --- torch and ONNX agree ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_torch_and_onnx_agree_on_golden_and_demo_sequences(extractors, onnx, name):
    demo = read_table(ROOT / "examples" / "demo_sequences.csv", True).sequences
    for sequences in (golden_sequences(), demo):
        found, other = extractors[name].embed(sequences), onnx[name].embed(sequences)
        assert (found.dtype, found.shape) == (np.float32, (len(sequences), 32))
        assert np.abs(found - other).max() <= 1e-5
        coef, _ = head()
        assert np.abs((found - other) @ coef.T).max() <= 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_golden_check_passes_from_either_backend_to_the_other(extractors, onnx, name):
    coef, intercept = head()
    for maker, checker in ((extractors[name], onnx[name]), (onnx[name], extractors[name])):
        golden = [
            {"embedding": row[:16].tolist(), "decision": (coef @ row + intercept).tolist()}
            for row in golden_embeddings(maker).astype(np.float64)
        ]
        config = {"embedding": maker.contract, "golden": golden}
        assert check_golden(checker, config, coef, intercept) < 1e-4
        golden[3]["embedding"][0] += 1e-3
        refused("GOLDEN", "/golden/3", check_golden, checker, config, coef, intercept)
    other = extractors[NAMES[1 - NAMES.index(name)]]
    refused("ENCODER", "/embedding/family", check_contract, other, extractors[name].contract)


# --- devices and batches -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", NAMES)
def test_every_present_device_gives_the_same_alone_in_a_batch_and_shuffled(extractors, name, device):
    extractor = ESMEmbeddingExtractor(name, device)
    assert extractor.device == device
    golden = golden_sequences()
    sequences = [golden[1], *golden[2:], golden[4][::-1], golden[3][::-1], golden[5][:500]]
    assert len(set(sequences)) == 8
    together = extractor.embed(sequences, batch_size=8)
    alone = np.stack([extractor.embed_sequence(sequence) for sequence in sequences])
    assert np.abs(together - alone).max() <= 1e-5
    order = np.random.default_rng(2).permutation(8)
    shuffled = extractor.embed([sequences[i] for i in order], batch_size=3)
    assert np.abs(shuffled - alone[order]).max() <= 1e-5
    assert np.abs(alone - extractors[name].embed(sequences)).max() <= 1e-5
    assert extractor.device == device


@pytest.mark.parametrize("name", NAMES)
def test_no_float64_tensor_is_made(name):
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class Watch(TorchDispatchMode):
        seen = 0

        def __torch_dispatch__(self, function, types, arguments=(), named=None):
            result = function(*arguments, **(named or {}))
            for value in tree_leaves((arguments, named, result)):
                if isinstance(value, torch.Tensor):
                    self.seen += 1
                    assert value.dtype not in (torch.float64, torch.complex128), function
            return result

    extractor = ESMEmbeddingExtractor(name, "cpu")
    with Watch() as watch:
        extractor.load()  # what is loaded is moved to the device as it is
        extractor.embed(["MKV", "EVQLVESGG"])
    assert watch.seen > 100


def test_switches_of_the_caller_do_not_change_a_bit_and_are_left_as_they_were(extractors):
    sequences = golden_sequences()[:5]
    expected = extractors[ESM2].embed(sequences)
    switches = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)
    before = [switch.fp32_precision for switch in switches]
    try:
        for switch, value in zip(switches, ("tf32", "bf16"), strict=True):
            switch.fp32_precision = value
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert (extractors[ESM2].embed(sequences) == expected).all()
        assert [switch.fp32_precision for switch in switches] == ["tf32", "bf16"]
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.fp32_precision = value


def test_the_best_device_is_chosen_and_an_absent_one_is_refused(monkeypatch):
    assert DEVICES[-1] == "cpu"
    assert choose_device() == DEVICES[0].split(":")[0]
    assert choose_device("cpu") == "cpu"
    for absent in ("cuda:99", "tpu", "gpu", "cpu:", ""):
        error = refused("DEVICE", "device", choose_device, absent)
        assert DEVICES[0] in error.message
    refused("DEVICE", "device", ESMEmbeddingExtractor(ESM2, "cuda:99").embed, ["MK"])
    monkeypatch.setattr("plmhead.backends.torch.present_devices", lambda: ["cuda:0", "cuda:1", "mps", "cpu"])
    assert [choose_device(name) for name in (None, "cuda", "cuda:1", "mps")] == ["cuda", "cuda", "cuda:1", "mps"]
    refused("DEVICE", "device", choose_device, "cuda:2")


def test_a_failure_of_torch_is_told_with_the_device(extractors):
    extractor = copy.copy(extractors[ESM2]).load()
    extractor.engine._pooled = lambda _: torch.zeros(2) + torch.zeros(3)
    error = refused("ENCODER", ESM2, extractor.embed, ["MK"])
    assert "cpu" in error.message
    assert "batch_size" in error.remedy


# --- the interface -----------------------------------------------------------------------------------------------------


def test_equal_sequences_are_embedded_once_with_progress_and_in_the_order_of_the_input(extractors):
    calls = []
    sequences = ["MK", "mk ", "EVQL", "MK", "W", "EVQL"]
    found = extractors[ESM2].embed(sequences, 2, lambda done, total: calls.append((done, total)))
    assert calls == [(2, 3), (3, 3)]
    for row, sequence in enumerate(sequences):
        assert np.abs(found[row] - extractors[ESM2].embed_sequence(sequence)).max() <= 1e-5
    assert (found[0] == found[1]).all()
    assert (extractors[ESM2].extract_batch_embeddings(sequences) - found).max() <= 1e-5
    assert extractors[ESM2].embed([]).shape == (0, 32)


def test_bad_sequences_are_refused_before_the_weights_are_loaded():
    extractor = ESMEmbeddingExtractor(ESM2, batch_size=2)
    refused("SEQUENCE_LETTER", "/1", extractor.embed, ["MK", "M*"])
    refused("SEQUENCE_EMPTY", "/0", extractor.embed_sequence, " ")
    refused("ENCODER", "sequences", extractor.extract_batch_embeddings, "MK")
    assert not extractor.is_loaded
    assert extractor.device is None
    assert extractor.load() is extractor
    assert extractor.is_loaded
    assert extractor.device == choose_device()


def test_max_length_counts_the_two_special_tokens(extractors):
    long = golden_sequences()[5]
    short = ESMEmbeddingExtractor(ESM2, "cpu", max_length=12)
    assert short.embed([long[:10]]).shape == (1, 32)
    error = refused("SEQUENCE_LENGTH", "/1", short.embed, ["MK", long[:11]])
    assert "at most 10" in error.message
    refused("SEQUENCE_LENGTH", "/0", extractors[ESM2].embed, [long + "W"])
    # A shorter limit refuses sequences, it changes no embedding: the contract and the golden sequences are untouched.
    assert short.contract == extractors[ESM2].contract
    assert (golden_embeddings(short) == golden_embeddings(extractors[ESM2])).all()


def test_truncation_keeps_the_end_token(extractors):
    long = golden_sequences()[5]
    cutting = ESMEmbeddingExtractor(ESM2, "cpu", too_long="truncate")
    assert (cutting.embed([long + "WW"]) == extractors[ESM2].embed([long])).all()
    assert cutting.contract["too_long"] == "truncate"
    short = ESMEmbeddingExtractor(ESM2, "cpu", max_length=12, too_long="truncate")
    assert (short.embed([long]) == extractors[ESM2].embed([long[:10]])).all()
    error = refused("ENCODER", "max_length", lambda: short.contract)
    assert "1022" in error.message


@pytest.mark.parametrize(
    ("where", "options"),
    [
        ("max_length", {"max_length": 2}),
        ("max_length", {"max_length": 1025}),
        ("batch_size", {"batch_size": 0}),
        ("too_long", {"too_long": "cut"}),
    ],
)
def test_arguments_out_of_range(where, options):
    refused("ENCODER", where, ESMEmbeddingExtractor, ESM2, **options)


def test_copies_and_pickles_hold_no_weights(extractors):
    extractor = extractors[ESM2].load()
    expected = extractor.embed(["MKV"])
    data = pickle.dumps(extractor)
    assert len(data) < 2000
    for other in (pickle.loads(data), copy.copy(extractor), copy.deepcopy(extractor)):
        assert not other.is_loaded
        assert (other.embed(["MKV"]) == expected).all()
        assert other.contract == extractor.contract
    assert extractor.is_loaded


def test_nothing_heavy_is_imported_and_the_extra_is_named(monkeypatch):
    code = (
        "import sys, plmhead.esm; plmhead.esm.ESMEmbeddingExtractor('facebook/esm2_t6_8M_UR50D');"
        "assert not {'torch', 'transformers', 'safetensors', 'huggingface_hub', 'onnxruntime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(ROOT / "python")})
    for name in ("torch", "safetensors"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ImportError, match=r"pip install 'plmhead\[torch\]'"):
            ESMEmbeddingExtractor(ESM2, "cpu").load()
        monkeypatch.undo()


def test_loading_prints_nothing(capfd):
    load(ESM2)
    assert capfd.readouterr() == ("", "")
