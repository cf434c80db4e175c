"""The loader as a testee: the conformance protocol of conformance/README.md on standard input and output."""

from __future__ import annotations

import hashlib
import re
import stat
import struct
import sys
from json import dumps
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np

from . import __version__, json, score
from .errors import FormatError, InputError
from .head import Head, from_bytes, read_pair

MAX_LINE = 60_000
BITS = re.compile("[0-9a-f]{16}")
DTYPES: dict[str, np.dtype[Any]] = {"f4": np.dtype("<f4"), "f8": np.dtype("<f8")}


def label_object(label: Any) -> dict[str, str]:
    """A label with its type: {"t": "int", "v": "-3"} and so on."""
    if isinstance(label, bool):
        return {"t": "bool", "v": str(label).lower()}
    if isinstance(label, int):
        return {"t": "int", "v": str(label)}
    if isinstance(label, float):
        return {"t": "float", "v": hexadecimal(label)}
    return {"t": "str", "v": label}


def hexadecimal(value: float) -> str:
    return struct.pack(">d", value).hex()


def _array(values: np.ndarray[Any, Any]) -> dict[str, Any]:
    wide = np.ascontiguousarray(values, dtype="<f8")
    return {"shape": list(values.shape), "sha256": hashlib.sha256(wide.tobytes()).hexdigest()}


class RequestError(Exception):
    """A request that is not as the protocol has it: P_BAD_REQUEST."""


def member(request: dict[str, Any], name: str, kind: type, optional: bool = False) -> Any:
    """The member of exactly that type (a bool is no int); None only where `optional`. RequestError."""
    if name not in request:
        raise RequestError(f"found no {name}")
    value = request[name]
    if type(value) is not kind and not (optional and value is None):
        raise RequestError(f"found {name} of another type, expected {kind.__name__}")
    return value


def read_rows(x: dict[str, Any]) -> np.ndarray[Any, Any]:
    """The matrix (rows, cols), float32 or float64, of a raw file whose size is exactly that. RequestError."""
    path, dtype = Path(member(x, "path", str)), DTYPES.get(member(x, "dtype", str))
    rows, cols = member(x, "rows", int), member(x, "cols", int)
    if dtype is None or rows < 0 or cols < 0:
        raise RequestError("found another dtype or a negative number, expected f4 or f8, rows and cols")
    due = rows * cols * dtype.itemsize
    try:
        status = path.stat()  # before the file is read, and before a named pipe is opened
        data = path.read_bytes() if stat.S_ISREG(status.st_mode) and status.st_size == due else None
    except (OSError, ValueError):  # ValueError: a path with U+0000
        raise RequestError("found no readable file, expected one") from None
    if data is None or len(data) != due:
        raise RequestError(f"found a file of another size, expected {due} bytes")
    return np.frombuffer(data, dtype=dtype).reshape(rows, cols)


def read_threshold(digits: str | None) -> float | None:
    if digits is None:
        return None
    if not BITS.fullmatch(digits):
        raise RequestError("found another threshold, expected 16 hexadecimal digits in lower case, or null")
    return float(struct.unpack(">d", bytes.fromhex(digits))[0])


class Testee:
    """Answers requests; holds the loaded models."""

    def __init__(self) -> None:
        self.models: dict[str, Head] = {}
        self.count = 0

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The members of the answer after `id`. A fault that is neither the file's nor the request's is raised."""
        operations = {
            "hello": self.hello,
            "load": self.load,
            "describe": self.describe,
            "predict": self.predict,
            "unload": self.unload,
        }
        try:
            operation = operations.get(member(request, "op", str))
            if operation is None:
                return {"ok": False, "error": {"code": "P_UNKNOWN_OP"}}
            return {"ok": True, **operation(request)}
        except (FormatError, InputError) as fault:
            return {"ok": False, "error": {"code": fault.code, "where": fault.where, "message": fault.message}}
        except RequestError as fault:
            return bad_request(fault)

    def hello(self, request: dict[str, Any]) -> dict[str, Any]:
        if member(request, "protocol", int) != 1:
            raise RequestError("found another protocol, expected 1")
        testee = {"name": "plmhead", "version": __version__, "language": "python"}
        return {"protocol": 1, "testee": testee, "format_versions": ["0", "1.0"], "profiles": ["strict"]}

    def load(self, request: dict[str, Any]) -> dict[str, Any]:
        config_path, npz_path = Path(member(request, "config", str)), Path(member(request, "npz", str))
        head = from_bytes(*read_pair(npz_path, config_path))
        self.count += 1
        self.models[f"m{self.count}"] = head
        return {"model": f"m{self.count}"}

    def model(self, request: dict[str, Any]) -> Head:
        name = member(request, "model", str)
        if name not in self.models:
            raise RequestError("found a model that is not loaded")
        return self.models[name]

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        head = self.model(request)
        assays = head.assay_thresholds
        return {
            "format_version": head.format_version,
            "verified": head.verified,
            "link": head.link,
            "n_features_in": head.n_features_in,
            "classes": [label_object(label) for label in head.classes.tolist()],
            "n_iter": [str(count) for count in head.n_iter.tolist()],
            "coef": _array(head.coef),
            "intercept": _array(head.intercept),
            "threshold": None if head.threshold is None else hexadecimal(head.threshold),
            "assay_thresholds": None if assays is None else [[name, hexadecimal(t)] for name, t in assays.items()],
        }

    def predict(self, request: dict[str, Any]) -> dict[str, Any]:
        head = self.model(request)
        threshold = read_threshold(member(request, "threshold", str, optional=True))
        assay_type = member(request, "assay_type", str, optional=True)
        z, p, labels = head.score_all(read_rows(member(request, "x", dict)), threshold, assay_type)
        return {
            "decision": score.bits(z),
            "probability": score.bits(p),
            "labels": [label_object(label) for label in labels.tolist()],
        }

    def unload(self, request: dict[str, Any]) -> dict[str, Any]:
        self.model(request)
        del self.models[request["model"]]
        return {}


def bad_request(fault: Exception) -> dict[str, Any]:
    return {"ok": False, "error": {"code": "P_BAD_REQUEST", "message": str(fault)}}


def reply(testee: Testee, line: bytes) -> str | None:
    """The answer to one line, or None after `shutdown`."""
    number = None
    try:
        request = json.parse(line)
        if not isinstance(request, dict) or member(request, "id", int) < 0:
            raise RequestError("found no object with an id, expected one")
        number = request["id"]
    except (FormatError, RequestError) as fault:
        answer = bad_request(fault)
    else:
        if request.get("op") == "shutdown":
            return None
        answer = testee.answer(request)
    text = dumps({"id": number, **answer}, separators=(",", ":"))
    if len(text) <= MAX_LINE:
        return text
    return dumps({"id": number, "skip": True, "reason": f"the answer is longer than {MAX_LINE} bytes"})


def serve(requests: BinaryIO | None = None, answers: TextIO | None = None) -> None:
    """One JSON object a line in, one out, until shutdown or the end of the input. Standard input and output by default."""
    testee, out = Testee(), answers or sys.stdout
    for line in requests or sys.stdin.buffer:
        text = reply(testee, line)
        if text is None:
            return
        out.write(text + "\n")
        out.flush()
