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
    outcome: str  # of every case that did not pass; empty where no case was run, or all passed
    words: str  # in the detail of each of them, or in what broke the run
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
    Verdict("leave", "base/plain", run.FAILED, "crash", "it ended with status 0"),
    Verdict("close-output", "base/plain", run.FAILED, "crash", "it closed its output"),
    Verdict("no-model", "base/plain", run.FAILED, "fail", "load: model is null, a text was due"),
    Verdict("number-model", "base/plain", run.FAILED, "fail", "load: model is 1, a text was due"),
    Verdict("ok-one", "base/plain", run.FAILED, "fail", "no answer of the protocol"),
    Verdict("error-text", "zip-crc/", run.FAILED, "fail", "no answer of the protocol"),
    Verdict("error-list", "zip-crc/", run.FAILED, "fail", "no answer of the protocol"),
    Verdict("half-pair", "zip-crc/", run.FAILED, "fail", "ZIP_CRC at"),
    Verdict("other-types", "base/", run.FAILED, "fail", "describe: format_version is null"),
    Verdict("garbage", "base/plain", run.BROKEN, "fail", "not JSON"),
    Verdict("array", "base/plain", run.BROKEN, "fail", "not an object"),
    Verdict("nan", "base/plain", run.BROKEN, "fail", "not JSON"),
    Verdict("overflow", "base/plain", run.BROKEN, "fail", "not JSON"),
    Verdict("many-digits", "base/plain", run.BROKEN, "fail", "not JSON"),
    Verdict("not-utf-8", "base/plain", run.BROKEN, "fail", "not JSON"),
    Verdict("utf-16", "base/plain", run.BROKEN, "fail", "not JSON"),
    Verdict("name-twice", "base/plain", run.BROKEN, "fail", "not JSON"),
    Verdict("deep", "base/plain", run.BROKEN, "fail", "not JSON"),
    Verdict("deep-enough", "base/plain", run.BROKEN, "fail", "nested deeper than 16"),
    Verdict("wrong-id", "base/plain", run.BROKEN, "fail", "to request"),
    Verdict("bool-id", "base/plain", run.BROKEN, "fail", "to request"),
    Verdict("float-id", "base/plain", run.BROKEN, "fail", "to request"),
    Verdict("no-id", "base/plain", run.BROKEN, "fail", "to request"),
    Verdict("early", "base/plain", run.BROKEN, "fail", "to request"),
    Verdict("flood", "base/plain", run.BROKEN, "fail", "to request"),
    Verdict("long-line", "base/plain", run.BROKEN, "fail", "more than 60000 bytes"),
    Verdict("endless-line", "base/plain", run.BROKEN, "fail", "more than 60000 bytes"),
    Verdict("skip", "base/", run.BROKEN, "skip", "not today"),
    Verdict("skip-list", "base/plain", run.BROKEN, "skip", "ud800"),
    Verdict("other-protocol", "base/plain", run.BROKEN, "", "protocol 2, 1 was due"),
    Verdict("protocol-true", "base/plain", run.BROKEN, "", "protocol true, 1 was due"),
    Verdict("nameless", "base/plain", run.BROKEN, "", "testee.name is"),
    Verdict("no-testee", "base/plain", run.BROKEN, "", "testee.name is null"),
    Verdict("no-versions", "base/plain", run.BROKEN, "", "format_versions is []"),
    Verdict("number-version", "base/plain", run.BROKEN, "", "format_versions is"),
    Verdict("odd-version", "base/plain", run.BROKEN, "", "format_versions is"),
    Verdict("odd-profile", "base/plain", run.BROKEN, "", "profiles is"),
    Verdict("only-fast", "base/plain", run.BROKEN, "", "its hello claims fast, not strict: run it with --profile fast"),
    Verdict("only-fast", "base/plain", run.PASSED, "", "", 1, ("--profile", "fast")),
    Verdict("honest", "base/plain", run.PASSED, "", "", 1, ("--profile", "fast")),
    Verdict("later-version", "version/reader-1-", run.PASSED, "inapplicable", "this one reads 1.1", 1),
)


def difference(due: Verdict) -> str | None:
    """What the runner said instead of the verdict due, or None."""
    command = f"{sys.executable} {FAKES} {due.mode}"
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        arguments = ["--testee", command, "--only", due.only, "--timeout", TIMEOUT, "--results", folder, *due.more]
        status = run.main(arguments)
        lines = (Path(folder) / "results.jsonl").read_text(encoding="utf-8").splitlines()
    _, *cases, footer = map(json.loads, lines)
    others = [case for case in cases if case["outcome"] != "pass"]
    if status != due.status:
        return f"exit {status}, {due.status} was due"
    if len(cases) - len(others) != due.passed:
        return f"{len(cases) - len(others)} passed, {due.passed} were due"
    if bool(others) != bool(due.outcome):
        return f"{len(others)} cases did not pass"
    broken = "".join(testee["broken"] for testee in footer["testees"].values())
    if not due.outcome and due.words not in broken:
        return f"{broken or 'nothing'} was said, {due.words} was due"
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
