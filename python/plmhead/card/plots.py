"""The card's plots: numbers in, SVG out. Colours and fonts are the page's (style.css), so that they follow dark mode and print.

By hand, since a plotting library writes fixed colours, letters as outlines, and ten times the bytes. Every string in a plot is
ours: names out of files stand in the figure's legend, which the page escapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..metrics import Curve, Floats

WIDTH, HEIGHT = 420, 340
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 22, 48
SERIES = 6  # colours and dashes of style.css
_MOST_POINTS = 300


class Mark(NamedTuple):
    """A threshold: its letter in the plots, its value, and the rates of labels there (None where undefined)."""

    letter: str
    threshold: float
    false_rate: float | None
    true_rate: float | None
    precision: float | None


def roc(curves: Sequence[Curve], marks: Iterable[Mark] = ()) -> str:
    """True against false positive rate, one curve a class; thresholds as points."""
    parts = [_line([0, 1], [0, 1], "guide"), *_series(curves)]
    parts += _points((m.letter, m.false_rate, m.true_rate) for m in marks)
    return _plot("false positive rate", "true positive rate", parts)


def precision_recall(curves: Sequence[Curve], shares: Sequence[float], marks: Iterable[Mark] = ()) -> str:
    """Precision against recall; the dotted line is the share of the class, which guessing reaches."""
    parts = [_line([0, 1], [share, share], "guide") for share in shares] + _series(curves, steps=True)
    parts += _points((m.letter, m.true_rate, m.precision) for m in marks)
    return _plot("recall", "precision", parts)


def calibration(bins: Sequence[dict[str, Any]], ends: Sequence[tuple[float, float]]) -> str:
    """Observed share against mean probability of each filled bin, with the ends of its interval; areas are numbers of rows."""
    largest = max(one["rows"] for one in bins)
    x = [one["mean_probability"] for one in bins]
    y = [one["observed"] for one in bins]
    parts = [_line([0, 1], [0, 1], "guide")]
    parts += [_line([at, at], list(pair), "error") for at, pair in zip(x, ends, strict=True)]
    parts.append(_line(x, y, "series s0 thin"))
    for one in bins:
        radius = 3 + 6 * (one["rows"] / largest) ** 0.5
        cx, cy = _x(one["mean_probability"]), _y(one["observed"])
        parts.append(f'<circle class="dot s0" cx="{cx:.1f}" cy="{cy:.1f}" r="{radius:.1f}"/>')
    return _plot("mean probability", "observed share", parts)


def histogram(above: Floats, below: Floats, marks: Iterable[Mark] = (), bins: int = 20) -> str:
    """Probabilities (m,) of two sets of rows, one above the axis and one below; heights are shares of the set."""
    edges = np.linspace(0, 1, bins + 1)
    heights = [np.histogram(values, edges)[0] / max(len(values), 1) for values in (above, below)]
    top = _rounded_up(max(float(values.max()) for values in heights))
    middle, half = _y(0.5), (_y(0) - _y(1)) / 2
    parts = []
    for side, values in enumerate(heights):
        for i in np.flatnonzero(values).tolist():
            height = half * float(values[i]) / top
            x, width = _x(edges[i]), _x(edges[i + 1]) - _x(edges[i]) - 1
            y = middle if side else middle - height
            parts.append(
                f'<rect class="bar s{side}" x="{x + 0.5:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
            )
    parts.append(_line([0, 1], [0.5, 0.5], "axis"))
    last: dict[int, float] = {0: -1.0, 1: -1.0}
    for mark in sorted(marks, key=lambda mark: mark.threshold):
        parts.append(_line([mark.threshold] * 2, [0, 1], "mark"))
        # Letters of thresholds close to one another stand in two rows.
        level = 0 if mark.threshold - last[0] > 0.05 else 1
        last[level] = mark.threshold
        parts.append(_text(_x(mark.threshold), TOP - 6 + 14 * level, mark.letter, "letter"))
    ticks = [(0.0, _share(top)), (0.25, _share(top / 2)), (0.5, "0"), (0.75, _share(top / 2)), (1.0, _share(top))]
    return _plot("probability", "share of rows", parts, ticks)


def _rounded_up(value: float) -> float:
    """The next of 5, 10, 20, 50, 100 per cent."""
    return next((step for step in (0.05, 0.1, 0.2, 0.5) if value <= step), 1.0)


def _share(value: float) -> str:
    return f"{100 * value:g} %"


# --- marks on the plane of [0, 1] x [0, 1]


def _x(value: float) -> float:
    return LEFT + float(value) * (WIDTH - LEFT - RIGHT)


def _y(value: float) -> float:
    return HEIGHT - BOTTOM - float(value) * (HEIGHT - TOP - BOTTOM)


def _series(curves: Sequence[Curve], steps: bool = False) -> list[str]:
    parts = []
    for i, curve in enumerate(curves):
        x, y = _thinned(curve)
        if steps:
            x, y = (
                np.repeat(x, 2)[:-1],
                np.repeat(y, 2)[1:],
            )  # up to a recall holds its precision: the area is the average
        parts.append(_line(x.tolist(), y.tolist(), f"series s{i % SERIES}"))
    return parts


def _thinned(curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most so many points as can be seen, the first and the last among them."""
    keep = np.unique(np.linspace(0, len(curve.x) - 1, min(len(curve.x), _MOST_POINTS)).round().astype(np.intp))
    return curve.x[keep], curve.y[keep]


def _line(x: Sequence[float], y: Sequence[float], kind: str) -> str:
    points = " ".join(f"{_x(a):.1f},{_y(b):.1f}" for a, b in zip(x, y, strict=True))
    return f'<polyline class="{kind}" points="{points}"/>'


def _points(points: Iterable[tuple[str, float | None, float | None]]) -> list[str]:
    parts = []
    for i, (letter, x, y) in enumerate(points):
        if x is not None and y is not None:
            parts.append(f'<circle class="point" cx="{_x(x):.1f}" cy="{_y(y):.1f}" r="4"/>')
            # Letters of neighbouring points stand on both sides, and none on the frame.
            left, up = bool(i % 2) or x > 0.95, bool(i % 2) or y < 0.08
            parts.append(_text(_x(x) + (-11 if left else 11), _y(y) + (-6 if up else 14), letter, "letter"))
    return parts


def _text(x: float, y: float, text: str, kind: str, extra: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{extra}>{escape(text)}</text>'


def _plot(x_title: str, y_title: str, parts: Iterable[str], y_ticks: Sequence[tuple[float, str]] | None = None) -> str:
    """The frame, its grid and titles, and the parts on it. The page adds title and description."""
    ticks = [(i / 4, f"{i / 4:g}") for i in range(5)]
    lines = [_line([value, value], [0, 1], "grid") for value, _ in ticks]
    lines += [_line([0, 1], [value, value], "grid") for value, _ in y_ticks or ticks]
    words = [_text(_x(value), HEIGHT - BOTTOM + 18, text, "tick middle") for value, text in ticks]
    words += [_text(LEFT - 8, _y(value) + 4, text, "tick end") for value, text in y_ticks or ticks]
    words.append(_text(_x(0.5), HEIGHT - 8, x_title, "title middle"))
    words.append(_text(0, 0, y_title, "title middle", f' transform="translate(13 {_y(0.5):.1f}) rotate(-90)"'))
    return "".join([*lines, *words, *parts])
