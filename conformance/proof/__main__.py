"""Plants each bug in a copy of each loader and counts the cases that find it: `python -m conformance.proof`.

First the controls, which no case may fail: the unmodified loaders, and under the fast profile every honest variant of scoring.

A bug is a replacement of exact text. One that no longer fits the loader, does not build or does not start is an error, not a catch.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from . import variants
from .catalogue import LANGUAGES, Bug, ProofError, applied, bugs
from .mutants import Verdict, Workshop, judged
from .variants import ADMISSIBLE

CONTROL = "control:"
ENOUGH = 2
BROKEN = -1
MARKS = {BROKEN: "BROKEN", 0: "SURVIVES", 1: "WEAK"}


@dataclass
class Tally:
    pairs: int = 0
    caught: int = 0
    least: int | None = None
    slugs: set[str] = field(default_factory=set)
    survivors: set[str] = field(default_factory=set)
    false_alarms: int = 0
    broken: int = 0

    def add(self, slug: str, killers: int) -> None:
        self.pairs += 1
        self.broken += killers == BROKEN
        killers = max(0, killers)
        self.slugs.add(slug)
        self.caught += killers >= ENOUGH
        self.least = killers if self.least is None else min(self.least, killers)
        if killers < ENOUGH:
            self.survivors.add(slug)


def planned(chosen: dict[str, Bug], languages: list[str]) -> list[tuple[str, Bug]]:
    return [(language, bug) for language in languages for bug in chosen.values() if language in bug.edits]


def plans(workshop: Workshop, every: dict[str, Bug], pairs: list[tuple[str, Bug]]) -> list[dict[str, str]]:
    """The changed files of every pair, made before anything runs: a replacement that does not fit is found at once."""
    out, faults = [], []
    for language, bug in pairs:
        edits = [*(every[bug.base].edits[language] if bug.base else []), *bug.edits[language]]
        try:
            out.append(applied(workshop.original[language], edits))
        except (ProofError, KeyError) as fault:
            faults.append(f"{bug.slug} [{language}] {fault}")
    if faults:
        raise ProofError("\n".join(faults))
    return out


def base_killers(
    workshop: Workshop, every: dict[str, Bug], pairs: list[tuple[str, Bug]]
) -> dict[tuple[str, str], frozenset[str]]:
    """By (language, slug): the killers of the bugs that are planted beneath others."""
    needed = sorted({(language, bug.base) for language, bug in pairs if bug.base})
    out = {}
    for language, slug in needed:
        changed = applied(workshop.original[language], every[slug].edits[language])
        out[language, slug] = workshop.trial(language, f"base-{slug}", changed).killers
    return out


#: language, slug, what to show, killers
Result = tuple[str, str, str, int]


def controls(workshop: Workshop, languages: list[str], pool: ThreadPoolExecutor) -> Iterator[Result]:
    """Loaders without a bug. A case that fails one of them is a false alarm."""

    def variant(name: str) -> Result:
        testee = f"{sys.executable} {Path(variants.__file__)} {name}"
        asked = {"command": testee, "timeout": 30, "stop_after": 0, "without": [], "profile": "fast"}
        return control("fast", name, judged(asked, name))

    def unmodified(language: str) -> Result:
        return control(language, "unmodified", workshop.trial(language, "unmodified", {}))

    yield from pool.map(unmodified, languages)
    yield from pool.map(variant, ADMISSIBLE)


def control(language: str, name: str, verdict: Verdict) -> Result:
    return language, f"{CONTROL} {name}", ", ".join(sorted(verdict.killers)[:5]), len(verdict.killers)


def proof(workshop: Workshop, chosen: dict[str, Bug], options: argparse.Namespace) -> Iterator[Result]:
    """The controls, and then every pair in order."""
    every = bugs()
    languages = options.language or list(LANGUAGES)
    pairs = planned(chosen, languages)
    changes = plans(workshop, every, pairs)
    beneath = base_killers(workshop, every, pairs)

    def one(pair: tuple[str, Bug], changed: dict[str, str]) -> Result:
        language, bug = pair
        without = beneath.get((language, bug.base), frozenset())
        try:
            verdict = workshop.trial(language, bug.slug, changed, options.stop_after, without)
        except ProofError as fault:
            return language, bug.slug, str(fault), BROKEN
        crashes = f"; {len(verdict.crashes)} by a crash" if verdict.crashes else ""
        return language, bug.slug, f"{', '.join(sorted(verdict.killers)[:3])}{crashes}", len(verdict.killers)

    with ThreadPoolExecutor(options.jobs) as pool:
        if not options.no_controls:
            yield from controls(workshop, languages, pool)
        yield from pool.map(one, pairs, changes)


def run(options: argparse.Namespace, chosen: dict[str, Bug]) -> Tally:
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="conformance-proof-") as folder:
        for language, slug, shown, killers in proof(Workshop(Path(folder)), chosen, options):
            if slug.startswith(CONTROL):
                tally.false_alarms += killers
                mark = "ALARM" if killers else "ok"
            else:
                tally.add(slug, killers)
                mark = "ok" if killers >= ENOUGH else MARKS[killers]
            print(f"{mark:8} {language:10} {slug:32} {killers:5}  {shown}", flush=True)
    return tally


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conformance.proof", description=__doc__.splitlines()[0])
    several = "may be given several times"
    parser.add_argument("--language", action="append", choices=LANGUAGES, help=f"only this one; {several}")
    parser.add_argument("--only", action="append", metavar="SLUG", help=f"only this bug; {several}")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="mutants at a time (default 2)")
    parser.add_argument(
        "--stop-after", type=int, default=0, metavar="N", help="killers that are enough (default: count all)"
    )
    parser.add_argument("--no-controls", action="store_true", help="do not run the loaders without a bug first")
    parser.add_argument("--check", action="store_true", help="only look whether every replacement fits the loaders")
    parser.add_argument("--list", action="store_true", help="print the bugs and end")
    return parser.parse_args(arguments)


def selected(slugs: list[str] | None) -> dict[str, Bug]:
    every = bugs()
    for slug in slugs or []:
        if slug not in every:
            raise ProofError(f"no bug {slug}")
    return {slug: bug for slug, bug in every.items() if not slugs or slug in slugs}


def checked(chosen: dict[str, Bug]) -> str:
    """Fits every replacement, without running anything. Raises ProofError."""
    pairs = planned(chosen, list(LANGUAGES))
    plans(Workshop(Path()), bugs(), pairs)
    counts = ", ".join(f"{name} {sum(language == name for language, _ in pairs)}" for name in LANGUAGES)
    return f"conformance-proof: {len(chosen)} distinct bugs fit ({counts})"


def main(arguments: list[str] | None = None) -> int:
    options = parsed(arguments)
    began = time.monotonic()
    try:
        chosen = selected(options.only)
        if options.list:
            print("\n".join(f"{bug.slug} [{', '.join(bug.edits)}] {bug.what}" for bug in chosen.values()))
            return 0
        if options.check:
            print(checked(chosen))
            return 0
        tally = run(options, chosen)
    except ProofError as fault:
        print(f"conformance-proof: broken: {fault}")
        return 2
    whole = len(tally.slugs - tally.survivors)
    print(f"{len(tally.slugs)} distinct bugs, {whole} caught in every language, {time.monotonic() - began:.0f} s")
    if tally.broken:
        print(f"conformance-proof: broken: {tally.broken} mutants do not build or do not start")
    totals = f"planted {tally.pairs}, caught {tally.caught}, minimum killers {tally.least or 0}"
    print(f"conformance-proof: {totals}, false alarms {tally.false_alarms}")
    if tally.broken:
        return 2
    return 1 if tally.survivors or tally.false_alarms or not tally.pairs else 0


if __name__ == "__main__":
    sys.exit(main())
