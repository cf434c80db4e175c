"""A contestant's process as the harness sees it: pinned to its cores, stopped while it is not its turn."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from ..affinity import pinned
from ..encode.environments import AbsentError
from .contestants import Contestant, Fresh

SECONDS = 300.0
_COUNTS = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM")


def environment(threads: int, more: dict[str, str] | None) -> dict[str, str]:
    """The same number of threads by every name that a library reads, and nothing that changes what Python or plmhead finds."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PLMHEAD_", "NODE_"))}
    counts = {f"{name}_NUM_THREADS": str(threads) for name in _COUNTS}
    return {**kept, **counts, "PLMHEAD_THREADS": str(threads), **(more or {})}


def missing(command: tuple[str, ...]) -> str | None:
    """Why a command cannot be run, where that is known."""
    if shutil.which(command[0]) is None:
        return f"{Path(command[0]).name} is not there"
    scripts = [word for word in command[1:] if word.endswith((".js", ".py"))]
    return next((f"{Path(word).name} is not there" for word in scripts if not Path(word).exists()), None)


class Process:
    """Raises AbsentError where it cannot be started, ends, refuses or takes too long; what is left of it is then ended."""

    def __init__(self, contestant: Contestant, artifact: Path, cores: list[int], values: int, log: Path) -> None:
        self.contestant, self.log = contestant, log
        reason = missing(contestant.program)
        if reason:
            raise AbsentError(reason)
        with log.open("w") as errors, pinned(cores):
            self.process = subprocess.Popen(
                [*contestant.program, contestant.word, str(artifact), str(len(cores)), str(values)],
                env=environment(len(cores), contestant.environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    def ask(self, what: str, rows: int, repeats: int) -> dict[str, Any]:
        """The answer; the process runs while it works and is stopped afterwards."""
        assert self.process.stdin
        self._signal(signal.SIGCONT)
        try:
            self.process.stdin.write(f"{what} {rows} {repeats}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            self._fail(f"ended with code {self.process.wait()}")
        answer: dict[str, Any] = json.loads(self._line())
        self._signal(signal.SIGSTOP)
        if "error" in answer:
            self._fail(answer["error"])
        return answer

    def end(self) -> None:
        self._signal(signal.SIGCONT)
        self.process.kill()
        self.process.communicate()

    def _line(self) -> bytes:
        assert self.process.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(SECONDS):
                self._fail(f"took more than {SECONDS:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            told = self.log.read_text(errors="replace").strip().splitlines()
            self._fail(f"ended with code {code}" + (f": {told[-1][:200]}" if told else ""))
        return line

    def _signal(self, number: int) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)

    def _fail(self, reason: str) -> None:
        self.end()
        raise AbsentError(reason)


def fresh(contestant: Fresh, artifact: Path) -> tuple[int, str]:
    """Nanoseconds from before the start of a process until after its end, and what it printed. It runs on this process's cores."""
    command = [word.replace("{}", str(artifact)) for word in contestant.command]
    env = environment(1, contestant.environment)
    start = time.perf_counter_ns()
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS)
    nanoseconds = time.perf_counter_ns() - start
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"]
        raise AbsentError(said[-1][:200])
    return nanoseconds, done.stdout
