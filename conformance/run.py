"""Run loaders against the cases: `python -m conformance.run --testee "your program" [--testee ...]`.

A testee is a program that speaks the protocol of README.md on stdin and stdout. It is given file names and inputs, never an expected value.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from . import judge, judge_fast, known
from .answers import FAST, PROFILES, STRICT, claims, newest, version
from .protocol import Testee, TesteeError
from .report import Outcome, Suite, TesteeReport, headline, printable, write

HERE = Path(__file__).resolve().parent
PASSED, FAILED, BROKEN, DAMAGED = 0, 1, 2, 3
MAX_RESTARTS = 10


class SkipError(Exception):
    """The testee said that it does not do this."""


def load_manifest(root: Path) -> list[dict[str, object]]:
    return json.loads((root / "manifest.json").read_bytes())["cases"]


def damage(root: Path, cases: list[dict[str, object]]) -> list[str]:
    """Files that are not those of the manifest. A damaged suite would blame the loader."""
    found = []
    for case in cases:
        folder = root / str(case["path"])
        for name, digest in case["sha256"].items():
            path = folder / name
            if not path.is_file():
                found.append(f"{case['path']}/{name} is missing")
            elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                found.append(f"{case['path']}/{name} is changed")
    return found


def prepared(folder: Path, case: dict[str, object], scratch: Path) -> dict[str, str]:
    """The two paths for `load`; a file with spaces to prepend is written to the scratch folder first."""
    paths = {"npz": folder / "model.npz", "config": folder / "model_config.json"}
    for part, count in case.get("prepend", {}).items():
        target = scratch / paths[part].name
        target.write_bytes(b" " * count + paths[part].read_bytes())
        paths[part] = target
    return {part: str(path) for part, path in paths.items()}


def run_case(
    testee: Testee, folder: Path, case: dict[str, object], scratch: Path, profile: str
) -> judge.Difference | None:
    """The first difference, or None. A load that is refused must leave the testee alive; the next case shows that."""
    answer = ask(testee, op="load", **prepared(folder, case, scratch))
    if case["kind"] == "reject":
        return judge.error_difference(answer, case["code"], case["where"])
    refused = judge.model_difference(answer)
    if refused:
        return refused
    model = answer["model"]
    difference = judge.describe_difference(ask(testee, op="describe", model=model), case["describe"])
    for i, due in enumerate(case["predictions"]):
        if difference:
            break
        x = {**due["x"], "path": str(folder / due["x"]["path"])}
        answer = ask(testee, op="predict", model=model, x=x, threshold=due["threshold"], assay_type=due["assay_type"])
        if profile == FAST:
            difference = judge_fast.predict_difference(answer, due, case["describe"]["classes"])
        else:
            difference = judge.predict_difference(answer, due)
        difference = difference and judge.within(f"prediction {i}", difference)
    return difference or judge.ok_difference(ask(testee, op="unload", model=model))


def ask(testee: Testee, **request: object) -> dict[str, object]:
    answer = testee.ask(**request)
    if answer.get("skip") is True:
        raise SkipError(str(answer.get("reason")))
    return answer


def outcome_of(testee: Testee, folder: Path, case: dict[str, object], scratch: Path, profile: str) -> Outcome:
    due = str(case.get("code", "accept"))
    outcome = Outcome(str(case["id"]), "pass", expected=due, got=due)
    reads, until = newest(testee.hello), str(case.get("until", newest(testee.hello)))
    if version(reads) > version(until):
        outcome.result, outcome.got = "inapplicable", None
        outcome.detail = f"holds for readers of versions up to {until}; this one reads {reads}"
        return outcome
    try:
        difference = run_case(testee, folder, case, scratch, profile)
        testee.check_memory()
    except SkipError as skip:
        outcome.result, outcome.detail, outcome.got = "skip", printable(skip), None
    except TesteeError as failure:
        outcome.result = {"crash": "crash", "hang": "timeout"}.get(failure.kind, "fail")
        outcome.detail, outcome.got, outcome.protocol = printable(failure), None, failure.kind == "protocol"
    else:
        if difference:
            outcome.result, outcome.detail, outcome.values = "fail", printable(difference), difference.values
            outcome.expected = difference.expected
            outcome.got = difference.got and printable(difference.got, 60)
    return outcome


def run_testee(testee: Testee, root: Path, cases: list[dict[str, object]], profile: str = STRICT) -> Iterator[Outcome]:
    hello = testee.start()
    if not claims(hello, profile):
        claimed = ", ".join(hello["profiles"])
        raise TesteeError("profile", f"its hello claims {claimed}, not {profile}: run it with --profile {claimed}")
    with tempfile.TemporaryDirectory() as scratch:
        for entry in cases:
            folder = root / str(entry["path"])
            case = json.loads((folder / "case.json").read_bytes())
            began = time.monotonic()
            outcome = outcome_of(testee, folder, case, Path(scratch), profile)
            outcome.seconds = time.monotonic() - began
            outcome.clause, outcome.why = str(case["clause"]), str(case["why"])
            yield outcome
            if testee.process is None and testee.starts > MAX_RESTARTS:
                raise TesteeError("protocol", f"given up after {MAX_RESTARTS} restarts")
    if testee.process is None:  # its last case failed by a crash or a hang: that has been said
        return
    status = testee.shutdown()
    if status != 0:
        detail = "no exit after shutdown" if status is None else f"exit status {status} after shutdown, 0 was due"
        yield Outcome("shutdown", "timeout" if status is None else "fail", detail)


def report(command: str, options: argparse.Namespace, cases: list[dict[str, object]]) -> TesteeReport:
    """Run one testee; print its failures and a line."""
    testee = Testee(command, options.timeout, options.max_memory)
    result = TesteeReport(len(cases), testee.name)
    began = time.monotonic()
    try:
        for outcome in run_testee(testee, options.suite.resolve(), cases, options.profile):
            result.said(testee.hello)
            known.apply(outcome, result.key, options.known_failures)
            result.outcomes.append(outcome)
            if outcome.failed:
                print(f"FAIL {outcome.id} [{result.name}] {outcome.detail}", flush=True)
    except TesteeError as failure:
        result.broken = printable(failure)
        print(f"BROKEN [{result.name}] {result.broken}", flush=True)
    finally:
        testee.kill()
    result.seconds, result.peak_mib = time.monotonic() - began, testee.peak / 1024
    print(f"{result.name}: {result.in_words()}, {result.seconds:.1f} s", flush=True)
    return result


def known_failures(text: str) -> list[known.Known]:
    try:
        return known.read(Path(text))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None


def results_folder(text: str) -> Path:
    try:
        Path(text).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None
    return Path(text)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="conformance.run", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--testee", action="append", required=True, metavar="COMMAND", help="a program to test; may be given again")
    add("--profile", choices=PROFILES, default=STRICT, help="fast: values within proved intervals instead of bits")
    add("--only", default="", metavar="PREFIX", help="only the cases whose id begins so")
    written = "results.jsonl, junit.xml, summary.md, matrix.html, badges"
    add("--results", type=results_folder, metavar="FOLDER", help=f"write {written}")
    add("--known-failures", type=known_failures, default=[], metavar="FILE", help="TOML: cases that are known to fail")
    add("--timeout", type=float, default=10, metavar="SECONDS", help="for one request (default 10)")
    add(
        "--max-memory", type=int, default=1024, metavar="MIB", help="resident memory of a testee (default 1024; 0: any)"
    )
    add("--suite", type=Path, default=HERE, metavar="FOLDER", help="the folder of manifest.json")
    return parser


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        cases = load_manifest(options.suite)
        damaged = damage(options.suite, cases)
    except (OSError, ValueError, KeyError, TypeError) as error:
        damaged = [f"manifest.json: {error}"]
    if damaged:
        print("\n".join(damaged[:20]))
        print(f"conformance: the suite is damaged, {len(damaged)} files")
        return DAMAGED
    unknown = sorted({each.id for each in options.known_failures} - {str(case["id"]) for case in cases})
    for name in unknown:
        print(f"FAIL {name} is listed as a known failure, but is no case of this suite")
    chosen = [case for case in cases if str(case["id"]).startswith(options.only)]
    reports = [report(command, options, chosen) for command in options.testee]
    suite = identity(options, chosen, len(cases), unknown)
    suite.status = status_of(suite, reports)
    print(f"conformance: {headline(suite, reports)}")
    if options.results:
        write(options.results, suite, reports)
    return suite.status


def identity(options: argparse.Namespace, chosen: list[dict[str, object]], cases: int, unknown: list[str]) -> Suite:
    data = (options.suite / "manifest.json").read_bytes()
    name, digest = str(json.loads(data).get("suite")), hashlib.sha256(data).hexdigest()
    return Suite(name, digest, options.profile, options.only, [str(case["id"]) for case in chosen], cases, unknown)


def status_of(suite: Suite, reports: list[TesteeReport]) -> int:
    if any(each.vacuous or each.protocol_broken for each in reports):
        return BROKEN
    return FAILED if suite.unknown or any(each.failures for each in reports) else PASSED


if __name__ == "__main__":
    sys.exit(main())
