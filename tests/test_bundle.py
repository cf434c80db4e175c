"""Bundles: written whole or not at all, refused alike in Python and Rust, and scored alike without Python."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from conformance.bundle import cases, run
from hypothesis import given, settings
from hypothesis import strategies as st

from plmhead.bundle import load_bundle, read_bundle
from plmhead.bundle_writer import write_bundle
from plmhead.errors import FormatError, InputError
from plmhead.onnx_files import external_files, ports

REPOSITORY = Path(__file__).resolve().parents[1]
CRATE = REPOSITORY / "rust-loader"
RUNTIME = REPOSITORY / "js-loader/node_modules/onnxruntime-node"
JAIN = REPOSITORY.parent / "shared/data/antibodies/jain_vh_test.csv"
DEMO = REPOSITORY / "examples/demo_sequences.csv"
GRAPH = (cases.ENCODERS / cases.GRAPH).read_bytes()
ENCODER = "plmhead/random-esm2-tiny"


@pytest.fixture(scope="module")
def rust() -> str:
    """The command line in Rust, built with the features `encode` and `serve`, as `make encode` does."""
    if not shutil.which("cargo"):
        pytest.skip("needs cargo")
    target = Path(os.environ.get("CARGO_TARGET_DIR", CRATE / "target/encode"))
    command = [
        "cargo",
        "build",
        "--quiet",
        "--release",
        "--locked",
        "--features",
        "serve",
        "--target-dir",
        str(target),
    ]
    subprocess.run([*command, "--manifest-path", str(CRATE / "Cargo.toml")], check=True)
    return str(target / "release/plmhead")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return cases.copy(tmp_path / "bundle")


def predict(rust: str, *words: object, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([rust, "predict", *map(str, words)], input=text, capture_output=True, text=True)


def refusal_of(done: subprocess.CompletedProcess[str]) -> tuple[str | None, str | None]:
    """(code, where) of what the program says of a refusal; Nones where it succeeds."""
    if done.returncode == 0:
        return None, None
    found = re.search(r"^plmhead: ([A-Z_]+) \((.*?)\): ", done.stderr, re.MULTILINE)
    assert found, done.stderr
    return found[1], found[2]


# --- refused alike ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.id)
def test_python_answers(case: cases.Case, tmp_path: Path) -> None:
    folder = cases.copy(tmp_path / "bundle")
    case.spoil(folder)
    found: tuple[str | None, str | None] = (None, None)
    try:
        load_bundle(folder)
    except (FormatError, InputError) as fault:
        found = fault.code, fault.where
    assert found == (case.code, case.where)


def test_rust_answers_as_python(rust: str, tmp_path: Path) -> None:
    wrong = []
    for number, case in enumerate(cases.CASES):
        folder = cases.copy(tmp_path / str(number))
        case.spoil(folder)
        found = refusal_of(predict(rust, folder, "-", text=">a\nMKL\n"))
        if found != (case.code, case.where):
            wrong.append((case.id, found))
    assert wrong == []
    assert len({case.id for case in cases.CASES}) == len(cases.CASES) > 90


def test_javascript_answers_as_python(tmp_path: Path) -> None:
    """As a folder, as files that a person chose, and behind an address."""
    if not RUNTIME.exists():
        pytest.skip("needs onnxruntime-node: npm ci in js-loader")
    testee = run.JavaScript()
    try:
        assert list(run.failures(testee, run.spoil_all(tmp_path))) == []
    finally:
        testee.close()


def test_every_code_of_a_bundle_has_a_case() -> None:
    registered = json.loads((REPOSITORY / "spec/v1/errors.json").read_text())["errors"]
    due = {entry["code"] for entry in registered if entry["phase"] == "bundle"} - {"RUNTIME"}
    assert due <= {case.code for case in cases.CASES}


def test_nothing_is_opened_outside_the_folder(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    true_open = os.open

    def recorded(path: object, *arguments: object, **options: object) -> int:
        opened.append(Path(os.fsdecode(path)))  # type: ignore[arg-type]
        return true_open(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", recorded)
    read_bundle(bundle)
    assert {path.parent for path in opened} == {bundle}
    assert len(opened) == 6


@settings(max_examples=150)
@given(data=st.data())
def test_a_damaged_graph_is_refused_or_read_alike(data: st.DataObject) -> None:
    """Whatever stands in the bytes, reading ends with names or a ValueError."""
    graph = bytearray(GRAPH[:4000])
    for _ in range(data.draw(st.integers(1, 6))):
        graph[data.draw(st.integers(0, len(graph) - 1))] = data.draw(st.integers(0, 255))
    for read in (external_files, ports):
        try:
            read(bytes(graph))
        except ValueError:
            continue


def test_rust_reads_damaged_graphs_as_python_does(rust: str, bundle: Path) -> None:
    rng = np.random.default_rng(3)
    refused = 0
    for _ in range(60):
        graph = bytearray(GRAPH)
        for place in rng.integers(0, 3000, rng.integers(1, 4)):
            graph[place] = rng.integers(0, 256)
        (bundle / cases.GRAPH).write_bytes(bytes(graph))
        cases.reseal(bundle)
        expected: tuple[str | None, str | None] = (None, None)
        try:
            read_bundle(bundle)
        except FormatError as fault:
            expected = fault.code, fault.where
        found = refusal_of(predict(rust, bundle, "-", text=">a\nMKL\n"))
        if expected[0]:
            refused += 1
            assert found == expected
        else:  # what no parser sees is for the runtime to refuse, or for the golden results
            assert found[0] in (None, "BUNDLE_GRAPH", "GOLDEN", "RUNTIME")
    assert refused >= 5


# --- written ----------------------------------------------------------------------------------------------------------


def head_of(bundle: Path) -> Path:
    return bundle / "head"


def test_a_bundle_is_what_the_specification_says(bundle: Path, tmp_path: Path) -> None:
    made = write_bundle(head_of(bundle), ENCODER, tmp_path / "made")
    schema = json.loads((REPOSITORY / "spec/bundle/manifest.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(made.manifest)
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == sorted(
        ["bundle.json", *(entry["name"] for entry in made.manifest["files"])]
    )
    for entry in made.manifest["files"]:
        data = (tmp_path / "made" / entry["name"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["size"], entry["sha256"])
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_cases_bundle_is_what_the_writer_writes(bundle: Path, tmp_path: Path) -> None:
    write_bundle(head_of(bundle), ENCODER, tmp_path / "made")
    found, stored = (json.loads((folder / "bundle.json").read_text()) for folder in (tmp_path / "made", bundle))
    for entry in (*found["files"], *stored["files"]):
        if entry["role"] == "golden":  # onnxruntime's last bits differ between machines
            entry.update(size=0, sha256="")
    assert found == stored


@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_what_is_there_already_is_not_touched(there: str, bundle: Path, tmp_path: Path) -> None:
    target = tmp_path / "made"
    if there == "file":
        target.write_text("mine")
    elif there == "folder":
        target.mkdir()
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="OUTPUT"):
        write_bundle(head_of(bundle), ENCODER, target)
    assert target.is_symlink() or target.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"bundle", "made"}


def test_a_wrong_encoder_leaves_nothing(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        write_bundle(head_of(bundle), "plmhead/random-esm1v-tiny", tmp_path / "made")
    assert (caught.value.code, caught.value.where) == ("ENCODER", "/embedding/family")
    assert {path.name for path in tmp_path.iterdir()} == {"bundle"}
    with pytest.raises(InputError, match="found no shipped encoder"):
        write_bundle(head_of(bundle), "facebook/esm2", tmp_path / "made")


def test_a_head_without_a_contract_has_no_bundle(tmp_path: Path) -> None:
    gold = REPOSITORY / "python/plmhead/gold/two_classes"
    with pytest.raises((InputError, FormatError)) as caught:
        write_bundle(gold, ENCODER, tmp_path / "made")
    assert (caught.value.code, caught.value.where) == ("ENCODER", "/embedding")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """The shipped encoder with its weights in a file of their own."""
    onnx = pytest.importorskip("onnx")
    entry = next(
        entry for entry in json.loads((cases.ENCODERS / "encoders.json").read_text()) if entry["name"] == ENCODER
    )
    (tmp_path / "encoder").mkdir()
    graph = tmp_path / "encoder/own.onnx"
    onnx.save(
        onnx.load_from_string(GRAPH), graph, save_as_external_data=True, location="own.onnx.data", size_threshold=512
    )
    (tmp_path / "encoder/own.json").write_text(json.dumps({**entry, "file": graph.name}))
    assert external_files(graph.read_bytes()) == {b"own.onnx.data"}
    return graph


def test_external_data_is_listed_and_used(rust: str, outside: Path, bundle: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    write_bundle(head_of(bundle), outside, made)
    shutil.rmtree(outside.parent)
    listed = {entry["name"]: entry["role"] for entry in json.loads((made / "bundle.json").read_text())["files"]}
    assert listed["own.onnx.data"] == "external_data"
    words = ("-", "--format", "csv")
    assert (
        predict(rust, made, *words, text=">a\nMKLV\n").stdout == predict(rust, bundle, *words, text=">a\nMKLV\n").stdout
    )
    data = bytearray((made / "own.onnx.data").read_bytes())
    data[len(data) // 2 + 3] ^= 0x40
    (made / "own.onnx.data").write_bytes(bytes(data))
    with pytest.raises(FormatError, match="BUNDLE_DIGEST"):
        load_bundle(made)
    assert refusal_of(predict(rust, made, *words, text=">a\nMKLV\n")) == ("BUNDLE_DIGEST", "own.onnx.data")


# --- scored -----------------------------------------------------------------------------------------------------------


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("batch_size", [1, 8, 200])
def test_rust_scores_as_python(rust: str, bundle: Path, batch_size: int) -> None:
    table = JAIN if JAIN.exists() else DEMO
    rows = read(table)
    done = predict(rust, bundle, table, "--batch-size", batch_size)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    z, p, labels = load_bundle(bundle).score([row["sequence"] for row in rows])
    assert len(found) == len(rows) >= 86
    assert [line["row"] for line in found] == list(range(len(rows)))
    assert [(line["id"], line["sequence"]) for line in found] == [(row["id"], row["sequence"]) for row in rows]
    assert np.abs(np.array([line["decision"] for line in found]) - z[:, 0]).max() <= 1e-4
    assert np.abs(np.array([line["probability"] for line in found]) - p[:, 1]).max() <= 1e-4
    assert [line["label"] for line in found] == labels.tolist()


def test_csv_has_the_columns_of_python(rust: str, bundle: Path, tmp_path: Path) -> None:
    from plmhead.cli import main

    assert main(["predict", str(head_of(bundle)), "--data", str(DEMO), "--out", str(tmp_path / "python.csv")]) == 0
    (tmp_path / "rust.csv").write_text(predict(rust, bundle, DEMO, "--format", "csv").stdout)
    python, own = read(tmp_path / "python.csv"), read(tmp_path / "rust.csv")
    assert list(python[0]) == list(own[0])
    for one, other in zip(python, own, strict=True):
        assert [one[name] for name in ("id", "sequence", "predicted_label")] == [
            other[name] for name in ("id", "sequence", "predicted_label")
        ]
        assert abs(float(one["decision"]) - float(other["decision"])) <= 1e-4


def test_threshold_and_its_refusal(rust: str, bundle: Path) -> None:
    fasta = ">a\nMKLV\n"
    labels = [json.loads(predict(rust, bundle, "-", "--threshold", t, text=fasta).stdout)["label"] for t in (0, 1)]
    assert labels == [1, 0]
    assert refusal_of(predict(rust, bundle, "-", "--threshold", "2", text=fasta)) == ("THRESHOLD", "threshold")
    assert refusal_of(predict(rust, bundle, "-", "--assay-type", "x", text=fasta)) == ("ASSAY_TYPE", "assay_type")


BAD = ">a first\nMKL\nAGV\n>b\nM*K\n>c\n\n>d\nmkl\n"


def test_a_bad_sequence_stops_the_run_after_what_is_before_it(rust: str, bundle: Path) -> None:
    done = predict(rust, bundle, "-", text=BAD)
    assert done.returncode == 1
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["a"]
    message = (
        "DATA (standard input): line 4 (b): SEQUENCE_LETTER: found '*' (U+002A) at position 2, expected one of ACDE"
    )
    assert message in done.stderr
    assert "remove the stop mark" in done.stderr


def test_a_bad_sequence_is_skipped_or_reported(rust: str, bundle: Path) -> None:
    skipped = predict(rust, bundle, "-", "--on-error", "skip", text=BAD)
    reported = predict(rust, bundle, "-", "--on-error", "report", text=BAD)
    assert skipped.returncode == reported.returncode == 0
    for done in (skipped, reported):
        assert "2 of 4 records are not usable" in done.stderr
    good = [json.loads(line) for line in skipped.stdout.splitlines()]
    assert [(line["row"], line["id"]) for line in good] == [(0, "a"), (3, "d")]
    lines = [json.loads(line) for line in reported.stdout.splitlines()]
    assert [line["id"] for line in lines] == ["a", "b", "c", "d"]
    assert [lines[0], lines[3]] == good
    errors = [(line["row"], line["line"], line["error"]["code"], line["error"]["position"]) for line in lines[1:3]]
    assert errors == [(1, 4, "SEQUENCE_LETTER", 2), (2, 6, "SEQUENCE_EMPTY", None)]


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("x.csv", "id,seq\na,MK\n", 'expected a column "sequence"'),
        ("x.csv", "sequence,sequence\nMK,MK\n", "more than once"),
        ("x.csv", "id,sequence\na,MK,7\n", "line 2: DATA: found 3 cells, expected 2"),
        ("x.csv", "id,sequence\n", "found no rows"),
        ("x.fasta", "", "found no rows"),
        ("x.fasta", "MKL\n>a\nMK\n", "before the first header"),
        ("x.fasta", ">a\nMK\n>b\n\udcff\n", "line 4 is not UTF-8"),
        ("x.txt", "MK", "found the suffix"),
        ("x.fasta", ">a\nMK\n>" + "b" * 1_048_577, "line 3 has more than 1048576 bytes"),
    ],
)
def test_a_bad_table_is_refused(rust: str, bundle: Path, tmp_path: Path, name: str, text: str, message: str) -> None:
    table = tmp_path / name
    table.write_bytes(text.encode(errors="surrogateescape"))
    done = predict(rust, bundle, table)
    assert refusal_of(done) == ("DATA", name)
    assert message in done.stderr


def test_a_byte_order_mark_and_quotes(rust: str, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b'\xef\xbb\xbfid ,"sequence"\r\n"a,b","MKL"\r\n\r\nc, mkl \r\n')
    found = [json.loads(line) for line in predict(rust, bundle, tmp_path / "x.csv").stdout.splitlines()]
    assert [(line["id"], line["sequence"]) for line in found] == [("a,b", "MKL"), ("c", "MKL")]


def peak(rust: str, *words: object) -> int:
    """The most memory that a run held, in bytes."""
    process = subprocess.Popen(
        [rust, "predict", *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss * 1024


def test_memory_does_not_grow_with_the_table(rust: str, bundle: Path, tmp_path: Path) -> None:
    for name, count in (("short.fasta", 300), ("long.fasta", 300_000)):
        records = (f">{number}\n{'MKLV*' * 20}\n" for number in range(count - 2))
        (tmp_path / name).write_text(">first\nMKL\n" + "".join(records) + ">last\nMKL\n")
    short, long = (peak(rust, bundle, tmp_path / name, "--on-error", "skip") for name in ("short.fasta", "long.fasta"))
    assert (tmp_path / "long.fasta").stat().st_size > 30_000_000
    assert long < short + 8_000_000
