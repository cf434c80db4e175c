"""IEEE 754 binary64, round to nearest, ties to even, on integers only.

A value is its 64 bits as a Python integer. Each operation works on exact integers and rounds once. There is no float
arithmetic in this file, so nothing that a processor, a C library or numpy does can leak into an expected value.
"""

from fractions import Fraction

INF = 0x7FF0000000000000
SIGN = 1 << 63
ZERO = 0
ONE = 0x3FF0000000000000
HALF = 0x3FE0000000000000


def decode(bits: int) -> tuple[int, int, int]:
    """Return (sign, m, e) with value (-1)^sign * m * 2^e. Infinities and NaN have no such form."""
    biased = (bits >> 52) & 0x7FF
    if biased == 0x7FF:
        raise OverflowError(f"{bits:016x} is not finite")
    fraction = bits & 0xFFFFFFFFFFFFF
    if biased == 0:
        return bits >> 63, fraction, -1074
    return bits >> 63, fraction | 1 << 52, biased - 1075


def encode(sign: int, m: int, e: int) -> int:
    """Round (-1)^sign * m * 2^e once, to the nearest binary64, ties to even; too large gives infinity."""
    if m == 0:
        return sign << 63
    quantum = max(e + m.bit_length() - 53, -1074)
    shift = quantum - e
    if shift <= 0:
        m <<= -shift
    else:
        rest = m & ((1 << shift) - 1)
        half = 1 << (shift - 1)
        m >>= shift
        if rest > half or (rest == half and m & 1):
            m += 1
    # Adding, not or-ing: the hidden bit of m, or a carry into 2^53, raises the exponent field as it must.
    bits = ((quantum + 1074) << 52) + m
    return sign << 63 | min(bits, INF)


def neg(a: int) -> int:
    return a ^ SIGN


def add(a: int, b: int) -> int:
    sa, ma, ea = decode(a)
    sb, mb, eb = decode(b)
    e = min(ea, eb)
    total = (-ma if sa else ma) * (1 << (ea - e)) + (-mb if sb else mb) * (1 << (eb - e))
    if total == 0:
        return SIGN if sa and sb and ma == mb == 0 else ZERO
    return encode(int(total < 0), abs(total), e)


def sub(a: int, b: int) -> int:
    return add(a, neg(b))


def mul(a: int, b: int) -> int:
    sa, ma, ea = decode(a)
    sb, mb, eb = decode(b)
    return encode(sa ^ sb, ma * mb, ea + eb)


def div(a: int, b: int) -> int:
    sa, ma, ea = decode(a)
    sb, mb, eb = decode(b)
    if mb == 0:
        raise ZeroDivisionError
    # 120 extra bits leave at least 67 in the quotient; the last bit says whether anything follows (sticky).
    quotient, rest = divmod(ma << 120, mb)
    return encode(sa ^ sb, quotient << 1 | (rest != 0), ea - eb - 121)


def less(a: int, b: int) -> bool:
    return to_fraction(a) < to_fraction(b)


def is_finite(bits: int) -> bool:
    return (bits >> 52) & 0x7FF != 0x7FF


def to_fraction(bits: int) -> Fraction:
    sign, m, e = decode(bits)
    value = Fraction(m) * Fraction(2) ** e
    return -value if sign else value


def from_fraction(value: Fraction) -> int:
    """The nearest binary64, ties to even. Zero is +0."""
    n, d = abs(value.numerator), value.denominator
    if n == 0:
        return ZERO
    shift = max(0, 70 + d.bit_length() - n.bit_length())
    quotient, rest = divmod(n << shift, d)
    return encode(int(value < 0), quotient << 1 | (rest != 0), -shift - 1)


def from_int(value: int) -> int:
    return encode(int(value < 0), abs(value), 0)


def from_decimal(text: str) -> int:
    """Read a JSON number token, to the nearest binary64; keeps the sign of a zero."""
    digits, _, exponent = text.lower().partition("e")
    value = Fraction(digits)
    power = int(exponent or "0")
    if value == 0 or power < -5000:  # a token is short, so this is far below half of 2^-1074; 10^power would not end
        bits = ZERO
    elif power > 5000:
        bits = INF | (value < 0) << 63
    else:
        bits = from_fraction(value * Fraction(10) ** power)
    return bits | SIGN if text.startswith("-") else bits


def dyadic(m: int, e: int) -> int:
    """M * 2^e, which must be exact."""
    bits = encode(int(m < 0), abs(m), e)
    if not is_finite(bits) or to_fraction(bits) != Fraction(m) * Fraction(2) ** e:
        raise ValueError(f"{m} * 2^{e} is not a binary64")
    return bits


def widen32(bits: int) -> int:
    """The binary64 of a binary32, exact. Infinities and NaN keep their kind."""
    sign, biased, fraction = bits >> 31, bits >> 23 & 0xFF, bits & 0x7FFFFF
    if biased == 0xFF:
        return sign << 63 | INF | fraction << 29
    if biased == 0:
        return encode(sign, fraction, -149)
    return encode(sign, fraction | 1 << 23, biased - 150)


def narrow32(bits: int) -> int:
    """The binary32 bits of a binary64 that is exactly a binary32."""
    sign, m, e = decode(bits)
    if m == 0:
        return sign << 31
    while m & 1 == 0:
        m, e = m >> 1, e + 1
    quantum = max(e + m.bit_length() - 24, -149)
    if quantum > e:
        raise ValueError(f"{bits:016x} is not a binary32")
    packed = ((quantum + 149) << 23) + (m << (e - quantum))
    if packed >= 0x7F800000:
        raise ValueError(f"{bits:016x} is not a binary32")
    return sign << 31 | packed


def hex16(bits: int) -> str:
    return f"{bits:016x}"
