"""ESM through torch, against the ONNX encoders with the same weights and against the rules of the embedding contract."""

from __future__ import annotations

import copy
import importlib.util
import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from plmhead.data import read_table
from plmhead.encode import check_contract, check_golden, golden_embeddings, list_encoders, load_encoder
from plmhead.errors import InputError
from plmhead.esm import ESMEmbeddingExtractor, choose_device, present_devices
from plmhead.sequences import ALPHABET, golden_sequences

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("transformers", reason="needs the torch extra")
safetensors_numpy = pytest.importorskip("safetensors.numpy", reason="needs the torch extra")

ROOT = Path(__file__).resolve().parents[1]
FILES = ROOT / "python" / "plmhead" / "encoders"
ENTRIES = {entry["name"]: entry for entry in list_encoders()}
ESM2, ESM1V = "plmhead/random-esm2-tiny", "plmhead/random-esm1v-tiny"
NAMES = [ESM2, ESM1V]
DEVICES = present_devices()
COMMIT = "0123456789abcdef0123456789abcdef01234567"
INV_FREQ = "encoder.layer.{}.attention.self.rotary_embeddings.inv_freq"


@pytest.fixture(scope="module")
def extractors() -> dict[str, ESMEmbeddingExtractor]:
    return {name: ESMEmbeddingExtractor(name, "cpu") for name in NAMES}


@pytest.fixture(scope="module")
def onnx() -> dict:
    pytest.importorskip("onnxruntime", reason="needs the onnx extra")
    return {name: load_encoder(name) for name in NAMES}


@pytest.fixture
def folder(tmp_path):
    """A copy of a shipped checkpoint, with config.json and the tensors changed as asked; None removes."""

    def folder(name: str = ESM2, config: dict | None = None, tensors: dict | None = None, at: str = "own-esm") -> Path:
        path = tmp_path / at
        shutil.copytree(FILES / name.split("/")[1], path)
        settings = json.loads((path / "config.json").read_text()) | (config or {})
        (path / "config.json").write_text(json.dumps({k: v for k, v in settings.items() if v is not None}))
        if tensors is not None:
            held = safetensors_numpy.load_file(path / "model.safetensors") | tensors
            held = {key: value for key, value in held.items() if value is not None}
            safetensors_numpy.save_file(held, path / "model.safetensors", metadata={"format": "pt"})
        return path

    return folder


def refused(code: str, where: str, call, *arguments, **named) -> InputError:
    with pytest.raises(InputError) as caught:
        call(*arguments, **named)
    assert (caught.value.code, caught.value.where) == (code, where)
    assert "\n" not in str(caught.value)
    return caught.value


def load(path: Path | str, **options: object) -> ESMEmbeddingExtractor:
    return ESMEmbeddingExtractor(path, "cpu", **options).load()


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


def test_rotary_frequencies_are_those_of_the_checkpoint_and_the_digest_sees_them(extractors, folder):
    exact = (10000.0 ** -(np.arange(0, 8, 2) / 8)).astype(np.float32)
    held = safetensors_numpy.load_file(FILES / "random-esm2-tiny" / "model.safetensors")[INV_FREQ.format(0)]
    assert (held != exact).any()
    model = extractors[ESM2].load()._loaded.model
    found = {key: value for key, value in model.state_dict().items() if key.endswith("inv_freq")}
    assert found
    assert all((value.numpy() == held).all() for value in found.values())
    anew = load(folder(tensors={INV_FREQ.format(layer): exact for layer in (0, 1)}))
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
    monkeypatch.setattr("plmhead.esm.present_devices", lambda: ["cuda:0", "cuda:1", "mps", "cpu"])
    assert [choose_device(name) for name in (None, "cuda", "cuda:1", "mps")] == ["cuda", "cuda", "cuda:1", "mps"]
    refused("DEVICE", "device", choose_device, "cuda:2")


def test_a_failure_of_torch_is_told_with_the_device(extractors):
    extractor = copy.copy(extractors[ESM2]).load()
    extractor._loaded.model.forward = lambda **_: torch.zeros(2) + torch.zeros(3)
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
    for name in ("torch", "transformers"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ImportError, match=r"pip install 'plmhead\[torch\]'"):
            ESMEmbeddingExtractor(ESM2, "cpu").load()
        monkeypatch.undo()


def test_loading_prints_nothing(capfd):
    load(ESM2)
    assert capfd.readouterr() == ("", "")


# --- checkpoints of one's own ------------------------------------------------------------------------------------------


def test_a_folder_is_recorded_by_its_name(folder, extractors):
    extractor = load(folder())
    assert extractor.contract == extractors[ESM2].contract | {"checkpoint": "own-esm"}
    assert (extractor.embed(["MKV"]) == extractors[ESM2].embed(["MKV"])).all()
    refused("ENCODER", str(folder(at="a b")), ESMEmbeddingExtractor, folder(at="a b c").parent / "a b")


@pytest.mark.parametrize(("before", "family"), [(True, "esm1b"), (False, "esm1v")])
def test_the_family_is_read_from_the_config(folder, before, family):
    norms = {f"embeddings.layer_norm.{part}": np.ones(32, np.float32) for part in ("weight", "bias")}
    path = folder(ESM1V, {"emb_layer_norm_before": before}, norms if before else None)
    assert load(path).contract["family"] == family


def test_the_layout_of_published_checkpoints_is_read(folder, extractors):
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
    path = folder(config={"architectures": ["EsmForMaskedLM"], "vocab_list": None}, tensors=published)
    assert load(path).contract == extractors[ESM2].contract | {"checkpoint": "own-esm"}


def test_what_the_library_itself_saves_is_read(folder, tmp_path, extractors):
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
        ({"hidden_size": "wide"}, "cannot be loaded"),
    ],
)
def test_checkpoints_that_are_not_the_contracts(folder, config, words):
    error = refused("ENCODER", "own-esm", load, folder(config=config))
    assert words in str(error)


def test_tensors_that_are_missing_or_broken(folder, tmp_path):
    error = refused("ENCODER", "no-inv", load, folder(tensors={INV_FREQ.format(i): None for i in (0, 1)}, at="no-inv"))
    assert "rotary frequencies" in error.message
    query = "encoder.layer.0.attention.self.query.weight"
    error = refused("ENCODER", "no-query", load, folder(tensors={query: None}, at="no-query"))
    assert query in error.message
    path = folder(tensors={query: np.full((32, 32), np.nan, np.float32)}, at="nan")
    assert "NaN" in refused("ENCODER", "nan", load, path).message
    path = folder(at="cut")
    data = (path / "model.safetensors").read_bytes()
    (path / "model.safetensors").write_bytes(data[:1000])
    assert "cannot be loaded" in refused("ENCODER", "cut", load, path).message


def test_files_that_are_missing_or_broken(folder, tmp_path):
    path = folder()
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


def test_pickles_are_never_read(folder):
    class Boom:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was opened",))

    path = folder()
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
