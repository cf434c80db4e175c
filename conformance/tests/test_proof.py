"""The tables of planted bugs and of rejection sites fit the loaders as they are: `make conformance-proof` itself takes long."""

import re

import pytest

from conformance.proof import __main__ as proof
from conformance.proof import deletions


def test_every_planted_bug_fits(capsys: pytest.CaptureFixture[str]) -> None:
    assert proof.main(["--check"]) == 0
    found = re.search(
        r"(\d+) distinct bugs fit \(python (\d+), rust (\d+), javascript (\d+)\)", capsys.readouterr().out
    )
    assert found is not None
    distinct, *languages = map(int, found.groups())
    assert distinct >= 60
    assert min(languages) >= 40


def test_every_rejection_site_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert deletions.main(["--check"]) == 0
    assert "sites" in capsys.readouterr().out
