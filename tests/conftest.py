"""Fixtures that several test files share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

# A busy machine must not fail a test: no test asserts seconds.
hypothesis.settings.register_profile("plmhead", deadline=None)
hypothesis.settings.load_profile("plmhead")

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"


def pytest_terminal_summary(terminalreporter):
    """Says under which versions the tests ran; several environments run them."""
    import platform

    import numpy as np
    import sklearn

    versions = f"Python {platform.python_version()}, numpy {np.__version__}, scikit-learn {sklearn.__version__}"
    terminalreporter.write_line(f"ran under {versions}")


@pytest.fixture(scope="session")
def twelve_fields() -> list[str]:
    """The names that version 0 has at the root of its config."""
    fitted = ["model_type", "sklearn_version", "C", "penalty", "solver", "class_weight", "max_iter", "random_state"]
    return [*fitted, "esm_model", "esm_revision", "batch_size", "device"]


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real sequences and a published head; they are not part of the project."""
    folder = SHARED / "data"
    if not folder.exists():
        pytest.skip("needs ../shared/data, which is not part of the project")
    return folder


@pytest.fixture(scope="session")
def plmhead_command() -> list[str]:
    return [sys.executable, "-m", "plmhead"]


@pytest.fixture
def run(plmhead_command):
    """Runs the Python command line; the completed process, with text."""

    def runner(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*plmhead_command, *map(str, arguments)], capture_output=True, text=True, timeout=120, **options
        )

    return runner
