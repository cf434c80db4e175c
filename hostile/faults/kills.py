"""A writer killed before each of its system calls, in every scenario, and what can be loaded or restored then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from plmhead import FormatError
from plmhead.repair import repair

from .scenarios import Loaders, Scenario, State, pair_paths, state, whole
from .trace import Plan, traced

OLD, NEW, REPAIRABLE = "old", "new", "repairable"
#: What must not be: of a killed writer a mixture or a loss, of one that was told of an error a mixture or another fault.
MIXTURE, LOST, WRONG = "mixtures", "lost", "wrong"


class Verdict(NamedTuple):
    outcome: str
    detail: str = ""


class Expected(NamedTuple):
    """Digests of what the scenario finds and makes; old is None where nothing that loads is there."""

    old: str | None
    new: str | None
    before: dict[str, bytes]


def expectation(scenario: Scenario, folder: Path) -> Expected:
    """From one run that nothing disturbs; in a child, as every other."""
    name = scenario.prepare(folder)
    old = state(name).loaded
    meant = scenario._replace(act=scenario.meant or scenario.act)
    traced(lambda: meant.write(name), lambda index, number: None)
    return Expected(old, state(name).loaded, scenario.before)


def judged(name: Path, expected: Expected, loaders: Loaders) -> Verdict:
    """What a stopped writer left: looked at, judged by every loader, then repaired."""
    there, found = whole(name.parent), state(name)
    if found.loaded is not None and found.loaded not in (expected.old, expected.new):
        return Verdict(MIXTURE, f"{found.loaded[:12]} loads, which nobody wrote")
    if found.refused and not loaders.agree(name, found.refused):
        return Verdict(LOST, f"the loaders disagree where Python says {found.refused}")
    try:
        repair(name)
    except FormatError as fault:
        if there or found.loaded:
            return Verdict(LOST, f"{len(there)} whole pairs, and repair says {fault}")
        return Verdict(OLD) if _as_before(name, expected) else Verdict(LOST, "nothing whole, and not as before")
    fault = _repair_fault(name, there, found, expected)
    if fault:
        return Verdict(LOST, fault)
    if found.loaded is None:
        return Verdict(REPAIRABLE)
    return Verdict(OLD if found.loaded == expected.old else NEW)


def _as_before(name: Path, expected: Expected) -> bool:
    """What did not load before is as it was: no pair, or one made by hand."""
    return all(
        path.exists() == (path.name in expected.before)
        and (not path.exists() or path.read_bytes() == expected.before[path.name])
        for path in pair_paths(name)
    )


def _repair_fault(name: Path, there: set[str], found: State, expected: Expected) -> str:
    """What is wrong after a repair that says it has succeeded."""
    after = state(name)
    if found.loaded is not None and after.loaded != found.loaded:
        return "repair changed a pair that loads"
    if after.loaded not in (expected.old, expected.new):
        return "repair restored a pair that nobody wrote"
    if after.hidden:
        return f"repair left {after.hidden}"
    gone = there - whole(name.parent, named=True)
    return f"repair lost a whole pair: {sorted(gone)}" if gone else ""


def killing(point: int) -> Plan:
    return lambda index, number: "kill" if index == point else None


def kills(
    scenario: Scenario, folder: Path, loaders: Loaders, plan: Callable[[int], Plan] = killing, step: int = 1
) -> Iterator[Verdict]:
    """A verdict for each system call of the writer. `plan` says what befalls it at a given one."""
    expected = expectation(scenario, folder)
    point = 0
    while True:
        name = scenario.prepare(folder)
        ended = traced(lambda name=name: scenario.write(name), plan(point))
        if point >= len(ended.calls):
            return
        verdict = judged(name, expected, loaders)
        yield verdict._replace(detail=f"{scenario.title}, call {point} ({ended.calls[point]}): {verdict.detail}")
        point += step


def tally(verdicts: Iterable[Verdict], say: Callable[[str], None]) -> Counter[str]:
    """Counts the outcomes; says the ones that must not be."""
    counts: Counter[str] = Counter()
    for verdict in verdicts:
        counts[verdict.outcome] += 1
        if verdict.outcome in (MIXTURE, LOST, WRONG):
            say(f"  {verdict.outcome}: {verdict.detail}")
    return counts
