"""Reject cases on names and checksums (Z6, Z8, Z9)."""

import zlib

from ..npy_bytes import preamble
from ..pair import Pair
from ..suite import Suite
from ..zip_bytes import Entry
from .base import V0
from .edits import changed


def names(suite: Suite) -> None:
    reject = changed(suite, "zip-name")

    def rename(slug: str, name: bytes, why: str, index: int = 0) -> None:
        reject(
            slug,
            "Z6",
            "ZIP_NAME",
            why,
            f"member {index} is named {name[:40]!r}",
            lambda p: setattr(p.archive.entries[index], "name", name),
            base=V0,
        )

    for slug, name in {
        "upper": b"COEF.npy",
        "no-suffix": b"coef",
        "coef-npy-npy": b"coef.npy.npy",
        "suffix-upper": b"coef.NPY",
        "traversal": b"../coef.npy",
        "absolute": b"/coef.npy",
        "drive": b"C:\\coef.npy",
        "backslash": b"a\\coef.npy",
        "dot-slash": b"./coef.npy",
        "nul-after": b"coef.npy\0",
        "nul-hides": b"coef.npy\0.txt",
        "space": b"coef.npy ",
        "empty": b"",
        "homoglyph": "c\u043eef.npy".encode(),
        "invalid-utf8": b"co\xffef.npy",
        "latin-1": b"co\xe9f.npy",
        "folder": b"coef.npy/",
        "long": b"a" * 4096,
        "scaler": b"scaler.npy",
        "newline": b"coef.npy\n",
    }.items():
        rename(slug, name, "only five names are allowed, byte for byte")
    for slug, zip64 in (("empty-last", False), ("empty-last-zip64", True)):
        reject(
            slug,
            "Z6",
            "ZIP_NAME",
            "headers that end exactly where the directory, or its end, begins are whole",
            "a sixth member without name and data",
            lambda p, zip64=zip64: p.archive.entries.append(Entry(b"", b"", zip64=zip64)),
        )
    reject(
        "duplicate",
        "Z6",
        "ZIP_NAME",
        "a name that occurred before; readers differ on which wins",
        "a second coef.npy with other data",
        lambda p: p.archive.entries.append(Entry(b"coef.npy", p.archive.entries[0].data[:-1] + b"\x40")),
    )
    reject(
        "duplicate-same",
        "Z6",
        "ZIP_NAME",
        "a duplicate with equal data is a duplicate",
        "coef.npy twice",
        lambda p: p.archive.entries.insert(1, Entry(b"coef.npy", p.archive.entries[0].data)),
    )
    reject(
        "duplicate-in-place",
        "Z6",
        "ZIP_NAME",
        "five members, one name twice",
        "n_iter.npy is named coef.npy",
        lambda p: setattr(p.archive.entries[4], "name", b"coef.npy"),
    )
    reject(
        "pickle",
        "Z6",
        "ZIP_NAME",
        "a pickle beside the arrays",
        "a sixth member model.pkl",
        lambda p: p.archive.entries.append(Entry(b"model.pkl", b"\x80\x04N.")),
    )
    reject(
        "undeclared-array",
        "Z6",
        "ZIP_NAME",
        "an array that the format does not have",
        "a sixth member mean.npy",
        lambda p: p.archive.entries.append(Entry(b"mean.npy", p.archive.entries[1].data)),
    )
    reject(
        "directory-entry",
        "Z6",
        "ZIP_NAME",
        "an empty folder entry",
        "a first member arrays/ of no bytes",
        lambda p: p.archive.entries.insert(0, Entry(b"arrays/", b"")),
    )
    reject(
        "v0-scaler",
        "Z6",
        "ZIP_NAME",
        "version 0 has the same five names: a scaler nobody applies must not be ignored",
        "a sixth member scaler_mean.npy",
        lambda p: p.archive.entries.append(Entry(b"scaler_mean.npy", preamble("<f8", (1,)) + bytes(8))),
        base=V0,
    )
    for index, member in enumerate(("coef", "intercept", "classes", "n_features_in", "n_iter")):
        reject(
            f"missing-{member.replace('_', '-')}",
            "Z8",
            "ZIP_MISSING",
            "a member is absent",
            f"remove {member}.npy",
            lambda p, index=index: p.archive.entries.pop(index),
            f"{member}.npy",
        )
    reject(
        "missing-two",
        "Z8",
        "ZIP_MISSING",
        "of two absent members the first in canonical order is named",
        "remove classes.npy and intercept.npy",
        lambda p: (p.archive.entries.pop(2), p.archive.entries.pop(1)),
        "intercept.npy",
    )
    reject(
        "missing-all",
        "Z8",
        "ZIP_MISSING",
        "an empty archive is an archive",
        "remove all members",
        lambda p: p.archive.entries.clear(),
        "coef.npy",
    )
    reject(
        "v0-missing",
        "Z8",
        "ZIP_MISSING",
        "version 0 has the same rule",
        "remove n_iter.npy",
        lambda p: p.archive.entries.pop(),
        "n_iter.npy",
        V0,
    )


def checksums(suite: Suite) -> None:
    reject = changed(suite, "zip-crc")
    for index, member in enumerate(("coef", "intercept", "classes", "n_features_in", "n_iter")):
        reject(
            member.replace("_", "-"),
            "Z9",
            "ZIP_CRC",
            "the CRC-32 of both headers is not that of the data",
            f"the CRC-32 of {member}.npy + 1",
            lambda p, index=index: p.archive.entries[index].both.update(
                crc=(zlib.crc32(p.archive.entries[index].data) + 1) % 2**32
            ),
            f"{member}.npy",
        )
    reject(
        "zero",
        "Z9",
        "ZIP_CRC",
        "0 does not mean unknown",
        "the CRC-32 of coef.npy is 0",
        lambda p: p.archive.entries[0].both.update(crc=0),
        "coef.npy",
    )
    reject(
        "preamble-bit",
        "Z9",
        "ZIP_CRC",
        "the checksum covers the preamble too",
        "a space of coef's header is a tab, with the old CRC-32",
        padding_bit,
        "coef.npy",
    )
    reject(
        "order",
        "Z9",
        "ZIP_CRC",
        "two wrong checksums, members in reverse order: canonical order decides",
        "members reversed, both CRC-32 of coef.npy and n_iter.npy wrong",
        two_wrong,
        "coef.npy",
    )
    reject(
        "v0",
        "Z9",
        "ZIP_CRC",
        "version 0 has the same rule, and no digest that would find it",
        "the CRC-32 of coef.npy is 1",
        lambda p: p.archive.entries[0].both.update(crc=1),
        "coef.npy",
        V0,
    )


def padding_bit(pair: Pair) -> None:
    entry = pair.archive.entries[0]
    entry.both["crc"] = zlib.crc32(entry.data)
    entry.data = entry.data[:126] + b"\t" + entry.data[127:]


def two_wrong(pair: Pair) -> None:
    pair.archive.entries[0].both["crc"] = 0
    pair.archive.entries[4].both["crc"] = 0
    pair.archive.entries.reverse()
