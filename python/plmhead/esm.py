"""Sequences to embeddings with transformers' `EsmModel` on cpu, cuda or mps, held to SPEC.md sections 15 and 16.

A checkpoint is a folder with config.json and model.safetensors (or shards): one that ships with the package, one of the
caller's, or one that the Hugging Face hub serves. Pickles are never read and a checkpoint's own code is never run. torch
and transformers are imported on first use.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .config import _SEGMENT
from .encode import BaseEncoder, list_encoders
from .errors import InputError
from .sequences import ALPHABET, END, MAX_RESIDUES, PAD, check_too_long, tokenize

MAX_TOKENS = MAX_RESIDUES + 2
_HUB_FILES = ["config.json", "vocab.txt", "model.safetensors", "model-*.safetensors", "model.safetensors.index.json"]
_NAME = re.compile(rf"{_SEGMENT}(/{_SEGMENT})?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_FREQUENCIES = "rotary_embeddings.inv_freq"
_INSTALL = "embedding with torch needs {}: pip install 'plmhead[torch]'"

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
class _Loaded:
    """A model that is ready to run."""

    model: Any
    device: str
    family: str
    dimension: int
    revision: str | None
    weights_sha256: str


class ESMEmbeddingExtractor(BaseEncoder):
    """An ESM checkpoint that embeds sequences; it loads its weights on first use.

    `model_name` is a shipped small encoder (`encode.list_encoders`), a folder (its name is recorded as the checkpoint's), or
    a name on the Hugging Face hub, where `revision` (branch, tag or commit; None is "main") says which state of it. With
    `allow_download` false only what is in the hub's local cache is used: say so for a name that came out of a file.

    `device` is "cpu", "cuda", "cuda:N" or "mps"; None takes the best present, in the order cuda, mps, cpu.

    `max_length` is the longest sequence accepted, in tokens: the begin and the end token count, 1,024 is most. Past it,
    `too_long` "error" raises, and "truncate" keeps the first `max_length` - 2 residues and the end token. The format knows
    the limit of 1,022 residues alone, so an extractor that truncates to fewer embeds, but states no `contract`.

    A copy or a pickle holds no weights; it loads the same commit again on first use.

    Raises InputError: ENCODER for arguments out of range; on first use ENCODER for a checkpoint that is missing, unreadable
    or not ESM, DEVICE for an absent device; ImportError when torch or transformers is not installed.
    """

    def __init__(
        self,
        model_name: str | Path,
        device: str | None = None,
        batch_size: int = 8,
        max_length: int = MAX_TOKENS,
        revision: str | None = "main",
        *,
        too_long: str = "error",
        allow_download: bool = True,
    ) -> None:
        check_too_long(too_long)
        if not 3 <= max_length <= MAX_TOKENS:
            raise InputError("ENCODER", "max_length", f"found {max_length}, expected 3 to {MAX_TOKENS} tokens")
        if batch_size < 1:
            raise InputError("ENCODER", "batch_size", f"found {batch_size}, expected at least 1")
        self.model_name = str(model_name)
        self.name = _checkpoint_name(self.model_name)
        self.batch_size = batch_size
        self.max_length = max_length
        self.revision = revision or "main"
        self.too_long = too_long
        self.allow_download = allow_download
        self._wanted_device = None if device is None else str(device)
        self._commit: str | None = None
        self._loaded: _Loaded | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_loaded": None}

    # --- what it states

    @property
    def is_loaded(self) -> bool:
        return self._loaded is not None

    @property
    def device(self) -> str | None:
        """The device in use; before the weights are loaded, the one asked for (None: the best present)."""
        return self._loaded.device if self._loaded else self._wanted_device

    @property
    def dimension(self) -> int:
        """The length of an embedding; loads the weights."""
        return self._ready.dimension

    @property
    def contract(self) -> dict[str, Any]:
        """The `embedding` object of a config (SPEC.md section 6); loads the weights.

        `revision` is the commit that the hub's name resolved to; null for a folder. Raises InputError ENCODER where
        `max_length` truncates to fewer residues than the format can state.
        """
        if self.too_long == "truncate" and self.max_length < MAX_TOKENS:
            found = f"found {self.max_length}, and sequences are cut to {self.max_length - 2} residues"
            message = f"{found}; the format states {MAX_RESIDUES} alone"
            raise InputError("ENCODER", "max_length", message, f'pass max_length={MAX_TOKENS}, or too_long="error"')
        loaded = self._ready
        return self._contract(loaded.family, loaded.revision, loaded.weights_sha256, "float32", "exact")

    # --- what it computes

    def embed_sequence(self, sequence: str) -> np.ndarray:
        """Return the embedding of one sequence, float32 of shape (dimension,). Raises as `embed`."""
        row: np.ndarray = self.embed([sequence])[0]
        return row

    def extract_batch_embeddings(self, sequences: Sequence[str]) -> np.ndarray:
        """Return the embeddings, float32 of shape (len(sequences), dimension). Raises as `embed`."""
        return self.embed(sequences)

    def load(self) -> ESMEmbeddingExtractor:
        """Load the weights now, if they are not loaded, and return the extractor itself."""
        if self._loaded is None:
            device = choose_device(self._wanted_device)
            folder, commit = self._folder()
            family = _read_family(folder, self.name)
            model = _read_model(folder, self.name)
            tensors = _canonical_tensors(model)
            _check_finite(tensors, self.name)
            digest = weights_sha256(tensors)
            try:
                model = model.to(device)
            except RuntimeError as fault:
                raise InputError("ENCODER", self.name, f"does not fit on {device}: {_first_line(fault)}") from fault
            self._commit = commit
            self._loaded = _Loaded(model, device, family, int(model.config.hidden_size), commit, digest)
        return self

    @property
    def _ready(self) -> _Loaded:
        self.load()
        assert self._loaded
        return self._loaded

    def _folder(self) -> tuple[Path, str | None]:
        """Return (the checkpoint's folder, the commit that it is, where it has one)."""
        folder = _local_folder(self.model_name)
        if folder:
            return folder, None
        return _fetch(self.model_name, self._commit or self.revision, self.allow_download)

    def _normalised(self, sequences: Sequence[str]) -> list[str]:
        texts = super()._normalised(sequences)
        limit = self.max_length - 2
        for row, text in enumerate(texts):
            if len(text) > limit and self.too_long == "error":
                message = f"found {len(text)} residues, expected at most {limit} (max_length={self.max_length})"
                raise InputError("SEQUENCE_LENGTH", f"/{row}", message)
        return [text[:limit] for text in texts]

    def _run(self, batch: list[str]) -> np.ndarray:
        torch = _torch()
        loaded = self._ready
        input_ids, attention_mask = (torch.from_numpy(array).to(loaded.device) for array in tokenize(batch))
        try:
            with torch.inference_mode(), _full_float32(torch, loaded.device):
                hidden = loaded.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
                pooled: np.ndarray = _mean_over_residues(torch, hidden, input_ids).cpu().numpy()
        except RuntimeError as fault:  # torch's class for what a kernel or the device's memory refuses
            message = f"torch failed on {loaded.device}: {_first_line(fault)}"
            raise InputError("ENCODER", self.name, message, "if memory is short, pass a smaller batch_size") from fault
        return pooled


# --- devices and arithmetic -------------------------------------------------------------------------------------------


def present_devices() -> list[str]:
    """Return the devices that torch can use here, the best first: "cuda:0", "cuda:1", …, "mps", "cpu"."""
    torch = _torch()
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return [*cuda, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def choose_device(wanted: str | None = None) -> str:
    """Return `wanted` when it is present; the best present for None. Raises InputError DEVICE."""
    present = present_devices()
    kinds = [device.split(":")[0] for device in present]
    if wanted is None:
        return kinds[0]
    if wanted not in present and wanted not in kinds:
        message = f"found {wanted!r}, expected one that is present: {', '.join(present)}"
        raise InputError("DEVICE", "device", message, "pass device=None for the best present")
    return wanted


@contextmanager
def _full_float32(torch: Any, device: str) -> Iterator[None]:
    """float32 products in float32: no autocast, TF32 or bfloat16, all of which a caller may have switched on."""
    # The switches per backend: torch.get_float32_matmul_precision raises once a caller has used these.
    switches = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)
    before = [switch.fp32_precision for switch in switches]
    try:
        for switch in switches:
            switch.fp32_precision = "ieee"
        with torch.autocast(device.split(":")[0], enabled=False):
            yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.fp32_precision = value


def _mean_over_residues(torch: Any, hidden: Any, input_ids: Any) -> Any:
    """The mean of `hidden` (m, length, dimension) without begin, end and padding tokens: float32 (m, dimension)."""
    residue = (input_ids > END).unsqueeze(-1)  # (m, length, 1); the three tokens are 0, 1 and 2
    total = hidden.masked_fill(~residue, 0.0).sum(dim=1)
    return total / residue.sum(dim=1, dtype=torch.float32)


# --- checkpoints ------------------------------------------------------------------------------------------------------


def weights_sha256(tensors: dict[str, Any]) -> str:
    """Return the digest of rule M6 over float32 torch tensors on the cpu, by their canonical names."""
    digest = hashlib.sha256()
    for name in sorted(tensors, key=lambda text: text.encode()):
        values = np.ascontiguousarray(tensors[name].numpy(force=True), dtype="<f4")
        shape = ",".join(str(length) for length in values.shape)
        digest.update(f"{name}\0F32\0{shape}\0".encode())
        digest.update(values.data)
    return digest.hexdigest()


def _canonical_tensors(model: Any) -> dict[str, Any]:
    """The tensors of rule M6 of a loaded EsmModel."""
    tensors = {
        name: tensor
        for name, tensor in model.state_dict().items()
        if name.startswith(("embeddings.", "encoder.")) and not name.endswith("position_ids")
    }
    frequencies = model.state_dict().get(_FREQUENCIES)  # one for all layers since transformers 5.6, before one a layer
    if frequencies is not None:
        for layer in range(model.config.num_hidden_layers):
            tensors[f"encoder.layer.{layer}.attention.self.{_FREQUENCIES}"] = frequencies
    return tensors


def _check_finite(tensors: dict[str, Any], name: str) -> None:
    # The output does not always tell: torch's attention on cpu makes zeros of NaN.
    for key, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise InputError("ENCODER", name, f"found NaN or infinity in tensor {key}, expected finite weights")


def _checkpoint_name(model_name: str) -> str:
    """The name to record: a folder's own name, else `model_name`."""
    is_folder = os.path.isdir(model_name) and model_name not in _shipped()
    name = Path(model_name).resolve().name if is_folder else model_name
    if not _NAME.fullmatch(name) or len(name) > 192:
        found = f"found a folder named {name!r}" if is_folder else "found no such folder"
        wanted = "a name of letters, digits, '_', '-' and '.'" if is_folder else "a folder or a name such as OWNER/NAME"
        raise InputError("ENCODER", model_name, f"{found}, expected {wanted}")
    return name


def _local_folder(model_name: str) -> Path | None:
    """The folder of a small encoder of the package, or of the caller's; None for a name on the hub."""
    if model_name in _shipped():
        return Path(__file__).parent / "encoders" / model_name.split("/")[1]
    return Path(model_name) if os.path.isdir(model_name) else None


def _shipped() -> set[str]:
    return {entry["name"] for entry in list_encoders()}


def _fetch(name: str, revision: str, allow_download: bool) -> tuple[Path, str | None]:
    """Return (folder, commit) of a checkpoint in the hub's cache, after fetching what of it is missing."""
    from huggingface_hub import snapshot_download

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
        message = f"revision {revision} is not in the local cache and was not fetched: {type(fault).__name__}: {_first_line(fault)}"
        raise InputError("ENCODER", name, message, remedy) from fault
    folder = Path(found)
    return folder, folder.name if _COMMIT.fullmatch(folder.name) else None


def _read_family(folder: Path, name: str) -> str:
    """Return the family of the checkpoint in `folder`; raises InputError ENCODER unless it is an ESM that the contract means."""
    _check_files(folder, name)
    settings = _read_json(folder / "config.json", name)
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
        # Positions begin at 2, behind the padding index.
        rows = settings.get("max_position_embeddings", 0)
        if not isinstance(rows, int) or rows < MAX_TOKENS + 2:
            message = f"found max_position_embeddings {rows!r}, expected {MAX_TOKENS + 2} for {MAX_RESIDUES} residues"
            raise InputError("ENCODER", name, message)
        return "esm1b" if before else "esm1v"
    found = f"found position_embedding_type {position!r} with emb_layer_norm_before {before}"
    raise InputError("ENCODER", name, f"{found}, expected that of ESM-1b, ESM-1v or ESM-2")


def _check_files(folder: Path, name: str) -> None:
    """Raise InputError ENCODER unless the weights are safetensors in `folder` itself."""
    if (folder / "adapter_config.json").exists():
        raise InputError(
            "ENCODER", name, "found an adapter, expected a whole model", "merge the adapter into its model"
        )
    if (folder / "model.safetensors").is_file():
        return
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        message = "found no model.safetensors; pickles (pytorch_model.bin) are never read"
        remedy = "name a folder or revision that has one: EsmModel.save_pretrained writes it, on a machine you trust"
        raise InputError("ENCODER", name, message, remedy)
    shards = _read_json(index, name).get("weight_map")
    for shard in shards.values() if isinstance(shards, dict) else [None]:
        if not isinstance(shard, str) or not re.fullmatch(r"[A-Za-z0-9_-]+\.safetensors", shard):
            raise InputError("ENCODER", name, f"found shard {shard!r} in {index.name}, expected NAME.safetensors")


def _check_alphabet(folder: Path, listed: object, name: str) -> None:
    """Raise InputError ENCODER where a vocabulary is given and is not the 33 tokens in their order."""
    vocabulary = folder / "vocab.txt"
    written = vocabulary.read_text(encoding="utf-8", errors="replace").split() if vocabulary.is_file() else None
    for where, tokens in (("vocab_list", listed), ("vocab.txt", written)):
        if tokens is not None and tokens != list(ALPHABET):
            raise InputError("ENCODER", name, f"found another alphabet in {where}, expected the 33 tokens of ESM-1b")


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


def _read_model(folder: Path, name: str) -> Any:
    """Return the EsmModel in `folder`, float32, on the cpu, in evaluation mode."""
    torch, transformers = _torch(), _transformers()
    try:
        with _quiet(transformers):
            model, report = transformers.EsmModel.from_pretrained(
                folder, add_pooling_layer=False, use_safetensors=True, trust_remote_code=False, local_files_only=True,
                dtype=torch.float32, attn_implementation="sdpa", ignore_mismatched_sizes=True, output_loading_info=True,
            )  # fmt: skip
    except Exception as fault:  # transformers' and safetensors' errors have no common class
        raise InputError("ENCODER", name, f"cannot be loaded: {_first_line(fault)}") from fault
    _check_report(report, name)
    return model.eval()


def _check_report(report: dict[str, Any], name: str) -> None:
    """Raise InputError ENCODER for tensors that the library would have made up, or dropped, without an error."""
    misfits = [entry if isinstance(entry, str) else entry[0] for entry in report["mismatched_keys"]]  # 4.x, 5.x
    if misfits:
        message = f"found tensor {_short(min(misfits))} in another shape than its config.json says"
        raise InputError("ENCODER", name, message)
    # Heads are not used. Nor is a table of positions beside rotary ones, which published ESM-2 checkpoints have.
    missing = sorted(map(_short, report["missing_keys"]))
    missing = [key for key in missing if not key.startswith(("contact_head.", "pooler."))]
    if missing and missing[0].endswith("inv_freq"):
        message = "found no rotary frequencies; computed anew they differ from those of the training"
        raise InputError("ENCODER", name, message, "take the published checkpoint, or one that was saved whole")
    if missing:
        raise InputError("ENCODER", name, f"found no tensor {missing[0]} ({len(missing)} are missing)")
    unused = ("position_ids", "embeddings.position_embeddings.weight", "inv_freq")
    surplus = sorted(map(_short, report["unexpected_keys"]))
    surplus = [key for key in surplus if key.startswith(("embeddings.", "encoder.")) and not key.endswith(unused)]
    if surplus:
        raise InputError("ENCODER", name, f"found tensor {surplus[0]}, for which its config.json has no place")


def _short(key: str) -> str:
    return key.removeprefix("esm.")


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """No loading bar, and no table of missing heads: what matters in it is checked."""
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _first_line(fault: Exception) -> str:
    lines = str(fault).strip().splitlines()
    return lines[0] if lines else type(fault).__name__


def _torch() -> Any:
    try:
        import torch
    except ImportError as fault:
        raise ImportError(_INSTALL.format("torch")) from fault
    return torch


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as fault:
        raise ImportError(_INSTALL.format("transformers")) from fault
    return transformers
