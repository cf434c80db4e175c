"""Scoring and loading beside their peers: python -m bench.score [--rows 20000] [--only Rust,scikit] ...

Writes results.json, results.md and results.svg into build/bench-score; the last line is `bench: goals G, met M`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..encode.machine import busy_share, processor
from . import publish
from .contestants import CACHE, HERE, ROOT
from .goals import judge, last_line
from .measure import Plan, runs
from .plot import plot
from .regression import compare, sentence
from .report import page

FORMAT = "plmhead-bench-score-1"
LIBRARIES = ("numpy", "scikit-learn", "onnxruntime", "joblib", "skops")
SKOPS = CACHE / "bench-score" / "python"


def main(words: list[str] | None = None) -> int:
    options = parsed(words)
    options.out.mkdir(parents=True, exist_ok=True)
    results = json.loads(options.report.read_text()) if options.report else run(options)
    check(results)
    (options.out / "results.json").write_text(json.dumps(results) + "\n", encoding="utf-8")
    (options.out / "results.md").write_text(page(results), encoding="utf-8")
    (options.out / "results.svg").write_text(plot(results), encoding="utf-8")
    print("\n" + page(results))
    code = compared(results)
    if options.publish:
        publish.publish(results)
    print(f"bench: results.json, results.md and results.svg are in {options.out}")
    print(last_line(results["goals"]), flush=True)
    return code


def parsed(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.score", description="scoring and loading, side by side")
    parser.add_argument("--rows", type=int, default=100_000, help="of a batch, a multiple of 10000")
    parser.add_argument("--rounds", type=int, default=11, help="in which every contestant runs once")
    parser.add_argument("--only", default="", help="contestants whose name contains one of these words")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench-score")
    parser.add_argument("--report", type=Path, metavar="JSON", help="measure nothing: make the pages of these results")
    parser.add_argument("--publish", action="store_true", help="keep the results and write docs/speed.md")
    options = parser.parse_args(words)
    if options.rows < 10_000 or options.rows % 10_000 or options.rounds < 1:
        parser.error("--rows is a multiple of 10000, --rounds begins at 1")
    return options


def run(options: argparse.Namespace) -> dict[str, Any]:
    cores = sorted(os.sched_getaffinity(0))[-2:]
    os.sched_setaffinity(0, cores[:1])  # where fresh processes run, too
    sys.path.append(str(SKOPS))
    described = machine(cores)
    say(f"{described['processor']}, others use {100 * described['busy_share']:.0f} % of the machine")
    wanted = [word for word in options.only.split(",") if word]
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(cores, options.rows, options.rounds, Path(folder), say, lambda name: chosen(name, wanted))
        found = list(runs(plan))
    described["busy_share"] = max(described["busy_share"], busy_share())  # before, and once more after
    date = time.strftime("%Y-%m-%d", time.gmtime())
    return {"format": FORMAT, "date": date, "machine": described, "runs": found, "goals": judge(found)}


def chosen(name: str, words: list[str]) -> bool:
    return not words or any(word in name for word in words)


def machine(cores: list[int]) -> dict[str, Any]:
    return {
        "processor": processor(),
        "cores": len(cores),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"Python": platform.python_version(), **{name: _version(name) for name in LIBRARIES}},
        "busy_share": busy_share(),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except ImportError:
        return None


def compared(results: dict[str, Any]) -> int:
    """1 where a ratio has got worse than what is kept, which is said; 0 where none has, or nothing is kept."""
    where, kept = publish.kept_for(results["machine"])
    if kept is None:
        print("bench: no results are kept to compare ratios with: --publish keeps these")
        return 0
    changes = compare(results["runs"], kept["runs"])
    for change in changes:
        if change.worse:
            print(f"bench: worse: {change}")
    print(sentence(changes, where))
    return int(any(change.worse for change in changes))


def check(results: dict[str, Any]) -> None:
    """Raises jsonschema's ValidationError for what is not results."""
    import jsonschema

    jsonschema.validate(results, json.loads((HERE / "results.schema.json").read_text()))


def say(text: str) -> None:
    print(f"bench: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
