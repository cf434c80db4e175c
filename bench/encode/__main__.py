"""Encoders side by side: python -m bench.encode [--device cuda] [--shapes 8M,650M] [--only plmhead,sdpa] ...

Writes results.json, results.md and results.svg into build/bench-encode; the last line is `bench-encode: goals G, met M`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from . import machine
from .contestants import of
from .environments import HERE
from .goals import judge
from .measure import Plan, Size, measure_shape
from .plot import plot
from .publish import publish
from .report import last_line, page
from .sequences import SETS
from .shapes import SHAPES

FORMAT = "plmhead-bench-encode-1"
#: Sequences and rounds of each set by device and shape: some ten minutes in all.
SIZES = {
    "cpu": {
        "tiny": {"vh": Size(64, 3), "wide": Size(24, 3)},
        "8M": {"vh": Size(64, 5), "wide": Size(12, 3)},
        "35M": {"vh": Size(16, 3)},
        "150M": {"vh": Size(6, 3)},
        "650M": {"vh": Size(4, 3)},
    },
    "cuda": {
        # Many batches of each bucket, so that its last one, which is filled with dummy rows, weighs little.
        "tiny": {"vh": Size(4096, 3), "wide": Size(512, 3)},
        "8M": {"vh": Size(131072, 5), "wide": Size(8192, 3)},
        "35M": {"vh": Size(32768, 3)},
        "150M": {"vh": Size(8192, 3)},
        "650M": {"vh": Size(4096, 5), "wide": Size(512, 3)},
    },
}
#: Shapes with goals first, should the time not suffice for all.
ORDER = "8M,650M,35M,150M"


def main(words: list[str] | None = None) -> int:
    options = parsed(words)
    options.out.mkdir(parents=True, exist_ok=True)
    results = json.loads(options.report.read_text()) if options.report else run(options)
    check(results)
    (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (options.out / "results.md").write_text(page(results), encoding="utf-8")
    (options.out / "results.svg").write_text(plot(results), encoding="utf-8")
    print("\n" + page(results))
    if options.publish:
        publish(results)
    print(f"bench-encode: results.json, results.md and results.svg are in {options.out}")
    print(last_line(results), flush=True)
    return 0


def parsed(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.encode", description="sequences per second of encoders, side by side")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: cuda where present")
    parser.add_argument("--shapes", default=ORDER, help=f"some of {', '.join(SHAPES)}, in this order")
    parser.add_argument("--sets", default="vh,wide", help=f"some of {', '.join(SETS)}")
    parser.add_argument("--count", type=int, help="sequences of each set, instead of the defaults")
    parser.add_argument("--rounds", type=int, help="instead of the defaults")
    parser.add_argument("--threads", type=int, help="cores, and threads of each encoder; default: 2, on a GPU all")
    parser.add_argument(
        "--only", default="", help="encoders whose name contains one of these words; the reference always"
    )
    parser.add_argument("--minutes", type=float, default=10, help="begin no further shape after so long")
    parser.add_argument("--out", type=Path, default=HERE.parents[1] / "build" / "bench-encode")
    parser.add_argument("--report", type=Path, metavar="JSON", help="measure nothing: make the pages of these results")
    parser.add_argument("--publish", action="store_true", help="keep the results and write docs/benchmarks.md")
    options = parser.parse_args(words)
    for given, known in ((options.shapes, SHAPES), (options.sets, SETS)):
        unknown = [word for word in given.split(",") if word not in known]
        if unknown:
            parser.error(f"found {unknown[0]!r}, expected some of {', '.join(known)}")
    if any(number is not None and number < 1 for number in (options.count, options.rounds, options.threads)):
        parser.error("--count, --rounds and --threads begin at 1")
    return options


def run(options: argparse.Namespace) -> dict[str, Any]:
    device = chosen_device(options.device)
    cores = sorted(os.sched_getaffinity(0))[: options.threads or (2 if device == "cpu" else None)]
    described = machine.describe(device, cores)
    say(f"{described['name']}, {len(cores)} cores, others use {100 * described['busy_share']:.0f} % of the machine")
    runs, start = [], time.monotonic()
    for name in options.shapes.split(","):
        if time.monotonic() - start > 60 * options.minutes:
            say(f"{name}: left out, {options.minutes:g} minutes are over")
            continue
        sizes = {
            one: Size(options.count or size.sequences, options.rounds or size.rounds)
            for one, size in SIZES[device][name].items()
            if one in options.sets.split(",")
        }
        free = partial(machine.free_memory, device)
        runs += measure_shape(Plan(name, sizes, device, cores, of(device, options.only), free, say))
    described["busy_share"] = max(described["busy_share"], machine.busy_share())  # before, and once more after
    return {
        "format": FORMAT,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": described,
        "runs": runs,
        "goals": judge(described, runs),
    }


def chosen_device(wanted: str) -> str:
    if wanted == "cpu":
        return wanted
    import torch

    present = torch.cuda.is_available()
    if wanted == "cuda" and not present:
        raise SystemExit("bench-encode: torch finds no CUDA device")
    return "cuda" if present else "cpu"


def check(results: dict[str, Any]) -> None:
    """Raises jsonschema's ValidationError for what is not results."""
    try:
        import jsonschema
    except ImportError:
        say("jsonschema is not installed: the results are not checked")
        return
    jsonschema.validate(results, json.loads((HERE / "results.schema.json").read_text()))


def say(text: str) -> None:
    print(f"bench-encode: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
