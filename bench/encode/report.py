"""Results to Markdown: a table a run, made from the JSON alone."""

from __future__ import annotations

from statistics import median
from typing import Any, NamedTuple

from .contestants import CONTESTANTS, REFERENCE
from .goals import agrees, remark, times
from .machine import BUSY
from .sequences import SETS
from .shapes import SHAPES

NOTES = {one.name: one.note for one in CONTESTANTS if one.note}
COLUMNS = (
    *("encoder", "class or arithmetic", "sequences/s", "range", "times reference", "GFLOP/s"),
    *("peak memory, MiB", "largest difference", "least cosine"),
)


class Rate(NamedTuple):
    """Sequences a second: median, least and most over the rounds."""

    middle: float
    least: float
    most: float


def rate(result: dict[str, Any]) -> Rate:
    count, seconds = result["sequences"], result["seconds"]
    return Rate(count / median(seconds), count / max(seconds), count / min(seconds))


def fastest_first(run: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(run["results"], key=lambda result: -rate(result).middle)


def title(run: dict[str, Any]) -> str:
    shape = SHAPES[run["shape"]]
    return f"{shape.name} ({shape.layers} layers of {shape.width}), {SETS[run['set']].about}"


def page(results: dict[str, Any]) -> str:
    """The whole report of one machine."""
    parts = [machine_lines(results), *map(table, results["runs"]), goal_table(results)]
    return "\n\n".join(parts) + "\n"


def machine_lines(results: dict[str, Any]) -> str:
    machine = results["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items() if number)
    has = [name for name, present in (("AMX", machine["amx"]), ("AVX-512 BF16", machine["avx512_bf16"])) if present]
    lines = [
        f"Measured {results['date']} on {machine['name']}"
        + (f" with {machine['processor']}" if machine["device"] == "cuda" else "")
        + f", {machine['threads']} cores ({' and '.join(has) or 'neither AMX nor AVX-512 BF16'}), "
        f"{machine['memory_bytes'] / 2**30:.0f} GiB, {machine['system']}, Python {machine['python']}, {versions}. "
        f"Before and after, others used up to {100 * machine['busy_share']:.0f} % of the cores."
    ]
    if machine["busy_share"] > BUSY:
        lines.append("**The machine was busy: these numbers are not worth quoting.**")
    return "\n\n".join(lines)


def table(run: dict[str, Any]) -> str:
    ordered = fastest_first(run)
    reference = next((one for one in ordered if one["contestant"] == REFERENCE), None)
    count = f"{run['sequences']:,} sequences, {run['flops'] / run['sequences'] / 1e9:.3g} GFLOP each, {run['rounds']} rounds"
    lines = [f"### {title(run)}", "", f"{count}.", "", f"| {' | '.join(COLUMNS)} |", "|---|---|" + "---:|" * 7]
    lines += [_row(result, reference) for result in ordered]
    lines += _notes(run)
    return "\n".join(lines)


def _row(result: dict[str, Any], reference: dict[str, Any] | None) -> str:
    speed = rate(result)
    memory = result["peak_device_bytes"] if result["peak_device_bytes"] is not None else result["peak_resident_bytes"]
    name = f"**{result['contestant']}**" if result["own"] else result["contestant"]
    cells = (
        name,
        result["accuracy"],
        number(speed.middle),
        f"{number(speed.least)} to {number(speed.most)}",
        f"{times(result, reference):.2f}" if reference else "",
        f"{result['flops'] / median(result['seconds']) / 1e9:,.0f}",
        f"{memory / 2**20:,.0f}" if memory is not None else "",
        f"{result['max_abs_difference']:.1e}" if result["max_abs_difference"] is not None else "",
        cosine(result["min_cosine"]),
    )
    return f"| {' | '.join(cells)} |"


def _notes(run: dict[str, Any]) -> list[str]:
    said = [f"{one['contestant']}: {NOTES[one['contestant']]}" for one in run["results"] if one["contestant"] in NOTES]
    said += [
        f"{one['contestant']}: the first {one['sequences']:,} sequences"
        for one in run["results"]
        if one["sequences"] < run["sequences"]
    ]
    wrong = [one["contestant"] for one in run["results"] if one["own"] and not agrees(one)]
    lines = [*said, *(f"{name}: **its vectors are outside its class, its speed counts nothing**" for name in wrong)]
    lines += [f"{one['contestant']} did not take part: {one['reason']}" for one in run["absent"]]
    return ["", *(f"- {line}" for line in lines)] if lines else []


def goal_table(results: dict[str, Any]) -> str:
    lines = ["### Goals", "", "| goal | at least | found | by | met |", "|---|---:|---:|---|---|"]
    for goal in results["goals"]:
        found = number(goal["found"]) if goal["found"] is not None else "did not run"
        verdict = "yes" if goal["met"] else "**no**"
        lines.append(f"| {goal['goal']} | {number(goal['least'])} | {found} | {goal['contestant'] or ''} | {verdict} |")
    said = remark(results["machine"])
    return "\n".join([*lines, "", f"{said[0].upper()}{said[1:]}."] if said else lines)


def last_line(results: dict[str, Any]) -> str:
    goals, said = results["goals"], remark(results["machine"])
    met = sum(goal["met"] for goal in goals)
    return f"bench-encode: goals {len(goals)}, met {met}" + (f" ({said})" if said else "")


def number(value: float) -> str:
    """Three digits or more, thousands apart."""
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f}"


def cosine(value: float | None) -> str:
    """As 1 less what is missing, where that is little."""
    if value is None:
        return ""
    return "1" if value > 1 - 1e-9 else f"1 − {1 - value:.0e}" if value > 0.9999 else f"{value:.4f}"
