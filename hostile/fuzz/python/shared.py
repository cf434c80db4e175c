"""What the targets share: the form of an input, seals put right, and what every accepted head must do."""

import contextlib
import hashlib
import io
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["plmhead"]):
    from plmhead.errors import FormatError, InputError
    from plmhead.head import from_bytes

import numpy as np

SEAL = 86
CASES = Path(__file__).resolve().parents[3] / "conformance/cases/base"
BASES = tuple(
    ((CASES / name / "model.npz").read_bytes(), (CASES / name / "model_config.json").read_bytes())
    for name in ("full", "v0", "plain")
)


def run(target: Callable[[bytes], None]) -> None:
    """Hands the process to libFuzzer."""
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


def pair(data: bytes) -> tuple[bytes, bytes] | None:
    """The two files in the bytes of `load_pair`: a flag, the config's length in three bytes, the config, the NPZ.

    With the lowest bit of the flag every CRC-32 and digest is put right.
    """
    if len(data) < 4:
        return None
    length = int.from_bytes(data[1:4], "little")
    config, npz = data[4 : 4 + length], data[4 + length :]
    return reseal(npz, config) if data[0] & 1 else (npz, config)


def reseal(npz: bytes, config: bytes) -> tuple[bytes, bytes]:
    """CRC-32 of every member, `npz_sha256` and `config_sha256` put right, as far as they can be found."""
    members = bytearray(npz)
    with contextlib.suppress(struct.error):  # a record that leads nowhere ends the walk
        reseal_members(members)
    npz, text = bytes(members), bytearray(config)
    if len(text) <= SEAL:
        return npz, config
    at = text.find(b'"npz_sha256": "')
    if at >= 0:
        write_digest(text, at + 15, npz)
    write_digest(text, len(text) - 68, bytes(text[:-SEAL]))
    return npz, bytes(text)


def write_digest(text: bytearray, at: int, of: bytes) -> None:
    if at + 64 <= len(text):
        text[at : at + 64] = hashlib.sha256(of).hexdigest().encode()


def reseal_members(npz: bytearray) -> None:
    if len(npz) < 22:
        return
    count, record = struct.unpack_from("<H4xI", npz, len(npz) - 12)
    for _ in range(min(count, 16)):
        size, name, local = struct.unpack_from("<IH12xI", npz, record + 24)
        start = local + 30 + sum(struct.unpack_from("<HH", npz, local + 26))
        if start + size > len(npz):
            return
        crc = zlib.crc32(npz[start : start + size])
        struct.pack_into("<I", npz, record + 16, crc)
        struct.pack_into("<I", npz, local + 14, crc)
        record += 46 + name


def with_member(base: bytes, which: int, data: bytes) -> bytes:
    """The base's archive with `data` in the place of member `which`, of five; right in every field."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(base)) as old, zipfile.ZipFile(out, "w") as new:
        for at, info in enumerate(old.infolist()):
            new.writestr(zipfile.ZipInfo(info.filename), data if at == which % 5 else old.read(info))
    return out.getvalue()


def require(holds: bool, fault: Exception) -> None:
    if not holds:
        raise AssertionError from fault


def check(npz: bytes, config: bytes) -> None:
    """Loads a pair. An error is the format's own; an accepted head scores finite values, or says which row overflows."""
    try:
        head = from_bytes(npz, config)
    except FormatError as fault:
        require(bool(fault.code and fault.message), fault)
        return
    n = head.n_features_in
    for x in (np.ones((2, n)), np.arange(n, dtype=np.float32)[None, :] - np.float32(2.5), np.full((1, n), 1.7e308)):
        try:
            decision, probability, labels = head.score_all(x)
        except InputError as fault:
            require(fault.code == "DECISION_NONFINITE", fault)
            continue
        assert np.isfinite(decision).all()
        assert ((probability >= 0) & (probability <= 1)).all()
        assert (abs(probability.sum(axis=1) - 1) < 1e-9).all()
        assert len(labels) == len(x)
