"""The runs: contestants side by side, in rounds, so that whatever the machine does meanwhile strikes all of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import plmhead

from ..encode.environments import AbsentError
from . import artifacts
from .contestants import CONTESTANTS, FRESH, LINEAR, LOAD, ONE_ROW, ONE_THREAD, TWO_THREADS, Contestant
from .process import Process, fresh, missing

#: How far a peer's probabilities may be from the reference.
TOLERANCE = 1e-4
SHOWN = 7  # rows
FEATURES, CLASSES = 1280, 2
FRESH_RUN = "fresh process"


class Shape(NamedTuple):
    """What one call scores."""

    rows: int
    features: int = FEATURES
    classes: int = CLASSES


class Run(NamedTuple):
    """`values` is the length of the input that the calls go through, `repeats` the calls in a round."""

    what: str
    shape: Shape
    values: int
    threads: int
    rounds: int
    repeats: int
    series: str | None = None


@dataclass
class Plan:
    cores: list[int]
    rows: int
    rounds: int
    folder: Path  # for the artifacts
    say: Callable[[str], None]
    only: Callable[[str], bool]


def runs(plan: Plan) -> Iterable[dict[str, Any]]:
    """As results.schema.json describes them."""
    batch = Shape(plan.rows)
    small = 1000 * FEATURES  # a one-row input that no first level of cache holds
    yield measure(Run(ONE_THREAD, batch, plan.rows * FEATURES, 1, plan.rounds, 1), plan)
    if len(plan.cores) > 1:
        yield measure(Run(TWO_THREADS, batch, plan.rows * FEATURES, 2, plan.rounds, 1), plan)
    yield measure(Run(ONE_ROW, Shape(1), small, 1, plan.rounds, 100), plan)
    yield measure(Run(LOAD, Shape(0), FEATURES, 1, plan.rounds, 20), plan)
    yield measure_fresh(plan)
    for series, shapes in linear_shapes(plan.rows).items():
        for shape in shapes:
            yield measure(linear_run(series, shape, plan), plan)


def linear_shapes(rows: int) -> dict[str, list[Shape]]:
    """Three decades of each, all else equal; 1 row of coefficients is a head of two classes."""
    values = rows * 128
    return {
        "rows": [Shape(rows // 10**i) for i in (3, 2, 1, 0)],
        "features": [Shape(values // features, features) for features in (64, 640, 6_400, 64_000)],
        "classes": [Shape(values // 320 // k, 320, 2 if k == 1 else k) for k in (1, 10, 100, 1_000)],
    }


def linear_run(series: str, shape: Shape, plan: Plan) -> Run:
    """Calls of a few milliseconds in all, over an input so large that it comes from memory each time."""
    size = shape.rows * shape.features
    values = max(plan.rows * 128 // size, 1) * size
    work = size * (1 if shape.classes == 2 else shape.classes)
    return Run(LINEAR, shape, values, 1, max(3, plan.rounds // 2), max(1, plan.rows * 64 // work), series)


def units(shape: dict[str, Any]) -> int:
    """The multiplications of a call."""
    rows: int = shape["rows"] * shape["features"]
    return rows * (1 if shape["classes"] == 2 else shape["classes"])


def measure(run: Run, plan: Plan) -> dict[str, Any]:
    """One run of those that take part in it."""
    artifact = made(plan.folder, run.shape)
    absent: dict[str, str] = {}
    samples: dict[str, list[list[int]]] = {}
    ready: list[Process] = []
    wanted = [one for one in CONTESTANTS if run.what in one.parts and plan.only(one.name)]
    try:
        for contestant in wanted:
            try:
                ready.append(started(contestant, artifact, run, plan))
            except AbsentError as fault:
                absent[contestant.name] = str(fault)
        request = "load" if run.what == LOAD else "score"
        for turn in range(run.rounds):
            start = turn * len(ready) // run.rounds  # another one begins each round
            for process in ready[start:] + ready[:start]:
                try:
                    answer = process.ask(request, run.shape.rows, run.repeats)
                    samples.setdefault(process.contestant.name, []).append(answer["nanoseconds"])
                except AbsentError as fault:
                    absent[process.contestant.name] = str(fault)
            ready = [process for process in ready if process.contestant.name not in absent]
    finally:
        for process in ready:
            process.end()
    plan.say(f"{title(run)}: {len(ready)} measured{''.join(f'; {who}: {why}' for who, why in absent.items())}")
    kinds = {one.name: one.kind for one in wanted}
    return {
        "what": run.what,
        "series": run.series,
        **run.shape._asdict(),
        "threads": run.threads,
        "results": [{"contestant": p.contestant.name, "kind": kinds[p.contestant.name],
                     "nanoseconds": samples[p.contestant.name]} for p in ready],
        "absent": [{"contestant": who, "reason": why} for who, why in absent.items()],
    }  # fmt: skip


def title(run: Run) -> str:
    return f"{run.what}{f', {run.series}' if run.series else ''}, {run.shape.rows} x {run.shape.features} x {run.shape.classes}"


def made(folder: Path, shape: Shape) -> Path:
    """The path of the artifact of a shape, which is written where it is not there yet."""
    artifact = folder / f"{shape.features}-{shape.classes}"
    return artifact if artifact.with_suffix(".onnx").exists() else artifacts.make(folder, shape.features, shape.classes)


def started(contestant: Contestant, artifact: Path, run: Run, plan: Plan) -> Process:
    """A process that is warm, and whose probabilities are the reference's. Raises AbsentError."""
    word = "".join(letter if letter.isalnum() else "-" for letter in contestant.name)
    process = Process(contestant, artifact, plan.cores[: run.threads], run.values, plan.folder / f"{word}.log")
    if run.what == LOAD:
        process.ask("load", 0, 3)
        return process
    if contestant.exact is not None:
        shown = process.ask("show", min(SHOWN, run.values // run.shape.features), 1)["probability"]
        check(contestant.name, contestant.exact, shown, artifact, process)
    process.ask("score", run.shape.rows, 2)
    return process


def check(name: str, exact: bool, shown: list[float], artifact: Path, process: Process | None = None) -> None:
    """Raises AbsentError for another's probabilities, SystemExit where they are ours: then there is nothing to measure."""
    wanted = reference(artifact, len(shown))
    if exact and shown == wanted:
        return
    if not exact and np.allclose(shown, wanted, rtol=0, atol=TOLERANCE):
        return
    if process:
        process.end()
    if exact:
        raise SystemExit(f"bench: {name} does not have the reference's bits: {shown}, expected {wanted}")
    raise AbsentError(f"its probabilities are not the head's: {shown[:2]}, expected {wanted[:2]}")


def reference(artifact: Path, rows: int) -> list[float]:
    """The last class's probability of the first rows, by plmhead's own code in numpy."""
    head = plmhead.load(artifact)
    head.__dict__["_accelerated"] = None
    x = artifacts.values(rows * head.n_features_in).reshape(rows, -1)
    found: list[float] = head.predict_proba(x)[:, -1].tolist()
    return found


def measure_fresh(plan: Plan) -> dict[str, Any]:
    """Processes from their start to their end."""
    artifact = made(plan.folder, Shape(1))
    absent: dict[str, str] = {}
    samples: dict[str, list[list[int]]] = {}
    wanted = [one for one in FRESH if plan.only(one.name)]
    for turn in range(-1, plan.rounds):  # one more, first, so that every file is in memory
        for one in wanted:
            if one.name in absent:
                continue
            try:
                reason = missing(one.command)
                if reason:
                    raise AbsentError(reason)
                nanoseconds, said = fresh(one, artifact)
                if one.exact is not None:
                    check(one.name, one.exact, json.loads(said)["probability"], artifact)
            except AbsentError as fault:
                absent[one.name] = str(fault)
                continue
            if turn >= 0:
                samples.setdefault(one.name, []).append([nanoseconds])
    plan.say(f"{FRESH_RUN}: {len(samples)} measured{''.join(f'; {who}: {why}' for who, why in absent.items())}")
    return {
        "what": FRESH_RUN,
        "series": None,
        **Shape(1)._asdict(),
        "threads": 1,
        "results": [{"contestant": one.name, "kind": one.kind, "nanoseconds": samples[one.name]}
                    for one in wanted if one.name in samples],
        "absent": [{"contestant": who, "reason": why} for who, why in absent.items()],
    }  # fmt: skip
