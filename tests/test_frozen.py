"""Format 1.0 does not change: `tools/freeze.py` says what that covers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tools import freeze

REPOSITORY = Path(__file__).resolve().parents[1]


def test_every_promise_is_kept() -> None:
    listed = freeze.frozen()
    assert len([name for name in listed if name.startswith("case ")]) >= 1675
    assert freeze.broken(listed, freeze.promises()) == []


def test_every_case_and_code_is_listed() -> None:
    """A new one is frozen with the release that brings it: `python tools/freeze.py`."""
    assert freeze.promises().keys() == freeze.frozen().keys()


def test_what_changes_or_goes_is_named() -> None:
    listed = {"case a": "1", "case b": "2", "error C": "3"}
    assert freeze.broken(listed, {"case a": "1", "case b": "9", "new": "4"}) == ["case b", "error C"]


def test_a_case_may_be_explained_better_and_not_expect_another_answer(tmp_path: Path) -> None:
    case = {"id": "a", "why": "old words", "kind": "reject", "error": {"code": "ZIP_END"}}
    entry = {"path": ".", "sha256": {"case.json": "-", "model.npz": "0"}}

    def digest(**changes: object) -> str:
        (tmp_path / "case.json").write_text(json.dumps({**case, **changes}))
        return freeze.of_case(tmp_path, entry)

    before = digest()
    assert digest(why="new words") == before
    assert digest(error={"code": "ZIP_NAME"}) != before


def test_freezing_again_changes_nothing() -> None:
    before = freeze.FROZEN.read_bytes()
    done = subprocess.run([sys.executable, "tools/freeze.py"], cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, freeze.FROZEN.read_bytes()) == (0, before), done.stderr
