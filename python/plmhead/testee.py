"""The loader as a testee: the conformance protocol of conformance/README.md on standard input and output."""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from . import __version__, score
from .config import MAX_CONFIG_BYTES
from .errors import FormatError, InputError
from .head import Head, from_bytes, read_file
from .zip import MAX_NPZ_BYTES


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


class Testee:
    """Answers requests; holds the loaded models."""

    def __init__(self) -> None:
        self.models: dict[str, Head] = {}
        self.count = 0

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        operations = {
            "hello": self.hello,
            "load": self.load,
            "describe": self.describe,
            "predict": self.predict,
            "unload": self.unload,
        }
        try:
            operation = operations.get(request.get("op", ""))
            if operation is None:
                return {"ok": False, "error": {"code": "P_UNKNOWN_OP"}}
            return {"ok": True, **operation(request)}
        except (FormatError, InputError) as fault:
            return {"ok": False, "error": {"code": fault.code, "where": fault.where, "message": fault.message}}
        except (LookupError, TypeError, ValueError, OSError, struct.error, OverflowError) as fault:
            return {"ok": False, "error": {"code": "P_BAD_REQUEST", "message": repr(fault)}}

    def hello(self, request: dict[str, Any]) -> dict[str, Any]:
        testee = {"name": "plmhead", "version": __version__, "language": "python"}
        return {"protocol": 1, "testee": testee, "format_versions": ["0", "1.0"], "profiles": ["strict"]}

    def load(self, request: dict[str, Any]) -> dict[str, Any]:
        config = read_file(Path(request["config"]), "config", MAX_CONFIG_BYTES)
        head = from_bytes(read_file(Path(request["npz"]), "npz", MAX_NPZ_BYTES), config)
        self.count += 1
        self.models[f"m{self.count}"] = head
        return {"model": f"m{self.count}"}

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        head = self.models[request["model"]]
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
        head, x = self.models[request["model"]], request["x"]
        values = np.frombuffer(Path(x["path"]).read_bytes(), dtype={"f4": "<f4", "f8": "<f8"}[x["dtype"]])
        threshold = request.get("threshold")
        if threshold is not None:
            threshold = struct.unpack(">d", bytes.fromhex(threshold))[0]
        if x["rows"] < 0 or x["rows"] * x["cols"] != len(values):
            raise ValueError("rows and cols do not fit the file")
        z, p, labels = head.score_all(values.reshape(x["rows"], x["cols"]), threshold, request.get("assay_type"))
        return {
            "decision": score.bits(z),
            "probability": score.bits(p),
            "labels": [label_object(label) for label in labels.tolist()],
        }

    def unload(self, request: dict[str, Any]) -> dict[str, Any]:
        del self.models[request["model"]]
        return {}


def serve(requests: TextIO = sys.stdin, answers: TextIO = sys.stdout) -> None:
    """One JSON object a line in, one out, until shutdown or the end of the input."""
    testee = Testee()
    for line in requests:
        try:
            request = json.loads(line)
            number = request.get("id")
        except (ValueError, AttributeError, RecursionError):
            request, number = None, None
        if request is not None and request.get("op") == "shutdown":
            return
        answer = {"ok": False, "error": {"code": "P_BAD_REQUEST"}} if request is None else testee.answer(request)
        answers.write(json.dumps({"id": number, **answer}, separators=(",", ":")) + "\n")
        answers.flush()
