"""What an ONNX graph asks for and gives, read without a protobuf library: bytes in, names and types out.

`external_files` are the files beside it (spec/bundle/SPEC.md, B7), `ports` its inputs and outputs (B8). Only the fields
that lead there are followed; everything else is skipped by its length.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

#: Of each message the fields that hold messages on the way to a tensor (onnx.proto): number -> message.
_FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
_GRAPH, _DATA_LOCATION, _KEY, _VALUE, _EXTERNAL = 7, 14, 1, 2, 1
_MAX_DEPTH = 32
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

#: graph.input, graph.output; value_info.name, .type; type.tensor_type; tensor.elem_type, .shape; shape.dim; dim.dim_value
_INPUT, _OUTPUT, _NAME, _TYPE, _TENSOR, _ELEMENT, _SHAPE, _DIM, _DIM_VALUE = 11, 12, 1, 2, 1, 1, 2, 1, 1

Field = tuple[int, int | memoryview]


class Port(NamedTuple):
    """An input or output: its element type as onnx.proto numbers it (1 float32, 6 int32, 7 int64), None for a free axis."""

    name: bytes
    element: int
    shape: tuple[int | None, ...]


def external_files(data: bytes) -> set[bytes]:
    """The `location` of every tensor that is not in the graph itself.

    Raises ValueError for what is no ONNX model in protobuf, and for an external tensor without a location.
    """
    if data[4:8] == b"ORTM":
        raise ValueError("found onnxruntime's own format, expected ONNX")
    model = memoryview(data)
    if not any(number == _GRAPH for number, _ in _fields(model)):
        raise ValueError("found no graph, expected an ONNX model")
    return set(_locations(model, "model", 0))


def ports(data: bytes) -> tuple[list[Port], list[Port]]:
    """The inputs and the outputs of the graph. Raises ValueError for what is no ONNX model in protobuf."""
    graphs = [_message(value) for number, value in _fields(memoryview(data)) if number == _GRAPH]
    if len(graphs) != 1:
        raise ValueError(f"found {len(graphs)} graphs, expected one")
    fields = list(_fields(graphs[0]))
    inputs, outputs = (
        [_port(_message(value)) for number, value in fields if number == kind] for kind in (_INPUT, _OUTPUT)
    )
    return inputs, outputs


def _port(value_info: memoryview) -> Port:
    parts = dict(_fields(value_info))
    kind = dict(_fields(_message(parts.get(_TYPE, b""))))
    tensor = dict(_fields(_message(kind.get(_TENSOR, b""))))
    element = tensor.get(_ELEMENT, 0)
    axes = [_message(axis) for number, axis in _fields(_message(tensor.get(_SHAPE, b""))) if number == _DIM]
    shape = tuple(dict(_fields(axis)).get(_DIM_VALUE) for axis in axes)
    if not isinstance(element, int) or any(isinstance(axis, memoryview) for axis in shape):
        raise ValueError("found a message, expected a number")
    return Port(
        bytes(_message(parts.get(_NAME, b""))),
        element,
        tuple(axis for axis in shape if not isinstance(axis, memoryview)),
    )


def _message(value: int | memoryview | bytes) -> memoryview:
    if isinstance(value, int):
        raise ValueError("found a number, expected a message")
    return memoryview(value)


def _locations(message: memoryview, kind: str, depth: int) -> Iterator[bytes]:
    if depth > _MAX_DEPTH:
        raise ValueError(f"found messages nested more than {_MAX_DEPTH} deep")
    children = _FIELDS[kind]
    external, located = False, False
    for number, value in _fields(message):
        if kind == "tensor" and number == _DATA_LOCATION:
            external |= value == _EXTERNAL
        child = children.get(number)
        if child is None:
            continue
        if not isinstance(value, memoryview):
            raise ValueError(f"found a number in field {number} of a {kind}, expected a message")
        if child == "entry":
            external = True
            found = _location(value)
            located |= found is not None
            yield from () if found is None else (found,)
        else:
            yield from _locations(value, child, depth + 1)
    if external and not located:
        raise ValueError("found an external tensor without a location")


def _location(entry: memoryview) -> bytes | None:
    """The value of an entry with the key `location`; a repeated field counts with its last value."""
    parts = dict(_fields(entry))
    key, value = parts.get(_KEY, b""), parts.get(_VALUE, b"")
    if isinstance(key, int) or isinstance(value, int):
        raise ValueError("found a number in an entry, expected texts")
    return bytes(value) if bytes(key) == b"location" else None


def _fields(message: memoryview) -> Iterator[Field]:
    """(number, value) of each field: an integer of a varint, the bytes of a length-delimited or fixed one."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == _BYTES:
            length, at = _varint(message, at)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"found wire type {wire}, expected a field of protobuf")
        if length > len(message) - at:
            raise ValueError("found a field that is longer than its message")
        yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("found the end inside a number")
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("found a number of more than ten bytes")
