"""Keeps results in the repository: results/MACHINE.json, and from all of those docs/speed.md and its plots."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ..encode.machine import BUSY
from .contestants import HERE, ROOT
from .plot import plot
from .report import page

KEPT = HERE / "results"
PAGE = ROOT / "docs" / "speed.md"
INDEX = ROOT / "docs" / "index.md"
BEFORE = "precision\n"  # the page that comes next in the index


def publish(results: dict[str, Any]) -> None:
    """Raises SystemExit for numbers of a busy machine."""
    busy = results["machine"]["busy_share"]
    if busy > BUSY:
        raise SystemExit(f"bench: others used {100 * busy:.0f} % of this machine, its numbers are not published")
    KEPT.mkdir(exist_ok=True)
    (KEPT / f"{slug(results['machine'])}.json").write_text(json.dumps(results) + "\n", encoding="utf-8")
    for path, text in pages().items():
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
        name = results["machine"]["processor"]
        image = PAGE.with_name(f"speed-{slug(results['machine'])}.svg")
        written[image] = plot(results)
        parts.append(f"## {name}\n\n![Times on {name}]({image.name})\n\n{page(results)}")
    return {PAGE: "\n".join(parts), **written}


def kept_for(machine: dict[str, Any], kept: Path = KEPT) -> tuple[str, dict[str, Any] | None]:
    """The results that are kept of such a machine, or else the first of another; with their name."""
    path = kept / f"{slug(machine)}.json"
    found = path if path.exists() else next(iter(sorted(kept.glob("*.json"))), None)
    if found is None:
        return "", None
    return found.stem, json.loads(found.read_text(encoding="utf-8"))


def slug(machine: dict[str, Any]) -> str:
    """A file's name for a machine: its processor and cores."""
    return re.sub(r"[^a-z0-9]+", "-", f"{machine['processor']}-{machine['cores']}".lower()).strip("-")
