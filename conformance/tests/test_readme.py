"""README.md is what a stranger goes by: its snippet, its options and its example are those of the runner."""

import json
import re

import yaml

from conformance import answers, judge, report, run

TEXT = (run.HERE / "README.md").read_text(encoding="utf-8")


def block(first: str) -> str:
    return next(each for each in re.findall(r"```[a-z]*\n(.*?)```", TEXT, re.DOTALL) if each.startswith(first))


def test_the_snippet_is_ten_lines_of_yaml() -> None:
    snippet = block("on:")
    assert len(snippet.splitlines()) == 10
    steps = yaml.safe_load(snippet)["jobs"]["conformance"]["steps"]
    command = steps[-1]["run"].split("conformance.run ")[1]
    options = run.parser().parse_args(command.removesuffix(" --results ../results").split())
    assert options.testee == ["../testee"]


def test_every_option_is_named() -> None:
    usage = re.search(r"`python3 -m conformance\.run --testee \"your program\" \[.*?`", TEXT, re.DOTALL)
    assert usage
    named = set(re.findall(r"--[a-z-]+", usage[0]))
    known = set(re.findall(r"--[a-z-]+", run.parser().format_help())) - {"--help", "--suite"}
    assert named == known


def test_every_outcome_and_exit_status_is_named() -> None:
    line = next(each for each in TEXT.splitlines() if each.startswith("| `results.jsonl`"))
    assert set(re.findall(r"[a-z]+", re.search(r"`outcome` `(.*?)`", line)[1])) == set(report.RESULTS)
    for status in (run.PASSED, run.FAILED, run.BROKEN, run.DAMAGED):
        assert re.search(rf"\b{status}: ", TEXT)


def test_the_example_is_the_protocol() -> None:
    lines = block('> {"id"').replace("\n   ", " ").splitlines()
    assert all(line[:2] in ("> ", "< ") for line in lines)
    requests = [json.loads(line[2:]) for line in lines if line[0] == ">"]
    assert [each["op"] for each in requests] == ["hello", "load", "describe", "predict", "unload", "shutdown"]
    said = [json.loads(line[2:].replace(", …", "")) for line in lines if line[0] == "<"]
    assert answers.hello_fault(said[0]) is None
    assert judge.model_difference(said[1]) is None
    assert judge.code_of(said[2]) == "ZIP_CRC"
    assert {"id", "ok", *judge.DESCRIBE} == said[3].keys()
    assert {"id", "ok", *judge.OUTPUTS} == said[4].keys()
