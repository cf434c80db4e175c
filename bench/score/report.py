"""Results to Markdown, made from the JSON alone."""

from __future__ import annotations

from statistics import median
from typing import Any, NamedTuple

from ..encode.machine import BUSY
from .contestants import FLOOR, LINEAR, LOAD, NUMPY_ALONE, ONE_ROW, ONE_THREAD, SCIKIT_LEARN, TWO_THREADS
from .goals import LINEAR_OWN, call, last_line, times
from .measure import FRESH_RUN, units

#: What the last column of a table compares with, the unit, and what a call is.
TABLES = {
    ONE_THREAD: (FLOOR, "ns a row", "A batch on one thread"),
    TWO_THREADS: (FLOOR, "ns a row", "A batch on two threads"),
    ONE_ROW: (SCIKIT_LEARN, "µs", "One row"),
    LOAD: ("pickle", "µs", "Warm load: the files are in memory, the libraries are imported"),
    FRESH_RUN: (NUMPY_ALONE, "ms", "A fresh process that loads, scores one row and ends"),
}


class Time(NamedTuple):
    """Of one call, or one row of it: the median over all rounds, the fastest and the slowest round."""

    middle: float
    least: float
    most: float


def time_of(result: dict[str, Any], run: dict[str, Any]) -> Time:
    """In the unit of the run's table."""
    divisor = {"ns a row": max(run["rows"], 1), "µs": 1e3, "ms": 1e6}[TABLES[run["what"]][1]]
    rounds = [median(samples) / divisor for samples in result["nanoseconds"]]
    return Time(median(rounds), min(rounds), max(rounds))


def fastest_first(run: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(run["results"], key=lambda result: time_of(result, run).middle)


def tables(results: dict[str, Any]) -> list[dict[str, Any]]:
    return [run for run in results["runs"] if run["series"] is None and run["results"]]


def title(run: dict[str, Any]) -> str:
    rows = f"{run['rows']:,} rows of " if run["rows"] > 1 else ""
    return f"{TABLES[run['what']][2]} ({rows}{run['features']:,} float32 features)"


def page(results: dict[str, Any]) -> str:
    """The whole report of one machine."""
    parts = [machine_lines(results), *(table(run, results["runs"]) for run in tables(results))]
    return "\n\n".join([*parts, linear_table(results["runs"]), goal_table(results["goals"])]) + "\n"


def machine_lines(results: dict[str, Any]) -> str:
    machine = results["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items() if number)
    lines = [
        f"Measured {results['date']} on {machine['processor']}, {machine['cores']} cores, {machine['system']}, {versions}. "
        f"Before and after, others used up to {100 * machine['busy_share']:.0f} % of the machine."
    ]
    if machine["busy_share"] > BUSY:
        lines.append("**The machine was busy: these numbers are not worth quoting.**")
    return "\n\n".join(lines)


def table(run: dict[str, Any], runs: list[dict[str, Any]]) -> str:
    reference, unit, _ = TABLES[run["what"]]
    lines = [f"### {title(run)}", "", f"| | {unit} | from | to | times {reference} |", "|---|---:|---:|---:|---:|"]
    for result in fastest_first(run):
        name = f"**{result['contestant']}**" if result["kind"] == "own" else result["contestant"]
        ratio = times(runs, run["what"], result["contestant"], reference)
        cells = (*map(number, time_of(result, run)), number(ratio) if ratio is not None else "")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", *(f"- {one['contestant']} did not take part: {one['reason']}" for one in run["absent"])]
    return "\n".join(lines).rstrip()


def linear_table(runs: list[dict[str, Any]]) -> str:
    columns = "".join(f" {one} |" for one in LINEAR_OWN)
    lines = [
        "### Rows, features and classes",
        "",
        "Nanoseconds a thousand multiplications, one thread, from memory.",
        "",
    ]
    lines += [f"| more | rows | features | classes |{columns}", "|---|---:|---:|---:|" + "---:|" * len(LINEAR_OWN)]
    for run in (run for run in runs if run["what"] == LINEAR):
        costs = {result["contestant"]: 1e3 * call(result) / units(run) for result in run["results"]}
        cells = (number(costs[one]) if one in costs else "" for one in LINEAR_OWN)
        shape = f"{run['rows']:,} | {run['features']:,} | {run['classes']:,}"
        lines.append(f"| {run['series']} | {shape} | {' | '.join(cells)} |")
    return "\n".join(lines)


def goal_table(goals: list[dict[str, Any]]) -> str:
    lines = ["### Goals", "", "| goal | at most | found | met |", "|---|---:|---:|---|"]
    for goal in goals:
        unit = f" {goal['unit']}" if goal["unit"] else ""
        found = f"{number(goal['found'])}{unit}" if goal["found"] is not None else "did not run"
        lines.append(
            f"| {goal['goal']} | {number(goal['most'])}{unit} | {found} | {'yes' if goal['met'] else '**no**'} |"
        )
    return "\n".join([*lines, "", f"`{last_line(goals)}`"])


def number(value: float) -> str:
    """Three digits or more, thousands apart."""
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:,.{digits}f}"
