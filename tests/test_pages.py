"""Every block of the pages runs as written, in one folder, in the order of the page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.hub_server import WRITER, HubServer

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/migration.md", "docs/interop.md", "docs/hub.md")
#: What the blocks of a page import beside plmhead[train].
NEEDS = {"docs/interop.md": ("onnx", "skl2onnx"), "docs/hub.md": ("huggingface_hub",)}
BLOCKS = [
    (page, language, block)
    for page in PAGES
    for language, block in re.findall(
        r"^```(\w+)\n(.*?)^```$", (REPOSITORY / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
]


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """What the page on hubs needs, and a hub on the loopback to give it."""
    with HubServer(lfs=False) as server:
        home = str(tmp_path_factory.mktemp("hub"))
        yield {"HF_ENDPOINT": server.url, "HF_TOKEN": WRITER, "HF_HOME": home}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a reader would work: the examples at hand, the JavaScript package installed."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("examples", "configs"):
        (folder / name).symlink_to(REPOSITORY / name)
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "plmhead").symlink_to(REPOSITORY / "js-loader")
    return folder


def call(command: list[str], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=600, env={**os.environ, **environment}
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def run_python(block: str, folder: Path) -> None:
    call([sys.executable, "-W", "error", "-c", block], folder)


def run_javascript(block: str, folder: Path) -> None:
    (folder / "block.mjs").write_text(block)
    assert "Float64Array" in call(["node", "block.mjs"], folder)


def run_rust(block: str, folder: Path) -> None:
    project = folder / "block"
    (project / "src").mkdir(parents=True)
    manifest = '[package]\nname = "block"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n'
    (project / "Cargo.toml").write_text(f'{manifest}plmhead = {{ path = "{REPOSITORY / "rust-loader"}" }}\n')
    shutil.copy(REPOSITORY / "rust-loader" / "Cargo.lock", project)  # the locked versions, already fetched
    (project / "src" / "main.rs").write_text(block)
    target = REPOSITORY / "rust-loader" / "target" / "readme"
    call(
        ["cargo", "build", "--quiet", "--manifest-path", str(project / "Cargo.toml")],
        folder,
        CARGO_TARGET_DIR=str(target),
    )
    assert call([str(target / "debug" / "block")], folder).startswith("[")


def run_install(block: str, folder: Path) -> None:
    """Installs into an empty environment, as a reader would in a clone."""
    call([sys.executable, "-m", "venv", "empty"], folder)
    call(["bash", "-ec", block], REPOSITORY, PATH=f"{folder / 'empty/bin'}:{os.environ['PATH']}")
    script = "import plmhead, sklearn, onnxruntime; from plmhead.errors import spec_text; print(len(spec_text('errors.json')))"
    assert int(call([str(folder / "empty/bin/python"), "-c", script], folder)) > 1000


def run_shell(block: str, folder: Path) -> object:
    if "pip install" in block:
        return run_install(block, folder)
    if "make " in block:
        # The one stand-in: a file of the reader's own.
        shutil.copy(REPOSITORY / "examples" / "demo_sequences.csv", folder / "your_sequences.csv")
        block = block.replace("your_sequences.csv", str(folder / "your_sequences.csv"))
        assert block.count("\n") == call(["bash", "-ec", block], REPOSITORY, MAKEFLAGS="").count(" values differ")
        return None
    return call(["bash", "-ec", block], folder, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


RUNNERS = {"python": run_python, "js": run_javascript, "rust": run_rust, "sh": run_shell}


@pytest.mark.parametrize(
    ("page", "language", "block"), BLOCKS, ids=[f"{i}-{b[0]}-{b[1]}" for i, b in enumerate(BLOCKS)]
)
def test_block(page, language, block, folder, request, monkeypatch):
    if "train_model" in block:
        pytest.importorskip("torch", reason="needs torch: pip install 'plmhead[torch]'")
    for name in NEEDS.get(page, ()):
        pytest.importorskip(name)
    if page == "docs/hub.md":
        for name, value in request.getfixturevalue("hub").items():
            monkeypatch.setenv(name, value)
    RUNNERS[language](block, folder)


def test_every_language_is_shown():
    assert {language for page, language, _ in BLOCKS if page == "README.md"} == set(RUNNERS)
