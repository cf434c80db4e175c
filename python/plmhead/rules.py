"""Rules for values of a config: small functions that check one value, and functions that build them.

A rule is a function (value, pointer, context) that raises FormatError FIELD_TYPE, FIELD_VALUE, FIELD_MISSING or
FIELD_UNKNOWN (SPEC section 6, F1 to F5). The tables that use them are in config.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from .errors import FormatError, mismatch


class Context(NamedTuple):
    """What a rule may need beside its value."""

    root: dict[str, Any]
    ignore_unknown: bool


Rule = Callable[[Any, str, Context], None]


def type_name(value: Any) -> str:
    """The JSON type of a parsed value."""
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def pointer(parent: str, name: str | int) -> str:
    """RFC 6901: the pointer of a member."""
    return f"{parent}/{str(name).replace('~', '~0').replace('/', '~1')}"


def expect(value: Any, where: str, *types: str) -> None:
    if type_name(value) not in types:
        raise mismatch("FIELD_TYPE", where, f"{type_name(value)}", " or ".join(types))


def require(condition: bool, value: Any, where: str, expected: str) -> None:
    if not condition:
        raise mismatch("FIELD_VALUE", where, value, expected)


def one_of(*allowed: str) -> Rule:
    def rule(value: Any, where: str, context: Context) -> None:
        expect(value, where, "string")
        require(value in allowed, value, where, " or ".join(map(repr, allowed)))

    return rule


def pattern(form: str, most: int = 1_048_576) -> Rule:
    compiled = re.compile(form)

    def rule(value: Any, where: str, context: Context) -> None:
        expect(value, where, "string")
        require(
            len(value) <= most and compiled.fullmatch(value) is not None, value, where, f"a string of the form {form}"
        )

    return rule


def text(least: int, most: int, forbidden: str = "") -> Rule:
    unclean = re.compile(rf"[\x00-\x1f\x7f{re.escape(forbidden)}]")

    def rule(value: Any, where: str, context: Context) -> None:
        expect(value, where, "string")
        clean = unclean.search(value) is None
        require(
            least <= len(value) <= most and clean,
            value,
            where,
            f"{least} to {most} characters, no control characters {forbidden}".rstrip(),
        )

    return rule


def hexadecimal(digits: int) -> Rule:
    return pattern(rf"[0-9a-f]{{{digits}}}")


def integer(least: int, most: int) -> Rule:
    def rule(value: Any, where: str, context: Context) -> None:
        expect(value, where, "integer")
        require(least <= value <= most, value, where, f"an integer from {least} to {most}")

    return rule


def number(least: float = float("-inf"), most: float = float("inf"), above: float | None = None) -> Rule:
    def rule(value: Any, where: str, context: Context) -> None:
        expect(value, where, "number", "integer")
        require(least <= value <= most, value, where, f"a number from {least} to {most}")
        require(above is None or value > above, value, where, f"a number above {above}")

    return rule


def constant(expected: bool) -> Rule:
    def rule(value: Any, where: str, context: Context) -> None:
        expect(value, where, "boolean")
        require(value is expected, value, where, repr(expected).lower())

    return rule


def boolean(value: Any, where: str, context: Context) -> None:
    expect(value, where, "boolean")


def anything(value: Any, where: str, context: Context) -> None:
    """Any value: version 1 says nothing of it."""


def nullable(rule: Rule) -> Rule:
    def either(value: Any, where: str, context: Context) -> None:
        if value is not None:
            rule(value, where, context)

    return either


def array(item: Rule, least: int, most: int) -> Rule:
    def rule(value: Any, where: str, context: Context) -> None:
        expect(value, where, "array")
        count = f"{least}" if least == most else f"{least} to {most}"
        require(least <= len(value) <= most, f"{len(value)} values", where, f"{count} values")
        for index, element in enumerate(value):
            item(element, pointer(where, index), context)

    return rule


def mapping(name_rule: Rule, value_rule: Rule) -> Rule:
    def rule(value: Any, where: str, context: Context) -> None:
        expect(value, where, "object")
        for name, element in value.items():
            name_rule(name, pointer(where, name), context)
            value_rule(element, pointer(where, name), context)

    return rule


class Field(NamedTuple):
    name: str
    rule: Rule
    required: bool = True


def record(*fields: Field) -> Rule:
    known = {field.name for field in fields}

    def rule(value: Any, where: str, context: Context) -> None:
        expect(value, where, "object")
        for field in fields:
            if field.name in value:
                field.rule(value[field.name], pointer(where, field.name), context)
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
                        f"found the member {name!r}, expected only those of the specification",
                    )

    return rule
