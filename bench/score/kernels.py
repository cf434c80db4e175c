"""The strict conformance cases with each kernel of the Rust loader forced in turn: `python -m bench.score.kernels PROGRAM`.

PLMHEAD_KERNEL forces one, and a loader that does not have it refuses every pair: no run passes by another. A kernel that this
processor lacks is left out, and the output says so.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def with_kernel(kernel: str, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PLMHEAD_KERNEL": kernel}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def present(program: str) -> list[str]:
    """The kernels of the program on this processor, which are what it expects instead of a name that no kernel has."""
    done = with_kernel("none", program, "verify", "examples/head")
    found = re.search(
        r'ENVIRONMENT .*PLMHEAD_KERNEL="none", expected it unset, or ([a-z0-9 ]+)', done.stderr + done.stdout
    )
    if done.returncode == 0 or not found:
        raise SystemExit(f"kernels: {program} does not heed PLMHEAD_KERNEL: {done.stdout[-300:]}{done.stderr[-300:]}")
    return found[1].split(" or ")


def run(kernel: str, program: str) -> tuple[int, int]:
    """(cases, failures) of the suite, this kernel forced."""
    done = with_kernel(kernel, sys.executable, "-m", "conformance.run", "--testee", f"{program} testee")
    lines = done.stdout.strip().splitlines()
    found = re.fullmatch(r"conformance: (\d+) cases, 1 loaders, (\d+) failures", lines[-1] if lines else "")
    if not found:
        raise SystemExit(f"kernels: {kernel}: the suite did not end: {done.stdout[-300:]}{done.stderr[-300:]}")
    print(f"{kernel}: {found[1]} cases, {found[2]} failures", flush=True)
    return int(found[1]), int(found[2])


def main(program: str) -> int:
    results = [run(kernel, program) for kernel in present(program)]
    failures = sum(failed for _, failed in results)
    print(f"kernels {len(results)}, strict cases {results[0][0]} each, failures {failures}")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
