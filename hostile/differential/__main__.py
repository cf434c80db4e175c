"""`python -m hostile.differential`: mutated pairs to every loader, `--inputs N` of them or for `--seconds T`.

Exit 0: no disagreement. 1: disagreements, each in a folder of its own. 2: a loader does not run, or a phase was hardly reached.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from . import campaign, findings, inputs
from .campaign import Settings, Totals, Worker
from .loaders import DiedError

REPOSITORY = Path(__file__).resolve().parents[2]
GO = REPOSITORY / "conformance/testees/go/testee"
COMMANDS = (
    f"{sys.executable} -m plmhead testee",
    f"{REPOSITORY / 'rust-loader/target/release/plmhead'} testee",
    f"node {REPOSITORY / 'js-loader/src/cli.js'} testee",
)
ENOUGH = 5_000  # inputs after which the shares of the phases are judged


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hostile.differential", description=__doc__)
    much = parser.add_mutually_exclusive_group()
    much.add_argument("--inputs", type=int, default=None, metavar="N", help="how many inputs (default 20000)")
    much.add_argument("--seconds", type=float, metavar="T", help="for how long instead")
    much.add_argument("--only", type=int, metavar="I", help="replay input I, and keep its files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, metavar="I", help="the first input (default 0)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes, each with loaders of its own")
    parser.add_argument(
        "--testee", action="append", metavar="COMMAND", help="a loader; default: all that are built here"
    )
    parser.add_argument("--found", type=Path, default=REPOSITORY / ".cache/differential", metavar="FOLDER")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="keep the state here, and go on from it")
    parser.add_argument("--json", action="store_true", help="the counts as one JSON object")
    return parser.parse_args(arguments)


def commands() -> tuple[str, ...]:
    return (*COMMANDS, f"{GO} testee") if GO.exists() else COMMANDS


class Progress:
    """Findings as they come; now and then how far, how fast and how long still; the state, for a later run."""

    def __init__(self, settings: Settings, options: argparse.Namespace, end: int | None, done: int) -> None:
        self.settings, self.resume, self.end = settings, options.resume, end
        self.began = self.last = time.monotonic()
        self.done_before = done

    def each(self, totals: Totals, lines: list[str], following: int) -> None:
        for line in lines:
            print(f"DISAGREEMENT {line}", file=sys.stderr, flush=True)
        now = time.monotonic()
        if now - self.last >= campaign.REPORT_SECONDS:
            self.last = now
            rate = (totals.inputs - self.done_before) / (now - self.began)
            left = f", {(self.end - following) / rate / 60:.1f} min left" if self.end and rate else ""
            words = f"{totals.inputs} inputs, {totals.accepted.total()} accepted, {totals.disagreements} disagreements, {rate:.0f}/s"
            print(words + left, file=sys.stderr, flush=True)
            self.save(following, totals)

    def save(self, following: int, totals: Totals) -> None:
        if self.resume:
            campaign.save(self.resume, self.settings, following, totals)


def explore(settings: Settings, options: argparse.Namespace) -> int:
    first, totals = campaign.saved(options.resume, settings) if options.resume else (options.first, Totals())
    end = None if options.seconds else options.first + (20_000 if options.inputs is None else options.inputs)
    until = time.monotonic() + options.seconds if options.seconds else None
    progress = Progress(settings, options, end, totals.inputs)
    following = first

    def each(new_totals: Totals, lines: list[str], after: int) -> None:
        nonlocal following
        following = after
        progress.each(new_totals, lines, after)

    try:
        campaign.run(settings, options.jobs, campaign.chunks(first, end, until), totals, each)
    finally:
        progress.save(following, totals)
    return report(totals, time.monotonic() - progress.began, progress.done_before, options)


def report(totals: Totals, seconds: float, before: int, options: argparse.Namespace) -> int:
    few = campaign.unreached(totals) if totals.inputs >= ENOUGH else []
    if options.json:
        print(json.dumps({**totals.plain(), "reached": totals.reached(), "seconds": round(seconds, 1)}))
    else:
        print(campaign.table(totals))
        for name, n in totals.executions.items():
            print(f"{name:<12}{n:>10} executions, {n / max(totals.cpu[name], 0.01):.0f} a processor second")
        print(
            f"{(totals.inputs - before) / max(seconds, 0.001):.0f} inputs a second, {options.jobs} processes, seed {options.seed}"
        )
    if few:
        print(f"hardly reached: {', '.join(few)}", file=sys.stderr)
    accepted = totals.accepted.total()
    print(
        f"differential: {totals.inputs} inputs, {accepted} accepted, {totals.disagreements} disagreements", flush=True
    )
    return 1 if totals.disagreements else 2 if few or not totals.inputs else 0


def replay(settings: Settings, index: int) -> int:
    """One input, kept whole, and what each loader says of it."""
    settings.found.mkdir(parents=True, exist_ok=True)
    worker = Worker(settings, str(settings.found))
    try:
        made = inputs.make(settings.seed, index)
        verdicts = campaign.judge(worker.loaders, [made], worker.folder)[0]
    finally:
        campaign.remove(worker)
    folder = findings.save(settings.found, settings.seed, made, worker.names, verdicts)
    print(f"input {index}: {', '.join(made.mutations)}\n{findings.every(worker.names, verdicts)}\n{folder}")
    return 0 if campaign.same(verdicts) else 1


def main(arguments: list[str] | None = None) -> int:
    options = parsed(arguments)
    settings = Settings(options.seed, tuple(options.testee or commands()), options.found)
    try:
        return explore(settings, options) if options.only is None else replay(settings, options.only)
    except (DiedError, OSError, ValueError) as fault:
        print(f"hostile.differential: {fault}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
