"""One run: contestants of one shape side by side, in rounds, so that whatever the machine does meanwhile strikes all of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .contestants import CHOICE, REFERENCE, Contestant
from .environments import CACHE, AbsentError
from .process import Process
from .sequences import sequences
from .shapes import SHAPES, Shape, checkpoint

LOADING_SECONDS = 300.0
Say = Callable[[str], None]


class Size(NamedTuple):
    sequences: int
    rounds: int


@dataclass
class Plan:
    """What is measured of one shape."""

    shape: str
    sizes: dict[str, Size]  # by set
    device: str
    cores: list[int]
    contestants: list[Contestant]
    memory: Callable[[], int]  # bytes that are free
    say: Say


@dataclass
class Runner:
    """A contestant that is loaded, and what is known of it for the present set."""

    process: Process
    sequences: list[str] = field(default_factory=list)
    batch_size: int | None = None
    samples: list[float] = field(default_factory=list)
    resident: int | None = None
    device: int | None = None
    vectors: np.ndarray | None = None

    @property
    def name(self) -> str:
        return self.process.contestant.name

    def run(self, vectors: Path | None = None, batch_size: int | None = None) -> float:
        answer = self.process.ask(
            op="run",
            sequences=self.sequences,
            batch_size=batch_size or self.batch_size,
            vectors=str(vectors) if vectors else None,
        )
        self.resident = _most(self.resident, answer["peak_resident"])
        self.device = _most(self.device, answer["peak_device"])
        return float(answer["seconds"])


def measure_shape(plan: Plan) -> list[dict[str, Any]]:
    """The runs of one shape, one a set, as results.schema.json describes them."""
    shape = SHAPES[plan.shape]
    folder = checkpoint(shape, CACHE / "models")
    logs = CACHE / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    absent: dict[str, str] = {}
    runners: list[Runner] = []
    try:
        for contestant in plan.contestants:
            try:
                runners.append(_started(contestant, shape, folder, plan, logs))
            except AbsentError as fault:
                absent[contestant.name] = str(fault)
                plan.say(f"{shape.name}: {contestant.name} does not take part: {fault}")
        return [_measure_set(shape, name, size, runners, absent, plan) for name, size in plan.sizes.items()]
    finally:
        for runner in runners:
            runner.process.end()


def _started(contestant: Contestant, shape: Shape, folder: Path, plan: Plan, logs: Path) -> Runner:
    reason = contestant.absent_for(shape, plan.device)
    if reason:
        raise AbsentError(reason)
    needed, free = contestant.bytes_needed(shape, plan.device), plan.memory()
    if needed > free:
        raise AbsentError(f"needs some {needed / 2**30:.1f} GiB of memory, {max(free, 0) / 2**30:.1f} GiB are free")
    log = logs / f"{shape.name} {contestant.name}.log"
    process = Process(contestant, plan.cores, log, LOADING_SECONDS)
    try:
        process.ask(
            op="load",
            adapter=contestant.adapter,
            folder=str(folder),
            device=plan.device,
            threads=len(plan.cores),
            options=contestant.options,
        )
    except AbsentError:
        process.end()
        raise
    plan.say(f"{shape.name}: {contestant.name} is loaded")
    return Runner(process)


def _measure_set(
    shape: Shape, name: str, size: Size, runners: list[Runner], absent: dict[str, str], plan: Plan
) -> dict[str, Any]:
    texts = sequences(name, size.sequences)
    absent = dict(absent)
    ready = [runner for runner in runners if _warmed(runner, texts, name, absent, plan)]
    for turn in range(size.rounds):
        start = turn * len(ready) // size.rounds  # another one begins each round
        for runner in ready[start:] + ready[:start]:
            try:
                runner.samples.append(runner.run())
            except AbsentError as fault:
                absent[runner.name] = str(fault)
        ready = [runner for runner in ready if runner.name not in absent]
        plan.say(f"{shape.name} {name}: round {turn + 1} of {size.rounds}")
    reference = next((runner for runner in ready if runner.name == REFERENCE), None)
    return {
        "shape": shape.name,
        "set": name,
        "rounds": size.rounds,
        "sequences": len(texts),
        "residues": sum(map(len, texts)),
        "flops": shape.total_flops(texts),
        "results": [_result(shape, runner, reference) for runner in ready],
        "absent": [{"contestant": who, "reason": why} for who, why in absent.items()],
    }


def _warmed(runner: Runner, texts: list[str], name: str, absent: dict[str, str], plan: Plan) -> bool:
    """Whether the contestant has run once over its sequences; its batch size is then chosen, and its vectors are kept."""
    contestant = runner.process.contestant
    part = contestant.cuda_part if plan.device == "cuda" else 1
    runner.sequences = texts[: max(1, len(texts) // part)]
    runner.batch_size, runner.samples, runner.resident, runner.device, runner.vectors = None, [], None, None, None
    try:
        if contestant.chooses_batch:
            runner.batch_size = _fastest_batch(runner, CHOICE[plan.device, name])
        with tempfile.TemporaryDirectory() as scratch:
            vectors = Path(scratch) / "vectors.npy"
            runner.run(vectors)
            runner.vectors = np.load(vectors) if vectors.exists() else None
        runner.resident = runner.device = None
    except AbsentError as fault:
        absent[runner.name] = str(fault)
        plan.say(f"{name}: {runner.name} drops out: {fault}")
        return False
    return True


def _fastest_batch(runner: Runner, choice: Iterable[int]) -> int:
    """The batch size that was fastest over all sequences. Raises AbsentError where none runs."""
    most = len(runner.sequences)
    found: dict[int, float] = {}
    fault: AbsentError | None = None
    for size in sorted({min(size, most) for size in choice}):
        try:
            if not found:
                runner.run(batch_size=size)  # warms it
            found[size] = runner.run(batch_size=size)
        except AbsentError as error:
            fault = error
    if not found:
        raise fault or AbsentError("no batch size ran")
    return min(found, key=lambda size: found[size])


def _result(shape: Shape, runner: Runner, reference: Runner | None) -> dict[str, Any]:
    contestant = runner.process.contestant
    difference, cosine = agreement(runner.vectors, reference.vectors if reference else None)
    return {
        "contestant": contestant.name,
        "accuracy": contestant.accuracy,
        "own": contestant.own,
        "sequences": len(runner.sequences),
        "flops": shape.total_flops(runner.sequences),
        "batch_size": runner.batch_size,
        "seconds": runner.samples,
        "peak_resident_bytes": runner.resident,
        "peak_device_bytes": runner.device,
        "max_abs_difference": difference,
        "min_cosine": cosine,
    }


def agreement(found: np.ndarray | None, wanted: np.ndarray | None) -> tuple[float | None, float | None]:
    """Largest absolute difference and least cosine of the rows that both have, which are the first; None where one has none."""
    if found is None or wanted is None:
        return None, None
    common = min(len(found), len(wanted))
    a, b = found[:common].astype(np.float64), wanted[:common].astype(np.float64)
    if a.shape != b.shape or not np.isfinite(found).all():
        return None, None
    cosine = (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    return float(np.abs(a - b).max()), float(min(1.0, cosine.min()))


def _most(one: int | None, other: int | None) -> int | None:
    return max((value for value in (one, other) if value is not None), default=None)
