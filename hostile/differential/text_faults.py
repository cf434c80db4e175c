"""Mutations of the config as text, and of the seals: bytes, tokens, escapes, numbers, nesting, duplicates, encodings."""

import re
from collections.abc import Callable
from random import Random

from conformance import json_bytes
from conformance.json_bytes import Raw
from conformance.pair import Pair

from . import field_faults, values

Mutation = Callable[[Random, Pair], bool | None]

TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[0-9+.eE-]+|[a-z]+|[{}\[\]:,]')
NUMBER = re.compile(rb"(?<=[ \[])-?[0-9][0-9.eE+-]*(?=[,\]}\n])")
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
VALUES = 32_768
CONFIG_BYTES = 1_048_576

#: Byte sequences that are no UTF-8, or are but only just.
UTF8 = (
    b"\x80 \xbf \xc0\x80 \xc1\xbf \xc2 \xc2\x80 \xdf\xbf \xe0\x80\x80 \xe0\x9f\xbf \xe0\xa0\x80 \xed\x9f\xbf "
    b"\xed\xa0\x80 \xed\xbf\xbf \xee\x80\x80 \xef\xbb\xbf "
    b"\xef\xbf\xbf \xf0\x80\x80\x80 \xf0\x8f\xbf\xbf \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf \xf4\x90\x80\x80 \xf5\x80\x80\x80 "
    b"\xf8\x88\x80\x80\x80 \xfe \xff \xe2\x82 "
    b"\xf0\x9f\x98 \xed\xa0\xbd\xed\xb8\x80"
).split()
#: Escapes, right and wrong, halves of surrogate pairs among them.
ESCAPES = (
    rb"\u0041 \u00e9 \u0000 \u001f \u007f \uFFFF \uffff \ud83d\ude00 \uD83D\uDE00 \ud83d \ude00 \ud83dx \ud83d\n "
    rb"\ud83d\u0041 \ud83d\ud83d \ud83d\ude0 "
    rb"\ud83d\uDE0g \ude00\ud83d \uD7FF \uE000 \uDBFF\uDFFF \uDBFF\uE000 \u \u1 \u12 \u123 \u123g \u+123 \u-123 "
    rb"\U00e9 \x41 \a \v \0 \' \/ \b \f \n \r \t \" \\ \\\\ \ "
    rb"\ud83d\\ \ud83d\"  \u00C9 \u202e \u2028"
).split()
#: Bytes that may not stand in a string as they are, and some that may.
CONTROLS = (b"\x00", b"\x01", b"\t", b"\n", b"\r", b"\x1f", b"\x7f", b"\xc2\x80", b"\xe2\x80\xa8")
SPACES = (
    b" ",
    b"\n",
    b"\t",
    b"\r",
    b"\r\n",
    b"\x0b",
    b"\x0c",
    b"\x00",
    b"\xc2\xa0",
    b"\xe2\x80\xa8",
    b"\xef\xbb\xbf",
    b"//\n",
    b"/**/",
    b"#",
    b"\x1f",
)


def before_seal(edit: Callable[[bytes], bytes], pair: Pair) -> None:
    pair.edit_body.append(edit)


def pieces(pattern: re.Pattern[bytes], body: bytes, rng: Random) -> tuple[bytes, bytes, bytes]:
    """The text before a random match, the match and the rest; an empty match at a random place where there is none."""
    found = [match.span() for match in pattern.finditer(body)]
    at = rng.randrange(len(body) + 1)
    start, stop = rng.choice(found) if found else (at, at)
    return body[:start], body[start:stop], body[stop:]


def inside(rng: Random, put: bytes) -> Callable[[bytes], bytes]:
    """Put bytes into a random string."""

    def edit(body: bytes) -> bytes:
        first, string, rest = pieces(STRING, body, rng)
        at = rng.randrange(1, max(2, len(string)))
        return first + string[:at] + put + string[at:] + rest

    return edit


def byte(rng: Random, pair: Pair) -> None:
    def edit(body: bytes) -> bytes:
        if not body:
            return body  # an edit before this one has left nothing
        at, kind = rng.randrange(len(body)), rng.randrange(6)
        if kind < 2:
            return body[:at] + bytes([body[at] ^ 1 << rng.randrange(8)]) + body[at + 1 :]
        if kind == 2:
            return body[:at] + body[at + rng.choice((1, 1, 2, 9)) :]
        if kind == 3:
            return body[:at]
        return body[:at] + bytes([rng.choice((rng.getrandbits(8), *b'{}[]",:0e-\\ntf'))]) + body[at + (kind == 4) :]

    before_seal(edit, pair)


def token(rng: Random, pair: Pair) -> None:
    """A token less, twice, elsewhere, or another in its place."""
    kind = rng.randrange(5)

    def edit(body: bytes) -> bytes:
        first, old, rest = pieces(TOKEN, body, rng)
        if kind == 0:
            return first + rest
        if kind == 1:
            return first + old + rest[: rng.choice((0, 1))] + old + rest
        if kind == 2:
            left, other, right = pieces(TOKEN, rest, rng)
            return first + other + left + old + right
        new = rng.choice(
            (
                b"null",
                b"true",
                b"nul",
                b"True",
                b"NaN",
                b"undefined",
                b"{}",
                b"[]",
                b'""',
                b"0",
                b"'a'",
                b"[1,]",
                b'{"a":1,}',
                b",",
                b":",
                b"-",
            )
        )
        return first + new + rest

    before_seal(edit, pair)


def spelling(rng: Random, pair: Pair) -> None:
    """A number in another spelling, right or wrong; or a word."""
    new = values.token(rng).encode()

    def edit(body: bytes) -> bytes:
        first, _, rest = pieces(NUMBER, body, rng)
        return first + new + rest

    before_seal(edit, pair)


def escape(rng: Random, pair: Pair) -> None:
    before_seal(inside(rng, rng.choice(ESCAPES if rng.random() < 0.85 else CONTROLS)), pair)


def encoding(rng: Random, pair: Pair) -> None:
    kind, put = rng.randrange(8), rng.choice(UTF8)
    if kind == 0:
        mark = rng.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb", b"\x00"))
        before_seal(lambda body: mark + body, pair)
    elif kind == 1:
        before_seal(lambda body: body + put, pair)
    elif kind == 2:
        pair.edit_text.append(lambda text: text + put)
    elif kind == 3 and not pair.sealed:
        pair.edit_text.append(
            lambda text: text.decode("utf-8", "replace").encode(rng.choice(("utf-16-le", "utf-16", "utf-32-be")))
        )
    else:
        before_seal(inside(rng, put), pair)


def space(rng: Random, pair: Pair) -> None:
    """Something between two tokens that is white space in JSON, or is elsewhere."""
    put = rng.choice(SPACES)

    def edit(body: bytes) -> bytes:
        first, old, rest = pieces(TOKEN, body, rng)
        return first + put + old + rest

    before_seal(edit, pair)


def duplicate(rng: Random, pair: Pair) -> None:
    """A second member of a name, spelled with escapes or not, at once or later, in any object."""
    holder = rng.choice(field_faults.objects(pair.config))
    if not holder:
        return
    name, place = rng.choice(list(holder)), rng.choice(list(holder))
    again = values.literal(rng, name if rng.random() < 0.85 else values.edited(rng, name), rng.choice((0.0, 0.3, 1.0)))
    old = holder[place]
    value = Raw(rng.choice(("null", "1", '"a"', "[]", "{}")))
    if isinstance(old, (str, Raw, int)) or old is None:
        text = (
            old.text
            if isinstance(old, Raw)
            else values.literal(rng, old)
            if isinstance(old, str)
            else {None: "null", True: "true", False: "false"}.get(old, str(old))
        )
        holder[place] = Raw(f"{text}, {again}: {value.text}")
    else:
        before_seal(lambda body: body + b",\n  " + again.encode() + b": 1", pair)


def nested(rng: Random, pair: Pair) -> None:
    """Free values nested up to the limit and beyond."""
    depth = rng.choice((2, 12, 13, 14, 15, 15, 16, 17, 40, 3000))
    inner = rng.choice(("", "0", "null", "-", '"', "]", "x", "[]", "{}"))
    open_, close = rng.choice((("[", "]"), ('{"a": ', "}")))
    if open_ != "[" and not inner:
        inner = "0"
    text = Raw(open_ * depth + inner + close * (depth if rng.random() < 0.9 else depth - 1))
    if "format" in pair.config:
        pair.config["extensions"] = {"org.x": text}
    else:
        pair.config["x"] = text


def many(rng: Random, pair: Pair) -> bool | None:
    """As many values as are allowed, or one or two more, or far more."""
    if rng.random() < 0.7:
        return False
    goal = VALUES + rng.choice((-1, 0, 0, 1, 1, 2, 5000))
    body = (b", 0", b", []", b', ""', b", {}")[rng.randrange(4)]

    def edit(text: bytes) -> bytes:
        count = len(re.findall(rb'[\[{]|"(?:[^"\\]|\\.)*"(?!:)|(?<=[ \[])(?:-?[0-9]|[tfn])', text))
        count += pair.sealed  # config_sha256 is put in later
        filler = b"[0" + body * max(0, goal - count - 2 - pair.sealed) + b"]"
        if pair.sealed:
            return text.replace(
                b'\n  "npz_sha256"', b'\n  "extensions": {"org.x": ' + filler + b'},\n  "npz_sha256"', 1
            )
        return text + b',\n  "x": ' + filler

    before_seal(edit, pair)
    return None


def around(rng: Random, pair: Pair) -> None:
    """Text before or after the value."""
    put = rng.choice(
        (b"\n", b" ", b"\x00", b"{}", b"null", b",", b"}", b"\n\n", b"\x1a", b"0", b"//", b"\r\n", b"\xc2\x85")
    )
    if rng.random() < 0.5:
        pair.edit_text.append(lambda text: text + put)
    else:
        before_seal(lambda body: put + body, pair)


def whole(rng: Random, pair: Pair) -> None:
    """Another text altogether, or a cut one."""
    texts = (
        b"",
        b" ",
        b"null",
        b"[]",
        b"{}",
        b'"plmhead"',
        b"1",
        b"-0",
        b"1e400",
        b"{",
        b"[",
        b'{"format": "plmhead"}',
        b"[" * 17,
        b"[" * 17 + b"]" * 17,
        b"{}{}",
        b"0" * 65,
    )
    new, share = rng.choice(texts), rng.random()
    pair.edit_text.append(lambda text: new if share < 0.7 else text[: int(len(text) * rng.random())])


def respell(rng: Random, pair: Pair) -> None:
    """The same values in another text: escapes, white space, spellings of numbers. Nothing that counts changes."""

    def string(match: re.Match[bytes]) -> bytes:
        if rng.random() < 0.8 or b"\\" in match[0]:
            return match[0]
        return values.literal(rng, match[0][1:-1].decode("utf-8", "replace"), rng.choice((0.1, 1.0))).encode()

    def number(match: re.Match[bytes]) -> bytes:
        plain = b"." in match[0] and rng.random() < 0.5 and len(match[0]) < 40
        return values.respelled(rng, match[0].decode()).encode() if plain else match[0]

    def edit(body: bytes) -> bytes:
        if rng.random() < 0.6:
            body = STRING.sub(string, body)
        if rng.random() < 0.4:
            body = NUMBER.sub(number, body)
        for _ in range(rng.randrange(3)):
            first, old, rest = pieces(TOKEN, body, rng)
            body = first + rng.choice((b" ", b"\n", b"\t", b"\r", b" \r\n\t ")) + old + rest
        return body

    before_seal(edit, pair)


def lead(rng: Random, pair: Pair) -> bool | None:
    """White space in front up to the largest size, or one byte beyond."""
    if rng.random() < 0.4:
        pair.lead = b" \n\t\r"[: rng.randrange(1, 5)]
        return None
    goal = CONFIG_BYTES + rng.choice((0, 1, 1, 1, 100))

    if pair.sealed:  # the digest counts the spaces: they go in before the 4 + 86 bytes that close the file
        before_seal(lambda body: b" " * (goal - len(body) - 90) + body, pair)
    else:
        pair.edit_text.append(lambda text: b" " * (goal - len(text)) + text)
    return None


def seal_form(rng: Random, pair: Pair) -> None:
    """The end of the file in another form, of the right digest or not."""
    kind = rng.randrange(10)

    def edit(text: bytes) -> bytes:
        digest = text[-68:-4]
        if len(digest) != 64:
            return text
        forms = (
            text[:-68] + digest.upper() + text[-4:],
            text[:-1],
            text + rng.choice((b"\n", b" ", b"\r\n")),
            text[:-3] + b"\r\n}\r\n",
            text[:-3] + b" }\n",
            text[:-86] + text[-86:].replace(b": ", rng.choice((b":", b":  ", b" : "))),
            text[:-86] + rng.choice((b"", b" ", b"\n")) + text[-86:],
            text[:-86]
            + text[-86:].replace(
                b"config_sha256", rng.choice((b"config\\u005fsha256", b"config_sha512", b"Config_sha256"))
            ),
            text[:-68] + digest[: rng.randrange(64)] + text[-4:],
            text[:-3] + b',\n  "x": 1\n}\n',
        )
        return forms[kind]

    pair.edit_text.append(edit)


def seal_elsewhere(rng: Random, pair: Pair) -> None:
    """The member config_sha256 is missing, is of another type, stands somewhere else, or is only the end of a longer name."""
    kind = rng.randrange(4)
    pair.sealed = False
    if kind == 0:
        return
    items = list(pair.config.items())
    value = rng.choice(("0" * 64, None, 1, "", "0" * 63))
    items.insert(rng.randrange(len(items) + 1) if kind != 2 else len(items), ("config_sha256", value))
    pair.config = dict(items)
    if kind == 3:  # the last name is x"config_sha256, of which the file's last 86 bytes show only a part
        pair.edit_text.append(lambda text: json_bytes.seal(text[:-3] + b',\n  "x\\'))


def unsealed_config(rng: Random, pair: Pair) -> None:
    """A change after the seal: in the digest, or in what it covers."""

    def edit(text: bytes) -> bytes:
        at = len(text) - 5 - rng.randrange(64) if rng.random() < 0.5 else rng.randrange(max(1, len(text)))
        if not 0 <= at < len(text):
            return text
        new = rng.choice(b"0123456789abcdef") if at >= len(text) - 68 else text[at] ^ rng.choice((1, 2, 4))
        return text[:at] + bytes([new]) + text[at + 1 :]

    pair.edit_text.append(edit)


def unsealed_npz(rng: Random, pair: Pair) -> None:
    """A change to the NPZ after its digest was taken."""

    def edit(npz: bytes) -> bytes:
        at = rng.randrange(len(npz)) if npz else 0
        return npz[:at] + bytes([npz[at] ^ 1 << rng.randrange(8)]) + npz[at + 1 :] if npz else b"\x00"

    pair.break_npz.append(edit)


def stale_crc(rng: Random, pair: Pair) -> bool | None:
    """A CRC-32 of other data, the same in both headers."""
    if not pair.archive.entries:
        return False
    rng.choice(pair.archive.entries).both["crc"] = rng.choice((0, 0xFFFFFFFF, rng.getrandbits(32)))
    return None


TEXT: tuple[tuple[int, Mutation], ...] = (
    (5, byte),
    (4, token),
    (6, spelling),
    (5, escape),
    (4, encoding),
    (3, space),
    (4, duplicate),
    (3, nested),
    (1, many),
    (2, around),
    (1, whole),
)
SEAL: tuple[tuple[int, Mutation], ...] = ((3, seal_form), (1, seal_elsewhere))
UNSEALED: tuple[tuple[int, Mutation], ...] = ((2, unsealed_config), (2, unsealed_npz), (1, stale_crc))
SIZE: tuple[tuple[int, Mutation], ...] = ((1, lead),)
HARMLESS: tuple[tuple[int, Mutation], ...] = ((1, respell),)
