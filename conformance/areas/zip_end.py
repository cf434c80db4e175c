"""Reject cases on the end record (Z1)."""

from ..suite import Suite
from ..zip_bytes import MAX32
from .base import PLAIN, V0
from .edits import Edit, changed, npz


def end_record(suite: Suite) -> None:
    reject = changed(suite, "zip-end")

    def end(slug: str, why: str, mutation: str, edit: Edit, base: str = PLAIN) -> None:
        reject(slug, "Z1", "ZIP_END", why, mutation, edit, "npz", base)

    end("empty", "no bytes", "an empty file", npz(lambda b: b""))
    end("short", "21 bytes cannot hold an end record", "keep the last 21 bytes", npz(lambda b: b[-21:]))
    end("only-zeros", "no archive", "22 zero bytes", npz(lambda b: bytes(22)))
    end("suffix-byte", "a byte after the end record", "append 00", npz(lambda b: b + b"\0"))
    end("suffix-4", "four bytes after the end record", "append PK56", npz(lambda b: b + b"PK\x05\x06"))
    end("cut-1", "the last byte is gone", "cut a byte", npz(lambda b: b[:-1]))
    end("cut-half", "the second half is gone", "cut in the middle", npz(lambda b: b[: len(b) // 2]))
    end("cut-directory", "the end record is gone", "cut 22 bytes", npz(lambda b: b[:-22]))
    end(
        "prefix",
        "a prefix that shifts all offsets: the directory is not where the end record says",
        "four bytes in front",
        npz(lambda b: b"#!py" + b),
    )
    end(
        "comment",
        "an archive comment",
        "a comment of 5 bytes",
        lambda p: (p.archive.end.update(comment_length=5), setattr(p.archive, "suffix", b"hello")),
    )
    end(
        "comment-length",
        "a comment that is not there",
        "comment length 5",
        lambda p: p.archive.end.update(comment_length=5),
    )
    end(
        "entries-here-more",
        "two counts of entries",
        "6 entries on this disk, 5 in all",
        lambda p: p.archive.end.update(entries_here=6),
    )
    empty_end = b"PK\x05\x06" + bytes(18)
    end(
        "comment-hides-end",
        "a comment that is itself an end record, of an empty archive placed nowhere",
        "a comment of 22 bytes that is an end record",
        lambda p: (p.archive.end.update(comment_length=22), setattr(p.archive, "suffix", empty_end)),
    )
    end("two-archives", "two archives one after the other", "the archive twice", npz(lambda b: b + b))
    end(
        "lfs-pointer",
        "a Git LFS pointer in place of the file",
        "the text of a pointer",
        npz(lambda b: b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1000\n"),
    )
    for field, value in (
        ("signature", 0x06064B50),
        ("signature", 0x05054B50),
        ("disk", 1),
        ("directory_disk", 1),
        ("entries_here", 4),
        ("entries", 6),
        ("entries", 0xFFFF),
        ("disk", 0xFFFF),
    ):
        end(
            f"{field.replace('_', '-')}-{value}",
            "an end record of another kind",
            f"{field} is {value}",
            lambda p, field=field, value=value: p.archive.end.update({field: value}),
        )
    end(
        "size-plus-1",
        "directory offset + size is not the end record's offset",
        "directory size + 1",
        lambda p: p.edit_npz.append(lambda b: end_add(b, 12, 1)),
    )
    end(
        "offset-plus-1",
        "directory offset + size is not the end record's offset",
        "directory offset + 1",
        npz(lambda b: end_add(b, 16, 1)),
    )
    end(
        "offset-max", "the marker of zip64", "directory offset 0xFFFFFFFF", lambda p: p.archive.end.update(offset=MAX32)
    )
    end("size-max", "the marker of zip64", "directory size 0xFFFFFFFF", lambda p: p.archive.end.update(size=MAX32))
    end(
        "wraps",
        "offset + size is right modulo 2^32 only",
        "directory offset 0xFFFFFFF0, size to match modulo 2^32",
        npz(wrap_end),
    )
    end(
        "zip64-end",
        "a zip64 end record and locator between directory and end record",
        "insert 76 bytes",
        lambda p: setattr(p.archive, "after_directory", b"PK\x06\x06" + bytes(52) + b"PK\x06\x07" + bytes(16)),
    )
    end("v0-suffix", "version 0 has the same rule", "append 00", npz(lambda b: b + b"\0"), base=V0)


def end_add(data: bytes, at: int, amount: int) -> bytes:
    """Add to a 32-bit field of the end record."""
    start = len(data) - 22 + at
    value = (int.from_bytes(data[start : start + 4], "little") + amount) % 2**32
    return data[:start] + value.to_bytes(4, "little") + data[start + 4 :]


def wrap_end(data: bytes) -> bytes:
    end = len(data) - 22
    size = (end - 0xFFFFFFF0) % 2**32
    return data[: end + 12] + size.to_bytes(4, "little") + 0xFFFFFFF0.to_bytes(4, "little") + data[end + 20 :]
