"""Many pairs through one loader: any program that speaks the conformance protocol says of each whether it loads.

A crash, a hang or an answer outside the protocol is raised as conformance.protocol.TesteeError: it is never a verdict.
"""

from __future__ import annotations

import itertools
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from conformance.protocol import Testee, TesteeError

BATCH = 32  # requests on their way at once: far below what the pipes hold
MEMORY_FOLDER = Path("/dev/shm")
ACCEPTED = ""

Pair = tuple[bytes, bytes]  # NPZ, config


class Judge:
    """A loader that is asked for verdicts. A context manager: its process ends with the block."""

    def __init__(self, command: str, timeout: float = 30.0) -> None:
        self.testee = Testee(command, timeout)
        self.testee.start()

    @property
    def name(self) -> str:
        return self.testee.name

    def __enter__(self) -> Judge:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.testee.shutdown()

    def verdicts(self, pairs: Iterable[Pair]) -> Iterator[str]:
        """For each pair the error code of the loader, or "" where it loads. Raises TesteeError."""
        in_memory = MEMORY_FOLDER if os.access(MEMORY_FOLDER, os.W_OK) else None
        with tempfile.TemporaryDirectory(dir=in_memory) as folder:
            paths = [Path(folder, f"{i}.npz") for i in range(BATCH)]
            for batch in batches(pairs):
                for path, (npz, config) in zip(paths, batch, strict=False):
                    path.write_bytes(npz)
                    config_of(path).write_bytes(config)
                answers = self.ask_all(
                    [{"op": "load", "npz": str(path), "config": str(config_of(path))} for path in paths[: len(batch)]]
                )
                self.ask_all([{"op": "unload", "model": answer["model"]} for answer in answers if answer.get("ok")])
                yield from map(verdict, answers)

    def ask_all(self, requests: list[dict[str, object]]) -> list[dict[str, object]]:
        """The answers to several requests, all sent before the first answer is read."""
        testee, first = self.testee, self.testee.next_id
        lines = [json.dumps({"id": first + i, **request}) + "\n" for i, request in enumerate(requests)]
        testee.next_id += len(requests)
        testee.process.stdin.write("".join(lines).encode())
        testee.process.stdin.flush()
        answers = [testee.read() for _ in requests]
        for i, answer in enumerate(answers):
            if answer.get("id") != first + i:
                raise testee.failed("protocol", f"answer {answer} to request {first + i}")
        return answers


def config_of(npz: Path) -> Path:
    return npz.with_name(f"{npz.stem}_config.json")


def batches(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    pairs = iter(pairs)
    while batch := list(itertools.islice(pairs, BATCH)):
        yield batch


def verdict(answer: dict[str, object]) -> str:
    if answer.get("ok") is True:
        return ACCEPTED
    code = answer["error"]["code"]
    if code.startswith("P_"):
        raise TesteeError("protocol", f"{answer}")
    return code
