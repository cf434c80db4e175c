"""The backends: each inside its accuracy class, each embedding a matter of its sequence alone, and what memory does."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.esm_checkpoints import (
    ESM1V,
    ESM2,
    FILES,
    INV_FREQ,
    SHAPES,
    load,
    refused,
    safetensors_numpy,
    torch,
    write_checkpoint,
)

from plmhead.backends import choose_backend, graph, present_backends
from plmhead.backends.torch import present_devices
from plmhead.batches import bucket_of, in_buckets, pad_share
from plmhead.encode import golden_embeddings, load_encoder
from plmhead.sequences import BEGIN, END, ID_OF_BYTE, PAD, RESIDUES, golden_sequences, token_rows

pytest.importorskip("onnxruntime", reason="needs the onnx extra")
onnx = pytest.importorskip("onnx", reason="needs the interop extra")

#: Backend and precision of everything that there is; torch on each device that there is.
ENGINES = [
    *[(f"torch {precision} {device}", "torch", precision, device) for precision in ("exact", "fast") for device in present_devices()],
    ("onnx exact", "onnx", "exact", None),
    *[(f"openvino {precision}", "openvino", precision, None) for precision in ("exact", "fast") if "openvino" in present_backends()],
]  # fmt: skip
needs_openvino = pytest.mark.skipif("openvino" not in present_backends(), reason="needs the openvino extra")


def antibodies(count: int, seed: int = 0) -> list[str]:
    """Random sequences with the lengths of antibody domains."""
    generator = np.random.default_rng(seed)
    return ["".join(generator.choice(list(RESIDUES), length)) for length in generator.integers(110, 131, count)]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Any]:
    """Small ones, and random weights of the 8M shape with rotary and with learned positions."""
    folder = tmp_path_factory.mktemp("checkpoints")
    return {
        "small ESM-2": ESM2,
        "small ESM-1v": ESM1V,
        "heads of 16": write_checkpoint(folder / "own-16", "esm2", *SHAPES["heads of 16"]),
        "8M": write_checkpoint(folder / "own-8m", "esm2", *SHAPES["8M"]),
        "ESM-1v of the 8M shape": write_checkpoint(folder / "own-esm1v", "esm1v", *SHAPES["8M"]),
    }


# --- accuracy classes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["small ESM-2", "small ESM-1v", "8M", "ESM-1v of the 8M shape"])
def test_backends_stay_inside_their_class(models, model):
    sequences = [*antibodies(5), *golden_sequences()[1:3]]
    reference = load(models[model]).embed(sequences).astype(np.float64)
    coef = np.random.default_rng(3).normal(size=reference.shape[1])
    coef /= np.std(reference @ coef)  # decisions of deviation 1, as a trained head has them
    for name, backend, precision, device in ENGINES:
        encoder = load_encoder(models[model], backend=backend, precision=precision, device=device)
        found = encoder.embed(sequences)
        assert (encoder.contract["accuracy"], encoder.contract["dtype"]) == (
            (precision, "float32") if precision == "exact" else (precision, "bfloat16")
        )
        moved = np.abs(found @ coef - reference @ coef).max()
        size = np.abs(reference * coef).sum(axis=1).max()
        if precision == "exact":
            assert moved <= 1e-4, name
            assert np.abs(found - reference).max() <= 2e-5, name
        else:
            assert moved <= 1e-2 * max(1.0, size), name
            off = np.linalg.norm(found - reference, axis=1) / np.linalg.norm(reference, axis=1)
            assert 1e-5 < off.max() < 0.02, name


def test_backends_fast_class_has_float32_positions_and_pooling(models):
    exact, fast = (load(models["heads of 16"], precision=precision).engine for precision in ("exact", "fast"))
    assert fast._turns.dtype == torch.complex64
    assert (fast._turns == exact._turns).all()
    assert fast._pooled(torch.from_numpy(token_rows(["MKV"], 1, 8))).dtype == torch.float32


@needs_openvino
def test_backends_openvino_is_pinned(models):
    import openvino

    chosen = {"exact": openvino.Type.f32, "fast": openvino.Type.bf16}
    for precision, wanted in chosen.items():
        model = load_encoder(ESM2, backend="openvino", precision=precision).engine._model
        assert model.get_property("INFERENCE_PRECISION_HINT") == wanted


@needs_openvino
def test_backends_are_chosen_by_class_and_device():
    assert {"torch", "onnx", "openvino"} == set(present_backends())
    assert choose_backend(None) == "torch"
    assert choose_backend(None, "fast", "cpu") == "openvino"
    assert choose_backend(None, "fast", "cuda") == "torch"
    assert choose_backend("onnx", "fast") == "onnx"
    refused("ENCODER", "backend", choose_backend, "tensorflow")
    refused("ENCODER", "precision", load_encoder, ESM2, precision="half")
    refused("ENCODER", "precision", load_encoder, ESM2, backend="onnx", precision="fast")
    refused("DEVICE", "device", load_encoder, ESM2, backend="openvino", device="cuda")


# --- the same bits ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "backend", "precision", "device"), ENGINES, ids=lambda value: str(value))
@pytest.mark.parametrize("model", ["small ESM-2", "heads of 16"])
def test_backends_an_embedding_depends_on_its_sequence_alone_to_the_bit(
    models, model, name, backend, precision, device
):
    encoder = load_encoder(models[model], backend=backend, precision=precision, device=device)
    sequences = [*antibodies(21), *golden_sequences()[:5]]
    whole = encoder.embed(sequences)
    order = np.random.default_rng(1).permutation(len(sequences))
    assert (encoder.embed([sequences[i] for i in order]) == whole[order]).all()
    assert (encoder.embed(sequences[5:9]) == whole[5:9]).all()
    assert (encoder.embed(sequences[3:4]) == whole[3]).all()
    assert (encoder.embed(sequences[:2] * 3) == np.concatenate([whole[:2]] * 3)).all()


@pytest.fixture(scope="module")
def small_engines() -> list[Any]:
    kinds = [(backend, precision) for _, backend, precision, device in ENGINES if device in (None, "cpu")]
    return [load_encoder(ESM2, backend=backend, precision=precision, device="cpu") for backend, precision in kinds]


@given(st.lists(st.text(RESIDUES + "X", min_size=1, max_size=300), min_size=1, max_size=12), st.randoms())
@settings(max_examples=15, deadline=None)
def test_backends_any_neighbours_give_the_same_bits(small_engines, texts, random):
    shuffled = random.sample(texts, len(texts))
    for encoder in small_engines:
        found = dict(zip(texts, encoder.embed(texts), strict=True))
        for text, row in zip(shuffled, encoder.embed(shuffled), strict=True):
            assert (row == found[text]).all()
        assert (encoder.embed(texts[:1])[0] == found[texts[0]]).all()


# --- batches ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.text(RESIDUES + "X", max_size=70), max_size=9), st.integers(0, 3), st.integers(0, 9))
def test_backends_token_rows_are_those_of_one_letter_at_a_time(texts, more_rows, more_columns):
    rows, length = len(texts) + more_rows, max(map(len, texts), default=1) + 2 + more_columns
    length = max(3, length)
    found = token_rows(texts, rows, length)
    assert (found.dtype, found.shape) == (np.uint8, (rows, length))
    for row, text in zip(found, texts, strict=False):
        ids = [BEGIN, *(int(ID_OF_BYTE[ord(letter)]) for letter in text), END]
        assert row.tolist() == ids + [PAD] * (length - len(ids))
    assert all((row > END).sum() == 1 for row in found[len(texts) :])


def test_backends_buckets_waste_little():
    assert all(bucket_of(n) >= n + 2 for n in range(1, 1023))
    assert bucket_of(1022) == 1024
    assert len({bucket_of(n) for n in range(1, 1023)}) == 48
    assert pad_share(range(110, 131)) < 0.03
    assert all(pad_share([n]) < 0.125 for n in range(200, 1023))
    texts = ["A" * n for n in (3, 900, 120, 4)]
    assert in_buckets(texts) == [(960, [1]), (128, [2]), (8, [0, 3])]


# --- memory -----------------------------------------------------------------------------------------------------------


def short_of_memory(most: int, fault: Callable[[], object]) -> Callable[[Any], Any]:
    """Wraps an engine's `start`: what has more rows than `most` does not fit."""

    def wrap(engine: Any) -> Any:
        start = type(engine).start
        engine.shapes = []

        def start_or_fail(ids: np.ndarray) -> Any:
            engine.shapes.append(ids.shape)
            if len(ids) > most:
                fault()
            return start(engine, ids)

        engine.start = start_or_fail
        return engine

    return wrap


def no_memory_of_torch() -> None:
    torch.empty(1 << 60, dtype=torch.uint8)  # its own RuntimeError: can't allocate memory


def no_memory_of_cuda() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


@pytest.mark.parametrize("fault", [no_memory_of_torch, no_memory_of_cuda])
def test_backends_short_memory_halves_the_batches_and_says_so(models, fault):
    encoder = load(models["heads of 16"])
    sequences = antibodies(20)
    expected = encoder.embed(sequences)
    engine = short_of_memory(2, fault)(encoder.engine)
    done = []
    with pytest.warns(RuntimeWarning, match="halved, and embeddings may differ in their last bits") as told:
        found = encoder.embed(sequences, progress=lambda count, total: done.append((count, total)))
    assert np.abs(found - expected).max() <= 1e-5
    assert done[-1] == (20, 20)
    assert [rows for rows, _ in engine.shapes[:3]] == [7, 3, 1] or [rows for rows, _ in engine.shapes[:3]] == [8, 4, 2]
    assert len(told) == 2
    assert "8 x 128" in str(told[0].message) or "x 136" in str(told[0].message)
    engine = short_of_memory(0, fault)(encoder.engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        error = refused("ENCODER", encoder.name, encoder.embed, sequences)
    assert "batch_size" in error.remedy


def test_backends_a_batch_never_has_more_rows_than_asked_for(models):
    encoder = load(models["heads of 16"])
    engine = short_of_memory(1000, no_memory_of_torch)(encoder.engine)
    encoder.embed([*antibodies(5), golden_sequences()[5]], batch_size=3)
    assert [rows for rows, _ in engine.shapes] == [1] + [3] * (len(engine.shapes) - 1)


# --- checkpoints and graphs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["rotary_embeddings.inv_freq", INV_FREQ.format("*"), "esm." + INV_FREQ.format(1)])
def test_backends_rotary_frequencies_are_found_in_three_spellings(esm_folder, extractors, spelling):
    held = safetensors_numpy.load_file(FILES / "random-esm2-tiny" / "model.safetensors")[INV_FREQ.format(0)]
    path = esm_folder(tensors={INV_FREQ.format(0): None, INV_FREQ.format(1): None, spelling: held})
    assert load(path).contract["weights_sha256"] == extractors[ESM2].contract["weights_sha256"]


def test_backends_rotary_frequencies_that_differ_are_refused(esm_folder):
    other = np.ones(4, np.float32)
    error = refused("ENCODER", "own-esm", load, esm_folder(tensors={INV_FREQ.format(1): other}))
    assert "differ between layers" in error.message


def test_backends_bfloat16_files_are_read(tmp_path, extractors):
    from safetensors.torch import load_file, save_file

    shutil.copytree(FILES / "random-esm2-tiny", tmp_path / "own")
    path = tmp_path / "own" / "model.safetensors"
    tensors = {name: tensor.bfloat16() for name, tensor in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})
    read = load(tmp_path / "own").checkpoint().tensors
    assert all((read[name] == tensor.float().numpy()).all() for name, tensor in tensors.items())


@needs_openvino
@pytest.mark.parametrize("family", ["esm2", "esm1v", "esm1b"])
def test_backends_exported_graphs_are_the_checkpoint(tmp_path, monkeypatch, family):
    encoder = load(write_checkpoint(tmp_path / f"own-{family}", family, 2, 32, 4))
    expected = golden_embeddings(encoder)
    graph.export_onnx(encoder.checkpoint(), tmp_path / "one.onnx")
    graph.export_onnx(encoder.checkpoint(), tmp_path / "two.onnx")
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()
    onnx.checker.check_model(onnx.load(tmp_path / "one.onnx"), full_check=True)
    monkeypatch.setattr(graph, "_INLINE_BYTES", 0)  # as for 650M: the weights stand beside the graph
    for backend in ("onnx", "openvino"):
        other = load_encoder(tmp_path / f"own-{family}", backend=backend)
        assert np.abs(golden_embeddings(other) - expected).max() < 1e-5
        assert other.contract == encoder.contract


@needs_openvino
def test_backends_an_onnx_file_of_ones_own_runs_in_openvino_too(tmp_path, extractors):
    import hashlib

    from plmhead.encode import list_encoders

    path = tmp_path / "own.onnx"
    graph.export_onnx(extractors[ESM2].checkpoint(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = list_encoders()[0] | {"name": "lab/own", "file": "own.onnx", "sha256": digest}
    path.with_suffix(".json").write_text(json.dumps(entry))
    expected = golden_embeddings(extractors[ESM2])
    for backend in (None, "onnx", "openvino"):
        assert np.abs(golden_embeddings(load_encoder(path, backend=backend)) - expected).max() < 1e-5
    assert load_encoder(path, precision="fast").contract["accuracy"] == "fast"
    refused("ENCODER", "backend", load_encoder, path, backend="torch")
