"""The completion scripts, in the shells that are installed."""

from __future__ import annotations

import shutil
import subprocess

import pytest

pytest.importorskip("shtab")


@pytest.fixture
def script(run, tmp_path):
    """Makes the file of a shell."""

    def make(shell: str):
        done = run("completion", shell)
        assert done.returncode == 0, done.stderr
        (tmp_path / f"plmhead.{shell}").write_text(done.stdout)
        return tmp_path / f"plmhead.{shell}"

    return make


def installed(name: str) -> str:
    path = shutil.which(name)
    return path or pytest.skip(f"{name} is not installed")


def bash(file, *words: str) -> list[str]:
    """What bash offers for the last word."""
    given = " ".join(f"'{word}'" for word in words)
    code = f"""
source '{file}'
COMP_WORDS=({given}); COMP_CWORD={len(words) - 1}; COMP_LINE="${{COMP_WORDS[*]}}"; COMP_POINT=${{#COMP_LINE}}
function_of=$(complete -p plmhead | sed 's/.*-F \\([^ ]*\\).*/\\1/')
$function_of plmhead '{words[-1]}' '{words[-2]}' 2>/dev/null
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    return subprocess.run(
        [installed("bash"), "--norc", "-c", code], capture_output=True, text=True, cwd=file.parent, check=True
    ).stdout.split()


def test_bash(script):
    file = script("bash")
    assert sorted(bash(file, "plmhead", "ver")) == ["verify"]
    assert {"inspect", "score", "explain"} <= set(bash(file, "plmhead", ""))
    assert sorted(bash(file, "plmhead", "verify", "--pub")) == ["--public-key"]
    assert sorted(bash(file, "plmhead", "completion", "z")) == ["zsh"]
    (file.parent / "polyreactivity.npz").write_text("")
    assert "polyreactivity.npz" in bash(file, "plmhead", "inspect", "poly")


def test_fish(script):
    fish, file = installed("fish"), script("fish")

    def offered(line: str) -> list[str]:
        code = f"source '{file}'; complete -C '{line}'"
        done = subprocess.run([fish, "--no-config", "-c", code], capture_output=True, text=True, check=True)
        return [entry.split("\t")[0] for entry in done.stdout.splitlines()]

    assert offered("plmhead ver") == ["verify"]
    assert "--public-key" in offered("plmhead verify --pub")


def test_zsh(script):
    zsh, file = installed("zsh"), script("zsh")
    done = subprocess.run([zsh, "-n", str(file)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_the_library_the_line_that_brings_it(monkeypatch, capsys):
    import sys

    from plmhead.cli import main

    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 1
    assert "pip install 'plmhead[completion]'" in capsys.readouterr().err
