"""Many inputs over several processes: chunks in order, totals, progress, and a file from which a stopped run goes on."""

import json
import os
import shutil
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from . import findings, inputs
from .judge import Verdict, judge, same
from .loaders import DiedError, Loader
from .phases import PHASES, phase, reached

CHUNK = 200
BATCH = 40
REPORT_SECONDS = 10


@dataclass(frozen=True)
class Settings:
    seed: int
    commands: tuple[str, ...]
    found: Path
    timeout: float = 20


@dataclass
class Totals:
    """Counts of a run so far. Counters of pairs are stored as lists of pairs in the file."""

    inputs: int = 0
    disagreements: int = 0
    refused: Counter[tuple[str, bool]] = field(default_factory=Counter)  # (phase, version 0)
    accepted: Counter[bool] = field(default_factory=Counter)  # version 0 or not
    codes: Counter[str] = field(default_factory=Counter)
    predictions: Counter[str] = field(default_factory=Counter)  # "scores", or the code
    unsealed: int = 0
    executions: Counter[str] = field(default_factory=Counter)
    cpu: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Totals") -> None:
        for name, value in vars(other).items():
            if isinstance(value, Counter):
                getattr(self, name).update(value)
            else:
                setattr(self, name, getattr(self, name) + value)

    def plain(self) -> dict[str, object]:
        """As JSON."""
        return {
            name: sorted(([*key] if isinstance(key, tuple) else key, n) for key, n in value.items())
            if isinstance(value, Counter)
            else value
            for name, value in vars(self).items()
        }

    @classmethod
    def of(cls, data: dict[str, object]) -> "Totals":
        totals = cls()
        for name, value in data.items():
            if isinstance(value, list):
                value = Counter({tuple(key) if isinstance(key, list) else key: n for key, n in value})
            setattr(totals, name, value)
        return totals

    def reached(self) -> dict[str, int]:
        return reached(self.refused, self.accepted)


class Worker:
    """One process's loaders and its folder in memory."""

    current: "Worker"

    def __init__(self, settings: Settings, folder: str) -> None:
        self.settings = settings
        self.folder = Path(folder) / str(os.getpid())
        self.folder.mkdir()
        self.loaders: list[Loader] = []
        try:
            for command in settings.commands:
                self.loaders.append(Loader(command, settings.timeout))
        except (DiedError, OSError):
            remove(self)
            raise
        self.names = [loader.name for loader in self.loaders]

    def chunk(self, first: int, length: int) -> tuple[Totals, list[str]]:
        totals, lines = Totals(), []
        before = [(loader.executions, loader.cpu()) for loader in self.loaders]
        for start in range(first, first + length, BATCH):
            batch = [inputs.make(self.settings.seed, i) for i in range(start, min(start + BATCH, first + length))]
            for made, verdicts in zip(batch, judge(self.loaders, batch, self.folder), strict=True):
                count_one(totals, made, verdicts[0])
                if not same(verdicts):
                    totals.disagreements += 1
                    lines.append(self.found(made.index))
        for name, loader, (executions, cpu) in zip(self.names, self.loaders, before, strict=True):
            totals.executions[name] += loader.executions - executions
            totals.cpu[name] += loader.cpu() - cpu
        return totals, lines

    def found(self, index: int) -> str:
        made, verdicts = findings.smaller(self.loaders, self.settings.seed, index, self.folder)
        folder = findings.save(self.settings.found, self.settings.seed, made, self.names, verdicts)
        return f"input {index} ({', '.join(made.mutations)}): {findings.short(self.names, verdicts)}\n  {folder}"


def remove(worker: Worker) -> None:
    """Ends the loaders and removes the folder."""
    for loader in worker.loaders:
        loader.kill()
    shutil.rmtree(worker.folder)


def count_one(totals: Totals, made: inputs.Input, verdict: Verdict) -> None:
    totals.inputs += 1
    totals.unsealed += any(name.startswith(("text.unsealed", "text.stale")) for name in made.mutations)
    if verdict.accepted:
        totals.accepted[made.version_0] += 1
        totals.predictions.update(str(answer.get("code", "scores")) for answer in verdict.predictions)
    else:
        code = str(verdict.load.get("code"))
        totals.codes[code] += 1
        totals.refused[phase(code, verdict.load.get("where")), made.version_0] += 1


def start(settings: Settings, folder: str) -> None:
    Worker.current = Worker(settings, folder)


def work(first: int, length: int) -> tuple[Totals, list[str]]:
    return Worker.current.chunk(first, length)


def chunks(first: int, end: int | None, until: float | None) -> Iterator[tuple[int, int]]:
    """(first input, how many), to the end, or until a moment."""
    for at in count(first, CHUNK):
        if (end is not None and at >= end) or (until is not None and time.monotonic() >= until):
            return
        yield at, CHUNK if end is None else min(CHUNK, end - at)


def run(
    settings: Settings,
    jobs: int,
    work_list: Iterator[tuple[int, int]],
    totals: Totals,
    each: Callable[[Totals, list[str], int], None],
) -> None:
    """Chunks in order; after each, `each(totals, new findings, next input)`."""
    memory = Path("/dev/shm")
    where = memory if memory.is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="plmhead-", dir=where) as folder,
        ProcessPoolExecutor(jobs, initializer=start, initargs=(settings, folder)) as pool,
    ):
        waiting: deque[tuple[int, Future[tuple[Totals, list[str]]]]] = deque()
        while True:
            while len(waiting) < 2 * jobs and (chunk := next(work_list, None)):
                waiting.append((sum(chunk), pool.submit(work, *chunk)))
            if not waiting:
                return
            following, future = waiting.popleft()
            new, lines = future.result()
            totals.add(new)
            each(totals, lines, following)


def saved(path: Path, settings: Settings) -> tuple[int, Totals]:
    """Where a stopped run of the same seed goes on; the beginning where there is none."""
    if not path.exists():
        return 0, Totals()
    data = json.loads(path.read_text())
    if data["seed"] != settings.seed:
        raise ValueError(f"{path} is of seed {data['seed']}, not {settings.seed}")
    return data["next"], Totals.of(data["totals"])


def save(path: Path, settings: Settings, following: int, totals: Totals) -> None:
    new = path.with_suffix(".new")
    path.parent.mkdir(parents=True, exist_ok=True)
    new.write_text(json.dumps({"seed": settings.seed, "next": following, "totals": totals.plain()}))
    new.replace(path)


def table(totals: Totals) -> str:
    """Phases: how many inputs came to each, and how many were refused in it."""
    lines = ["phase         reached             refused there"]
    refused = Counter[str]()
    for (name, _), n in totals.refused.items():
        refused[name] += n
    for name, n in totals.reached().items():
        lines.append(f"{name:<12}{n:>10} {share(n, totals):>6}{refused[name]:>14} {share(refused[name], totals):>6}")
    lines.append(f"accepted    {totals.accepted.total():>10} {share(totals.accepted.total(), totals):>6}")
    lines.append(f"not resealed{totals.unsealed:>10} {share(totals.unsealed, totals):>6}")
    return "\n".join(lines)


def share(n: int, totals: Totals) -> str:
    return f"{100 * n / max(1, totals.inputs):.1f} %"


def unreached(totals: Totals) -> list[str]:
    """Phases that fewer than 5 % of the inputs came to; `accepted`, where fewer than 1 % were."""
    counts, least = totals.reached(), 0.05 * totals.inputs
    few = [name for name in PHASES if counts[name] < least]
    return few + ["accepted"] * (totals.accepted.total() < 0.01 * totals.inputs)
