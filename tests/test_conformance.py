"""The files of the suite and of its gold against the Python loader in process, and against the JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plmhead import FormatError, from_bytes
from plmhead import testee as protocol
from plmhead.errors import spec_text

SUITE = Path(__file__).resolve().parents[1] / "conformance"


def listed(folder: str) -> list[dict[str, Any]]:
    cases = json.loads((SUITE / folder / "manifest.json").read_text(encoding="utf-8"))["cases"]
    return [{**case, "path": f"{folder}/{case['path']}"} for case in cases]


CASES = [*listed("."), *listed("gold")]

# Rejects whose fault a schema cannot see, by the clause that they break (SPEC section 17): the text of the file, the digests, the NPZ,
# the arrays, and agreement with them.
SCHEMA_CLAUSES = {"V1", "V3", "V4", "F1", "F2", "F3", "F4", "F5", "F6"}


def read(case: dict[str, Any]) -> tuple[dict[str, Any], bytes, bytes]:
    folder = SUITE / case["path"]
    expected = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    spaces = {"npz": b"", "config": b"", **{name: b" " * count for name, count in expected.get("prepend", {}).items()}}
    return (
        expected,
        spaces["npz"] + (folder / "model.npz").read_bytes(),
        spaces["config"] + (folder / "model_config.json").read_bytes(),
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_case(case):
    expected, npz, config = read(case)
    if expected["kind"] == "reject":
        with pytest.raises(FormatError) as caught:
            from_bytes(npz, config)
        assert caught.value.code == expected["code"]
        if expected["where"] is not None:
            assert caught.value.where == expected["where"]
        assert "found " in caught.value.message
        assert "expected " in caught.value.message
        return
    testee = protocol.Testee()
    testee.models["m"] = from_bytes(npz, config)
    assert testee.answer({"op": "describe", "model": "m"}) == {"ok": True, **expected["describe"]}
    for prediction in expected["predictions"]:
        x = {**prediction["x"], "path": str(SUITE / case["path"] / prediction["x"]["path"])}
        answer = testee.answer({"op": "predict", "model": "m", **prediction, "x": x})
        if "error" in prediction:
            assert {name: answer["error"][name] for name in ("code", "where")} == prediction["error"]
        else:
            assert answer == {"ok": True, **{name: prediction[name] for name in ("decision", "probability", "labels")}}


@pytest.fixture(scope="module")
def validator():
    from jsonschema import Draft202012Validator

    schema = json.loads(spec_text("config.schema.json"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def version_1_0(case: dict[str, Any]) -> bool:
    expected, _, config = read(case)
    return expected["kind"] == "accept" and json.loads(config).get("format_version") == "1.0"


def test_every_accepted_config_is_valid_under_the_schema(validator):
    checked = [case for case in CASES if version_1_0(case)]
    assert len(checked) >= 30
    for case in checked:
        faults = list(validator.iter_errors(json.loads(read(case)[2])))
        assert not faults, (case["id"], faults[0].message)


def beyond_a_schema(root: dict[str, Any], where: str) -> bool:
    """The two reasons of SPEC section 17 that a parsed config can show: 1.0 for an integer, and equality of two members."""
    value = root
    for name in where.split("/")[1:]:
        value = value[int(name)] if isinstance(value, list) else value[name]
    return where == "/embedding/checkpoint" or (isinstance(value, float) and value.is_integer())


def test_every_reject_that_a_schema_can_express_fails_under_it(validator):
    refused, passed = 0, []
    for case in CASES:
        expected, _, config = read(case)
        if expected["kind"] == "accept" or not expected["clause"].startswith(tuple(SCHEMA_CLAUSES)):
            continue
        root = json.loads(config)
        if isinstance(root, dict) and "format" not in root:
            continue  # version 0 has no schema
        if not validator.is_valid(root):
            refused += 1
        elif not beyond_a_schema(root, expected["where"]):
            passed.append(case["id"])
    assert refused >= 300
    assert passed == []
