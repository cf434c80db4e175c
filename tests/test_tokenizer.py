"""The tokenizer in three languages, held to the cases and, on any text, to what the cases are made from."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from conformance.tokenizer import generate, run, testee
from hypothesis import given, settings
from hypothesis import strategies as st

from plmhead.sequences import RESIDUES

#: Residues mostly, so that most texts are long before they are wrong.
characters = st.one_of(
    st.sampled_from(RESIDUES + "Xacdxy"),
    st.sampled_from(" \t\n\r\v\f*-.BJ<>\x00\u017f\u00a0\U0001d400"),
    st.characters(exclude_categories=["Cs"]),
)
texts = st.lists(st.one_of(st.text(RESIDUES + "Xx", max_size=30), st.text(characters, max_size=12)), max_size=4)
rules = st.sampled_from(["error", "truncate"])


def test_the_cases_are_what_the_generator_writes() -> None:
    assert generate.CASES.read_text(encoding="utf-8") == generate.text()


def test_the_cases_cover_every_code_and_both_rules() -> None:
    listed = run.cases()
    codes = {(case["too_long"], case["expect"].get("error", {}).get("code")) for case in listed}
    assert {("error", code) for code in ("SEQUENCE_EMPTY", "SEQUENCE_LETTER", "SEQUENCE_LENGTH", None)} <= codes
    assert ("truncate", "SEQUENCE_LENGTH") not in codes
    assert ("truncate", None) in codes
    assert len({json.dumps([case["sequences"], case["too_long"]]) for case in listed}) >= len(listed) - 40
    assert len({case["id"] for case in listed}) == len(listed)


@given(texts, rules)
def test_python_answers_as_the_specification_says(sequences: list[str], too_long: str) -> None:
    request = {"sequences": sequences, "too_long": too_long}
    assert testee.answer(request) == generate.expected(sequences, too_long)


@pytest.fixture(scope="module")
def testees() -> Iterator[dict[str, run.Testee]]:
    """The three languages, running."""
    if not (shutil.which("cargo") and shutil.which("node")):
        pytest.skip("needs cargo and node")
    subprocess.run(run.BUILD, check=True)
    with ExitStack() as stack:
        yield {language: stack.enter_context(run.started(command)) for language, command in run.TESTEES.items()}


def test_every_language_passes_every_case(testees: dict[str, run.Testee]) -> None:
    for language, one in testees.items():
        assert list(run.failures(one, run.cases())) == [], language


def test_a_wrong_answer_is_a_failure(testees: dict[str, run.Testee]) -> None:
    case = next(case for case in run.cases() if "input_ids" in case["expect"])
    changed = json.loads(json.dumps(case))
    changed["expect"]["input_ids"][0][1] += 1
    assert len(list(run.failures(testees["Python"], [changed]))) == 1


@settings(max_examples=200)
@given(sequences=texts, too_long=rules)
def test_every_language_answers_as_the_specification_says(
    testees: dict[str, run.Testee], sequences: list[str], too_long: str
) -> None:
    wanted = generate.expected(sequences, too_long)
    assert {language: one.ask(sequences, too_long) for language, one in testees.items()} == dict.fromkeys(
        testees, wanted
    )
