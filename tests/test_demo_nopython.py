"""What `make demo-nopython` stands on: no Python on the PATH of the runtimes, and a comparison that sees every difference."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conformance.bundle import cases
from tools import nopython
from tools.demo_nopython import compare, in_python

ROWS: nopython.Results = [(0, 1, 0.25), (1, 0, -3.0)]


def test_no_python_is_on_the_path_but_everything_else(tmp_path: Path) -> None:
    path = nopython.path_without_python(tmp_path / "bin")
    assert [shutil.which(name, path=path) for name in ("python", "python3", "pypy3")] == [None, None, None]
    assert shutil.which("sh", path=path)
    if shutil.which("node"):
        script = "console.log(require('child_process').spawnSync('python3').error.code, process.env.PATH)"
        assert nopython.run([nopython.node(), "-e", script], path).split() == ["ENOENT", path]


@pytest.mark.parametrize(
    "other, due",
    [
        (ROWS, (0.0, 0)),
        ([(0, 1, 0.25), (1, 0, -3.5)], (0.5, 0)),
        ([(0, 0, 0.25), (1, 0, -3.0)], (0.0, 1)),
        ([(0, True, 0.25), (1, False, -3.0)], (0.0, 0)),
    ],
)
def test_differences_are_seen(other: nopython.Results, due: tuple[float, int]) -> None:
    assert compare(ROWS, other) == due


@pytest.mark.parametrize("other", [ROWS[:1], [ROWS[1], ROWS[0]], []])
def test_other_rows_are_an_error(other: nopython.Results) -> None:
    with pytest.raises(ValueError, match="rows"):
        compare(ROWS, other)


def test_a_program_that_fails_is_told(tmp_path: Path) -> None:
    path = nopython.path_without_python(tmp_path / "bin")
    with pytest.raises(RuntimeError, match="exit code 1"):
        nopython.run([shutil.which("sh"), "-c", "echo no >&2; exit 1"], path)


@pytest.mark.skipif(
    not (shutil.which("node") and (nopython.REPOSITORY / "js-loader/node_modules/onnxruntime-node").exists()),
    reason="needs node and onnxruntime-node",
)
def test_node_agrees_with_python(tmp_path: Path) -> None:
    bundle = cases.copy(tmp_path / "bundle")
    found = nopython.by_node(bundle, nopython.DEMO, nopython.path_without_python(tmp_path / "bin"))
    far, labels = compare(in_python(bundle, nopython.DEMO), found)
    assert far <= 1e-4
    assert labels == 0
