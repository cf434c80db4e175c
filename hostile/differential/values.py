"""Numbers, strings and bytes at the places where readers go wrong. Every function draws from the generator that it is given."""

from fractions import Fraction
from random import Random

POWERS = (1, 4, 7, 8, 9, 10, 15, 16, 17, 24, 31, 32, 33, 52, 53, 54, 62, 63, 64, 65)


def listed(text: str, separator: str | None = None) -> tuple[str, ...]:
    """The parts of a text, by white space or a separator: long tables in few lines."""
    return tuple(text.split(separator))


#: Spellings of numbers: at the edges of the grammar, of binary64, of the 64 bytes, and just beyond each.
TOKENS = listed(
    "0 -0 0.0 -0.0 0e0 -0e0 0.50 5e-1 5E-1 0.05e+1 50e-2 1 1.0 1e0 10e-1 1E+0 2 -1 -1.0 00 01 -01 1. .5 +1 - -- 1e 1e+ "
    "1e- 1.e1 .e1 e1 1e5e5 1.5.5 "
    "1-1 1+1 0x1 1_0 1f 0b1 NaN Infinity -Infinity nan inf 1e1.5 1e-400 -1e-400 1e-999999999999999999999 0e999999999999999999999 "
    "0.0e-99999999999 1e400 -1e400 1e308 1e309 1E308 1.7976931348623157e308 1.7976931348623158e308 1.7976931348623159e308 "
    "1.797693134862315807e308 1.797693134862315808e308 179769313486231580793728971405303415e273 4.9e-324 5e-324 "
    "2.4703282292062327e-324 2.4703282292062328e-324 2.47032822920623272e-324 2.47032822920623273e-324 3e-324 2e-324 "
    "2.2250738585072014e-308 2.2250738585072011e-308 2.225073858507201136057409796709131975934819546351645648023426109724822222021e-308 "
    "9007199254740991 9007199254740992 9007199254740993 -9007199254740991 -9007199254740992 9007199254740993.0 9007199254740992.5 "
    "9007199254740991.5 9223372036854775807 9223372036854775808 18446744073709551615 18446744073709551616 4294967295 4294967296 "
    "2147483647 2147483648 -2147483648 0.1e1 1e-0 0.9999999999999999 0.99999999999999994 0.99999999999999995 0.99999999999999999 "
    "1.0000000000000001 1.00000000000000011 1.00000000000000012 1.0000000000000002 0.5000000000000001 0.50000000000000005 "
    "0.500000000000000055511151231257827 0.500000000000000055511151231257828 0.49999999999999997 0.49999999999999998 "
    "1000000000000000000000000000000000000000000000000000000000000000 10000000000000000000000000000000000000000000000000000000000000000 "
    "0.00000000000000000000000000000000000000000000000000000000000005 0.000000000000000000000000000000000000000000000000000000000000005 "
    "0.5000000000000000000000000000000000000000000000000000000000000000 0.50000000000000000000000000000000000000000000000000000000000000 "
    "1e0000000000000000000000000000000000000000000000000000000000000 1e00000000000000000000000000000000000000000000000000000000000000000"
)

UNIT_TOKENS = listed("0 1 0.0 1.0 -0.0 0.5 1e-400 -1e-400 5e-324 0.9999999999999999 1.0000000000000001")

#: Code points on which readers differ: edges of UTF-8 and UTF-16, controls, look-alikes, marks, digits of other scripts.
POINTS = (
    *(
        0x01,
        0x08,
        0x09,
        0x0A,
        0x0D,
        0x1F,
        0x20,
        0x22,
        0x2F,
        0x5C,
        0x7E,
        0x7F,
        0x80,
        0x85,
        0x9F,
        0xA0,
        0xAD,
        0xDF,
        0xE9,
        0xFF,
    ),
    *(
        0x130,
        0x131,
        0x17F,
        0x1C5,
        0x300,
        0x301,
        0x345,
        0x660,
        0x669,
        0x6F0,
        0x7FF,
        0x800,
        0x966,
        0x1E9E,
        0x200B,
        0x200D,
        0x200E,
    ),
    *(
        0x2028,
        0x2029,
        0x202E,
        0x2060,
        0x212A,
        0x212B,
        0x2160,
        0x3000,
        0xAC00,
        0xD7FF,
        0xE000,
        0xF900,
        0xFB01,
        0xFDD0,
        0xFE0F,
    ),
    *(
        0xFEFF,
        0xFF0E,
        0xFF10,
        0xFF21,
        0xFFFD,
        0xFFFE,
        0xFFFF,
        0x10000,
        0x1D7CE,
        0x1F600,
        0x1FFFE,
        0x2F800,
        0xE0001,
        0x10FFFE,
        0x10FFFF,
    ),
)

#: Member names and map names that hosts treat in a special way, and JSON pointers that need escapes.
NAMES = (
    *listed(
        "__proto__ constructor prototype toString hasOwnProperty valueOf length __class__ __dict__ 0 1 2 10 -1 01 1.0 4294967295 "
        "4294967294 9007199254740993 a/b a~b ~ / ~0 ~1 ~01 // . .. x X null true config_sha256 format Format C c self_test golden "
        "threshold assay_thresholds classes coef embedding org.x org.x.y a.b"
    ),
    *(
        "",
        " ",
        "a b",
        "é",
        "e\u0301",
        "\u212b",
        "å",
        "\U0001f600",
        "\uffff",
        "\U0010ffff",
        "%",
        '"',
        "\\",
        "'",
        "\x7f",
    ),
)

#: 64-bit patterns: zeros, smallest and largest of each kind, NaNs with payloads, ones, and values near them.
DOUBLES = (
    *(0, 1, 2, 0x8000000000000000, 0x8000000000000001, 0x000FFFFFFFFFFFFF, 0x0010000000000000, 0x0010000000000001),
    *(
        0x7FEFFFFFFFFFFFFF,
        0xFFEFFFFFFFFFFFFF,
        0x3FF0000000000000,
        0x3FF0000000000001,
        0x3FEFFFFFFFFFFFFF,
        0xBFF0000000000000,
    ),
    *(
        0x4340000000000000,
        0x4340000000000001,
        0xC340000000000000,
        0x433FFFFFFFFFFFFF,
        0x3FE0000000000000,
        0x3CA0000000000000,
    ),
    *(
        0x7FE0000000000000,
        0x5FE0000000000000,
        0x1FE0000000000000,
        0x40862E42FEFA39EF,
        0x40862E42FEFA39F0,
        0xC0874910D52D3051,
    ),
)
NONFINITE = (
    0x7FF0000000000000,
    0xFFF0000000000000,
    0x7FF8000000000000,
    0xFFF8000000000001,
    0x7FF0000000000001,
    0x7FFFFFFFFFFFFFFF,
)
SINGLES = (
    *(
        0,
        0x80000000,
        1,
        0x80000001,
        0x007FFFFF,
        0x00800000,
        0x7F7FFFFF,
        0xFF7FFFFF,
        0x3F800000,
        0x3F800001,
        0x3F7FFFFF,
        0xBF800000,
    ),
    *(0x4B800000, 0x5F000000, 0x33800000, 0x1F800000),
)
SINGLES_NONFINITE = (0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0xFFFFFFFF)


def integer(rng: Random) -> int:
    """Near a power of two, or small."""
    if rng.random() < 0.25:
        return rng.randrange(-2, 20)
    near = (1 << rng.choice(POWERS)) + rng.choice((-2, -1, -1, 0, 0, 0, 1, 1, 2))
    return -near if rng.random() < 0.2 else near


def near(rng: Random, value: int, width: int) -> int:
    """Another value of an unsigned field of `width` bytes: a neighbour, an edge, one bit away, or any."""
    most = (1 << 8 * width) - 1
    kind = rng.randrange(6)
    if kind == 0:
        return (value + rng.choice((-2, -1, 1, 2, 22, 30, 46, 128))) & most
    if kind == 1:
        return rng.choice((0, 1, most, most - 1, most >> 1, (most >> 1) + 1))
    if kind == 2:
        return (value ^ 1 << rng.randrange(8 * width)) & most
    if kind == 3:
        return integer(rng) & most
    return rng.getrandbits(8 * width) if kind == 4 else (value << 8 & most) | value >> 8 * (width - 1)


def double(rng: Random) -> int:
    """Bits of a finite binary64: an edge, or random with any exponent, or random near 1."""
    return _finite(rng, DOUBLES, 63, 52, range(1003, 1043))


def single(rng: Random) -> int:
    """Bits of a finite binary32, drawn likewise."""
    return _finite(rng, SINGLES, 31, 23, range(110, 145))


def _finite(rng: Random, edges: tuple[int, ...], sign: int, fraction: int, near_1: range) -> int:
    """`sign` is the place of the sign bit, `fraction` the number of bits below the exponent, `near_1` exponents with their bias."""
    kind = rng.random()
    if kind < 0.3:
        return rng.choice(edges)
    finite = range((1 << sign - fraction) - 1)
    exponent = rng.choice(finite if kind < 0.5 else near_1)
    return rng.getrandbits(1) << sign | exponent << fraction | rng.getrandbits(fraction)


def token(rng: Random) -> str:
    """The spelling of a number, right or wrong."""
    kind = rng.random()
    if kind < 0.5:
        return rng.choice(TOKENS)
    if kind < 0.65:
        return str(integer(rng))
    if kind < 0.8:
        return between(rng, rng.randrange(1, 2046) << 52 | rng.getrandbits(52))
    return respelled(rng, unit_token(rng))


def unit_token(rng: Random) -> str:
    """A number from 0 to 1, or a little beyond, often within half a unit of a binary64."""
    kind = rng.random()
    if kind < 0.2:
        return rng.choice(
            (
                "0",
                "1",
                "0.0",
                "1.0",
                "-0.0",
                "0.5",
                "1e-400",
                "-1e-400",
                "5e-324",
                "0.9999999999999999",
                "1.0000000000000001",
            )
        )
    if kind < 0.35:
        return f"0.{rng.randrange(10 ** rng.randrange(1, 20))}"
    exponent = rng.choice((1022, 1021, 1020, 1010, rng.randrange(1, 1023), 0))
    return between(rng, exponent << 52 | rng.getrandbits(52) >> rng.choice((0, 0, 20, 51)))


def between(rng: Random, bits: int) -> str:
    """A decimal at, just below or just above the middle between a positive binary64 and the next: only correct rounding reads it right."""
    return cut(rng, (exact(bits) + exact(bits + 1)) / 2, rng.randrange(15, 58))


def exact(bits: int) -> Fraction:
    exponent, fraction = bits >> 52, bits & (1 << 52) - 1
    mantissa, power = (fraction | 1 << 52, exponent - 1075) if exponent else (fraction, -1074)
    return Fraction(mantissa) * Fraction(2) ** power


def cut(rng: Random, value: Fraction, digits: int) -> str:
    """A positive value to some significant digits: cut, cut and one more, or cut with a far digit."""
    if not value:
        return "0.0"
    power = len(str(value.numerator)) - len(str(value.denominator)) - digits
    whole = value / Fraction(10) ** power
    mantissa = whole.numerator // whole.denominator + rng.choice((0, 0, 1))
    text = str(mantissa)
    if rng.random() < 0.5:
        text = f"{text[0]}.{text[1:] or '0'}"
        power += len(str(mantissa)) - 1
    return f"{text}{rng.choice('eE')}{power}"


def respelled(rng: Random, text: str) -> str:
    """The same number in other digits, where its spelling is plain: more zeros, another exponent."""
    if "e" in text.lower() or not text.lstrip("-").replace(".", "", 1).isdigit():
        return text
    if rng.random() < 0.5 and "." in text:
        return text + "0" * rng.randrange(1, 20)
    zeros = rng.choice(("", "+", "-")) + "0" * rng.randrange(1, 5)
    return f"{text}{rng.choice('eE')}{zeros}"


def point(rng: Random) -> str:
    return chr(rng.choice(POINTS)) if rng.random() < 0.8 else chr(rng.randrange(0x20, 0xD800))


def text(rng: Random) -> str:
    """A string from nothing to a little above each limit of section 6."""
    kind = rng.random()
    if kind < 0.4:
        return rng.choice(NAMES)
    if kind < 0.6:
        return "".join(point(rng) for _ in range(rng.randrange(5)))
    length = rng.choice((1, 2, 31, 32, 33, 63, 64, 64, 64, 65, 191, 192, 193, 255, 256, 257))
    return rng.choice(("a", "é", "\U0001f600", "\U00010000", "\u2028", "0", point(rng))) * length


def edited(rng: Random, old: str) -> str:
    """A string near another: a character more, less, other, of the other case; a line end; a repeat."""
    kind, at = rng.randrange(8), rng.randrange(len(old) + 1)
    if kind == 0:
        return old + rng.choice(("\n", " ", "\r", "\u2028", "/", ".", "-", "0"))
    if kind == 1:
        return old[:at] + point(rng) + old[at:]
    if kind == 2:
        return old[:at] + old[at + 1 :]
    if kind == 3:
        return old[:at] + point(rng) + old[at + 1 :]
    if kind == 4:
        return old.swapcase() if rng.random() < 0.5 else old[:at] + old[at : at + 1].swapcase() + old[at + 1 :]
    if kind == 5:
        return old * rng.randrange(2, 9)
    return old[:at] + rng.choice("0aA:./_-+~ ") + old[at + (kind == 6) :]


def literal(rng: Random, value: str, often: float = 0.3) -> str:
    """A JSON string in which characters are escaped, needed or not."""
    short = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    out = []
    for ch in value:
        if ch in short and (ch in '"\\' or ch < " " or rng.random() < often) and rng.random() < 0.7:
            out.append(short[ch])
        elif ch in '"\\' or ch < " " or rng.random() < often:
            units = ch.encode("utf-16-be", "surrogatepass")
            codes = (units[k : k + 2].hex() for k in range(0, len(units), 2))
            out.extend("\\u" + (code.upper() if rng.random() < 0.5 else code) for code in codes)
        else:
            out.append(ch)
    return '"' + "".join(out) + '"'
