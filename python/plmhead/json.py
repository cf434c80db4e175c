"""Strict JSON (SPEC section 3): bytes in, Python values out, one pass; the fault at the lowest byte offset is the error.

An integer token becomes int, any other number float, so that later checks can tell them apart. Objects keep their order.
"""

from __future__ import annotations

import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, NoReturn

from .errors import FormatError

MAX_DEPTH = 16
MAX_VALUES = 32_768
MAX_NUMBER_BYTES = 64
MAX_INTEGER = 2**53 - 1

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_RUN = re.compile(r"[0-9+\-.eE]*")
_STRING = re.compile(
    r'(?:[^"\\\x00-\x1f]++'
    r'|\\["\\/bfnrt]'
    r"|\\u(?![dD][89a-fA-F])[0-9A-Fa-f]{4}"
    r"|\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2})*+"
)
_UNIT = re.compile(r"\\u[0-9A-Fa-f]{4}")
_WORDS = {"t": ("true", True), "f": ("false", False), "n": ("null", None)}


def parse(data: bytes) -> Any:
    """The value of a JSON text.

    Raises FormatError: JSON_ENCODING, JSON_SYNTAX, JSON_SURROGATE, JSON_DUPLICATE_NAME, JSON_NUMBER, JSON_LIMIT.
    """
    if data[:3] == b"\xef\xbb\xbf":
        raise FormatError("JSON_ENCODING", "config@0", "found a byte order mark, expected none")
    try:
        text = bytes(data).decode("utf-8")
    except UnicodeDecodeError as fault:
        raise FormatError(
            "JSON_ENCODING", f"config@{fault.start}", "found bytes that are not UTF-8, expected UTF-8"
        ) from None
    return _Parser(text).document()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.values = 0

    def fail(self, code: str, at: int, found: str, expected: str) -> NoReturn:
        pieces = (self.text[start : min(at, start + 65_536)] for start in range(0, at, 65_536))
        offset = sum(len(piece.encode("utf-8")) for piece in pieces)
        raise FormatError(code, f"config@{offset}", f"found {found}, expected {expected}")

    def unexpected(self, expected: str) -> NoReturn:
        found = repr(self.text[self.at]) if self.at < len(self.text) else "the end of the file"
        self.fail("JSON_SYNTAX", self.at, found, expected)

    def space(self) -> str:
        """Skips white space; the next character, or '' at the end."""
        first = self.text[self.at : self.at + 1]
        if first > " ":
            return first
        self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]
        return self.text[self.at : self.at + 1]

    def take(self, character: str) -> None:
        if self.space() != character:
            self.unexpected(repr(character))
        self.at += 1

    def document(self) -> Any:
        value = self.value(1)
        if self.space():
            self.unexpected("the end of the file")
        return value

    def value(self, depth: int) -> Any:
        first = self.space()
        if first and first in '{["-0123456789tfn':
            self.values += 1
            if self.values > MAX_VALUES:
                self.fail("JSON_LIMIT", self.at, "more values", f"at most {MAX_VALUES}")
        if first in ("{", "["):
            if depth > MAX_DEPTH:
                self.fail("JSON_LIMIT", self.at, "deeper nesting", f"at most {MAX_DEPTH} levels")
            return self.object(depth) if first == "{" else self.array(depth)
        if first == '"':
            return self.string()
        if first in _WORDS:
            return self.word(*_WORDS[first])
        return self.number()

    def word(self, word: str, value: bool | None) -> bool | None:
        for character in word:
            if self.text[self.at : self.at + 1] != character:
                self.unexpected(word)
            self.at += 1
        return value

    def object(self, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        self.at += 1
        if self.space() == "}":
            self.at += 1
            return members
        while True:
            if self.space() != '"':
                self.unexpected("a name in double quotes")
            start = self.at
            name = self.string()
            if name in members:
                self.fail("JSON_DUPLICATE_NAME", start, f"a second member {name!r}", "one of each name")
            self.take(":")
            members[name] = self.value(depth + 1)
            if self.space() == "}":
                self.at += 1
                return members
            self.take(",")

    def array(self, depth: int) -> list[Any]:
        items: list[Any] = []
        self.at += 1
        if self.space() == "]":
            self.at += 1
            return items
        while True:
            items.append(self.value(depth + 1))
            if self.space() == "]":
                self.at += 1
                return items
            self.take(",")

    def string(self) -> str:
        start = self.at + 1
        self.at = _STRING.match(self.text, start).end()  # type: ignore[union-attr]
        if self.text[self.at : self.at + 1] != '"':
            self.fault_in_string()
        end, self.at = self.at, self.at + 1
        if self.text.find("\\", start, end) < 0:
            return self.text[start:end]
        # The library only replaces escapes here: that they are right, and what ends the string, is settled.
        return str(scanstring(self.text, start)[0])

    def fault_in_string(self) -> NoReturn:
        """At the first character that does not belong to the string."""
        start = self.at
        if self.text[start : start + 1] != "\\":
            self.unexpected("a character of a string or its closing quote")
        if _UNIT.match(self.text, start):
            self.fail("JSON_SURROGATE", start, "half of a surrogate pair", "a high escape followed by a low one")
        self.at += 1
        self.unexpected("an escape sequence")

    def number(self) -> int | float:
        start = self.at
        word = _RUN.match(self.text, start).group()  # type: ignore[union-attr]
        if not _NUMBER.fullmatch(word):
            self.unexpected("a value")
        self.at += len(word)
        if len(word) > MAX_NUMBER_BYTES:
            self.fail("JSON_NUMBER", start, f"a number of {len(word)} bytes", f"at most {MAX_NUMBER_BYTES}")
        if word.lstrip("-").isdigit():
            integer = int(word)
            if abs(integer) > MAX_INTEGER or word == "-0":
                self.fail("JSON_NUMBER", start, word, f"an integer within {MAX_INTEGER} of 0, not -0")
            return integer
        real = float(word)
        if real in (float("inf"), float("-inf")):
            self.fail("JSON_NUMBER", start, word, "a number that binary64 can hold")
        return real
