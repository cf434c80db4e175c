"""NPY members, byte by byte. Every part of the preamble can be replaced."""

from .ieee import narrow32

MAGIC = b"\x93NUMPY"


def shape_text(shape: tuple[int, ...]) -> str:
    if len(shape) == 1:
        return f"({shape[0]},)"
    return "(" + ", ".join(map(str, shape)) + ")"


def preamble(
    descr: str,
    shape: tuple[int, ...] | str,
    *,
    order: str = "False",
    header: str | None = None,
    version: bytes = b"\x01\x00",
    length: bytes = b"\x76\x00",
    last: bytes = b"\n",
) -> bytes:
    """The 128 bytes. `header` replaces the whole dictionary text; it is padded with spaces to 117 bytes if shorter."""
    if not isinstance(shape, str):
        shape = shape_text(shape)
    if header is None:
        header = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"
    return MAGIC + version + length + header.encode().ljust(117) + last


def words(values: list[int], size: int) -> bytes:
    """Little-endian integers, or bit patterns, of `size` bytes."""
    return b"".join((v % (1 << 8 * size)).to_bytes(size, "little") for v in values)


def reals(descr: str, bits: list[int]) -> bytes:
    """binary64 bit patterns stored as `<f8`, or as `<f4` where that is exact."""
    return words(bits, 8) if descr == "<f8" else words([narrow32(b) for b in bits], 4)


def text(width: int, labels: list[str]) -> bytes:
    """`<U` data: code points in 32 bits, padded with zeros."""
    return b"".join(words([ord(ch) for ch in label] + [0] * (width - len(label)), 4) for label in labels)
