"""The tool-made mutants: told right, kept right, counted right; the tools themselves are not needed here."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.mutants import table
from conformance.mutants.made import MESSAGE, Mutant, difference, offset
from conformance.mutants.sorting import EQUIVALENT, NO_PROGRAM, NOT_ASKED, OUTSIDE, UNREAD, Entry, Sorter, entries
from conformance.mutants.trying import Suite, tried
from conformance.mutants.verdicts import KILLED, START, SURVIVED, UNVIABLE, Log, Verdict
from conformance.proof.mutants import REPOSITORY, Workshop, sources

PYTHON = "from __future__ import annotations\n\ndef first(a: int | None) -> int:\n    return a | 1\n\ndef second():\n    return 2\n"


def changed(
    text: str, old: str, new: str, language: str = "python", file: str = "zip.py", operator: str = "X"
) -> Mutant:
    assert text.count(old) == 1
    start = text.index(old)
    return Mutant(language, file, text, operator, start, start + len(old), new)


@given(st.text("ab\n"), st.text("ab\n"))
def test_the_difference_of_two_texts_leads_from_one_to_the_other(before: str, after: str) -> None:
    start, end, replacement = difference(before, after)
    assert before[:start] + replacement + before[end:] == after


@given(st.lists(st.text("a𝄞é", max_size=4), min_size=1, max_size=4), st.data())
def test_a_place_in_utf_16_units_or_in_characters_is_the_same_place(lines: list[str], data: st.DataObject) -> None:
    line = data.draw(st.integers(0, len(lines) - 1))
    column = data.draw(st.integers(0, len(lines[line])))
    text, due = "\n".join(lines), sum(len(each) + 1 for each in lines[:line]) + column
    assert offset(text, line, column, 4) == due
    assert offset(text, line, len(lines[line][:column].encode("utf-16-le")) // 2, 2) == due


def test_an_edit_elsewhere_in_the_file_leaves_a_verdict_valid() -> None:
    mutant = changed(PYTHON, "a | 1", "a & 1")
    assert mutant.function == "first"
    assert changed(PYTHON.replace("return 2", "return 3"), "a | 1", "a & 1").key == mutant.key
    assert changed(PYTHON.replace("return a", "return  a"), "a | 1", "a & 1").key != mutant.key
    assert changed(PYTHON, "a | 1", "a ^ 1").key != mutant.key


def test_a_mutant_shows_its_line_and_what_becomes_of_it() -> None:
    mutant = changed(PYTHON, "a | 1\n\ndef second():", "a\n\ndef other():")
    assert (mutant.line, mutant.was) == (4, "return a | 1")
    assert mutant.becomes == "return a def other():"


@pytest.mark.parametrize(
    ("old", "new", "due"),
    [
        ("int | None", "int & None", UNREAD),
        ("a | 1", "a & 1", None),
        ("-> int", "-> ", NO_PROGRAM),
        ("a:", "a :", None),
    ],
)
def test_rules_for_python(old: str, new: str, due: str | None) -> None:
    assert Sorter([]).before(changed(PYTHON, old, new)) == due


def test_an_annotation_that_is_evaluated_is_tried() -> None:
    assert Sorter([]).before(changed(PYTHON.partition("\n")[2], "int | None", "int & None")) is None


def test_an_emptied_message_is_not_asked() -> None:
    assert Sorter([]).before(changed("fail('x')", "'x'", '""', "javascript", operator=MESSAGE)) == NOT_ASKED


def test_an_entry_covers_its_change_and_no_other() -> None:
    mutant = changed(PYTHON, "a | 1", "a & 1")
    entry = Entry(EQUIVALENT, "python", "zip.py", "why", line="return a | 1", becomes=("return a & 1",))
    sorter = Sorter([entry])
    assert sorter.idle("python", ["zip.py"]) == [entry]
    assert sorter.after(mutant) == EQUIVALENT
    assert sorter.after(changed(PYTHON, "a | 1", "a ^ 1")) is None
    assert sorter.idle("python", ["zip.py"]) == []
    assert Sorter([Entry(OUTSIDE, "python", "zip.py", "why", ("first",))]).before(mutant) == OUTSIDE


def test_every_entry_of_the_table_has_a_reason() -> None:
    for entry in entries():
        assert entry.why, entry
        assert entry.functions if entry.kind == OUTSIDE else entry.line and entry.becomes, entry


NONE: frozenset[str] = frozenset()
PLAIN = frozenset({"base/plain"})


def test_a_verdict_holds_until_its_ground_is_gone(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    log.add(Verdict("a", KILLED, "base/plain"))
    log.add(Verdict("b", SURVIVED, suite="1"))
    log.add(Verdict("c", KILLED, START))
    with log.path.open("a") as file:
        file.write(json.dumps({"key": "d"})[:-1])  # a run that was killed while it wrote
    log = Log(log.path)
    assert log.valid("a", "2", PLAIN, False)
    assert log.valid("c", "2", NONE, False)
    assert log.valid("b", "1", NONE, False)
    assert not log.valid("a", "2", NONE, False)  # the killer is no case any more
    assert not log.valid("b", "2", PLAIN, False)  # there are new cases
    assert log.valid("b", "2", PLAIN, True)  # but it was read
    assert not log.valid("d", "2", NONE, False)


def test_a_log_that_was_cut_goes_on_in_a_new_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('{"key": "d"')
    Log(path).add(Verdict("a", KILLED, "base/plain"))
    assert Log(path).valid("a", "", PLAIN, False)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"))


@pytest.mark.parametrize(
    ("language", "file", "old", "new", "result", "killer"),
    [
        ("python", "json.py", "MAX_DEPTH = 16\n", "MAX_DEPTH = 15\n", KILLED, "text/depth-16-objects"),
        ("python", "json.py", "MAX_DEPTH = 16\n", "MAX_DEPTH = 16 / 0\n", KILLED, START),
        (
            "javascript",
            "json.js",
            "const MAXIMUM_DEPTH = 16",
            "const MAXIMUM_DEPTH = 15",
            KILLED,
            "text/depth-16-objects",
        ),
        ("javascript", "json.js", "const MAXIMUM_DEPTH = 16", "const MAXIMUM_DEPTH = = 16", UNVIABLE, ""),
    ],
)
def test_a_mutant_before_the_suite(
    workshop: Workshop, language: str, file: str, old: str, new: str, result: str, killer: str
) -> None:
    mutant = changed(sources(language)[file], old, new, language, file)
    first = Counter({"text/depth-16-objects": 1})
    verdict = tried(workshop, Suite(REPOSITORY), mutant, first, whole=True)
    assert (verdict.key, verdict.result, verdict.killer) == (mutant.key, result, killer)


def test_the_committed_table_adds_up() -> None:
    text = table.README.read_text(encoding="utf-8").split(table.BEGIN)[1].split(table.END)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    for row in rows[2:]:
        counts = dict(zip(table.COLUMNS, map(int, row[2:]), strict=True))
        hang, made = counts.pop(table.HANG), counts.pop("made")
        assert hang <= counts[KILLED]
        assert made == sum(counts.values())
    totals = [sum(int(row[at]) for row in rows[2:-1]) for at in range(2, len(rows[0]))]
    assert totals == [int(cell) for cell in rows[-1][2:]]
