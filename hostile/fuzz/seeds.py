"""What fuzzing starts from: the cases of the conformance suite in the form of each target, and a dictionary of the format's words."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CASES = REPOSITORY / "conformance/cases"
SCHEMA = REPOSITORY / "spec/v1/config.schema.json"
MEMBERS = ("coef.npy", "intercept.npy", "classes.npy", "n_features_in.npy", "n_iter.npy")
LARGEST = 16_384  # bytes of a seed: libFuzzer works best on small ones
RESEAL, VERSION_0, VERSION_0_NPY = 1, 2, 8  # flags in the first byte

#: Words of the container and of the headers; those of the config come from its schema.
WORDS = (
    *(
        b"PK\x01\x02",
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"PK\x06\x06",
        b"\x01\x00\x10\x00",
        b"\xff\xff\xff\xff",
        b".npy",
        b"\x93NUMPY\x01\x00v\x00",
    ),
    *(
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (",
        b", }",
        b"<f4",
        b"<i8",
        b"<U1",
        b"|b1",
        b"True",
        b"null",
        b"true",
        b"false",
    ),
    *(
        b"1e400",
        b"-0.0",
        b"1e-400",
        b"9007199254740992",
        b"\\ud83d",
        b"\\ude00",
        b"\\u0000",
        b"\xf0\x9f\x98\x80",
        b"\xed\xa0\x80",
    ),
)


def pairs() -> Iterator[tuple[str, bytes, bytes]]:
    """(case, NPZ, config) of every small case."""
    for file in sorted(CASES.rglob("model.npz")):
        npz, config = file.read_bytes(), (file.parent / "model_config.json").read_bytes()
        if len(npz) + len(config) <= LARGEST:
            yield "-".join(file.parent.relative_to(CASES).parts), npz, config


def members(npz: bytes) -> list[bytes]:
    """The arrays of an archive in canonical order; none where Python's reader does not find all five."""
    try:
        with zipfile.ZipFile(io.BytesIO(npz)) as archive:
            return [archive.read(name) for name in MEMBERS]
    except (zipfile.BadZipFile, KeyError, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        return []


def seeds() -> Iterator[tuple[str, str, bytes]]:
    """(target, name, bytes), each different input of a target once."""
    seen: set[tuple[str, bytes]] = set()
    for name, npz, config in pairs():
        old = b'"format"' not in config
        front = len(config).to_bytes(3, "little")
        inputs = [("load_pair", bytes([RESEAL]) + front + config + npz)]
        inputs.append(("config_text", bytes([RESEAL | old * VERSION_0]) + config))
        for which, data in enumerate(members(npz)):
            inputs.append(("npy_member", bytes([which | old * VERSION_0_NPY]) + data))
        for at, (target, data) in enumerate(inputs):
            if (target, data) not in seen:
                seen.add((target, data))
                yield target, f"{name}-{at}", data


def names(schema: object) -> Iterator[str]:
    """Every member name and enumerated word of a JSON Schema."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        yield from (word for word in schema.get("enum", ()) if isinstance(word, str))
        for inner in schema.values():
            yield from names(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from names(inner)


def dictionary() -> str:
    """In the form that libFuzzer reads: a quoted word a line."""
    words = [*WORDS, *(f'"{name}"'.encode() for name in dict.fromkeys(names(json.loads(SCHEMA.read_text()))))]
    return "".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in words)


def write(folder: Path) -> dict[str, int]:
    """Seeds and dictionary below a folder; how many seeds each target has."""
    counts: dict[str, int] = {}
    for target, name, data in seeds():
        path = folder / "seeds" / target
        path.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
        counts[target] = counts.get(target, 0) + 1
    (folder / "plmhead.dict").write_text(dictionary())
    return counts
