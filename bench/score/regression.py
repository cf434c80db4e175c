"""Ratios of a run against those that are kept for such a machine: what of ours got slower beside its peers.

Seconds are not compared: they are the machine's. A ratio is that of two contestants in one run.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .contestants import EMPTY, FLOOR, LOAD, NODE_EMPTY, NUMPY_ALONE, ONE_ROW, ONE_THREAD, SCIKIT_LEARN, TWO_THREADS
from .goals import times
from .measure import FRESH_RUN

#: A ratio may be so many times the one that is kept.
TOLERANCE = 1.25
#: What ours are compared with, of what hardly changes from release to release.
AGAINST = {
    ONE_THREAD: (FLOOR, SCIKIT_LEARN),
    TWO_THREADS: (FLOOR, SCIKIT_LEARN),
    ONE_ROW: (SCIKIT_LEARN,),
    LOAD: ("pickle",),
    FRESH_RUN: (EMPTY, NODE_EMPTY, NUMPY_ALONE),
}


class Change(NamedTuple):
    what: str
    before: float
    now: float

    @property
    def worse(self) -> bool:
        return self.now > TOLERANCE * self.before

    def __str__(self) -> str:
        return f"{self.what}: {self.now:.3g}, kept {self.before:.3g}"


def ratios(runs: list[dict[str, Any]]) -> dict[str, float]:
    """Every ratio of ours by its name. In a fresh process each is compared with the empty one of its language."""
    found = {}
    for run in (run for run in runs if run["series"] is None):
        for result in (result for result in run["results"] if result["kind"] == "own"):
            for other in AGAINST[run["what"]]:
                if run["what"] == FRESH_RUN and not _same_language(result["contestant"], other):
                    continue
                ratio = times(runs, run["what"], result["contestant"], other)
                if ratio is not None:
                    found[f"{run['what']}: {result['contestant']} / {other}"] = ratio
    return found


def _same_language(name: str, empty: str) -> bool:
    return {"Rust": EMPTY, "Node": NODE_EMPTY, "Pyth": NUMPY_ALONE}[name.removeprefix("plmhead, ")[:4]] == empty


def compare(runs: list[dict[str, Any]], kept: list[dict[str, Any]]) -> list[Change]:
    """The ratios that both have, the worst first."""
    before, now = ratios(kept), ratios(runs)
    changes = [Change(name, before[name], now[name]) for name in now if name in before]
    return sorted(changes, key=lambda change: -change.now / change.before)


def sentence(changes: list[Change], where: str) -> str:
    worse = sum(change.worse for change in changes)
    return f"bench: {len(changes)} ratios compared with {where}, {worse} more than {100 * TOLERANCE - 100:.0f} % worse"
