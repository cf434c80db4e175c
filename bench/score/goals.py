"""The goals, judged from results alone. A ratio is the median over the rounds, each round compared with itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any, NamedTuple

from .contestants import (
    ACCELERATED,
    EMPTY,
    FLOOR,
    LOAD,
    NODE_EMPTY,
    NODE_OWN,
    NUMPY,
    NUMPY_ALONE,
    ONE_ROW,
    ONE_THREAD,
    ORT,
    ORT_NODE,
    RUST_OWN,
    SCIKIT_LEARN,
    TWO_THREADS,
)
from .measure import FRESH_RUN, units

Runs = list[dict[str, Any]]
#: A step of ten in rows, features or classes may cost so many times ten.
LINEAR_MOST = 1.25
LINEAR_OWN = (RUST_OWN, NODE_OWN, ACCELERATED)


class Goal(NamedTuple):
    name: str
    most: float
    unit: str
    find: Callable[[Runs], float | None]


def _times(what: str, ours: str, theirs: str) -> Callable[[Runs], float | None]:
    return lambda runs: times(runs, what, ours, theirs)


def _microseconds(what: str, ours: str) -> Callable[[Runs], float | None]:
    return lambda runs: (lambda found: None if found is None else median(found) / 1e3)(rounds(runs, what, ours))


def _worst(*finds: Callable[[Runs], float | None]) -> Callable[[Runs], float | None]:
    def find(runs: Runs) -> float | None:
        found = [value for value in (one(runs) for one in finds) if value is not None]
        return max(found) if len(found) == len(finds) else None

    return find


GOALS = (
    Goal("Rust, one thread: times the memory floor", 1.15, "", _times(ONE_THREAD, RUST_OWN, FLOOR)),
    Goal("Rust, two threads: times onnxruntime", 1.0, "", _times(TWO_THREADS, RUST_OWN, ORT)),
    Goal("Rust, two threads: times scikit-learn", 1.0, "", _times(TWO_THREADS, RUST_OWN, SCIKIT_LEARN)),
    Goal("Node, one thread: times Rust", 1.7, "", _times(ONE_THREAD, NODE_OWN, RUST_OWN)),
    Goal("Node, one thread: times onnxruntime in Node", 1.0, "", _times(ONE_THREAD, NODE_OWN, ORT_NODE)),
    Goal(
        "Python with accelerator, one and two threads: times scikit-learn",
        1.0,
        "",
        _worst(_times(ONE_THREAD, ACCELERATED, SCIKIT_LEARN), _times(TWO_THREADS, ACCELERATED, SCIKIT_LEARN)),
    ),
    Goal("Python with accelerator, one row: times scikit-learn", 0.1, "", _times(ONE_ROW, ACCELERATED, SCIKIT_LEARN)),
    Goal("fresh process, Rust: above an empty process", 5.0, "ms", lambda runs: _above(runs, RUST_OWN, EMPTY)),
    Goal("fresh process, Node: times node -e 0", 1.3, "", _times(FRESH_RUN, NODE_OWN, NODE_EMPTY)),
    Goal("fresh process, Python: times import numpy", 1.3, "", _times(FRESH_RUN, NUMPY, NUMPY_ALONE)),
    Goal("warm load, Rust", 60.0, "µs", _microseconds(LOAD, RUST_OWN)),
    Goal("warm load, Node", 300.0, "µs", _microseconds(LOAD, NODE_OWN)),
    Goal("warm load, Python", 500.0, "µs", _microseconds(LOAD, NUMPY)),
    *(
        Goal(f"linear in {series}: a step of ten, times ten", LINEAR_MOST, "", lambda runs, s=series: steepest(runs, s))
        for series in ("rows", "features", "classes")
    ),
)


def judge(runs: Runs) -> list[dict[str, Any]]:
    """Every goal with what was found, null where one of its contestants did not run."""
    found = [(goal, goal.find(runs)) for goal in GOALS]
    return [
        {
            "goal": goal.name,
            "most": goal.most,
            "unit": goal.unit,
            "found": value,
            "met": value is not None and value <= goal.most,
        }
        for goal, value in found
    ]


def rounds(runs: Runs, what: str, contestant: str) -> list[float] | None:
    """The median of each round, in nanoseconds; None where it did not run."""
    for run in runs:
        for result in run["results"]:
            if (run["what"], run["series"], result["contestant"]) == (what, None, contestant):
                return [median(samples) for samples in result["nanoseconds"]]
    return None


def times(runs: Runs, what: str, ours: str, theirs: str) -> float | None:
    own, other = rounds(runs, what, ours), rounds(runs, what, theirs)
    if own is None or other is None:
        return None
    return median(here / there for here, there in zip(own, other, strict=True))


def _above(runs: Runs, ours: str, empty: str) -> float | None:
    own, other = rounds(runs, FRESH_RUN, ours), rounds(runs, FRESH_RUN, empty)
    if own is None or other is None:
        return None
    return median(here - there for here, there in zip(own, other, strict=True)) / 1e6


def call(result: dict[str, Any]) -> float:
    """The nanoseconds of one call."""
    return median(median(samples) for samples in result["nanoseconds"])


def curve(runs: Runs, series: str, contestant: str) -> list[float]:
    """What a multiplication costs, in nanoseconds, for each shape of a series, from few to many of what it is about."""
    found = [(run, result) for run in runs for result in run["results"] if run["series"] == series]
    return [call(result) / units(run) for run, result in found if result["contestant"] == contestant]


def steps(runs: Runs, series: str, contestant: str) -> Iterator[float]:
    """How the cost of one multiplication changes at each step of ten: 1 is linear, less is better than linear."""
    for before, after in itertools.pairwise(curve(runs, series, contestant)):
        yield after / before


def steepest(runs: Runs, series: str) -> float | None:
    found = {one: list(steps(runs, series, one)) for one in LINEAR_OWN}
    return max(map(max, found.values())) if all(len(each) == 3 for each in found.values()) else None


def last_line(goals: list[dict[str, Any]]) -> str:
    return f"bench: goals {len(goals)}, met {sum(goal['met'] for goal in goals)}"
