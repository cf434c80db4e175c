"""The runner judged by fake testees: each kind of bad loader gets the verdict it deserves."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from conformance import run

FAKE = f"{sys.executable} {Path(__file__).with_name('fakes.py')}"
SUITE = Path(run.__file__).parent


def judged(capsys: pytest.CaptureFixture[str], mode: str, only: str = "base/", *more: str) -> tuple[int, list[str]]:
    status = run.main(["--testee", f"{FAKE} {mode}", "--only", only, "--timeout", "2", *more])
    return status, capsys.readouterr().out.splitlines()


def test_a_right_testee_passes(capsys: pytest.CaptureFixture[str]) -> None:
    for only in ("base/", "zip-crc/", "input/", "fitted/binary-n8"):
        status, lines = judged(capsys, "honest", only)
        assert status == 0, lines
        assert lines[-1].endswith("1 loaders, 0 failures")
        assert " 0 cases" not in lines[-1]


@pytest.mark.parametrize(
    ("mode", "only", "words"),
    [
        ("accept", "zip-crc/", "accepted, ZIP_CRC was due"),
        ("accept", "base/plain", "describe: format_version is null"),
        ("reject", "base/plain", "refused: ZIP_CRC"),
        ("reject", "zip-name/upper", "ZIP_NAME at null was due"),
        ("crash", "base/plain", "crash: it ended with status 3"),
        ("off-by-where", "root/c-missing", '"/C" was due'),
        ("off-by-describe", "base/plain", "describe: n_features_in is 4.0, 4 was due"),
        ("off-by-decision", "base/plain", "prediction 0: decision[1] is"),
        ("off-by-probability", "base/softmax", "prediction 0: probability[5] is"),
        ("off-by-labels", "base/string", "prediction 0: labels[1] is"),
        ("off-by-count", "base/plain", "decision has 3 values, 2 were due"),
        ("bad-exit", "base/plain", "exit status 5 after shutdown"),
    ],
)
def test_a_wrong_testee_fails(capsys: pytest.CaptureFixture[str], mode: str, only: str, words: str) -> None:
    status, lines = judged(capsys, mode, only)
    failed = [line for line in lines if line.startswith("FAIL ")]
    assert status == 1, lines
    assert failed
    assert all(words in line for line in failed), failed


def test_offsets_are_not_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert judged(capsys, "off-by-where", "zip-layout/gap")[0] == 0


def test_a_hang_is_a_failure_of_the_case(capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = judged(capsys, "hang", "base/plain", "--timeout", "0.5")
    assert status == 1
    assert any("hang: no answer in 0.5 s" in line for line in lines)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("garbage", "not JSON"),
        ("wrong-id", "to request"),
        ("long-line", "more than 60000 bytes"),
        ("other-protocol", "hello was answered"),
    ],
)
def test_a_broken_protocol_is_2(capsys: pytest.CaptureFixture[str], mode: str, words: str) -> None:
    status, lines = judged(capsys, mode, "base/plain")
    assert status == 2, lines
    assert any(words in line for line in lines), lines


def test_endless_crashes_are_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = judged(capsys, "crash", "zip-name/")
    assert status == 2
    assert any("given up after 10 restarts" in line for line in lines)


def test_nothing_ran_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert judged(capsys, "skip")[0] == 2
    assert judged(capsys, "honest", "no-such-area/")[0] == 2
    assert run.main(["--testee", "/no/such/program", "--only", "base/"]) == 2


def test_several_testees(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    status, lines = judged(capsys, "honest", "base/", "--testee", f"{FAKE} reject", "--results", str(results))
    assert status == 1
    records = [json.loads(line) for line in results.read_text().splitlines()]
    assert {record["result"] for record in records} == {"pass", "fail"}
    assert "2 loaders" in lines[-1]


def test_a_damaged_suite_is_3(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shutil.copytree(SUITE / "cases" / "base" / "plain", tmp_path / "cases" / "base" / "plain")
    manifest = json.loads((SUITE / "manifest.json").read_bytes())
    manifest["cases"] = [case for case in manifest["cases"] if case["id"] == "base/plain"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert judged(capsys, "honest", "base/", "--suite", str(tmp_path))[0] == 0
    with (tmp_path / "cases" / "base" / "plain" / "model.npz").open("ab") as file:
        file.write(b"\0")
    status, lines = judged(capsys, "honest", "base/", "--suite", str(tmp_path))
    assert status == 3
    assert "cases/base/plain/model.npz is changed" in lines
    (tmp_path / "manifest.json").write_text("{}")
    assert judged(capsys, "honest", "base/", "--suite", str(tmp_path))[0] == 3


def test_prepend_puts_spaces_first(tmp_path: Path) -> None:
    (tmp_path / "model.npz").write_bytes(b"PK")
    (tmp_path / "model_config.json").write_bytes(b"{}")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    paths = run.prepared(tmp_path, {"prepend": {"config": 3}}, scratch)
    assert Path(paths["config"]).read_bytes() == b"   {}"
    assert Path(paths["npz"]).read_bytes() == b"PK"
