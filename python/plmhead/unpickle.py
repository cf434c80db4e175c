"""A pickle read as data: plain values, arrays, and stand-ins that hold a name and a state. Nothing of the file runs.

This is not pickle.Unpickler with a filter. It is a machine of its own for the few opcodes that a fitted scikit-learn estimator
needs, on the tokens of pickletools.genops. It has no opcode that imports, calls or sets an attribute: a class is a name in the table
below, and what pickle would call is rebuilt here from its arguments. A name that is not in the table is refused where it
stands, before anything after it is read. joblib's dumps (plain, zlib, gzip) are the same stream with the arrays' bytes in between.
"""

from __future__ import annotations

import io
import pickletools
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from .errors import InputError
from .fitted import MODELS, PIPELINE, SCALER
from .pickled_arrays import Array, Dtype, Misfit, Scalar, count, filled

#: Of the file, and again of what it decompresses to: LogisticRegressionCV keeps every path that it tried.
MAX_BYTES = 256 * 2**20
MAX_OPCODES = 1_000_000
MAX_INTEGER_BITS = 64

#: The classifier of training code in the field, by the places where it has been defined, and the strategy it delegates to.
FIELD_CLASSIFIERS = {"classifier.BinaryClassifier", "antibody_training_esm.core.classifier.BinaryClassifier"}
FIELD_STRATEGIES = {"antibody_training_esm.core.strategies.logistic_regression.LogisticRegressionStrategy"}
OWN_CLASSIFIER = "plmhead.classifier.BinaryClassifier"
#: Held by these classes, and never looked into.
_IGNORED = {
    "plmhead.head.Head",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.preprocessing._label.LabelEncoder",
}
_CLASSES = {*MODELS, PIPELINE, SCALER, *FIELD_CLASSIFIERS, *FIELD_STRATEGIES, OWN_CLASSIFIER, *_IGNORED}
_WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"


class Instance:
    """A stand-in for an object: the name of its class, and its state once that was given."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: dict[str, Any] | None = None


@dataclass(frozen=True)
class _Name:
    """A class or function that the file names and the table admits. Only its name is here."""

    text: str


@dataclass
class _Budget:
    """What is left to do, of a file and the pickles within it together: a file can use one value of it many times."""

    opcodes: int
    bytes: int


def _budget(size: int) -> _Budget:
    """For a file of so many bytes when decompressed, which uses its values once.

    The bytes of an array are made twice in protocols 0 to 2, from text. A list of objects has 8 bytes for each opcode.
    """
    return _Budget(MAX_OPCODES, 2 * size + 8 * MAX_OPCODES)


def read(data: bytes) -> Any:
    """The value of a pickle or a joblib dump: None, bool, int, float, str, bytes, tuple, list, dict, numpy scalar, Array, Instance.

    Raises InputError: PICKLE_CLASS where it names anything that is not in the table, PICKLE_FORM, PICKLE_LIMIT.
    """
    plain = _decompressed(data)
    stream = io.BytesIO(plain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of pickletools, on escapes in strings of Python 2
        value = _Machine(stream, _budget(len(plain)), joblib=True).run()
    if stream.read(1):
        raise _form(stream.tell() - 1, "bytes after the end of the pickle", "none")
    return value


def _form(at: int, found: str, expected: str) -> InputError:
    return InputError("PICKLE_FORM", f"pickle@{at}", f"found {found}, expected {expected}")


def _limit(at: int, found: str, expected: str) -> InputError:
    return InputError("PICKLE_LIMIT", f"pickle@{at}", f"found {found}, expected {expected}")


def _decompressed(data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise _limit(0, f"{len(data)} bytes", f"at most {MAX_BYTES}")
    for magic, name in ((b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"), (b"\x5d\0\0", "lzma"), (b"\x04\x22\x4d\x18", "lz4")):
        if data.startswith(magic):
            raise _form(0, f"a file compressed by {name}", "zlib, gzip or no compression")
    if not data.startswith((b"\x78", b"\x1f\x8b")):
        return data
    engine = zlib.decompressobj(wbits=47)  # zlib or gzip, told apart by their first bytes
    try:
        plain = engine.decompress(data, MAX_BYTES + 1)
    except zlib.error as fault:
        raise _form(0, f"damaged compression ({fault})", "a whole file") from None
    if len(plain) > MAX_BYTES:
        raise _limit(0, f"more than {MAX_BYTES} bytes after decompression", f"at most {MAX_BYTES}")
    if not engine.eof or engine.unused_data:
        raise _form(0, "compression that ends before or within the file", "one stream that fills it")
    return plain


class _Machine:
    """The stack machine of pickle: `stack` since the last mark, the stacks below it, and the memo."""

    def __init__(self, stream: io.BytesIO, budget: _Budget, joblib: bool) -> None:
        self.stream, self.budget, self.joblib = stream, budget, joblib
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.at = 0

    def run(self) -> Any:
        tokens = pickletools.genops(self.stream)
        while self.budget.opcodes:
            self.budget.opcodes -= 1
            try:
                opcode, argument, position = next(tokens)
            except (ValueError, OverflowError, struct.error, StopIteration) as fault:
                raise _form(self.at, f"no pickle ({str(fault)[:100]})", "one") from None
            self.at = position or 0
            if opcode.name == "STOP":
                value = self.pop()
                if self.stack or self.below:
                    self.fail("values left over at the end", "one value")
                return value
            try:
                self.step(opcode.name, argument)
            except Misfit as fault:
                self.fail(fault.found, fault.expected)
        raise _limit(self.at, f"more than {MAX_OPCODES} opcodes", "fewer")

    def step(self, name: str, argument: Any) -> None:
        if name in _PUSHED:
            self.push(self.checked(argument))
        elif name in _CONSTANTS:
            self.push(_CONSTANTS[name]())
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        elif name != "FRAME" and not (name == "PROTO" and argument <= 5):
            self.fail(f"the opcode {name}", "those of a fitted estimator")

    def fail(self, found: str, expected: str) -> NoReturn:
        raise _form(self.at, found, expected)

    def refuse(self, name: str) -> NoReturn:
        shown = repr(name if len(name) <= 200 else name[:200] + "...")[1:-1]  # nothing that steers a terminal
        raise InputError(
            "PICKLE_CLASS",
            f"pickle@{self.at}",
            f"found {shown}, expected only what a fitted logistic regression consists of",
        )

    def checked(self, value: Any) -> Any:
        if isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
            raise _limit(self.at, f"an integer of {value.bit_length()} bits", f"at most {MAX_INTEGER_BITS}")
        return bytes(value) if isinstance(value, bytearray) else value

    def spend(self, size: int) -> None:
        self.budget.bytes -= size
        if self.budget.bytes < 0:
            raise _limit(self.at, "the same values used over and over", "each used once")

    # --- the stack

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if not self.stack:
            self.fail("an empty stack", "a value on it")
        return self.stack.pop()

    def drop(self, _: Any) -> None:
        """POP drops a value, or a mark where there is none since."""
        if self.stack or not self.below:
            self.pop()
        else:
            self.since_mark()

    def top(self, kind: type | tuple[type, ...]) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            self.fail("an opcode that does not fit the value before it", "one that does")
        return self.stack[-1]

    def since_mark(self) -> list[Any]:
        if not self.below:
            self.fail("no mark", "one")
        values, self.stack = self.stack, self.below.pop()
        return values

    def mark(self, _: Any) -> None:
        self.below.append(self.stack)
        self.stack = []

    def tuple_of(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        self.push(tuple(reversed(values)))

    def put(self, index: int) -> None:
        self.memo[index] = self.top(object)

    def get(self, index: int) -> None:
        if index not in self.memo:
            self.fail(f"a reference to value {index}", "one that was stored")
        self.push(self.memo[index])

    # --- containers

    def extend(self, values: list[Any]) -> None:
        self.top(list).extend(values)

    def set_items(self, values: list[Any]) -> None:
        target = self.top(dict)
        if len(values) % 2:
            self.fail("a key without a value", "pairs")
        for key, value in zip(values[::2], values[1::2], strict=True):
            # A key is hashed, and the hash of a tuple of tuples of tuples goes as deep as the file says.
            if not isinstance(key, Scalar):
                self.fail(f"a key of type {type(key).__name__}", "a string or a number")
            target[key] = value

    def make_dict(self, values: list[Any]) -> None:
        self.push({})
        self.set_items(values)

    # --- names

    def name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            self.fail("a name that is no string", "two strings")
        text = f"{module}.{name}"
        # As a pair: with dots moved between module and name, the same text would mean another thing.
        if (module, name) not in _ADMITTED:
            self.refuse(text)
        self.push(_Name(_ADMITTED[module, name]))

    def stack_global(self, _: Any) -> None:
        name = self.pop()
        self.name(self.pop(), name)

    def new_object(self, _: Any) -> None:
        arguments, name = self.pop(), self.pop()
        if not isinstance(name, _Name) or arguments != ():
            self.fail("an object with arguments", "one without")
        self.push(self.instance(name))

    def instance(self, name: _Name) -> Instance:
        if name.text not in _CLASSES and not (name.text == _WRAPPER and self.joblib):
            self.fail(f"an object of {name.text}", "an estimator")
        return Instance(name.text)

    def reduce(self, _: Any) -> None:
        arguments, name = self.pop(), self.pop()
        if not isinstance(name, _Name) or name.text not in _REBUILT or type(arguments) is not tuple:
            self.fail("a call of a value", "one of the calls by which numpy pickles arrays")
        self.push(_REBUILT[name.text](self, *self.fitting(name.text, arguments)))

    def fitting(self, name: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        kinds = _SIGNATURES[name]
        if len(arguments) != len(kinds) or not all(map(isinstance, arguments, kinds)):
            self.fail(f"other arguments of {name}", "those that numpy writes")
        return arguments

    # --- what pickle would call, by name

    def reconstructor(self, name: _Name, base: _Name, state: None) -> Instance:
        if base.text != "object":
            self.fail(f"a base class {base.text}", "object")
        return self.instance(name)

    def encode(self, text: str, encoding: str) -> bytes:
        """How protocols 0 to 2 spell bytes."""
        if encoding not in ("latin1", "latin-1"):
            self.fail(f"bytes as {encoding[:20]!r}", "latin1")
        self.spend(len(text))
        try:
            return text.encode("latin-1")
        except UnicodeEncodeError:
            self.fail("bytes above 255", "bytes")

    def empty_array(self, subclass: _Name, shape: tuple[Any, ...], code: bytes) -> Array:
        if subclass.text != "ndarray":
            self.fail(f"an array of class {subclass.text}", "numpy.ndarray")
        return Array()

    def scalar(self, dtype: Dtype, data: bytes) -> Any:
        return filled(data, dtype, (), "C", self.spend)[()]

    def from_buffer(self, data: bytes, dtype: Dtype, shape: Any, order: Any) -> Array:
        return Array(filled(data, dtype, shape, order, self.spend))

    # --- states

    def build(self, _: Any) -> None:
        state, target = self.pop(), self.pop()
        if isinstance(target, Array):
            target.build(state, self.spend)
        elif isinstance(target, Dtype):
            target.build(state)
        elif isinstance(target, Instance):
            if target.state is not None or not isinstance(state, dict):
                self.fail("a state that is no first dictionary", "one")
            target.state = state
            if target.name == _WRAPPER:
                target = self.array_in_stream(target.state)
        else:
            self.fail("a state for a plain value", "one for an object")
        self.push(target)

    def array_in_stream(self, state: dict[str, Any]) -> Array:
        """The array that joblib writes after its wrapper, into the stream itself."""
        dtype, shape, order = state.get("dtype"), state.get("shape"), state.get("order")
        if not isinstance(dtype, Dtype) or dtype.value is None or state.get("subclass") != _Name("ndarray"):
            self.fail("a joblib array without class or type", "numpy.ndarray")
        wanted = count(shape)
        if dtype.value.hasobject:
            array = _Machine(self.stream, self.budget, joblib=False).run()
            if not isinstance(array, Array) or array.value is None or array.value.shape != shape:
                self.fail("objects that are no array of that shape", "an array")
            return array
        if state.get("numpy_array_alignment_bytes") is not None:
            padding = self.stream.read(1)
            self.stream.read(padding[0] if padding else 0)
        size = wanted * dtype.value.itemsize
        # The size is asked of the file before it is read: a shape alone allocates nothing.
        if size > self.stream.getbuffer().nbytes - self.stream.tell():
            self.fail("an array that is longer than the file", f"{size} bytes")
        return self.from_buffer(self.stream.read(size), dtype, shape, order)


_PUSHED = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.drop,
    "POP_MARK": lambda m, _: m.since_mark().clear(),
    "DUP": lambda m, _: m.push(m.top(object)),
    "TUPLE": lambda m, _: m.push(tuple(m.since_mark())),
    "TUPLE1": lambda m, _: m.tuple_of(1),
    "TUPLE2": lambda m, _: m.tuple_of(2),
    "TUPLE3": lambda m, _: m.tuple_of(3),
    "LIST": lambda m, _: m.push(m.since_mark()),
    "DICT": lambda m, _: m.make_dict(m.since_mark()),
    "APPEND": lambda m, _: m.extend([m.pop()]),
    "APPENDS": lambda m, _: m.extend(m.since_mark()),
    "SETITEM": lambda m, _: m.set_items([m.pop(), m.pop()][::-1]),
    "SETITEMS": lambda m, _: m.set_items(m.since_mark()),
    "PUT": _Machine.put,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": lambda m, _: m.put(len(m.memo)),
    "GET": _Machine.get,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "GLOBAL": lambda m, text: m.name(*text.split(" ", 1)),
    "INST": lambda m, text: m.refuse(text.replace(" ", ".")),
    "STACK_GLOBAL": _Machine.stack_global,
    "NEWOBJ": _Machine.new_object,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
    "EXT1": lambda m, number: m.refuse(f"a class by its number {number} in the process's extension registry"),
    "EXT2": lambda m, number: m.refuse(f"a class by its number {number} in the process's extension registry"),
    "EXT4": lambda m, number: m.refuse(f"a class by its number {number} in the process's extension registry"),
    "PERSID": lambda m, _: m.refuse("an object by a persistent id"),
    "BINPERSID": lambda m, _: m.refuse("an object by a persistent id"),
}

_CALLS: dict[str, tuple[Callable[..., Any], tuple[type | tuple[type, ...], ...], tuple[tuple[str, str], ...]]] = {
    "reconstructor": (
        _Machine.reconstructor,
        (_Name, _Name, type(None)),
        (("copyreg", "_reconstructor"), ("copy_reg", "_reconstructor")),
    ),
    "encode": (_Machine.encode, (str, str), (("_codecs", "encode"),)),
    "dtype": (lambda _, kind, align, copy: Dtype(kind), (str, (bool, int), (bool, int)), (("numpy", "dtype"),)),
    "array": (
        _Machine.empty_array,
        (_Name, tuple, bytes),
        (("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")),
    ),
    "scalar": (
        _Machine.scalar,
        (Dtype, bytes),
        (("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar")),
    ),
    "from_buffer": (
        _Machine.from_buffer,
        (bytes, Dtype, tuple, str),
        (("numpy.core.numeric", "_frombuffer"), ("numpy._core.numeric", "_frombuffer")),
    ),
}
_REBUILT = {name: call for name, (call, _, _) in _CALLS.items()}
_SIGNATURES = {name: kinds for name, (_, kinds, _) in _CALLS.items()}

#: Module and name of everything that a file may name, and what it is called in here.
_ADMITTED: dict[tuple[str, str], str] = {
    **{(text.rpartition(".")[0], text.rpartition(".")[2]): text for text in (*_CLASSES, _WRAPPER)},
    **{place: name for name, (_, _, places) in _CALLS.items() for place in places},
    ("numpy", "ndarray"): "ndarray",
    ("builtins", "object"): "object",
    ("__builtin__", "object"): "object",
}
