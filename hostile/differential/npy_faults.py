"""Mutations of the five arrays: the 128 bytes in front, dtypes, shapes, lengths, labels and numbers."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from conformance import ieee, npy_bytes
from conformance.npy_bytes import preamble, reals, words
from conformance.pair import MEMBERS, Pair

from . import pool, values

Mutation = Callable[[Random, Pair], bool | None]

DESCRS = values.listed(
    "<f8 <f4 <f2 >f8 =f8 |f8 f8 <f16 <c16 <i8 <i4 <i2 |i1 <u8 <u4 <u2 |u1 >i8 |b1 <b1 b1 ? <U1 <U3 <U0 <U00 <U01 <U256 <U257 <U999999 >U1 "
    "|U1 =U3 |S3 |O |O8 |V8 <M8[ns] <m8 float64 i8 |b2 <F8 <f08 <f+8 <U1234567 <U12345678 <i8<i8 <U1_0"
)
SHAPES = values.listed(
    "();(1,);(2,);(3,);(1, 4);(4, 1);(1, 1);(2, 2);(1,4);(1 , 4);( 1, 4);(1, 4 );(1, 4,);(1);1;(0,);(1, 0);(0, 4);(01,);(1, 04);"
    "(-1,);(1, -4);(+1,);(1L,);(1.0,);(1_0,);(1, 2, 2);[1, 4];(999999999,);(999999999, 999999999);(1000000000,);(4294967296,);"
    "(4294967297, 1);(9223372036854775808,);(18446744073709551616,);(1, 65536);(1, 65537);(1024,);(1025,);(1024, 16384);"
    "(1024, 16385);(1025, 1);(3, 65536);(256, 65536);(257, 65536);(True,);(0x1,);(1e0,);(1,,);(,);(1, 4));((1, 4));(\uff11,);"
    "(1,\t4);(1,  4)",
    ";",
)
#: What replaces a part of the header text; each pair is (old, new).
EDITS = (
    *(("'descr'", '"descr"'), ("'descr': ", "'descr':"), ("{'", "{ '"), ("', 'f", "','f"), (", }", "}"), (", }", ",}")),
    *(
        (", }", ", } }"),
        ("'shape'", "'Shape'"),
        ("False", "false"),
        ("False", "0"),
        ("False", "True"),
        ("False", "None"),
    ),
    *(("False", "Falsee"), ("'fortran_order'", "'fortran_order '"), ("{", ""), (", }", ", 'x': 1, }"), ("}", "}\x00")),
    *(
        ("}", "}#"),
        ("}", "}\n"),
        ("}", "}\t"),
        ("}", "}\xa0"),
        ("{'descr': ", "{'shape': (1,), 'descr': "),
        ("': ", "':  "),
    ),
    *(("'descr': '", "'descr': u'"), ("'descr': '<", "'descr': '\x00<"), ("(", "__import__('os').system('true') or (")),
    *(("'<", "[('a', '<"), ("', 'fortran", "'), 'fortran")),
)


def member_of(rng: Random, pair: Pair) -> str | None:
    """One of the members that are still there."""
    there = {entry.name for entry in pair.archive.entries}
    names = [member for member in MEMBERS if f"{member}.npy".encode() in there]
    return rng.choice(names) if names else None


def change(rng: Random, pair: Pair, edit: Callable[[str, bytes], bytes]) -> bool | None:
    member = member_of(rng, pair)
    if member is None:
        return False
    entry = pair.entry(member)
    entry.data = edit(member, entry.data)
    return None


def front(rng: Random, pair: Pair) -> bool | None:
    """One of the first ten bytes or the last of the preamble."""

    def edit(_: str, data: bytes) -> bytes:
        at = rng.choice((0, 1, 5, 6, 6, 7, 8, 8, 9, 127, 127))
        if len(data) <= at:
            return data + b"\n"
        new = {6: rng.choice((0, 2, 3)), 8: rng.choice((0x36, 0x75, 0x77, 0xF6)), 127: rng.choice((0x20, 0x0D, 0))}.get(
            at, rng.getrandbits(8)
        )
        return data[:at] + bytes([new]) + data[at + 1 :]

    return change(rng, pair, edit)


def versions(rng: Random, pair: Pair) -> bool | None:
    """A whole preamble of another version or length, as numpy may write it."""

    def edit(_: str, data: bytes) -> bytes:
        text, rest = data[10:127].rstrip(), data[128:]
        major, total = rng.choice(((1, 64), (1, 80), (1, 192), (1, 256), (2, 128), (3, 128), (2, 192), (3, 65600)))
        length = total - (10 if major == 1 else 12)
        return (
            npy_bytes.MAGIC
            + bytes([major, 0])
            + length.to_bytes(2 if major == 1 else 4, "little")
            + text.ljust(length - 1)
            + b"\n"
            + rest
        )

    return change(rng, pair, edit)


def header_text(rng: Random, pair: Pair) -> bool | None:
    """The dictionary with one part spelled in another way, still 117 bytes long where it can be."""

    def edit(_: str, data: bytes) -> bytes:
        text = data[10:127].rstrip().decode("latin-1")
        if rng.random() < 0.7:
            text = text.replace(*rng.choice(EDITS), 1)
        else:
            at = rng.randrange(len(text) + 1)
            text = (
                text[:at] + rng.choice((" ", "0", "'", ",", "(", "\\", "\x00", "}")) + text[at + (rng.random() < 0.5) :]
            )
        return data[:10] + text.encode("latin-1", "replace").ljust(117) + data[127:]

    return change(rng, pair, edit)


def header_byte(rng: Random, pair: Pair) -> bool | None:
    def edit(_: str, data: bytes) -> bytes:
        at = rng.randrange(10, 127)
        if len(data) < 128:
            return data
        new = (
            data[at] ^ 1 << rng.randrange(8)
            if rng.random() < 0.6
            else rng.choice((0, 9, 10, 13, 0x20, 0x85, 0xA0, 0xFF))
        )
        return data[:at] + bytes([new]) + data[at + 1 :]

    return change(rng, pair, edit)


def dtype(rng: Random, pair: Pair) -> bool | None:
    """Another dtype over the same bytes."""
    return change(rng, pair, lambda _, data: replaced(data, descr=rng.choice(DESCRS)))


def shape(rng: Random, pair: Pair) -> bool | None:
    """Another shape over the same bytes, or over as many as it asks for."""

    def edit(_: str, data: bytes) -> bytes:
        new = rng.choice(SHAPES) if rng.random() < 0.7 else near_shape(rng, data)
        data, largest = replaced(data, shape=new), 600_000 if rng.random() < 0.1 else 40_000
        digits = [int(part) for part in new.strip("()").split(",") if part.strip().isdecimal()]
        size = 8
        for digit in digits:
            size *= digit
        return data[:128] + data[128:].ljust(size, b"\x00")[:size] if rng.random() < 0.5 and size < largest else data

    return change(rng, pair, edit)


def near_shape(rng: Random, data: bytes) -> str:
    text = data[10:127].rstrip().decode("latin-1")
    found = text[text.find("(") + 1 : text.find(")")]
    sizes = [int(part) for part in found.split(",") if part.strip().isdecimal()] or [1]
    at = rng.randrange(len(sizes))
    sizes[at] = max(0, sizes[at] + rng.choice((-1, 1, 1, 2, values.integer(rng))))
    if rng.random() < 0.3:
        sizes = sizes[::-1] if len(sizes) > 1 else [1, *sizes]
    return npy_bytes.shape_text(tuple(sizes))


def replaced(data: bytes, descr: str | None = None, shape: str | None = None, order: str | None = None) -> bytes:
    """The member with parts of its header replaced; the rest of the header as it was, as far as it is in the fixed form."""
    text = data[10:127].rstrip().decode("latin-1")
    for mark, new in (("'descr': '", descr), ("'fortran_order': ", order), ("'shape': ", shape)):
        at = text.find(mark)
        if new is None or at < 0:
            continue
        start = at + len(mark)
        stop = min(
            (text.find(end, start) for end in ("', ", ", '", ", }") if text.find(end, start) >= 0), default=len(text)
        )
        text = text[:start] + new + text[stop:]
    return data[:10] + text.encode().ljust(117) + data[127:]


def fortran(rng: Random, pair: Pair) -> bool | None:
    return change(rng, pair, lambda _, data: replaced(data, order=rng.choice(("True", "True", "true", "1"))))


def length(rng: Random, pair: Pair) -> bool | None:
    """Data cut or extended; or no more than a part of the preamble."""

    def edit(_: str, data: bytes) -> bytes:
        kind = rng.randrange(5)
        if kind == 0:
            return data[: rng.choice((0, 1, 6, 10, 126, 127, 128))]
        step = rng.choice((1, 4, 8, 16))
        return data + bytes(step) if kind < 3 else data[:-step]

    return change(rng, pair, edit)


def element(rng: Random, pair: Pair) -> bool | None:
    """One element of any member becomes an edge of its type."""

    def edit(member: str, data: bytes) -> bytes:
        descr = data[10:127].decode("latin-1").partition("'descr': '")[2].partition("'")[0]
        width = 4 if "U" in descr else int(descr[2:]) if descr[2:].isdecimal() else 1
        width = width if width in (1, 2, 4, 8) else 8
        count = (len(data) - 128) // width
        if count < 1:
            return data
        at = 128 + width * rng.randrange(count)
        return data[:at] + words([edge(rng, descr, width)], width) + data[at + width :]

    return change(rng, pair, edit)


def edge(rng: Random, descr: str, width: int) -> int:
    if "f8" in descr:
        return rng.choice(values.NONFINITE) if rng.random() < 0.5 else values.double(rng)
    if "f4" in descr:
        return rng.choice(values.SINGLES_NONFINITE) if rng.random() < 0.5 else values.single(rng)
    if "U" in descr:
        return rng.choice(
            (0, 0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0x10FFFF, 0x110000, 0x80000000, 0xFFFFFFFF, ord(values.point(rng)))
        )
    return values.near(rng, rng.choice((0, 1, 2, 4, 20)), width)


def reals_anew(rng: Random, pair: Pair) -> bool | None:
    """Other finite numbers in coef and intercept; the self-test follows them, so that what comes after is reached."""
    head, there = pair.head, {entry.name for entry in pair.archive.entries}
    if not {b"coef.npy", b"intercept.npy"} <= there:
        return False
    descr = rng.choice(("<f8", "<f4"))
    rows, n = len(head.coef), head.n
    coef = [[pool.real(rng, descr) for _ in range(n)] for _ in range(rows)]
    intercept = [pool.real(rng, descr) for _ in range(rows)]
    pair.head = replace(head, coef=coef, intercept=intercept, coef_dtype=descr, intercept_dtype=descr)
    arrays = pair.head.arrays()
    pair.set_npy("coef", arrays["coef"])
    pair.set_npy("intercept", arrays["intercept"])
    return None


def wider(rng: Random, pair: Pair) -> bool | None:
    """One of coef and intercept in its other dtype with the same values, where binary32 holds them: nothing that counts changes."""
    head, member = pair.head, rng.choice(("coef", "intercept"))
    if f"{member}.npy".encode() not in {entry.name for entry in pair.archive.entries}:
        return False
    bits = [w for row in head.coef for w in row] if member == "coef" else head.intercept
    descr = rng.choice(("<f8", "<f4"))
    shape = (len(head.coef), head.n) if member == "coef" else () if head.scalar_intercept else (len(head.coef),)
    try:
        pair.set_npy(member, preamble(descr, shape) + reals(descr, bits))
    except (ValueError, OverflowError, AssertionError):
        return False
    return None


def labels(rng: Random, pair: Pair) -> bool | None:
    """Other labels, of any allowed type, allowed values or not."""
    if b"classes.npy" not in {entry.name for entry in pair.archive.entries}:
        return False
    k = len(pair.head.labels)
    kind = rng.randrange(4)
    if kind == 0:
        width = rng.choice((1, 2, 3, 255, 256, 257))
        strings = [hostile_label(rng, width) for _ in range(k)]
        if rng.random() < 0.2:
            strings[-1] = strings[0]
        data = preamble(f"<U{width}", (k,)) + b"".join(words(label, 4) for label in strings)
    elif kind == 1:
        whole = [ieee.from_int(rng.choice((0, 1, -1, 2**53, -(2**53), 2**53 + 2, 2**62, 10**15, 3))) for _ in range(k)]
        if rng.random() < 0.5:
            whole[rng.randrange(k)] = rng.choice(
                (1 << 63, 0x3FE0000000000000, 1, *values.NONFINITE, 0x4340000000000001, values.double(rng))
            )
        data = preamble("<f8", (k,)) + words(whole, 8)
    elif kind == 2:
        data = preamble("|b1", (k,)) + bytes(rng.choice((0, 1, 1, 2, 0x80, 0xFF)) for _ in range(k))
    else:
        descr = rng.choice(("<i8", "<i8", "<u8", "<i4", "<u4", "<i2", "<u2", "|i1", "|u1"))
        numbers = [rng.choice((values.integer(rng), rng.randrange(-3, 4))) for _ in range(k)]
        data = preamble(descr, (k,)) + words(numbers, int(descr[2:]))
    pair.set_npy("classes", data)
    return None


def hostile_label(rng: Random, width: int) -> list[int]:
    """Code points of one label, some of them no characters, padded with zeros or not."""
    used = rng.choice((0, 1, width, width, max(0, width - 1)))
    points = [ord(values.point(rng)) for _ in range(used)]
    if points and rng.random() < 0.4:
        points[rng.randrange(used)] = rng.choice((0, 0xD800, 0xDFFF, 0x110000, 0xFFFFFFFF, 0x10FFFF))
    return points + [0] * (width - used)


def counts(rng: Random, pair: Pair) -> bool | None:
    """n_features_in and n_iter: other numbers, other widths, other lengths."""
    member = rng.choice(("n_features_in", "n_iter"))
    if f"{member}.npy".encode() not in {entry.name for entry in pair.archive.entries}:
        return False
    descr = rng.choice(("<i8", "<i8", "<i4", "<i2", "|i1", "<u8", "<u4", "<u2", "|u1"))
    length = rng.choice((1, 1, 1, 2, len(pair.head.coef), 3))
    right = pair.head.n if member == "n_features_in" else 12
    numbers = [rng.choice((right, right, right + 1, right + (1 << 32), values.integer(rng), -1)) for _ in range(length)]
    pair.set_npy(member, preamble(descr, (length,)) + words(numbers, int(descr[2:])))
    return None


HEADERS: tuple[tuple[int, Mutation], ...] = (
    (3, front),
    (2, versions),
    (5, header_text),
    (3, header_byte),
    (4, dtype),
    (5, shape),
    (1, fortran),
    (4, length),
)
ARRAYS: tuple[tuple[int, Mutation], ...] = ((6, element), (5, labels), (4, counts))
HARMLESS: tuple[tuple[int, Mutation], ...] = ((4, reals_anew), (2, wider), (1, labels))
