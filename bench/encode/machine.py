"""What the numbers were measured on, as far as the system tells: Linux, and nvidia-smi for a GPU."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LIBRARIES = ("plmhead", "torch", "transformers", "onnxruntime", "openvino", "numpy")
#: A machine that does more than this beside the benchmark gives numbers that are not worth keeping.
BUSY = 0.1


def describe(device: str, cores: list[int]) -> dict[str, Any]:
    flags = _cpuinfo("flags").split()
    return {
        "device": device,
        "name": gpu_name() if device == "cuda" else processor(),
        "processor": processor(),
        "threads": len(cores),
        "amx": "amx_tile" in flags and "amx_bf16" in flags,
        "avx512_bf16": "avx512_bf16" in flags,
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in LIBRARIES},
        "busy_share": busy_share(),
    }


def processor() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def gpu_name() -> str:
    return _nvidia("name")


def free_memory(device: str) -> int:
    """Bytes free on the device; a GPU's reader leaves the host's out, which is larger where there is such a GPU."""
    if device == "cuda":
        return int(_nvidia("memory.free")) * 2**20
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))


def busy_share(seconds: float = 2.0) -> float:
    """The share of the machine's cores that others use now, 0 to 1; time that the host takes away counts."""
    before = _jiffies()
    time.sleep(seconds)
    idle, total = (after - early for early, after in zip(before, _jiffies(), strict=True))
    return round(1 - idle / max(total, 1), 3)


def _jiffies() -> tuple[int, int]:
    """Idle and all."""
    fields = [int(value) for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return fields[3] + fields[4], sum(fields)


def _cpuinfo(member: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == member), "")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _nvidia(member: str) -> str:
    command = ["nvidia-smi", f"--query-gpu={member}", "--format=csv,noheader,nounits", "--id=0"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
