"""What the two-fault cases of order_config.py and order_npz.py are made of."""

from collections.abc import Callable
from typing import NamedTuple

from ..npy_bytes import preamble
from ..pair import Pair
from .base import FULL
from .edits import Edit, node_at, put


class TwoFaults(NamedTuple):
    """Two faults in one pair, of which the specification names the first; `why` says both."""

    slug: str
    clause: str
    code: str
    where: str | None
    why: str
    edits: list[Edit]
    base: str = FULL


def drop(path: str, name: str) -> Edit:
    return lambda p: node_at(p.config, path).pop(name)


def bad_digest(pair: Pair) -> None:
    pair.edit_text.append(lambda b: b[:-68] + b"0" * 64 + b[-4:])


def bad_npz_digest(pair: Pair) -> None:
    pair.config["npz_sha256"] = "0" * 64


def data(member: str, edit: Callable[[bytes], bytes]) -> Edit:
    return lambda p: p.set_npy(member, edit(p.entry(member).data))


def npy(member: str, descr: str, shape: tuple[int, ...], more: bytes = b"", **parts: str) -> Edit:
    return data(member, lambda b: preamble(descr, shape, **parts) + b[128:] + more)


nan = bytes(6) + b"\xf8\x7f"


coef_nan = data("coef", lambda b: b[:128] + nan + b[136:])


bad_magic = data("coef", lambda b: b"X" + b[1:])


unknown_root = put("", "aaa", 1)


self_test = put("/self_test/0", "decision", ["0" * 16])


def raw(old: bytes, new: bytes) -> Edit:
    return lambda p: p.edit_body.append(lambda b: b.replace(old, new))


def late(more: bytes) -> Edit:
    return lambda p: p.edit_body.append(lambda b: b + more)


late_latin1 = late(b', "\xe9": 1')


early_syntax = raw(b'"format": "plmhead"', b'"format" "plmhead"')


early_duplicate = raw(b'"format": "plmhead"', b'"format": "plmhead", "format": 1')


early_number = raw(b'"C": 1.0', b'"C": -0')


late_nan = late(b', "x": NaN')
