"""The playground in Chromium, the short way; `make playground-test` is the whole of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PLAYGROUND = Path(__file__).resolve().parents[1] / "js-loader" / "playground"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_bundle_is_scored_in_the_page_and_nothing_leaves_it():
    installed = PLAYGROUND / "node_modules" / ".installed"
    assert installed.exists(), "run: make playground"
    done = subprocess.run(
        ["npm", "run", "--silent", "test:short"], cwd=PLAYGROUND, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout
    counts = {name: int(count) for name, count in re.findall(r"^# (pass|fail) (\d+)", done.stdout, re.MULTILINE)}
    assert (counts["pass"], counts["fail"]) == (3, 0)
