"""Every block of the pages runs as written, in one folder, in the order of the page."""

from __future__ import annotations

import pytest
from tests.hub_server import WRITER, HubServer
from tools import pages
from tools.pages import REPOSITORY

PAGES = ("README.md", "docs/migration.md", "docs/interop.md", "docs/hub.md")
#: What the blocks of a page import beside plmhead[train].
NEEDS = {"docs/interop.md": ("onnx", "skl2onnx"), "docs/hub.md": ("huggingface_hub",)}
BLOCKS = [block for page in PAGES for block in pages.blocks(page)]


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


@pytest.mark.parametrize(
    "block", BLOCKS, ids=[f"{number}-{block.page}-{block.language}" for number, block in enumerate(BLOCKS)]
)
def test_block(block, folder, request):
    if "train_model" in block.text:
        pytest.importorskip("torch", reason="needs torch: pip install 'plmhead[torch]'")
    for name in NEEDS.get(block.page, ()):
        pytest.importorskip(name)
    environment = request.getfixturevalue("hub") if block.page == "docs/hub.md" else {}
    pages.run(block, pages.Reader(folder, environment=environment))


def test_every_language_is_shown():
    assert {block.language for block in BLOCKS if block.page == "README.md"} == set(pages.RUNNERS)


def test_a_block_that_fails_is_told(tmp_path):
    with pytest.raises(AssertionError, match="exit code 1"):
        pages.run(pages.Block("page.md", "python", "raise SystemExit(1)"), pages.Reader(tmp_path))
    with pytest.raises(AssertionError, match="exit code 127"):
        pages.run(pages.Block("page.md", "sh", "no-such-command\ntrue"), pages.Reader(tmp_path))
