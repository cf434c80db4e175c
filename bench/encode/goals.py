"""The goals, as ratios inside one run, judged from results alone."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

from .contestants import REFERENCE

#: What a vector may differ by, where its speed counts: the tolerance of the golden check, and what bf16 comes to.
MOST_DIFFERENCE = {"exact": 2e-4}
LEAST_COSINE = {"exact": 0.999999, "fast": 0.999}

Results = dict[str, Any]


class Goal(NamedTuple):
    name: str
    shape: str
    least: float
    accuracy: str
    #: The contestant that is beaten; None where the goal is sequences per second.
    against: str | None


GOALS = (
    Goal("exact class, 8M: times transformers sdpa fp32", "8M", 1.4, "exact", REFERENCE),
    Goal("fast class, 8M: times transformers sdpa fp32", "8M", 3.0, "fast", REFERENCE),
    Goal("fast class, 650M: times transformers sdpa fp32", "650M", 4.0, "fast", REFERENCE),
)
H100_GOALS = (
    Goal("650M, bf16: sequences a second", "650M", 2500.0, "fast", None),
    Goal("650M, bf16: times transformers sdpa bf16", "650M", 1.5, "fast", "transformers sdpa bf16"),
    Goal("8M: sequences a second", "8M", 60000.0, "fast", None),
)


def goals_of(machine: dict[str, Any]) -> tuple[Goal, ...]:
    """Those that are judged on such a machine: ratios on a CPU, the others on an H100 alone."""
    if machine["device"] == "cpu":
        return GOALS
    return H100_GOALS if "H100" in machine["name"] else ()


def judge(machine: dict[str, Any], runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every goal with what was found: the best of our backends of that class, null where it or its rival did not run."""
    return [_judged(goal, runs) for goal in goals_of(machine)]


def remark(machine: dict[str, Any]) -> str:
    """What must be said beside the count, or nothing."""
    if machine["device"] == "cuda":
        return "" if "H100" in machine["name"] else "the goals of a GPU are those of an H100"
    said = []
    if machine["threads"] != 2:
        said.append(f"{machine['threads']} cores")
    if not machine["amx"]:
        said.append("no AMX")
    return f"the goals are for two cores with AMX, this machine has {' and '.join(said)}" if said else ""


def _judged(goal: Goal, runs: list[dict[str, Any]]) -> dict[str, Any]:
    run = next((one for one in runs if (one["shape"], one["set"]) == (goal.shape, "vh")), None)
    results = {one["contestant"]: one for one in run["results"]} if run else {}
    score = _speed if goal.against is None else _times(results.get(goal.against))
    ours = [one for one in results.values() if one["own"] and one["accuracy"] == goal.accuracy and agrees(one)]
    found = max(((score(one), one["contestant"]) for one in ours if score(one) is not None), default=(None, None))
    met = found[0] is not None and found[0] >= goal.least
    return {"goal": goal.name, "least": goal.least, "found": found[0], "contestant": found[1], "met": met}


def _speed(result: Results) -> float:
    return result["sequences"] / median(result["seconds"])


def _times(rival: Results | None) -> Callable[[Results], float | None]:
    return lambda result: times(result, rival) if rival else None


def times(result: Results, rival: Results) -> float:
    """How many times as fast as a rival: the median over rounds, each round compared with itself."""
    own = [seconds / result["flops"] for seconds in result["seconds"]]
    other = [seconds / rival["flops"] for seconds in rival["seconds"]]
    return median(there / here for here, there in zip(own, other, strict=True))


def agrees(result: Results) -> bool:
    """Whether its vectors are those of the reference, as closely as its class promises: a wrong one's speed counts nothing."""
    difference, cosine = result["max_abs_difference"], result["min_cosine"]
    if difference is None or cosine is None:
        return False
    accuracy = result["accuracy"]
    return difference <= MOST_DIFFERENCE.get(accuracy, float("inf")) and cosine >= LEAST_COSINE[accuracy]
