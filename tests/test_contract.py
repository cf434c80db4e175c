"""The embedding contract as code: every breach that is known from the field is planted in a working encoder and caught."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.esm_checkpoints import ESM1V, ESM2, NAMES, SHAPES, load, refused, torch, write_checkpoint

import plmhead.backends.torch as engines
from plmhead import sequences
from plmhead.breaches import BREACHES, closest_breach
from plmhead.contract import check_class, check_golden, check_rules, golden_embeddings
from plmhead.encode import load_encoder
from plmhead.esm import ESMEmbeddingExtractor
from plmhead.reference import CONTRACT, reference_embedding
from plmhead.sequences import ASCII_SPACE, PAD, golden_sequences


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Any]:
    """Names and folders of checkpoints: small, of ESM-1b, and with heads of 16 and 64 as 8M and 650M have."""
    folder = tmp_path_factory.mktemp("checkpoints")
    return {
        "esm2": ESM2,
        "esm1v": ESM1V,
        "esm1b": write_checkpoint(folder / "own-esm1b", "esm1b", 2, 32, 4),
        "heads of 16": write_checkpoint(folder / "own-16", "esm2", *SHAPES["heads of 16"]),
        "heads of 64": write_checkpoint(folder / "own-64", "esm2", *SHAPES["heads of 64"]),
    }


def head(width: int) -> tuple[np.ndarray, np.ndarray]:
    return np.random.default_rng(5).normal(size=(1, width)) / width**0.5, np.array([0.5])


def config_of(encoder: Any, embeddings: np.ndarray) -> dict[str, Any]:
    """The two members of a config that `check_golden` reads."""
    coef, intercept = head(encoder.dimension)
    rows = embeddings.astype(np.float64)
    golden = [{"embedding": row[:16].tolist(), "decision": (coef @ row + intercept).tolist()} for row in rows]
    return {"embedding": encoder.contract, "golden": golden}


def golden_error(encoder: Any, embeddings: np.ndarray) -> str:
    with pytest.raises(Exception, match="GOLDEN") as caught:
        check_golden(encoder, config_of(encoder, embeddings), *head(encoder.dimension))
    return str(caught.value)


# --- breaches that golden sequences show ------------------------------------------------------------------------------


def mean_over(tokens: Callable[[Any], Any]) -> Callable[..., Any]:
    """A pooling over the tokens that a function of the ids picks."""

    def mean(_torch: Any, hidden: Any, ids: Any) -> Any:
        picked = tokens(ids).unsqueeze(-1)
        return (hidden * picked).sum(dim=1) / picked.sum(dim=1)

    return mean


def without_the_longest(ids: Any) -> Any:
    """What the field's extractor pools: all but the first and the last column of a batch, masked for padding alone."""
    picked = ids != PAD
    picked[:, 0] = picked[:, -1] = False
    return picked


def pooled(tokens: Callable[[Any], Any]) -> Callable[..., None]:
    return lambda _engine, monkeypatch: monkeypatch.setattr(engines, "mean_over_residues", mean_over(tokens))


def no_scale(engine: Any, _: Any) -> None:
    engine._words = engine._words / engines.TOKEN_SCALE


def no_final_norm(engine: Any, _: Any) -> None:
    engine._norm_after = lambda x: x


def inner_layer(engine: Any, _: Any) -> None:
    engine._layers = engine._layers[:-1]


def unit_length(engine: Any, monkeypatch: Any) -> None:
    right = engine._pooled
    monkeypatch.setattr(engine, "_pooled", lambda ids: torch.nn.functional.normalize(right(ids)))


def bfloat16_tables(engine: Any, _: Any) -> None:
    """What `.bfloat16()` did to the tables of transformers 5.5 and before: angles and cosines in bfloat16."""
    half, count = engine._head_size // 2, engine._turns.shape[0]
    exact = 10000.0 ** (-torch.arange(half) / half)
    angles = torch.outer(torch.arange(count).bfloat16(), exact.half().bfloat16())
    engine._turns = torch.complex(angles.cos().float(), angles.sin().float()).unsqueeze(1)


def bfloat16_frequencies(engine: Any, _: Any) -> None:
    """What `.bfloat16()` does to them since: the frequencies are rounded, the angles float32."""
    half, count = engine._head_size // 2, engine._turns.shape[0]
    exact = 10000.0 ** (-torch.arange(half) / half)
    angles = torch.outer(torch.arange(count).float(), exact.half().bfloat16().float())
    engine._turns = torch.complex(angles.cos(), angles.sin()).unsqueeze(1)


PLANTS: dict[str, tuple[Callable[..., None], str]] = {
    "no 0.88 scale": (no_scale, "not scaled by 0.88"),
    "end token in the mean": (pooled(lambda ids: (ids > 2) | (ids == 2)), "the end token is included in the mean"),
    "begin token in the mean": (pooled(lambda ids: (ids > 2) | (ids == 0)), "the begin token is included in the mean"),
    "all tokens in the mean": (pooled(lambda ids: ids != PAD), "the begin and the end token are included in the mean"),
    "no final layer norm": (no_final_norm, "before the final layer norm"),
    "an inner layer": (inner_layer, "the last but one layer, with the final layer norm"),
    "L2 norm": (unit_length, "unit length"),
    "bfloat16 rotary tables": (bfloat16_tables, "rotary tables are computed in bfloat16"),
    "bfloat16 rotary frequencies": (bfloat16_frequencies, "rotary frequencies are rounded to bfloat16"),
}
CASES = [
    (model, what)
    for model, some in (
        ("esm2", PLANTS),
        ("esm1v", ["no 0.88 scale", "end token in the mean", "an inner layer"]),
        ("esm1b", ["no 0.88 scale", "no final layer norm"]),
        ("heads of 16", PLANTS),
        ("heads of 64", ["bfloat16 rotary tables", "bfloat16 rotary frequencies"]),
    )
    for what in some
]


@pytest.mark.parametrize(("model", "what"), CASES)
def test_contract_golden_check_finds_the_breach_and_names_it_and_its_side(models, monkeypatch, model, what):
    plant, words = PLANTS[what]
    right, broken = load(models[model]), load(models[model])
    expected = golden_embeddings(right)
    check_golden(broken, config_of(right, expected), *head(right.dimension))  # the control: nothing is planted yet
    with monkeypatch.context() as patch:
        plant(broken.engine, patch)
        values = golden_embeddings(broken)
        error = golden_error(broken, expected)
    assert words in error
    assert "likely in this encoder" in error
    error = golden_error(right, values)
    assert words in error
    assert "likely in the encoder that made the golden results" in error


@pytest.mark.parametrize(("model", "what"), [case for case in CASES if case[0] in ("esm2", "heads of 16")])
def test_contract_a_loader_refuses_an_engine_that_breaks_it(models, monkeypatch, model, what):
    plant, words = PLANTS[what]
    load(models[model])  # the control
    take = engines.TorchEngine._take

    def take_wrongly(engine: Any, checkpoint: Any) -> None:
        take(engine, checkpoint)
        plant(engine, monkeypatch)

    monkeypatch.setattr(engines.TorchEngine, "_take", take_wrongly)
    extractor = ESMEmbeddingExtractor(models[model], "cpu")
    error = refused("ENCODER", extractor.name, extractor.load)
    assert words in error.message
    assert not extractor.is_loaded


def test_contract_the_extractor_of_the_field_is_found(models, monkeypatch):
    """Its mean takes the end token of every sequence but the longest of a batch."""
    right, broken = load(models["heads of 16"]), load(models["heads of 16"])
    expected = golden_embeddings(right)
    monkeypatch.setattr(engines, "mean_over_residues", mean_over(without_the_longest))
    assert "the end token is included in the mean, of all sequences but the longest" in golden_error(broken, expected)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (model, words)
        for words, _ in BREACHES
        for model in ("esm2", "heads of 16")
        # An epsilon of 1e-12 shows where hidden values are small, as in the first: in the other it moves nothing by 1e-4.
        if "learned" not in words and not (model == "heads of 16" and "epsilon" in words)
    ],
)
def test_contract_each_breach_of_the_list_is_told_from_the_others(models, model, words):
    checkpoint = load(models[model]).checkpoint()
    texts = golden_sequences()[:5]
    found = {text: reference_embedding(checkpoint, text, dict(BREACHES)[words])[:16] for text in texts}
    assert closest_breach(checkpoint, found) == words
    assert closest_breach(checkpoint, {text: reference_embedding(checkpoint, text) for text in texts}) is None


@pytest.mark.parametrize("words", [words for words, _ in BREACHES if "learned" in words])
def test_contract_each_breach_of_learned_positions_is_told_too(models, words):
    checkpoint = load(models["esm1v"]).checkpoint()
    found = {text: reference_embedding(checkpoint, text, dict(BREACHES)[words]) for text in golden_sequences()[:5]}
    assert closest_breach(checkpoint, found) == words


# --- breaches that only a trial shows ---------------------------------------------------------------------------------


def broken_pooling(monkeypatch: Any) -> None:
    monkeypatch.setattr(engines, "mean_over_residues", mean_over(lambda ids: (ids > 2) | (ids == PAD)))


def attended_padding(monkeypatch: Any) -> None:
    monkeypatch.setattr(torch.Tensor, "masked_fill", lambda tensor, _mask, _value: tensor)


class KeepsCase(ESMEmbeddingExtractor):
    """Hands lower case on, which a table of tokens then calls unknown."""

    def _normalised(self, texts: Any) -> list[str]:
        for text in texts:
            sequences.normalise(text)
        return [text.strip(ASCII_SPACE) for text in texts]


class TakesAnything(ESMEmbeddingExtractor):
    def _normalised(self, texts: Any) -> list[str]:
        return [
            "".join(letter if letter in sequences.RESIDUES else "X" for letter in text.strip().upper())
            for text in texts
        ]


class CutsTokens(ESMEmbeddingExtractor):
    """Cuts behind the tokenizer, at 1,024 ids: what is too long loses its end token."""

    def _normalised(self, texts: Any) -> list[str]:
        for text in texts:
            sequences.normalise(text, too_long="truncate")
        return [text.strip().upper() for text in texts]

    @property
    def engine(self) -> Any:
        engine = super().engine
        start = type(engine).start
        engine.start = lambda ids: start(engine, np.ascontiguousarray(ids[:, :1024]))
        return engine


@pytest.mark.parametrize("model", ["esm2", "heads of 16"])
@pytest.mark.parametrize("plant", [broken_pooling, attended_padding])
def test_contract_padding_that_counts_is_refused(models, monkeypatch, model, plant):
    extractor = load(models[model])
    check_rules(extractor)
    plant(monkeypatch)
    assert "padding" in refused("ENCODER", extractor.name, check_rules, extractor).message


@pytest.mark.parametrize("model", ["esm2", "heads of 16"])
def test_contract_lower_case_that_is_another_token_is_refused(models, monkeypatch, model):
    table = sequences.ID_OF_BYTE.copy()
    table[[ord(letter) for letter in sequences.RESIDUES.lower()]] = sequences.ALPHABET.index("<unk>")
    monkeypatch.setattr(sequences, "ID_OF_BYTE", table)
    extractor = KeepsCase(models[model], "cpu")
    assert "lower case" in refused("ENCODER", extractor.name, extractor.load).message


def test_contract_letters_that_are_no_residue_are_refused(models):
    extractor = TakesAnything(models["esm2"], "cpu")
    assert "'M*' is embedded" in refused("ENCODER", extractor.name, extractor.load).message


@pytest.mark.parametrize("model", ["esm2", "esm1v"])
def test_contract_a_cut_that_drops_the_end_token_is_refused(models, model):
    check_rules(load(models[model], too_long="truncate"), thorough=True)
    extractor = CutsTokens(models[model], "cpu", too_long="truncate").load()
    assert "with the end token" in refused("ENCODER", extractor.name, check_rules, extractor, True).message
    extractor = CutsTokens(models[model], "cpu").load()
    assert "1,023 residues" in refused("ENCODER", extractor.name, check_rules, extractor, True).message


def test_contract_an_onnx_file_of_ones_own_is_tried_when_it_is_opened(tmp_path, monkeypatch, models):
    """Without a checkpoint there is no reference, but the rules hold."""
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    import hashlib
    import json

    from plmhead.backends.graph import export_onnx
    from plmhead.encode import list_encoders

    path = tmp_path / "own.onnx"
    export_onnx(load(ESM2).checkpoint(), path)
    graph = onnx.load(path)
    entry = list_encoders()[0] | {"name": "lab/own", "file": "own.onnx"}

    def opened() -> Any:
        path.write_bytes(graph.SerializeToString())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_suffix(".json").write_text(json.dumps(entry | {"sha256": digest}))
        return load_encoder(path)

    assert opened().checkpoint() is None
    last = graph.graph.node[-1]
    last.output[0] = "mean"
    graph.graph.node.append(onnx.helper.make_node("LpNormalization", ["mean"], ["pooled"], axis=-1, p=2))
    assert "unit length" in refused("ENCODER", "lab/own", opened).message


# --- the reference ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["esm2", "esm1v", "esm1b", "heads of 16", "heads of 64"])
def test_contract_reference_is_that_of_transformers(models, model):
    transformers = pytest.importorskip("transformers")
    extractor = load(models[model])
    folder = models[model] if model not in ("esm2", "esm1v") else engines_folder(models[model])
    theirs = transformers.EsmModel.from_pretrained(folder, add_pooling_layer=False).eval()
    for text in golden_sequences()[:5]:
        ids, mask = (torch.from_numpy(array) for array in sequences.tokenize([text]))
        with torch.inference_mode():
            hidden = theirs(input_ids=ids, attention_mask=mask).last_hidden_state
        expected = hidden[0, 1:-1].mean(dim=0).numpy()
        assert np.abs(reference_embedding(extractor.checkpoint(), text, CONTRACT) - expected).max() < 2e-5
        assert np.abs(extractor.embed([text])[0] - expected).max() < 2e-5


def engines_folder(name: str) -> Any:
    from plmhead.shipped import shipped_folder

    return shipped_folder(name)


def test_contract_class_check_takes_what_is_right(models):
    for name in NAMES:
        for precision in ("exact", "fast"):
            extractor = load(name, precision=precision)
            check_class(extractor, extractor.checkpoint())
