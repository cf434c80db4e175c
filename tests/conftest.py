"""Fixtures that several test files share."""

from __future__ import annotations

import json
import shutil
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


@pytest.fixture(scope="session")
def extractors() -> dict[str, object]:
    """The shipped ESM encoders, run by torch on the CPU."""
    from tests.esm_checkpoints import NAMES

    from plmhead.esm import ESMEmbeddingExtractor

    return {name: ESMEmbeddingExtractor(name, "cpu") for name in NAMES}


@pytest.fixture
def esm_folder(tmp_path):
    """Makes a copy of a shipped checkpoint, with config.json and the tensors changed as asked; None removes."""
    from tests.esm_checkpoints import ESM2, FILES, safetensors_numpy

    def folder(name: str = ESM2, config: dict | None = None, tensors: dict | None = None, at: str = "own-esm") -> Path:
        path = tmp_path / at
        shutil.copytree(FILES / name.split("/")[1], path)
        settings = json.loads((path / "config.json").read_text()) | (config or {})
        (path / "config.json").write_text(json.dumps({k: v for k, v in settings.items() if v is not None}))
        if tensors is not None:
            held = safetensors_numpy.load_file(path / "model.safetensors") | tensors
            held = {key: value for key, value in held.items() if value is not None}
            safetensors_numpy.save_file(held, path / "model.safetensors", metadata={"format": "pt"})
        return path

    return folder


@pytest.fixture
def hub():
    """A hub on the loopback, empty."""
    from tests.hub_server import HubServer

    with HubServer() as server:
        yield server


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """Two pairs of files, `first` and `second`, to push and to fetch."""
    from tests.hub_pairs import make_pairs

    return make_pairs(tmp_path_factory.mktemp("pairs"))
