"""ZIP archives of stored members, byte by byte. Every header field can be set to a wrong value.

`Entry.local` and `Entry.central` override fields of one header each, by name; `Entry.both` overrides both. Sizes, offsets and CRC-32
are right unless overridden, so a case breaks what it names and nothing else.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

# name, bytes. The order is the order in the file.
LOCAL = (
    ("signature", 4),
    ("version", 2),
    ("flags", 2),
    ("method", 2),
    ("time", 2),
    ("date", 2),
    ("crc", 4),
    ("compressed", 4),
    ("size", 4),
    ("name_length", 2),
    ("extra_length", 2),
)
CENTRAL = (
    ("signature", 4),
    ("made_by", 2),
    ("version", 2),
    ("flags", 2),
    ("method", 2),
    ("time", 2),
    ("date", 2),
    ("crc", 4),
    ("compressed", 4),
    ("size", 4),
    ("name_length", 2),
    ("extra_length", 2),
    ("comment_length", 2),
    ("disk", 2),
    ("internal", 2),
    ("external", 4),
    ("offset", 4),
)
END = (
    ("signature", 4),
    ("disk", 2),
    ("directory_disk", 2),
    ("entries_here", 2),
    ("entries", 2),
    ("size", 4),
    ("offset", 4),
    ("comment_length", 2),
)
MAX32 = 0xFFFFFFFF


@dataclass
class Entry:
    name: bytes
    data: bytes
    local: dict[str, int] = field(default_factory=dict)
    central: dict[str, int] = field(default_factory=dict)
    both: dict[str, int] = field(default_factory=dict)
    local_name: bytes | None = None
    local_extra: bytes = b""
    zip64: bool = False  # local sizes 0xFFFFFFFF and the extra of np.savez
    central_extra: bytes = b""
    comment: bytes = b""
    before: bytes = b""  # bytes between the previous member's data and this local header
    after: bytes = b""  # bytes that follow the data, such as a data descriptor
    in_directory: bool = True
    at: int | None = None  # offset of another local header to point at; this entry then writes none


@dataclass
class Archive:
    entries: list[Entry]
    end: dict[str, int] = field(default_factory=dict)
    directory_order: list[int] | None = None
    prefix: bytes = b""  # before the first local header; offsets count from the file's first byte
    before_directory: bytes = b""
    after_directory: bytes = b""
    inside_directory: bytes = b""  # after the last record, counted in the directory's size
    suffix: bytes = b""


def pack(layout: tuple[tuple[str, int], ...], values: dict[str, int]) -> bytes:
    return b"".join(values[name].to_bytes(size, "little") for name, size in layout)


def zip64_extra(size: int) -> bytes:
    """What np.savez puts into every local header."""
    return b"\x01\x00\x10\x00" + size.to_bytes(8, "little") * 2


def common(entry: Entry) -> dict[str, int]:
    return {
        "version": 20,
        "flags": 0,
        "method": 0,
        "time": 0,
        "date": 0x21,
        "crc": zlib.crc32(entry.data),
        "compressed": len(entry.data),
        "size": len(entry.data),
        **entry.both,
    }


def local_header(entry: Entry) -> bytes:
    name = entry.name if entry.local_name is None else entry.local_name
    extra = zip64_extra(len(entry.data)) if entry.zip64 else entry.local_extra
    sizes = {"compressed": MAX32, "size": MAX32} if entry.zip64 else {}
    values = {
        "signature": 0x04034B50,
        **common(entry),
        **sizes,
        "name_length": len(name),
        "extra_length": len(extra),
        **entry.local,
    }
    return pack(LOCAL, values) + name + extra


def central_record(entry: Entry, offset: int) -> bytes:
    values = {
        "signature": 0x02014B50,
        "made_by": 0x0314,
        **common(entry),
        "name_length": len(entry.name),
        "extra_length": len(entry.central_extra),
        "comment_length": len(entry.comment),
        "disk": 0,
        "internal": 0,
        "external": 0x81800000,
        "offset": offset,
        **entry.central,
    }
    return pack(CENTRAL, values) + entry.name + entry.central_extra + entry.comment


def build(archive: Archive) -> bytes:
    out = bytearray(archive.prefix)
    offsets = []
    for entry in archive.entries:
        if entry.at is not None:
            offsets.append(offsets[entry.at])
            continue
        out += entry.before
        offsets.append(len(out))
        out += local_header(entry) + entry.data + entry.after
    out += archive.before_directory
    directory = b"".join(directory_records(archive, offsets)) + archive.inside_directory
    count = sum(entry.in_directory for entry in archive.entries)
    end = {
        "signature": 0x06054B50,
        "disk": 0,
        "directory_disk": 0,
        "entries_here": count,
        "entries": count,
        "size": len(directory),
        "offset": len(out),
        "comment_length": 0,
        **archive.end,
    }
    return bytes(out) + directory + archive.after_directory + pack(END, end) + archive.suffix


def directory_records(archive: Archive, offsets: list[int]) -> Iterable[bytes]:
    order = archive.directory_order or range(len(archive.entries))
    for i in order:
        if archive.entries[i].in_directory:
            yield central_record(archive.entries[i], offsets[i])
