"""`python -m hostile.faults`: what stops or hinders a writer, one after the other, and what becomes of the pair."""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: a forked child is traced by its one thread

import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from . import errors, kills, trace
from .kills import LOST, MIXTURE, WRONG, Verdict
from .scenarios import Loaders, Scenario, scenarios
from .traffic import Traffic, traffic

REPOSITORY = Path(__file__).resolve().parents[2]
RUST, NODE = REPOSITORY / "rust-loader/target/release/plmhead", REPOSITORY / "js-loader/src"
DISK_PAGES, FREE_PAGES = 64, 16
#: Of the loads that read a torn pair again, how many may end in a refusal: a writer can be kept waiting between its steps.
MOST_REFUSED = 0.001


def say(text: str) -> None:
    print(text, flush=True)


def counted(counts: Counter[str]) -> str:
    return ", ".join(f"{word} {count}" for word, count in counts.items())


def killing(chosen: list[Scenario], folder: Path, loaders: Loaders, step: int) -> Counter[str]:
    total: Counter[str] = Counter()
    for scenario in chosen:
        counts = kills.tally(kills.kills(scenario, folder, loaders, step=step), say)
        say(f"killed: {scenario.title}: {counted(counts)}")
        total += counts
    return total


def failing(chosen: list[Scenario], folder: Path, loaders: Loaders, step: int) -> bool:
    """Errors at every call; whether all is well."""
    if not trace.can_fail_calls():
        say("errors: not injected, which needs x86-64")
        return True
    single: Counter[str] = Counter()
    gone: Counter[str] = Counter()
    for scenario in chosen:
        if scenario.meant is None:  # else it fails by itself, and a second error may need a repair
            single += kills.tally(errors.single_errors(scenario, folder, step), say)
        gone += kills.tally(kills.kills(scenario, folder, loaders, errors.failing_from, step), say)
    say(f"errors: {single.total()} calls failed once: {counted(single)}, wrong {single[WRONG]}")
    say(f"errors: {gone.total()} times every call failed from one on: {counted(gone)}, lost {gone[LOST]}")
    return not (single[WRONG] + single[MIXTURE] + gone[LOST] + gone[MIXTURE])


def hindered(chosen: list[Scenario], folder: Path) -> bool:
    """Full and read-only disks and folders, limits on files; whether all is well."""
    tries = {
        "full disk": lambda s: errors.with_own_disk(lambda disk: errors.full_disk(s, disk, FREE_PAGES), DISK_PAGES),
        "read-only disk": lambda s: errors.with_own_disk(lambda disk: errors.read_only_disk(s, disk), DISK_PAGES),
        "read-only folder": lambda s: [errors.read_only_folder(s, folder)],
        "file size limit": lambda s: list(errors.file_size_limits(s, folder, 101)),
    }
    well = True
    for word, attempt in tries.items():
        verdicts: list[Verdict] = []
        for scenario in chosen:
            found = attempt(scenario)
            if found is None:
                say(f"{word}: not tried, this system gives no disk of one's own")
            verdicts += found or []
        if verdicts:
            counts = kills.tally(verdicts, say)
            say(f"{word}: {counted(counts)}, wrong {counts[WRONG]}")
            well = well and not counts[WRONG] + counts[MIXTURE]
    return well


def busy(folder: Path, seconds: float) -> bool:
    """Writers and readers at once; whether all is well."""
    folder.mkdir()
    seen = traffic(folder, seconds, RUST, NODE / "node.js")
    once = seen.readers.pop("one that reads once")
    say(f"writers: {len(seen.saves)} at once, {sum(seen.saves)} saves, {len(seen.refused)} refused, left {seen.left}")
    for word, report in seen.readers.items():
        refused = ", ".join(f"{code} {count}" for code, count in report.refused.items()) or "none"
        say(f"readers: {word}: {report.whole} loads, mixtures {report.mixtures}, refused: {refused}")
    say(f"readers: one that reads once: {once.whole} loads, refused {once.refused.total()}")
    return traffic_is_well(seen)


def traffic_is_well(seen: Traffic) -> bool:
    reports = seen.readers.values()
    mixtures = sum(report.mixtures for report in reports)
    refused = Counter[str](sum((report.refused for report in reports), Counter()))
    few = refused.total() <= max(1, MOST_REFUSED * sum(report.whole for report in reports))
    only_torn = set(refused) <= {"NPZ_DIGEST"}
    served = all(report.whole for report in reports) and all(seen.saves)
    return not (mixtures or seen.refused or seen.left) and few and only_torn and served


def scratch() -> Path | None:
    """In memory where there is such a folder: kills and errors are the same there, and quicker."""
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) else None


def main(arguments: Iterable[str] | None = None) -> int:
    """Prints the counts; exit 0 only when no mixture, no loss and nothing wrong was met."""
    parser = argparse.ArgumentParser(prog="python -m hostile.faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer scenarios, every third call, no readers")
    parser.add_argument("--seconds", type=float, default=10.0, help="of writers and readers at once (default 10)")
    options = parser.parse_args(None if arguments is None else list(arguments))
    unavailable = trace.available()
    if unavailable:
        say(f"faults: not tried: {unavailable}")
        return 1
    loaders = Loaders([[str(RUST)], ["node", str(NODE / "cli.js")]])
    every = list(scenarios())
    chosen, step = (every[:3], 3) if options.quick else (every, 1)
    with tempfile.TemporaryDirectory(dir=scratch()) as place:
        Path(place).chmod(0o755)  # for the reader who is not root
        folder = Path(place, "folder")
        well = failing(chosen, folder, loaders, step)
        well &= hindered(every[:2], folder)
        if not options.quick:
            well &= busy(Path(place, "busy"), options.seconds)
        counts = killing(chosen, folder, loaders, step=1)
    say(
        f"faults: {counts.total()} kill points, old {counts[kills.OLD]}, new {counts[kills.NEW]}, "
        f"repairable {counts[kills.REPAIRABLE]}, mixtures {counts[MIXTURE]}, lost {counts[LOST]}"
    )
    return 0 if well and not counts[MIXTURE] + counts[LOST] else 1


if __name__ == "__main__":
    sys.exit(main())
