"""Puts every mutant of each loader's core before the suite: `python -m conformance.mutants`. Takes hours; goes on where it stopped.

The commit is tried, not the files that lie about. A mutant that survives and is not in sorted.toml is open, and the exit status 1.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from conformance.proof.catalogue import LANGUAGES, ProofError
from conformance.proof.mutants import REPOSITORY, Workshop

from . import table
from .made import CACHE, CORE, TOOLS, Mutant, mutants
from .sorting import Sorter, entries
from .trying import SECONDS, Suite, control, snapshot, tried
from .verdicts import KILLED, SURVIVED, Log, Verdict

EVERY = 20.0  # seconds between two lines of progress


@dataclass
class Plan:
    """What there is to do."""

    made: list[Mutant]
    settled: dict[str, str]  # by key: why a mutant is not tried
    due: list[Mutant]


def planned(options: argparse.Namespace, workshop: Workshop, suite: Suite, log: Log, sorter: Sorter) -> Plan:
    made: list[Mutant] = []
    for language in options.language or LANGUAGES:
        found = mutants(language, workshop.repository, options.file)
        print(f"{language}: {len(found)} mutants made by {TOOLS[language]}", flush=True)
        made += found
    settled = {mutant.key: why for mutant in made if (why := sorter.before(mutant))}
    rest = [each for each in made if each.key not in settled]
    due = [each for each in rest if not table.standing(each, log, suite, sorter)]
    random.Random(options.seed).shuffle(due)  # so that whatever is done when it ends is a fair sample
    return Plan(made, settled, due[: options.sample])


def survivors(plan: Plan, suite: Suite, log: Log, sorter: Sorter) -> list[Mutant]:
    """Those in no list that the slow cases have not met."""
    unread = [mutant for mutant in plan.made if mutant.key not in plan.settled and not sorter.after(mutant)]
    found = ((mutant, table.standing(mutant, log, suite, sorter)) for mutant in unread)
    return [mutant for mutant, verdict in found if verdict and verdict.result == SURVIVED and not verdict.whole]


def run(due: list[Mutant], workshop: Workshop, suite: Suite, log: Log, jobs: int, whole: bool = False) -> None:
    """Tries what is due, and keeps each verdict at once."""
    progress = Progress(len(due))

    def one(mutant: Mutant) -> tuple[Mutant, Verdict]:
        verdict = tried(workshop, suite, mutant, log.killers(), whole)
        log.add(verdict)
        return mutant, verdict

    with ThreadPoolExecutor(jobs) as pool:
        rest = iter(due)
        pending: set[Future[tuple[Mutant, Verdict]]] = {pool.submit(one, each) for each in islice(rest, jobs)}
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                progress.told(*future.result())
            pending |= {pool.submit(one, each) for each in islice(rest, len(done))}


class Progress:
    def __init__(self, due: int) -> None:
        self.due = due
        self.results: Counter[str] = Counter()
        self.began = self.shown = time.monotonic()

    def told(self, mutant: Mutant, verdict: Verdict) -> None:
        self.results[verdict.result] += 1
        if verdict.result == SURVIVED:
            print(f"SURVIVES {mutant.language} {mutant.file}:{mutant.line} {mutant.becomes[:100]}", flush=True)
        now, done = time.monotonic(), self.results.total()
        if now - self.shown < EVERY and done < self.due:
            return
        self.shown = now
        rate = done / (now - self.began)
        print(
            f"{done} of {self.due}, {self.results[KILLED]} killed, {self.results[SURVIVED]} survive, "
            f"{rate:.2f} a second, {(self.due - done) / rate / 60:.0f} minutes left",
            flush=True,
        )


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conformance.mutants", description=__doc__.splitlines()[0])
    several = "may be given several times"
    add = parser.add_argument
    add("--language", action="append", choices=LANGUAGES, help=f"only this one; {several}")
    add("--file", action="append", default=[], metavar="NAME", help=f"only this file of the core; {several}")
    add(
        "--sample",
        type=int,
        metavar="N",
        help="try at most N of those that are due, drawn at random (0: none, only count)",
    )
    add("--seed", type=int, default=0, metavar="S", help="of the order in which they are tried (default 0)")
    add("--jobs", type=int, default=2, metavar="N", help="mutants at a time (default 2)")
    add("--commit", default=None, metavar="REVISION", help="what to try (default HEAD)")
    add("--table", action="store_true", help="write the table of README.md")
    add("--open", action="store_true", help="print the open mutants, as entries for sorted.toml")
    options = parser.parse_args(arguments)
    known = {file for files in CORE.values() for file in files}
    for file in options.file:
        if file not in known:
            parser.error(f"{file} is no file of a core")
    return options


def show_idle(sorter: Sorter, languages: Iterable[str], files: list[str]) -> int:
    """Prints the entries of sorted.toml that cover no mutant that survives; their count."""
    idle = [each for name in languages for each in sorter.idle(name, files or CORE[name])]
    for entry in idle:
        print(f"sorted.toml: {entry.language} {entry.file}: covers nothing: {entry.line or ', '.join(entry.functions)}")
    return len(idle)


def tried_all(options: argparse.Namespace, folder: Path, sorter: Sorter) -> table.Counts:
    """Tries what is due, all or a sample, and counts everything. Raises ProofError."""
    workshop = Workshop(folder, SECONDS, snapshot(options.commit, folder))
    suite, log = Suite(workshop.repository), Log(CACHE / "verdicts.jsonl")
    plan = planned(options, workshop, suite, log, sorter)
    if plan.due:
        control(workshop, suite, options.language or LANGUAGES)
    run(plan.due, workshop, suite, log, options.jobs)
    run(survivors(plan, suite, log, sorter)[: options.sample], workshop, suite, log, options.jobs, whole=True)
    return table.counted(plan.made, plan.settled, log, suite, sorter)


def main(arguments: list[str] | None = None) -> int:
    options = parsed(arguments)
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        options.commit = resolved(options.commit)
        sorter = Sorter(entries())
        with tempfile.TemporaryDirectory(prefix="conformance-mutants-") as folder:
            counts = tried_all(options, Path(folder), sorter)
    except ProofError as fault:
        print(f"conformance-mutants: broken: {fault}")
        return 2
    if options.open:
        table.show_open(counts.open)
    if options.table:
        table.write(counts, sorter, options.commit)
    idle = show_idle(sorter, options.language or LANGUAGES, options.file)
    print(counts.line())
    return 1 if counts.open or counts.not_run or idle else 0


def resolved(revision: str | None) -> str:
    command = ("git", "rev-parse", "--verify", f"{revision or 'HEAD'}^{{commit}}")
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if run.returncode:
        raise ProofError(f"no commit {revision}")
    return run.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
