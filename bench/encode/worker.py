"""One contestant in a process of its own: `python -m bench.encode.worker`, a JSON object a line in, one out.

    {"op": "load", "adapter": ..., "folder": ..., "device": ..., "threads": ..., "options": {...}}
    {"op": "run", "sequences": [...], "batch_size": 8 or null, "vectors": PATH or null}

answers {"seconds", "peak_resident", "peak_device"} (bytes; null where there is no such number), or {"error"}. The clock runs from
strings to vectors in host memory. Needs numpy and the adapter's library, nothing else of plmhead.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PROC = Path("/proc/self")


def peak_resident(reset: bool = False) -> int | None:
    """The peak of the resident size since it was last reset, in bytes; None where the system does not tell."""
    try:
        if reset:
            (PROC / "clear_refs").write_text("5")
            return None
        lines = (PROC / "status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)


def cuda() -> Any:
    """torch.cuda, where torch is loaded and has a device."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized() else None


class Contest:
    def __init__(self) -> None:
        self.embed: Callable[[list[str], int | None], np.ndarray | None] | None = None

    def load(self, adapter: str, folder: str, device: str, threads: int, options: dict[str, Any]) -> dict[str, Any]:
        module = importlib.import_module(f"bench.encode.peers.{adapter}")
        start = time.perf_counter()
        self.embed = module.load(Path(folder), device, threads, **options)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(threads)
        return {"seconds": time.perf_counter() - start, "resident": peak_resident()}

    def run(self, sequences: list[str], batch_size: int | None, vectors: str | None) -> dict[str, Any]:
        assert self.embed
        device = cuda()
        peak_resident(reset=True)
        if device:
            device.synchronize()
            device.reset_peak_memory_stats()
        start = time.perf_counter()
        values = self.embed(sequences, batch_size)
        if device:
            device.synchronize()
        seconds = time.perf_counter() - start
        if vectors and values is not None:
            np.save(vectors, np.asarray(values, dtype=np.float32))
        return {
            "seconds": seconds,
            "peak_resident": peak_resident(),
            "peak_device": device.max_memory_allocated() if device else None,
        }


def main() -> None:
    # Libraries print what they like; answers have the real standard output to themselves.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    contest = Contest()
    for line in sys.stdin:
        request = json.loads(line)
        op = request.pop("op")
        try:
            answer = {"load": contest.load, "run": contest.run}[op](**request)
        except Exception as fault:  # whatever a library raises is its result
            answer = {"error": f"{type(fault).__name__}: {' '.join(str(fault).split())[:300]}"}
            if cuda():
                cuda().empty_cache()  # after an error for want of memory
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
