"""The strict JSON parser against the library's: same values, in both forms, wherever pieces of the text begin and end."""

from __future__ import annotations

import json as library
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plmhead import json
from plmhead.errors import FormatError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(-json.MAX_INTEGER, json.MAX_INTEGER) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def widened(value: Any) -> Any:
    """A compact value with texts in the place of bytes; a text beyond ASCII must not be there."""
    if isinstance(value, dict):
        return {widened(name): widened(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [widened(inner) for inner in value]
    assert not isinstance(value, str) or value.isascii()
    assert not isinstance(value, bytes) or not value.isascii()
    return json.text_of(value) if isinstance(value, bytes) else value


@given(value=VALUES, escaped=st.booleans(), indent=st.sampled_from([None, 0, 3]))
def test_as_the_library_reads_it(value: Any, escaped: bool, indent: int | None) -> None:
    data = library.dumps(value, ensure_ascii=escaped, indent=indent).encode()
    expected = library.loads(data)
    assert repr(json.parse(data)) == repr(expected)
    assert repr(widened(json.parse(data, compact=True))) == repr(expected)


@given(
    parts=st.lists(
        st.sampled_from(["a", "\\n", "\\\\", "\\u00e9", "\\ud83d\\ude00", "\u4e2d", "\U0001f600", "ud83d", "b" * 300]),
        min_size=1,
        max_size=8,
    ),
    shift=st.integers(0, 12),
)
def test_long_strings(parts: list[str], shift: int) -> None:
    inside = "x" * shift + "".join(parts) * (70_000 // len("".join(parts).encode()) + 1)
    data = f'["{inside}"]'.encode()
    expected = library.loads(data)
    assert json.parse(data) == expected
    assert widened(json.parse(data, compact=True)) == expected


@pytest.mark.parametrize("before", [65_530, 65_534, 65_535, 65_536, 131_070])
@pytest.mark.parametrize("wrong", [b"\xff", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc3"])
def test_the_first_byte_that_is_not_utf8(before: int, wrong: bytes) -> None:
    good = b'"' + "\U0001f600".encode() * (before // 4) + b"a" * (before % 4)
    assert json.parse(good + b'"') == good[1:].decode()
    for rest in (b'"', b""):
        with pytest.raises(FormatError) as caught:
            json.parse(good + wrong + rest)
        assert (caught.value.code, caught.value.where) == ("JSON_ENCODING", f"config@{len(good)}")


@pytest.mark.parametrize(
    ("data", "code", "offset"),
    [
        (b"", "JSON_SYNTAX", 0),
        (b"1 ,", "JSON_SYNTAX", 2),
        (b"[1, ]", "JSON_SYNTAX", 4),
        (b'{"a": 1, }', "JSON_SYNTAX", 9),
        (b'{"a" 1}', "JSON_SYNTAX", 5),
        (b'{"a": 1 "b": 2}', "JSON_SYNTAX", 8),
        (b'{"a": 1, "\\u0061"', "JSON_DUPLICATE_NAME", 9),
        (b"[tru]", "JSON_SYNTAX", 4),
        (b"[1.]", "JSON_SYNTAX", 1),
        (b"[ -0]", "JSON_NUMBER", 2),
        (b'["\\ud800"]', "JSON_SURROGATE", 2),
        (b'["a\\x"]', "JSON_SYNTAX", 4),
        (b'["a\n"]', "JSON_SYNTAX", 3),
        (b"[" * 17, "JSON_LIMIT", 16),
        (b"[" + b"0," * 32_767 + b" tru", "JSON_LIMIT", 65_536),
    ],
)
def test_where_the_fault_is(data: bytes, code: str, offset: int) -> None:
    for compact in (False, True):
        with pytest.raises(FormatError) as caught:
            json.parse(data, compact=compact)
        assert (caught.value.code, caught.value.where) == (code, f"config@{offset}")
