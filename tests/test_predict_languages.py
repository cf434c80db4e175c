"""`plmhead predict BUNDLE TABLE` in Node prints what the command in Rust prints, but for the last bits of numbers."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conformance.bundle import cases
from tests.test_bundle import BAD, DEMO, JAIN, RUNTIME, predict, rust

__all__ = ["rust"]  # the fixture

CLI = cases.REPOSITORY / "js-loader/src/cli.js"
#: What comes of the embedding's last bits.
NUMBERS = ("decision", "probability", "decision_bits", "probability_bits")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cases.copy(tmp_path_factory.mktemp("bundle") / "bundle")


@pytest.fixture(scope="module", autouse=True)
def needs() -> None:
    if not shutil.which("node") or not RUNTIME.exists():
        pytest.skip("needs node and onnxruntime-node: npm ci in js-loader")


def node(*words: object, text: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["node", str(CLI), "predict", *map(str, words)]
    return subprocess.run(command, input=text, capture_output=True, text=True, env={**os.environ, **environment})


@pytest.mark.parametrize(
    "table", [DEMO, pytest.param(JAIN, marks=pytest.mark.skipif(not JAIN.exists(), reason="no data"))]
)
def test_decisions_are_those_of_rust(rust: str, bundle: Path, table: Path) -> None:
    own, other = ([json.loads(line) for line in run(bundle, table).stdout.splitlines()] for run in (node, _rust(rust)))
    assert len(own) == len(other) >= 60
    for one, two in zip(own, other, strict=True):
        assert list(one) == list(two)
        assert {name: one[name] for name in one if name not in NUMBERS} == {
            name: two[name] for name in two if name not in NUMBERS
        }
        assert abs(one["decision"] - two["decision"]) <= 1e-4


def _rust(program: str):
    return lambda *words, text=None: predict(program, *words, text=text)


def without_numbers(text: str) -> str:
    """Decimals and their bits replaced: every other byte stays."""
    return re.sub(r'-?\d+\.\d+(e-?\d+)?|"[0-9a-f]{16}"', "N", text)


@pytest.mark.parametrize("shape", ["jsonl", "csv"])
@pytest.mark.parametrize("on_error", ["stop", "skip", "report"])
def test_bad_records_are_told_alike(rust: str, bundle: Path, shape: str, on_error: str) -> None:
    words = (bundle, "-", "--format", shape, "--on-error", on_error)
    own, other = (run(*words, text=BAD) for run in (node, _rust(rust)))
    assert own.returncode == other.returncode == (on_error == "stop")
    assert without_numbers(own.stdout) == without_numbers(other.stdout)
    # Rust puts a remedy of its own behind the message, JavaScript on a line: none here.
    assert own.stderr == other.stderr


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_bad_record_of_a_csv_is_told_by_its_line_on_one_line(
    rust: str, bundle: Path, tmp_path: Path, end: str
) -> None:
    table = tmp_path / "table.csv"
    table.write_text(end.join(["", "id,sequence", "", "fine,MKL", "", '"two\nlines",', ""]), newline="")
    for run in (node, _rust(rust)):
        done = run(bundle, table)
        assert done.returncode == 1
        assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["fine"]
        assert "(table.csv): line 6 (two\\u000alines): SEQUENCE_EMPTY: " in done.stderr.splitlines()[-1]


def test_csv_is_a_table_with_the_decisions_of_json(bundle: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(node(bundle, DEMO, "--format", "csv").stdout)))
    lines = [json.loads(line) for line in node(bundle, DEMO).stdout.splitlines()]
    assert [float(row["decision"]) for row in rows] == [line["decision"] for line in lines]
    assert [row["predicted_label"] for row in rows] == [str(line["label"]) for line in lines]


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
def test_a_bad_table_is_refused_in_the_same_words(
    rust: str, bundle: Path, tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_bytes(text.encode(errors="surrogateescape"))
    own, other = (run(bundle, tmp_path / name) for run in (node, _rust(rust)))
    assert (own.returncode, own.stderr) == (other.returncode, other.stderr)
    assert without_numbers(own.stdout) == without_numbers(other.stdout)
    assert f"DATA ({name}): " in own.stderr
    assert message in own.stderr


@pytest.mark.parametrize(
    "words, status, message",
    [
        (("--threshold", "2"), 1, "THRESHOLD (threshold)"),
        (("--assay-type", "x"), 1, "ASSAY_TYPE (assay_type)"),
        (("--format", "xml"), 2, "--format: found xml, expected jsonl or csv"),
        (("--on-error", "x"), 2, "--on-error: found x, expected stop or skip or report"),
        (("--batch-size", "0"), 2, "--batch-size: found 0"),
    ],
)
def test_a_wrong_option_is_refused(bundle: Path, words: tuple[str, ...], status: int, message: str) -> None:
    done = node(bundle, "-", *words, text=">a\nMK\n")
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr


def test_without_the_runtime_the_command_says_what_to_install(bundle: Path, tmp_path: Path) -> None:
    """A copy of the package with no packages beside it."""
    shutil.copytree(CLI.parent, tmp_path / "src")
    shutil.copy(CLI.parents[1] / "package.json", tmp_path)
    command = ["node", str(tmp_path / "src/cli.js"), "predict", str(bundle), "-"]
    done = subprocess.run(command, input=">a\nMK\n", capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("plmhead: RUNTIME (onnxruntime-node): ")
    assert "npm install onnxruntime-node" in done.stderr
