"""The runner judged by testees that are wrong on purpose: `python -m conformance.selftest`.

A runner that passes everything looks like one whose loaders are right. Each fake has one fault and one verdict due.
"""

import contextlib
import io
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import run

FAKES = Path(__file__).parent / "tests" / "fakes.py"
TIMEOUT = "10"


@dataclass(frozen=True)
class Verdict:
    mode: str
    only: str
    status: int
    outcome: str  # of every case that did not pass
    words: str  # in the detail of each of them
    passed: int = 0
    more: tuple[str, ...] = ()


VERDICTS = (
    Verdict("honest", "base/", run.PASSED, "", "", 7),
    Verdict("accept", "zip-crc/", run.FAILED, "fail", "accepted, ZIP_CRC was due"),
    Verdict("accept", "base/plain", run.FAILED, "fail", "describe: format_version is null"),
    Verdict("reject", "base/", run.FAILED, "fail", "refused: ZIP_CRC"),
    Verdict("reject", "zip-name/upper", run.FAILED, "fail", "ZIP_NAME at null was due"),
    Verdict("replay", "base/", run.FAILED, "fail", "was due", 1),
    Verdict("half", "base/plain", run.FAILED, "fail", "probability[0] is"),
    Verdict("off-by-where", "root/c-missing", run.FAILED, "fail", '"/C" was due'),
    Verdict("off-by-describe", "base/plain", run.FAILED, "fail", "describe: n_features_in is 4.0, 4 was due"),
    Verdict("off-by-decision", "base/plain", run.FAILED, "fail", "prediction 0: decision[1] is"),
    Verdict("off-by-probability", "base/softmax", run.FAILED, "fail", "prediction 0: probability[5] is"),
    Verdict("off-by-labels", "base/string", run.FAILED, "fail", "prediction 0: labels[1] is"),
    Verdict("off-by-count", "base/plain", run.FAILED, "fail", "decision has 3 values, 2 were due"),
    Verdict("crash", "base/plain", run.FAILED, "crash", "it ended with status 3"),
    Verdict("hang", "base/plain", run.FAILED, "timeout", "no answer in 2 s", 0, ("--timeout", "2")),
    Verdict("memory", "base/plain", run.FAILED, "fail", "MiB resident, 100 are allowed", 0, ("--max-memory", "100")),
    Verdict("bad-exit", "base/plain", run.FAILED, "fail", "exit status 5 after shutdown", 1),
    Verdict("garbage", "base/plain", run.BROKEN, "fail", "not JSON"),
    Verdict("wrong-id", "base/plain", run.BROKEN, "fail", "to request"),
    Verdict("long-line", "base/plain", run.BROKEN, "fail", "more than 60000 bytes"),
    Verdict("skip", "base/", run.BROKEN, "skip", "not today"),
    Verdict("other-protocol", "base/plain", run.BROKEN, "", ""),
)


def difference(due: Verdict) -> str | None:
    """What the runner said instead of the verdict due, or None."""
    command = f"{sys.executable} {FAKES} {due.mode}"
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        arguments = ["--testee", command, "--only", due.only, "--timeout", TIMEOUT, "--results", folder, *due.more]
        status = run.main(arguments)
        lines = (Path(folder) / "results.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [line for line in map(json.loads, lines) if line["record"] == "case"]
    others = [case for case in cases if case["outcome"] != "pass"]
    if status != due.status:
        return f"exit {status}, {due.status} was due"
    if len(cases) - len(others) != due.passed:
        return f"{len(cases) - len(others)} passed, {due.passed} were due"
    if bool(others) != bool(due.outcome):
        return f"{len(others)} cases did not pass"
    for case in others:
        if case["outcome"] != due.outcome or due.words not in case["detail"]:
            return f"{case['id']}: {case['outcome']} ({case['detail']}), {due.outcome} ({due.words}) was due"
    return None


def main() -> int:
    wrong = 0
    for due in VERDICTS:
        found = difference(due)
        if found:
            wrong += 1
            print(f"FAIL {due.mode} on {due.only}: {found}")
    testees = len({due.mode for due in VERDICTS})
    print(f"selftest: {testees} testees, {len(VERDICTS) - wrong} verdicts as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
