"""Runs every block of the pages and builds the site: python -m tools.docs [--site-only]. Warnings of any tool are failures.

The site lies in build/docs: Sphinx for the pages and Python, rustdoc and TypeDoc beside it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tools.pages import REPOSITORY

SITE = REPOSITORY / "build" / "docs"
CACHE = REPOSITORY / ".cache" / "docs"
TESTS = (
    "tests/test_pages.py",
    "tests/test_services.py",
    "tests/test_first_score.py",
    "tests/test_serve.py::test_block",
)
#: Tests of which each runs one block.
A_BLOCK = ("test_block[", "test_service[", "test_road[")


def run_blocks() -> tuple[int, int, int]:
    """Blocks that ran, blocks that did not, and tests that failed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *TESTS], cwd=REPOSITORY)
        return count(report) if report.exists() else (0, 0, max(done.returncode, 1))


def count(report: Path) -> tuple[int, int, int]:
    ran = left = failed = 0
    for case in ElementTree.parse(report).iter("testcase"):
        bad = case.find("failure") is not None or case.find("error") is not None
        skipped = case.find("skipped") is not None
        failed += bad
        if case.get("name", "").startswith(A_BLOCK):
            left += skipped
            ran += not bad and not skipped
    return ran, left, failed


def tool(*command: str | Path, folder: Path = REPOSITORY, **environment: str) -> list[str]:
    """The warnings of a tool; where it fails without one, what it said."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1", **environment}
    )
    said = (done.stdout + done.stderr).splitlines()
    warnings = [line for line in said if re.search(r"\b(warning|error)\b", line, re.IGNORECASE)]
    return (warnings or said or [words[0]]) if done.returncode else []


def sphinx() -> list[str]:
    shutil.rmtree(SITE, ignore_errors=True)
    options = ("--fail-on-warning", "--keep-going", "--fresh-env", "-q", "-b", "html")
    return tool(sys.executable, "-m", "sphinx", *options, "-c", "docs", "-d", CACHE / "doctrees", ".", SITE)


def rustdoc() -> list[str]:
    target = REPOSITORY / "rust-loader" / "target" / "docs"
    shutil.rmtree(target / "doc", ignore_errors=True)
    options = (
        "--quiet",
        "--no-deps",
        "--locked",
        "--lib",
        "--manifest-path",
        "rust-loader/Cargo.toml",
        "--target-dir",
        target,
    )
    wrong = tool("cargo", "doc", *options, RUSTDOCFLAGS="-D warnings")
    if not wrong:
        shutil.copytree(target / "doc", SITE / "reference" / "rust", ignore=shutil.ignore_patterns(".*"))
    return wrong


def typedoc() -> list[str]:
    types = tool("npm", "run", "--silent", "build:types", folder=REPOSITORY / "js-loader")
    folder = REPOSITORY / "docs" / "typedoc"
    return types or tool("node_modules/.bin/typedoc", "--out", SITE / "reference" / "javascript", folder=folder)


def links(page: Path) -> tuple[list[str], list[str]]:
    """What a page loads by itself, and what it links to."""
    text = page.read_text(encoding="utf-8")
    tags = re.findall(r"<(a|link|script|img|iframe|source|object)\b([^>]*)>", text)
    loads, leads = [], []
    for tag, attributes in tags:
        for _, address in re.findall(r'\b(src|href|data)="([^"]*)"', attributes):
            (leads if tag == "a" else loads).append(address)
    return loads, leads


def site_faults(site: Path) -> list[str]:
    """Pages that load something from elsewhere, or link to a file or heading of the site that is not there."""
    faults = []
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    for page in pages:
        loads, leads = links(page)
        name = page.relative_to(site)
        faults += [f"{name} loads {address}" for address in loads if urlsplit(address).netloc]
        if "reference/" in name.as_posix():  # made by tools that check their own links
            continue
        for address in {*loads, *leads}:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not target.exists():
                faults.append(f"{name} links to {address}, which is not there")
            elif parts.fragment and target in pages and f'id="{unquote(parts.fragment)}"' not in pages[target]:
                faults.append(f"{name} links to {address}, a heading that is not there")
    for style in site.rglob("*.css"):
        if re.search(r"(@import\s*|url\()[\"']?(https?:)?//", style.read_text(encoding="utf-8")):
            faults.append(f"{style.relative_to(site)} loads from elsewhere")
    return faults


def main(site_only: bool) -> int:
    ran, left, failed = (0, 0, 0) if site_only else run_blocks()
    warnings = [*sphinx(), *rustdoc(), *typedoc()]
    warnings += site_faults(SITE) if SITE.exists() else ["there is no site"]
    for warning in warnings:
        print(f"docs: {warning}")
    apart = f", {left} not run here" if left else ""
    broken = f", {failed} failed" if failed else ""
    print(f"docs: {ran} blocks run{apart}{broken}, {len(warnings)} warnings")
    return 1 if warnings or failed or not (ran or site_only) else 0


if __name__ == "__main__":
    sys.exit(main("--site-only" in sys.argv[1:]))
