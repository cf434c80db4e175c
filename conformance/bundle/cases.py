"""The cases: what is done to a good bundle, and the error due. `tiny/` beside this file is the bundle, but for its graph.

`python -m conformance.bundle.cases` makes `tiny/` anew from the demo's sequences.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
TINY = Path(__file__).resolve().parent / "tiny"
GRAPH = "random-esm2-tiny.onnx"
ENCODERS = REPOSITORY / "python/plmhead/encoders"
MANIFEST = "bundle.json"


class Case(NamedTuple):
    """`spoil` changes a good bundle's folder; `code` and `where` are the error's; both None where it stays good."""

    id: str
    spoil: Callable[[Path], object]
    code: str | None
    where: str | None


def copy(folder: Path) -> Path:
    """A good bundle in a new folder."""
    shutil.copytree(TINY, folder)
    shutil.copyfile(ENCODERS / GRAPH, folder / GRAPH)
    return folder


# --- ways to spoil ----------------------------------------------------------------------------------------------------


def manifest(change: Callable[[Any], object]) -> Callable[[Path], None]:
    """Changes the parsed manifest in place."""

    def spoil(folder: Path) -> None:
        root = json.loads((folder / MANIFEST).read_text())
        change(root)
        (folder / MANIFEST).write_text(json.dumps(root, indent=2) + "\n")

    return spoil


def put(root: Any, path: str, value: object) -> None:
    """Sets the member at a pointer."""
    *parents, name = path.strip("/").split("/")
    for parent in parents:
        root = root[int(parent)] if isinstance(root, list) else root[parent]
    root[int(name) if isinstance(root, list) else name] = value


def setting(path: str, value: object) -> Callable[[Path], None]:
    """Sets one member of the manifest."""
    return manifest(lambda root: put(root, path, value))


def reseal(folder: Path) -> None:
    """Writes the true sizes and digests into the manifest."""

    def change(root: Any) -> None:
        for entry in root["files"]:
            data = (folder / entry["name"]).read_bytes()
            entry.update(size=len(data), sha256=hashlib.sha256(data).hexdigest())

    manifest(change)(folder)


def rewritten(name: str, change: Callable[[bytes], bytes], sealed: bool = True) -> Callable[[Path], None]:
    """Changes the bytes of a file, and the manifest with it where `sealed`."""

    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(change((folder / name).read_bytes()))
        if sealed:
            reseal(folder)

    return spoil


def linked(name: str) -> Callable[[Path], None]:
    """Moves a file out of the folder and leaves a link."""

    def spoil(folder: Path) -> None:
        outside = folder.parent / f"outside-{folder.name}-{name}"
        shutil.move(folder / name, outside)
        os.symlink(outside, folder / name)

    return spoil


def renamed(role: int, name: str) -> Callable[[Path], None]:
    """Lists a file under another name; no such file is made."""
    return setting(f"/files/{role}/name", name)


def external_data(name: str) -> Callable[[Path], None]:
    """Lists a file of external data, which the graph does not use."""

    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(b"")
        entry = {"role": "external_data", "name": name, "size": 0, "sha256": hashlib.sha256(b"").hexdigest()}
        manifest(lambda root: root["files"].insert(3, entry))(folder)

    return spoil


def members(name: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    """Changes a JSON file in place."""

    def rewrite(data: bytes) -> bytes:
        root = json.loads(data)
        change(root)
        return json.dumps(root).encode()

    return rewritten(name, rewrite)


def _field(number: int, value: bytes) -> bytes:
    """A length-delimited field of protobuf."""
    assert len(value) < 1 << 14
    size = len(value)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    tag = number << 3 | 2
    return (bytes([tag]) if tag < 128 else bytes([tag & 127 | 128, tag >> 7])) + length + value


def external(location: bytes | None) -> bytes:
    """A tensor of float32 with one value, its data elsewhere."""
    entry = _field(13, _field(1, b"location") + _field(2, location)) if location is not None else b""
    return b"\x08\x01\x10\x01" + entry + b"\x70\x01" + _field(8, b"stray")


def in_graph(part: bytes) -> Callable[[bytes], bytes]:
    """More fields of the graph: a second occurrence of a message is merged with the first."""
    return lambda data: data + _field(7, part)


def in_node(attribute: bytes) -> bytes:
    """A node with that attribute."""
    return _field(1, _field(4, b"Identity") + _field(5, _field(1, b"value") + attribute))


def _nested(depth: int) -> bytes:
    part = b""
    for _ in range(depth):
        part = in_node(_field(6, part))
    return part


def _swap(root: Any) -> None:
    root["files"][0], root["files"][1] = root["files"][1], root["files"][0]


MEMORY = b"*/_ORT_MEM_ADDR_/*"
NO = "BUNDLE_NAME"

CASES = [
    Case("good", lambda folder: None, None, None),
    Case("another-file-in-the-folder", lambda folder: (folder / "README.md").write_text("x"), None, None),
    Case("minor-with-a-new-member", manifest(lambda root: root.update(format_version="1.7", colour="red")), None, None),
    Case("no-manifest", lambda folder: (folder / MANIFEST).unlink(), "BUNDLE_FILE", MANIFEST),
    Case("manifest-is-a-link", linked(MANIFEST), "BUNDLE_FILE", MANIFEST),
    Case("manifest-too-large", rewritten(MANIFEST, lambda data: data + b" " * 65_536, False), "BUNDLE_FILE", MANIFEST),
    Case("manifest-is-no-json", rewritten(MANIFEST, lambda data: data[:-4], False), "JSON_SYNTAX", MANIFEST),
    Case(
        "manifest-has-a-bom", rewritten(MANIFEST, lambda data: b"\xef\xbb\xbf" + data, False), "JSON_ENCODING", MANIFEST
    ),
    Case(
        "manifest-names-twice",
        rewritten(MANIFEST, lambda data: data.replace(b'"name": "head"', b'"name": "head", "name": "head"'), False),
        "JSON_DUPLICATE_NAME",
        MANIFEST,
    ),
    Case("manifest-is-an-array", rewritten(MANIFEST, lambda data: b"[]", False), "FIELD_TYPE", MANIFEST),
    Case("no-format", manifest(lambda root: root.pop("format")), "FIELD_MISSING", "bundle.json/format"),
    Case("format-is-a-number", setting("/format", 1), "FIELD_TYPE", "bundle.json/format"),
    Case("another-format", setting("/format", "plmhead"), "FORMAT_UNKNOWN", "bundle.json/format"),
    Case("version-2", setting("/format_version", "2.0"), "VERSION_UNSUPPORTED", "bundle.json/format_version"),
    Case("version-without-minor", setting("/format_version", "1"), "FIELD_VALUE", "bundle.json/format_version"),
    Case("version-with-a-zero", setting("/format_version", "1.00"), "FIELD_VALUE", "bundle.json/format_version"),
    Case("unknown-member", setting("/colour", "red"), "FIELD_UNKNOWN", "bundle.json/colour"),
    Case("no-files", manifest(lambda root: root.pop("files")), "FIELD_MISSING", "bundle.json/files"),
    Case("name-with-a-slash", setting("/name", "a/b"), "FIELD_VALUE", "bundle.json/name"),
    Case("name-of-dots", setting("/name", ".."), "FIELD_VALUE", "bundle.json/name"),
    Case("encoder-family", setting("/encoder/family", "esm1"), "FIELD_VALUE", "bundle.json/encoder/family"),
    Case("encoder-dimension-0", setting("/encoder/dimension", 0), "FIELD_VALUE", "bundle.json/encoder/dimension"),
    Case(
        "encoder-input-type", setting("/encoder/input_type", "int16"), "FIELD_VALUE", "bundle.json/encoder/input_type"
    ),
    Case("encoder-name-climbs", setting("/encoder/name", "../x"), "FIELD_VALUE", "bundle.json/encoder/name"),
    Case("encoder-extra", setting("/encoder/url", "x"), "FIELD_UNKNOWN", "bundle.json/encoder/url"),
    Case("four-files", manifest(lambda root: root["files"].pop()), "FIELD_VALUE", "bundle.json/files"),
    Case(
        "seventy-files",
        manifest(lambda root: root["files"].extend([root["files"][0]] * 65)),
        "FIELD_VALUE",
        "bundle.json/files",
    ),
    Case("roles-in-another-order", manifest(_swap), "FIELD_VALUE", "bundle.json/files"),
    Case(
        "two-graphs",
        manifest(lambda root: root["files"].insert(3, root["files"][2])),
        "FIELD_VALUE",
        "bundle.json/files",
    ),
    Case("role-unknown", setting("/files/1/role", "pickle"), "FIELD_VALUE", "bundle.json/files/1/role"),
    Case("size-is-text", setting("/files/0/size", "1"), "FIELD_TYPE", "bundle.json/files/0/size"),
    Case("size-below-0", setting("/files/0/size", -1), "FIELD_VALUE", "bundle.json/files/0/size"),
    Case("size-beyond-the-role", setting("/files/0/size", 150_994_945), "FIELD_VALUE", "bundle.json/files/0/size"),
    Case("golden-beyond-the-role", setting("/files/4/size", 2**20 + 1), "FIELD_VALUE", "bundle.json/files/4/size"),
    Case(
        "digest-upper-case",
        manifest(lambda root: root["files"][0].update(sha256=root["files"][0]["sha256"].upper())),
        "FIELD_VALUE",
        "bundle.json/files/0/sha256",
    ),
    *(
        Case(f"name-{word}", renamed(2, name), NO, "bundle.json/files/2/name")
        for word, name in {
            "climbs": "../encoder.onnx",
            "absolute": "/etc/passwd",
            "in-a-folder": "a/encoder.onnx",
            "backslash": "a\\b.onnx",
            "hidden": ".onnx",
            "empty": "",
            "dots": "..",
            "drive": "C:x.onnx",
            "nul": "a\0b",
            "long": "a" * 129,
            "not-ascii": "encodér.onnx",
            "stream": "a.onnx:b",
            "of-the-manifest": "bundle.json",
            "of-the-manifest-in-capitals": "BUNDLE.JSON",
        }.items()
    ),
    *(
        Case(f"external-data-named-{word}", external_data(name), code, "bundle.json/files/3/name" if code else None)
        for word, name, code in (
            ("onnx_data", "w.onnx_data", None),
            ("data-7", "w.data_7", None),
            ("weights", "w.weights", NO),
            ("data-x", "w.data_x", NO),
            ("suffix-alone", "data", NO),
        )
    ),
    Case("name-twice-but-for-case", renamed(3, "RANDOM-esm2-tiny.onnx"), NO, "bundle.json/files/3/name"),
    Case("npz-of-another-name", renamed(0, "other.npz"), NO, "bundle.json/files/0/name"),
    Case("config-of-another-name", renamed(1, "head.json"), NO, "bundle.json/files/1/name"),
    Case("file-is-gone", lambda folder: (folder / "vocabulary.txt").unlink(), "BUNDLE_FILE", "vocabulary.txt"),
    Case("file-is-a-link", linked(GRAPH), "BUNDLE_FILE", GRAPH),
    Case(
        "file-is-a-folder",
        lambda folder: ((folder / "golden.json").unlink(), (folder / "golden.json").mkdir()),
        "BUNDLE_FILE",
        "golden.json",
    ),
    Case(
        "file-is-a-pipe",
        lambda folder: ((folder / "golden.json").unlink(), os.mkfifo(folder / "golden.json")),
        "BUNDLE_FILE",
        "golden.json",
    ),
    Case("file-is-longer", rewritten(GRAPH, lambda data: data + b"x", False), "BUNDLE_FILE", GRAPH),
    Case("file-is-shorter", rewritten(GRAPH, lambda data: data[:-1], False), "BUNDLE_FILE", GRAPH),
    Case(
        "a-bit-of-the-graph",
        rewritten(GRAPH, lambda data: data[:999] + bytes([data[999] ^ 1]) + data[1000:], False),
        "BUNDLE_DIGEST",
        GRAPH,
    ),
    Case(
        "a-bit-of-the-head",
        rewritten("head.npz", lambda data: data[:999] + bytes([data[999] ^ 1]) + data[1000:], False),
        "BUNDLE_DIGEST",
        "head.npz",
    ),
    Case("graph-empty", rewritten(GRAPH, lambda data: b""), "BUNDLE_GRAPH", GRAPH),
    Case("graph-cut", rewritten(GRAPH, lambda data: data[: len(data) // 2]), "BUNDLE_GRAPH", GRAPH),
    Case("graph-of-onnxruntime", rewritten(GRAPH, lambda data: data[:4] + b"ORTM" + data[8:]), "BUNDLE_GRAPH", GRAPH),
    Case("graph-is-text", rewritten(GRAPH, lambda data: b"graph"), "BUNDLE_GRAPH", GRAPH),
    *(
        Case(f"external-{word}", rewritten(GRAPH, in_graph(part)), "BUNDLE_GRAPH", GRAPH)
        for word, part in {
            "beside": _field(5, external(b"weights.bin")),
            "climbs": _field(5, external(b"../weights.bin")),
            "absolute": _field(5, external(b"/etc/passwd")),
            "memory": _field(5, external(MEMORY)),
            "without-location": _field(5, external(None)),
            "empty-location": _field(5, external(b"")),
            "listed-but-no-external-data": _field(5, external(b"head.npz")),
            "in-an-attribute": in_node(_field(5, external(b"x"))),
            "in-a-list": in_node(_field(10, external(b"x"))),
            "in-a-subgraph": in_node(_field(6, _field(5, external(b"x")))),
            "in-subgraphs": in_node(_field(11, _field(5, external(b"x")))),
            "in-a-sparse-tensor": _field(15, _field(1, external(b"x"))),
            "in-a-sparse-attribute": in_node(_field(22, _field(2, external(b"x")))),
            "nested-too-deep": _nested(16),
        }.items()
    ),
    Case(
        "external-in-a-function",
        rewritten(GRAPH, lambda data: data + _field(25, _field(7, _field(5, _field(5, external(b"x")))))),
        "BUNDLE_GRAPH",
        GRAPH,
    ),
    Case(
        "external-in-training",
        rewritten(GRAPH, lambda data: data + _field(20, _field(1, _field(5, external(b"x"))))),
        "BUNDLE_GRAPH",
        GRAPH,
    ),
    Case(
        "a-third-input",
        rewritten(GRAPH, lambda data: data + _field(7, _field(11, _field(1, b"x")))),
        "BUNDLE_GRAPH",
        GRAPH,
    ),
    Case("input-of-another-type", setting("/encoder/input_type", "int32"), "BUNDLE_GRAPH", GRAPH),
    Case("output-of-another-width", setting("/encoder/dimension", 33), "BUNDLE_GRAPH", GRAPH),
    Case(
        "output-of-another-name",
        rewritten(GRAPH, lambda data: data.replace(b"pooled", b"poolez")),
        "BUNDLE_GRAPH",
        GRAPH,
    ),
    Case(
        "vocabulary-of-another-order",
        rewritten("vocabulary.txt", lambda data: data.replace(b"L\nA\n", b"A\nL\n")),
        "BUNDLE_VOCABULARY",
        "vocabulary.txt",
    ),
    Case(
        "vocabulary-with-cr",
        rewritten("vocabulary.txt", lambda data: data.replace(b"\n", b"\r\n")),
        "BUNDLE_VOCABULARY",
        "vocabulary.txt",
    ),
    Case("golden-is-no-json", rewritten("golden.json", lambda data: data[:-3]), "JSON_SYNTAX", "golden.json"),
    Case("golden-is-an-object", rewritten("golden.json", lambda data: b"{}"), "FIELD_TYPE", "golden.json"),
    Case("golden-of-five", members("golden.json", lambda root: root.pop()), "FIELD_VALUE", "golden.json"),
    Case(
        "golden-without-decision",
        members("golden.json", lambda root: root[2].pop("decision")),
        "FIELD_MISSING",
        "golden.json/2/decision",
    ),
    Case(
        "golden-with-text",
        members("golden.json", lambda root: put(root, "1/embedding/3", "0.5")),
        "FIELD_TYPE",
        "golden.json/1/embedding/3",
    ),
    Case(
        "golden-of-fifteen-values",
        members("golden.json", lambda root: root[0]["embedding"].pop()),
        "FIELD_VALUE",
        "golden.json/0/embedding",
    ),
    Case("head-is-cut", rewritten("head.npz", lambda data: data[:-1]), "NPZ_DIGEST", "/npz_sha256"),
    Case(
        "config-is-changed",
        rewritten("head_config.json", lambda data: data.replace(b'"lbfgs"', b'"sagaa"')),
        "CONFIG_DIGEST",
        "/config_sha256",
    ),
    Case("encoder-of-another-name", setting("/encoder/name", "facebook/esm2"), "ENCODER", "/embedding/checkpoint"),
    Case("encoder-of-another-family", setting("/encoder/family", "esm1b"), "ENCODER", "/embedding/family"),
    Case(
        "encoder-of-other-weights", setting("/encoder/weights_sha256", "0" * 64), "ENCODER", "/embedding/weights_sha256"
    ),
    Case("encoder-without-a-digest", setting("/encoder/weights_sha256", None), None, None),
    Case(
        "golden-of-another-decision",
        members("golden.json", lambda root: put(root, "4/decision/0", root[4]["decision"][0] + 1)),
        "GOLDEN",
        "/golden/4",
    ),
    Case(
        "golden-of-another-embedding",
        members("golden.json", lambda root: put(root, "0/embedding/0", 9.5)),
        "GOLDEN",
        "/golden/0",
    ),
    Case(
        "weights-of-another-encoder",
        lambda folder: (shutil.copyfile(ENCODERS / "random-esm1v-tiny.onnx", folder / GRAPH), reseal(folder)),
        "GOLDEN",
        "/golden/0",
    ),
]


def make() -> None:
    """Trains a head on the demo's sequences and writes `tiny/`."""
    from plmhead.cli import main as plmhead

    with tempfile.TemporaryDirectory() as name:
        head, folder = f"{name}/head", f"{name}/bundle"
        data = str(REPOSITORY / "examples/demo_sequences.csv")
        assert (
            plmhead(["train", "--data", data, "--encoder", "plmhead/random-esm2-tiny", "--folds", "3", "--out", head])
            == 0
        )
        assert plmhead(["bundle", head, "--encoder", "plmhead/random-esm2-tiny", "--out", folder]) == 0
        shutil.rmtree(TINY, ignore_errors=True)
        shutil.copytree(folder, TINY, ignore=shutil.ignore_patterns(GRAPH))


if __name__ == "__main__":
    make()
    sys.exit(0)
