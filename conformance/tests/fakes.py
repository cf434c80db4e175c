"""Fake testees for the tests of the runner: `fakes.py MODE`.

They are no loaders: `honest`, `replay`, `half` and `off-by-...` cheat by reading case.json beside the model.
"""

import json
import os
import sys
import time
from pathlib import Path

HELLO = {
    "protocol": 1,
    "format_versions": ["0", "1.0"],
    "profiles": ["strict"],
}
# What `hello` says otherwise than HELLO.
BOASTS: dict[str, dict[str, object]] = {
    "other-protocol": {"protocol": 2},
    "protocol-true": {"protocol": True},
    "nameless": {"testee": {"name": "", "version": "0", "language": "python"}},
    "no-testee": {"testee": [1]},
    "no-versions": {"format_versions": []},
    "number-version": {"format_versions": ["0", 1.0]},
    "odd-version": {"format_versions": ["0", "1.0-rc1"]},
    "odd-profile": {"profiles": ["strict", "perfect"]},
    "only-fast": {"profiles": ["fast"]},
    "later-version": {"format_versions": ["0", "1.0", "1.1"]},
}
# What `load` is answered with, byte for byte; %d is the id.
LINES = {
    "garbage": b"loading ...",
    "array": b"[%d]",
    "nan": b'{"id":%d,"ok":true,"model":NaN}',
    "overflow": b'{"id":%d,"ok":true,"model":1e999}',
    "many-digits": b'{"id":%d,"ok":true,"model":' + b"9" * 10_000 + b"}",
    "not-utf-8": b'{"id":%d,"ok":true,"model":"\xff"}',
    "utf-16": '{"id":1,"ok":true,"model":"m"}'.encode("utf-16"),
    "name-twice": b'{"id":%d,"ok":false,"ok":true,"model":"m"}',
    "deep": b'{"id":%d,"model":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "deep-enough": b'{"id":%d,"model":' + b"[" * 300 + b"]" * 300 + b"}",
    "bool-id": b'{"id":true,"ok":true,"model":"m"}',
    "float-id": b'{"id":%d.0,"ok":true,"model":"m"}',
    "no-id": b'{"ok":true,"model":"m"}',
    "no-model": b'{"id":%d,"ok":true}',
    "number-model": b'{"id":%d,"ok":true,"model":1}',
    "ok-one": b'{"id":%d,"ok":1,"model":"m"}',
    "error-text": b'{"id":%d,"ok":false,"error":"no"}',
    "error-list": b'{"id":%d,"ok":false,"error":{"code":["ZIP_CRC"],"where":{},"message":[]}}',
    "half-pair": b'{"id":%d,"ok":false,"error":{"code":"\\ud800","where":"\\udfff","message":"\\u0000\\u001b[2J"}}',
    "skip-list": b'{"id":%d,"skip":true,"reason":[["\\ud800"]]}',
}
MEMBERS = (
    "format_version",
    "verified",
    "link",
    "n_features_in",
    "classes",
    "coef",
    "decision",
    "probability",
    "labels",
)
OTHER_TYPES = (None, {"a": [[]]}, [[[1.5]]], "\ud800", -1, True)
ZERO, HALF = "0" * 16, "3fe" + "0" * 13


def answer(mode: str, request: dict[str, object], state: dict[str, object]) -> dict[str, object]:
    op = request["op"]
    if op == "hello":
        name = {"name": f"fake {mode}", "version": "0", "language": "python"}
        return {"ok": True, **HELLO, "testee": name, **BOASTS.get(mode, {})}
    if mode == "skip":
        return {"skip": True, "reason": "not today"}
    if op == "load":
        return load(mode, request, state)
    if mode == "accept":
        return {"ok": True, "decision": [], "probability": [], "labels": []}
    case = state["case"]
    if mode == "other-types" and op != "unload":
        return {"ok": True, **{name: OTHER_TYPES[i % len(OTHER_TYPES)] for i, name in enumerate(MEMBERS)}}
    if op == "describe":
        return {"ok": True, **changed(case["describe"], mode)}
    if op == "predict":
        due = case["predictions"][state["used"] % len(case["predictions"])]
        state["used"] += 1
        if "error" in due:
            return {"ok": False, "error": {**due["error"], "message": ""}}
        return {
            "ok": True,
            **{name: changed({name: due[name]}, mode)[name] for name in ("decision", "probability", "labels")},
        }
    return {"ok": True}


def load(mode: str, request: dict[str, object], state: dict[str, object]) -> dict[str, object]:
    if mode == "hang":
        time.sleep(60)
    if mode == "crash":
        os._exit(3)
    if mode == "leave":
        os._exit(0)
    if mode == "close-output":
        os.close(1)
        time.sleep(60)
    if mode == "endless-line":
        while True:
            os.write(1, b"x" * 65_536)
    if mode == "flood":
        while True:
            os.write(1, b'{"id":-1,"ok":true}\n' * 1000)
    if mode == "early":
        os.write(1, b'{"id":-1,"ok":true}\n')
    if mode == "long-line":
        return {"ok": True, "model": "x" * 100_000}
    if mode == "accept":
        return {"ok": True, "model": "m"}
    if mode == "reject":
        return {"ok": False, "error": {"code": "ZIP_CRC", "where": "coef.npy", "message": "no"}}
    if mode == "memory":
        state["hog"] = b"x" * (256 << 20)
    if mode == "replay" and "loaded" in state:
        state["used"] = 0
        return state["loaded"]
    state["loaded"] = honest_load(mode, request, state)
    return state["loaded"]


def honest_load(mode: str, request: dict[str, object], state: dict[str, object]) -> dict[str, object]:
    case = json.loads((Path(str(request["npz"])).parent / "case.json").read_bytes())
    state.update(case=case, used=0)
    if case["kind"] == "reject":
        where = "/somewhere" if mode == "off-by-where" else case["where"] or "npz@0"
        return {"ok": False, "error": {"code": case["code"], "where": where, "message": ""}}
    return {"ok": True, "model": "m"}


def changed(values: dict[str, object], mode: str) -> dict[str, object]:
    """One thing wrong in one kind of value."""
    values = json.loads(json.dumps(values))
    if mode == "off-by-describe" and "n_features_in" in values:
        values["n_features_in"] = float(values["n_features_in"])
    for name in ("decision", "probability"):
        if mode == f"off-by-{name}" and values.get(name):
            values[name][-1] = f"{int(values[name][-1], 16) ^ 1:016x}"
    if mode == "half" and "probability" in values:
        values["probability"] = [HALF] * len(values["probability"])
    if mode == "off-by-labels" and values.get("labels"):
        values["labels"][-1]["v"] += "x"
    if mode == "off-by-count" and values.get("decision"):
        values["decision"].append(ZERO)
    return values


def main(mode: str) -> None:
    state: dict[str, object] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "shutdown":
            sys.exit(5 if mode == "bad-exit" else 0)
        if request["op"] == "load" and mode in LINES:
            line = LINES[mode]
            os.write(1, (line % request["id"] if b"%d" in line else line) + b"\n")
            continue
        number = request["id"] + (1 if mode == "wrong-id" and request["op"] == "load" else 0)
        print(json.dumps({"id": number, **answer(mode, request, state)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
