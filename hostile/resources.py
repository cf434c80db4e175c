"""Time and memory of one load, for every case of the suite and the largest heads: `python -m hostile.resources --testee "program" ...`.

The ceiling of a pair whose files have S bytes together: 50 ms + 20 ms per MiB of S, and 4 MiB + S of memory. Every file pair is
loaded from its paths, so that reading the files counts. Process start does not: each loader is a warmed testee.

Time: from the request to the answer, the best of several loads, since a busy machine only adds. Memory: the peak of the
resident size during one load (VmHWM, reset before it) above the resident size when the testee had just been warmed up; where the
process has kept more than DRIFT since, it is started anew. Garbage that a run-time has not collected therefore counts, and what its
compiler takes meanwhile, which differs from run to run: a load that is over the ceiling is measured again in a fresh process, up to
ATTEMPTS times, and the best counts. A load that needs more than the ceiling is over it every time.

The last line is `resources: F files, L loaders, over ceiling N`; exit 0 only where N is 0. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from conformance.protocol import Testee
from conformance.run import prepared

from . import largest
from .judge import Pair

MIB = 1024 * 1024
SUITE = Path(__file__).resolve().parents[1] / "conformance"
DRIFT = 1 * MIB
ATTEMPTS = 8
TIMED_LOADS = 3
# glibc gives freed blocks of these sizes back at once, so that the resident size falls when memory is freed.
ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


class Paths(NamedTuple):
    npz: str
    config: str

    @property
    def size(self) -> int:
        return os.path.getsize(self.npz) + os.path.getsize(self.config)


class Load(NamedTuple):
    """What one load took, and what it may take: seconds and bytes."""

    name: str
    size: int
    code: str  # "" where the pair is accepted
    seconds: float
    memory: int

    @property
    def most_seconds(self) -> float:
        return 0.050 + 0.020 * self.size / MIB

    @property
    def most_memory(self) -> int:
        return 4 * MIB + self.size

    @property
    def over(self) -> bool:
        return self.seconds > self.most_seconds or self.memory > self.most_memory

    @property
    def share(self) -> float:
        """Of the ceiling that is nearer."""
        return max(self.seconds / self.most_seconds, self.memory / self.most_memory)

    def __str__(self) -> str:
        time_ = f"{1000 * self.seconds:7.1f} of {1000 * self.most_seconds:6.1f} ms"
        memory = f"{self.memory / MIB:6.1f} of {self.most_memory / MIB:5.1f} MiB"
        return f"{time_} {memory}  {self.name} ({self.code or 'accepted'})"


def resident(pid: int) -> tuple[int, int]:
    """The peak and the present resident size of a process, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = {line.split(":")[0]: 1024 * int(line.split()[1]) for line in lines if line.startswith(("VmHWM", "VmRSS"))}
    return sizes["VmHWM"], sizes["VmRSS"]


def reset_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


class Gauge:
    """A warmed testee, started anew when it has kept memory."""

    def __init__(self, command: str, warm: list[Paths]) -> None:
        self.testee = Testee(command, timeout=120)
        self.warm = warm
        self.restart()

    def restart(self) -> None:
        if self.testee.process is not None:
            self.testee.shutdown()
        self.testee.start()
        for paths in self.warm:
            self.load(paths)
        self.base = resident(self.testee.process.pid)[1]

    def load(self, paths: Paths) -> tuple[str, float]:
        """Error code ("" where it loads) and seconds. The model is dropped again. Raises TesteeError."""
        start = time.perf_counter()
        answer = self.testee.ask(op="load", npz=paths.npz, config=paths.config)
        seconds = time.perf_counter() - start
        if answer.get("ok") is True:
            self.testee.ask(op="unload", model=answer["model"])
            return "", seconds
        return answer["error"]["code"], seconds

    def measure(self, name: str, paths: Paths) -> Load:
        best = self.measure_once(name, paths)
        for _ in range(ATTEMPTS - 1):
            if not best.over:
                break
            self.restart()
            again = self.measure_once(name, paths)
            best = best._replace(seconds=min(best.seconds, again.seconds), memory=min(best.memory, again.memory))
        return best

    def measure_once(self, name: str, paths: Paths) -> Load:
        if resident(self.testee.process.pid)[1] > self.base + DRIFT:
            self.restart()
        pid = self.testee.process.pid
        reset_peak(pid)
        before = min(self.base, resident(pid)[1])
        code, seconds = self.load(paths)
        memory = resident(pid)[0] - before
        for _ in range(TIMED_LOADS - 1):
            seconds = min(seconds, self.load(paths)[1])
        return Load(name, paths.size, code, seconds, memory)


def suite_cases(scratch: Path, only: str = "") -> Iterator[tuple[str, Paths]]:
    """The cases of the conformance suite whose ids begin so; one whose file has spaces in front is written to the scratch folder."""
    for entry in json.loads((SUITE / "manifest.json").read_text())["cases"]:
        if not entry["id"].startswith(only):
            continue
        folder = SUITE / entry["path"]
        case = json.loads((folder / "case.json").read_text())
        target = scratch / entry["id"].replace("/", "-")
        if case.get("prepend"):
            target.mkdir()
        yield entry["id"], Paths(**prepared(folder, case, target))


def written(pairs: Iterable[tuple[str, Pair]], scratch: Path) -> Iterator[tuple[str, Paths]]:
    for i, (name, (npz, config)) in enumerate(pairs):
        paths = Paths(str(scratch / f"{i}.npz"), str(scratch / f"{i}_config.json"))
        Path(paths.npz).write_bytes(npz)
        Path(paths.config).write_bytes(config)
        yield name, paths


def warm_up() -> list[Paths]:
    """Pairs that bring in what a loader loads or compiles once: some accepted, some refused in each phase."""
    bases = sorted((SUITE / "cases/base").iterdir())
    others = sorted((SUITE / "cases").glob("*/*"))[::40]
    return [Paths(str(folder / "model.npz"), str(folder / "model_config.json")) for folder in [*others, *bases] * 2]


def measured(command: str, files: dict[str, Paths], say: Callable[[str], None] = print) -> tuple[str, list[Load]]:
    """The loader's name, and a Load for each pair. Raises TesteeError."""
    gauge = Gauge(command, warm_up())
    try:
        loads = [gauge.measure(name, paths) for name, paths in files.items()]
    finally:
        gauge.testee.shutdown()
    return gauge.testee.name, loads


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m hostile.resources", description=__doc__.split("`")[0])
    parser.add_argument(
        "--testee", action="append", required=True, help="a program that speaks the conformance protocol"
    )
    parser.add_argument("--only", default="", help="pairs whose name begins so")
    parser.add_argument("--show", type=int, default=8, help="how many of the loads nearest to the ceiling are shown")
    options = parser.parse_args(arguments)
    os.environ.update(ENVIRONMENT)
    over = 0
    with tempfile.TemporaryDirectory() as scratch:
        large = ((name, pair) for name, pair in largest.pairs() if name.startswith(options.only))
        files = {**dict(suite_cases(Path(scratch), options.only)), **dict(written(large, Path(scratch)))}
        for command in options.testee:
            name, loads = measured(command, files)
            print(f"{name}: the loads nearest to the ceiling")
            for load in sorted(loads, key=lambda load: load.share, reverse=True)[: options.show]:
                print(f"  {'OVER' if load.over else '    '} {load}")
            over += sum(load.over for load in loads)
    print(f"resources: {len(files)} files, {len(options.testee)} loaders, over ceiling {over}")
    return 1 if over or not files else 0


if __name__ == "__main__":
    sys.exit(main())
