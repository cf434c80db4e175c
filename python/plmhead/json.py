"""Strict JSON (SPEC section 3): bytes in, Python values out, one pass; the fault at the lowest byte offset is the error.

An integer token becomes int, any other number float, so that later checks can tell them apart. Objects keep their order.
The bytes are read as they stand: as one Python text, a single wide character would make each of them cost four bytes.
"""

from __future__ import annotations

import re
from codecs import utf_8_decode
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, NoReturn

from .errors import FormatError

MAX_DEPTH = 16
MAX_VALUES = 32_768
MAX_NUMBER_BYTES = 64
MAX_INTEGER = 2**53 - 1

_PIECE_BYTES = 65_536

_SPACE = rb"[ \t\n\r]*+"
_INSIDE = (
    rb'(?:[^"\\\x00-\x1f]++'
    rb'|\\["\\/bfnrt]'
    rb"|\\u(?![dD][89a-fA-F])[0-9A-Fa-f]{4}"
    rb"|\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2})*+"
)
# Group 1: the inside of a string of ASCII without escapes, as most are. Group 2: what follows the opening quote of any other.
_STRING = rb'"(?:([^"\\\x00-\x1f\x80-\xff]*+)"|(' + _INSIDE + rb'"))'
_INTEGER = rb"-?(?:0|[1-9][0-9]*)"
_REAL = _INTEGER + rb"(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_END = rb"(?![0-9+\-.eE])"
# Groups 3 to 6: an integer, another number, a word, an opening bracket.
_SCALAR = rb"(?:" + _STRING + rb"|(" + _INTEGER + rb")" + _END + rb"|(" + _REAL + rb")" + _END + rb"|(true|false|null))"

# One match a token. It takes along the colon after a name and the comma after a value: no token itself ends in either.
_NAME = re.compile(_SPACE + _STRING + _SPACE + rb":?+")
_VALUE = re.compile(_SPACE + rb"(?:" + _SCALAR + _SPACE + rb",?+|([{\[])" + _SPACE + rb")")
_CLOSED = re.compile(rb"[}\]]" + _SPACE + rb",?+")
_PLAIN, _OTHER, _WHOLE, _REAL_NUMBER, _WORD, _BRACKET = range(1, 7)
_COLON, _COMMA = b":,"

_SPACES = re.compile(_SPACE)
_INSIDES = re.compile(_INSIDE)
_UNIT = re.compile(rb"\\u[0-9A-Fa-f]{4}")
# Of a string's inside: escapes with what stands before each, 68 KiB at most, or a run without one.
_PIECE = re.compile(rb"(?s:(?:[^\\]{0,256}+\\(?:u[dD][89abAB]..\\u....|u....|[^u])){1,256}+|[^\\]++)")
_WORDS = {b"true": True, b"false": False, b"null": None}


def parse(data: bytes, *, compact: bool = False) -> Any:
    """The value of a JSON text.

    Where `compact`, a string or name with characters beyond ASCII stays its UTF-8 bytes, a quarter of the text's memory at best;
    `text_of` gives the text. Raises FormatError: JSON_ENCODING, JSON_SYNTAX, JSON_SURROGATE, JSON_DUPLICATE_NAME, JSON_NUMBER,
    JSON_LIMIT.
    """
    if data[:3] == b"\xef\xbb\xbf":
        raise FormatError("JSON_ENCODING", "config@0", "found a byte order mark, expected none")
    _check_encoding(data)
    return _Parser(bytes(data), compact).document()


def text_of(string: str | bytes) -> str:
    """The text of a string of a compact value."""
    return string if isinstance(string, str) else string.decode("utf-8")


def _check_encoding(data: bytes) -> None:
    at = 0
    while at < len(data):
        piece = data[at : at + _PIECE_BYTES]
        try:
            at += utf_8_decode(piece, "strict", at + len(piece) == len(data))[1]
        except UnicodeDecodeError as fault:
            raise FormatError(
                "JSON_ENCODING", f"config@{at + fault.start}", "found bytes that are not UTF-8, expected UTF-8"
            ) from None


def _unescaped(inside: bytes) -> bytes:
    """The UTF-8 of the inside of a long string, piece by piece, for the same reason as the text as a whole."""
    pieces = (match[0] for match in _PIECE.finditer(inside))
    return b"".join(scanstring(piece.decode() + '"', 0)[0].encode() if b"\\" in piece else piece for piece in pieces)


class _Parser:
    """Stands at `at`: after a token, what follows it (see _VALUE) and, where that is nothing, the white space."""

    def __init__(self, data: bytes, compact: bool) -> None:
        self.data = data
        self.compact = compact
        self.at = 0
        self.values = 0

    def fail(self, code: str, at: int, found: str, expected: str) -> NoReturn:
        raise FormatError(code, f"config@{at}", f"found {found}, expected {expected}")

    def unexpected(self, expected: str) -> NoReturn:
        character = self.data[self.at : self.at + 4].decode("utf-8", "ignore")[:1]
        self.fail("JSON_SYNTAX", self.at, repr(character) if character else "the end of the file", expected)

    def next(self) -> bytes:
        """The next byte, or b"" at the end."""
        return self.data[self.at : self.at + 1]

    def space(self) -> bytes:
        """Skips white space; the next byte, or b"" at the end."""
        self.at = _SPACES.match(self.data, self.at).end()  # type: ignore[union-attr]
        return self.next()

    def document(self) -> Any:
        value = self.value(1)
        if self.data[self.at - 1] == _COMMA:
            self.at -= 1
        if self.next():
            self.unexpected("the end of the file")
        return value

    def value(self, depth: int) -> Any:
        token = _VALUE.match(self.data, self.at)
        if token is None:
            self.no_value()
        self.values += 1
        if self.values > MAX_VALUES:
            self.too_many_values()
        kind = token.lastindex or 0
        if kind == _PLAIN:
            self.at = token.end()
            return token[1].decode()
        if kind == _BRACKET:
            if depth > MAX_DEPTH:
                self.fail("JSON_LIMIT", token.start(kind), "deeper nesting", f"at most {MAX_DEPTH} levels")
            self.at = token.end()
            return self.object(depth) if token[kind] == b"{" else self.array(depth)
        self.at = token.end()
        if kind == _OTHER:
            return self.string(token[2])
        if kind == _WORD:
            return _WORDS[token[kind]]
        return self.number(token[kind], kind == _WHOLE, token.start(kind))

    def object(self, depth: int) -> dict[str | bytes, Any]:
        members: dict[str | bytes, Any] = {}
        more = self.next() != b"}"
        while more:
            token = _NAME.match(self.data, self.at)
            if token is None:
                self.no_name()
            name = token[1].decode() if token.lastindex == _PLAIN else self.string(token[2])
            if name in members:
                start = token.start(token.lastindex or 0) - 1
                self.fail("JSON_DUPLICATE_NAME", start, f"a second member {text_of(name)!r}", "one of each name")
            self.at = token.end()
            if self.data[self.at - 1] != _COLON:
                self.unexpected("':'")
            members[name] = self.value(depth + 1)
            more = self.data[self.at - 1] == _COMMA
        self.close(b"}")
        return members

    def array(self, depth: int) -> list[Any]:
        items: list[Any] = []
        more = self.next() != b"]"
        while more:
            items.append(self.value(depth + 1))
            more = self.data[self.at - 1] == _COMMA
        self.close(b"]")
        return items

    def close(self, bracket: bytes) -> None:
        if self.next() != bracket:
            self.unexpected(f"',' or {bracket.decode()!r}")
        self.at = _CLOSED.match(self.data, self.at).end()  # type: ignore[union-attr]

    def string(self, rest: bytes) -> str | bytes:
        """Of what follows the opening quote. The library only replaces escapes: that they are right is settled."""
        if len(rest) > _PIECE_BYTES:
            string = _unescaped(rest[:-1])
            return string if self.compact and not string.isascii() else string.decode()
        text: str = scanstring(rest.decode(), 0)[0]
        return text.encode() if self.compact and not text.isascii() else text

    def number(self, word: bytes, whole: bool, start: int) -> int | float:
        if len(word) > MAX_NUMBER_BYTES:
            self.fail("JSON_NUMBER", start, f"a number of {len(word)} bytes", f"at most {MAX_NUMBER_BYTES}")
        if whole:
            integer = int(word)
            if abs(integer) > MAX_INTEGER or word == b"-0":
                self.fail("JSON_NUMBER", start, word.decode(), f"an integer within {MAX_INTEGER} of 0, not -0")
            return integer
        real = float(word)
        if real in (float("inf"), float("-inf")):
            self.fail("JSON_NUMBER", start, word.decode(), "a number that binary64 can hold")
        return real

    def too_many_values(self) -> NoReturn:
        self.space()
        self.fail("JSON_LIMIT", self.at, "more values", f"at most {MAX_VALUES}")

    def no_name(self) -> NoReturn:
        if self.space() != b'"':
            self.unexpected("a name in double quotes")
        self.no_string()

    def no_value(self) -> NoReturn:
        """At the first byte that no value has there."""
        first = self.space()
        if self.values == MAX_VALUES and first and first in b'{["-0123456789tfn':
            self.too_many_values()
        if first == b'"':
            self.no_string()
        for word in _WORDS:
            if first == word[:1]:
                start = self.at
                while self.next() and word.startswith(self.data[start : self.at + 1]):
                    self.at += 1
                self.unexpected(word.decode())
        self.unexpected("a value")

    def no_string(self) -> NoReturn:
        """At the first byte that does not belong to the string."""
        self.at = _INSIDES.match(self.data, self.at + 1).end()  # type: ignore[union-attr]
        if self.next() != b"\\":
            self.unexpected("a character of a string or its closing quote")
        if _UNIT.match(self.data, self.at):
            self.fail("JSON_SURROGATE", self.at, "half of a surrogate pair", "a high escape followed by a low one")
        self.at += 1
        self.unexpected("an escape sequence")
