"""Rules for values of a config: small functions that check one value, and functions that build them.

A rule is a function (value, place, context) that raises FormatError FIELD_TYPE, FIELD_VALUE, FIELD_MISSING or
FIELD_UNKNOWN (SPEC section 6, F1 to F5). The tables that use them are in config.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from .errors import FormatError, mismatch
from .json import text_of

#: The members of a parsed object: a name beyond ASCII is its UTF-8 bytes (json.py, `compact`).
Members = dict[str | bytes, Any]


class Context(NamedTuple):
    """What a rule may need beside its value."""

    root: Members
    ignore_unknown: bool


#: Where a value stands: its pointer, or the place of what holds it and its name there. Pointers are built for errors alone.
Place = str | tuple["Place", str | bytes | int]
Rule = Callable[[Any, Place, Context], None]

_TYPE_NAMES = {
    type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string", bytes: "string", list: "array",
    dict: "object",
}  # fmt: skip


def type_name(value: Any) -> str:
    """The JSON type of a parsed value."""
    return _TYPE_NAMES[type(value)]


def pointer(place: Place, name: str | bytes | int) -> str:
    """RFC 6901: the pointer of a member."""
    name = str(name) if isinstance(name, int) else text_of(name)
    return f"{written(place)}/{name.replace('~', '~0').replace('/', '~1')}"


def written(place: Place) -> str:
    """The pointer of a place."""
    return place if isinstance(place, str) else pointer(*place)


def expect(value: Any, where: Place, *types: str) -> None:
    if _TYPE_NAMES[type(value)] not in types:
        raise mismatch("FIELD_TYPE", written(where), type_name(value), " or ".join(types))


def require(condition: bool, value: Any, where: Place, expected: str) -> None:
    if not condition:
        found = text_of(value) if isinstance(value, bytes) else value
        raise mismatch("FIELD_VALUE", written(where), found, expected)


def one_of(*allowed: str) -> Rule:
    words = " or ".join(map(repr, allowed))

    def rule(value: Any, where: Place, context: Context) -> None:
        expect(value, where, "string")
        require(value in allowed, value, where, words)

    return rule


def pattern(form: str, most: int = 1_048_576) -> Rule:
    """A form of ASCII characters alone."""
    compiled = re.compile(form)
    expected = f"a string of the form {form}"

    def rule(value: Any, where: Place, context: Context) -> None:
        expect(value, where, "string")
        short = isinstance(value, str) and len(value) <= most
        require(short and compiled.fullmatch(value) is not None, value, where, expected)

    return rule


def text(least: int, most: int, forbidden: str = "") -> Rule:
    unclean = re.compile(rf"[\x00-\x1f\x7f{re.escape(forbidden)}]")
    expected = f"{least} to {most} characters, no control characters {forbidden}".rstrip()

    def rule(value: Any, where: Place, context: Context) -> None:
        expect(value, where, "string")
        value = text_of(value)
        clean = unclean.search(value) is None
        require(least <= len(value) <= most and clean, value, where, expected)

    return rule


def hexadecimal(digits: int) -> Rule:
    return pattern(rf"[0-9a-f]{{{digits}}}")


def integer(least: int, most: int) -> Rule:
    range_ = f"an integer from {least} to {most}"

    def rule(value: Any, where: Place, context: Context) -> None:
        expect(value, where, "integer")
        require(least <= value <= most, value, where, range_)

    return rule


def number(least: float = float("-inf"), most: float = float("inf"), above: float | None = None) -> Rule:
    within, beyond = f"a number from {least} to {most}", f"a number above {above}"

    def rule(value: Any, where: Place, context: Context) -> None:
        expect(value, where, "number", "integer")
        require(least <= value <= most, value, where, within)
        require(above is None or value > above, value, where, beyond)

    return rule


def constant(expected: bool) -> Rule:
    def rule(value: Any, where: Place, context: Context) -> None:
        expect(value, where, "boolean")
        require(value is expected, value, where, repr(expected).lower())

    return rule


def boolean(value: Any, where: Place, context: Context) -> None:
    expect(value, where, "boolean")


def anything(value: Any, where: Place, context: Context) -> None:
    """Any value: version 1 says nothing of it."""


def nullable(rule: Rule) -> Rule:
    def either(value: Any, where: Place, context: Context) -> None:
        if value is not None:
            rule(value, where, context)

    return either


def array(item: Rule, least: int, most: int) -> Rule:
    def rule(value: Any, where: Place, context: Context) -> None:
        expect(value, where, "array")
        count = f"{least}" if least == most else f"{least} to {most}"
        require(least <= len(value) <= most, f"{len(value)} values", where, f"{count} values")
        for index, element in enumerate(value):
            item(element, (where, index), context)

    return rule


def mapping(name_rule: Rule, value_rule: Rule) -> Rule:
    def rule(value: Any, where: Place, context: Context) -> None:
        expect(value, where, "object")
        for name, element in value.items():
            place = (where, name)
            name_rule(name, place, context)
            value_rule(element, place, context)

    return rule


class Field(NamedTuple):
    name: str
    rule: Rule
    required: bool = True


def record(*fields: Field) -> Rule:
    known = {field.name for field in fields}

    def rule(value: Any, where: Place, context: Context) -> None:
        expect(value, where, "object")
        for field in fields:
            if field.name in value:
                field.rule(value[field.name], (where, field.name), context)
            elif field.required:
                raise FormatError(
                    "FIELD_MISSING", pointer(where, field.name), f"found no member {field.name}, expected one"
                )
        if not context.ignore_unknown:
            for name in value:
                if name not in known:
                    raise FormatError(
                        "FIELD_UNKNOWN",
                        pointer(where, name),
                        f"found the member {text_of(name)!r}, expected only those of the specification",
                    )

    return rule
