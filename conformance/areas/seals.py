"""Reject cases on the seal of the config (section 5)."""

import hashlib
from collections.abc import Callable

from ..pair import Pair
from ..suite import Suite
from .base import PLAIN
from .edits import Edit, edit_config, text


def digits(data: bytes) -> slice:
    return slice(len(data) - 68, len(data) - 4)


def redigest(data: bytes) -> bytes:
    """Make the last 64 digits the SHA-256 of what comes before the last 86 bytes."""
    return data[:-68] + hashlib.sha256(data[:-86]).hexdigest().encode() + data[-4:]


def seals(suite: Suite) -> None:
    def reject(slug: str, clause: str, code: str, why: str, mutation: str, edit: Edit, base: str = PLAIN) -> None:
        suite.reject(f"seal/{slug}", clause, code, "/config_sha256", why, base, mutation, edit)

    def unsealed(pair: Pair) -> None:
        pair.sealed = False

    reject("missing", "D1", "FIELD_MISSING", "the config has no digest", "leave the seal out", unsealed)
    reject(
        "nested-only",
        "D1",
        "FIELD_MISSING",
        "a digest inside another object is not the root's",
        "the seal inside extensions",
        lambda p: (unsealed(p), p.config.update(extensions={"config_sha256": "0" * 64})),
    )
    for name, edit in (("absent", {"C": ...}), ("wrong", {"C": "x"})):
        reject(
            f"missing-before-field-{name}",
            "D1",
            "FIELD_MISSING",
            "the digest's absence comes before any field",
            f"leave the seal out; C {name}",
            lambda p, edit=edit: (unsealed(p), edit_config(p, **edit)),
        )
    forms: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
        "upper-case": ("digits A-F", lambda b: b[:-68] + b[digits(b)].upper() + b[-4:]),
        "no-last-newline": ("the last LF removed", lambda b: b[:-1]),
        "two-newlines": ("an LF appended", lambda b: b + b"\n"),
        "space-after": ("a space appended", lambda b: b + b" "),
        "crlf": ("the last two LF are CR LF", lambda b: b[:-3] + b"\r\n}\r\n"),
        "crlf-everywhere": ("all LF are CR LF", lambda b: b.replace(b"\n", b"\r\n")),
        "no-space": ("no space after the colon", lambda b: b.replace(b'"config_sha256": ', b'"config_sha256":')),
        "indent-brace": ("a space before the brace", lambda b: b[:-2] + b" }\n"),
        "digits-63": ("one digit removed", lambda b: b[:-5] + b[-4:]),
        "digits-65": ("one digit more", lambda b: b[:-4] + b"0" + b[-4:]),
        "not-hex": ("a digit g", lambda b: b[:-5] + b"g" + b[-4:]),
        "null": ("null", lambda b: b[:-69] + b"null\n}\n"),
        "number": ("a number", lambda b: b[:-69] + b"1\n}\n"),
        "escaped-name": ("the name with an escape", lambda b: b.replace(b'"config_sha256"', b'"config_sha25\\u0036"')),
        "escaped-digit": ("a digit with an escape", lambda b: b[:-68] + b"\\u0030" + b[-67:]),
        "minified": ("the file without white space", lambda b: b.replace(b"\n", b"").replace(b" ", b"")),
    }
    for name, (mutation, edit) in forms.items():
        reject(name, "D2", "CONFIG_SEAL", "the file does not end with the 86 bytes", mutation, text(edit))
    reject(
        "not-last",
        "D2",
        "CONFIG_SEAL",
        "the digest is a member, but not the last",
        "a member after the digest",
        text(lambda b: b[:-3] + b',\n  "extensions": {}\n}\n'),
    )
    reject(
        "first",
        "D2",
        "CONFIG_SEAL",
        "the digest first, another member last",
        "move the digest to the front",
        first_member,
    )
    reject(
        "look-alike",
        "D2",
        "CONFIG_SEAL",
        "the last member's name ends with the bytes of the seal, after an escaped quote, while the real member is elsewhere",
        'the digest first, and a last member named x"config_sha256',
        look_alike,
    )
    reject(
        "look-alike-backslash",
        "D2",
        "CONFIG_SEAL",
        "the same with a name that begins with an escaped backslash",
        'the digest first, and a last member named \\"config_sha256',
        lambda p: look_alike(p, b'"\\\\\\'),
    )
    changes: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
        "one-digit": (
            "one digit of the digest changed",
            lambda b: b[:-5] + (b"0" if b[-5:-4] != b"0" else b"1") + b[-4:],
        ),
        "letters-f": ("64 letters f", lambda b: b[:-68] + b"f" * 64 + b[-4:]),
        "zeros": ("64 zeros", lambda b: b[:-68] + b"0" * 64 + b[-4:]),
        "edited": ("max_iter 100 to 101", lambda b: b.replace(b'"max_iter": 100', b'"max_iter": 101')),
        "white-space": ("a space more", lambda b: b.replace(b'"C": 1.0', b'"C":  1.0')),
        "threshold": ("threshold 0.5 to 0.4", lambda b: b.replace(b'"threshold": 0.5', b'"threshold": 0.4')),
        "last-space": ("the indent before the seal changed", lambda b: b[:-88] + b" \t" + b[-86:]),
        "of-whole-file": (
            "the SHA-256 with the seal's name included",
            lambda b: b[:-68] + hashlib.sha256(b[:-68]).hexdigest().encode() + b[-4:],
        ),
    }
    for name, (mutation, edit) in changes.items():
        reject(name, "D3", "CONFIG_DIGEST", "the digest is not that of the bytes before it", mutation, text(edit))


def first_member(pair: Pair) -> None:
    pair.sealed = False
    pair.config = {"config_sha256": "0" * 64, **pair.config, "npz_sha256": "0" * 64}


def look_alike(pair: Pair, begin: bytes = b'"x\\') -> None:
    """`begin` is the begin of a name that goes on with the quote of the seal's name."""
    pair.config = {"config_sha256": "0" * 64, **pair.config}
    pair.edit_text.append(lambda b: redigest(b[:-86] + begin + b[-86:]))
