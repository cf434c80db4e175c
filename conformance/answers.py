"""What a testee may say: bytes of a line to an answer, and what `hello` holds. The testee is not trusted."""

import json
import re

MAX_LINE = 60_000
MAX_DEPTH = 16
MAX_NAME = 100
VERSION = re.compile(r"(0|[1-9][0-9]{0,3})(?:\.(0|[1-9][0-9]{0,3}))?")
STRICT, FAST = "strict", "fast"
PROFILES = (STRICT, FAST)


def shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else text[:200] + "…"


def parse(line: bytes) -> dict[str, object]:
    """The object of a line. ValueError says in words what it is instead."""
    line = line.rstrip(b"\r\n")
    if len(line) > MAX_LINE:
        raise ValueError(f"a line of more than {MAX_LINE} bytes")
    try:
        answer = json.loads(
            line.decode("utf-8"), parse_constant=refuse, parse_float=finite, object_pairs_hook=distinct_members
        )
    except (ValueError, RecursionError):
        raise ValueError(f"not JSON: {line[:80]!r}") from None
    if not isinstance(answer, dict):
        raise ValueError(f"not an object: {line[:80]!r}")
    if deeper_than(MAX_DEPTH, answer):
        raise ValueError(f"nested deeper than {MAX_DEPTH}: {line[:80]!r}")
    return answer


def refuse(token: str) -> float:
    raise ValueError(f"{token} is no JSON")


def finite(token: str) -> float:
    value = float(token)
    return value if abs(value) < float("inf") else refuse(token)


def distinct_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name twice")
    return members


def deeper_than(limit: int, value: object) -> bool:
    """Without recursion, which is what deep values break."""
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for each in level
            if isinstance(each, (dict, list))
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return any(isinstance(each, (dict, list)) for each in level)


def hello_fault(answer: dict[str, object]) -> str | None:
    """What is wrong with an answer to `hello`, in words, or None."""
    if answer.get("ok") is not True:
        return f"hello was answered with {shown(answer)}"
    if type(answer.get("protocol")) is not int or answer["protocol"] != 1:
        return f"hello was answered with protocol {shown(answer.get('protocol'))}, 1 was due"
    testee = answer.get("testee")
    for name in ("name", "version", "language"):
        word = testee.get(name) if isinstance(testee, dict) else None
        if not isinstance(word, str) or not 0 < len(word) <= MAX_NAME:
            return f"hello: testee.{name} is {shown(word)}, a text of 1 to {MAX_NAME} characters was due"
    for name, form in (("format_versions", VERSION), ("profiles", re.compile("|".join(PROFILES)))):
        words = answer.get(name)
        if not isinstance(words, list) or not words or not all(isinstance(w, str) and form.fullmatch(w) for w in words):
            example = '["0", "1.0"]' if form is VERSION else '["strict"]'
            return f"hello: {name} is {shown(words)}, a list such as {example} was due"
    return None


def claims(hello: dict[str, object], profile: str) -> bool:
    """Whether it claims the profile. Strict bits lie inside the intervals of fast, so strict claims both."""
    return profile in hello["profiles"] or STRICT in hello["profiles"]


def version(text: str) -> tuple[int, ...]:
    """A version to compare: `0` is before `1.0`, which is before `1.10`."""
    return tuple(map(int, text.split(".")))


def newest(hello: dict[str, object]) -> str:
    return max(hello["format_versions"], key=version)
