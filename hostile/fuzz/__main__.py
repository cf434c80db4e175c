"""`python -m hostile.fuzz --seconds T`: every target in every language for T seconds, after its seeds and all kept crashers.

Exit 0: no crash. 1: a crash, a hang or an allocation beyond reason, kept in `crashers/`. 2: a target did not run.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import TARGETS, seeds

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
FOLDER = REPOSITORY / ".cache/fuzz"  # tools, seeds and corpora
LANGUAGES = ("rust", "python", "javascript")
NEWER_LIBC = FOLDER / "newer_libc.so"  # see javascript/older_libc.py

MEMORY = 1024  # MiB resident, of which the interpreters and the sanitizer take most
ALLOCATION = 64  # MiB at once, where libFuzzer sees allocations: an input has 64 KiB at most
SLOW = 10  # seconds for one input


@dataclass(frozen=True)
class Outcome:
    language: str
    target: str
    executions: int
    coverage: int
    status: int
    output: str

    @property
    def crashed(self) -> bool:
        return self.status != 0 and self.executions > 0


def command(language: str, target: str) -> tuple[list[str], dict[str, str]]:
    """What runs a target, and what it needs in its environment."""
    if language == "rust":
        binary = next((FOLDER / "target").glob(f"*/release/{target}"), FOLDER / "target/missing")
        return [str(binary)], {"ASAN_OPTIONS": "detect_odr_violation=0"}
    if language == "python":
        path = {"PYTHONPATH": str(REPOSITORY / "python")}
        return [str(FOLDER / "atheris/bin/python"), str(HERE / f"python/{target}.py")], path
    jazzer = HERE / "javascript/node_modules/.bin/jazzer"
    preload = {"LD_PRELOAD": str(NEWER_LIBC)} if NEWER_LIBC.exists() else {}
    return ["node", str(jazzer), target, "--sync", "--includes", "js-loader/src", "--"], preload


def options(language: str, target: str, seconds: int) -> list[str]:
    """Options of libFuzzer: the corpus that it adds to comes first, then seeds and crashers, which it only reads."""
    corpus, kept = FOLDER / "corpus" / language / target, HERE / "crashers" / target
    for folder in (corpus, kept):
        folder.mkdir(parents=True, exist_ok=True)
    return [
        f"-max_total_time={seconds}",
        f"-timeout={SLOW}",
        f"-rss_limit_mb={MEMORY}",
        f"-malloc_limit_mb={ALLOCATION if language == 'rust' else MEMORY}",
        "-max_len=65536",
        f"-dict={FOLDER / 'plmhead.dict'}",
        f"-artifact_prefix={kept}/{language}-",
        "-print_final_stats=1",
        str(corpus),
        str(FOLDER / "seeds" / target),
        str(kept),
    ]


def run(language: str, target: str, seconds: int) -> Outcome:
    program, environment = command(language, target)
    done = subprocess.run(
        [*program, *options(language, target, seconds)],
        cwd=HERE / language,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds * 3 + 600,
        check=False,
    )
    text = done.stdout.decode("utf-8", "replace")
    return Outcome(
        language,
        target,
        last(r"^(?:stat::number_of_executed_units: |#)(\d+)", text),
        last(r"cov: (\d+)", text),
        done.returncode,
        text,
    )


def last(pattern: str, text: str) -> int:
    found = re.findall(pattern, text, re.MULTILINE)
    return int(found[-1]) if found else 0


def attempt(language: str, target: str, seconds: int) -> Outcome:
    """A run that cannot start is an outcome too."""
    try:
        return run(language, target, seconds)
    except (OSError, subprocess.TimeoutExpired) as fault:
        return Outcome(language, target, 0, 0, -1, str(fault))


def show(outcome: Outcome) -> None:
    state = "crash" if outcome.crashed else "did not run" if outcome.status else "ok"
    numbers = f"{outcome.executions:>10,} executions coverage {outcome.coverage:>5}"
    print(f"{outcome.language:<11}{outcome.target:<12}{numbers}  {state}", flush=True)
    if outcome.status:
        print(outcome.output[-6000:], file=sys.stderr, flush=True)


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hostile.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=20, help="for each target in each language (default 20)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="targets at a time")
    parser.add_argument("--language", action="append", choices=LANGUAGES)
    parser.add_argument("--target", action="append", choices=TARGETS)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    chosen = parsed(arguments)
    counts = seeds.write(FOLDER)
    print(f"seeds: {', '.join(f'{target} {n}' for target, n in counts.items())}", file=sys.stderr, flush=True)
    work = [(language, target) for target in chosen.target or TARGETS for language in chosen.language or LANGUAGES]
    began, outcomes = time.monotonic(), []
    with ThreadPoolExecutor(chosen.jobs) as pool:
        for outcome in pool.map(lambda each: attempt(*each, chosen.seconds), work):
            outcomes.append(outcome)
            show(outcome)
    return report(outcomes, counts, time.monotonic() - began, chosen.json)


def report(outcomes: list[Outcome], counts: dict[str, int], seconds: float, as_json: bool) -> int:
    crashes = sum(outcome.crashed for outcome in outcomes)
    idle = [o for o in outcomes if not o.crashed and o.executions < counts[o.target]]  # not even its seeds
    if as_json:
        lines = [{name: value for name, value in vars(o).items() if name != "output"} for o in outcomes]
        print(json.dumps({"targets": lines, "seconds": round(seconds, 1), "crashes": crashes}))
    for outcome in idle:
        print(f"{outcome.language} {outcome.target} did not run its seeds", file=sys.stderr)
    total = sum(outcome.executions for outcome in outcomes)
    print(f"fuzz: {len(outcomes)} targets, {total} executions, {crashes} crashes", flush=True)
    return 1 if crashes else 2 if idle else 0


if __name__ == "__main__":
    sys.exit(main())
