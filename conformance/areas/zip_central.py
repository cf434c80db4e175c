"""Reject cases on central records (Z2, Z7)."""

import zlib

from ..pair import Pair
from ..suite import Suite
from ..zip_bytes import zip64_extra
from .base import PLAIN, V0
from .edits import changed, npz


def central(suite: Suite) -> None:
    reject = changed(suite, "zip-central")

    def record(
        slug: str,
        why: str,
        mutation: str,
        code: str = "ZIP_CENTRAL",
        entry: int = 1,
        both: bool = False,
        base: str = PLAIN,
        **fields: int,
    ) -> None:
        def edit(pair: Pair) -> None:
            e = pair.archive.entries[entry]
            (e.both if both else e.central).update(fields)

        reject(slug, "Z2", code, why, mutation, edit, None, base)

    record("signature", "no central record", "signature of a local header", signature=0x04034B50)
    record("signature-smaller", "no central record", "signature PK 01 01", signature=0x01014B50)
    for value in (0, 11, 21, 46, 63, 0x0A14, 0xFFFF):
        record(
            f"version-{value}",
            "version needed is 10, 20 or 45",
            f"version needed {value} in both headers",
            both=True,
            version=value,
        )
    record("disk", "a member on another disk", "disk start 1", disk=1)
    record("disk-max", "the marker of zip64", "disk start 0xFFFF", disk=0xFFFF)
    record("compressed-less", "a stored member has one size", "compressed size one less", both=True, compressed=130)
    record("compressed-zero", "a stored member has one size", "compressed size 0", both=True, compressed=0)
    record("directory-bit", "a directory", "external attributes with bit 0x10", external=0x81800010)
    for kind, name in ((0x4, "directory"), (0xA, "symlink"), (0x6, "device"), (0x1, "fifo"), (0xC, "socket")):
        record(
            f"type-{name}",
            f"a {name} by its Unix type",
            f"external attributes with type {kind:x}",
            external=kind << 28 | 0x01800000,
        )
    for value, name in (
        (0x1, "encrypted"),
        (0x8, "descriptor"),
        (0x40, "strong-encryption"),
        (0x800, "utf8"),
        (0x2000, "masked"),
        (0x2, "deflate-option"),
        (0x8000, "reserved"),
    ):
        record(
            f"flag-{name}",
            "all flags are 0",
            f"flags 0x{value:04x} in both headers",
            "ZIP_FLAGS",
            both=True,
            flags=value,
        )
    for value, name in (
        (8, "deflate"),
        (9, "deflate64"),
        (12, "bzip2"),
        (14, "lzma"),
        (93, "zstd"),
        (99, "aes"),
        (0xFFFF, "max"),
        (256, "high-byte"),
    ):
        record(
            f"method-{name}",
            "only stored members",
            f"method {value} in both headers",
            "ZIP_METHOD",
            both=True,
            method=value,
        )
    reject(
        "deflate-real",
        "Z2",
        "ZIP_METHOD",
        "a truly compressed member, as np.savez_compressed writes it",
        "coef.npy deflated (stored blocks)",
        deflate,
    )
    reject(
        "deflate-bomb",
        "Z2",
        "ZIP_METHOD",
        "a member that claims to inflate to 1 GiB: nothing is inflated",
        "coef.npy deflated, size 2^30",
        lambda p: (deflate(p), p.archive.entries[0].both.update(size=2**30)),
    )
    reject(
        "descriptor-real",
        "Z2",
        "ZIP_FLAGS",
        "a data descriptor behind the data, and zeros in the local header",
        "flag 8, a descriptor behind coef.npy",
        descriptor,
    )
    reject(
        "extra",
        "Z2",
        "ZIP_CENTRAL",
        "an extra field in the directory",
        "a zip64 extra in the central record",
        lambda p: setattr(p.archive.entries[0], "central_extra", zip64_extra(160)),
    )
    reject(
        "comment",
        "Z2",
        "ZIP_CENTRAL",
        "a member comment",
        "a comment of 5 bytes",
        lambda p: setattr(p.archive.entries[4], "comment", b"hello"),
    )
    reject(
        "name-past-end",
        "Z2",
        "ZIP_CENTRAL",
        "a name that runs past the directory",
        "name length 65535 in the last record",
        lambda p: p.archive.entries[4].central.update(name_length=65535),
    )
    reject(
        "comment-length-last",
        "Z2",
        "ZIP_CENTRAL",
        "a comment that runs past the directory",
        "comment length 65535 in the last record",
        lambda p: p.archive.entries[4].central.update(comment_length=65535),
    )
    reject(
        "count-too-big",
        "Z2",
        "ZIP_CENTRAL",
        "six entries counted, five there",
        "both counts 6",
        lambda p: p.archive.end.update(entries=6, entries_here=6),
    )
    reject(
        "count-65535",
        "Z2",
        "ZIP_CENTRAL",
        "65,535 entries counted, five there",
        "both counts 65535",
        lambda p: p.archive.end.update(entries=0xFFFF, entries_here=0xFFFF),
    )
    reject(
        "count-too-small",
        "Z7",
        "ZIP_CENTRAL",
        "four entries counted, five there",
        "both counts 4",
        lambda p: p.archive.end.update(entries=4, entries_here=4),
    )
    reject(
        "count-zero",
        "Z7",
        "ZIP_CENTRAL",
        "no entry counted, five there",
        "both counts 0",
        lambda p: p.archive.end.update(entries=0, entries_here=0),
    )
    reject(
        "bytes-after-last",
        "Z7",
        "ZIP_CENTRAL",
        "bytes in the directory after the last record",
        "four zero bytes",
        lambda p: setattr(p.archive, "inside_directory", bytes(4)),
    )
    reject(
        "digital-signature",
        "Z7",
        "ZIP_CENTRAL",
        "a digital signature record after the last entry",
        "PK 05 05 and no data",
        lambda p: setattr(p.archive, "inside_directory", b"PK\x05\x05\0\0"),
    )
    reject(
        "cut-46",
        "Z2",
        "ZIP_CENTRAL",
        "a sixth record cut after 45 bytes",
        "45 bytes more in the directory, both counts 6",
        lambda p: (
            setattr(p.archive, "inside_directory", b"PK\x01\x02" + bytes(41)),
            p.archive.end.update(entries=6, entries_here=6),
        ),
    )
    for slug, entry, length in (("plus-1", 4, 11), ("plus-3", 4, 13), ("190", 1, 190)):
        record(
            f"name-length-{slug}",
            "a name that is longer than what the directory has left",
            f"name length {length} in record {entry}",
            entry=entry,
            name_length=length,
        )
    for kept in (4, 8, 20, 44):
        reject(
            f"cut-{kept}",
            "Z2",
            "ZIP_CENTRAL",
            "a sixth record of which only the begin is there: what follows is the end record",
            f"{kept} bytes more in the directory, both counts 6",
            lambda p, kept=kept: (
                setattr(p.archive, "inside_directory", (b"PK\x01\x02" + bytes(40))[:kept]),
                p.archive.end.update(entries=6, entries_here=6),
            ),
        )
    for cut in (1, 5, 10):
        reject(
            f"name-cut-{cut}",
            "Z2",
            "ZIP_CENTRAL",
            "the last record's name runs past the directory",
            f"the directory without its last {cut} bytes",
            npz(lambda b, cut=cut: shorter_directory(b, cut)),
        )
    record(
        "v0-flag", "version 0 has the same rule", "flags 1 in both headers", "ZIP_FLAGS", both=True, flags=1, base=V0
    )
    record(
        "v0-method",
        "version 0 has the same rule: np.savez_compressed is not read",
        "method 8 in both headers",
        "ZIP_METHOD",
        both=True,
        method=8,
        base=V0,
    )


def shorter_directory(data: bytes, cut: int) -> bytes:
    """Take the last bytes of the directory away; the end record follows, and states the size that is left."""
    size = int.from_bytes(data[-10:-6], "little") - cut
    return data[: -22 - cut] + data[-22:-10] + size.to_bytes(4, "little") + data[-6:]


def deflate(pair: Pair) -> None:
    """A deflate stream of one stored block: valid for every inflater, and the same bytes from every zlib."""
    entry = pair.archive.entries[0]
    raw = entry.data
    length = len(raw).to_bytes(2, "little")
    entry.data = b"\x01" + length + bytes(255 - v for v in length) + raw
    entry.both.update(method=8, crc=zlib.crc32(raw), size=len(raw))


def descriptor(pair: Pair) -> None:
    entry = pair.archive.entries[0]
    size = len(entry.data).to_bytes(4, "little")
    entry.after = b"PK\x07\x08" + zlib.crc32(entry.data).to_bytes(4, "little") + size * 2
    entry.both.update(flags=8)
    entry.local.update(crc=0, compressed=0, size=0)
