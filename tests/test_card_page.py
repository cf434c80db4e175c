"""The card's page: plots that stay inside their frames, colours that can be read, and how a browser shows it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from html import escape
from pathlib import Path
from xml.etree import ElementTree

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from plmhead.card import plots
from plmhead.metrics import Curve, curves

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
REPOSITORY = Path(__file__).resolve().parents[1]
RNG = np.random.default_rng(13)


# --- plots


@hypothesis.given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=700),
    st.lists(st.floats(0, 1), max_size=5),
)
@hypothesis.settings(max_examples=50)
def test_every_mark_lies_inside_its_plot(points, thresholds):
    x, y = (np.array(column) for column in zip(*points, strict=True))
    marks = [plots.Mark("A", t, t, 1 - t, None) for t in thresholds]
    one = {"rows": 3, "mean_probability": float(x[0]), "observed": float(y[0])}
    drawn = [
        plots.roc([Curve(x, y)] * 7, marks),
        plots.precision_recall([Curve(x, y)], [0.5], marks),
        plots.calibration([one], [(0.0, 1.0)]),
        plots.histogram(x, y[:0], marks),
    ]
    for svg in drawn:
        root = ElementTree.fromstring(f"<svg>{svg}</svg>")
        for element in root.iter():
            for point in (element.get("points") or "").split():
                a, b = map(float, point.split(","))
                assert 0 <= a <= plots.WIDTH
                assert 0 <= b <= plots.HEIGHT
            for name, most in (("x", plots.WIDTH), ("cx", plots.WIDTH), ("y", plots.HEIGHT), ("cy", plots.HEIGHT)):
                assert 0 <= float(element.get(name, 0)) <= most
    assert max(len(e.get("points", "").split()) for e in ElementTree.fromstring(f"<svg>{drawn[0]}</svg>")) <= 300


def test_the_areas_are_those_that_the_page_states():
    from sklearn.metrics import average_precision_score, roc_auc_score

    positive = RNG.uniform(size=90) < 0.3
    p = np.clip(0.3 * positive + RNG.uniform(size=90), 0, 1).round(2)
    roc, precision_recall = curves(positive, p)
    for svg, expected in (
        (plots.roc([roc]), roc_auc_score(positive, p)),
        (plots.precision_recall([precision_recall], []), average_precision_score(positive, p)),
    ):
        line = re.search(r'class="series s0" points="([^"]*)"', svg)
        x, y = np.array([point.split(",") for point in line[1].split()], dtype=float).T
        x, y = (x - plots.LEFT) / (plots.WIDTH - plots.LEFT - plots.RIGHT), plots.HEIGHT - plots.BOTTOM - y
        assert np.trapezoid(y / (plots.HEIGHT - plots.TOP - plots.BOTTOM), x) == pytest.approx(expected, abs=2e-3)


def test_bars_are_shares_of_each_side():
    above, below = RNG.uniform(size=37), RNG.uniform(size=400)
    root = ElementTree.fromstring(f"<svg>{plots.histogram(above, below)}</svg>")
    bars = [element for element in root if element.tag == "rect"]
    for side, values in (("s0", above), ("s1", below)):
        heights = np.array([float(bar.get("height")) for bar in bars if bar.get("class") == f"bar {side}"])
        counts = np.histogram(values, 20, (0, 1))[0]
        assert heights / heights.sum() == pytest.approx(counts[counts > 0] / len(values), abs=0.01)


# --- in a browser


@pytest.fixture(scope="module")
def real_page(tmp_path_factory, plmhead_command) -> Path:
    """The card of a head trained on the real sequences and evaluated on other ones; made sequences where they are absent."""
    folder = tmp_path_factory.mktemp("page")
    antibodies = REPOSITORY.parent / "shared" / "data" / "antibodies"
    made = REPOSITORY / "examples" / "demo_sequences.csv"
    real = antibodies.exists()
    train, test = (antibodies / "boughter_vh_train.csv", antibodies / "shehata_vh_test.csv") if real else (made, made)
    options = ["--assay-threshold", "ELISA=0.5", "--assay-threshold", "PSR=0.5495", "--assay-type", "ELISA"]
    group = ["--group-column", "b_cell_subset"] if real else []
    for command in (
        ["train", "--data", train, "--out", "polyreactivity", "--standardize", "--folds", "5", *options],
        ["card", "polyreactivity", "--data", test, *group, "--license", "apache-2.0"],
    ):
        done = subprocess.run([*plmhead_command, *map(str, command)], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return folder / "polyreactivity.html"


@pytest.fixture(scope="module")
def pictures() -> Path:
    """Where they are kept, to be looked at; git ignores it."""
    folder = REPOSITORY / ".cache" / "card-test"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def browse(profile: Path, *arguments: str) -> tuple[str, str]:
    """Chromium's output, and what the page's console said."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars"]
    command = [str(CHROMIUM), *flags, "--enable-logging=stderr", f"--user-data-dir={profile}", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        out, log = process.communicate(timeout=90)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    return out, "\n".join(line for line in log.splitlines() if "CONSOLE" in line)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize(("scheme", "flag", "ground"), [("light", 1, "246, 247, 249"), ("dark", 0, "18, 22, 28")])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_the_page_without_complaint(real_page, tmp_path, pictures, width, scheme, flag, ground):
    """The page is measured in a frame of that width: headless Chromium has no window narrower than 500 pixels."""
    color = f"--blink-settings=preferredColorScheme={flag}"
    inner = re.sub(
        "<meta http-equiv[^>]*>", "", real_page.read_text(encoding="utf-8")
    )  # lets the frame's parent measure
    outer = tmp_path / "outer.html"
    measure = (
        "onload = () => { const d = frames[0].document, e = d.documentElement; const wide = [...d.querySelectorAll('body *')]"
        ".filter(x => !x.closest('.scroll') && !x.closest('pre') && x.getBoundingClientRect().right > innerWidth + 0.5).length;"
        "document.title = [frames[0].innerWidth, e.scrollWidth - e.clientWidth, wide, e.scrollHeight,"
        "frames[0].getComputedStyle(d.body).backgroundColor].join(';') }"
    )
    frame = f'style="width:{width}px;height:9000px;border:0;display:block"'
    outer.write_text(
        f'<html style="color-scheme: light dark"><body style="margin:0;width:{width}px">'
        f'<iframe srcdoc="{escape(inner)}" {frame}></iframe><script>{measure.replace("innerWidth + 0.5", f"{width}.5")}'
        "</script>",
        encoding="utf-8",
    )
    dom, console = browse(tmp_path / "b", color, "--window-size=1280,900", "--dump-dom", outer.as_uri())
    assert console == ""
    title = re.search("<title>([^<;]*);([^<;]*);([^<;]*);([^<;]*);([^<;]*)</title>", dom)
    assert title
    assert title.groups()[:3] == (str(width), "0", "0"), "the page, or something in it, is wider than the screen"
    assert title[5] == f"rgb({ground})"
    picture = pictures / f"{width}-{scheme}.png"
    window = f"--window-size={max(width, 500)},{min(int(title[4]), 9000)}"
    browse(tmp_path / "c", color, window, f"--screenshot={picture}", outer.as_uri())
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_it_prints(real_page, tmp_path, pictures):
    """The page as it is, its policy against scripts and requests in force."""
    printed = pictures / "card.pdf"
    _, console = browse(tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={printed}", real_page.as_uri())
    assert console == ""
    assert printed.read_bytes().startswith(b"%PDF-")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes())) <= 8


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_text_and_lines_have_contrast_in_every_theme():
    """4.5 to 1 for text and 3 to 1 for the lines of plots, as WCAG AA asks."""
    style = Path(plots.__file__).with_name("style.css").read_text(encoding="utf-8")
    themes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(themes) == 3
    for theme in themes:
        color = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", theme))
        for ink, ground in (("ink", "page"), ("soft", "page"), ("ink", "card"), ("soft", "card"), ("link", "page")):
            assert contrast(color[ink], color[ground]) >= 4.5, (ink, ground)
        assert contrast(color["ink"], color["warn-tint"]) >= 4.5
        for i in range(plots.SERIES):
            assert contrast(color[f"s{i}"], color["card"]) >= 3
