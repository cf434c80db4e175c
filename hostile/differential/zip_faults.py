"""Mutations of the container: headers, order, gaps, duplicates, names, sizes, and a few that change nothing that counts."""

import struct
import zlib
from collections.abc import Callable
from random import Random

from conformance.npy_bytes import words
from conformance.pair import Pair
from conformance.zip_bytes import CENTRAL, END, LOCAL, MAX32, Entry, zip64_extra

from . import values

Mutation = Callable[[Random, Pair], bool | None]

NAMES = (
    *(
        b"coef",
        b"coef.npy\x00",
        b"coef.npy ",
        b"Coef.npy",
        b"COEF.NPY",
        b"./coef.npy",
        b"/coef.npy",
        b"../coef.npy",
        b"a/coef.npy",
        b"",
    ),
    *(
        b"a\\coef.npy",
        b"coef.npz",
        b"coef\xff.npy",
        "co\u0435f.npy".encode(),
        b"coef.npy/",
        b"coef.npy.npy",
        b"n_iter",
        b"x.npy",
        b"\x00",
    ),
    *(
        b"intercept.npy",
        b"classes.npy",
        b"n_features_in.npy",
        b"n_iter.npy",
        b"coef.npy",
        b"intercept_.npy",
        b"coef.npy\n",
        b"classes_.npy",
    ),
)
EXTRAS = (
    b"\x01\x00\x00\x00",
    b"\x01\x00\x08\x00" + bytes(8),
    b"\x75\x70\x0d\x00\x01" + bytes(4) + b"coef.npy",  # Unicode path
    b"\x01\x99\x07\x00\x02\x00AE\x03\x00\x00",  # AES
    b"\x55\x54\x05\x00\x01" + bytes(4),  # time stamps
    b"\xff\xff\xff\xff",
    b"\x00",
    bytes(20),
)


def entry_of(rng: Random, pair: Pair) -> Entry:
    return rng.choice(pair.archive.entries)


def local_field(rng: Random, pair: Pair) -> None:
    header_field(rng, entry_of(rng, pair), LOCAL, "local")


def central_field(rng: Random, pair: Pair) -> None:
    header_field(rng, entry_of(rng, pair), CENTRAL, "central")


def header_field(rng: Random, entry: Entry, layout: tuple[tuple[str, int], ...], which: str) -> None:
    name, width = rng.choice(layout)
    getattr(entry, which)[name] = values.near(rng, guess(entry, name), width)


def both_fields(rng: Random, pair: Pair) -> None:
    """The same wrong value in both headers of a member."""
    entry = entry_of(rng, pair)
    name, width = rng.choice([pair for pair in LOCAL if pair[0] not in ("name_length", "extra_length")])
    value = values.near(rng, guess(entry, name), width)
    entry.both[name] = value
    if entry.zip64 and name in ("compressed", "size") and rng.random() < 0.5:
        entry.zip64, entry.local_extra = False, zip64_extra(value)
        entry.local |= {"compressed": MAX32, "size": MAX32}


def guess(entry: Entry, name: str) -> int:
    """About what the field holds, so that a neighbour of it is one fault away from right."""
    known = {
        "signature": 0x04034B50,
        "version": 20,
        "date": 0x21,
        "crc": zlib.crc32(entry.data),
        "compressed": len(entry.data),
        "size": len(entry.data),
        "name_length": len(entry.name),
        "external": 0x81800000,
    }
    return known.get(name, 0)


def sizes(rng: Random, pair: Pair) -> None:
    """A size too large or too small, in all its places, with the data as it was or cut."""
    entry = entry_of(rng, pair)
    size = rng.choice((len(entry.data) + rng.choice((-1, 1, 64)), values.integer(rng) % (1 << 32), 0, MAX32))
    entry.both |= {"size": size, "compressed": size}
    if rng.random() < 0.3:
        entry.data = entry.data[: min(size, len(entry.data))]


def zip64_forms(rng: Random, pair: Pair) -> None:
    """The local zip64 form: right, or with one part wrong; or in the directory, where it is not allowed."""
    entry = entry_of(rng, pair)
    kind, size = rng.randrange(9), len(entry.data)
    entry.zip64 = kind == 0
    if kind == 0:
        return
    entry.local |= {"compressed": MAX32, "size": MAX32}
    forms = (
        zip64_extra(size),
        zip64_extra(size + rng.choice((-1, 1, 1 << 32, 1 << 63))),
        b"\x01\x00\x10\x00" + struct.pack("<QQ", size, size ^ 1),
        b"\x01\x00\x10\x00" + struct.pack("<QQ", size ^ 1, size),
        zip64_extra(size) + rng.choice(EXTRAS),
        rng.choice(EXTRAS),
        b"\x01\x00\x08\x00" + struct.pack("<Q", size),
        zip64_extra(size)[:-1],
    )
    entry.local_extra = forms[kind - 1]
    if kind == 1 and rng.random() < 0.5:
        name = rng.choice(("compressed", "size"))
        entry.local[name] = rng.choice((size, MAX32 - 1, 0))
    if kind == 2 and rng.random() < 0.5:
        entry.central_extra, entry.central["size"] = zip64_extra(size), MAX32
        entry.central["compressed"] = MAX32


def extras(rng: Random, pair: Pair) -> None:
    entry = entry_of(rng, pair)
    extra = rng.choice(EXTRAS)
    if rng.random() < 0.5:
        entry.local_extra, entry.zip64 = extra, False
    else:
        entry.central_extra = extra
    if rng.random() < 0.2:
        entry.comment = rng.choice((b"x", b"PK\x05\x06" + bytes(18)))


def names(rng: Random, pair: Pair) -> None:
    entry = entry_of(rng, pair)
    kind = rng.random()
    near = (
        entry.name + b"\x00",
        b"a/" + entry.name,
        entry.name.upper(),
        b"./" + entry.name,
        entry.name + b"\x00.npy",
        entry.name[:-4],
    )
    new = (
        rng.choice(near)
        if kind < 0.4
        else rng.choice(NAMES)
        if kind < 0.8
        else bytes(rng.getrandbits(8) for _ in range(rng.choice((1, 8, 300, 65535))))
    )
    if rng.random() < 0.3:
        entry.local_name = new
    elif rng.random() < 0.3:
        entry.local_name, entry.name = entry.name, new
    else:
        entry.name = new
    if rng.random() < 0.2:
        entry.both["flags"] = 0x800


def shared(pair: Pair) -> bool:
    """Whether a record points at another's header: then members must keep their places."""
    return any(entry.at is not None for entry in pair.archive.entries)


def order(rng: Random, pair: Pair) -> bool | None:
    """Members in another order: allowed, unless the directory's order is another."""
    if shared(pair):
        return False
    rng.shuffle(pair.archive.entries)
    if rng.random() < 0.3:
        pair.archive.directory_order = rng.sample(range(len(pair.archive.entries)), len(pair.archive.entries))
    return None


def drop(rng: Random, pair: Pair) -> bool | None:
    entry = entry_of(rng, pair)
    if shared(pair) or len(pair.archive.entries) == 1:
        return False
    if rng.random() < 0.6:
        pair.archive.entries.remove(entry)
    else:
        entry.in_directory = False
    return None


def duplicate(rng: Random, pair: Pair) -> bool | None:
    """A second member of a name: another copy, the same local header, or other data."""
    entries, entry = pair.archive.entries, entry_of(rng, pair)
    copy = Entry(entry.name, entry.data if rng.random() < 0.5 else entry_of(rng, pair).data)
    if shared(pair):
        return False
    if rng.random() < 0.3:
        copy.at = entries.index(entry)
        entries.append(copy)
    else:
        entries.insert(rng.randrange(len(entries) + 1), copy)
    return None


def gap(rng: Random, pair: Pair) -> None:
    junk = rng.choice(
        (b"\x00", b"PK\x03\x04", bytes(30), b"PK\x05\x06" + bytes(18), b"PK\x07\x08" + bytes(12), b"\x7fELF")
    )
    where = rng.choice(
        ("before", "after", "prefix", "before_directory", "after_directory", "inside_directory", "suffix")
    )
    thing = entry_of(rng, pair) if where in ("before", "after") else pair.archive
    setattr(thing, where, junk)
    if where == "suffix" and rng.random() < 0.7:
        pair.archive.end["comment_length"] = len(junk)


def end_field(rng: Random, pair: Pair) -> None:
    name, width = rng.choice(END)
    count = len(pair.archive.entries)
    right = {"signature": 0x06054B50, "entries": count, "entries_here": count, "size": 54 * count, "offset": 1200}
    value = values.near(rng, right.get(name, 0), width)
    pair.archive.end[name] = value
    if name in ("entries", "entries_here") and rng.random() < 0.8:
        pair.archive.end |= {"entries": value, "entries_here": value}


def end_sums(rng: Random, pair: Pair) -> None:
    """Directory size and offset that still add up, as 32-bit numbers or not."""

    def edit(npz: bytes) -> bytes:
        if len(npz) < 22:
            return npz  # an edit before this one has left no end record
        size, offset = struct.unpack("<II", npz[-10:-2])
        shift = rng.choice((1, -1, 46, -46, size, -offset, 1 << 31, values.integer(rng)))
        return npz[:-10] + words([size + shift, offset - shift], 4) + npz[-2:]

    pair.edit_npz.append(edit)


def zip64_end(rng: Random, pair: Pair) -> None:
    """A zip64 end record and its locator, with or without the marks that send a reader there."""
    count = len(pair.archive.entries)
    record = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, 54 * count, 1200)
    pair.archive.after_directory = record + struct.pack("<IIQI", 0x07064B50, 0, 1500, 1)
    if rng.random() < 0.5:
        pair.archive.end |= rng.choice(
            ({"offset": MAX32}, {"entries": 0xFFFF, "entries_here": 0xFFFF}, {"size": MAX32})
        )


def compressed(rng: Random, pair: Pair) -> None:
    """A member that is really deflated, declared or not."""
    entry = entry_of(rng, pair)
    raw, size = entry.data, len(entry.data)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    entry.data = packer.compress(raw) + packer.flush()
    entry.both |= {"method": rng.choice((8, 8, 0, 9, 12, 14, 93)), "crc": zlib.crc32(raw)}
    if rng.random() < 0.8:
        entry.both["size"] = size


def descriptor(rng: Random, pair: Pair) -> None:
    """Sizes and CRC-32 after the data, flagged or not."""
    entry = entry_of(rng, pair)
    entry.after = b"PK\x07\x08" + struct.pack("<III", zlib.crc32(entry.data), len(entry.data), len(entry.data))
    if rng.random() < 0.7:
        entry.both["flags"] = 8
        entry.local |= {"crc": 0, "compressed": 0, "size": 0}


def overlap(rng: Random, pair: Pair) -> None:
    """A record that points at another member's header, or into one."""
    entry = entry_of(rng, pair)
    if rng.random() < 0.5:
        entry.central["offset"] = rng.choice((0, 1, 30, 38, 200, 1000, values.integer(rng) % (1 << 32)))
    else:
        index = pair.archive.entries.index(entry)
        if index and not shared(pair):
            entry.at = rng.randrange(index)


def bytes_of(rng: Random, pair: Pair) -> None:
    """Bits flipped, bytes put in, taken out or moved, anywhere in the archive or in its directory."""
    late = rng.random() < 0.6

    def edit(npz: bytes) -> bytes:
        first = max(0, len(npz) - 330) if late else 0
        at, kind = rng.randrange(first, len(npz) or 1), rng.randrange(6)
        if kind < 2 and npz:
            return npz[:at] + bytes([npz[at] ^ 1 << rng.randrange(8)]) + npz[at + 1 :]
        if kind <= 2:
            return npz[:at] + bytes(rng.getrandbits(8) for _ in range(rng.choice((1, 1, 4, 30)))) + npz[at:]
        if kind == 3:
            return npz[:at] + npz[at + rng.choice((1, 1, 2, 22, 46)) :]
        if kind == 4:
            return npz[:at] if rng.random() < 0.5 else npz[at:]
        length, other = rng.randrange(1, 60), rng.randrange(len(npz) or 1)
        return npz[:at] + npz[other : other + length] + npz[at + length :]

    pair.edit_npz.append(edit)


def twice(rng: Random, pair: Pair) -> None:
    """Two archives in one file, or an end record inside the comment of another."""
    kind = rng.randrange(3)
    if kind == 0:
        pair.edit_npz.append(lambda npz: npz + npz)
    elif kind == 1:
        pair.edit_npz.append(lambda npz: npz[:-2] + b"\x16\x00" + npz[-22:])
    else:
        pair.edit_npz.append(lambda npz: rng.choice((b"", npz[-22:], bytes(22), b"PK\x05\x06" + bytes(18), npz[:21])))


def free_fields(rng: Random, pair: Pair) -> None:
    """What the profile leaves free: the pair stays as good as it was."""
    for entry in pair.archive.entries:
        if rng.random() < 0.5:
            entry.both |= {
                "time": rng.getrandbits(16),
                "date": rng.getrandbits(16),
                "version": rng.choice((10, 20, 45)),
            }
            kind = rng.choice((0, 8)) << 28
            entry.central |= {"made_by": rng.getrandbits(16), "internal": rng.getrandbits(16)}
            entry.central["external"] = kind | rng.getrandbits(28) & ~0x10
            entry.zip64 = rng.random() < 0.5


def version_needed(rng: Random, pair: Pair) -> None:
    entry_of(rng, pair).both["version"] = rng.choice((0, 9, 10, 11, 19, 20, 21, 44, 45, 46, 63, 0x0114, 65535))


def attributes(rng: Random, pair: Pair) -> None:
    entry_of(rng, pair).central["external"] = rng.choice(
        (0x10, 0x41ED0010, 0xA1ED0000, 0x40000000, 0x8000000F, 0x20, 0x0FFFFFEF, 0xFFFFFFFF)
    )


def swapped(rng: Random, pair: Pair) -> None:
    """The data of two members change places."""
    one, two = rng.sample(pair.archive.entries, 2) if len(pair.archive.entries) > 1 else [pair.archive.entries[0]] * 2
    one.data, two.data = two.data, one.data


FAULTS: tuple[tuple[int, Mutation], ...] = (
    (4, local_field),
    (4, central_field),
    (3, both_fields),
    (2, sizes),
    (3, zip64_forms),
    (2, extras),
    (3, names),
    (2, drop),
    (2, duplicate),
    (2, gap),
    (2, end_field),
    (1, end_sums),
    (1, zip64_end),
    (1, compressed),
    (1, descriptor),
    (1, overlap),
    (6, bytes_of),
    (1, twice),
    (1, version_needed),
    (1, attributes),
    (1, swapped),
)
HARMLESS: tuple[tuple[int, Mutation], ...] = ((2, order), (3, free_fields))
