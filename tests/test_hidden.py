"""Hostile names: what the three command lines print of them is equal by bytes, valid JSON, and steers no terminal."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import unicodedata

import pytest

from plmhead.commands import terminal

VERSION_0 = "conformance/gold/cases/0.1.0/scikit-learn-1.9/version-0/model"
RANGES = [
    tuple(ord(character) for character in (first, last or first))
    for first, last in re.findall(
        r"(.)(?:-(.))?", terminal._HIDDEN.pattern[1:-1].encode("ascii").decode("unicode_escape"), re.DOTALL
    )
]
#: Both ends of each range, and their neighbours.
ENDS = sorted(
    {
        code
        for first, last in RANGES
        for code in (first - 1, first, last, last + 1)
        if 0 <= code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF
    }
)


@pytest.fixture(scope="session")
def command_lines(repository):
    rust = repository / "rust-loader/target/release/plmhead"
    if not rust.exists():
        pytest.skip("needs the Rust command line: make rust")
    return [[sys.executable, "-m", "plmhead"], [str(rust)], ["node", str(repository / "js-loader/src/cli.js")]]


@pytest.fixture
def pair(repository, tmp_path):
    """Makes a version 0 pair whose strings are the given text, which version 0 does not limit to visible characters."""

    def make(text: str, name: str = "v"):
        shutil.copy(repository / f"{VERSION_0}.npz", tmp_path / f"{name}.npz")
        config = json.loads((repository / f"{VERSION_0}_config.json").read_text())
        config.update(solver=text, sklearn_version=f"1{text}", C=0.25)  # JavaScript writes 1.0 as 1
        (tmp_path / f"{name}_config.json").write_text(json.dumps(config), encoding="utf-8")
        return tmp_path / name

    return make


def printed(command_lines, *words: object) -> bytes:
    """What all three print on standard output."""
    outputs = [
        subprocess.run([*line, *map(str, words)], capture_output=True, check=True).stdout for line in command_lines
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0] == outputs[2]
    return outputs[0]


def test_no_other_character_steers_by_the_tables_of_unicode():
    steering = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
    for code in range(0x110000):
        if unicodedata.category(chr(code)) in steering:
            assert any(first <= code <= last for first, last in RANGES), hex(code)
    for character in "aé抗Ω ~\u00a0\U0001f9ec":
        assert terminal.printable(character) == character


def test_the_ranges_are_the_properties_that_the_page_names():
    """By the tables of Node, which has the properties that Python's has not."""
    script = """
const [ranges] = process.argv.slice(1).map((text) => JSON.parse(text))
const named = /[\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}\\p{Noncharacter_Code_Point}]/u
const wrong = []
for (let code = 0; code < 0x40000; code++) {
  const hidden = ranges.some(([first, last]) => code >= first && code <= last)
  if (named.test(String.fromCodePoint(code)) !== hidden) wrong.push(code.toString(16))
}
console.log(JSON.stringify([wrong, Number(process.versions.unicode)]))
"""
    done = subprocess.run(["node", "-e", script, json.dumps(RANGES)], capture_output=True, text=True, check=True)
    wrong, version = json.loads(done.stdout)
    assert wrong == [] or version < 16


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_three_command_lines_print_equal_bytes_of_hidden_characters(command_lines, pair, form):
    text = "".join(map(chr, ENDS))
    output = printed(command_lines, "inspect", pair(text), *form).decode()
    found = {character for character in output if terminal.printable(character) != character}
    assert found == {"\n"}
    if form:
        assert json.loads(output)["solver"] == text
    else:
        line = next(line for line in output.splitlines() if line.startswith("solver"))
        assert json.loads(line.removeprefix("solver").strip()) == text


@pytest.mark.parametrize(
    "code", [0x1B, 0x85, 0x9B, 0xAD, 0x200B, 0x202E, 0x2028, 0x2066, 0xFEFF, 0xE000, 0xE0041, 0x10FFFF]
)
def test_one_hidden_character_is_enough_to_quote_a_string(command_lines, pair, code):
    escaped = json.dumps(chr(code))[1:-1]
    lines = printed(command_lines, "inspect", pair(f"a{chr(code)}é")).decode().splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines if line.startswith("solver")] == [f'"a{escaped}é"']


def test_names_of_files_too(command_lines, pair):
    artifact = pair("lbfgs", "a\u202eb\u009b抗")
    for form in ([], ["--json"]):
        for verb in ("inspect", "verify"):
            output = printed(command_lines, verb, artifact, *form).decode()
            assert '"a\\u202eb\\u009b抗"' in output
    other = pair("lbfgs", "抗体 é")
    assert "抗体 é\n" in printed(command_lines, "verify", other).decode()


def test_refusals_too(command_lines, tmp_path):
    missing = tmp_path / "x\u202e\u009by"
    for line in command_lines:
        done = subprocess.run([*line, "inspect", str(missing)], capture_output=True, text=True)
        assert done.returncode == 1
        assert terminal.lines(done.stderr) == done.stderr
        done = subprocess.run([*line, "nothing\u202e\u009b\x1b"], capture_output=True, text=True)
        assert done.returncode == 2
        assert terminal.lines(done.stderr) == done.stderr


def test_data_on_a_terminal(monkeypatch, capsys):
    with terminal.output(None) as file:
        file.write("a\x9b,1\nb,2\n")
    assert capsys.readouterr().out == "a\x9b,1\nb,2\n", "in a pipe data stays as it is"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with terminal.output(None) as file:
        file.write("a\x9b,1\nb,2\n")
    assert capsys.readouterr().out == "a\\u009b,1\nb,2\n"
