"""The second oracle finds what is wrong, and shares nothing with what it checks."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance import run

SUITE = Path(run.__file__).parent
FOLDER = SUITE / "oracle2"


def checked(folder: Path) -> tuple[int, list[str]]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node")
    answer = subprocess.run(
        [node, str(FOLDER / "check.js"), str(folder)], capture_output=True, text=True, check=False, timeout=60
    )
    assert not answer.stderr
    return answer.returncode, answer.stdout.splitlines()


def copied(case_id: str, root: Path) -> Path:
    folder = root / "cases" / case_id
    shutil.copytree(SUITE / "cases" / case_id, folder)
    (root / "manifest.json").write_text(json.dumps({"cases": [{"id": case_id, "path": f"cases/{case_id}"}]}))
    return folder


def flipped(bits: str) -> str:
    return f"{int(bits, 16) ^ 1:016x}"


def change_decision(due: dict[str, object]) -> None:
    due["decision"][1] = flipped(due["decision"][1])


def change_probability(due: dict[str, object]) -> None:
    due["probability"][2] = flipped(due["probability"][2])


def change_label(due: dict[str, object]) -> None:
    due["labels"][0] = {"t": "int", "v": "7"}


def drop_label(due: dict[str, object]) -> None:
    due["labels"].pop()


def change_interval(due: dict[str, object]) -> None:
    due["fast"]["probability"][1][1] = flipped(due["fast"]["probability"][1][1])


def change_set(due: dict[str, object]) -> None:
    due["fast"]["labels"][0] = [0, 1, 2]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (change_decision, "predictions/0/decision/1"),
        (change_probability, "predictions/0/probability/2"),
        (change_label, "predictions/0/labels/0"),
        (drop_label, "predictions/0/labels/1"),
        (change_interval, "predictions/0/fast/probability/3"),
        (change_set, "predictions/0/fast/labels/0"),
    ],
)
def test_a_wrong_value_is_found(tmp_path: Path, change: Callable[[dict[str, object]], None], where: str) -> None:
    path = copied("base/softmax", tmp_path) / "case.json"
    status, lines = checked(tmp_path)
    assert status == 0
    assert re.fullmatch(r"oracles: [1-9][0-9]* values, 0 differ", lines[-1])
    case = json.loads(path.read_bytes())
    change(case["predictions"][0])
    path.write_text(json.dumps(case))
    status, lines = checked(tmp_path)
    assert status == 1
    assert len(lines) == 2
    assert lines[0].startswith(f"base/softmax: {where}: ")
    assert lines[1].endswith(" values, 1 differ")


def test_a_wrong_self_test_is_found(tmp_path: Path) -> None:
    path = copied("base/plain", tmp_path) / "model_config.json"
    config = json.loads(path.read_bytes())
    config["self_test"][7]["decision"][0] = flipped(config["self_test"][7]["decision"][0])
    path.write_text(json.dumps(config))
    status, lines = checked(tmp_path)
    assert status == 1
    assert lines[0].startswith("base/plain: self_test/7/decision/0: ")


def test_nothing_compared_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"cases": []}')
    assert checked(tmp_path) == (1, ["oracles: 0 values, 0 differ"])


def test_it_shares_no_code() -> None:
    for path in FOLDER.glob("*.js"):
        sources = re.findall(r"from '([^']+)'", path.read_text(encoding="utf-8"))
        assert all(source.startswith("node:") or (FOLDER / source).is_file() for source in sources), path.name
        assert not any(".." in source for source in sources), path.name
