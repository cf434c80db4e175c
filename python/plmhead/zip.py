"""The container (SPEC section 8 and 18): stored members, one parse, written by our own writer with every field fixed."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from .errors import FormatError

MEMBERS = ("coef", "intercept", "classes", "n_features_in", "n_iter")
MAX_NPZ_BYTES = 144 * 1_048_576

_END = struct.Struct("<IHHHHIIH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_LOCAL = struct.Struct("<IHHHHHIIIHH")
_FILE_NAMES = {f"{member}.npy".encode(): f"{member}.npy" for member in MEMBERS}
_ZIP64 = 0xFFFFFFFF


class _Entry(NamedTuple):
    """What the directory says of one member; `common` must stand in its local header too."""

    common: tuple[int, ...]  # version needed, flags, method, time, date, CRC-32
    size: int
    name: bytes
    local_offset: int
    next_record: int


def read_members(data: bytes | memoryview) -> dict[str, memoryview]:
    """The bytes of each member, by its name in the ZIP (`coef.npy`, …), from a whole NPZ file.

    Raises FormatError with a ZIP code.
    """
    view = memoryview(data)
    count, directory, end = _end_record(view)
    found: dict[str, memoryview] = {}
    crcs: dict[str, int] = {}
    position, record = 0, directory
    for _ in range(count):
        entry = _central_record(view, record, end)
        if entry.local_offset != position:
            raise _fault("ZIP_LAYOUT", record, f"a member at byte {entry.local_offset}", f"byte {position}")
        start = _local_header(view, position, directory, entry)
        position = start + entry.size
        if position > directory:
            raise _fault("ZIP_LAYOUT", record, f"data up to byte {position}", f"at most {directory}")
        name = _FILE_NAMES.get(entry.name)
        if name is None or name in found:
            raise _fault("ZIP_NAME", record, f"the member {entry.name[:80]!r}", "each of the five members once")
        found[name], crcs[name] = view[start:position], entry.common[5]
        record = entry.next_record
    if record != end:
        raise _fault("ZIP_CENTRAL", record, f"a directory of {record - directory} bytes", f"{end - directory}")
    if position != directory:
        raise _fault("ZIP_LAYOUT", position, f"data up to byte {position}", f"up to the directory at {directory}")
    _check_members(found, crcs)
    return found


def _fault(code: str, offset: int, found: str, expected: str) -> FormatError:
    return FormatError(code, f"npz@{offset}", f"found {found}, expected {expected}")


def _end_record(view: memoryview) -> tuple[int, int, int]:
    end = len(view) - _END.size
    if end < 0:
        raise FormatError("ZIP_END", "npz", f"found {len(view)} bytes, expected at least {_END.size}")
    signature, disk, first_disk, here, total, size, offset, comment = _END.unpack_from(view, end)
    if signature != 0x06054B50 or disk or first_disk or here != total or comment or offset + size != end:
        raise FormatError(
            "ZIP_END", "npz", "found other bytes at the end, expected a plain end record in the last 22 bytes"
        )
    return total, offset, end


def _central_record(view: memoryview, at: int, end: int) -> _Entry:
    name_at = at + _CENTRAL.size
    if name_at > end:
        raise _fault("ZIP_CENTRAL", at, "a directory that ends early", "a 46-byte record")
    (
        signature,
        _,
        needed,
        flags,
        method,
        time,
        date,
        crc,
        packed,
        size,
        name_length,
        extra,
        comment,
        disk,
        _,
        attributes,
        offset,
    ) = _CENTRAL.unpack_from(view, at)
    if signature != 0x02014B50:
        raise _fault("ZIP_CENTRAL", at, f"signature {signature:08x}", "02014b50")
    if extra or comment or name_at + name_length > end:
        raise _fault("ZIP_CENTRAL", at, "an extra field, a comment or a name beyond the directory", "none")
    if flags:
        raise _fault("ZIP_FLAGS", at, f"flags {flags:#06x}", "0")
    if method:
        raise _fault("ZIP_METHOD", at, f"compression method {method}", "0 (stored)")
    if needed not in (10, 20, 45) or disk or packed != size:
        raise _fault(
            "ZIP_CENTRAL",
            at,
            f"version needed {needed}, disk {disk}, sizes {packed} and {size}",
            "10, 20 or 45, disk 0, equal sizes",
        )
    if attributes & 0x10 or attributes >> 28 not in (0, 8):
        raise _fault("ZIP_CENTRAL", at, f"external attributes {attributes:#010x}", "a regular file")
    after = name_at + name_length
    return _Entry((needed, flags, method, time, date, crc), size, bytes(view[name_at:after]), offset, after)


def _local_header(view: memoryview, at: int, directory: int, entry: _Entry) -> int:
    """Offset of the member's data."""
    name_at = at + _LOCAL.size
    if name_at > directory:
        raise _fault("ZIP_LOCAL", at, "a local header that ends beyond the members", "30 bytes before the directory")
    signature, *common, packed, size, name_length, extra = _LOCAL.unpack_from(view, at)
    after = name_at + name_length
    if (
        signature != 0x04034B50
        or tuple(common) != entry.common
        or after > directory
        or view[name_at:after] != entry.name
    ):
        raise _fault("ZIP_LOCAL", at, "a local header that contradicts the directory", "equal fields")
    if (packed, size, extra) == (entry.size, entry.size, 0):
        return int(after)
    zip64 = struct.pack("<HHQQ", 1, 16, entry.size, entry.size)
    if (packed, size, extra) != (_ZIP64, _ZIP64, 20) or after + 20 > directory or view[after : after + 20] != zip64:
        raise _fault(
            "ZIP_LOCAL",
            at,
            f"sizes {packed} and {size}, {extra} bytes of extra field",
            f"{entry.size}, or the zip64 form of it",
        )
    return int(after) + 20


def _check_members(found: dict[str, memoryview], crcs: dict[str, int]) -> None:
    for name in _FILE_NAMES.values():
        if name not in found:
            raise FormatError("ZIP_MISSING", name, "found no such member, expected all five")
    for name in _FILE_NAMES.values():
        crc = zlib.crc32(found[name])
        if crc != crcs[name]:
            raise FormatError("ZIP_CRC", name, f"found CRC-32 {crc:08x}, expected {crcs[name]:08x}")


def write_members(members: dict[str, bytes]) -> bytes:
    """An NPZ of the five members in canonical order. A function of its argument: no clock, no path."""
    body, directory = bytearray(), bytearray()
    for member in MEMBERS:
        name, data = f"{member}.npy".encode(), members[member]
        common = (20, 0, 0, 0, 0x0021, zlib.crc32(data), len(data), len(data), len(name), 0)
        directory += _CENTRAL.pack(0x02014B50, 0x0314, *common, 0, 0, 0, 0x81800000, len(body)) + name
        body += _LOCAL.pack(0x04034B50, *common) + name + data
    count = len(MEMBERS)
    return bytes(body + directory + _END.pack(0x06054B50, 0, 0, count, count, len(directory), len(body), 0))
