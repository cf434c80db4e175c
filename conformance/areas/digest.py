"""Sizes (R2), the digest of the NPZ (H1), and accept cases on the container."""

import zlib
from collections.abc import Callable

from ..pair import version_1
from ..suite import Suite
from ..zip_bytes import Entry
from .base import PLAIN, SOFTMAX, V0, rng_head, rows
from .edits import Edit

NPZ_LIMIT = 150994944


def zip64(entry: Entry, version: int) -> None:
    entry.zip64, entry.both["version"] = True, version


def accept_zip(suite: Suite) -> None:
    head = rng_head(0x219, 4)

    def accept(slug: str, clause: str, why: str, *edits: Edit) -> None:
        pair = version_1(head)
        for edit in edits:
            edit(pair)
        suite.accept(f"zip/{slug}", clause, why, pair, rows(head))

    accept(
        "np-savez",
        "Z4",
        "zip64 extras in every local header, as np.savez writes them",
        lambda p: [zip64(e, 45) for e in p.archive.entries],
    )
    accept("zip64-one", "Z4", "a zip64 extra in one local header only", lambda p: zip64(p.archive.entries[2], 45))
    accept("zip64-version-20", "Z4", "a zip64 extra with version needed 20", lambda p: zip64(p.archive.entries[0], 20))
    accept("reversed", "Z6", "members in reverse order", lambda p: p.archive.entries.reverse())
    accept(
        "rotated",
        "Z6",
        "n_iter first, then canonical order",
        lambda p: p.archive.entries.insert(0, p.archive.entries.pop()),
    )
    free = {"time": 0xBF7D, "date": 0x5AEF, "version": 10}
    accept(
        "free-fields",
        "Z2",
        "time, date, version made by, internal and most external attributes are free",
        *[
            lambda p, i=i: (
                p.archive.entries[i].both.update(free, version=(10, 20, 45, 20, 10)[i]),
                p.archive.entries[i].central.update(
                    made_by=(0, 0x0314, 0xFFFF, 0x0A3F, 0x002D)[i],
                    internal=(0, 1, 0xFFFF, 2, 0)[i],
                    external=(0, 0x81FF0000, 0x0FFF0021, 0x800000EF, 0x20)[i],
                ),
            )
            for i in range(5)
        ],
    )


def flip(position: int) -> Callable[[bytes], bytes]:
    return lambda b: b[:position] + bytes([b[position] ^ 1]) + b[position + 1 :]


def sizes_and_digest(suite: Suite) -> None:
    suite.reject(
        "limit/config-size-1",
        "R2",
        "FILE_SIZE",
        "config",
        "a config of 1,048,577 bytes",
        "limit/config-size",
        "one space more in front",
        lambda p: None,
        prepend={"config": suite.cases["limit/config-size"].record["prepend"]["config"] + 1},
    )
    size = len(suite.cases[PLAIN].files["model.npz"])
    suite.reject(
        "limit/npz-size-1",
        "R2",
        "FILE_SIZE",
        "npz",
        "an NPZ of 150,994,945 bytes",
        PLAIN,
        "spaces in front",
        lambda p: None,
        prepend={"npz": NPZ_LIMIT + 1 - size},
    )
    suite.reject(
        "limit/npz-size",
        "H1",
        "NPZ_DIGEST",
        "/npz_sha256",
        "an NPZ of exactly 150,994,944 bytes passes the size check, and then is not the one that the config names",
        PLAIN,
        "spaces in front",
        lambda p: None,
        prepend={"npz": NPZ_LIMIT - size},
    )
    for word, limit in (("config", 1048576), ("npz", NPZ_LIMIT)):
        name = "model_config.json" if word == "config" else "model.npz"
        for version, base in (("", SOFTMAX), ("-v0", V0)):
            suite.reject(
                f"limit/{word}-size-1{version or '-softmax'}",
                "R2",
                "FILE_SIZE",
                word,
                "one byte over the limit, whatever the file is",
                base,
                "spaces in front",
                lambda p: None,
                prepend={word: limit + 1 - len(suite.cases[base].files[name])},
            )
    digest = {
        "data-bit": ("one bit of a coefficient", flip(170)),
        "crc-follows": ("one bit of n_iter's data with its CRC-32 corrected", None),
        "empty": ("no bytes", lambda b: b""),
        "appended": ("a byte more", lambda b: b + b"\0"),
        "time": ("the time of a member, which is free", lambda b: flip(10)(flip(b.index(b"PK\x01\x02") + 12)(b))),
        "not-a-zip": ("a text", lambda b: b"version https://git-lfs.github.com/spec/v1\n"),
    }
    for name, (mutation, edit) in digest.items():
        edits = edit or recrc
        suite.reject(
            f"npz-digest/{name}",
            "H1",
            "NPZ_DIGEST",
            "/npz_sha256",
            "npz_sha256 is looked at before the archive is read",
            PLAIN,
            mutation,
            lambda p, edits=edits: p.break_npz.append(edits),
        )
    for digit in "0f":
        suite.reject(
            f"npz-digest/all-{digit}",
            "H1",
            "NPZ_DIGEST",
            "/npz_sha256",
            "a digest that is smaller, or larger, than the right one",
            PLAIN,
            f"npz_sha256 of 64 digits {digit}",
            lambda p, digit=digit: p.config.update(npz_sha256=digit * 64),
        )
    other = suite.cases[SOFTMAX].files["model.npz"]
    suite.reject(
        "npz-digest/other-model",
        "H1",
        "NPZ_DIGEST",
        "/npz_sha256",
        "the NPZ of another model, in itself valid",
        PLAIN,
        "the NPZ of base/softmax",
        lambda p: p.break_npz.append(lambda _: other),
    )
    twin = version_1(rng_head(0xBA5F, 4)).files()[0]
    suite.reject(
        "npz-digest/same-shape",
        "H1",
        "NPZ_DIGEST",
        "/npz_sha256",
        "another head of the same shapes: only the digest shows it",
        PLAIN,
        "the NPZ of another head",
        lambda p: p.break_npz.append(lambda _: twin),
    )


def recrc(data: bytes) -> bytes:
    """Change the last data byte of the first member (coef) and both stored CRC-32."""
    size = int.from_bytes(data[18:22], "little")
    start = 30 + int.from_bytes(data[26:28], "little")
    member = data[start : start + size - 1] + bytes([data[start + size - 1] ^ 1])
    crc = zlib.crc32(member).to_bytes(4, "little")
    return data[:14] + data[14:].replace(data[14:18], crc).replace(data[start : start + size], member)
