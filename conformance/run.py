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
from .bound import outside
from .protocol import Testee, TesteeError
from .report import Outcome, Suite, TesteeReport, printable, write

HERE = Path(__file__).resolve().parent
PASSED, FAILED, BROKEN, DAMAGED = 0, 1, 2, 3
MAX_RESTARTS = 10
PROFILES = ("strict", "fast")


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
    refused = judge.ok_difference(answer)
    if refused:
        return refused
    model = answer.get("model")
    difference = judge.describe_difference(ask(testee, op="describe", model=model), case["describe"])
    for i, due in enumerate(case["predictions"]):
        if difference:
            break
        x = {**due["x"], "path": str(folder / due["x"]["path"])}
        answer = ask(testee, op="predict", model=model, x=x, threshold=due["threshold"], assay_type=due["assay_type"])
        if profile == "fast":
            difference = judge_fast.predict_difference(answer, due, case["describe"]["classes"])
        else:
            difference = judge.predict_difference(answer, due)
        # The fast interval says the same about every case, and it also admits p0 as sigma(-z).
        if profile == "strict" and not difference and i == 0 and "scikit_learn" in case:
            broken = outside(folder, case, answer)
            difference = (
                f"outside the proved bound around scikit-learn's values: {', '.join(broken)}" if broken else None
            )
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


def run_testee(
    testee: Testee, root: Path, cases: list[dict[str, object]], profile: str = "strict"
) -> Iterator[Outcome]:
    testee.start()
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
            result.said(testee.name, testee.hello)
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


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conformance.run", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--testee", action="append", required=True, metavar="COMMAND", help="a program to test; may be given again")
    add("--profile", choices=PROFILES, default="strict", help="fast: values within proved intervals instead of bits")
    add("--only", default="", metavar="PREFIX", help="only the cases whose id begins so")
    add(
        "--results", type=Path, metavar="FOLDER", help="write results.jsonl, junit.xml, summary.md, matrix.html, badges"
    )
    add("--known-failures", type=known_failures, default=[], metavar="FILE", help="TOML: cases that are known to fail")
    add("--timeout", type=float, default=10, metavar="SECONDS", help="for one request (default 10)")
    add(
        "--max-memory", type=int, default=1024, metavar="MIB", help="resident memory of a testee (default 1024; 0: any)"
    )
    add("--suite", type=Path, default=HERE, metavar="FOLDER", help="the folder of manifest.json")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = parsed(arguments)
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
    failures = sum(each.failures for each in reports) + len(unknown)
    print(f"conformance: {len(chosen)} cases, {len(reports)} loaders, {failures} failures")
    status = FAILED if failures else PASSED
    if any(each.vacuous or each.protocol_broken for each in reports):
        status = BROKEN
    if options.results:
        data = (options.suite / "manifest.json").read_bytes()
        version, digest = str(json.loads(data).get("suite")), hashlib.sha256(data).hexdigest()
        ids = [str(case["id"]) for case in chosen]
        suite = Suite(version, digest, options.profile, options.only, ids, len(cases), unknown, status)
        write(options.results, suite, reports)
    return status


if __name__ == "__main__":
    sys.exit(main())
