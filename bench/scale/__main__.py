"""What a repertoire costs: python -m bench.scale [--measure] prints the tables of docs/scale.md and writes the page.

Rates come from measured.json (this package, on one machine, by processor time) and from the results that bench/encode keeps,
those of plmhead alone. The rest is multiplication and division.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from bench.encode.report import rate
from bench.encode.shapes import SHAPES

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "scale.md"
ENCODE = ROOT / "bench" / "encode" / "results"
COUNTS = (10**6, 10**9)
RESIDUES = 120
MARK = "<!-- tables -->\n"
#: The order of work, and what the page calls a step; all but the encoder, which is the rest of the work.
STEPS = {
    "read": "read sequences from Parquet",
    "check": "check and normalise",
    "tokens": "make tokens",
    "around": "all but the encoder, from Parquet to Parquet",
    "score_320": "head, 320 features",
    "score_1280": "head, 1,280 features",
    "write_320": "write embeddings of 320",
    "write_1280": "write embeddings of 1,280",
}


class Price(NamedTuple):
    """Dollars an hour, an assumption: of one processor core, of one GPU with its machine."""

    core: float = 0.05
    gpu: float = 3.0


class Worker(NamedTuple):
    """One encoder on one device: sequences a second, and what an hour of the device is assumed to cost."""

    name: str
    rate: float
    dollars: float
    width: int
    note: str


def workers(measured: dict[str, Any], kept: Path = ENCODE, price: Price = Price()) -> list[Worker]:  # noqa: B008
    """What can encode: a core as measured, the large shape on it by its arithmetic, and each GPU that bench/encode has measured."""
    core = measured["rows_per_second"]["encode_8M"]
    share = SHAPES["8M"].flops(RESIDUES) / SHAPES["650M"].flops(RESIDUES)
    found = [
        Worker("8M, one core, exact", core, price.core, SHAPES["8M"].width, "measured"),
        Worker(
            "650M, one core, exact",
            core * share,
            price.core,
            SHAPES["650M"].width,
            "from 8M, by the number of products",
        ),
    ]
    for file in measured["encode_results"]:
        results = json.loads((kept / file).read_text(encoding="utf-8"))
        for run in results["runs"]:
            own = [one for one in run["results"] if one["own"]]
            if run["set"] == "vh" and run["shape"] in ("8M", "650M") and own:
                best = max(own, key=lambda one: rate(one).middle)
                name = f"{run['shape']}, one {results['machine']['name']}, {best['accuracy']}"
                found.append(Worker(name, rate(best).middle, price.gpu, SHAPES[run["shape"]].width, "measured"))
    return found


def encoder_table(found: list[Worker]) -> str:
    lines = ["| encoder | sequences/s | basis | 10^6 | cost | 10^9 | cost |", "|---|---:|---|---:|---:|---:|---:|"]
    for each in found:
        cells = [each.name, f"{each.rate:,.3g}" if each.rate < 100 else f"{each.rate:,.0f}", each.note]
        for count in COUNTS:
            hours = count / each.rate / 3600
            cells += [
                duration(hours),
                f"${each.dollars * hours:,.2f}" if each.dollars * hours < 100 else f"${each.dollars * hours:,.0f}",
            ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def step_table(measured: dict[str, Any], found: list[Worker]) -> str:
    """Each step's rate on a core, and how many cores keep up with the fastest encoder of the table."""
    fastest = max(found, key=lambda each: each.rate)
    lines = [f"| step, on one core | rows/s | 10^9 rows | cores beside {fastest.name} |", "|---|---:|---:|---:|"]
    for step, words in STEPS.items():
        per_second = measured["rows_per_second"][step]
        hours = duration(COUNTS[1] / per_second / 3600)
        lines.append(f"| {words} | {per_second:,.0f} | {hours} | {fastest.rate / per_second:.2g} |")
    return "\n".join(lines)


def storage_table(measured: dict[str, Any]) -> str:
    held = measured["bytes_per_row"]
    rows = {
        "sequences of 120 residues with ids, Parquet": held["sequences"],
        "scores, Parquet": held["scores"],
        "embeddings of 320, float32": 4 * 320,
        "embeddings of 1,280, float32": 4 * 1280,
    }
    lines = ["| | bytes a row | 10^6 | 10^9 |", "|---|---:|---:|---:|"]
    lines += [
        f"| {name} | {size:,.0f} | {volume(COUNTS[0] * size)} | {volume(COUNTS[1] * size)} |"
        for name, size in rows.items()
    ]
    return "\n".join(lines)


def tables(measured: dict[str, Any], kept: Path = ENCODE) -> str:
    found, price, machine = workers(measured, kept), Price(), measured["machine"]
    system = f"{machine['name']}, {machine['system']}, Python {machine['python']}"
    parts = [
        f"Measured {measured['date']} on one core of {system}, by processor time (others used {machine['busy_share']:.0%} of the machine).",
        f"Costs assume ${price.core:.2f} an hour for a core and ${price.gpu:.2f} for a GPU: put your own into `Price` of `bench/scale`.",
    ]
    if all("one core" in each.name for each in found):
        parts.append("No GPU has been measured yet; `make bench-encode` on one adds its rows.")
    return (
        "\n".join(parts)
        + f"\n\n### The encoder\n\n{encoder_table(found)}\n\n### The other steps\n\n{step_table(measured, found)}\n\n"
        f"### Storage\n\n{storage_table(measured)}\n"
    )


def page(measured: dict[str, Any], kept: Path = ENCODE) -> str:
    return (HERE / "page.md").read_text(encoding="utf-8").replace(MARK, tables(measured, kept), 1)


def duration(hours: float) -> str:
    for size, unit in ((24 * 365.25, "years"), (24, "days"), (1, "h"), (1 / 60, "min")):
        if hours >= size:
            return f"{hours / size:,.1f} {unit}"
    return f"{3600 * hours:,.1f} s"


def volume(size: float) -> str:
    for power, unit in ((12, "TB"), (9, "GB"), (6, "MB")):
        if size >= 10**power:
            return f"{size / 10**power:,.1f} {unit}"
    return f"{size:,.0f} B"


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.scale", description="what a repertoire costs")
    parser.add_argument("--measure", action="store_true", help="measure this machine's rates first, a minute")
    if parser.parse_args().measure:
        from .measure import measure

        measured = measure()
    else:
        measured = json.loads((HERE / "measured.json").read_text(encoding="utf-8"))
    # By name, so that the page says what it said until it is written again.
    measured["encode_results"] = sorted(path.name for path in ENCODE.glob("cuda-*.json"))
    (HERE / "measured.json").write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(measured), encoding="utf-8")
    print(tables(measured))
    print(f"bench-scale: {PAGE.relative_to(ROOT)} is written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
