"""make docs counts what ran, and sees what a built page should not have."""

from __future__ import annotations

import pytest
from tools import docs


def test_blocks_are_counted_from_the_report(tmp_path):
    report = tmp_path / "junit.xml"
    report.write_text(
        '<testsuites><testsuite><testcase name="test_block[a]"/><testcase name="test_block[b]"><skipped/></testcase>'
        '<testcase name="test_block[c]"><failure/></testcase><testcase name="test_service[d]"/><testcase name="test_else"/>'
        '<testcase name="test_other"><error/></testcase></testsuite></testsuites>'
    )
    assert docs.count(report) == (2, 1, 2)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('<script src="https://example.org/x.js"></script>', "loads https://example.org/x.js"),
        ('<link rel="stylesheet" href="//example.org/x.css">', "loads //example.org/x.css"),
        ('<a href="missing.html">x</a>', "missing.html, which is not there"),
        ('<a href="#nowhere">x</a>', "#nowhere, a heading that is not there"),
        ('<a href="page.html#here" id="here">x</a><a href="https://example.org">y</a>', None),
    ],
)
def test_faults_of_a_page(tmp_path, text, fault):
    (tmp_path / "page.html").write_text(text)
    faults = docs.site_faults(tmp_path)
    assert len(faults) == (fault is not None)
    assert all(fault in each for each in faults)


def test_a_style_that_loads_from_elsewhere_is_told(tmp_path):
    (tmp_path / "a.css").write_text("@import url('https://example.org/x.css');")
    (tmp_path / "b.css").write_text("a { background: url(data:image/svg+xml,http://www.w3.org/2000/svg) }")
    assert docs.site_faults(tmp_path) == ["a.css loads from elsewhere"]


def test_a_tool_that_fails_is_a_warning():
    assert docs.tool("sh", "-c", "echo page.md:3: WARNING: no such file >&2; exit 1") == [
        "page.md:3: WARNING: no such file"
    ]
    assert docs.tool("false") == ["false"]
    assert docs.tool("true") == []
