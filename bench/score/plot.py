"""Results to one SVG: a panel a table with a bar a contestant and a whisker from its fastest to its slowest round; then three
panels of what rows, features and classes cost.
"""

from __future__ import annotations

from html import escape
from typing import Any

from .contestants import LINEAR
from .goals import LINEAR_OWN, curve
from .report import TABLES, fastest_first, number, tables, time_of, title

WIDTH, LABELS, NUMBERS = 760, 210, 90
BAR, GAP, HEAD, LEGEND = 14, 6, 34, 40
#: A bar longer than so many times the median one is cut.
LONGEST = 6
#: Colours that people tell apart whatever their eyes.
COLOURS = {
    "own": ("#0072b2", "plmhead"),
    "peer": ("#9a9a9a", "others"),
    "baseline": ("#d9c8a0", "nothing but the least"),
}
LINES = dict(zip(LINEAR_OWN, ("#d55e00", "#009e73", "#0072b2"), strict=True))
SIDE, PANEL = 200, 250


def plot(results: dict[str, Any]) -> str:
    y, parts = LEGEND, [_legend(results)]
    for run in tables(results):
        parts.append(_panel(run, y))
        y += HEAD + len(run["results"]) * (BAR + GAP) + 14
    series = list(dict.fromkeys(run["series"] for run in results["runs"] if run["what"] == LINEAR))
    parts += [_curves(results["runs"], one, 40 + PANEL * place, y) for place, one in enumerate(series)]
    if series:
        parts.append(_curves_legend(y + HEAD + SIDE + 26))
        y += HEAD + SIDE + 50
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" '
        f'font-family="sans-serif" font-size="11">\n<rect width="{WIDTH}" height="{y}" fill="#fff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _legend(results: dict[str, Any]) -> str:
    lines = [
        _text(12, 18, f"Scoring and loading on {results['machine']['processor']}; shorter is faster", weight="bold")
    ]
    for place, (colour, what) in enumerate(COLOURS.values()):
        x = WIDTH - 270 + 75 * place
        lines.append(f'<rect x="{x}" y="9" width="11" height="11" fill="{colour}"/>')
        lines.append(_text(x + 15, 18, what))
    return "\n".join(lines)


def _panel(run: dict[str, Any], top: int) -> str:
    ordered = fastest_first(run)
    middles = [time_of(result, run).middle for result in ordered]
    longest = min(max(time_of(result, run).most for result in ordered), LONGEST * middles[len(middles) // 2])
    scale = (WIDTH - LABELS - NUMBERS) / longest
    lines = [_text(12, top + 20, f"{title(run)}, {TABLES[run['what']][1]}", weight="bold")]
    for place, result in enumerate(ordered):
        y = top + HEAD + place * (BAR + GAP)
        time, middle = time_of(result, run), y + BAR / 2
        end, low, high = (LABELS + scale * min(value, longest) for value in time)
        cut = " (cut)" if time.middle > longest else ""
        lines += [
            _text(LABELS - 8, y + 11, result["contestant"], anchor="end"),
            f'<rect x="{LABELS}" y="{y}" width="{end - LABELS:.1f}" height="{BAR}" fill="{COLOURS[result["kind"]][0]}"/>',
            f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {y + 3}v8M{high:.1f} {y + 3}v8" stroke="#222"/>',
            _text(max(end, high) + 6, y + 11, number(time.middle) + cut),
        ]
    return "\n".join(lines)


def _curves(runs: list[dict[str, Any]], series: str, left: float, top: float) -> str:
    """What a thousand multiplications cost against how many rows, features or classes there are: level is linear."""
    places = [run[series] for run in runs if run["series"] == series]
    curves = {one: [1e3 * cost for cost in curve(runs, series, one)] for one in LINEAR_OWN}
    curves = {one: costs for one, costs in curves.items() if len(costs) == len(places)}
    bottom, highest = top + HEAD + SIDE, max((max(costs) for costs in curves.values()), default=1.0)
    lines = [_text(left - 28, top + 20, f"{series}, ns a thousand multiplications", weight="bold")]
    for part in range(5):
        y = bottom - part * SIDE / 4
        lines.append(f'<path d="M{left} {y:.1f}h{SIDE}" stroke="#ddd"/>')
        lines.append(_text(left - 5, y + 4, number(part * highest / 4), anchor="end"))
    across = [left + place * SIDE / (len(places) - 1) for place in range(len(places))]
    lines += [_text(x, bottom + 15, f"{place:,}", anchor="middle") for x, place in zip(across, places, strict=True)]
    for one, costs in curves.items():
        points = [(x, bottom - cost / highest * SIDE) for x, cost in zip(across, costs, strict=True)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        lines.append(f'<path d="M{path}" fill="none" stroke="{LINES[one]}" stroke-width="1.5"/>')
        lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{LINES[one]}"/>' for x, y in points]
    return "\n".join(lines)


def _curves_legend(y: float) -> str:
    lines = []
    for place, (one, colour) in enumerate(LINES.items()):
        x = 40 + PANEL * place
        lines += [f'<rect x="{x}" y="{y}" width="11" height="11" fill="{colour}"/>', _text(x + 15, y + 9, one)]
    return "\n".join(lines)


def _text(x: float, y: float, text: str, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="#222">{escape(text)}</text>'
    )
