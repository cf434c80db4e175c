"""From a fresh clone to a first score in each language, as README's section says it.

python -m tools.first_score [--json]. Each language gets a clone of HEAD of its own, and runs there the commands that README.md shows.
Their number must be the one that README states, what the last one prints must be the scores that README shows, to the bit, and the time
must not be beyond five times what README states. Nothing that was installed or built before is used: the clone is new, and so are the
folders in which pip and cargo keep what they fetch. Only where packages come from (the settings of pip and cargo) is the machine's.
It needs git and nothing that `make setup` installs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.pages import FIRST_SCORE, REPOSITORY, Reader

#: Another machine, a busy one, another net: only what is far beyond README's number is a failure.
SLACK = 5
#: Builds that were made before, and wheels that lie on this machine.
KEPT = {"PIP_FIND_LINKS": "", "RUSTC_WRAPPER": ""}


class Road(NamedTuple):
    """What README says of one language."""

    language: str
    stated_commands: int
    stated_seconds: int
    commands: tuple[str, ...]


class Outcome(NamedTuple):
    road: Road
    seconds: float
    faults: tuple[str, ...]

    def __str__(self) -> str:
        number = len(self.road.commands)
        said = "; ".join(self.faults) or "the scores that README shows"
        return f"{self.road.language}: {number} command{'s' * (number != 1)}, {self.seconds:.1f} s: {said}"


def section(page: str) -> str:
    found = FIRST_SCORE.search(page)
    if not found:
        raise ValueError("README.md has no section on first scores")
    return found[0]


def commands(block: str) -> tuple[str, ...]:
    """One a line; a line that ends in a backslash goes on."""
    lines = block.replace("\\\n", " ").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def roads(page: str) -> list[Road]:
    """A road is a line `**Language**...: N commands, S seconds...` and the block of commands after it."""
    pattern = r"^\*\*(.+?)\*\*.*: (\d+) commands?, (\d+) seconds?\b.*\n\n```sh\n((?:.*\n)*?)```$"
    text = section(page)
    found = re.findall(pattern, text, re.MULTILINE)
    if len(found) != text.count("```sh\n"):
        raise ValueError(
            "the section on first scores has a block of commands without a line that states their number and time"
        )
    return [Road(language, int(number), int(seconds), commands(block)) for language, number, seconds, block in found]


def shown(page: str) -> str:
    """The scores that README shows: JSON lines."""
    blocks = re.findall(r"^```json\n((?:.*\n)*?)```$", section(page), re.MULTILINE)
    if len(blocks) != 1:
        raise ValueError(f"the section on first scores shows {len(blocks)} blocks of JSON, expected 1")
    return str(blocks[0])


def scores(printed: str) -> list[tuple[int, str]]:
    """Label and the bits of its probability for each row, of either form: JSON lines, or `label probability` as the example in C prints."""
    found = []
    for line in printed.splitlines():
        if line.startswith("{"):
            row = json.loads(line)
            label, probability = row["label"], row["probability"]
            probability = probability if label == 1 else 1 - probability  # rule P4 of the specification
        else:
            words = line.split()
            label, probability = int(words[0]), float(words[1])
        found.append((label, float(probability).hex()))
    return found


def same(printed: str, expected: str) -> bool:
    """Equal text where both are JSON lines, else equal labels and bits."""
    return printed == expected if printed.startswith("{") else scores(printed) == scores(expected)


def run(road: Road, reader: Reader) -> str:
    """What the last command prints; AssertionError where one fails."""
    printed = ""
    for command in road.commands:
        printed = reader.call("bash", "-ec", command)
    return printed


def walk(road: Road, expected: str, reader: Reader) -> Outcome:
    """Every fault of one road, and its time."""
    faults = []
    begun = time.monotonic()
    try:
        printed = run(road, reader)
        if not same(printed, expected):
            faults.append(f"printed {printed!r}, which is not what README shows")
    except (AssertionError, ValueError, LookupError, subprocess.TimeoutExpired) as error:
        faults.append(str(error))
    seconds = time.monotonic() - begun
    if len(road.commands) != road.stated_commands:
        faults.append(f"README states {road.stated_commands} commands and shows {len(road.commands)}")
    if seconds > SLACK * road.stated_seconds:
        faults.append(f"README states {road.stated_seconds} s")
    return Outcome(road, seconds, tuple(faults))


def fresh(folder: Path) -> dict[str, str]:
    """An environment in which nothing is at hand: new folders for what pip and cargo fetch."""
    cargo = folder / "cargo"
    cargo.mkdir()
    for name in ("config.toml", "config"):  # where crates come from
        settings = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo")) / name
        if settings.exists():
            shutil.copy(settings, cargo)
    return {**KEPT, "PIP_CACHE_DIR": str(folder / "pip"), "CARGO_HOME": str(cargo)}


def clone(folder: Path) -> Path:
    command = ("git", "clone", "--quiet", "--depth", "1", REPOSITORY.as_uri(), str(folder))
    subprocess.run(command, check=True)
    return folder


def walk_all(work: Path) -> Iterator[Outcome]:
    page = (clone(work / "page") / "README.md").read_text(encoding="utf-8")
    for road in roads(page):
        folder = work / road.language
        folder.mkdir()
        reader = Reader(clone(folder / "plmhead"), commands=(), environment=fresh(folder))
        yield walk(road, shown(page), reader)


def summary(outcomes: list[Outcome]) -> str:
    number = sum(len(outcome.road.commands) for outcome in outcomes)
    longest = max((outcome.seconds for outcome in outcomes), default=0.0)
    failures = sum(bool(outcome.faults) for outcome in outcomes)
    return f"first-score: {len(outcomes)} languages, {number} commands, {longest:.1f} seconds (longest), {failures} failures"


def as_object(outcomes: list[Outcome]) -> dict[str, object]:
    return {
        "cores": os.cpu_count(),
        "languages": [
            {
                "language": outcome.road.language,
                "commands": outcome.road.commands,
                "seconds": round(outcome.seconds, 2),
                "faults": outcome.faults,
            }
            for outcome in outcomes
        ],
    }


def main(as_json: bool) -> int:
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="plmhead-first-score-") as folder:
        for outcome in walk_all(Path(folder).resolve()):
            outcomes.append(outcome)
            print(f"first-score: {outcome}", file=sys.stderr if as_json else sys.stdout, flush=True)
    print(json.dumps(as_object(outcomes)) if as_json else summary(outcomes))
    return 1 if not outcomes or any(outcome.faults for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main("--json" in sys.argv[1:]))
