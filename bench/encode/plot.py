"""Results to one SVG: a panel a run, a bar an encoder, a whisker from its slowest to its fastest round."""

from __future__ import annotations

from html import escape
from typing import Any

from .report import fastest_first, number, rate, title

WIDTH, LABELS, NUMBERS = 760, 190, 90
BAR, GAP, HEAD = 14, 6, 34
#: Ours exact, ours fast, others; colours that people tell apart whatever their eyes.
COLOURS = {"ours, exact": "#0072b2", "ours, fast": "#d55e00", "others": "#9a9a9a"}
LEGEND = 40


def plot(results: dict[str, Any]) -> str:
    runs = [run for run in results["runs"] if run["results"]]
    y, parts = LEGEND, [_legend(results)]
    for run in runs:
        parts.append(_panel(run, y))
        y += _height(run)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" '
        f'font-family="sans-serif" font-size="11">\n<rect width="{WIDTH}" height="{y}" fill="#fff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _height(run: dict[str, Any]) -> int:
    return HEAD + len(run["results"]) * (BAR + GAP) + 14


def _legend(results: dict[str, Any]) -> str:
    machine = results["machine"]
    lines = [_text(12, 18, f"Sequences a second on {machine['name']}, {machine['threads']} cores", weight="bold")]
    for place, (what, colour) in enumerate(COLOURS.items()):
        x = WIDTH - 290 + 95 * place
        lines.append(f'<rect x="{x}" y="9" width="11" height="11" fill="{colour}"/>')
        lines.append(_text(x + 15, 18, what))
    return "\n".join(lines)


def _panel(run: dict[str, Any], top: int) -> str:
    results = fastest_first(run)
    scale = (WIDTH - LABELS - NUMBERS) / max(rate(result).most for result in results)
    lines = [_text(12, top + 20, title(run), weight="bold")]
    for place, result in enumerate(results):
        y = top + HEAD + place * (BAR + GAP)
        speed, middle = rate(result), y + BAR / 2
        end, low, high = (LABELS + scale * value for value in (speed.middle, speed.least, speed.most))
        lines += [
            _text(LABELS - 8, y + 11, result["contestant"], anchor="end"),
            f'<rect x="{LABELS}" y="{y}" width="{end - LABELS:.1f}" height="{BAR}" fill="{COLOURS[_kind(result)]}"/>',
            f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {y + 3}v8M{high:.1f} {y + 3}v8" stroke="#222"/>',
            _text(max(end, high) + 6, y + 11, number(speed.middle)),
        ]
    return "\n".join(lines)


def _kind(result: dict[str, Any]) -> str:
    return f"ours, {result['accuracy']}" if result["own"] else "others"


def _text(x: float, y: float, text: str, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="#222">{escape(text)}</text>'
    )
