"""What is written about a run: every file agrees with the outcomes, and a testee's words cannot become markup."""

import contextlib
import hashlib
import html
import html.parser
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from conformance import matrix, report, run, selftest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FAKE = f"{sys.executable} {selftest.FAKES}"
KNOWN = """
[[failure]]
id = "base/plain"
reason = "<b>known</b>"
issue = "https://example.org/1"
testee = "fake-half-python"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which one testee is right, one wrong in every value and one, on its one case, as known."""
    out = tmp_path_factory.mktemp("report")
    (out / "known.toml").write_text(KNOWN)
    testees = [
        word for mode in ("honest", "off-by-decision", "half", "skip") for word in ("--testee", f"{FAKE} {mode}")
    ]
    options = ["--only", "base/", "--known-failures", str(out / "known.toml"), "--results", str(out)]
    assert run.main([*testees, *options]) == 2
    return out


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_results(folder: Path) -> None:
    header, *cases, footer = lines(folder)
    assert header["record"] == "header"
    assert header["manifest_sha256"] == hashlib.sha256((run.HERE / "manifest.json").read_bytes()).hexdigest()
    assert [testee["key"] for testee in header["testees"]][:2] == ["fake-honest-python", "fake-off-by-decision-python"]
    assert len(cases) == 4 * header["cases"]
    assert footer["exit"] == 2
    for key, counts in footer["testees"].items():
        for name in report.RESULTS:
            assert counts[name] == sum(case["testee"] == key and case["outcome"] == name for case in cases)
        assert counts["not_run"] == 0
    failed = next(case for case in cases if case["id"] == "base/plain" and case["outcome"] == "fail")
    assert failed["values"][0]["name"] == "decision[1]"
    assert failed["values"][0]["row"] == 1
    assert int(failed["values"][0]["got"], 16) ^ int(failed["values"][0]["expected"], 16) == 1
    assert failed["why"]


def test_known_failures_are_told_apart(folder: Path) -> None:
    cases = [line for line in lines(folder) if line.get("testee") == "fake-half-python"]
    assert {case["outcome"] for case in cases} == {"xfail", "fail"}
    assert next(case for case in cases if case["outcome"] == "xfail")["known"]["reason"] == "<b>known</b>"


def test_junit(folder: Path) -> None:
    suites = list(ElementTree.parse(folder / "junit.xml").getroot())
    assert [suite.get("tests") for suite in suites] == ["7", "7", "7", "8"]
    assert [suite.get("failures") for suite in suites] == ["0", "7", "6", "0"]
    assert [suite.get("errors") for suite in suites] == ["0", "0", "0", "1"]
    lost = suites[3].find("testcase/error")
    assert lost is not None
    assert lost.get("message") == "0 of 7 cases were executed."
    assert [len(suite.findall("testcase/failure")) for suite in suites] == [0, 7, 6, 0]
    assert [len(suite.findall("testcase/skipped")) for suite in suites] == [0, 0, 1, 7]


def test_badges(folder: Path) -> None:
    badges = {path.name: json.loads(path.read_text()) for path in folder.glob("badge-*.json")}
    assert len(badges) == 4
    assert badges["badge-fake-honest-python.json"]["message"] == "strict 7/7, only base/"
    assert badges["badge-fake-honest-python.json"]["color"] == "lightgrey"
    assert badges["badge-fake-skip-python.json"]["message"] == "strict 0/7, 7 skipped, only base/"
    assert badges["badge-fake-skip-python.json"]["color"] == "red"


def a_report(result: str, total: int = 1) -> report.TesteeReport:
    outcome = report.Outcome("base/plain", result, "detail")
    return report.TesteeReport(total, "name", outcomes=[report.Outcome("base/full", "pass"), outcome])


@pytest.mark.parametrize(
    ("result", "total", "color"),
    [
        ("pass", 2, "brightgreen"),
        ("skip", 2, "yellow"),
        ("xfail", 2, "yellow"),
        ("xpass", 2, "red"),
        ("pass", 3, "red"),
    ],
)
def test_the_colour_of_a_badge(result: str, total: int, color: str) -> None:
    suite = report.Suite("1", "0" * 64, "strict", "", ["base/x"] * total, total, [], 0)
    assert json.loads(report.badge(suite, a_report(result, total)))["color"] == color


def test_summary(folder: Path) -> None:
    text = (folder / "summary.md").read_text()
    headline = "incomplete: fake skip 0 (python) executed 0 of 7 cases; 13 failures"
    assert text.startswith(f"# Conformance: {headline}\n")
    assert "| fake honest 0 (python) | 7 | 0 | 0 | 0 | 0 |" in text


def test_two_testees_of_one_name_keep_their_files_apart(tmp_path: Path) -> None:
    run.main(
        ["--testee", f"{FAKE} honest", "--testee", f"{FAKE} honest", "--only", "base/plain", "--results", str(tmp_path)]
    )
    assert sorted(path.name for path in tmp_path.glob("badge-*")) == [
        "badge-fake-honest-python-2.json",
        "badge-fake-honest-python.json",
    ]


def test_a_testees_words_stay_words(tmp_path: Path) -> None:
    evil = "</td><script>x</script>|\ud800\x00\x1b[2J`"
    bad = report.TesteeReport(1, "name")
    testee = {"name": evil, "version": evil, "language": "../.."}
    bad.said({"protocol": 1, "testee": testee, "format_versions": ["0"], "profiles": ["strict"]})
    values = ({"name": "decision[0]", "got": '"<i>"', "expected": "0" * 16},)
    outcome = report.Outcome("base/plain", "fail", report.printable(evil), got=report.printable(evil), values=values)
    bad.outcomes.append(outcome)
    suite = report.Suite("1", "0" * 64, "strict", "", ["base/plain"], 1, [], 1)
    report.write(tmp_path, suite, [bad])
    page = (tmp_path / "matrix.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<i>" not in page
    ElementTree.parse(tmp_path / "junit.xml")
    assert bad.key == "td-script-x-script-2j"
    assert "\x1b" not in (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "<script" not in (tmp_path / "summary.md").read_text(encoding="utf-8").replace(r"\<", "")


@pytest.mark.parametrize(
    ("got", "expected", "words"),
    [
        ("3fe0000000000001", "3fe0000000000000", ": 1 ULP apart"),
        ("8000000000000001", "0000000000000001", ": 2 ULP apart"),
        ("8000000000000000", "0000000000000000", ": only the sign of zero differs"),
        ("bfe0000000000000", "3fe0000000000000", ": far apart"),
        ("null", "3fe0000000000000", ""),
    ],
)
def test_distance(got: str, expected: str, words: str) -> None:
    assert matrix.distance(got, expected) == words


class Page(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        self.ids += [values["id"]] if "id" in values else []
        self.links += [value for name in ("href", "src") if (value := values.get(name)) is not None]


def test_the_page_needs_nothing_else_and_its_links_lead_somewhere(folder: Path) -> None:
    text = (folder / "matrix.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert len(page.ids) == len(set(page.ids))
    inner = [link for link in page.links if link != "data:,"]
    assert inner
    assert all(link.startswith("#") and link[1:] in page.ids for link in inner)
    assert not {"script", "img", "iframe", "object"} & set(page.tags)
    assert not re.search(r"url\(|@import|https?://(?!example\.org/1)", text)
    assert "decision[1], row 1: 1 ULP apart" in text
    assert "&lt;b&gt;known&lt;/b&gt;" in text


def dump(url: str, profile: Path, width: int) -> tuple[str, str]:
    """(the DOM, what the browser's console said)."""
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--enable-logging=stderr",
    ]
    place = [f"--user-data-dir={profile}", f"--window-size={width},900", "--dump-dom", url]
    process = subprocess.Popen(
        [CHROMIUM, *flags, *place], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        return process.communicate(timeout=90)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_the_page_without_complaint(folder: Path, tmp_path: Path, width: int) -> None:
    """Every disclosure is opened and measured from a frame around the page, which itself forbids scripts."""
    text = (folder / "matrix.html").read_text(encoding="utf-8")
    dom, log = dump((folder / "matrix.html").as_uri(), tmp_path / "a", width)
    assert "do not conform" in dom
    assert [line for line in log.splitlines() if "CONSOLE" in line] == []
    frame = re.sub("<meta http-equiv[^>]*>", "", text.replace("<details", "<details open"))
    outer = tmp_path / "outer.html"
    # Headless Chromium has no window narrower than 500 pixels; a frame has any width.
    outer.write_text(
        f'<iframe srcdoc="{html.escape(frame)}" style="width:{width}px;height:900px;border:0"></iframe>'
        "<script>onload = () => { const d = frames[0].document; const wide = e => e.scrollWidth - e.clientWidth;"
        "document.title = `${frames[0].innerWidth} ${wide(d.documentElement)} ${wide(d.querySelector('.scroll'))}`; }"
        "</script>",
        encoding="utf-8",
    )
    dom, log = dump(outer.as_uri(), tmp_path / "b", width)
    assert [line for line in log.splitlines() if "CONSOLE" in line] == []
    assert f"<title>{width} 0 0</title>" in dom, "the page or its table of four loaders scrolls sideways"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_link_opens_its_list(folder: Path, tmp_path: Path) -> None:
    dom, _ = dump(f"{(folder / 'matrix.html').as_uri()}#fake-half-python-base", tmp_path, 1280)
    opened = re.findall(r'<details class="[^"]*" open="[^>]*><summary>([^<]*)', dom)
    assert opened == ["fake half 0 (python): "]


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_has_contrast_in_light_and_in_dark() -> None:
    """4.5 to 1, as WCAG AA asks of small text."""
    themes = re.findall(r":root \{(.*?)\}", matrix.TEMPLATE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(themes) == 2
    for theme in themes:
        color = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", theme))
        grounds = {"bad": ["bad-tint"], "warn": ["warn-tint"]}
        for ink in ("ink", "soft", "link", "good", "bad", "warn"):
            for ground in ["page", "card", *grounds.get(ink, [])]:
                low, high = sorted((luminance(color[ink]), luminance(color[ground])))
                assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, ground)
