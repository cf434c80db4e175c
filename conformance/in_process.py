"""The cases against the C library, in this process: `python -m conformance.in_process libplmhead.so`.

The library is one built with the feature capi-test, which counts what it has allocated: after each case nothing may be left.
"""

import argparse
import ctypes
import hashlib
import struct
import sys
from ctypes import (
    POINTER,
    byref,
    c_bool,
    c_char_p,
    c_double,
    c_float,
    c_int32,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)
from pathlib import Path

from .judge import OUTPUTS
from .run import DAMAGED, FAILED, HERE, PASSED, damage, load_manifest, run_testee

PLAIN = HERE / "cases" / "base" / "plain"
PANIC = -2  # PLMHEAD_INTERNAL
LINKS = {1: "logistic", 2: "softmax"}


class Text(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("size", c_size_t)]

    def __str__(self) -> str:
        return ctypes.string_at(self.data, self.size).decode() if self.data else ""


class Label(ctypes.Structure):
    _fields_ = [("kind", c_int32), ("integer", c_int64), ("text", Text)]


class Cutoff(ctypes.Structure):
    _fields_ = [("threshold", POINTER(c_double)), ("assay_type", Text)]


class Buffers(ctypes.Structure):
    _fields_ = [
        *[("decision", c_void_p), ("decision_size", c_size_t)],
        *[("probability", c_void_p), ("probability_size", c_size_t)],
        *[("class_index", c_void_p), ("class_index_size", c_size_t)],
    ]


HEAD, ERROR, HANDLE = c_void_p, c_void_p, POINTER(c_void_p)
SCORE = [HEAD, c_void_p, c_size_t, c_size_t, POINTER(Cutoff), POINTER(Buffers), HANDLE]
#: What each function returns and takes, less the prefix `plmhead_`.
SIGNATURES = {
    "abi_version": (c_uint32, []),
    "version": (Text, []),
    "status_name": (Text, [c_int32]),
    "error_where": (Text, [ERROR]),
    "error_message": (Text, [ERROR]),
    "error_free": (None, [ERROR]),
    "load_files": (c_int32, [c_char_p, c_char_p, c_uint32, HANDLE, HANDLE]),
    "free": (None, [HEAD]),
    "verified": (c_bool, [HEAD]),
    "format_version": (Text, [HEAD]),
    "link": (c_int32, [HEAD]),
    "n_features_in": (c_size_t, [HEAD]),
    "n_decisions": (c_size_t, [HEAD]),
    "n_classes": (c_size_t, [HEAD]),
    "coef": (c_int32, [HEAD, c_void_p, c_size_t, HANDLE]),
    "intercept": (POINTER(c_double), [HEAD]),
    "n_iter": (POINTER(c_uint64), [HEAD]),
    "n_iter_size": (c_size_t, [HEAD]),
    "class": (Label, [HEAD, c_size_t]),
    "threshold": (c_bool, [HEAD, POINTER(c_double)]),
    "n_assay_types": (c_size_t, [HEAD]),
    "assay_type": (Text, [HEAD, c_size_t]),
    "assay_threshold": (c_double, [HEAD, c_size_t]),
    "score_f32": (c_int32, SCORE),
    "score_f64": (c_int32, SCORE),
    "test_blocks": (c_int64, []),
    "test_bytes": (c_int64, []),
    "test_panic": (c_int32, [HANDLE]),
}


class RefusedError(Exception):
    """What the library said of a call, as an answer has it."""


class Library:
    """The functions of `plmhead.h`, by their names without the prefix."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(str(path.resolve()))
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(library, f"plmhead_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    def checked(self, function: object, *arguments: object) -> None:
        """Calls a function that has a status. Raises RefusedError and frees the error."""
        error = c_void_p()
        status = function(*arguments, byref(error))
        if status == 0:
            return
        where, message = str(self.error_where(error)), str(self.error_message(error))
        self.error_free(error)
        raise RefusedError({"code": str(self.status_name(status)), "where": where, "message": message})


class InProcess:
    """What the runner asks of a testee, answered by calls of the library."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.process: object = library  # never started again
        self.starts = 1
        self.heads: dict[str, c_void_p] = {}
        self.hello: dict[str, object] = {"format_versions": ["0", "1.0"], "profiles": ["strict"]}

    def start(self) -> dict[str, object]:
        return self.hello

    def check_memory(self) -> None:
        """Counted after each case instead."""

    def shutdown(self) -> int:
        return 0

    def ask(self, op: str, **request: object) -> dict[str, object]:
        try:
            return {"ok": True, **getattr(self, op)(**request)}
        except RefusedError as refused:
            return {"ok": False, "error": refused.args[0]}

    def load(self, npz: str, config: str) -> dict[str, object]:
        head = c_void_p()
        self.library.checked(self.library.load_files, npz.encode(), config.encode(), 0, byref(head))
        self.heads["m1"] = head
        return {"model": "m1"}

    def unload(self, model: str) -> dict[str, object]:
        self.library.free(self.heads.pop(model))
        return {}

    def unload_all(self) -> None:
        """After a case that failed on its way."""
        for model in list(self.heads):
            self.unload(model)

    def describe(self, model: str) -> dict[str, object]:
        library, head = self.library, self.heads[model]
        rows, columns = library.n_decisions(head), library.n_features_in(head)
        coef = (c_double * (rows * columns))()
        library.checked(library.coef, head, coef, len(coef))
        threshold = c_double()
        logistic = library.threshold(head, byref(threshold))
        assays = range(library.n_assay_types(head))
        return {
            "format_version": str(library.format_version(head)),
            "verified": library.verified(head),
            "link": LINKS[library.link(head)],
            "n_features_in": columns,
            "classes": [label(getattr(library, "class")(head, i)) for i in range(library.n_classes(head))],
            "n_iter": list(map(str, library.n_iter(head)[: library.n_iter_size(head)])),
            "coef": {"shape": [rows, columns], "sha256": digest(coef)},
            "intercept": {"shape": [rows], "sha256": digest((c_double * rows)(*library.intercept(head)[:rows]))},
            "threshold": bits(threshold.value) if logistic else None,
            "assay_thresholds": [
                [str(library.assay_type(head, i)), bits(library.assay_threshold(head, i))] for i in assays
            ]
            if logistic
            else None,
        }

    def predict(self, model: str, x: dict, threshold: str | None, assay_type: str | None) -> dict[str, object]:
        library, head = self.library, self.heads[model]
        score, item = (library.score_f32, c_float) if x["dtype"] == "f4" else (library.score_f64, c_double)
        values = (item * (x["rows"] * x["cols"])).from_buffer_copy(Path(x["path"]).read_bytes())
        rows = x["rows"] if x["cols"] == library.n_features_in(head) else 0
        decision = (c_double * (rows * library.n_decisions(head)))()
        probability = (c_double * (rows * library.n_classes(head)))()
        index = (c_uint32 * rows)()
        sizes = (part for each in (decision, probability, index) for part in (ctypes.addressof(each), len(each)))
        cutoff, alive = chosen(threshold, assay_type)
        library.checked(score, head, values, x["rows"], x["cols"], byref(cutoff), byref(Buffers(*sizes)))
        del alive
        labels = [label(getattr(library, "class")(head, i)) for i in index]
        return dict(zip(OUTPUTS, (list(map(bits, decision)), list(map(bits, probability)), labels), strict=True))


def chosen(threshold: str | None, assay_type: str | None) -> tuple[Cutoff, list[object]]:
    """The cutoff, and what must live as long as it: what its pointers point to."""
    cutoff, alive = Cutoff(), []
    if threshold is not None:
        value = c_double(struct.unpack(">d", bytes.fromhex(threshold))[0])
        cutoff.threshold = ctypes.pointer(value)
    if assay_type is not None:
        data = assay_type.encode()
        alive.append(ctypes.create_string_buffer(data))
        cutoff.assay_type = Text(ctypes.addressof(alive[0]), len(data))
    return cutoff, alive


def bits(value: float) -> str:
    return struct.pack(">d", value).hex()


def digest(values: ctypes.Array) -> str:
    """Of values that lie in memory as binary64; the machine is little-endian."""
    return hashlib.sha256(memoryview(values).cast("B")).hexdigest()


def label(found: Label) -> dict[str, str]:
    """As an answer has it. A float label is whole."""
    kinds = {
        1: ("int", str(found.integer)),
        2: ("float", bits(float(found.integer))),
        3: ("bool", "true" if found.integer else "false"),
        4: ("str", str(found.text)),
    }
    kind, value = kinds[found.kind]
    return {"t": kind, "v": value}


def panic_fault(library: Library) -> str | None:
    """A panic must come back as a status with an error that can be freed."""
    error = c_void_p()
    status, message = library.test_panic(byref(error)), str(library.error_message(error))
    library.error_free(error)
    return None if (status, message) == (PANIC, "asked for") else f"a panic came back as {status}: {message}"


def counter_fault(library: Library) -> str | None:
    """A counter that does not count would find every leak absent."""
    testee = InProcess(library)
    testee.load(str(PLAIN / "model.npz"), str(PLAIN / "model_config.json"))
    counted = library.test_blocks() > 0 and library.test_bytes() > 0
    testee.unload_all()
    return None if counted else "a head is loaded, and nothing is counted as allocated"


def run(library: Library, suite: Path, cases: list[dict[str, object]]) -> int:
    """The number of failures; a line each."""
    testee, failures = InProcess(library), 0
    before = library.test_blocks()
    if before:
        print(f"FAIL {before} blocks are allocated before the first call")
    for outcome in run_testee(testee, suite, cases):
        testee.unload_all()
        left = library.test_blocks()
        if outcome.failed or left:
            failures += 1
            print(f"FAIL {outcome.id} {outcome.detail}, {left} blocks of {library.test_bytes()} bytes left", flush=True)
    return failures + bool(before)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="conformance.in_process", description=__doc__.splitlines()[0])
    parser.add_argument("library", type=Path, help="the library, built with the feature capi-test")
    parser.add_argument("--only", default="", metavar="PREFIX", help="only the cases whose id begins so")
    options = parser.parse_args(arguments)
    cases = load_manifest(HERE)
    if damage(HERE, cases):
        print("in-process: the suite is damaged; see conformance.run")
        return DAMAGED
    chosen_cases = [case for case in cases if str(case["id"]).startswith(options.only)]
    library = Library(options.library)
    failures = run(library, HERE, chosen_cases)
    left = library.test_blocks()
    for fault in filter(None, (counter_fault(library), panic_fault(library))):  # last: printing a panic keeps memory
        print(f"FAIL {fault}")
        failures += 1
    print(f"in-process: {len(chosen_cases)} cases, {failures} failures, {left} blocks allocated at the end")
    return FAILED if failures or not chosen_cases else PASSED


if __name__ == "__main__":
    sys.exit(main())
