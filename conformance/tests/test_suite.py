"""Lint of the cases: complete against the specification, unique, short, and free of this machine."""

import json
import re
import shutil
import zipfile
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from conformance import generate, run
from conformance.areas import field_rules

ROOT = Path(run.__file__).parent
SPEC = (ROOT.parent / "spec" / "v1" / "SPEC.md").read_text(encoding="utf-8")
ERRORS = json.loads((ROOT.parent / "spec" / "v1" / "errors.json").read_bytes())["errors"]
# Codes that no file and no request of the protocol can cause: of these phases, and these two.
NOT_BY_FILES = {"files", "environment", "sequence", "encoder", "writer", "data", "signing", "hub", "bundle", "service"}
NOT_IN_PROTOCOL = {
    "NOT_VERIFIED": "an option of the caller",
    "INPUT_DTYPE": "the protocol has binary32 and binary64 only",
}
NOT_A_CASE = {
    "R1": "file helpers",
    "R3": "all cases of order/",
    "R4": "npy-dtype/object, zip-central/deflate-bomb",
    "E1": "of the process",
    **{f"M{i}": "of an encoder" for i in range(1, 7)},
}
OFFSETS = {
    "JSON_ENCODING",
    "JSON_SYNTAX",
    "JSON_SURROGATE",
    "JSON_DUPLICATE_NAME",
    "JSON_NUMBER",
    "JSON_LIMIT",
    "ZIP_CENTRAL",
    "ZIP_FLAGS",
    "ZIP_METHOD",
    "ZIP_LAYOUT",
    "ZIP_LOCAL",
    "ZIP_NAME",
}
MEGABYTES_9 = 9 * 10**6


@cache
def cases() -> list[dict[str, object]]:
    return [json.loads((ROOT / entry["path"] / "case.json").read_bytes()) for entry in run.load_manifest(ROOT)]


def test_nothing_is_damaged_or_left_over() -> None:
    manifest = run.load_manifest(ROOT)
    assert run.damage(ROOT, manifest) == []
    listed = {f"{entry['path']}/{name}" for entry in manifest for name in entry["sha256"]}
    assert listed == {p.relative_to(ROOT).as_posix() for p in (ROOT / "cases").rglob("*") if p.is_file()}


def test_regenerating_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    if not shutil.which("node"):
        pytest.skip("no node: the second oracle cannot run")
    assert generate.main(["--check"]) == 0
    oracles, verdict = capsys.readouterr().out.splitlines()[-2:]
    assert re.fullmatch(r"oracles: [0-9]+ values, 0 differ", oracles)
    assert re.fullmatch(r"conformance-check: [0-9]+ files, 0 differ", verdict)


def test_a_missing_mpmath_is_said_first(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate.importlib.util, "find_spec", lambda name: None)
    assert generate.main(["--check"]) == 1
    assert "pip install mpmath" in capsys.readouterr().out


def test_ids() -> None:
    entries = run.load_manifest(ROOT)
    ids = [entry["id"] for entry in entries]
    assert len(set(ids)) == len(ids)
    for entry, case in zip(entries, cases(), strict=True):
        assert re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", entry["id"]), entry["id"]
        assert entry["path"] == f"cases/{entry['id']}"
        assert (entry["id"], entry["kind"]) == (case["id"], case["kind"])


def test_each_case_says_why() -> None:
    for case in cases():
        assert 8 <= len(case["why"]) <= 200, case["id"]
        assert not re.search(r"\bshould\b", case["why"]), case["id"]
        assert len(case.get("mutation", "")) <= 160, case["id"]


def test_rejects_outnumber_accepts_and_come_from_them() -> None:
    kinds = Counter(case["kind"] for case in cases())
    assert kinds["accept"] >= 60
    assert kinds["reject"] >= 2 * kinds["accept"]
    accepted = {case["id"] for case in cases() if case["kind"] == "accept"}
    for case in cases():
        if case["kind"] == "reject":
            assert case["base"] in accepted, case["id"]
            assert case["mutation"], case["id"]
            assert (case["where"] is None) == (case["code"] in OFFSETS), case["id"]


def test_every_code_has_a_case() -> None:
    used = {case["code"] for case in cases() if case["kind"] == "reject"}
    used |= {p["error"]["code"] for case in cases() for p in case.get("predictions", []) if "error" in p}
    due = {error["code"] for error in ERRORS if error["phase"] not in NOT_BY_FILES}
    assert used == due - NOT_IN_PROTOCOL.keys()


def test_every_rule_has_a_case() -> None:
    rules = set(re.findall(r"^- \*\*([A-Z][0-9])\*\*", SPEC, re.MULTILINE))
    used = {case["clause"] for case in cases()}
    # F2 and F5 define words; the cases of the tables that use them are filed under F1.
    assert rules - NOT_A_CASE.keys() - {"F2", "F5"} <= used
    assert used <= rules | {"section 14"}


def tables() -> dict[str, list[str]]:
    """The member tables of section 6, by their first header cell's context."""
    section = SPEC[SPEC.index("## 6. Config: fields") : SPEC.index("## 7.")]
    blocks = re.split(r"\n\n", section)
    out: dict[str, list[str]] = {}
    title = "root"
    for block in blocks:
        named = re.match(r"`([a-z_]+)(?:\[j\])?`", block)
        title = named[1] if named else title
        rows = re.findall(r"^\|(?: [0-9]+ \|)? `([A-Za-z0-9_]+)` \|", block, re.MULTILINE)
        if rows:
            out[title] = rows
    return out


def test_the_field_tables_are_those_of_the_specification() -> None:
    spec = tables()
    assert [*field_rules.ROOT, "config_sha256"] == [
        name for name in spec["root"] if name not in ("format", "format_version", "min_reader")
    ]
    for title, path in {
        "decision": "/decision",
        "embedding": "/embedding",
        "golden": "/golden/3",
        "self_test": "/self_test/5",
        "metrics": "/metrics/cross_validation",
        "training": "/training",
    }.items():
        assert list(field_rules.NESTED[path]) == spec[title], title


def test_each_reject_has_one_fault_but_for_order() -> None:
    """The areas of single faults never say two; order/ always does."""
    for case in cases():
        assert case["why"].startswith("two faults: ") == case["id"].startswith("order/"), case["id"]


def test_size_and_no_trace_of_a_machine() -> None:
    total = 0
    for path in (p for p in (ROOT / "cases").rglob("*") if p.is_file()):
        data = path.read_bytes()
        total += len(data)
        assert str(ROOT.parent).encode() not in data, path
    assert total < MEGABYTES_9


@pytest.mark.parametrize(
    "case_id", ["base/plain", "base/softmax", "zip/np-savez", "base/string", "class/bool", "v0/scalar-intercept"]
)
def test_numpy_reads_the_accepted_pairs(case_id: str) -> None:
    numpy = pytest.importorskip("numpy")
    case = json.loads((ROOT / "cases" / case_id / "case.json").read_bytes())
    with zipfile.ZipFile(ROOT / "cases" / case_id / "model.npz") as archive:
        assert archive.testzip() is None
    with numpy.load(ROOT / "cases" / case_id / "model.npz", allow_pickle=False) as arrays:
        assert list(arrays["coef"].shape) == case["describe"]["coef"]["shape"]
        assert arrays["n_features_in"].tolist() == [case["describe"]["n_features_in"]]
        assert [str(v) for v in arrays["n_iter"].tolist()] == case["describe"]["n_iter"]
        if case["describe"]["classes"][0]["t"] in ("str", "int"):
            assert [str(v) for v in arrays["classes"].tolist()] == [label["v"] for label in case["describe"]["classes"]]
