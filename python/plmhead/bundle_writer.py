"""Writes a bundle (spec/bundle/SPEC.md): a whole folder or none."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.resources
import json
import os
import shutil
from pathlib import Path
from typing import Any, cast

from .bundle import (
    EXTERNAL_NAME,
    FORMAT,
    MANIFEST,
    VERSION,
    VOCABULARY,
    Bundle,
    Contents,
    check_encoder,
    load_bundle,
    open_graph,
)
from .encode import list_encoders
from .errors import InputError
from .head import load, pair_paths
from .onnx_files import external_files
from .rules import Members
from .sequences import golden_sequences
from .whole_file import beside, new_token

#: Of the entry of an encoder (encoders.json, or NAME.json beside NAME.onnx), what the manifest says.
_MEMBERS = ("name", "family", "weights_sha256", "dimension", "dtype", "accuracy")


def write_bundle(
    artifact: str | os.PathLike[str], encoder: str | os.PathLike[str], folder: str | os.PathLike[str]
) -> Bundle:
    """Makes the folder of a head and its encoder, and returns it read and proved.

    `encoder` is the name of a shipped one, or the path of NAME.onnx with NAME.json beside it; its external data stands in
    the same folder. Raises FormatError or InputError: what `load` and `load_bundle` raise; ENCODER for an encoder that
    cannot be read; OUTPUT where `folder` is there already or cannot be written. Nothing is left after an error.
    """
    target = Path(folder)
    head = load(artifact)
    npz, config = pair_paths(artifact)
    graph, entry = _find_encoder(encoder)
    kind = entry.get("input_type", "int64")
    about = cast(Members, {**{name: entry[name] for name in _MEMBERS}, "input_type": kind})
    check_encoder(head, about)
    external = _external(graph)
    if target.exists() or target.is_symlink():
        raise InputError("OUTPUT", str(target), "found a file or folder of this name, expected a new name")
    temporary = beside(target, new_token(), "tmp")
    try:
        temporary.mkdir()
        names = {"npz": [npz], "config": [config], "graph": [graph], "external_data": external}
        listed = [_copy(role, path, temporary) for role, paths in names.items() for path in paths]
        listed.append(_write("vocabulary", temporary / "vocabulary.txt", VOCABULARY))
        manifest: Members = {
            "format": FORMAT,
            "format_version": "{}.{}".format(*VERSION),
            "name": npz.stem,
            "encoder": about,
        }
        data = {path.name: path.read_bytes() for path in external}
        golden = _golden(Contents({**manifest, "files": listed}, head, graph.read_bytes(), data, []))
        listed.append(_write("golden", temporary / "golden.json", (json.dumps(golden, indent=1) + "\n").encode()))
        text = json.dumps({**manifest, "files": listed}, indent=2) + "\n"
        _write("manifest", temporary / MANIFEST, text.encode())
        load_bundle(temporary)
        _flush(temporary)
        os.rename(temporary, target)
    except OSError as fault:
        raise InputError("OUTPUT", str(target), f"cannot be written ({fault.strerror or fault})") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return load_bundle(target)


def _find_encoder(encoder: str | os.PathLike[str]) -> tuple[Path, dict[str, Any]]:
    """(the graph's path, its entry)."""
    for entry in list_encoders():
        if entry["name"] == os.fspath(encoder):
            return Path(str(importlib.resources.files(__package__))) / "encoders" / entry["file"], entry
    path = Path(encoder)
    if path.suffix.lower() != ".onnx":
        raise InputError(
            "ENCODER", str(encoder), "found no shipped encoder of this name, expected one or a file NAME.onnx"
        )
    sidecar = path.with_suffix(".json")
    try:
        entry = json.loads(sidecar.read_bytes())
        missing = [name for name in _MEMBERS if name not in entry]
    except (OSError, ValueError, TypeError) as fault:
        raise InputError("ENCODER", sidecar.name, f"cannot be read: {fault}") from None
    if missing:
        raise InputError("ENCODER", sidecar.name, f"found no member {missing[0]}, expected one")
    return path, entry


def _external(graph: Path) -> list[Path]:
    """The external data of a graph: files beside it."""
    try:
        found = sorted(external_files(graph.read_bytes()))
    except (OSError, ValueError) as fault:
        raise InputError("ENCODER", graph.name, f"cannot be read: {fault}") from None
    names = [name.decode("utf-8", "backslashreplace") for name in found]
    for name in names:
        if Path(name).name != name or not EXTERNAL_NAME.fullmatch(name):
            expected = "a file beside the graph, of a name that ends in .data or .onnx_data"
            raise InputError("ENCODER", graph.name, f"found external data in {name!r}, expected {expected}")
    return [graph.with_name(name) for name in names]


def _copy(role: str, source: Path, folder: Path) -> dict[str, Any]:
    """Copies a file in pieces; its entry of the manifest."""
    target = folder / source.name
    digest = hashlib.sha256()
    with source.open("rb") as file, target.open("xb") as copy:
        while piece := file.read(2**20):
            digest.update(piece)
            copy.write(piece)
        copy.flush()
        os.fsync(copy.fileno())
    return {"role": role, "name": target.name, "size": target.stat().st_size, "sha256": digest.hexdigest()}


def _write(role: str, path: Path, data: bytes) -> dict[str, Any]:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return {"role": role, "name": path.name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _golden(contents: Contents) -> list[dict[str, Any]]:
    """What the graph itself gives, one sequence at a time."""
    bundle = open_graph(contents)
    records = []
    for sequence in golden_sequences():
        embedding = bundle.encoder.embed([sequence])
        z, p, _ = bundle.head.score_all(embedding)
        records.append(
            {
                "embedding": [float(value) for value in embedding[0, :16]],
                "decision": [float(value) for value in z[0]],
                "probability": [float(value) for value in p[0]],
            }
        )
    return records


def _flush(folder: Path) -> None:
    with contextlib.suppress(OSError, AttributeError):  # a platform that flushes no folders
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
