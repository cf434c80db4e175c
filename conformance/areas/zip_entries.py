"""Reject cases on layout and local headers (Z3 to Z5, Z7)."""

from ..pair import Pair
from ..suite import Suite
from ..zip_bytes import MAX32, Entry, zip64_extra
from .base import PLAIN, V0
from .edits import Edit, changed


def layout(suite: Suite) -> None:
    reject = changed(suite, "zip-layout")

    def edit_entry(index: int, **fields: object) -> Edit:
        return lambda p: [setattr(p.archive.entries[index], name, value) for name, value in fields.items()]

    reject(
        "prefix",
        "Z3",
        "ZIP_LAYOUT",
        "bytes before the first local header, all offsets right",
        "four bytes in front",
        lambda p: setattr(p.archive, "prefix", b"#!py"),
    )
    reject(
        "gap",
        "Z3",
        "ZIP_LAYOUT",
        "bytes between two members",
        "a zero byte before intercept.npy",
        edit_entry(1, before=b"\0"),
    )
    hidden = Entry(b"evil.npy", b"x" * 20)
    hidden.in_directory = False
    reject(
        "hidden-entry",
        "Z3",
        "ZIP_LAYOUT",
        "a local entry that the directory does not name",
        "a hidden member in the middle",
        lambda p: p.archive.entries.insert(2, hidden),
    )
    reject(
        "hidden-entry-last",
        "Z7",
        "ZIP_LAYOUT",
        "a hidden local entry before the directory",
        "a hidden member at the end",
        lambda p: p.archive.entries.append(hidden),
    )
    reject(
        "hidden-coef",
        "Z3",
        "ZIP_LAYOUT",
        "a second coef.npy that only readers of local headers see",
        "a hidden coef.npy first",
        lambda p: p.archive.entries.insert(0, hidden_copy(p)),
    )
    reject(
        "gap-before-directory",
        "Z7",
        "ZIP_LAYOUT",
        "bytes between the last member and the directory",
        "a zero byte",
        lambda p: setattr(p.archive, "before_directory", b"\0"),
    )
    reject(
        "directory-order",
        "Z3",
        "ZIP_LAYOUT",
        "the directory in another order than the members",
        "the first two records swapped",
        lambda p: setattr(p.archive, "directory_order", [1, 0, 2, 3, 4]),
    )
    reject(
        "shared-header",
        "Z3",
        "ZIP_LAYOUT",
        "two records that name one local header",
        "n_features_in.npy points at classes.npy",
        edit_entry(3, at=2),
    )
    for value, name in ((1, "plus-1"), (0xFFFFFFFF, "max"), (0x7FFFFFFF, "half")):
        reject(
            f"offset-{name}",
            "Z3",
            "ZIP_LAYOUT",
            "an offset that is not the position",
            f"offset {value} in the first record",
            lambda p, value=value: p.archive.entries[0].central.update(offset=value),
        )
    reject(
        "data-past-directory",
        "Z5",
        "ZIP_LAYOUT",
        "the last member's data runs into the directory",
        "its sizes 10 more",
        lambda p: p.archive.entries[4].both.update(compressed=142, size=142),
    )
    reject(
        "data-huge",
        "Z5",
        "ZIP_LAYOUT",
        "sizes beyond the file",
        "sizes 0x7FFFFFFF in the last record",
        lambda p: p.archive.entries[4].both.update(compressed=0x7FFFFFFF, size=0x7FFFFFFF),
    )
    reject(
        "data-max",
        "Z5",
        "ZIP_LAYOUT",
        "sizes 0xFFFFFFFF without an extra equal the central ones; the data does not fit",
        "sizes 0xFFFFFFFF in the last record",
        lambda p: p.archive.entries[4].both.update(compressed=MAX32, size=MAX32),
    )
    reject(
        "data-short",
        "Z3",
        "ZIP_LAYOUT",
        "a size that ends before the next header",
        "the sizes of coef.npy 8 less",
        lambda p: p.archive.entries[0].both.update(compressed=152, size=152),
    )
    reject(
        "data-short-last",
        "Z7",
        "ZIP_LAYOUT",
        "a last size that ends before the directory",
        "the sizes of n_iter.npy 1 less",
        lambda p: p.archive.entries[4].both.update(compressed=131, size=131),
    )
    reject(
        "v0-prefix",
        "Z3",
        "ZIP_LAYOUT",
        "version 0 has the same rule",
        "four bytes in front",
        lambda p: setattr(p.archive, "prefix", b"#!py"),
        base=V0,
    )


def hidden_copy(pair: Pair) -> Entry:
    entry = Entry(b"coef.npy", bytes(len(pair.archive.entries[0].data)))
    entry.in_directory = False
    return entry


def local(suite: Suite) -> None:
    reject = changed(suite, "zip-local")

    def header(slug: str, why: str, mutation: str, entry: int = 1, base: str = PLAIN, **fields: int) -> None:
        reject(
            slug, "Z4", "ZIP_LOCAL", why, mutation, lambda p: p.archive.entries[entry].local.update(fields), None, base
        )

    header("signature", "no local header", "signature PK 07 08", signature=0x08074B50)
    header("signature-smaller", "no local header", "signature PK 01 02", signature=0x02014B50)
    for field, value in (
        ("version", 45),
        ("flags", 1),
        ("flags", 8),
        ("method", 8),
        ("time", 1),
        ("date", 0x22),
        ("crc", 0),
        ("compressed", 8),
        ("size", 8),
    ):
        header(
            f"{field}-{value}",
            "the local header contradicts the directory",
            f"{field} {value} in the local header only",
            **{field: value},
        )
    header("sizes-zero", "sizes 0 as with a data descriptor", "both local sizes 0", compressed=0, size=0)
    header(
        "sizes-max-no-extra",
        "0xFFFFFFFF needs the zip64 extra",
        "both local sizes 0xFFFFFFFF",
        compressed=MAX32,
        size=MAX32,
    )
    header("name-length", "another name length", "name length 12 for intercept.npy", name_length=12)
    header("name-length-max", "a name that runs past the directory", "name length 65535", entry=4, name_length=65535)
    header("extra-length", "an extra length with no extra", "extra length 4", extra_length=4)
    header(
        "extra-length-20",
        "an extra of 20 bytes that are not there",
        "extra length 20, sizes 0xFFFFFFFF",
        entry=4,
        extra_length=20,
        compressed=MAX32,
        size=MAX32,
    )
    reject(
        "name",
        "Z4",
        "ZIP_LOCAL",
        "a local name that differs in one byte",
        "local name coeF.npy",
        lambda p: setattr(p.archive.entries[0], "local_name", b"coeF.npy"),
    )
    for i, name in ((1, b"intercepT.npy"), (2, b"blasses.npy"), (4, b"n_itar.npy")):
        reject(
            f"name-{i}",
            "Z4",
            "ZIP_LOCAL",
            "a local name of the same length with another letter",
            f"local name {name.decode()}",
            lambda p, i=i, name=name: setattr(p.archive.entries[i], "local_name", name),
        )
    reject(
        "name-swapped",
        "Z4",
        "ZIP_LOCAL",
        "local names of two members swapped",
        "the local name of intercept.npy is n_iter.npy",
        lambda p: setattr(p.archive.entries[1], "local_name", b"n_iter.npy"),
    )
    extras = {
        "other-id": b"\x75\x70\x10\x00" + zip64_extra(136)[4:],
        "wrong-size": zip64_extra(137),
        "wrong-second": zip64_extra(136)[:12] + (137).to_bytes(8, "little"),
        "high-word": zip64_extra(136 + 2**32),
        "high-word-first": zip64_extra(136 + 2**32)[:12] + zip64_extra(136)[12:],
        "high-word-second": zip64_extra(136)[:12] + zip64_extra(136 + 2**32)[12:],
        "wrong-first": zip64_extra(137)[:12] + zip64_extra(136)[12:],
        "too-long": zip64_extra(136) + bytes(4),
        "too-short": zip64_extra(136)[:12],
        "length-field": b"\x01\x00\x0c\x00" + zip64_extra(136)[4:],
        "unix-time": b"UT\x05\x00\x03" + bytes(4),
    }
    for name, extra in extras.items():
        reject(
            f"zip64-{name}",
            "Z4",
            "ZIP_LOCAL",
            "only the one extra that np.savez writes",
            f"extra {extra.hex()}",
            lambda p, extra=extra: (
                setattr(p.archive.entries[1], "local_extra", extra),
                p.archive.entries[1].local.update(compressed=MAX32, size=MAX32),
            ),
        )
    reject(
        "extra-with-sizes",
        "Z4",
        "ZIP_LOCAL",
        "the zip64 extra beside real sizes",
        "a zip64 extra, sizes as they are",
        lambda p: setattr(p.archive.entries[1], "local_extra", zip64_extra(136)),
    )
    for slug, field in (("extra-one-size", "size"), ("extra-one-compressed", "compressed")):
        reject(
            slug,
            "Z4",
            "ZIP_LOCAL",
            "only one of the two sizes is 0xFFFFFFFF",
            f"a zip64 extra and {field}",
            lambda p, field=field: (
                setattr(p.archive.entries[1], "local_extra", zip64_extra(136)),
                p.archive.entries[1].local.update({field: MAX32}),
            ),
        )
    header("v0-crc", "version 0 has the same rule", "crc 0 in the local header only", base=V0, crc=0)
