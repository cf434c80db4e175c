"""Heads under load, in each language: `python -m hostile.soak [--loads N] [--scores N] [--driver "command" ...]`.

A driver shares one head (in Node: the bytes of one pair) between threads or workers, scores the same rows in each until the number of
scores is reached, then loads and drops the pair over and over, every tenth time one that must be refused. Every call's bits are
compared, within a driver and between the languages. Growth is what the process holds after a garbage collection, the largest
of nine looks, over what it held after the first tenth of the work (the warm-up): the resident size in Python and Rust; heap and
buffers in Node, whose resident size follows the collector's moods.

The last line is `soak: ...`; exit 0 only where every growth is below 1 MiB and all bits are the same.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from . import typical

REPOSITORY = Path(__file__).resolve().parents[1]
DRIVERS = (
    f"{shlex.quote(sys.executable)} -m hostile.drivers.soak_python",
    "rust-loader/target/release/examples/soak",
    "node --expose-gc hostile/drivers/soak.js",
)
MIB = 1024 * 1024
MOST_GROWTH = MIB
ROWS = 100


def prepared(folder: Path) -> list[str]:
    """NAME, REFUSED and X of a driver: the typical pair, the same with another word in its config, and seeded rows."""
    npz, config = typical.version_1()
    # Not a bit of the NPZ: file helpers read such a pair again after a pause, since a writer may be between the two files.
    for name, data in (("model", config), ("refused", config.replace(b"a note", b"a vote"))):
        (folder / f"{name}.npz").write_bytes(npz)
        (folder / f"{name}_config.json").write_bytes(data)
    x = np.random.default_rng(11).normal(size=(ROWS, typical.FEATURES)).astype("<f4")
    (folder / "x.bin").write_bytes(x.tobytes())
    return [str(folder / name) for name in ("model", "refused", "x.bin")]


def drive(command: str, files: list[str], loads: int, scores: int) -> dict[str, object]:
    """The report of one driver. Raises CalledProcessError where it fails."""
    done = subprocess.run(
        [*shlex.split(command), *files, str(loads), str(scores)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def soak(drivers: list[str], loads: int, scores: int) -> list[dict[str, object]]:
    reports = []
    with tempfile.TemporaryDirectory() as folder:
        files = prepared(Path(folder))
        for command in drivers:
            report = drive(command, files, loads, scores)
            reports.append(report)
            print(f"{report['language']}: {loads} loads, {scores} scores, {shown(report)}", flush=True)
    return reports


def shown(report: dict[str, object]) -> str:
    return f"growth {report['growth'] / MIB:.2f} MiB"


def different_bits(reports: list[dict[str, object]]) -> int:
    """How many sets of scores there are beside the first; 0 where every call in every language gave the same bits."""
    return len({digest for report in reports for digest in report["digests"]}) - 1


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m hostile.soak", description=__doc__.split("`")[0])
    parser.add_argument("--loads", type=int, default=100_000)
    parser.add_argument("--scores", type=int, default=1_000_000)
    parser.add_argument("--driver", action="append", help="in place of those of the three languages")
    options = parser.parse_args(arguments)
    try:
        reports = soak(options.driver or list(DRIVERS), options.loads, options.scores)
    except subprocess.CalledProcessError as error:
        print(f"soak: {error}", file=sys.stderr)
        return 2
    grown = [report for report in reports if report["growth"] >= MOST_GROWTH]
    differing = different_bits(reports)
    growths = ", ".join(f"{report['language']} {shown(report)}" for report in reports)
    print(f"soak: {options.loads} loads, {options.scores} scores, {growths}, differing bits {differing}")
    return 1 if grown or differing else 0


if __name__ == "__main__":
    sys.exit(main())
