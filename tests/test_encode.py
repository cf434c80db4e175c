"""The ONNX encoders, against a naive ESM in numpy and against the rules of the embedding contract."""

import hashlib
import importlib.util
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plmhead.encode import Encoder, check_contract, check_golden, golden_embeddings, list_encoders, load_encoder
from plmhead.errors import InputError
from plmhead.sequences import RESIDUES, golden_sequences, tokenize

pytest.importorskip("onnxruntime")

ROOT = Path(__file__).resolve().parents[1]
FILES = ROOT / "python" / "plmhead" / "encoders"
SPEC = (ROOT / "spec" / "v1" / "SPEC.md").read_text(encoding="utf-8")
NAMES = ["plmhead/random-esm2-tiny", "plmhead/random-esm1v-tiny"]
LAYERS, WIDTH, HEADS = 2, 32, 4


@pytest.fixture(scope="module")
def exporter() -> ModuleType:
    spec = importlib.util.spec_from_file_location("export_small_esm", ROOT / "tools" / "export_small_esm.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def encoders() -> dict[str, Encoder]:
    return {name: load_encoder(name) for name in NAMES}


@pytest.fixture
def custom(tmp_path):
    """Write NAME.onnx and NAME.json of a user's own, the entry changed as asked; return the path."""

    def custom(data: bytes | None = None, **changes: object) -> Path:
        entry = list_encoders()[0]
        data = (FILES / entry["file"]).read_bytes() if data is None else data
        entry |= {"name": "lab/own", "file": "own.onnx", "sha256": hashlib.sha256(data).hexdigest()} | changes
        (tmp_path / "own.onnx").write_bytes(data)
        (tmp_path / "own.json").write_text(json.dumps(entry))
        return tmp_path / "own.onnx"

    return custom


def refused(code: str, where: str, call, *arguments, **named) -> InputError:
    with pytest.raises(InputError) as caught:
        call(*arguments, **named)
    assert (caught.value.code, caught.value.where) == (code, where)
    return caught.value


# --- the naive twin: one sequence, binary64, from the weights' definition ----------------------------------------------


def shapes(family: str) -> dict[str, tuple[int, ...]]:
    """The tensors of a checkpoint without inv_freq."""
    found: dict[str, tuple[int, ...]] = {"embeddings.word_embeddings.weight": (33, WIDTH)}
    if family == "esm1v":
        found["embeddings.position_embeddings.weight"] = (1026, WIDTH)
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}."
        linears = {f"attention.self.{part}": (WIDTH, WIDTH) for part in ("query", "key", "value")}
        linears |= {"attention.output.dense": (WIDTH, WIDTH)}
        linears |= {"intermediate.dense": (4 * WIDTH, WIDTH), "output.dense": (WIDTH, 4 * WIDTH)}
        for part, shape in linears.items():
            found |= {f"{at}{part}.weight": shape, f"{at}{part}.bias": shape[:1]}
        for part in ("attention.LayerNorm", "LayerNorm"):
            found |= {f"{at}{part}.weight": (WIDTH,), f"{at}{part}.bias": (WIDTH,)}
    return found | {f"encoder.emb_layer_norm_after.{part}": (WIDTH,) for part in ("weight", "bias")}


class Naive:
    """ESM as its papers describe it; every argument of `embed` is a way to get it wrong."""

    def __init__(self, exporter: ModuleType, name: str) -> None:
        self.family = exporter.FAMILIES[name]
        self.weights = {
            tensor: exporter.random_values(name, tensor, shape) for tensor, shape in shapes(self.family).items()
        }
        self.frequencies = exporter.rotary_frequencies().astype(np.float64)

    def linear(self, at: str, x: np.ndarray) -> np.ndarray:
        return x @ self.weights[at + ".weight"].astype(np.float64).T + self.weights[at + ".bias"]

    def norm(self, at: str, x: np.ndarray, epsilon: float) -> np.ndarray:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + epsilon)
        return scaled * self.weights[at + ".weight"] + self.weights[at + ".bias"]

    def rotate(self, x: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        angles = np.arange(len(x))[:, None] * np.tile(frequencies, 2)
        first, second = np.split(x, 2, axis=-1)
        return x * np.cos(angles) + np.concatenate([-second, first], axis=-1) * np.sin(angles)

    def attention(self, at: str, x: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        query, key, value = (
            np.split(self.linear(f"{at}attention.self.{part}", x), HEADS, axis=-1) for part in ("query", "key", "value")
        )
        parts = []
        for q, k, v in zip(query, key, value, strict=True):
            if self.family == "esm2":
                q, k = self.rotate(q, frequencies), self.rotate(k, frequencies)
            scores = np.exp(q @ k.T / math.sqrt(WIDTH // HEADS))
            parts.append(scores / scores.sum(axis=-1, keepdims=True) @ v)
        return self.linear(f"{at}attention.output.dense", np.concatenate(parts, axis=-1))

    def embed(
        self, sequence: str, *, scale=0.88, first_position=2, frequencies=None, epsilon=1e-5, gelu="erf", final_norm=True,
        pooled=slice(1, -1), unit_length=False,
    ) -> np.ndarray:  # fmt: skip
        frequencies = self.frequencies if frequencies is None else frequencies
        ids = tokenize([sequence])[0][0]
        x = self.weights["embeddings.word_embeddings.weight"][ids].astype(np.float64) * scale
        if self.family == "esm1v":
            positions = np.arange(len(ids)) + first_position
            x = x + self.weights["embeddings.position_embeddings.weight"][positions]
        for layer in range(LAYERS):
            at = f"encoder.layer.{layer}."
            x = x + self.attention(at, self.norm(f"{at}attention.LayerNorm", x, epsilon), frequencies)
            inner = GELU[gelu](self.linear(f"{at}intermediate.dense", self.norm(f"{at}LayerNorm", x, epsilon)))
            x = x + self.linear(f"{at}output.dense", inner)
        x = self.norm("encoder.emb_layer_norm_after", x, epsilon) if final_norm else x
        mean = x[pooled].mean(axis=0)
        return mean / np.linalg.norm(mean) if unit_length else mean


GELU = {
    "erf": lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "tanh": lambda x: x * 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
}
EXACT_FREQUENCIES = 10000.0 ** -(np.arange(0, 8, 2) / 8)
BREACHES = [
    ("esm2", "token scale forgotten", {"scale": 1.0}),
    ("esm1v", "token scale forgotten", {"scale": 1.0}),
    ("esm2", "begin and end token in the mean", {"pooled": slice(None)}),
    ("esm2", "end token in the mean", {"pooled": slice(1, None)}),
    ("esm2", "begin token in the mean", {"pooled": slice(0, -1)}),
    ("esm2", "rotary frequencies computed anew", {"frequencies": EXACT_FREQUENCIES}),
    ("esm2", "no rotary positions", {"frequencies": np.zeros(4)}),
    ("esm1v", "positions from 0", {"first_position": 0}),
    ("esm1v", "positions from 1", {"first_position": 1}),
    ("esm2", "default epsilon of the library", {"epsilon": 1e-12}),
    ("esm2", "tanh in place of erf", {"gelu": "tanh"}),
    ("esm2", "no final layer norm", {"final_norm": False}),
    ("esm2", "scaled to unit length", {"unit_length": True}),
]


def config_for(encoder: Encoder, embeddings: np.ndarray, coef: np.ndarray, intercept: np.ndarray) -> dict:
    """The two members of a config that `check_golden` reads."""
    golden = [{"embedding": row[:16].tolist(), "decision": (coef @ row + intercept).tolist()} for row in embeddings]
    return {"embedding": encoder.contract, "golden": golden}


def head(rows: int = 1) -> tuple[np.ndarray, np.ndarray]:
    coef = np.random.default_rng(5).normal(size=(rows, WIDTH))
    return coef, np.linspace(0.5, 1.5, rows)


# --- the files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", list_encoders(), ids=lambda entry: entry["name"])
def test_files_are_small_and_have_the_digests_of_the_list(entry):
    data = (FILES / entry["file"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == entry["sha256"]
    assert len(data) <= 500_000
    for trace in (b"/home", b"/tmp", b"/root", b"/work", b"site-packages", b".py", b"+cu"):
        assert trace not in data


def test_list_names_both_families_and_says_that_the_weights_are_random():
    assert [(entry["name"], entry["family"]) for entry in list_encoders()] == list(
        zip(NAMES, ["esm2", "esm1v"], strict=True)
    )
    assert all("not a scientific model" in entry["note"] for entry in list_encoders())


@pytest.mark.parametrize("entry", list_encoders(), ids=lambda entry: entry["name"])
def test_weights_digest_follows_rule_m6(exporter, entry):
    naive = Naive(exporter, entry["name"])
    tensors = dict(naive.weights)
    if naive.family == "esm2":
        for layer in range(LAYERS):
            name = f"encoder.layer.{layer}.attention.self.rotary_embeddings.inv_freq"
            tensors[name] = naive.frequencies.astype("<f4")
    text = b""
    for name in sorted(tensors):
        shape = ",".join(map(str, tensors[name].shape))
        text += name.encode() + b"\0F32\0" + shape.encode() + b"\0" + tensors[name].astype("<f4").tobytes()
    assert hashlib.sha256(text).hexdigest() == entry["weights_sha256"]


def test_rotary_frequencies_differ_from_exact_ones(exporter):
    found = exporter.rotary_frequencies()
    assert (found == found.astype(np.float16)).all()
    assert np.abs(found - EXACT_FREQUENCIES).max() > 1e-5


# --- the values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_embeddings_are_those_of_the_naive_twin(exporter, encoders, name):
    naive = Naive(exporter, name)
    found = golden_embeddings(encoders[name])
    assert (found.dtype, found.shape) == (np.float32, (6, WIDTH))
    expected = np.stack([naive.embed(sequence) for sequence in golden_sequences()])
    assert np.abs(found - expected).max() < 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_golden_check_takes_the_twin(exporter, encoders, name):
    naive = Naive(exporter, name)
    embeddings = np.stack([naive.embed(sequence) for sequence in golden_sequences()])
    largest = check_golden(encoders[name], config_for(encoders[name], embeddings, *head(3)), *head(3))
    assert largest is not None
    assert largest < 1e-4


@pytest.mark.parametrize(
    ("family", "what", "breach"), BREACHES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_golden_check_finds_every_breach_of_the_contract(exporter, encoders, family, what, breach):
    name = f"plmhead/random-{family}-tiny"
    naive = Naive(exporter, name)
    embeddings = np.stack([naive.embed(sequence, **breach) for sequence in golden_sequences()])
    with pytest.raises(InputError) as caught:
        check_golden(encoders[name], config_for(encoders[name], embeddings, *head()), *head())
    assert caught.value.code == "GOLDEN", what
    assert re.fullmatch("/golden/[0-5]", caught.value.where)


# --- batches ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_sequence_alone_and_among_longer_ones_is_the_same(encoders, name):
    encoder = encoders[name]
    sequences = [*golden_sequences(), "A", "WWWW"]
    together = encoder.embed(sequences, batch_size=8)
    alone = np.concatenate([encoder.embed([sequence]) for sequence in sequences])
    assert np.abs(together - alone).max() <= 1e-5
    order = np.random.default_rng(1).permutation(len(sequences))
    shuffled = encoder.embed([sequences[i] for i in order], batch_size=3)
    assert np.abs(shuffled - alone[order]).max() <= 1e-5


@given(st.lists(st.text(RESIDUES + "X", min_size=1, max_size=150), min_size=1, max_size=12), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_any_batch_gives_what_each_sequence_gives_alone(encoders, sequences, batch_size):
    for encoder in encoders.values():
        together = encoder.embed(sequences, batch_size=batch_size)
        alone = np.concatenate([encoder.embed([sequence]) for sequence in sequences])
        assert np.abs(together - alone).max() <= 1e-5


def test_equal_sequences_are_embedded_once_and_progress_is_told(encoders):
    calls = []
    encoder = encoders[NAMES[0]]
    sequences = ["MK", "mk ", "EVQL", "MK", "W", "EVQL"]
    found = encoder.embed(sequences, batch_size=2, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(2, 3), (3, 3)]
    assert (found[0] == found[1]).all()
    assert (found[0] == found[3]).all()
    assert (found[2] == found[5]).all()
    assert not (found[0] == found[4]).all()


def test_the_order_of_the_input_does_not_change_a_bit(encoders):
    encoder = encoders[NAMES[0]]
    sequences = golden_sequences()[:5]
    assert (encoder.embed(sequences[::-1], 2)[::-1] == encoder.embed(sequences, 2)).all()


def test_no_sequences_give_no_rows(encoders):
    found = encoders[NAMES[0]].embed([])
    assert (found.shape, found.dtype) == ((0, WIDTH), np.float32)


def test_truncation_is_a_matter_of_the_encoder(encoders):
    long = golden_sequences()[5] + "WW"
    refused("SEQUENCE_LENGTH", "/1", encoders[NAMES[0]].embed, ["MK", long])
    cutting = load_encoder(NAMES[0], too_long="truncate")
    assert cutting.contract["too_long"] == "truncate"
    assert np.abs(cutting.embed([long]) - cutting.embed([long[:1022]])).max() == 0
    refused("ENCODER", "too_long", load_encoder, NAMES[0], too_long="ignore")


def test_bad_sequences_are_named_by_row_before_anything_runs(encoders):
    encoder = encoders[NAMES[0]]
    refused("SEQUENCE_LETTER", "/2", encoder.embed, ["MK", "EV", "M*"], progress=lambda *_: pytest.fail("embedded"))
    refused("SEQUENCE_EMPTY", "/0", encoder.embed, [" "])
    refused("ENCODER", "/1", encoder.embed, ["MK", None])
    refused("ENCODER", "sequences", encoder.embed, "MK")
    refused("ENCODER", "batch_size", encoder.embed, ["MK"], batch_size=0)


# --- the contract -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_contract_has_the_members_of_the_specification_in_their_order(encoders, name):
    table = SPEC[SPEC.index("`embedding`: the contract of section 15") : SPEC.index("`golden[j]`, for the six")]
    contract = encoders[name].contract
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(contract)
    assert (contract["checkpoint"], contract["dimension"], contract["origin"]) == (name, WIDTH, "plmhead")
    assert (contract["revision"], contract["too_long"]) == (None, "error")


CHANGES = {
    "family": "esm1b", "checkpoint": "facebook/other", "weights_sha256": "0" * 64, "dimension": 320, "layer": "first",
    "pooling": "cls", "accumulate": "float64", "l2_normalized": True, "alphabet": "other", "max_residues": 100,
}  # fmt: skip


@pytest.mark.parametrize("member", CHANGES)
def test_each_member_of_the_contract_is_compared(encoders, member):
    encoder = encoders[NAMES[0]]
    error = refused(
        "ENCODER", f"/embedding/{member}", check_contract, encoder, encoder.contract | {member: CHANGES[member]}
    )
    assert repr(CHANGES[member]) in error.message


def test_first_difference_is_named_and_unknown_weights_are_not_compared(encoders):
    encoder = encoders[NAMES[0]]
    check_contract(encoder, encoder.contract)
    check_contract(encoder, encoder.contract | {"weights_sha256": None, "too_long": "truncate", "revision": "main"})
    refused("ENCODER", "/embedding/family", check_contract, encoder, encoders[NAMES[1]].contract)
    refused("ENCODER", "/embedding", check_contract, encoder, None)


def test_golden_check_without_results_and_with_another_encoder(encoders):
    encoder = encoders[NAMES[0]]
    assert check_golden(encoder, {"embedding": None, "golden": None}, *head()) is None
    config = config_for(encoders[NAMES[1]], golden_embeddings(encoders[NAMES[1]]), *head())
    refused("ENCODER", "/embedding/family", check_golden, encoder, config, *head())


def test_golden_tolerances(encoders):
    encoder = encoders[NAMES[0]]
    coef, intercept = head()
    embeddings = golden_embeddings(encoder).astype(np.float64)
    tolerance = 1e-4 * max(1.0, float(np.abs(embeddings[4] * coef[0]).sum()))
    for factor, passes in ((0.99, True), (1.01, False)):
        for accuracy, slack in (("exact", 1), ("fast", 100)):
            config = config_for(encoder, embeddings, coef, intercept)
            config["embedding"]["accuracy"] = accuracy
            config["golden"][4]["decision"][0] += factor * slack * tolerance
            if passes:
                check_golden(encoder, config, coef, intercept)
            else:
                refused("GOLDEN", "/golden/4", check_golden, encoder, config, coef, intercept)
    config = config_for(encoder, embeddings, coef, intercept)
    config["golden"][2]["embedding"][15] += 1e-3
    refused("GOLDEN", "/golden/2", check_golden, encoder, config, coef, intercept)
    config["golden"][2]["embedding"][15] = math.nan
    refused("GOLDEN", "/golden/2", check_golden, encoder, config, coef, intercept)


# --- loading ----------------------------------------------------------------------------------------------------------


def test_an_encoder_of_ones_own(custom, encoders):
    encoder = load_encoder(custom())
    assert encoder.contract["checkpoint"] == "lab/own"
    assert (encoder.embed(["MK"]) == encoders[NAMES[0]].embed(["MK"])).all()
    assert load_encoder(str(custom(weights_sha256=None))).contract["weights_sha256"] is None


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"sha256": "0" * 64}, "own.onnx"),
        ({"file": "../own.onnx"}, "own.json"),
        ({"family": "esm1"}, "own.json"),
        ({"dtype": "int8"}, "own.json"),
        ({"dimension": "32"}, "own.json"),
        ({"dimension": True}, "own.json"),
        ({"max_residues": 2000}, "own.json"),
        ({"surplus": 1}, "own.json"),
        ({"data": b"no graph"}, "own.onnx"),
    ],
)
def test_faults_of_an_encoder_of_ones_own(custom, changes, where):
    refused("ENCODER", where, load_encoder, custom(**changes))


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000])
def test_an_entry_that_is_none(custom, text):
    path = custom()
    path.with_suffix(".json").write_text(text)
    refused("ENCODER", "own.json", load_encoder, path)


def test_absent_files_and_names(custom, tmp_path):
    refused("ENCODER", "absent.json", load_encoder, tmp_path / "absent.onnx")
    path = custom()
    path.unlink()
    refused("ENCODER", "own.onnx", load_encoder, path)


def test_a_name_of_the_hub_that_is_not_in_its_cache():
    pytest.importorskip("huggingface_hub")
    error = refused("ENCODER", "facebook/esm2_t6_8M_UR50D", load_encoder, "facebook/esm2_t6_8M_UR50D")
    assert "allow_download=True" in error.remedy


def test_a_graph_that_breaks_its_promise(custom):
    refused("ENCODER", "lab/own", load_encoder, custom(dimension=31))

    class Engine:
        device, batch_tokens = "cpu", 8

        def __init__(self, result: object) -> None:
            self.result = result

        def start(self, _ids: np.ndarray) -> object:
            if isinstance(self.result, Exception):
                raise self.result
            return lambda: self.result

    for result in (np.full((1, 32), np.nan, np.float32), np.zeros((1, 32)), RuntimeError("out of memory")):
        refused("ENCODER", NAMES[0], Encoder(list_encoders()[0], Engine(result), "error").embed, ["MK"])


def test_an_absent_provider_is_an_error():
    error = refused("ENCODER", "providers", load_encoder, NAMES[0], ["NoExecutionProvider"])
    assert "CPUExecutionProvider" in error.message
    refused("ENCODER", "providers", load_encoder, NAMES[0], [("NoExecutionProvider", {})])


def test_without_onnxruntime_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r"pip install 'plmhead\[onnx\]'"):
        load_encoder(NAMES[0])


def test_importing_the_module_does_not_import_onnxruntime():
    code = "import plmhead.encode, sys; assert 'onnxruntime' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(ROOT / "python")})
