"""Results of a run to the pages: results/NAME.json, and from all of those docs/benchmarks.md and its plots."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from .environments import HERE
from .machine import BUSY
from .plot import plot
from .report import page

ROOT = HERE.parents[1]
KEPT = HERE / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
INDEX = ROOT / "docs" / "index.md"
BEFORE = "precision\n"  # the page that comes next in the index


def publish(results: dict[str, Any]) -> None:
    """Raises SystemExit for numbers of a busy machine."""
    busy = results["machine"]["busy_share"]
    if busy > BUSY:
        raise SystemExit(f"bench-encode: others used {100 * busy:.0f} % of this machine, its numbers are not published")
    KEPT.mkdir(exist_ok=True)
    kept = KEPT / f"{slug(results['machine'])}.json"
    kept.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for path, text in pages(KEPT).items():
        path.write_text(text, encoding="utf-8")
    index = INDEX.read_text(encoding="utf-8")
    if f"{PAGE.stem}\n" not in index:
        INDEX.write_text(index.replace(BEFORE, f"{PAGE.stem}\n{BEFORE}", 1), encoding="utf-8")


def pages(kept: Path = KEPT) -> dict[Path, str]:
    """What the pages say of the results that are kept: text by path; nothing where there are none."""
    machines = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(kept.glob("*.json"))]
    if not machines:
        return {}
    parts, written = [(HERE / "page.md").read_text(encoding="utf-8")], {}
    for results in machines:
        name = results["machine"]["name"]
        image = PAGE.with_name(f"benchmarks-{slug(results['machine'])}.svg")
        written[image] = plot(results)
        parts.append(f"## {name}\n\n![Sequences a second on {name}]({image.name})\n\n{page(results)}")
    return {PAGE: "\n".join(parts), **written}


def slug(machine: dict[str, Any]) -> str:
    """A file's name for a machine: its device, cores and extensions."""
    extension = "-amx" if machine["amx"] and machine["device"] == "cpu" else ""
    name = re.sub(r"[^a-z0-9]+", "-", machine["name"].lower()).strip("-")
    return f"{machine['device']}-{name}{extension}-{machine['threads']}"
