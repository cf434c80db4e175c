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
from dataclasses import dataclass
from pathlib import Path

from . import judge
from .bound import outside
from .protocol import Testee, TesteeError

HERE = Path(__file__).resolve().parent
PASSED, FAILED, BROKEN, DAMAGED = 0, 1, 2, 3
MAX_RESTARTS = 10


class SkipError(Exception):
    """The testee said that it does not do this."""


@dataclass
class Outcome:
    id: str
    result: str  # pass, fail, skip
    detail: str = ""
    protocol: bool = False  # the testee broke the protocol: more than a wrong answer


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


def run_case(testee: Testee, folder: Path, case: dict[str, object], scratch: Path) -> str | None:
    """The first difference in words, or None. A load that is refused must leave the testee alive; the next case shows that."""
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
        difference = judge.predict_difference(answer, due)
        if not difference and i == 0 and "scikit_learn" in case:
            broken = outside(folder, case, answer)
            difference = (
                f"outside the proved bound around scikit-learn's values: {', '.join(broken)}" if broken else None
            )
        difference = difference and f"prediction {i}: {difference}"
    return difference or judge.ok_difference(ask(testee, op="unload", model=model))


def ask(testee: Testee, **request: object) -> dict[str, object]:
    answer = testee.ask(**request)
    if answer.get("skip") is True:
        raise SkipError(str(answer.get("reason")))
    return answer


def run_testee(testee: Testee, root: Path, cases: list[dict[str, object]]) -> Iterator[Outcome]:
    testee.start()
    with tempfile.TemporaryDirectory() as scratch:
        for entry in cases:
            folder = root / str(entry["path"])
            case = json.loads((folder / "case.json").read_bytes())
            try:
                difference = run_case(testee, folder, case, Path(scratch))
            except SkipError as skip:
                yield Outcome(str(entry["id"]), "skip", str(skip))
            except TesteeError as failure:
                yield Outcome(str(entry["id"]), "fail", str(failure), failure.kind == "protocol")
                if testee.starts > MAX_RESTARTS:
                    raise TesteeError("protocol", f"given up after {MAX_RESTARTS} restarts") from None
            else:
                yield Outcome(str(entry["id"]), "fail" if difference else "pass", difference or "")
    if testee.process is None:  # its last case failed by a crash or a hang: that has been said
        return
    status = testee.shutdown()
    if status != 0:
        yield Outcome("shutdown", "fail", f"exit status {status} after shutdown, 0 was due")


def report(
    command: str, root: Path, cases: list[dict[str, object]], timeout: float, results: list[dict[str, object]]
) -> tuple[int, int, bool]:
    """Run one testee; print its failures and a line. Returns (ran, failures, whether the protocol broke down)."""
    testee = Testee(command, timeout)
    began, counts, broken = time.monotonic(), {"pass": 0, "fail": 0, "skip": 0}, False
    try:
        for outcome in run_testee(testee, root, cases):
            counts[outcome.result] += 1
            broken = broken or outcome.protocol
            results.append(
                {"testee": testee.name, "id": outcome.id, "result": outcome.result, "detail": outcome.detail}
            )
            if outcome.result == "fail":
                print(f"FAIL {outcome.id} [{testee.name}] {outcome.detail}", flush=True)
    except TesteeError as failure:
        print(f"BROKEN [{testee.name}] {failure}", flush=True)
        results.append({"testee": testee.name, "id": "", "result": "broken", "detail": str(failure)})
        broken = True
    finally:
        testee.kill()
    print(
        f"{testee.name}: {counts['pass']} passed, {counts['fail']} failed, {counts['skip']} skipped, {time.monotonic() - began:.1f} s",
        flush=True,
    )
    return counts["pass"] + counts["fail"], max(counts["fail"], int(broken)), broken


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="conformance.run", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--testee",
        action="append",
        required=True,
        metavar="COMMAND",
        help="a program to test; may be given several times",
    )
    parser.add_argument("--only", default="", metavar="PREFIX", help="only the cases whose id begins so")
    parser.add_argument("--results", type=Path, metavar="FILE", help="write one JSON line a case and testee")
    parser.add_argument("--timeout", type=float, default=10, metavar="SECONDS", help="for one request (default 10)")
    parser.add_argument("--suite", type=Path, default=HERE, metavar="FOLDER", help="the folder of manifest.json")
    options = parser.parse_args(arguments)

    try:
        cases = load_manifest(options.suite)
        damaged = damage(options.suite, cases)
    except (OSError, ValueError, KeyError, TypeError) as error:
        damaged = [f"manifest.json: {error}"]
    if damaged:
        print("\n".join(damaged[:20]))
        print(f"conformance: the suite is damaged, {len(damaged)} files")
        return DAMAGED
    chosen = [case for case in cases if str(case["id"]).startswith(options.only)]
    results: list[dict[str, object]] = []
    reports = [report(command, options.suite.resolve(), chosen, options.timeout, results) for command in options.testee]
    if options.results:
        options.results.write_text("".join(json.dumps(line) + "\n" for line in results))
    failures = sum(failed for _, failed, _ in reports)
    print(f"conformance: {len(chosen)} cases, {len(reports)} loaders, {failures} failures")
    if any(broken or ran == 0 for ran, _, broken in reports):
        return BROKEN
    return FAILED if failures else PASSED


if __name__ == "__main__":
    sys.exit(main())
