"""ESM checkpoints: found, checked and read into plain arrays; no model is run here.

A checkpoint is a folder with config.json and model.safetensors (or shards): one that ships with the package, one of the
caller's, or one that the Hugging Face hub serves. Pickles are never read and a checkpoint's own code is never run.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .config import _SEGMENT
from .errors import InputError
from .sequences import ALPHABET, MAX_RESIDUES, PAD
from .shipped import shipped_folder

MAX_TOKENS = MAX_RESIDUES + 2
FIRST_POSITION = PAD + 1  # the row of the table of learned positions that the begin token takes
_HUB_FILES = ["config.json", "vocab.txt", "model.safetensors", "model-*.safetensors", "model.safetensors.index.json"]
_NAME = re.compile(rf"{_SEGMENT}(/{_SEGMENT})?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_FREQUENCIES = "rotary_embeddings.inv_freq"
_MOST = 1 << 20  # of any count in config.json: what is larger is no ESM, and must not become an allocation

#: What config.json must say: member, value, why. EsmConfig's own defaults are other values for the last two.
_REQUIRED: tuple[tuple[str, object, str], ...] = (
    ("model_type", "esm", "only ESM-1b, ESM-1v and ESM-2 are supported"),
    ("vocab_size", len(ALPHABET), "the alphabet must be the 33 tokens of ESM-1b"),
    ("pad_token_id", PAD, "the alphabet must be the 33 tokens of ESM-1b"),
    ("mask_token_id", ALPHABET.index("<mask>"), "the alphabet must be the 33 tokens of ESM-1b"),
    ("token_dropout", True, "ESM scales its token embeddings by 0.88; without that it is another function"),
    ("layer_norm_eps", 1e-5, "another epsilon is another function"),
)
#: Members of config.json that would make another model of it, and what they mean.
_REFUSED = {
    "auto_map": "asks for code of its own, which is never run",
    "quantization_config": "is quantised, expected float weights",
    "is_folding_model": "is ESMFold, expected its language model",
    "is_decoder": "is a decoder, expected an encoder",
    "add_cross_attention": "has cross-attention, expected none",
}


@dataclass(frozen=True)
class Checkpoint:
    """The weights of one ESM encoder and what they are.

    `tensors` holds float32 arrays by their canonical names: those of rule M6, which `weights_sha256` is the digest of.
    `revision` is the hub's commit, None for a folder.
    """

    name: str
    family: str
    revision: str | None
    layers: int
    heads: int
    tensors: dict[str, NDArray[np.float32]]
    weights_sha256: str

    @property
    def dimension(self) -> int:
        """The length of a hidden vector and of an embedding."""
        return int(self.tensors["embeddings.word_embeddings.weight"].shape[1])

    @property
    def head_size(self) -> int:
        return self.dimension // self.heads

    def layer(self, index: int, part: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(weight, bias) of a part of a layer, for example "attention.self.query"."""
        at = f"encoder.layer.{index}.{part}"
        return self.tensors[f"{at}.weight"], self.tensors[f"{at}.bias"]

    def rotary(self, length: int = MAX_TOKENS) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """(cosines, sines) of ESM-2's positions, each float32 of shape (length, head_size / 2); None for learned ones.

        The frequencies are those of the checkpoint (rounded to float16 once, in published ones), the angles float32
        products as in the training code. Every backend takes this table; none builds one of its own in less precision.
        """
        frequencies = self.tensors.get(f"encoder.layer.0.attention.self.{_FREQUENCIES}")
        return None if frequencies is None else rotary_table(frequencies, length)


def rotary_table(frequencies: NDArray[np.float32], length: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    angles = np.multiply.outer(np.arange(length, dtype=np.float32), frequencies).astype(np.float64)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def weights_sha256(tensors: dict[str, NDArray[np.float32]]) -> str:
    """Return the digest of rule M6 over float32 arrays by their canonical names."""
    digest = hashlib.sha256()
    for name in sorted(tensors, key=lambda text: text.encode()):
        values = np.ascontiguousarray(tensors[name], dtype="<f4")
        shape = ",".join(str(length) for length in values.shape)
        digest.update(f"{name}\0F32\0{shape}\0".encode())
        digest.update(values.data)
    return digest.hexdigest()


# --- finding ----------------------------------------------------------------------------------------------------------


def checkpoint_name(model_name: str) -> str:
    """The name to record: a folder's own name, else `model_name`. Raises InputError ENCODER for what is neither."""
    is_folder = os.path.isdir(model_name) and shipped_folder(model_name) is None
    name = Path(model_name).resolve().name if is_folder else model_name
    if not _NAME.fullmatch(name) or len(name) > 192:
        found = f"found a folder named {name!r}" if is_folder else "found no such folder"
        wanted = "a name of letters, digits, '_', '-' and '.'" if is_folder else "a folder or a name such as OWNER/NAME"
        raise InputError("ENCODER", model_name, f"{found}, expected {wanted}")
    return name


def find_checkpoint(model_name: str, revision: str, allow_download: bool) -> tuple[Path, str | None]:
    """Return (the checkpoint's folder, the commit that it is, where it has one). Raises InputError ENCODER."""
    folder = shipped_folder(model_name) or (Path(model_name) if os.path.isdir(model_name) else None)
    return (folder, None) if folder else _fetch(model_name, revision, allow_download)


def _fetch(name: str, revision: str, allow_download: bool) -> tuple[Path, str | None]:
    """Return (folder, commit) of a checkpoint in the hub's cache, after fetching what of it is missing."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError as fault:
        raise ImportError("a checkpoint by its name on the hub needs: pip install 'plmhead[hub]'") from fault
    try:
        # Only these files: a pickle does not even reach the disk.
        found = snapshot_download(
            name, revision=revision, allow_patterns=_HUB_FILES, local_files_only=not allow_download
        )
    except Exception as fault:  # the hub's, the network's and the disk's errors have no common class
        remedy = (
            "check the name, the revision and the network, or name a folder with config.json and model.safetensors"
            if allow_download
            else "download it first, or allow the download (allow_download=True)"
        )
        message = f"revision {revision} is not in the local cache and was not fetched: {type(fault).__name__}: {first_line(fault)}"
        raise InputError("ENCODER", name, message, remedy) from fault
    folder = Path(found)
    return folder, folder.name if _COMMIT.fullmatch(folder.name) else None


# --- reading ----------------------------------------------------------------------------------------------------------


def read_checkpoint(folder: Path, name: str, revision: str | None = None) -> Checkpoint:
    """Return the checkpoint in `folder`, its config and every tensor checked.

    Raises InputError ENCODER, at `name`, for whatever is not an ESM that the contract means; ImportError without safetensors.
    """
    files = _weight_files(folder, name)
    settings = _read_json(folder / "config.json", name)
    family = _family(folder, settings, name)
    shapes = _expected_shapes(settings, family, name)
    found = _read_tensors(files, shapes, name)
    tensors = {key: found[key] for key in shapes if not key.endswith(_FREQUENCIES)}
    if family == "esm2":
        frequencies = _one_set_of_frequencies(
            found, settings["hidden_size"] // settings["num_attention_heads"] // 2, name
        )
        for layer in range(settings["num_hidden_layers"]):
            tensors[f"encoder.layer.{layer}.attention.self.{_FREQUENCIES}"] = frequencies
    for key, values in tensors.items():
        if not np.isfinite(values).all():
            raise InputError("ENCODER", name, f"found NaN or infinity in tensor {key}, expected finite weights")
    layers, heads = settings["num_hidden_layers"], settings["num_attention_heads"]
    return Checkpoint(name, family, revision, layers, heads, tensors, weights_sha256(tensors))


def _weight_files(folder: Path, name: str) -> list[Path]:
    """The safetensors files in `folder` itself. Raises InputError ENCODER where there are none."""
    if (folder / "adapter_config.json").exists():
        raise InputError(
            "ENCODER", name, "found an adapter, expected a whole model", "merge the adapter into its model"
        )
    if (folder / "model.safetensors").is_file():
        return [folder / "model.safetensors"]
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        message = "found no model.safetensors; pickles (pytorch_model.bin) are never read"
        remedy = "name a folder or revision that has one: EsmModel.save_pretrained writes it, on a machine you trust"
        raise InputError("ENCODER", name, message, remedy)
    shards = _read_json(index, name).get("weight_map")
    for shard in shards.values() if isinstance(shards, dict) else [None]:
        if not isinstance(shard, str) or not re.fullmatch(r"[A-Za-z0-9_-]+\.safetensors", shard):
            raise InputError("ENCODER", name, f"found shard {shard!r} in {index.name}, expected NAME.safetensors")
    assert isinstance(shards, dict)
    return [folder / shard for shard in sorted(set(shards.values()))]


def _family(folder: Path, settings: dict[str, Any], name: str) -> str:
    """The family that config.json describes; raises InputError ENCODER unless it is an ESM that the contract means."""
    for member, expected, reason in _REQUIRED:
        if settings.get(member) != expected:
            found = settings.get(member, "none")
            raise InputError("ENCODER", name, f"found {member} {found!r}, expected {expected!r}: {reason}")
    for member, meaning in _REFUSED.items():
        if settings.get(member):
            raise InputError("ENCODER", name, f"{meaning} ({member} in config.json)")
    _check_alphabet(folder, settings.get("vocab_list"), name)
    position, before = settings.get("position_embedding_type"), bool(settings.get("emb_layer_norm_before"))
    if position == "rotary" and not before:
        return "esm2"
    if position == "absolute":
        rows = settings.get("max_position_embeddings", 0)
        if not isinstance(rows, int) or not MAX_TOKENS + FIRST_POSITION <= rows <= _MOST:
            wanted = f"{MAX_TOKENS + FIRST_POSITION} for {MAX_RESIDUES} residues"
            raise InputError("ENCODER", name, f"found max_position_embeddings {rows!r}, expected {wanted}")
        return "esm1b" if before else "esm1v"
    found = f"found position_embedding_type {position!r} with emb_layer_norm_before {before}"
    raise InputError("ENCODER", name, f"{found}, expected that of ESM-1b, ESM-1v or ESM-2")


def _check_alphabet(folder: Path, listed: object, name: str) -> None:
    """Raise InputError ENCODER where a vocabulary is given and is not the 33 tokens in their order."""
    vocabulary = folder / "vocab.txt"
    written = vocabulary.read_text(encoding="utf-8", errors="replace").split() if vocabulary.is_file() else None
    for where, tokens in (("vocab_list", listed), ("vocab.txt", written)):
        if tokens is not None and tokens != list(ALPHABET):
            raise InputError("ENCODER", name, f"found another alphabet in {where}, expected the 33 tokens of ESM-1b")


def _expected_shapes(settings: dict[str, Any], family: str, name: str) -> dict[str, tuple[int, ...]]:
    """The tensors that a model of these settings has, without its rotary frequencies."""
    sizes = [settings.get(m) for m in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")]
    if not all(isinstance(size, int) and not isinstance(size, bool) and 0 < size <= _MOST for size in sizes):
        raise InputError("ENCODER", name, f"found the sizes {sizes} in config.json, expected positive integers")
    width, layers, heads, inner = (int(size) for size in sizes if size is not None)
    if width % heads or (width // heads) % 2 or layers > 1000:
        found = f"found {layers} layers of hidden_size {width} and {heads} heads"
        raise InputError("ENCODER", name, f"{found}, expected at most 1,000 layers and heads of one even size")
    pairs: dict[str, tuple[int, ...]] = {"encoder.emb_layer_norm_after": (width,)}
    if family == "esm1b":
        pairs["embeddings.layer_norm"] = (width,)
    for layer in range(layers):
        at = f"encoder.layer.{layer}."
        pairs |= {f"{at}attention.self.{part}": (width, width) for part in ("query", "key", "value")}
        pairs |= {f"{at}attention.output.dense": (width, width), f"{at}attention.LayerNorm": (width,)}
        pairs |= {
            f"{at}intermediate.dense": (inner, width),
            f"{at}output.dense": (width, inner),
            f"{at}LayerNorm": (width,),
        }
    shapes: dict[str, tuple[int, ...]] = {"embeddings.word_embeddings.weight": (len(ALPHABET), width)}
    if family != "esm2":
        shapes["embeddings.position_embeddings.weight"] = (settings["max_position_embeddings"], width)
    for part, shape in pairs.items():
        shapes |= {f"{part}.weight": shape, f"{part}.bias": shape[:1]}
    return shapes


def _read_tensors(files: list[Path], shapes: dict[str, tuple[int, ...]], name: str) -> dict[str, NDArray[np.float32]]:
    """The tensors of `shapes`, and whatever rotary frequencies there are, as float32."""
    try:
        import safetensors  # noqa: F401
    except ImportError as fault:
        raise ImportError("reading a checkpoint needs safetensors: pip install 'plmhead[torch]'") from fault
    found: dict[str, NDArray[np.float32]] = {}
    try:
        for path in files:
            found.update(_read_file(path, shapes, name))
    except InputError:
        raise
    except Exception as fault:  # safetensors' errors have no common class
        raise InputError("ENCODER", name, f"cannot be loaded: {first_line(fault)}") from fault
    missing = sorted(set(shapes) - set(found))
    if missing:
        raise InputError("ENCODER", name, f"found no tensor {missing[0]} ({len(missing)} are missing)")
    return found


def _read_file(path: Path, shapes: dict[str, tuple[int, ...]], name: str) -> Iterator[tuple[str, NDArray[np.float32]]]:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        for stored in sorted(file.keys()):
            key = stored.removeprefix("esm.")
            is_frequencies = key.endswith(_FREQUENCIES)
            if key not in shapes and not is_frequencies:
                # Heads are not used. Nor is a table of positions beside rotary ones, which published ESM-2 checkpoints have.
                unused = ("position_ids", "embeddings.position_embeddings.weight")
                if key.startswith(("embeddings.", "encoder.")) and not key.endswith(unused):
                    raise InputError("ENCODER", name, f"found tensor {key}, for which its config.json has no place")
                continue
            part = file.get_slice(stored)
            if not is_frequencies and tuple(part.get_shape()) != shapes[key]:
                raise InputError("ENCODER", name, f"found tensor {key} in another shape than its config.json says")
            if part.get_dtype() == "BF16":  # which numpy does not know
                yield key, _bfloat16(path, stored)
            elif part.get_dtype() in ("F32", "F16", "F64"):
                yield key, np.asarray(file.get_tensor(stored), dtype=np.float32)
            else:
                raise InputError("ENCODER", name, f"found tensor {key} of {part.get_dtype()}, expected floats")


def _bfloat16(path: Path, key: str) -> NDArray[np.float32]:
    """A tensor of bfloat16, in a file whose header safetensors has checked."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(size))[key]
        begin, end = entry["data_offsets"]
        file.seek(8 + size + begin)
        upper_halves = np.frombuffer(file.read(end - begin), dtype="<u2")
    return (upper_halves.astype(np.uint32) << 16).view(np.float32).reshape(entry["shape"])


def _one_set_of_frequencies(found: dict[str, NDArray[np.float32]], count: int, name: str) -> NDArray[np.float32]:
    """The rotary frequencies, which three generations of libraries store under three spellings: once a layer, once for
    the model, or once under a literal asterisk.
    """
    spelling = re.compile(rf"(encoder\.layer\.(\d+|\*)\.attention\.self\.)?{re.escape(_FREQUENCIES)}")
    sets = [values for key, values in found.items() if spelling.fullmatch(key)]
    if not sets:
        message = "found no rotary frequencies; computed anew they differ from those of the training"
        raise InputError("ENCODER", name, message, "take the published checkpoint, or one that was saved whole")
    if any(values.shape != (count,) for values in sets):
        raise InputError("ENCODER", name, "found rotary frequencies in another shape than its config.json says")
    if any((values != sets[0]).any() for values in sets):
        raise InputError("ENCODER", name, "found rotary frequencies that differ between layers, expected one set")
    return sets[0]


def _read_json(path: Path, name: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except OSError as fault:
        raise InputError("ENCODER", name, f"{path.name} cannot be read: {fault.strerror}") from fault
    except (ValueError, RecursionError) as fault:
        raise InputError("ENCODER", name, f"{path.name} is not JSON: {fault}") from fault
    if not isinstance(value, dict):
        raise InputError("ENCODER", name, f"found {type(value).__name__} in {path.name}, expected an object")
    return value


def first_line(fault: Exception) -> str:
    lines = str(fault).strip().splitlines()
    return lines[0] if lines else type(fault).__name__
