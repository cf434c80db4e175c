"""Malformed requests: the testees of the four loaders, as programs, give the answers that README.md has for them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.run import HERE

ROOT = HERE.parent
PLAIN = HERE / "cases" / "base" / "plain"
TESTEES = {
    "python": [sys.executable, "-m", "plmhead", "testee"],
    "rust": [str(ROOT / "rust-loader/target/release/plmhead"), "testee"],
    "javascript": ["node", str(ROOT / "js-loader/src/cli.js"), "testee"],
    "go": [str(HERE / "testees/go/testee")],
    # Programs built elsewhere: `make capi` names those in C and C++.
    **{f"more-{Path(each).name}": [each] for each in os.environ.get("MORE_TESTEES", "").split(os.pathsep) if each},
}
GO = ["go", "build", "-o", "testee", "."]
BAD, UNKNOWN = "P_BAD_REQUEST", "P_UNKNOWN_OP"
LEFT_OUT = object()
DEEP, LONG = 20_000, 70_000

Request = tuple[bytes, int | None, str]  # a line, the id and the code of its answer

# No id can be read: the answer has null.
UNREADABLE = [
    b"",
    b"   ",
    b"\r",
    b"no json",
    b"null",
    b"true",
    b"7",
    b'"hello"',
    b"[]",
    b'[{"id":1,"op":"hello","protocol":1}]',
    b"{}",
    b'{"op":"hello","protocol":1}',
    b'{"op":"shutdown"}',
    b'{"id":null,"op":"hello","protocol":1}',
    b'{"id":"1","op":"hello","protocol":1}',
    b'{"id":true,"op":"hello","protocol":1}',
    b'{"id":[1],"op":"hello","protocol":1}',
    b'{"id":-1,"op":"hello","protocol":1}',
    b'{"id":1.5,"op":"hello","protocol":1}',
    b'{"id":1e400,"op":"hello","protocol":1}',
    b'{"id":1' + b"0" * 30 + b',"op":"hello","protocol":1}',
    b'{"id":NaN,"op":"hello","protocol":1}',
    b'{"id":1,"op":"hello","protocol":1',
    b'{"id":1,"op":"hello","protocol":1}}',
    b'{"id":1,"op":"hello","protocol":1,}',
    b"{'id':1,'op':'hello','protocol':1}",
    b'{"id":1,"id":2,"op":"hello","protocol":1}',
    b'\xef\xbb\xbf{"id":1,"op":"hello","protocol":1}',
    b'{"id":1,"op":"hello","protocol":1,"x":"\xff"}',
    b'{"id":1,"op":"hello","protocol":1,"x":"\\ud800"}',
    b'{"id":1,"op":"hello","protocol":1,"x":"\x00"}',
    b'{"id":1,"op":"hello\x00","protocol":1}',
    b"[" * DEEP,
    b'{"id":' * DEEP,
    b'{"id":1,"op":"hello","x":' + b"[" * DEEP + b"]" * DEEP + b"}",
    b"x" * LONG,
]

# `op` and the other members, put into a right request in place of its own.
BY_OP: dict[str, list[tuple[dict[str, object], str]]] = {
    "hello": [({"op": each}, BAD) for each in (LEFT_OUT, None, 1, True, ["hello"], {})]
    + [
        ({"op": each}, UNKNOWN)
        for each in ("", "Hello", "hello ", "__proto__", "constructor", "é", "\u2028", "o" * LONG)
    ]
    + [({"protocol": each}, BAD) for each in (LEFT_OUT, None, "1", True, 1.5, [1], 0, 2, -1)],
    "load": [({name: each}, BAD) for name in ("npz", "config") for each in (LEFT_OUT, None, 1, ["x"], {"path": "x"})]
    + [
        ({name: each}, "FILE_UNREADABLE") for name in ("npz", "config") for each in ("", "/no/such/file", "a\x00b", "/")
    ],
    "describe": [
        ({"model": each}, BAD) for each in (LEFT_OUT, None, 1, True, [], {}, "", "m9", "M1", "__proto__", "\u2028")
    ],
    "unload": [({"model": each}, BAD) for each in (LEFT_OUT, None, 1, [], "", "m9", "constructor")],
    "predict": [({"model": each}, BAD) for each in (LEFT_OUT, None, 1, "m9")]
    + [({"x": each}, BAD) for each in (LEFT_OUT, None, [], "x0.bin", 1)]
    + [({"threshold": each}, BAD) for each in (LEFT_OUT, 0.5, 1, True, [], "", "0.5", "3fe", "3FE0000000000000")]
    + [
        ({"threshold": each}, BAD)
        for each in ("+fe0000000000000", " fe0000000000000", "3fe00000000000000", "3fe000000000000g")
    ]
    + [({"threshold": each}, "THRESHOLD") for each in ("7ff8000000000000", "ffe0000000000000", "7ff0000000000000")]
    + [({"assay_type": each}, BAD) for each in (LEFT_OUT, 1, True, [], {})]
    + [({"assay_type": each}, "ASSAY_TYPE") for each in ("", "none", "__proto__", "\u2028")],
}

# Members of x of a right request to predict, whose file has 2 * 4 values of 8 bytes.
MOST = 2**53 - 1
X = [
    *[({name: each}, BAD) for name in ("path", "dtype") for each in (LEFT_OUT, None, 1, [], "")],
    *[
        ({name: each}, BAD)
        for name in ("rows", "cols")
        for each in (LEFT_OUT, None, "2", True, 1.5, [], -2, -4, 0, 3, MOST)
    ],
    *[({"path": each}, BAD) for each in ("/no/such/file", "a\x00b", "/", "/dev/null")],
    *[({"dtype": each}, BAD) for each in ("<f8", "f4", "f2", "F8", "float64", "__proto__")],
    ({"rows": -2, "cols": -4}, BAD),
    ({"rows": MOST, "cols": MOST}, BAD),
    ({"rows": 2**32, "cols": 2**32}, BAD),
    ({"rows": 4, "cols": 2}, "INPUT_SHAPE"),
    ({"rows": 8, "cols": 1}, "INPUT_SHAPE"),
    ({"rows": 4, "dtype": "f4"}, None),
]
EMPTY = [
    ({"rows": 0}, None),
    ({"rows": 0, "cols": MOST}, "INPUT_SHAPE"),
    ({"rows": MOST, "cols": 0}, "INPUT_SHAPE"),
    ({}, BAD),
]


def changed(right: dict[str, object], members: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in {**right, **members}.items() if value is not LEFT_OUT}


def requests(folder: Path) -> list[tuple[dict[str, object] | bytes, str | None]]:
    """Every request with the code due, None where it succeeds."""
    (folder / "empty.bin").write_bytes(b"")
    x = {"path": str(PLAIN / "x0.bin"), "dtype": "f8", "rows": 2, "cols": 4}
    right: dict[str, dict[str, object]] = {
        "hello": {"protocol": 1},
        "load": {"npz": str(PLAIN / "model.npz"), "config": str(PLAIN / "model_config.json")},
        "describe": {"model": "m1"},
        "unload": {"model": "m1"},
        "predict": {"model": "m1", "x": x, "threshold": None, "assay_type": None},
    }
    made: list[tuple[dict[str, object] | bytes, str | None]] = [(line, BAD) for line in UNREADABLE]
    made += [
        (changed({"op": op, **right[op]}, members), code) for op, changes in BY_OP.items() for members, code in changes
    ]
    for base, changes in ((x, X), ({**x, "path": str(folder / "empty.bin")}, EMPTY)):
        made += [
            ({"op": "predict", **right["predict"], "x": changed(base, members)}, code) for members, code in changes
        ]
    # A fault of the request goes before one of the input, and a member that nobody knows is none.
    made.append(({"op": "predict", **right["predict"], "x": {**x, "rows": 4, "cols": 2}, "threshold": "1"}, BAD))
    made.append(({"op": "predict", **right["predict"], "later": [1.5]}, None))
    return [({"op": "hello", **right["hello"]}, None), ({"op": "load", **right["load"]}, None), *made]


def lines(folder: Path) -> list[Request]:
    return [
        (made, None, code) if isinstance(made, bytes) else (json.dumps({"id": i, **made}).encode(), i, code)
        for i, (made, code) in enumerate(requests(folder))
    ]


@pytest.fixture(scope="module")
def go() -> None:
    if shutil.which("go") is None:
        pytest.skip("no go on this machine: its testee cannot be built")
    subprocess.run(GO, cwd=HERE / "testees/go", check=True)


def answers(testee: str, sent: bytes) -> list[dict[str, object]]:
    if testee == "rust" and not Path(TESTEES["rust"][0]).exists():
        pytest.fail("the Rust loader is not built: make rust")
    ended = subprocess.run(TESTEES[testee], input=sent, capture_output=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.mark.parametrize("testee", TESTEES)
def test_a_malformed_request_has_its_answer(testee: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if testee == "go":
        request.getfixturevalue("go")
    table = lines(tmp_path)
    assert len(table) >= 150
    sent = b"".join(line + b"\n" for line, _, _ in table) + b'{"id":9999,"op":"shutdown"}\n{"id":10000,"op":"hello"}\n'
    got = answers(testee, sent)
    wrong = []
    for (line, number, code), answer in zip(table, got, strict=True):
        found = None if answer.get("ok") is True else answer["error"]["code"]
        if answer["id"] != number or type(answer["id"]) is bool or found != code:
            wrong.append((line[:120], answer, code))
    assert wrong == []


@pytest.mark.parametrize("testee", TESTEES)
def test_the_last_line_needs_no_line_feed(testee: str, request: pytest.FixtureRequest) -> None:
    if testee == "go":
        request.getfixturevalue("go")
    sent = b'{"id":0,"op":"hello","protocol":1}\r\n\n{"id":2,"op":"sing"}'
    hello, empty, sing = answers(testee, sent)
    assert (hello["id"], hello["ok"]) == (0, True)
    assert (empty["id"], empty["error"]["code"]) == (None, BAD)
    assert (sing["id"], sing["error"]["code"]) == (2, UNKNOWN)


@pytest.mark.parametrize("testee", TESTEES)
def test_an_answer_longer_than_a_line_is_skipped(testee: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if testee == "go":
        request.getfixturevalue("go")
    rows = 3000
    (tmp_path / "x.bin").write_bytes(bytes(rows * 4 * 8))
    x = {"path": str(tmp_path / "x.bin"), "dtype": "f8", "rows": rows, "cols": 4}
    load = {"id": 0, "op": "load", "npz": str(PLAIN / "model.npz"), "config": str(PLAIN / "model_config.json")}
    predict = {"id": 1, "op": "predict", "model": "m1", "x": x, "threshold": None, "assay_type": None}
    described = {"id": 2, "op": "describe", "model": "m1"}
    got = answers(testee, b"".join(json.dumps(each).encode() + b"\n" for each in (load, predict, described)))
    assert [(each["id"], each.get("ok"), each.get("skip")) for each in got] == [
        (0, True, None),
        (1, None, True),
        (2, True, None),
    ]
    assert got[1]["reason"]
