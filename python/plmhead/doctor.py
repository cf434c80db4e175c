"""What `plmhead doctor` finds: libraries, devices, what each verb lacks, whether this machine computes as the format needs.

The tables repeat what pyproject.toml says of the extras; a test compares them.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from . import __version__, accelerator
from .errors import FormatError
from .head import from_bytes
from .score import check_environment


class Library(NamedTuple):
    """A distribution: the module to import, the oldest version that is supported."""

    module: str
    oldest: str


LIBRARIES = {
    "numpy": Library("numpy", "1.26"),
    "scikit-learn": Library("sklearn", "1.5"),
    "onnxruntime": Library("onnxruntime", "1.20"),
    "pyyaml": Library("yaml", "6"),
    "torch": Library("torch", "2.9"),
    "safetensors": Library("safetensors", "0.4"),
    "onnx": Library("onnx", "1.17"),
    "openvino": Library("openvino", "2025.0"),
    "huggingface_hub": Library("huggingface_hub", "1.4"),
    "model-signing": Library("model_signing", "1.1.0"),
    "pyOpenSSL": Library("OpenSSL", "24.2"),
    "jsonschema": Library("jsonschema", "4.20"),
    "pyarrow": Library("pyarrow", "18"),
    "ray": Library("ray", "2.44"),
    "shtab": Library("shtab", "1.9"),
}

#: The extras of pyproject.toml.
EXTRAS = {
    "onnx": ("onnxruntime",),
    "train": ("scikit-learn", "onnxruntime", "pyyaml"),
    "torch": ("torch", "safetensors", "huggingface_hub"),
    "openvino": ("openvino", "onnx", "safetensors"),
    "evaluate": ("scikit-learn",),
    "card": ("scikit-learn", "pyyaml"),
    "schema": ("jsonschema",),
    "hub": ("huggingface_hub",),
    "interop": ("onnx",),
    "sign": ("model-signing", "pyOpenSSL"),
    "parquet": ("pyarrow",),
    "ray": ("ray", "pyarrow"),
    "completion": ("shtab",),
}

#: What a verb, or one of its roads, needs beyond numpy.
NEEDS = {
    "inspect, verify, score, explain, repair, amend, seal, upgrade": (),
    "verify --schema": ("schema",),
    "verify --public-key, sign": ("sign",),
    "predict with a shipped encoder": ("onnx",),
    "predict with a checkpoint": ("torch",),
    "embed with a shipped encoder": ("onnx",),
    "embed, Parquet in or out": ("parquet",),
    "bundle": ("onnx",),
    "score X.parquet": ("parquet",),
    "plmhead.ray on a cluster": ("ray", "onnx"),
    "train": ("train",),
    "train --model, train --config": ("train", "torch"),
    "convert FILE.pkl": ("evaluate",),  # to prove against scikit-learn; it converts without
    "convert FILE.onnx, export": ("interop",),
    "evaluate, compare --data": ("evaluate",),
    "card": ("card",),
    "push, fetch": ("hub",),
    "completion": ("completion",),
}

_GOLD = ("two_classes", "three_classes")


def examine() -> dict[str, Any]:
    """The object of `plmhead doctor --json`. Imports every library that is installed, which takes a few seconds."""
    libraries = [_library(name) for name in LIBRARIES]
    usable = {library["name"] for library in libraries if library["state"] == "ok"}
    checks = list(_checks())
    return {
        "plmhead": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": libraries,
        "accelerator": _accelerator(),
        "devices": _devices("torch" in usable),
        "verbs": [_verb(verbs, extras, usable) for verbs, extras in NEEDS.items()],
        "checks": checks,
        "ok": all(check["ok"] for check in checks) and all(each["state"] in ("ok", "missing") for each in libraries),
    }


def _library(name: str) -> dict[str, Any]:
    """`state`: ok, missing, old, or broken where it is installed and its import fails."""
    module, oldest = LIBRARIES[name]
    found: dict[str, Any] = {"name": name, "version": None, "oldest": oldest, "state": "missing", "note": None}
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return found
    found["version"] = version
    if _numbers(version) < _numbers(oldest):
        return {**found, "state": "old"}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(module)
    except Exception as fault:  # whatever a broken library raises when it is imported
        text = f"{type(fault).__name__}: {fault}".strip().splitlines()[0]
        return {**found, "state": "broken", "note": text[:200]}
    return {**found, "state": "ok"}


def _accelerator() -> dict[str, Any]:
    """No library of the tables: it comes with plmhead and has no version of its own to fulfil."""
    state, version, note, _ = accelerator.look()
    return {"name": accelerator.NAME, "state": state, "version": version, "note": note}


def _numbers(version: str) -> tuple[int, ...]:
    """The release of a version: (2, 9) of 2.9.0rc1+cpu, without zeros at its end."""
    release = re.match(r"[0-9.]*", version)
    numbers = [int(part) for part in (release[0] if release else "").split(".") if part]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _devices(with_torch: bool) -> list[dict[str, Any]]:
    """The best first; without torch nothing runs on another than the cpu."""
    if not with_torch:
        return [{"device": "cpu", "name": platform.machine()}]
    import torch

    from .esm import present_devices

    return [
        {"device": device, "name": torch.cuda.get_device_name(device) if "cuda" in device else platform.machine()}
        for device in present_devices()
    ]


def _verb(verbs: str, extras: tuple[str, ...], usable: set[str]) -> dict[str, Any]:
    missing = sorted({name for extra in extras for name in EXTRAS[extra]} - usable)
    lacking = [extra for extra in extras if not set(EXTRAS[extra]) <= usable]
    return {
        "verbs": verbs,
        "ok": not missing,
        "missing": missing,
        "install": f"pip install 'plmhead[{','.join(lacking)}]'" if missing else None,
    }


def _checks() -> Iterator[dict[str, Any]]:
    yield _check("Python is 3.11 or newer", lambda: sys.version_info >= (3, 11))
    yield _check("arithmetic is IEEE 754 to nearest even", check_environment)
    for name in _GOLD:
        yield _check(f"a head of {name.replace('_', ' ')} scores as where it was written", lambda name=name: gold(name))
    for what, folder in (("cache of the hub", hub_cache()), ("temporary folder", Path(tempfile.gettempdir()))):
        yield _check(f"{what} can be written", lambda folder=folder: _write_into(folder))


def _check(what: str, check: Any) -> dict[str, Any]:
    """`check` raises, or returns False, where something is wrong."""
    try:
        ok, note = check() is not False, None
    except (FormatError, OSError) as fault:
        ok, note = False, str(fault)
    return {"check": what, "ok": ok, "note": note}


def gold(name: str) -> None:
    """Loads a pair that is shipped, with its self-test of bits that another machine computed. Raises FormatError."""
    folder = Path(__file__).parent / "gold"
    from_bytes(
        (folder / f"{name}.npz").read_bytes(), (folder / f"{name}_config.json").read_bytes(), require_verified=True
    )


def hub_cache() -> Path:
    """Where the hub's client keeps what it fetched, by the variables that it reads."""
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or os.path.join(home, "hub")).expanduser()


def _write_into(folder: Path) -> None:
    """Into the folder, or where it would be made; nothing stays. Raises OSError."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"plmhead")
