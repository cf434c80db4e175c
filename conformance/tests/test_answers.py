"""Whatever a testee answers, the runner says pass or fail and never breaks, and what it writes stays readable."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from conformance import answers, judge, judge_fast, report, run, selftest

FAKE = f"{sys.executable} {selftest.FAKES}"
SCHEMA = json.loads((run.HERE / "results.schema.json").read_bytes())

words = st.text() | st.sampled_from(["0" * 16, "7ff8000000000000", "ZIP_CRC"])
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), words)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
names = st.sampled_from(["ok", "error", "model", *judge.DESCRIBE, *judge.OUTPUTS]) | st.text(max_size=3)


@cache
def a_case() -> dict[str, object]:
    return json.loads((run.HERE / "cases/base/softmax/case.json").read_bytes())


@st.composite
def near_answers(draw: st.DrawFn) -> dict[str, object]:
    """A right answer with some members changed, or anything at all."""
    case = a_case()
    right = {"ok": True, **case["describe"], **{name: case["predictions"][0][name] for name in judge.OUTPUTS}}
    error = st.fixed_dictionaries({}, optional={"code": values, "where": values, "message": values})
    changes = draw(st.dictionaries(names, values, max_size=4))
    if draw(st.booleans()):
        changes.update(ok=draw(st.sampled_from([False, True, 0, 1])), error=draw(error | values))
    if draw(st.booleans()):
        name = draw(st.sampled_from([name for name in right if isinstance(right[name], list)]))
        changes[name] = [draw(values) for _ in right[name]]
    return {**(right if draw(st.booleans()) else {}), **changes}


@given(near_answers())
def test_the_judge_takes_any_answer(answer: dict[str, object]) -> None:
    case = a_case()
    due = case["predictions"][0]
    found = [
        judge.model_difference(answer),
        judge.error_difference(answer, "ZIP_CRC", "coef.npy"),
        judge.error_difference(answer, "ZIP_CRC", None),
        judge.describe_difference(answer, case["describe"]),
        judge.predict_difference(answer, due),
        judge_fast.predict_difference(answer, due, case["describe"]["classes"]),
        judge_fast.predict_difference(answer, {**due, "fast": None}, case["describe"]["classes"]),
    ]
    if answer.get("ok") is not True:
        assert all(found[3:5])
    for difference in filter(None, found):
        outcome = report.Outcome("base/softmax", "fail", report.printable(difference), values=difference.values)
        outcome.got = difference.got and report.printable(difference.got, 60)
        outcome.detail.encode("utf-8")
        assert len(outcome.detail) < 12_000
        json.loads(json.dumps(outcome.record("a"), allow_nan=False))


@given(st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
def test_a_line_is_an_object_or_a_reason(line: bytes) -> None:
    try:
        answer = answers.parse(line)
    except ValueError:
        return
    assert answer == json.loads(line)
    answers.shown(answer)
    answers.hello_fault(answer)


@given(st.integers(1, 40), st.sampled_from([(b'{"a":', b"}"), (b"[", b"]")]))
def test_depth(depth: int, brackets: tuple[bytes, bytes]) -> None:
    first, last = brackets
    line = b'{"a":' + first * (depth - 1) + b"1" + last * (depth - 1) + b"}"
    if depth > answers.MAX_DEPTH:
        with pytest.raises(ValueError, match="nested deeper"):
            answers.parse(line)
    else:
        answers.parse(line)


@pytest.mark.parametrize("size", [answers.MAX_LINE, answers.MAX_LINE + 1])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_the_length_of_a_line(size: int, end: bytes) -> None:
    line = b'{"a":"' + b"x" * (size - 8) + b'"}' + end
    if size > answers.MAX_LINE:
        with pytest.raises(ValueError, match="more than 60000"):
            answers.parse(line)
    else:
        assert len(answers.parse(line)["a"]) == size - 8


@pytest.mark.parametrize(
    ("versions", "due"),
    [(["0"], "0"), (["0", "1.0"], "1.0"), (["1.10", "1.9", "0"], "1.10"), (["2.0", "1.9999"], "2.0")],
)
def test_the_newest_version(versions: list[str], due: str) -> None:
    assert answers.newest({"format_versions": versions}) == due


def test_strict_claims_fast_too() -> None:
    assert answers.claims({"profiles": ["strict"]}, "fast")
    assert answers.claims({"profiles": ["fast"]}, "fast")
    assert not answers.claims({"profiles": ["fast"]}, "strict")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of every kind of outcome."""
    out = tmp_path_factory.mktemp("hostile")
    (out / "known.toml").write_text(
        '[[failure]]\nid = "base/plain"\nreason = "r"\nissue = "i"\ntestee = "fake-half-python"\n'
    )
    modes = (
        "honest",
        "half",
        "half-pair",
        "other-types",
        "crash",
        "garbage",
        "no-testee",
        "later-version",
        "skip-list",
    )
    testees = [word for mode in modes for word in ("--testee", f"{FAKE} {mode}")]
    options = ["--known-failures", str(out / "known.toml"), "--results", str(out), "--testee", "/no/such/program"]
    assert run.main([*testees, *options, "--only", "base/plain"]) == 2
    assert (
        run.main(["--testee", f"{FAKE} hang", "--only", "base/plain", "--timeout", "1", "--results", str(out / "b")])
        == 1
    )
    late = ["--testee", f"{FAKE} later-version", "--only", "version/reader-1-", "--results", str(out / "c")]
    assert run.main(late) == 0
    return out


def test_results_are_as_the_schema_says(hostile: Path) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    validator = Draft202012Validator(SCHEMA)
    seen = set()
    for path in hostile.rglob("results.jsonl"):
        for text in path.read_text(encoding="ascii").splitlines():
            line = json.loads(text, parse_constant=pytest.fail)
            assert [fault.message for fault in validator.iter_errors(line)] == [], line
            seen.add(line.get("outcome", line["record"]))
    assert seen == {"header", "footer", "pass", "fail", "crash", "timeout", "xfail", "skip", "inapplicable"}


@pytest.mark.parametrize("member", ["record", "testee", "outcome", "seconds", "why"])
def test_the_schema_can_fail(hostile: Path, member: str) -> None:
    lines = map(json.loads, (hostile / "results.jsonl").read_text().splitlines())
    failed = next(line for line in lines if line.get("outcome") == "fail")
    validator = Draft202012Validator(SCHEMA)
    assert validator.is_valid(failed)
    assert not validator.is_valid({name: value for name, value in failed.items() if name != member})
    assert not validator.is_valid({**failed, member: [1]})
    assert not validator.is_valid({**failed, "another": 1})


def test_what_is_written_of_hostile_words_is_readable(hostile: Path) -> None:
    for path in (each for each in hostile.rglob("*") if each.is_file()):
        text = path.read_text(encoding="utf-8")
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", text), path
    ElementTree.parse(hostile / "junit.xml")


def test_executed_and_not_executed_are_all_the_cases(hostile: Path) -> None:
    header, *_, footer = map(json.loads, (hostile / "c" / "results.jsonl").read_text().splitlines())
    counts = footer["testees"]["fake-later-version-python"]
    assert counts["inapplicable"] == 1
    assert sum(counts[name] for name in report.RESULTS) == header["cases"]


def test_the_runner_needs_nothing_but_python() -> None:
    """No package: neither site-packages nor the folder of the loader is looked at."""
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {str(run.HERE.parent)!r})\n"
        "from conformance import run; sys.exit(run.main(sys.argv[1:]))",
    ]
    for profile in answers.PROFILES:
        arguments = ["--testee", f"{FAKE} honest", "--only", "fitted/binary-n8", "--profile", profile]
        ended = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "0 failures" in ended.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--only", "no-such-area/"], "conformance: incomplete: no case begins with 'no-such-area/'"),
        (["--testee", "'"], "conformance: incomplete: ' executed 0 of 1 cases; 1 failures"),
        (["--testee", ""], "conformance: incomplete:  executed 0 of 1 cases; 1 failures"),
    ],
)
def test_the_last_line_does_not_read_like_success(
    capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert run.main(["--testee", f"{FAKE} honest", "--only", "base/plain", *options]) == 2
    assert capsys.readouterr().out.splitlines()[-1] == words


def test_a_folder_that_cannot_be_written_is_said_first(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as stop:
        run.main(["--testee", "x", "--results", str(tmp_path / "file")])
    assert stop.value.code == 2


settings.register_profile("answers", deadline=None)
settings.load_profile("answers")
