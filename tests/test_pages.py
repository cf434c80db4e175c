"""Every block of the pages runs as written, in one folder, in the order of the page."""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import threading
import urllib.parse

import numpy as np
import pytest
from tests.hub_server import WRITER, HubServer
from tools import pages
from tools.pages import REPOSITORY

#: In this order: later ones use what README makes.
PAGES = (
    *("README.md", "docs/migration.md", "docs/interop.md", "docs/hub.md"),
    *(
        "docs/train.md",
        "docs/embed.md",
        "docs/scale.md",
        "docs/encoders.md",
        "docs/rust.md",
        "docs/javascript.md",
        "docs/encode-javascript.md",
        "docs/cpp.md",
        "docs/loader.md",
        "docs/errors.md",
    ),
    *("docs/command-line.md", "rust-loader/README.md", "js-loader/README.md"),
)
#: What the blocks of a page import beside plmhead[train].
NEEDS = {
    "docs/embed.md": ("pyarrow",),
    "docs/scale.md": ("pyarrow",),
    "docs/interop.md": ("onnx", "skl2onnx"),
    "docs/hub.md": ("huggingface_hub",),
}
#: Pages whose blocks another file of tests runs.
ELSEWHERE = {"docs/serve.md"}
BLOCKS = [block for page in PAGES for block in pages.blocks(page)]


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """What the page on hubs needs, and a hub on the loopback to give it."""
    with HubServer(lfs=False) as server:
        home = str(tmp_path_factory.mktemp("hub"))
        yield {"HF_ENDPOINT": server.url, "HF_TOKEN": WRITER, "HF_HOME": home}


@pytest.fixture
def browser(folder):
    """A web server for the folder, and a browser's rule for addresses: relative ones are those of the page."""
    handler = functools.partial(QuietHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}/"
        rule = f"const own = fetch; globalThis.fetch = (name) => own(new URL(name, '{base}'))"
        yield {"NODE_OPTIONS": f"--import=data:text/javascript,{urllib.parse.quote(rule)}"}
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a reader would work: the examples at hand, the JavaScript package installed."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("examples", "configs", "rust-loader", "conformance"):
        (folder / name).symlink_to(REPOSITORY / name)
    (folder / "node_modules/.bin").mkdir(parents=True)
    (folder / "node_modules/plmhead").symlink_to(REPOSITORY / "js-loader")
    (folder / "node_modules/.bin/plmhead").symlink_to("../plmhead/src/cli.js")
    pairs_of_the_loaders(folder)
    return folder


def pairs_of_the_loaders(folder):
    """The pairs and rows that the pages of the Rust and JavaScript packages name."""
    from sklearn.linear_model import LogisticRegression

    import plmhead

    X = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    estimator = LogisticRegression().fit(X, X[:, 0] > 0)
    (folder / "models").mkdir()
    for name in ("model", "models/boughter"):
        plmhead.save(estimator, folder / name, assay_thresholds={"PSR": 0.6}, quiet=True)
    np.save(folder / "X.model.npy", X)


@pytest.mark.parametrize(
    "block", BLOCKS, ids=[f"{number}-{block.page}-{block.language}" for number, block in enumerate(BLOCKS)]
)
def test_block(block, folder, request):
    if "train_model" in block.text:
        pytest.importorskip("torch", reason="needs torch: pip install 'plmhead[torch]'")
    for name in NEEDS.get(block.page, ()):
        pytest.importorskip(name)
    if block.page == "js-loader/README.md" and "X.npy" in block.text:
        shutil.copy(folder / "X.model.npy", folder / "X.npy")
    environment = request.getfixturevalue("hub") if block.page == "docs/hub.md" else {}
    if "fetch(name)" in block.text and "in a browser:" not in block.text:
        environment = request.getfixturevalue("browser")
    pages.run(block, pages.Reader(folder, environment=environment))


def test_every_language_is_shown():
    assert {block.language for block in BLOCKS if block.page == "README.md"} == set(pages.PRINTED) | {"sh"}


def test_no_page_of_the_site_has_a_block_that_nobody_runs():
    shown = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "docs").glob("*.md")}
    for page in shown | {"README.md", "SECURITY.md", "CONTRIBUTING.md", "conformance/README.md", "spec/v1/SPEC.md"}:
        fences = re.findall(r"^```(\w+)", (REPOSITORY / page).read_text(encoding="utf-8"), re.MULTILINE)
        assert page in PAGES or page in ELSEWHERE or set(fences) <= pages.NOT_CODE, page
        assert set(fences) <= pages.NOT_CODE | set(pages.RUNNERS), page


def test_a_block_that_fails_is_told(tmp_path):
    with pytest.raises(AssertionError, match="exit code 1"):
        pages.run(pages.Block("page.md", "python", "raise SystemExit(1)"), pages.Reader(tmp_path))
    with pytest.raises(AssertionError, match="exit code 127"):
        pages.run(pages.Block("page.md", "sh", "no-such-command\ntrue"), pages.Reader(tmp_path))
