"""A JSON text writer for good and for broken configs.

Values are dict, list, str, int, bool, None, and `Raw`: text copied as it stands, for numbers with a chosen spelling and for
faults. There are no floats: a number's spelling is part of a case.
"""

import hashlib
from dataclasses import dataclass

SEAL_NAME = b'"config_sha256": "'


@dataclass(frozen=True)
class Raw:
    text: str


def string(text: str) -> str:
    """A JSON string; only what must be escaped is."""
    out = []
    for ch in text:
        if ch in '"\\':
            out.append("\\" + ch)
        elif ord(ch) < 0x20:
            out.append(f"\\u{ord(ch):04x}")
        else:
            out.append(ch)
    return '"' + "".join(out) + '"'


def dumps(value: object) -> str:
    if isinstance(value, Raw):
        return value.text
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return string(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(dumps, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{string(name)}: {dumps(v)}" for name, v in value.items()) + "}"
    raise TypeError(f"no JSON form for {type(value).__name__}")


def body(config: dict[str, object]) -> bytes:
    """The root object, one member a line, up to and without its closing brace."""
    lines = [f"  {string(name)}: {dumps(v)}" for name, v in config.items()]
    return ("{\n" + ",\n".join(lines)).encode()


def seal(text: bytes) -> bytes:
    """Append the 86 bytes of section 5 to everything that comes before them."""
    return text + SEAL_NAME + hashlib.sha256(text).hexdigest().encode() + b'"\n}\n'
