"""The runner judged by fake testees: each kind of bad loader gets the verdict it deserves."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from conformance import run, selftest

FAKE = f"{sys.executable} {selftest.FAKES}"
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


@pytest.mark.parametrize("due", selftest.VERDICTS, ids=lambda due: f"{due.mode}-{due.only}")
def test_a_wrong_testee_gets_its_verdict(due: selftest.Verdict) -> None:
    assert selftest.difference(due) is None


def test_the_selftest_sees_a_wrong_verdict(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    honest = selftest.Verdict("honest", "base/plain", run.FAILED, "fail", "")
    monkeypatch.setattr(selftest, "VERDICTS", (honest, selftest.Verdict("accept", "base/plain", run.PASSED, "", "", 1)))
    assert selftest.main() == 1
    assert capsys.readouterr().out.splitlines()[-1] == "selftest: 2 testees, 0 verdicts as expected"


def test_offsets_are_not_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert judged(capsys, "off-by-where", "zip-layout/gap")[0] == 0


def test_a_broken_greeting_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = judged(capsys, "other-protocol", "base/plain")
    assert status == 2
    assert any(line.startswith("BROKEN") and "hello was answered" in line for line in lines), lines


def test_endless_crashes_are_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = judged(capsys, "crash", "zip-name/")
    assert status == 2
    assert any("given up after 10 restarts" in line for line in lines)
    assert any(", 26 not run, " in line for line in lines), lines


def test_nothing_ran_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert judged(capsys, "skip")[0] == 2
    assert judged(capsys, "honest", "no-such-area/")[0] == 2
    assert run.main(["--testee", "/no/such/program", "--only", "base/"]) == 2


def test_several_testees(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, lines = judged(capsys, "honest", "base/", "--testee", f"{FAKE} reject")
    assert status == 1
    assert "7 failed" in lines[-2]
    assert lines[-1] == "conformance: 7 cases, 2 loaders, 7 failures"


KNOWN = """
[[failure]]
id = "{id}"
reason = "a reason"
issue = "https://example.org/1"
{more}
"""


@pytest.mark.parametrize(
    ("mode", "case", "more", "status", "words"),
    [
        ("reject", "base/plain", "", 0, "0 passed, 0 failed, 0 skipped, 1 failed as known"),
        ("crash", "base/plain", "", 0, "1 failed as known"),
        ("reject", "base/plain", 'testee = "fake-reject-python"', 0, "1 failed as known"),
        ("reject", "base/plain", 'testee = "another-python"', 1, "refused: ZIP_CRC"),
        ("honest", "base/plain", "", 1, "passes, but is listed as a known failure: a reason"),
        ("honest", "base/no-such-case", "", 1, "FAIL base/no-such-case is listed as a known failure, but is no case"),
        ("garbage", "base/plain", "", 2, "not JSON"),
        ("skip", "base/plain", "", 2, "1 skipped"),
    ],
)
def test_known_failures(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, mode: str, case: str, more: str, status: int, words: str
) -> None:
    path = tmp_path / "known.toml"
    path.write_text(KNOWN.format(id=case, more=more))
    got, lines = judged(capsys, mode, "base/plain", "--known-failures", str(path))
    assert got == status, lines
    assert any(words in line for line in lines), lines


@pytest.mark.parametrize(
    "text",
    [
        "[[failure]]\nid = 'a'\nreason = 'b'\n",
        "[[failure]]\nid = 'a'\nreason = 'b'\nissue = ''\n",
        "[[failure]]\nid = 'a'\nreason = 'b'\nissue = 1\n",
        KNOWN.format(id="a", more="since = 'May'"),
        KNOWN.format(id="a", more="") * 2,
        "[failures]\n",
        "failure = 1\n",
        "failure = [1]\n",
        "no toml",
    ],
)
def test_a_wrong_list_of_known_failures_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "known.toml"
    path.write_text(text)
    with pytest.raises(SystemExit) as stop:
        run.main(["--testee", "x", "--known-failures", str(path)])
    assert stop.value.code == 2


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is sampled from /proc")
def test_memory_is_that_of_the_whole_tree(capsys: pytest.CaptureFixture[str]) -> None:
    wrapped = f"sh -c '{FAKE} memory; exit 0'"
    status = run.main(["--testee", wrapped, "--only", "base/plain", "--max-memory", "100"])
    assert status == 1
    assert "MiB resident, 100 are allowed" in capsys.readouterr().out


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
