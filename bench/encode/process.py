"""A contestant's process as its parent sees it: same cores and threads for all, stopped while it is not its turn."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
from pathlib import Path
from typing import Any

from ..affinity import pinned
from .contestants import Contestant
from .environments import HERE, AbsentError, python_of

ROOT = HERE.parents[1]


def environment(threads: int) -> dict[str, str]:
    """The same number of threads by every name that a library reads, and libraries that are silent and stay offline."""
    counts = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM")
    return {
        **os.environ,
        **{f"{name}_NUM_THREADS": str(threads) for name in counts},
        "PYTHONPATH": str(ROOT),
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_VERBOSITY": "error",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_OFFLINE": "1",
    }


class Process:
    """Raises AbsentError where it cannot be started, ends or takes too long; what is left of it is then ended."""

    def __init__(self, contestant: Contestant, cores: list[int], log: Path, seconds: float) -> None:
        self.contestant, self.seconds, self.log = contestant, seconds, log
        python = python_of(contestant.environment)
        with log.open("w") as errors, pinned(cores):
            self.process = subprocess.Popen(
                [str(python), "-m", "bench.encode.worker"],
                cwd=ROOT,
                env=environment(len(cores)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer of a process that runs while it works and is stopped afterwards. Raises AbsentError; where the library raised,
        the process goes on."""
        assert self.process.stdin
        self._signal(signal.SIGCONT)
        try:
            self.process.stdin.write((json.dumps(request) + "\n").encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            self._fail(f"ended with code {self.process.wait()}")
        answer = json.loads(self._line())
        self._signal(signal.SIGSTOP)
        if "error" in answer:
            raise AbsentError(answer["error"])
        return answer

    def end(self) -> None:
        self._signal(signal.SIGCONT)
        self.process.kill()
        self.process.communicate()

    def _line(self) -> bytes:
        assert self.process.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(self.seconds):
                self._fail(f"took more than {self.seconds:.0f} s")
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
