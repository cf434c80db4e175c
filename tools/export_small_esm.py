"""Write the two small ESM encoders that ship with plmhead, for ONNX and for transformers.

python/plmhead/encoders/ gets encoders.json and, for each encoder, NAME.onnx and the folder NAME with config.json and
model.safetensors; both hold the same weights.

They have the architecture of ESM-2 (rotary positions) and ESM-1v (learned positions) but random weights: they exercise
every rule of the embedding contract in 0.5 MB, and mean nothing to a biologist. The weights are a function of the
encoder's name alone (SHAKE-256), so they do not move with a library's random numbers.

    pip install -r tools/requirements-export.txt
    python tools/export_small_esm.py            # write the files
    python tools/export_small_esm.py --check    # compare what would be written with the files, write nothing
"""

import argparse
import hashlib
import json
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
ENCODERS = ROOT / "python" / "plmhead" / "encoders"
sys.path.insert(0, str(ROOT / "python"))

FAMILIES = {"plmhead/random-esm2-tiny": "esm2", "plmhead/random-esm1v-tiny": "esm1v"}
POSITIONS = {"esm2": "rotary", "esm1v": "absolute"}
LAYERS = 2
HEAD_SIZE = 8
OPSET = 18
MAX_FILE_BYTES = 500_000
MAX_CHECKPOINT_BYTES = 300_000
MAX_DIFFERENCE = 1e-5
NOTE = "random weights of the true architecture: not a scientific model"

# --- weights: numpy only, the tests use these too ---------------------------------------------------------------------


def random_values(encoder: str, tensor: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return float32 values of the given shape, roughly normal with deviation 0.2, around 1 for the scale of a layer norm.

    Each is a sum of twelve 16-bit integers (variance 1 after scaling), computed in binary64 and rounded once. Biases and
    layer norms are random as well: an encoder that forgets one of them must give other numbers. Queries and keys are
    twice as large: with flat attention an error in the positions would stay below the tolerance of the golden check.
    """
    count = int(np.prod(shape))
    noise = hashlib.shake_256(f"{encoder}\0{tensor}".encode()).digest(24 * count)
    sums = np.frombuffer(noise, dtype="<u2").reshape(count, 12).sum(axis=1, dtype=np.int64)
    normal = (sums - 6 * 65535) / 65536.0
    centre = 1.0 if tensor.endswith(("LayerNorm.weight", "emb_layer_norm_after.weight")) else 0.0
    deviation = 0.4 if tensor.endswith(("self.query.weight", "self.key.weight")) else 0.2
    return (centre + deviation * normal).astype(np.float32).reshape(shape)


def rotary_frequencies() -> np.ndarray:
    """Return inv_freq as published ESM-2 checkpoints hold it: float32 values that were once rounded to float16."""
    exact = 1.0 / 10000.0 ** (np.arange(0, HEAD_SIZE, 2, dtype=np.float64) / HEAD_SIZE)
    return exact.astype(np.float16).astype(np.float32)


def weights_sha256(tensors: dict[str, np.ndarray]) -> str:
    """Return the digest of rule M6 over float32 tensors by their canonical names."""
    digest = hashlib.sha256()
    for name in sorted(tensors, key=lambda text: text.encode()):
        values = tensors[name]
        shape = ",".join(str(length) for length in values.shape)
        digest.update(f"{name}\0F32\0{shape}\0".encode())
        digest.update(np.ascontiguousarray(values, dtype="<f4").tobytes())
    return digest.hexdigest()


# --- checkpoint: what EsmModel.from_pretrained reads -------------------------------------------------------------------


def esm_settings(name: str) -> dict:
    """Return the settings of EsmConfig, in the order in which config.json lists them."""
    return {
        "vocab_size": 33, "pad_token_id": 1, "mask_token_id": 32, "hidden_size": 32, "num_hidden_layers": LAYERS,
        "num_attention_heads": 4, "intermediate_size": 128, "max_position_embeddings": 1026, "layer_norm_eps": 1e-5,
        "token_dropout": True, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.2,
        "position_embedding_type": POSITIONS[FAMILIES[name]], "emb_layer_norm_before": False,
    }  # fmt: skip


def checkpoint_files(name: str, tensors: dict[str, np.ndarray]) -> dict[str, bytes]:
    """Return {path below the folder of encoders: bytes} of the checkpoint with these canonical tensors.

    The library's own save_pretrained is not used: it names the rotary frequencies differently in each version and puts
    its version into config.json. The names of rule M6 are read by all versions.
    """
    from safetensors.numpy import save

    config = {
        "note": NOTE,
        "architectures": ["EsmModel"],
        "model_type": "esm",
        "dtype": "float32",
        **esm_settings(name),
    }
    folder = name.split("/")[1]
    files = {
        f"{folder}/config.json": (json.dumps(config, indent=2) + "\n").encode(),
        f"{folder}/model.safetensors": save(tensors, metadata={"format": "pt"}),  # "pt": transformers asks for it
    }
    size = sum(map(len, files.values()))
    print(f"{name}: checkpoint of {size} bytes")
    if size > MAX_CHECKPOINT_BYTES:
        raise SystemExit(f"{name}: at most {MAX_CHECKPOINT_BYTES} bytes are allowed for the checkpoint")
    return files


# --- model ------------------------------------------------------------------------------------------------------------


def build_model(name: str):
    """Return (EsmModel in evaluation mode, its canonical tensors)."""
    import torch
    from transformers import EsmConfig, EsmModel

    config = EsmConfig(**esm_settings(name), attn_implementation="eager")
    model = EsmModel(config, add_pooling_layer=False).eval()
    tensors = {}
    with torch.no_grad():
        for tensor, parameter in model.named_parameters():
            if tensor.startswith(("embeddings.", "encoder.")):
                tensors[tensor] = random_values(name, tensor, tuple(parameter.shape))
                parameter.copy_(torch.from_numpy(tensors[tensor]))
        if config.position_embedding_type == "rotary":
            frequencies = rotary_frequencies()
            model.rotary_embeddings.inv_freq.copy_(torch.from_numpy(frequencies))
            # Published checkpoints hold one copy per layer under this name; the library keeps a single one elsewhere.
            for layer in range(LAYERS):
                tensors[f"encoder.layer.{layer}.attention.self.rotary_embeddings.inv_freq"] = frequencies
    return model, tensors


def add_pooling(model):
    """Return a module (input_ids, attention_mask) -> pooled: float32 (batch, 32), the mean over residues (M4)."""
    import torch

    class Pooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            hidden = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state  # (B, L, 32)
            special = (input_ids == 0) | (input_ids == 1) | (input_ids == 2)
            residue = (~special & (attention_mask != 0)).unsqueeze(-1)  # (B, L, 1)
            total = torch.where(residue, hidden.float(), 0.0).sum(dim=1)
            return total / residue.sum(dim=1).float()

    return Pooled().eval()


# --- export -----------------------------------------------------------------------------------------------------------


def export_onnx(module) -> bytes:
    """Return the ONNX file of `module`, with batch and length free and without traces of this machine."""
    import onnx
    import torch

    example = (torch.tensor([[0, 5, 6, 7, 2], [0, 8, 2, 1, 1]]), torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]))
    free = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", min=3, max=1024)}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside the exporter, nothing about this model
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            module, example, path, dynamo=True, external_data=False, opset_version=OPSET, verbose=False,
            input_names=["input_ids", "attention_mask"], output_names=["pooled"],
            dynamic_shapes={"input_ids": free, "attention_mask": free},
        )  # fmt: skip
        graph = onnx.load(path)
    strip_provenance(graph)
    onnx.checker.check_model(graph, full_check=True)
    data = graph.SerializeToString(deterministic=True)
    for trace in (b"/site-packages/", b"/home/", b"/tmp/", b"/root/", b".py", str(ROOT).encode()):
        if trace in data:
            raise SystemExit(f"the ONNX file holds {trace!r}")
    return data


def strip_provenance(graph) -> None:
    """Remove doc strings, stack traces, inferred shapes and the build of torch: no trace of the machine that exported."""
    graph.producer_version = ""
    del graph.metadata_props[:]
    del graph.graph.metadata_props[:]
    del graph.graph.value_info[:]
    if graph.functions:
        raise SystemExit("the exporter left functions in the graph")
    graph.doc_string = graph.graph.doc_string = ""
    for part in (*graph.graph.node, *graph.graph.initializer, *graph.graph.input, *graph.graph.output):
        part.doc_string = ""
        del part.metadata_props[:]


def largest_difference(module, data: bytes) -> float:
    """Return the largest absolute difference between onnxruntime and torch over batches of mixed lengths."""
    import onnxruntime
    import torch

    from plmhead.sequences import golden_sequences, tokenize

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    golden = golden_sequences()
    batches = [golden, golden[:5], golden[3:5], *([sequence] for sequence in golden)]
    worst = 0.0
    for batch in batches:
        input_ids, attention_mask = tokenize(batch)
        (found,) = session.run(["pooled"], {"input_ids": input_ids, "attention_mask": attention_mask})
        with torch.no_grad():
            expected = module(torch.from_numpy(input_ids), torch.from_numpy(attention_mask)).numpy()
        worst = max(worst, float(np.abs(found - expected).max()))
    return worst


def export_encoder(name: str) -> tuple[dict, dict[str, bytes]]:
    """Return (the encoder's entry in encoders.json, {path: bytes} of its ONNX file and its checkpoint)."""
    model, tensors = build_model(name)
    module = add_pooling(model)
    data = export_onnx(module)
    difference = largest_difference(module, data)
    print(f"{name}: {len(data)} bytes, largest difference to torch {difference:.2e}")
    if not difference <= MAX_DIFFERENCE or len(data) > MAX_FILE_BYTES:
        raise SystemExit(f"{name}: at most {MAX_DIFFERENCE} and {MAX_FILE_BYTES} bytes are allowed")
    entry = {
        "name": name,
        "file": name.split("/")[1] + ".onnx",
        "sha256": hashlib.sha256(data).hexdigest(),
        "family": FAMILIES[name],
        "weights_sha256": weights_sha256(tensors),
        "dimension": 32,
        "dtype": "float32",
        "accuracy": "exact",
        "max_residues": 1022,
        "note": NOTE,
    }
    return entry, {entry["file"]: data, **checkpoint_files(name, tensors)}


def same_bytes(path: Path, data: bytes) -> bool:
    return path.exists() and path.read_bytes() == data


def main() -> int:
    parser = argparse.ArgumentParser(description="write the small ESM encoders that ship with plmhead")
    parser.add_argument("--check", action="store_true", help="compare with the files, write nothing")
    check = parser.parse_args().check
    files = {}
    entries = []
    for name in FAMILIES:
        entry, written = export_encoder(name)
        entries.append(entry)
        files |= written
    files["encoders.json"] = (json.dumps(entries, indent=2) + "\n").encode()
    if check:
        stale = [file for file, data in files.items() if not same_bytes(ENCODERS / file, data)]
        print("differ: " + ", ".join(stale) if stale else "the files are up to date")
        return 1 if stale else 0
    for file, data in files.items():
        (ENCODERS / file).parent.mkdir(parents=True, exist_ok=True)
        (ENCODERS / file).write_bytes(data)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
